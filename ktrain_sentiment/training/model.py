"""From a verified encoder folder to a ktrain preprocessor and a compiled Keras classifier."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.encoders.encoder_folder import check_maxlen
from ktrain_sentiment.errors import ConfigError, EncoderError
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.training.backend import Backend, Untyped
from ktrain_sentiment.training.dataset import EncodedRows, ktrain_dataset, one_hot
from ktrain_sentiment.training.kernels import accelerate
from ktrain_sentiment.training.shrinking import keep_layers
from ktrain_sentiment.training.tokens import tokenise

SAMPLE_PER_CLASS = 8
"""Training texts a class that ktrain's own preprocessing sees, to set up its state."""


@dataclass(frozen=True)
class TextPipeline:
    """ktrain's preprocessor together with what the fast path needs of it.

    Attributes:
        preprocessor: A `ktrain.text.Transformer`, ready to be saved in a predictor.
        tokenizer: The Rust tokenizer inside the preprocessor's.
        labels: The classes, in the order of the model's outputs.
        maxlen: Longest text in tokens.
        pad_id: Id of the padding token.
    """

    preprocessor: Untyped
    tokenizer: Untyped
    labels: tuple[str, ...]
    maxlen: int
    pad_id: int

    def encode(
        self, frame: pd.DataFrame, targets: NDArray[np.float32] | None = None
    ) -> EncodedRows:
        """Tokenise the `text` column; targets are one-hot `label`s unless given."""
        if targets is None:
            targets = one_hot(class_indices(frame["label"], self.labels), len(self.labels))
        tokens = tokenise(frame["text"].tolist(), self.tokenizer, self.maxlen)
        return EncodedRows(tokens, targets, self.pad_id, self.maxlen)

    def dataset(self, backend: Backend, rows: EncodedRows, config: TrainConfig) -> Untyped:
        """The rows as ktrain's Learner wants them."""
        return ktrain_dataset(
            backend, rows, config.batch_size, config.seed, stratified=config.stratified_batches
        )

    def probabilities(self, output: Untyped) -> NDArray[np.float32]:
        """Class probabilities of what the model's `predict` gave, shape (rows, classes)."""
        logits = np.asarray(getattr(output, "logits", output), np.float64)
        return softmax(logits).astype(np.float32)


def class_indices(labels: pd.Series, known: Sequence[str]) -> NDArray[np.int64]:
    """Position of each label among the known ones, int64 of shape (rows,).

    Raises:
        ConfigError: A label is not among the known ones.
    """
    codes = pd.Categorical(labels, categories=list(known)).codes.astype(np.int64)
    if (codes < 0).any():
        strangers = sorted(set(labels[codes < 0].astype(str)))[:5]
        raise ConfigError(
            f"labels {', '.join(strangers)} do not occur in the training rows, "
            f"which have: {', '.join(known)}"
        )
    return codes


def make_pipeline(
    backend: Backend, encoder: Path, train: pd.DataFrame, labels: Sequence[str], maxlen: int
) -> TextPipeline:
    """Make ktrain's Transformer preprocessor for an encoder, set up on some training rows.

    Args:
        backend: The opened frameworks.
        encoder: A folder with config, tokenizer and weights.
        train: Training rows with `text` and `label`.
        labels: All classes, sorted.
        maxlen: Longest text in tokens.

    Raises:
        EncoderError: The encoder cannot be used for classification with TensorFlow.
        ConfigError: The encoder has fewer positions than maxlen.
    """
    check_maxlen(encoder, maxlen)
    # ktrain advises against more than 512 tokens, whatever the encoder; what it has was checked.
    with _model_class_instead_of_model(backend), warnings.catch_warnings(action="ignore"):
        preprocessor = backend.ktrain.text.Transformer(str(encoder), maxlen=maxlen)
    tokenizer = _open_tokenizer(preprocessor, encoder)
    _agree_on_padding(preprocessor.config, tokenizer, encoder)
    # GPT-2 would hand out the keys and values of every batch, as if a text were to be continued.
    preprocessor.config.use_cache = False
    sample = train.groupby("label", sort=True).head(SAMPLE_PER_CLASS)
    # ktrain sets up its label encoder, language and flags on the training data it preprocesses;
    # a few rows of each class are enough for that, the rest takes the fast path.
    preprocessor.preprocess_train(sample["text"].tolist(), sample["label"].tolist(), verbose=0)
    if tuple(preprocessor.get_classes()) != tuple(labels):
        raise ConfigError(f"ktrain sees the classes {preprocessor.get_classes()}, not {labels}")
    return TextPipeline(
        preprocessor, tokenizer.backend_tokenizer, tuple(labels), maxlen, tokenizer.pad_token_id
    )


def _open_tokenizer(preprocessor: Untyped, encoder: Path) -> Untyped:
    """The tokenizer that the preprocessor will use from now on.

    Raises:
        EncoderError: transformers cannot load it, or has no fast one.
    """
    try:
        tokenizer = preprocessor.get_tokenizer()
    except ValueError as error:
        raise EncoderError(
            f"{encoder}: transformers cannot load its tokenizer; save it again with "
            "AutoTokenizer.from_pretrained(...).save_pretrained(...)"
        ) from error
    if not tokenizer.is_fast:
        raise EncoderError(f"{encoder}: has no fast tokenizer (tokenizer.json), and one is needed")
    return tokenizer


