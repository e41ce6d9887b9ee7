"""The head that guesses words, what a student learns of its teacher, and the weights on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.config import ComputeConfig, MaskedWordsConfig
from ktrain_sentiment.errors import DataError, EncoderError
from ktrain_sentiment.training.backend import Backend
from ktrain_sentiment.training.masked_words import (
    TEMPERATURE,
    Language,
    cosine_loss,
    open_language,
    read_head,
    soft_loss,
)


@pytest.fixture
def open_tiny(reviews: list[tuple[str, str]]) -> Callable[..., Language]:
    texts = [text for text, _ in reviews[:200]]

    def make(encoder: Path, *, accelerate: bool = False, **settings: Any) -> Language:
        config = MaskedWordsConfig(**{"learning_rate": 1e-3, "batch_size": 16, **settings})
        compute = ComputeConfig(accelerate=accelerate)
        return open_language(encoder, texts, config, compute, 32, "head")

    return make


def one_batch(language: Language) -> tuple[dict[str, np.ndarray], np.ndarray]:
    return language.held_out.batch(np.arange(len(language.held_out.tokens)))


def test_soft_losses_are_the_divergence_of_what_is_said_times_the_squared_temperature(
    backend: Backend,
) -> None:
    chance = np.random.default_rng(0)
    student, teacher = chance.normal(size=(2, 7, 11)).astype(np.float32)

    def softened(logits: np.ndarray) -> np.ndarray:
        powers = np.exp(logits / TEMPERATURE)
        return powers / powers.sum(axis=1, keepdims=True)

    p, q = softened(teacher), softened(student)
    wanted = TEMPERATURE**2 * (p * np.log(p / q)).sum(axis=1).mean()
    assert float(soft_loss(backend.tf, student, teacher)) == pytest.approx(wanted, rel=1e-4)
    assert float(soft_loss(backend.tf, teacher, teacher)) == pytest.approx(0, abs=1e-5)


def test_the_cosine_of_padding_does_not_count(backend: Backend) -> None:
    states = np.array([[[1, 0], [0, 1], [5, 5]]], np.float32)
    taught = np.array([[[2, 0], [1, 0], [-5, -5]]], np.float32)
    real = np.array([[1, 1, 0]], np.float32)
    assert float(cosine_loss(backend.tf, states, taught, real)) == pytest.approx(0.5)


def test_a_head_that_comes_with_the_encoder_is_used_as_transformers_uses_it(
    backend: Backend, tiny_encoder: Path, open_tiny: Callable[..., Language]
) -> None:
    language = open_tiny(tiny_encoder)
    assert language.has_head
    inputs, _ = one_batch(language)
    theirs = backend.transformers.TFDistilBertForMaskedLM.from_pretrained(str(tiny_encoder))
    read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    every = np.asarray(theirs(read, training=False).logits)
    wanted = every.reshape(-1, every.shape[-1])[inputs["places"]]
    np.testing.assert_allclose(language.model(inputs), wanted, atol=1e-4)


def test_an_encoder_without_a_head_gets_a_fresh_one_that_guesses_common_words(
    tiny_bert: Path, open_tiny: Callable[..., Language]
) -> None:
    assert read_head(tiny_bert) is None
    language = open_tiny(tiny_bert)
    assert not language.has_head
    counts = np.bincount(language.rows.tokens.ids)
    *_, bias = language.model.head.arrays()
    assert bias.argmax() == counts.argmax()


def test_only_the_head_is_trained_where_it_is_trained_alone(
    tiny_bert: Path, open_tiny: Callable[..., Language]
) -> None:
    language = open_tiny(tiny_bert)
    course, _ = language.course(head_alone=True)
    assert len(course.model.trainable_variables) == 5
    course, _ = language.course()
    assert len(course.model.trainable_variables) > 20


def test_the_fast_kernels_come_to_the_same_gradients(
    backend: Backend, tiny_bert: Path, open_tiny: Callable[..., Language]
) -> None:
    tf = backend.tf
    found = []
    for fast in (False, True):
        language = open_tiny(tiny_bert, accelerate=fast)
        for module in language.encoder.submodules:  # Both draw other masks for their dropout.
            if hasattr(module, "rate"):
                module.rate = 0.0
        if fast:
            from ktrain_sentiment.training.fast.kernels import accelerate

            language.encoder.bert.encoder.__dict__.pop("call")
            accelerate(backend, language.encoder, precision="float32", fuse=False, cls_only=False)
        inputs, words = one_batch(language)
        with tf.GradientTape() as tape:
            logits = language.model(inputs, training=True)
            loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)(words, logits)
        kernel = language.encoder.bert.encoder.layer[0].intermediate.dense.kernel
        found.append((float(loss), tape.gradient(loss, kernel).numpy()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-5)


def test_a_student_begins_with_its_teachers_layers_and_head(
    tiny_bert: Path, open_tiny: Callable[..., Language]
) -> None:
    language = open_tiny(tiny_bert)
    student = language.student(1)
    assert student.encoder.config.kept_layers == [0]
    for ours, theirs in zip(student.model.head.arrays(), language.model.head.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    theirs = {id(weight) for weight in language.model.weights}
    assert not theirs & {id(weight) for weight in student.model.weights}


def test_what_is_taught_is_learned_besides_the_words(
    tiny_bert: Path, open_tiny: Callable[..., Language]
) -> None:
    student = open_tiny(tiny_bert).student(1)
    inputs, _ = one_batch(student)
    student.model(inputs, training=True)
    assert len(student.model.losses) == 2
    student.model(inputs, training=False)
    assert student.model.losses == []


def test_other_architectures_are_refused_by_name(
    tiny_bert: Path, tmp_path: Path, open_tiny: Callable[..., Language]
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(EncoderError, match=r"of type gpt2 is not among .* bert, camembert"):
        open_tiny(tmp_path)


def test_too_few_texts_are_refused(tiny_bert: Path) -> None:
    config = MaskedWordsConfig(learning_rate=1e-3)
    with pytest.raises(DataError, match="3 texts with words in them: wanted 20"):
        open_language(tiny_bert, ["one", "two", "three"], config, ComputeConfig(), 32, "head")
