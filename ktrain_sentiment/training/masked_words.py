"""Train an encoder on texts without labels: it guesses hidden words.

Two trainings share this: `adapt` goes on with an encoder on the user's texts (further pre-training:
Sun et al. 2019, arXiv:1905.05583; Gururangan et al. 2020, arXiv:2004.10964), and `distil-encoder`
teaches a smaller one (DistilBERT: Sanh et al. 2019, arXiv:1910.01108).

The guesses come from BERT's head: a dense layer, GELU, a normalisation, and the product with the
word embeddings themselves. Sentence encoders are published without it; then a fresh one is trained
on the frozen encoder first, so that its first guesses do not disturb what the encoder knows. It is
kept with the encoder under the names that transformers has for it.
"""

from __future__ import annotations

import functools
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.config import ComputeConfig, MaskedWordsConfig, TrainConfig
from ktrain_sentiment.encoders.encoder_folder import (
    SAFETENSORS,
    check_maxlen,
    read_header,
    read_json,
)
from ktrain_sentiment.errors import DataError, EncoderError, one_line
from ktrain_sentiment.export.keras_files import named_arrays
from ktrain_sentiment.export.weights import read_safetensors, to_torch_names
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.training.adversarial import word_table
from ktrain_sentiment.training.backend import (
    Backend,
    Untyped,
    open_backend,
    scratch_folder,
    seed_everything,
)
from ktrain_sentiment.training.checkpoints import build_state
from ktrain_sentiment.training.dataset import as_ktrain_dataset, padding_multiple, steps_per_epoch
from ktrain_sentiment.training.encoder_trainer import keep_layers
from ktrain_sentiment.training.fast.kernels import accelerate, trace_as_it_is
from ktrain_sentiment.training.masking import (
    MaskedDataset,
    MaskedRows,
    masking_of,
    some_rows,
)
from ktrain_sentiment.training.optimizers import configured_adam
from ktrain_sentiment.training.policies import make_learner
from ktrain_sentiment.training.tokens import tokenize
from ktrain_sentiment.training.trainer import Course

log = logging.getLogger(__name__)

HEADS = {
    "bert": ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
             "cls.predictions.bias"),
    "distilbert": ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
    "electra": ("generator_predictions.dense", "generator_predictions.LayerNorm",
                "generator_lm_head.bias"),
    **dict.fromkeys(("roberta", "xlm-roberta", "camembert", "mpnet"),
                    ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias")),
}  # fmt: skip
"""By type of encoder, transformers' names of the head's dense layer, normalisation and bias."""

FEWEST_TEXTS, MOST_HELD_OUT = 20, 500
HEAD_ROWS, HEAD_RATE = 20_000, 1e-3
"""Rows at most that a fresh head sees alone, and at which rate."""

