"""Train transformers' TensorFlow encoders faster, on the same model object and the same weights.

`accelerate(backend, model)` replaces, on this one object, the method that runs the stack of layers
while training; prediction, saving, loading and everything else stay what transformers made them.
What the replacement does otherwise is in `layers.py`: element-wise chains in one pass each,
gradients by hand, dropout without stored masks, matrix products in 16 bits where CPU or GPU is fast
at them, and in the last layer only the token that the classifier reads. The mathematics is the
same.
"""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ktrain_sentiment.training.backend import Backend, Untyped
from ktrain_sentiment.training.fast.elementwise import Elementwise
from ktrain_sentiment.training.fast.layers import (
    SEEDS_A_LAYER,
    AttentionBias,
    LayerParts,
    Operations,
    run_layers,
)

log = logging.getLogger(__name__)

BERT_LIKE = ("Bert", "Roberta", "XLMRoberta", "Camembert", "Electra")
"""Families whose layers are built and named like BERT's."""

KNOWN = (*BERT_LIKE, "DistilBert", "MPNet")

MOST_SCORES = 2**21
"""Scores of queries and keys that a CPU holds at once, 8 MB in float32: 32 texts of 256 tokens need
1.6 GB less. Batches that have no more are computed without turns, which take two seconds to trace.
A GPU has the memory, and waits for each small operation."""

ROWS = "rows_of_batch"
"""Where a model notes, while a step of several workers is traced, which rows of a batch it is
given: their places, int32 of shape (rows,), and how many rows the batch has."""


@dataclass(frozen=True)
class Stack:
    """The part of a model that runs its layers.

    Attributes:
        owner: The Keras layer whose `call` runs them.
        layers: The layers' weights, first to last.
        mask_of: From the owner's mask argument to float32 `[texts, length]` to add to scores.
        result_of: From hidden states to what the owner returns.
        relative_of: From hidden states to float32 `[1, heads, length, length]` to add to scores,
            where the family does.
    """

    owner: Untyped
    layers: tuple[LayerParts, ...]
    mask_of: Callable[[Untyped], Untyped]
    result_of: Callable[[Untyped], Untyped]
    relative_of: Callable[[Untyped], Untyped] = lambda _: None


@dataclass
class Acceleration:
    """What `accelerate` did to a model.

    Attributes:
        model: The model.
        family: Its family, or empty when the model was left alone.
        reason: Why it was left alone, else empty.
    """

    model: Untyped
    family: str = ""
    reason: str = ""
    _undo: list[Callable[[], object]] = field(default_factory=list, repr=False)

    def restore(self) -> None:
        """Give the model its own methods back; recompile it if it was trained already."""
        while self._undo:
            self._undo.pop()()


def accelerate(
    backend: Backend,
    model: Untyped,
    *,
    precision: str | None = None,
    fuse: bool | None = None,
    cls_only: bool = True,
    largest: tuple[int, int] | None = None,
) -> Acceleration:
    """Let a transformers sequence classifier, or encoder, train with the fast kernels.

    Call it before `compile`: Keras keeps what it has traced. Dropout draws its seeds from the
    generator of the model's own first dropout layer, whose state restarts and seeds know.

    Args:
        backend: The opened frameworks.
        model: A transformers TensorFlow model; unknown ones are left alone, and the result says so.
        precision: Number format of matrix products; the backend's by default.
        fuse: Let XLA compile the element-wise chains, 0.7 s for each new batch shape; by default
            with 16-bit products. Next to float32 ones a step saves 54 of 900 processor ms by it,
            as many as by padding to every other width, which needs no compiling.
        cls_only: Let the last layer compute only the token that the classifier reads. Not where
            all tokens are read.
        largest: Texts and tokens of the largest batch, where they are known.
    """
    family, reason = _family(model)
    done = Acceleration(model, family, reason)
    if reason:
        log.info("training with transformers' own kernels: %s", reason)
        return done
    precision = precision or backend.precision
    if fuse is None:
        fuse = precision != "float32"
    tf, on_cpu = backend.tf, backend.device == "CPU"
    own = {"DistilBert": _distilbert_stack, "MPNet": _mpnet_stack}
    stack = own.get(family, _bert_stack)(backend, model)
    in_turns = on_cpu
    if largest is not None:
        texts, length = largest
        in_turns &= texts * stack.layers[0].heads * length**2 > MOST_SCORES
    chains = _chains(tf, getattr(tf, precision), fuse, model.config.hidden_size)
    # Of first tokens there is so little that compiling it for each length costs more, but a GPU
    # waits for each small operation.
    of_first = _chains(tf, getattr(tf, precision), fuse and not on_cpu, model.config.hidden_size)
    steps = Operations(chains, of_first, MOST_SCORES if in_turns else None)
    _replace_call(tf, stack, steps, _generator(tf, model), cls_only, done)
    done._undo += trace_as_it_is(tf, model)
    if precision == "float32":
        done._undo.append(_train_without_rewriting(tf, model))
    return done