def _agree_on_padding(config: Untyped, tokenizer: Untyped, encoder: Path) -> None:
    """Give tokenizer and model the same padding token.

    GPT-2 has none, and finds a text's last token by it; its end-of-text token serves, as is usual.
    Where both have one and they differ, the model's counts.

    Raises:
        EncoderError: There is no token to pad with, or the model has no embedding for it.
    """
    known = config.pad_token_id
    token = None if known is None or known < 0 else tokenizer.convert_ids_to_tokens(known)
    token = token or tokenizer.pad_token or tokenizer.eos_token
    if token is None:
        raise EncoderError(
            f"{encoder}: its tokenizer has neither a padding nor an end-of-text token, and texts "
            "of different lengths need one: set pad_token in its tokenizer_config.json"
        )
    if tokenizer.pad_token != token:
        tokenizer.pad_token = token
    if tokenizer.pad_token_id >= config.vocab_size:
        raise EncoderError(
            f"{encoder}: its padding token {token} has the id {tokenizer.pad_token_id}, and the "
            f"model embeds {config.vocab_size:,} tokens alone: choose another pad_token "
            "in its tokenizer_config.json"
        )
    config.pad_token_id = tokenizer.pad_token_id


@contextlib.contextmanager
def _model_class_instead_of_model(backend: Backend) -> Iterator[None]:
    """Let ktrain's Transformer look at the model's class, not load the model to look at it.

    `Transformer(...)` loads the whole model only to read the signature of its `call`, and
    `get_classifier` loads it again. Can go when ktrain reads the class.
    """
    module = backend.ktrain.text.preprocessor
    auto = module.TFAutoModelForSequenceClassification

    class ClassOnly:
        @staticmethod
        def from_pretrained(name: str, **_: Untyped) -> Untyped:
            config = backend.transformers.AutoConfig.from_pretrained(name)
            return _classifier_class(backend, config)

    module.TFAutoModelForSequenceClassification = ClassOnly
    transformer_init = module.TransformersPreprocessor.__init__

    def init_then_restore(self: Untyped, *args: Untyped, **kwargs: Untyped) -> None:
        transformer_init(self, *args, **kwargs)
        self.model_type = auto

    module.TransformersPreprocessor.__init__ = init_then_restore
    try:
        yield
    finally:
        module.TFAutoModelForSequenceClassification = auto
        module.TransformersPreprocessor.__init__ = transformer_init


def _classifier_class(backend: Backend, config: Untyped) -> Untyped:
    mapping = backend.transformers.TF_MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    try:
        return mapping[type(config)]
    except KeyError as error:
        raise EncoderError(
            f"an encoder of type {config.model_type} has no TensorFlow classifier in "
            "transformers: choose a BERT, DistilBERT, RoBERTa, ALBERT, ELECTRA, MPNet, Longformer "
            "or GPT-2 encoder"
        ) from error


def make_classifier(
    backend: Backend,
    pipeline: TextPipeline,
    optimizer: Untyped,
    freeze: str = "none",
    *,
    layers: int | None = None,
    fast: bool = True,
) -> Untyped:
    """The encoder with a classification head, compiled; `config.id2label` has the real labels.

    Args:
        backend: The opened frameworks.
        pipeline: From `make_pipeline`.
        optimizer: A Keras optimiser.
        freeze: Parts that are not trained, see `freeze_parts`.
        layers: How many of the encoder's layers to keep; all when not given.
        fast: Train with the kernels of `kernels.py` where they know the encoder.

    Raises:
        ConfigError: The encoder has fewer layers than are to be kept or frozen.
    """
    with warnings.catch_warnings(action="ignore"):
        model = pipeline.preprocessor.get_classifier()
    if layers is not None:
        model = keep_layers(model, layers)
        # ktrain pickles its preprocessor with this configuration and loads the model by it.
        pipeline.preprocessor.config.num_hidden_layers = layers
    model.config.id2label = dict(enumerate(pipeline.labels))
    model.config.label2id = {label: index for index, label in enumerate(pipeline.labels)}
    freeze_parts(model, freeze)
    if fast:
        accelerate(backend, model)
    loss = backend.keras.losses.CategoricalCrossentropy(from_logits=True)
    macro_f1 = backend.keras.metrics.F1Score(average="macro", name="macro_f1")
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy", macro_f1])
    return model


def freeze_parts(model: Untyped, freeze: str) -> None:
    """Stop training the embeddings, or the embeddings and the first N layers.

    Args:
        model: A transformers classifier.
        freeze: `none`, `embeddings` or a number of layers.

    Raises:
        ConfigError: The model has fewer layers than that.
    """
    if freeze == "none":
        return
    for part in _embeddings(model):
        part.trainable = False
    if freeze == "embeddings":
        return
    layers = encoder_layers(model)
    if int(freeze) > len(layers):
        raise ConfigError(f"--freeze {freeze}: the encoder has {len(layers)} layers")
    for layer in layers[: int(freeze)]:
        layer.trainable = False


def _embeddings(model: Untyped) -> list[Any]:
    """The tables of a transformers encoder, which GPT-2 has two of side by side."""
    encoder = getattr(model, model.base_model_prefix)
    found = [getattr(encoder, name, None) for name in ("embeddings", "wte", "wpe")]
    return [part for part in found if part is not None]


def encoder_layers(model: Untyped) -> list[Any]:
    """The blocks of a transformers encoder, first to last."""
    pattern = re.compile(r"^(layer|h)_(\._)?\d+$")
    found = [m for m in model.submodules if pattern.match(getattr(m, "name", ""))]
    return sorted(found, key=lambda m: int(re.sub(r"\D", "", m.name)))
