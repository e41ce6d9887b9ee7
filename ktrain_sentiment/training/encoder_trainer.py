"""From a verified encoder folder to a trainer: preprocessor, classifier, and what is left out.

An encoder can be given fewer layers than it was pre-trained with: small students for distillation.
The layers that stay are spread evenly over the stack, first and last among them, and keep their
weights. So was DistilBERT begun from BERT (Sanh et al. 2019, arXiv:1910.01108).
"""

from __future__ import annotations

import copy
import logging
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import ComputeConfig, EncoderConfig, TrainConfig
from ktrain_sentiment.data import Splits
from ktrain_sentiment.diskarrays import settled
from ktrain_sentiment.encoders.encoder_folder import check_maxlen
from ktrain_sentiment.errors import ConfigError, EncoderError, one_line
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.export.keras_files import has_types, last_layer
from ktrain_sentiment.export.transformer_spec import FAMILIES
from ktrain_sentiment.inputs import Inputs, text_and_second
from ktrain_sentiment.predictor.long_texts import mean_by_text, one_row, told
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.tasks import CLASSES, Scale, Task, indicators
from ktrain_sentiment.training.adversarial import adversarial_distance, train_adversarially
from ktrain_sentiment.training.backend import Backend, Untyped, open_backend, seed_everything
from ktrain_sentiment.training.data_parallel import learn_together
from ktrain_sentiment.training.dataset import (
    BucketedDataset,
    EncodedRows,
    as_ktrain_dataset,
    learned_targets,
    one_hot,
    padding_multiple,
    scale_of,
    scores_of,
)
from ktrain_sentiment.training.fast.kernels import accelerate, trace_as_it_is
from ktrain_sentiment.training.mean_layer import add_mean_layer, below_the_model
from ktrain_sentiment.training.optimizers import configured_adam
from ktrain_sentiment.training.policies import planned_steps
from ktrain_sentiment.training.tokens import tokenize
from ktrain_sentiment.training.trainer import SoftTargets, Trainer, assemble_trainer

log = logging.getLogger(__name__)

SAMPLE_PER_CLASS = 8
"""Training texts a class that ktrain's own preprocessing sees, to set up its state."""
_NUMBER = re.compile(r"(?<=/layer_\._)\d+(?=/)")
_SHARES_LAYERS = "albert"
_WITHOUT_IFS = FAMILIES.keys() - {"longformer"}
"""Encoders whose code has no `if` on tensors, so that autograph has nothing to do with them."""


def open_encoder_trainer(
    encoder: Path,
    splits: Splits,
    encoder_config: EncoderConfig,
    config: TrainConfig,
    compute: ComputeConfig,
    soft_targets: SoftTargets | None = None,
) -> Trainer:
    """Load the encoder, tokenise the rows, and compile a classifier.

    Args:
        encoder: A verified encoder folder.
        splits: Training and validation rows.
        encoder_config: The longest text, and how many of the encoder's layers to keep.
        config: How to train.
        compute: Device, precision, threads.
        soft_targets: What to learn; the training rows and their labels when not given.

    Raises:
        ConfigError: Settings contradict each other or the data.
        EncoderError: The encoder cannot be used.
    """
    backend = open_backend(compute, config.seed)
    preprocessor = make_preprocessor(backend, encoder, splits, encoder_config)
    # Seeded here, so that the new head and the dropout depend on nothing that came before.
    seed_everything(backend, config.seed)
    model = _make_classifier(
        backend, preprocessor, config, encoder_config.layers, fast=compute.accelerate
    )
    if soft_targets is None:
        rows = preprocessor.encode(splits.train, learned_targets(splits))
    else:
        rows = preprocessor.encode(soft_targets.texts, soft_targets.targets)
    if longer := int(rows.tokens.longer.sum()):
        rule, maxlen = encoder_config.long_texts, encoder_config.maxlen
        later = "; prediction reads all of them, in windows" if rule == "windows" else ""
        said = told(longer, len(rows.tokens.longer), one_row(rule), maxlen)
        log.info("training: %s%s", said, later)
    distance = 0.0 if config.needs_mean_layer else adversarial_distance(config, len(rows.targets))
    if splits.task.is_multi:
        _begin_at_base_rates(model, rows.targets)
        # Moved words keep rare labels at their base rates for epochs (benchmarks/LOG.md).
        distance = config.adversarial_epsilon or 0.0
    if backend.workers is not None:
        learn_together(backend.tf, model, backend.workers, distance)
    elif distance:
        train_adversarially(backend.tf, model, distance)
    config = replace(config, adversarial_epsilon=distance)
    learner = backend.ktrain.text.learner.TransformerTextClassLearner
    return assemble_trainer(backend, preprocessor, model, rows, splits, config, learner)