@functools.cache
def _chains(tf: Untyped, dtype: Untyped, fuse: bool, width: int) -> Elementwise:
    """One set of chains for all models of a width, so that XLA compiles a shape once.

    Not for models of several widths: TensorFlow forgets a dimension that it has seen change.
    """
    del width
    return Elementwise(tf, dtype, fuse)


def _family(model: Untyped) -> tuple[str, str]:
    """The model's family, and why it cannot be accelerated (empty when it can)."""
    name, config = type(model).__name__, model.config
    found = re.fullmatch("TF(.+?)(ForSequenceClassification|Model)", name)
    family = found[1] if found else ""
    if family not in KNOWN:
        return "", f"{name} is not among {', '.join(KNOWN)} encoders"
    activation = getattr(config, "activation", None) or getattr(config, "hidden_act", None)
    # "gelu_new" is the tanh approximation, whose gradient is another.
    if activation != "gelu":
        return "", f"its activation is {activation}, and only the exact gelu is known"
    if getattr(config, "is_decoder", False):
        return "", "it is a decoder"
    if getattr(config, "position_embedding_type", "absolute") != "absolute":
        return "", f"its positions are {config.position_embedding_type}, not absolute"
    return family, ""


def _bert_stack(backend: Backend, model: Untyped) -> Stack:
    tf = backend.tf
    owner = getattr(model, model.base_model_prefix).encoder
    outputs = backend.transformers.modeling_tf_outputs
    result = outputs.TFBaseModelOutputWithPastAndCrossAttentions
    return Stack(
        owner,
        tuple(_bert_layer(layer) for layer in owner.layer),
        functools.partial(_of_keys, tf),
        lambda states: result(last_hidden_state=states),
    )


def _of_keys(tf: Untyped, mask: Untyped) -> Untyped:
    """The mask that BERT and MPNet have made additive, from `[texts, 1, 1, length]`."""
    return tf.cast(mask[:, 0, 0, :], tf.float32)


def _bert_layer(layer: Untyped) -> LayerParts:
    attention, behind = layer.attention.self_attention, layer.attention.dense_output
    products = attention.query, attention.key, attention.value, behind.dense
    return _layer(attention, products, behind, layer.intermediate, layer.bert_output)


def _layer(
    attention: Untyped,
    products: tuple[Untyped, Untyped, Untyped, Untyped],
    behind: Untyped,
    intermediate: Untyped,
    output: Untyped,
) -> LayerParts:
    """A layer built like BERT's; `products` make queries, keys, values and what follows them."""
    query, key, value, context = products
    return LayerParts(
        query=query,
        key=key,
        value=value,
        context=context,
        context_norm=behind.LayerNorm,
        intermediate=intermediate.dense,
        output=output.dense,
        output_norm=output.LayerNorm,
        heads=attention.num_attention_heads,
        attention_rate=attention.dropout.rate,
        context_rate=behind.dropout.rate,
        output_rate=output.dropout.rate,
    )


def _distilbert_stack(backend: Backend, model: Untyped) -> Stack:
    tf = backend.tf
    owner = model.distilbert.transformer
    result = backend.transformers.modeling_tf_outputs.TFBaseModelOutput
    return Stack(
        owner,
        tuple(_distilbert_layer(layer) for layer in owner.layer),
        # DistilBERT hands over ones and zeros; BERT has made its mask additive already.
        lambda mask: (tf.cast(mask, tf.float32) - 1.0) * 1e30,
        lambda states: result(last_hidden_state=states),
    )


def _distilbert_layer(layer: Untyped) -> LayerParts:
    attention, feed_forward = layer.attention, layer.ffn
    return LayerParts(
        query=attention.q_lin,
        key=attention.k_lin,
        value=attention.v_lin,
        context=attention.out_lin,
        context_norm=layer.sa_layer_norm,
        intermediate=feed_forward.lin1,
        output=feed_forward.lin2,
        output_norm=layer.output_layer_norm,
        heads=attention.n_heads,
        attention_rate=attention.dropout.rate,
        context_rate=0.0,
        output_rate=feed_forward.dropout.rate,
    )


def _mpnet_stack(backend: Backend, model: Untyped) -> Stack:
    tf = backend.tf
    owner = model.mpnet.encoder
    result = backend.transformers.modeling_tf_outputs.TFBaseModelOutput
    return Stack(
        owner,
        tuple(_mpnet_layer(layer) for layer in owner.layer),
        functools.partial(_of_keys, tf),
        lambda states: result(last_hidden_state=states),
        owner.compute_position_bias,
    )


def _mpnet_layer(layer: Untyped) -> LayerParts:
    attention = layer.attention.attn
    products = attention.q, attention.k, attention.v, attention.o
    return _layer(attention, products, layer.attention, layer.intermediate, layer.out)


