"""The fast kernels compute what transformers' own layers compute, forward and backward."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.config import ComputeConfig
from ktrain_sentiment.training.backend import (
    Backend,
    can_keep_code,
    compiled_folder,
    forget_unused_code,
    open_backend,
    with_flag,
)
from ktrain_sentiment.training.fast.elementwise import Elementwise
from ktrain_sentiment.training.fast.kernels import accelerate
from support.process import run_code

WIDTH, HEADS, TEXTS = 32, 4, 3
BERT = {
    "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": HEADS,
    "intermediate_size": 64,
}  # fmt: skip
DISTILBERT = {"dim": WIDTH, "n_layers": 2, "n_heads": HEADS, "hidden_dim": 64}
FAMILIES = {
    "Bert": BERT, "Roberta": BERT, "XLMRoberta": BERT, "Camembert": BERT,
    "Electra": {**BERT, "embedding_size": WIDTH}, "MPNet": BERT, "DistilBert": DISTILBERT,
}  # fmt: skip


@pytest.fixture(scope="module")
def backend() -> Backend:
    return open_backend(ComputeConfig())


def make_model(backend: Backend, family: str, dropout: float = 0.0, **changes: Any) -> Any:
    rates = (
        {"dropout": dropout, "attention_dropout": dropout, "seq_classif_dropout": 0.0}
        if family == "DistilBert"
        else {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    )
    backend.keras.utils.set_random_seed(1)
    settings = {**FAMILIES[family], **rates, "vocab_size": 50, "num_labels": 3, **changes}
    config = getattr(backend.transformers, f"{family}Config")(**settings)
    model = getattr(backend.transformers, f"TF{family}ForSequenceClassification")(config)
    model({"input_ids": np.ones((1, 4), np.int32)})
    rng = np.random.default_rng(0)
    for weight in model.weights:
        # Fresh layers have biases of zero and norms of one, which would hide a forgotten one.
        weight.assign_add(rng.normal(0, 0.1, weight.shape).astype(np.float32))
    return model


def make_batch(length: int = 11) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(length)
    ids = rng.integers(2, 50, (TEXTS, length)).astype(np.int32)
    kept = rng.integers(1, length + 1, TEXTS)
    kept[0] = length
    mask = (np.arange(length) < kept[:, None]).astype(np.int32)
    # RoBERTa counts positions by ids: what is masked must be its padding, 1.
    return {"input_ids": np.where(mask == 1, ids, 1), "attention_mask": mask}


def logits_and_gradients(
    backend: Backend, model: Any, batch: Any, weight: float = 1.0
) -> tuple[Any, list[Any]]:
    tf = backend.tf
    with tf.GradientTape() as tape:
        logits = model(batch, training=True).logits
        loss = weight * tf.reduce_mean(tf.square(logits - [0.5, -1.0, 2.0]))
    gradients = tape.gradient(loss, model.trainable_variables)
    dense = [None if g is None else tf.convert_to_tensor(g).numpy() for g in gradients]
    return logits.numpy(), dense


def assert_same_step(backend: Backend, model: Any, batch: Any, **how: Any) -> None:
    logits, gradients = logits_and_gradients(backend, model, batch)
    changed = accelerate(backend, model, precision="float32", **how)
    assert not changed.reason
    fast_logits, fast_gradients = logits_and_gradients(backend, model, batch)
    changed.restore()
    np.testing.assert_allclose(fast_logits, logits, atol=1e-5)
    for variable, fast, plain in zip(
        model.trainable_variables, fast_gradients, gradients, strict=True
    ):
        assert (fast is None) == (plain is None), variable.name
        if plain is not None:
            np.testing.assert_allclose(fast, plain, atol=1e-5, rtol=1e-3, err_msg=variable.name)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_all_gradients_are_those_of_the_untouched_model(
    backend: Backend, family: str
) -> None:
    assert_same_step(backend, make_model(backend, family), make_batch(), fuse=True)


@pytest.mark.parametrize("family", ["Bert", "MPNet", "DistilBert"])
def test_without_xla_the_result_is_the_same(backend: Backend, family: str) -> None:
    assert_same_step(backend, make_model(backend, family), make_batch(), fuse=False)


@pytest.mark.parametrize("family", ["Bert", "MPNet"])
def test_the_last_layer_may_compute_all_tokens_with_the_same_result(
    backend: Backend, family: str
) -> None:
    assert_same_step(backend, make_model(backend, family), make_batch(), cls_only=False)


def test_every_length_from_2_to_64_agrees(backend: Backend) -> None:
    model = make_model(backend, "Bert")
    batches = [make_batch(length) for length in range(2, 65)]
    plain = [model(batch, training=True).logits.numpy() for batch in batches]
    accelerate(backend, model, precision="float32", fuse=False)
    for batch, expected in zip(batches, plain, strict=True):
        fast = model(batch, training=True).logits.numpy()
        np.testing.assert_allclose(fast, expected, atol=1e-5)


@pytest.mark.parametrize("family", ["Bert", "MPNet", "DistilBert"])
def test_what_the_mask_hides_has_no_influence(backend: Backend, family: str) -> None:
    model = make_model(backend, family)
    assert accelerate(backend, model, precision="float32").family
    batch = make_batch()
    before = model(batch, training=True).logits.numpy()
    hidden = np.where(batch["attention_mask"] == 0, 7, batch["input_ids"])
    assert (hidden != batch["input_ids"]).any()
    after = model({**batch, "input_ids": hidden}, training=True).logits.numpy()
    np.testing.assert_allclose(after, before, atol=1e-6)


@pytest.mark.parametrize(
    ("family", "precision"), [("Bert", "bfloat16"), ("Bert", "float16"), ("MPNet", "float16")]
)
def test_16_bit_products_stay_near_float32(backend: Backend, family: str, precision: str) -> None:
    model = make_model(backend, family)
    exact, gradients = logits_and_gradients(backend, model, make_batch())
    accelerate(backend, model, precision=precision, fuse=precision == "bfloat16")
    rounded, rounded_gradients = logits_and_gradients(backend, model, make_batch())
    assert 0 < np.abs(rounded - exact).max() < 0.05
    whole, near = (
        np.concatenate([g.ravel() for g in some if g is not None])
        for some in (gradients, rounded_gradients)
    )
    assert whole @ near / np.linalg.norm(whole) / np.linalg.norm(near) > 0.999


def test_gradients_too_small_for_float16_are_not_lost(backend: Backend) -> None:
    model, weight = make_model(backend, "Bert"), 1e-5
    _, gradients = logits_and_gradients(backend, model, make_batch(), weight)
    accelerate(backend, model, precision="float16", fuse=False)
    _, rounded = logits_and_gradients(backend, model, make_batch(), weight)
    for plain, near in zip(gradients, rounded, strict=True):
        # A bias of keys shifts all scores of a query alike: its gradient is rounding and no more.
        if plain is not None and np.abs(plain).max() > 1e-3 * weight:
            np.testing.assert_allclose(near, plain, atol=0.02 * np.abs(plain).max())


def train_twice(model: Any, seed: int) -> list[np.ndarray]:
    for module in model.submodules:
        if getattr(module, "_random_generator", None) is not None:
            module._random_generator._generator.reset_from_seed(seed)
    for _ in range(2):
        model.train_on_batch(make_batch(), np.array([0, 1, 2]))
    return list(model.get_weights())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights_byte_for_byte(
    backend: Backend, precision: str
) -> None:
    models = [make_model(backend, "Bert", dropout=0.1) for _ in range(2)]
    begun = models[0].get_weights()
    for model in models:
        accelerate(backend, model, precision=precision)
        # It keeps nothing but the weights, and loses no difference of gradients to rounding.
        optimizer = backend.keras.optimizers.legacy.SGD(1.0)
        loss = backend.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss)
    first, second = (train_twice(model, 3) for model in models)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))
    model.set_weights(begun)
    other = train_twice(model, 4)
    assert any(a.tobytes() != b.tobytes() for a, b in zip(first, other, strict=True))
    model.set_weights(begun)
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(first, train_twice(model, 3), strict=True)
    )


def test_frozen_layers_stay_frozen(backend: Backend) -> None:
    model = make_model(backend, "Bert", dropout=0.1)
    model.bert.embeddings.trainable = False
    model.bert.encoder.layer[0].trainable = False
    frozen = [w.numpy() for w in model.non_trainable_weights]
    free = [w.numpy() for w in model.trainable_weights]
    accelerate(backend, model)
    model.compile("adam", backend.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.train_on_batch(make_batch(), np.array([0, 1, 2]))
    for before, weight in zip(frozen, model.non_trainable_weights, strict=True):
        assert np.array_equal(before, weight.numpy()), weight.name
    assert all(
        not np.array_equal(before, weight.numpy())
        for before, weight in zip(free, model.trainable_weights, strict=True)
    )


def test_prediction_is_byte_for_byte_what_it_was(backend: Backend) -> None:
    model = make_model(backend, "Bert")
    before = model(make_batch(), training=False).logits.numpy()
    accelerate(backend, model)
    assert np.array_equal(model(make_batch(), training=False).logits.numpy(), before)


def test_hidden_states_and_attentions_can_still_be_asked_for(backend: Backend) -> None:
    model = make_model(backend, "Bert")
    accelerate(backend, model)
    answer = model(make_batch(), training=True, output_hidden_states=True, output_attentions=True)
    assert [len(answer.hidden_states), len(answer.attentions)] == [3, 2]


def test_restore_gives_the_model_its_own_method_back(backend: Backend) -> None:
    model = make_model(backend, "Bert")
    before = model.bert.encoder.call.__func__
    changed = accelerate(backend, model)
    assert getattr(model.bert.encoder.call, "__func__", None) is not before
    changed.restore()
    assert model.bert.encoder.call.__func__ is before


def test_autograph_rewrites_nothing_of_an_accelerated_model(backend: Backend) -> None:
    model = make_model(backend, "Bert")
    loss = backend.keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=backend.keras.optimizers.legacy.Adam(), loss=loss)
    changed = accelerate(backend, model, precision="float32")
    statuses = []
    of_the_pooler = model.bert.pooler.call

    def call(*args: Any, **kwargs: Any) -> Any:
        statuses.append(backend.tf.__internal__.autograph.control_status_ctx().status.name)
        return of_the_pooler(*args, **kwargs)

    model.bert.pooler.call = call
    targets = np.eye(3, dtype=np.float32)[np.zeros(TEXTS, int)]
    model.train_on_batch(make_batch(), targets)
    model.test_on_batch(make_batch(), targets)
    model.predict_on_batch(make_batch())
    assert set(statuses) == {"DISABLED"}
    assert len(statuses) >= 3
    changed.restore()
    assert "train_step" not in model.__dict__


def test_an_unknown_architecture_is_left_alone_and_said_so(backend: Backend) -> None:
    config = backend.transformers.AlbertConfig(
        vocab_size=50, hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=HEADS,
        intermediate_size=64, embedding_size=WIDTH,
    )  # fmt: skip
    changed = accelerate(backend, backend.transformers.TFAlbertForSequenceClassification(config))
    assert "TFAlbertForSequenceClassification is not among Bert" in changed.reason


def test_another_activation_is_left_alone_and_said_so(backend: Backend) -> None:
    changed = accelerate(backend, make_model(backend, "Bert", hidden_act="relu"))
    assert changed.reason == "its activation is relu, and only the exact gelu is known"


# Dropout


@pytest.fixture(scope="module")
def chains(backend: Backend) -> Elementwise:
    return Elementwise(backend.tf, backend.tf.float32)


def masks(backend: Backend, chains: Elementwise, rate: float, *seeds: tuple[int, int]) -> Any:
    ones = backend.tf.ones((400, 384))
    drop = backend.tf.function(
        lambda seed: chains.dropout(ones, seed, rate), jit_compile=True, autograph=False
    )
    seeds = seeds or ((11, 12),)
    return [drop(backend.tf.constant(seed, backend.tf.uint32)).numpy() for seed in seeds]


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_keeps_the_share_it_should_and_rescales(
    backend: Backend, chains: Elementwise, rate: float
) -> None:
    (mask,) = masks(backend, chains, rate)
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / (1 - rate))}
    deviation = np.sqrt(rate * (1 - rate) / mask.size)
    assert abs((mask == 0).mean() - rate) < 4 * deviation
    assert abs((mask == 0).mean(axis=0) - rate).max() < 6 * np.sqrt(rate * (1 - rate) / 400)
    assert abs((mask == 0).mean(axis=1) - rate).max() < 6 * np.sqrt(rate * (1 - rate) / 384)


def test_neighbouring_elements_and_seeds_are_dropped_independently(
    backend: Backend, chains: Elementwise
) -> None:
    words = np.random.default_rng(0).integers(0, 2**32, 5).tolist()
    seeds = [(words[0], words[1]), (words[2], words[1]), (words[0], words[3]), (words[2], words[4])]
    first, *others = masks(backend, chains, 0.5, *seeds)
    signs = first.ravel() - 1.0
    pairs = [signs[1:] * signs[:-1], signs[384:] * signs[:-384], signs[2:] * signs[:-2]]
    pairs += [signs * (other.ravel() - 1.0) for other in others]
    limit = 5 / np.sqrt(first.size)
    assert all(abs(pair.mean()) < limit for pair in pairs)


def test_dropout_is_on_in_training_and_new_at_each_step(backend: Backend) -> None:
    model = make_model(backend, "Bert", dropout=0.5)
    accelerate(backend, model, precision="float32")
    batch = make_batch()
    first, second = (model(batch, training=True).logits.numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_gradients_go_through_the_same_mask_as_the_values(backend: Backend) -> None:
    tf = backend.tf
    from ktrain_sentiment.training.fast.layers import Operations

    chains = Elementwise(tf, tf.float32)
    steps = Operations(chains, chains)
    rng = np.random.default_rng(0)
    product = tf.constant(rng.normal(size=(6, 8)).astype(np.float32))
    direction = tf.constant(rng.normal(size=(6, 8)).astype(np.float32))
    residual, upstream = (
        tf.ones((6, 8)) * tf.range(8.0),
        tf.constant(rng.normal(size=(6, 8)).astype(np.float32)),
    )
    seed = tf.constant((1, 2), tf.uint32)

    def value(moved: Any) -> Any:
        norm = (tf.ones(8), tf.zeros(8), 1e-6)
        wide, _ = steps.add_and_normalise(residual, moved, tf.zeros(8), norm, (seed, 0.5))
        return tf.reduce_sum(wide * upstream)

    with tf.GradientTape() as tape:
        tape.watch(product)
        result = value(product)
    slope = tf.reduce_sum(tape.gradient(result, product) * direction)
    step = 1e-2
    ahead, behind = value(product + step * direction), value(product - step * direction)
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-2)


@pytest.mark.parametrize("most_scores", [1, 300, 2**21])
def test_attention_is_the_same_whether_few_texts_or_all_are_computed_at_a_time(
    backend: Backend, most_scores: int
) -> None:
    tf = backend.tf
    from ktrain_sentiment.training.fast.layers import AttentionBias, Operations

    rng = np.random.default_rng(0)
    given = [tf.constant(rng.normal(size=(5, 2, 8, 4)), tf.float32) for _ in range(3)]
    padding = tf.constant(np.where(rng.random((5, 8)) < 0.2, -1e9, 0.0), tf.float32)
    relative = tf.constant(rng.normal(size=(1, 2, 8, 8)), tf.float32)
    upstream = tf.constant(rng.normal(size=(40, 8)), tf.float32)
    dropped = (tf.constant((7, 9), tf.uint32), 0.3)

    def step(most: int | None) -> list[Any]:
        chains = Elementwise(tf, tf.float32, fuse=False)
        steps = Operations(chains, chains, most)

        @tf.function(autograph=False)
        def traced(*inputs: Any) -> list[Any]:
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                *qkv, relative = inputs
                context = steps.attention(
                    *qkv, AttentionBias(padding, relative), dropped, cls_only=False
                )
            return [context, *tape.gradient(context, inputs, upstream)]

        # Else TensorFlow's rewriting rounds to 16 bits, where the CPU has them.
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        try:
            return [one.numpy() for one in traced(*given, relative)]
        finally:
            tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})

    for few, all_at_once in zip(step(most_scores), step(None), strict=True):
        np.testing.assert_allclose(few, all_at_once, atol=1e-5)


@pytest.mark.parametrize(("largest", "turns"), [((32, 64), False), ((32, 512), True), (None, True)])
def test_texts_take_turns_only_where_a_batch_may_be_large(
    backend: Backend, largest: tuple[int, int] | None, turns: bool
) -> None:
    tf = backend.tf
    model = make_model(backend, "Bert")
    accelerate(backend, model, precision="float32", largest=largest)
    ids = tf.TensorSpec([None, None], tf.int32)
    traced = tf.function(lambda ids: model(ids, training=True).logits, autograph=False)
    operations = traced.get_concrete_function(ids).graph.get_operations()
    assert any("While" in operation.type for operation in operations) == turns


# What XLA compiled


def test_compiled_chains_are_kept_apart_for_other_cpus() -> None:
    assert compiled_folder({"avx2"}) == compiled_folder(["avx2"])
    assert compiled_folder({"avx2"}) != compiled_folder({"avx2", "amx_bf16"})


@pytest.mark.parametrize(
    ("given", "kept"),
    [("", "--new=1"), ("--other", "--other --new=1"), ("--new=3 --other", "--new=3 --other")],
)
def test_flags_that_the_user_gave_stay(given: str, kept: str) -> None:
    assert with_flag(given, "--new=1") == kept


def test_the_code_that_was_not_used_for_longest_is_forgotten_first(tmp_path: Path) -> None:
    for number, (name, read, written) in enumerate(
        [("old/a", 30, 10), ("old/b", 5, 5), ("new/c", 20, 20), ("new/d", 10, 25)]
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100 + number))
        os.utime(path, (read, written))
    forget_unused_code(tmp_path, 406)
    assert len(list(tmp_path.glob("*/*"))) == 4
    forget_unused_code(tmp_path, 210)
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["a", "d"]
    forget_unused_code(tmp_path / "nothing", 0)


def test_code_that_a_power_cut_left_empty_is_forgotten(tmp_path: Path) -> None:
    broken = tmp_path / "new" / "a.pb"
    broken.parent.mkdir()
    broken.touch()
    forget_unused_code(tmp_path)
    assert not broken.exists()


def test_compiled_code_is_kept_where_there_is_room_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert can_keep_code(tmp_path / "cache" / "compiled")
    assert not list((tmp_path / "cache" / "compiled").iterdir())
    assert not caplog.messages


@pytest.mark.parametrize(
    ("refusal", "told"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only file")]
)
def test_where_compiled_code_cannot_be_kept_trainings_go_without(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    refusal: int,
    told: str,
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert not can_keep_code(tmp_path)
    assert told in caplog.text


def test_what_xla_compiled_is_kept_on_disk() -> None:
    done = run_code(
        """
        from ktrain_sentiment.inference.runners import cpu_flags
        from ktrain_sentiment.training.backend import open_backend
        from ktrain_sentiment.training.backend import compiled_folder
        from ktrain_sentiment.training.fast.elementwise import Elementwise

        tf = open_backend().tf
        chains = Elementwise(tf, tf.float32)
        chains.add_bias_gelu(tf.ones((7, 13)), tf.ones(13))
        print(len(list(compiled_folder(cpu_flags()).glob("*.pb"))))
        """
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 0


def test_places_that_dropout_hashes_are_no_part_of_the_compiled_code(backend: Backend) -> None:
    tf = backend.tf
    values, seed = tf.ones((256, 128)), tf.constant([3, 5], tf.uint32)
    chains = Elementwise(tf, tf.float32, fuse=False)
    compiled = tf.function(lambda: chains.dropout(values, seed, 0.1), jit_compile=True)
    code = compiled.experimental_get_compiler_ir()(stage="optimized_hlo")
    assert "u32[256,128]{1,0} constant" not in code


@pytest.mark.parametrize(("precision", "in_training"), [("float32", True), ("bfloat16", False)])
def test_graphs_go_unrewritten_in_float32_training_steps_alone(
    backend: Backend, precision: str, in_training: bool
) -> None:
    options = backend.tf.config.optimizer.get_experimental_options
    crossentropy = backend.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    unrewritten = []

    def loss(truth: Any, logits: Any) -> Any:
        unrewritten.append(bool(options().get("disable_meta_optimizer")))
        return crossentropy(truth, logits)

    model = make_model(backend, "Bert")
    changed = accelerate(backend, model, precision=precision)
    model.compile("adam", loss)
    model.train_on_batch(make_batch(), np.array([0, 1, 2]))
    assert set(unrewritten) == {in_training}
    unrewritten.clear()
    model.test_on_batch(make_batch(), np.array([0, 1, 2]))
    assert set(unrewritten) == {False}
    changed.restore()
    assert "make_train_function" not in model.__dict__