@dataclass(frozen=True)
class TextPreprocessor:
    """Texts to token ids: ktrain's preprocessor and what the fast path needs of it.

    Attributes:
        ktrain_preprocessor: A `ktrain.text.Transformer`, ready to be saved in a predictor.
        tokenizer: The Rust tokenizer inside the preprocessor's.
        labels: The classes, in the order of the model's outputs.
        maxlen: Most tokens read at once.
        pad_id: Id of the padding token.
        long_texts: What is read of longer texts.
        scale: Where the scores lie that are learned; None for others.
        task: What the labels are.
        pairs: Texts are pairs, as `Inputs.join` makes one of them.
    """

    ktrain_preprocessor: Untyped
    tokenizer: Untyped
    labels: tuple[str, ...]
    maxlen: int
    pad_id: int
    long_texts: LongTexts
    scale: Scale | None = None
    task: Task = CLASSES
    pairs: bool = False

    def encode(
        self, frame: pd.DataFrame, targets: NDArray[np.float32] | None = None
    ) -> EncodedRows:
        """Tokenise the `text` column, a row a text; targets are one-hot `label`s unless given.

        Where windows are read later, head and tail are learned from: benchmarks/long_texts.py.
        """
        if targets is None and self.scale is not None:
            targets = self.scale.standardised(scores_of(frame["label"]))
        elif targets is None and self.task.is_multi:
            targets = indicators(frame["label"], self.labels).astype(np.float32)
        elif targets is None:
            targets = one_hot(class_indices(frame["label"], self.labels), len(self.labels))
        return self._rows(frame, targets, one_row(self.long_texts))

    def encode_to_ask(self, frame: pd.DataFrame) -> EncodedRows:
        """Tokenise the `text` column as prediction does, windows and all."""
        blank = np.zeros((len(frame), len(self.labels)), np.float32)
        return self._rows(frame, blank, self.long_texts)

    def _rows(
        self, frame: pd.DataFrame, targets: NDArray[np.float32], rule: LongTexts
    ) -> EncodedRows:
        texts: Any = frame["text"].array  # A portion at a time is read of it.
        tokens = tokenize(texts, self.tokenizer, self.maxlen, rule, pairs=self.pairs)
        if not tokens.one_row_each:
            targets = np.repeat(targets, tokens.windows, axis=0)
        typed = self.pairs and has_types(self.ktrain_preprocessor.config)
        return EncodedRows(tokens, settled(targets), self.pad_id, self.maxlen, typed=typed)

    def dataset(self, backend: Backend, rows: EncodedRows, config: TrainConfig) -> Untyped:
        """The rows as ktrain's Learner wants them."""
        steps = planned_steps(config, len(rows.tokens))
        multiple = padding_multiple(backend, self.ktrain_preprocessor.config, steps)
        rows = replace(rows, multiple=multiple)
        return as_ktrain_dataset(BucketedDataset, backend, rows, config)

    def probabilities(self, data: Untyped, output: Untyped) -> NDArray[np.float32]:
        """What the model says of each text by the mean of its rows' logits, as the task has it.

        Scores are the mean itself: after training the scale is in the weights.
        """
        logits = data.in_stored_order(np.asarray(getattr(output, "logits", output), np.float32))
        return self.task.answers(mean_by_text(logits, data.rows.tokens.windows))