TEMPERATURE, SOFT, COSINE = 2.0, 2.5, 0.5
"""DistilBERT's: its losses weigh 5 (soft predictions), 2 (masked words) and 1 (cosine), which is
the same as these beside 1."""

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Language:
    """An encoder with its masked-words head, and the texts that it learns from.

    Attributes:
        backend: The opened frameworks.
        encoder: The transformers model.
        model: What is trained: encoder and head as one Keras model.
        rows: Rows to learn from.
        held_out: Rows to judge on.
        config: How to train.
        has_head: Whether the encoder came with a trained head.
        fast: Whether to train with the kernels of `fast/` where they know the encoder.
    """

    backend: Backend
    encoder: Untyped
    model: Untyped
    rows: MaskedRows
    held_out: MaskedRows
    config: MaskedWordsConfig
    has_head: bool
    fast: bool

    def course(self, *, head_alone: bool = False) -> tuple[Course, float]:
        """The training of everything, or of the head on the frozen encoder; and its rate."""
        rows, rate, epochs = self.rows, self.config.learning_rate, self.config.epochs
        assert rate is not None, "the settings of both commands have one"
        if head_alone:
            few = some_rows(rows.tokens, np.arange(min(HEAD_ROWS, len(rows.tokens))))
            rows = replace(rows, tokens=few)
            rate, epochs = HEAD_RATE, 1
        config = TrainConfig(
            policy="linear",
            learning_rate=rate,
            epochs=epochs,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            keep_best="last",
            ema_decay=0.0,
            adversarial_epsilon=0.0,
            weight_decay=self.config.weight_decay,
        )
        backend, model = self.backend, self.model
        seed_everything(backend, config.seed)
        self.encoder.trainable = not head_alone
        model.compile(
            optimizer=configured_adam(backend.tf, config),
            loss=backend.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[backend.keras.metrics.SparseCategoricalAccuracy(name="guessed")],
        )
        train, judged = (
            as_ktrain_dataset(MaskedDataset, backend, part, config)
            for part in (rows, self.held_out)
        )
        with scratch_folder():
            kind = backend.ktrain.core.GenLearner
            learner = make_learner(kind, model, train, judged, config.batch_size)
        build_state(backend, model, 1)
        return Course(backend, model, learner, config), rate

    def student(self, layers: int) -> Language:
        """A smaller encoder that begins with some layers of this one, and learns from it.

        Raises:
            ConfigError: The encoder has fewer layers.
        """
        # Before its dropout is made: a training that goes on must draw as it did the first time.
        seed_everything(self.backend, self.config.seed)
        smaller = keep_layers(self.encoder, layers)
        model = _model(self.backend, smaller, lesson=_lesson(self.model))
        model.head.put(self.model.head.arrays())
        if self.fast:
            _accelerate(self.backend, smaller, model, self.rows, self.config)
        return replace(self, encoder=smaller, model=model, has_head=True)

    def tensors(self) -> Weights:
        """All weights by the names of transformers for PyTorch."""
        family = self.encoder.config.model_type
        found = to_torch_names(named_arrays(self.encoder), family)
        dense, norm, bias = HEADS[family]
        kernel, *others = self.model.head.arrays()
        names = (f"{dense}.bias", f"{norm}.weight", f"{norm}.bias", bias)
        return {**found, f"{dense}.weight": kernel.T, **dict(zip(names, others, strict=True))}