def trace_as_it_is(tf: Untyped, model: Untyped) -> list[Callable[[], object]]:
    """Keep autograph from rewriting the steps of training, evaluation and prediction.

    It turns Python's `if` on tensors into TensorFlow's, and these families have none, but reading
    and compiling transformers' source anew is half of what the first step takes.
    """
    undo: list[Callable[[], object]] = []
    for name in ("train_step", "test_step", "predict_step"):
        setattr(model, name, tf.autograph.experimental.do_not_convert(getattr(model, name)))
        undo.append(functools.partial(model.__dict__.pop, name, None))
    return undo


def _train_without_rewriting(tf: Untyped, model: Untyped) -> Callable[[], object]:
    """Leave TensorFlow's rewriting of graphs (Grappler) out of this model's training steps.

    It finds nothing to fuse in the fast kernels, and looking takes it a quarter of the first step
    (benchmarks/LOG.md). Evaluation and prediction, which are transformers' own, gain by it.

    Returns:
        What gives the model its own steps back.
    """
    make, set_options = model.make_train_function, tf.config.optimizer.set_experimental_options

    def make_plain(force: bool = False) -> Untyped:
        if model.train_function is not None and not force:
            return model.train_function
        function = make(force)

        # The options are the process's, and part of what a step is compiled for: they must be the
        # same at each of its calls.
        def step(iterator: Untyped) -> Untyped:
            set_options({"disable_meta_optimizer": True})
            try:
                return function(iterator)
            finally:
                set_options({"disable_meta_optimizer": False})

        model.train_function = step
        return step

    model.make_train_function = make_plain
    return functools.partial(model.__dict__.pop, "make_train_function", None)


def _generator(tf: Untyped, model: Untyped) -> Untyped:
    """The generator of the model's first dropout layer, whose state checkpoints keep, or a new one.

    Keras's dropout layers have generators when `enable_tf_random_generator` was called before the
    model was made; the backend does.
    """
    for module in model.submodules:
        random = getattr(module, "_random_generator", None)
        if random is not None:
            random._maybe_init()
            if random._generator is not None:
                return random._generator
    return tf.random.Generator.from_seed(0)


def _replace_call(
    tf: Untyped,
    stack: Stack,
    steps: Operations,
    generator: Untyped,
    cls_only: bool,
    done: Acceleration,
) -> None:
    """Put the fast stack in the place of the owner's `call`, while training only."""
    owner, original = stack.owner, stack.owner.call
    signature = inspect.signature(original)

    def call(*args: Untyped, **kwargs: Untyped) -> Untyped:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        asked = given.arguments
        if not asked["training"] or _wants_more(asked):
            return original(*args, **kwargs)
        states, mask, *_ = asked.values()
        # All words of a step at once: a draw is an operation, and there are three a layer.
        seeds = generator.uniform_full_int((len(stack.layers) * SEEDS_A_LAYER, 2), dtype=tf.uint32)
        if here := done.model.__dict__.get(ROWS):
            seeds += _moved_by(tf, stack, here[0][0], states, cls_only)
        bias = AttentionBias(stack.mask_of(mask), stack.relative_of(states))
        last = run_layers(steps, stack.layers, states, bias, seeds, cls_only)
        return stack.result_of(last)

    # Keras reads the signature to know whether to hand over `training` and `mask`.
    call.__signature__ = signature  # type: ignore[attr-defined]
    owner.call = tf.autograph.experimental.do_not_convert(call)
    done._undo.append(lambda: owner.__dict__.pop("call", None))


def _moved_by(
    tf: Untyped, stack: Stack, first: Untyped, states: Untyped, cls_only: bool
) -> Untyped:
    """What to add to seeds so that masks are those of a batch's rows from `first` on.

    A mask is a function of position plus the seed's first word. Returns uint32
    `[layers * SEEDS_A_LAYER, 2]`.
    """
    _, length, width = tf.unstack(tf.shape(states))
    offsets = []
    for number, layer in enumerate(stack.layers):
        last = cls_only and number == len(stack.layers) - 1
        asking = 1 if last else length
        offsets += [layer.heads * asking * length, asking * width, asking * width]
    offsets = tf.stack([tf.convert_to_tensor(one) for one in offsets]) * first
    return tf.cast(tf.stack([offsets, tf.zeros_like(offsets)], axis=1), tf.uint32)


def _wants_more(asked: dict[str, Untyped]) -> bool:
    """Whether the caller wants what only the whole stack can give."""
    wishes = (
        "output_attentions",
        "output_hidden_states",
        "use_cache",
        "encoder_hidden_states",
    )
    return any(asked.get(wish) is not None and asked[wish] is not False for wish in wishes) or (
        asked.get("return_dict") is False
    )