def make_preprocessor(
    backend: Backend,
    encoder: Path,
    splits: Splits,
    config: EncoderConfig,
) -> TextPreprocessor:
    """Make ktrain's Transformer preprocessor for an encoder, set up on some training rows.

    Args:
        backend: The opened frameworks.
        encoder: A folder with config, tokenizer and weights.
        splits: The rows.
        config: The longest text, and what is read of longer ones.

    Raises:
        EncoderError: The encoder cannot be used for classification with TensorFlow.
        ConfigError: The encoder has fewer positions than maxlen.
    """
    check_maxlen(encoder, config.maxlen)
    train, labels, task = splits.train, splits.labels, splits.task
    pairs = bool(Inputs.of(splits.table).pair)
    # ktrain advises against more than 512 tokens, whatever the encoder; what it has was checked.
    with warnings.catch_warnings(action="ignore"):
        try:
            # Names are asked of us where labels come as 0 and 1; else ktrain reads them off.
            names = {"class_names": list(labels)} if task.is_multi else {}
            preprocessor = backend.ktrain.text.Transformer(
                str(encoder), maxlen=config.maxlen, **names
            )
        except (OSError, ValueError) as error:
            raise EncoderError(
                f"{encoder}: transformers cannot read it: {one_line(error)}"
            ) from error
    tokenizer = _open_tokenizer(preprocessor, encoder)
    _agree_on_padding(preprocessor.config, tokenizer, encoder)
    # GPT-2 would hand out the keys and values of every batch, as if a text were to be continued.
    preprocessor.config.use_cache = False
    if pairs:
        # ktrain looks for the argument in the decorator of the model's call, and never finds it.
        preprocessor.use_token_type_ids = has_types(preprocessor.config)
    # ktrain sets up its label encoder, language and flags on the training data it preprocesses;
    # a few rows of each class are enough for that, the rest takes the fast path.
    by_class = train.groupby("label", sort=True) if task.chooses else train
    sample = by_class.head(SAMPLE_PER_CLASS)
    learned: Any = sample["label"].tolist()
    if not task.chooses:
        given = sample["label"]
        learned = indicators(given, labels) if task.is_multi else scores_of(given)
    # Numbers without classes: ktrain takes that for regression, and warns of it.
    with warnings.catch_warnings(action="ignore"):
        preprocessor.preprocess_train(_shown(sample, pairs), learned, verbose=0)
    if task.is_multi:
        # ktrain goes by these few rows, of which each may have a single label by chance.
        preprocessor.multilabel = True
    if not task.is_score and tuple(preprocessor.get_classes()) != labels:
        raise ConfigError(f"ktrain sees the classes {preprocessor.get_classes()}, not {labels}")
    return TextPreprocessor(
        preprocessor,
        tokenizer.backend_tokenizer,
        labels,
        config.maxlen,
        tokenizer.pad_token_id,
        config.long_texts,
        scale_of(splits) if task.is_score else None,
        task,
        pairs,
    )


def _shown(sample: pd.DataFrame, pairs: bool) -> list[Any]:
    """The texts, or pairs of them, as ktrain takes them."""
    texts = sample["text"].tolist()
    return [text_and_second(text) for text in texts] if pairs else texts


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


def _make_classifier(
    backend: Backend,
    preprocessor: TextPreprocessor,
    config: TrainConfig,
    layers: int | None,
    *,
    fast: bool,
) -> Untyped:
    """The encoder with a classification head, compiled; `config.id2label` has the real labels.

    Raises:
        ConfigError: The encoder has fewer layers than are to be kept or frozen.
    """
    with warnings.catch_warnings(action="ignore"):
        model = preprocessor.ktrain_preprocessor.get_classifier()
    if layers is not None:
        model = keep_layers(model, layers)
    if config.needs_mean_layer:
        model = add_mean_layer(model)
    # ktrain pickles its preprocessor with this configuration and loads the model by it.
    count = model.config.num_hidden_layers
    preprocessor.ktrain_preprocessor.config.num_hidden_layers = count
    # Whoever opens the folder reads the labels from here: pipelines, transformers.js, a browser.
    model.config.id2label = dict(enumerate(preprocessor.labels))
    model.config.label2id = {label: index for index, label in enumerate(preprocessor.labels)}
    _freeze_parts(model, config.freeze)
    largest = config.batch_size, preprocessor.maxlen
    accelerated = fast and not accelerate(backend, model, largest=largest).reason
    if not accelerated and model.config.model_type in _WITHOUT_IFS:
        trace_as_it_is(backend.tf, model)
    losses, metrics, figures = backend.keras.losses, backend.keras.metrics, list[Any]()
    if preprocessor.scale is not None:
        _need_bias(model)
        problem, loss, figures = "regression", losses.MeanSquaredError(), ["mae"]
    elif preprocessor.task.is_multi:
        problem, loss = "multi_label_classification", losses.BinaryCrossentropy(from_logits=True)
        figures = [metrics.BinaryAccuracy(name="label_accuracy", threshold=0.0)]
    else:
        # From logits: log-softmax in one operation keeps small probabilities exact. One-hot
        # targets, because a teacher's probabilities take the same road.
        problem = "single_label_classification"
        loss = losses.CategoricalCrossentropy(from_logits=True)
        figures = ["accuracy", metrics.F1Score(average="macro", name="macro_f1")]
    # By this transformers' pipelines, and transformers.js, know whether a softmax is wanted; an
    # encoder may come from a model of another task.
    model.config.problem_type = problem
    optimizer = configured_adam(backend.tf, config)
    model.compile(optimizer=optimizer, loss=loss, metrics=figures)
    return model