def open_language(
    folder: Path,
    texts: list[str],
    config: MaskedWordsConfig,
    compute: ComputeConfig,
    maxlen: int,
    long_texts: LongTexts,
) -> Language:
    """Load an encoder with a head, fresh where it has none, and tokenise the texts.

    Args:
        folder: A verified encoder folder.
        texts: Texts to learn from; a twentieth of their rows, at most 500, is held out.
        config: How to train.
        compute: Device, precision, threads.
        maxlen: Most tokens of a row.
        long_texts: What is read of longer texts.

    Raises:
        EncoderError: The encoder is of another type, or cannot be loaded.
        ConfigError: It has fewer positions than `maxlen`.
        DataError: There are too few texts.
    """
    check_encoder(folder)
    check_maxlen(folder, maxlen)
    backend = open_backend(compute, config.seed)
    encoder, tokenizer = _load(backend, folder)
    if tokenizer.mask_token_id is None:
        raise EncoderError(
            f"{folder}: its tokenizer has no mask token, and words are hidden behind one: set "
            "mask_token in its tokenizer_config.json, or choose another encoder"
        )
    inner = tokenizer.backend_tokenizer
    masking = masking_of(
        tokenizer.get_vocab(),
        set(tokenizer.all_special_ids),
        int(encoder.config.vocab_size),
        tokenizer.mask_token_id,
        json.loads(inner.to_str())["model"],
        config.masked,
    )
    tokens = tokenize(texts, inner, maxlen, long_texts)
    if tokens.ids.max(initial=0) >= len(masking.continues):
        raise EncoderError(
            f"{folder}: its tokenizer has more tokens than the {len(masking.continues):,} that the "
            "encoder embeds, so they do not belong together"
        )
    ordinary = np.cumsum(np.concatenate([[False], masking.is_ordinary[tokens.ids]]))
    filled = np.flatnonzero(np.diff(ordinary[tokens.offsets]) > 0)
    if len(filled) < FEWEST_TEXTS:
        raise DataError(
            f"{len(filled)} texts with words in them: wanted {FEWEST_TEXTS} at least, better "
            "thousands"
        )
    order = np.random.default_rng(config.seed).permutation(filled)
    out = min(MOST_HELD_OUT, max(len(order) // 20, 1))
    steps = steps_per_epoch(len(order), config.batch_size) * config.epochs
    multiple = padding_multiple(backend, encoder.config, steps)
    held_out, rows = (
        MaskedRows(
            some_rows(tokens, part), masking, tokenizer.pad_token_id, maxlen, config.seed, multiple
        )
        for part in (order[:out], order[out:])
    )  # fmt: skip
    seed_everything(backend, config.seed)
    model = _model(backend, encoder)
    head = read_head(folder)
    if head is None:
        # Where every guess is as likely as the word is common: what it would learn first.
        counts = np.bincount(rows.tokens.ids, minlength=len(masking.continues)) + 1.0
        *others, _ = model.head.arrays()
        model.head.put([*others, np.log(counts / counts.sum())])
    else:
        model.head.put(head)
    if compute.accelerate:
        _accelerate(backend, encoder, model, rows, config)
    return Language(
        backend, encoder, model, rows, held_out, config,
        has_head=head is not None, fast=compute.accelerate,
    )  # fmt: skip


def check_encoder(folder: Path) -> None:
    """Refuse an encoder whose masked words are not known here.

    Raises:
        EncoderError: It is of another type.
    """
    family = str(read_json(folder / "config.json", folder.name).get("model_type"))
    if family not in HEADS:
        raise EncoderError(
            f"{folder}: an encoder of type {family} is not among those that can guess words here: "
            f"{', '.join(sorted(HEADS))}"
        )


def read_head(folder: Path) -> list[NDArray[np.float32]] | None:
    """The masked-words head of an encoder, as the Keras layer has it; None where there is none."""
    path = folder / SAFETENSORS
    if not path.is_file():
        return None
    dense, norm, bias = HEADS[str(read_json(folder / "config.json", folder.name)["model_type"])]
    names = (f"{dense}.weight", f"{dense}.bias", f"{norm}.weight", f"{norm}.bias", bias)
    # The oldest encoders on the hub still have TensorFlow's names of a normalisation's weights.
    old = {f"{norm}.gamma": f"{norm}.weight", f"{norm}.beta": f"{norm}.bias"}
    if not set(names) <= {old.get(name, name) for name in read_header(path)[0]}:
        return None
    found = {old.get(name, name): array for name, array in read_safetensors(path).items()}
    kernel, *others = (np.asarray(found[name], np.float32) for name in names)
    return [np.ascontiguousarray(kernel.T), *others]


def _load(backend: Backend, folder: Path) -> tuple[Untyped, Untyped]:
    """The encoder without a head, and its tokenizer."""
    library = backend.transformers
    settings: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with warnings.catch_warnings(action="ignore"):
            tokenizer = library.AutoTokenizer.from_pretrained(str(folder), **settings)
            encoder = library.TFAutoModel.from_pretrained(str(folder), **settings)
    except (OSError, ValueError, ImportError) as error:
        raise EncoderError(f"{folder}: transformers cannot read it: {one_line(error)}") from error
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        raise EncoderError(
            f"{folder}: wanted a fast tokenizer (tokenizer.json) with a padding token"
        )
    return encoder, tokenizer


def _accelerate(
    backend: Backend, encoder: Untyped, model: Untyped, rows: MaskedRows, config: MaskedWordsConfig
) -> None:
    largest = config.batch_size, rows.maxlen
    if not accelerate(backend, encoder, cls_only=False, largest=largest).reason:
        trace_as_it_is(backend.tf, model)


def _lesson(teacher: Untyped) -> Callable[[Untyped], tuple[Untyped, Untyped]]:
    """What a teacher says of a batch: hidden states, and logits of the hidden words."""

    # A function, because Keras would take a model that an attribute holds for a part to train.
    def says(inputs: Untyped) -> tuple[Untyped, Untyped]:
        states, logits = teacher.look(inputs, False)
        return states, logits

    return says


def _model(
    backend: Backend,
    encoder: Untyped,
    lesson: Callable[[Untyped], tuple[Untyped, Untyped]] | None = None,
) -> Untyped:
    """Encoder and fresh head as one Keras model, with all its variables made."""
    tf = backend.tf
    model = _model_class(tf)(encoder, lesson)
    one = tf.ones((1, 2), tf.int32)
    model({"input_ids": one, "attention_mask": one, "places": one[0, :1]})
    return model


@functools.cache
def _head_class(tf: Untyped) -> Untyped:
    """The Keras layer, whose base exists only once TensorFlow is imported."""

    class Head(tf.keras.layers.Layer):  # type: ignore[misc]
        """Hidden states of shape (words, width) to logits (words, vocabulary)."""

        def __init__(self, table: Untyped, config: Untyped) -> None:
            super().__init__(name="masked_words")
            # Out of Keras's sight: the table belongs to the encoder, and is frozen with it.
            self._table: Callable[[], Untyped] = lambda: table
            first = tf.keras.initializers.TruncatedNormal(stddev=0.02)
            self.dense = tf.keras.layers.Dense(
                table.shape[1], kernel_initializer=first, name="dense"
            )
            self.norm = tf.keras.layers.LayerNormalization(
                epsilon=getattr(config, "layer_norm_eps", 1e-12), name="LayerNorm"
            )

        def build(self, shape: Untyped) -> None:
            self.dense.build(shape)
            self.norm.build((None, self.dense.units))
            self.bias = self.add_weight("bias", (self._table().shape[0],), initializer="zeros")
            super().build(shape)

        def arrays(self) -> list[NDArray[Any]]:
            return [one.numpy() for one in self._in_order()]

        def put(self, arrays: list[NDArray[Any]]) -> None:
            for one, array in zip(self._in_order(), arrays, strict=True):
                one.assign(array)

        def _in_order(self) -> tuple[Untyped, ...]:
            return (
                self.dense.kernel, self.dense.bias, self.norm.gamma, self.norm.beta, self.bias
            )  # fmt: skip

        def call(self, states: Untyped) -> Untyped:
            rows = self.norm(tf.nn.gelu(self.dense(states)))
            table = tf.cast(self._table(), rows.dtype)
            logits = tf.matmul(rows, table, transpose_b=True)
            return tf.cast(logits, tf.float32) + tf.cast(self.bias, tf.float32)

    return Head


@functools.cache
def _model_class(tf: Untyped) -> Untyped:
    """The Keras model, whose base exists only once TensorFlow is imported."""

    class MaskedWords(tf.keras.Model):  # type: ignore[misc]
        """An encoder that guesses hidden words; with a teacher it also learns what that says."""

        def __init__(self, encoder: Untyped, lesson: Untyped) -> None:
            super().__init__()
            self.encoder = encoder
            self.head = _head_class(tf)(word_table(encoder), encoder.config)
            self._lesson = lesson

        def look(self, inputs: Untyped, training: bool) -> tuple[Untyped, Untyped]:
            """Hidden states (texts, length, width) and logits of the hidden words."""
            read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
            # A frozen encoder is as it will be used, without dropout.
            training = training and self.encoder.trainable
            states = self.encoder(read, training=training).last_hidden_state
            flat = tf.reshape(states, (-1, states.shape[-1]))
            return states, self.head(tf.gather(flat, inputs["places"]))

        def call(self, inputs: Untyped, training: bool = False) -> Untyped:
            states, logits = self.look(inputs, training)
            if training and self._lesson is not None:
                taught, said = self._lesson(inputs)
                self.add_loss(SOFT * soft_loss(tf, logits, tf.stop_gradient(said)))
                real = tf.cast(inputs["attention_mask"], tf.float32)
                self.add_loss(COSINE * cosine_loss(tf, states, tf.stop_gradient(taught), real))
            return logits

    return MaskedWords


def soft_loss(tf: Untyped, logits: Untyped, said: Untyped) -> Untyped:
    """Kullback-Leibler divergence from a teacher's guesses, both softened (Hinton et al. 2015).

    Times the square of the temperature, by which gradients are as large as those of hard targets.

    Args:
        tf: TensorFlow.
        logits: float32 of shape (words, vocabulary).
        said: The teacher's, same shape.
    """
    wanted = tf.nn.softmax(said / TEMPERATURE)
    spread = tf.nn.log_softmax(said / TEMPERATURE) - tf.nn.log_softmax(logits / TEMPERATURE)
    apart = tf.reduce_sum(wanted * spread, axis=-1)
    words = tf.maximum(tf.cast(tf.size(apart), tf.float32), 1.0)
    return TEMPERATURE**2 * tf.reduce_sum(apart) / words


def cosine_loss(tf: Untyped, states: Untyped, taught: Untyped, real: Untyped) -> Untyped:
    """One minus the cosine of hidden states, the mean over tokens.

    Args:
        tf: TensorFlow.
        states: float32 of shape (texts, length, width).
        taught: The teacher's, same shape.
        real: 1 where there is a token, float32 of shape (texts, length).
    """
    alike = tf.reduce_sum(
        tf.math.l2_normalize(states, axis=-1) * tf.math.l2_normalize(taught, axis=-1), axis=-1
    )
    return tf.reduce_sum((1.0 - alike) * real) / tf.reduce_sum(real)