def _begin_at_base_rates(model: Untyped, targets: NDArray[np.float32]) -> None:
    """Let a model of several labels begin with how often each occurs.

    Else its first epochs learn that rare labels are rare, and little of texts (Lin et al. 2017,
    "Focal Loss for Dense Object Detection", section 3.3).
    """
    rates = np.clip(targets.mean(axis=0), _RAREST, 1 - _RAREST)
    for variable in last_layer(model):
        if "/bias" in variable.name:
            variable.assign(np.log(rates / (1 - rates)).astype(np.float32))


_RAREST = 1e-3


def _need_bias(model: Untyped) -> None:
    """Refuse a model whose outputs cannot be moved by its last layer's weights.

    Raises:
        ConfigError: It is one.
    """
    found = {variable.name.split("/")[-1].partition(":")[0] for variable in last_layer(model)}
    if "bias" not in found:
        raise ConfigError(
            f"--task score: the last layer of a {model.config.model_type} encoder has no bias, and "
            "scores around another middle than 0 need one; choose a BERT, DistilBERT, RoBERTa, "
            "ELECTRA or MPNet encoder"
        )


def _freeze_parts(model: Untyped, freeze: str) -> None:
    """Stop training the embeddings, or the embeddings and the first N layers.

    Raises:
        ConfigError: The model has fewer layers than that.
    """
    if freeze == "none":
        return
    encoder = getattr(model, model.base_model_prefix)
    for name in ("embeddings", "wte", "wpe"):  # GPT-2 has two tables side by side.
        part = getattr(encoder, name, None)
        if part is not None:
            part.trainable = False
    if freeze == "embeddings":
        return
    layers = encoder_layers(model)
    if int(freeze) > len(layers):
        raise ConfigError(f"--freeze {freeze}: the encoder has {len(layers)} layers")
    for layer in layers[: int(freeze)]:
        layer.trainable = False


def encoder_layers(model: Untyped) -> list[Any]:
    """The blocks of a transformers encoder, first to last."""
    # BERT numbers its blocks layer_._0, GPT-2 h_._0.
    pattern = re.compile(r"^(layer|h)_(\._)?\d+$")
    found = [m for m in model.submodules if pattern.match(getattr(m, "name", ""))]
    return sorted(found, key=lambda m: int(re.sub(r"\D", "", m.name)))


def spread_layers(total: int, count: int) -> tuple[int, ...]:
    """Which of `total` layers stay, from 0: `count` of them, as evenly spaced as can be.

    Of twelve, six are 0, 2, 4, 7, 9, 11; of six, three are 0, 2, 5.
    """
    return tuple(int(number) for number in np.linspace(0, total - 1, count).round())


def keep_layers(model: Untyped, count: int) -> Untyped:
    """A smaller model of the same class: some of a model's layers, and all its other weights.

    Its configuration says how many layers it has, and in `kept_layers` which ones they were. ALBERT
    has one set of weights for all layers; there the set stays and is run fewer times.

    Args:
        model: A built transformers TensorFlow classifier; it is not changed.
        count: How many layers to keep.

    Raises:
        ConfigError: The model has fewer layers, or no plain stack of them.
    """
    total = int(model.config.num_hidden_layers)
    if count > total:
        raise ConfigError(f"--layers {count}: the encoder has {total} layers")
    kept = spread_layers(total, count)
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = count
    config.kept_layers = list(kept)
    # Longformer has a window for each layer.
    if isinstance(windows := getattr(config, "attention_window", None), list):
        config.attention_window = [windows[number] for number in kept]
    smaller = type(model)(config)
    smaller.build_in_name_scope()
    weights = {below_the_model(variable.name): variable for variable in model.weights}
    numbers = {found[0] for name in weights if (found := _NUMBER.search(name))}
    shared = model.config.model_type == _SHARES_LAYERS and not numbers
    if not shared and numbers != {str(number) for number in range(total)}:
        raise ConfigError(
            f"--layers: an encoder of type {config.model_type} is no plain stack of layers; leave "
            "it out, or choose a BERT, DistilBERT, RoBERTa, ALBERT, ELECTRA or MPNet encoder"
        )
    for variable in smaller.weights:
        name = below_the_model(variable.name)
        variable.assign(weights[_NUMBER.sub(lambda found: str(kept[int(found[0])]), name)])
    log.info("keeping layers %s of %d", ", ".join(str(number + 1) for number in kept), total)
    return smaller
