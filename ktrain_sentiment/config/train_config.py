"""What to train, how, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ktrain_sentiment.config.flat import Config
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.messages import flag_of
from ktrain_sentiment.reading_rules import LongTexts

FewLabels = Literal["full", "contrastive", "probe", "auto"]
AUTO = "auto"
"""The name of an encoder that is still to be chosen."""
Policy = Literal["onecycle", "triangular", "sgdr", "constant", "linear"]
KtrainModel = Literal["nbsvm", "fasttext", "logreg", "bigru", "standard_gru"]
KTRAIN_MODELS: tuple[KtrainModel, ...] = get_args(KtrainModel)
"""ktrain's own text classifiers, by ktrain's names."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Config):
    """Which pre-trained encoder, and how much of a text it reads."""

    encoder: str = "distilbert-base-uncased"
    """A Hugging Face hub name, a local folder, or minilm or mpnet (no hub needed); auto lets
    --encoders learn from a part of the rows and takes the fastest of the best."""

    encoders: tuple[str, ...] = ("minilm", "distilbert-base-uncased", "mpnet")
    """What --encoder auto chooses among; one that cannot be reached is left out, and said."""

    encoder_minutes: float = 10.0
    """Most minutes that --encoder auto takes to choose."""

    maxlen: int = 128
    """Most tokens read at once, special tokens included; --long-texts says what becomes of longer
    texts."""

    long_texts: LongTexts = "windows"
    """What is read of longer texts: head or tail (one end), head+tail (a quarter from the
    beginning, the rest from the end), or windows (everything, in pieces cut at sentence ends, the
    mean of their logits)."""

    layers: int | None = None
    """How many of the encoder's layers to keep, evenly spaced; all when not given. Fewer make a
    smaller and faster model, which can learn from a large one with --teacher."""

    def check(self) -> None:
        """Refuse a length that leaves no room for text, and an encoder without layers."""
        self.at_least(4, "maxlen")
        self.at_least(1, "layers")
        if self.encoder_minutes <= 0:
            raise ConfigError(f"--encoder-minutes {self.encoder_minutes:g}: must be above 0")
        if not self.encoders or AUTO in self.encoders:
            raise ConfigError("--encoders: wanted the names of encoders to choose among")
        if self.encoder != AUTO and self.encoders != type(self).encoders:
            raise ConfigError(
                f"--encoders is for --encoder {AUTO}, and the encoder is {self.encoder}: leave one "
                "of them out"
            )


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """What is trained: an encoder, or one of ktrain's own classifiers."""

    model: Literal["encoder", KtrainModel] = "encoder"
    """encoder (fine-tunes --encoder), or one of ktrain's own classifiers, which have none."""

    vocab_size: int = 20_000
    """How many of the commonest words ktrain's own classifiers keep."""

    ngrams: int | None = None
    """Longest sequence of words that is a feature of its own; nbsvm 2, ktrain's others 1."""

    max_features: int | None = None
    """Features of a text that ktrain's own classifiers use, of longer texts the last ones; when
    not given, 400 words for bigru and standard_gru, which read word by word, 2000 for others."""

    vectors: Path | None = None
    """Word vectors for bigru: a text file in word2vec's or GloVe's format, gzipped or not."""

    def check(self) -> None:
        """Refuse what the models cannot take, and say which file bigru needs."""
        self.at_least(2, "vocab_size", "max_features")
        self.at_least(1, "ngrams")
        if self.model == "bigru" and self.vectors is None:
            raise ConfigError(
                "bigru needs --vectors FILE (word vectors as GloVe or fastText publish them); "
                "standard_gru learns its own"
            )
        if self.model == "bigru" and self.ngrams not in (None, 1):
            raise ConfigError(f"--ngrams {self.ngrams}: bigru reads single words, leave it out")

    @property
    def is_ktrain_model(self) -> bool:
        """Whether it is one of ktrain's own classifiers."""
        return self.model != "encoder"

    @property
    def is_linear(self) -> bool:
        """Whether it is a weight a feature and nothing more."""
        return self.model in ("nbsvm", "logreg")

    @property
    def feature_limit(self) -> int:
        """Features of a text that are used."""
        return self.max_features or (400 if self.model in ("bigru", "standard_gru") else 2_000)

    @property
    def longest_ngram(self) -> int:
        """Most words of a feature."""
        return self.ngrams or (2 if self.model == "nbsvm" else 1)


@dataclass(frozen=True, kw_only=True)
class ComputeConfig(Config):
    """What to compute on, and how exactly."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train; auto takes a GPU when TensorFlow sees one."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of matrix products; auto takes the fastest that is safe on this machine. All
    else is float32 in any case."""

    threads: int | None = None
    """Threads TensorFlow may use; all cores when not given."""

    deterministic: bool = True
    """Make the same seed give the same weights, byte for byte."""

    accelerate: bool = True
    """Train with this package's faster kernels where the encoder's family has them."""

    def check(self) -> None:
        """Refuse a number of threads that cannot be."""
        self.at_least(1, "threads")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """How to train."""

    policy: Policy = "onecycle"
    """Learning-rate policy: ktrain's onecycle, triangular or sgdr, or constant or linear."""

    learning_rate: float | None = None
    """Maximum learning rate; found by a short search when not given."""

    epochs: int | None = None
    """Passes over the training rows; 3 when not given, and more where that is under 100 steps, or
    for nbsvm and logreg, which take many cheap ones, under 3,000 (6 to 40 passes)."""

    batch_size: int = 32
    """Texts a step."""

    seed: int = 0
    """Seed of everything random in training."""

    class_weight: str = "none"
    """none, balanced, or a weight a class: "negative=1,positive=3"."""

    keep_best: Literal["macro_f1", "accuracy", "loss", "last"] | None = None
    """Which figure on validation data decides the epoch whose weights are kept; when not given
    macro_f1, of nbsvm and logreg loss. A later epoch within a standard error of the best accuracy
    or F1 counts as good. last keeps the last one, whatever its figures."""

    early_stopping: int | None = None
    """Stop after this many epochs in which the kept figure did not improve."""

    cycle_length: int = 1
    """Epochs of the first cycle of sgdr."""

    cycle_multiplier: int = 2
    """How much longer each further cycle of sgdr is."""

    warmup: float = 0.1
    """Share of the steps over which the linear policy warms up."""

    weight_decay: float = 0.01
    """Decoupled weight decay (AdamW) of all weights but biases and normalisation."""

    clip_norm: float | None = 1.0
    """Largest global norm of a step's gradient; longer ones are scaled down."""

    ema_decay: float = 0.99
    """Share of the running average of the weights that a step leaves as it is; the average is what
    is judged and kept (Polyak and Juditsky 1992). 0 keeps the weights themselves."""

    adversarial_epsilon: float | None = None
    """How far a step moves the embeddings of its words in the direction that raises the loss, in
    mean lengths of an embedding, to learn from there as well (Miyato et al. 2017). More accurate
    encoders for twice the time: when not given, 1 for up to 10,000 texts to learn from in at least
    100 steps, and 0, without, for others and with --augment."""

    accumulate: int = 1
    """Batches whose gradients are added up before the weights change."""

    freeze: str = "none"
    """Parts not trained: none, embeddings, or a number of first layers (and embeddings)."""

    teacher: Path | None = None
    """Predictor folder to learn from (distillation): its probabilities become part of the
    targets."""

    teacher_share: float = 0.5
    """How much of a target is the teacher's probability; the rest is the label."""

    unlabelled: str = ""
    """Texts that the teacher alone labels, to learn from besides the training rows: a text file
    with one on each line, or data in any format that is read, with a column of texts. Class weights
    and stratified batches take such a text for the class that the teacher holds likeliest."""

    augment: bool = False
    """Learn also rows made for it, six for ten training rows and at most 4,000: English sentences
    whose meaning a turn of phrase decides, pairs that differ in a name, a faith, an orientation, a
    gender or a nationality alone, and training rows with typos, handles and links. See
    docs/train.md for what it gains and costs."""

    stratified_batches: bool = False
    """Give every batch the classes in the proportions of the training rows."""

    few_labels: FewLabels = "full"
    """How to learn: full trains the whole net. For a handful of labels: probe (logistic regression
    on the encoder as it comes), contrastive (the encoder is tuned on pairs of texts first, after
    SetFit, Tunstall et al. 2022), or auto, which tries all on the training rows, by
    cross-validation, and says what it took."""

    few_labels_minutes: float = 5.0
    """How long --few-labels auto may try."""

    checkpoint_every: int = 500
    """Steps between checkpoints inside an epoch; each epoch's end has one too."""

    def check(self) -> None:
        """Refuse values that cannot train."""
        self.at_least(1, "epochs", "batch_size", "cycle_length", "cycle_multiplier", "accumulate")
        self.at_least(1, "checkpoint_every")
        if self.learning_rate is not None and not 0 < self.learning_rate < 10:
            raise ConfigError(
                f"--learning-rate {self.learning_rate}: must be above 0 and below 10, "
                "usually between 1e-6 and 1e-3"
            )
        if self.freeze not in {"none", "embeddings"} and not self.freeze.isdigit():
            raise ConfigError(
                f"--freeze {self.freeze}: wanted none, embeddings or a number of layers"
            )
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"--ema-decay {self.ema_decay}: must lie between 0 and 1, below 1")
        if self.adversarial_epsilon is not None and self.adversarial_epsilon < 0:
            raise ConfigError(
                f"--adversarial-epsilon {self.adversarial_epsilon}: must be 0 or more, usually 1"
            )
        if self.keep_best == "last" and self.early_stopping is not None:
            raise ConfigError(
                "--early-stopping waits for a figure to improve, and --keep-best last looks at "
                "none: choose one of them"
            )
        unused = {"cycle_length": "sgdr", "cycle_multiplier": "sgdr", "warmup": "linear"}
        for name, policy in unused.items():
            given, usual = getattr(self, name), getattr(type(self), name)
            if given != usual and self.policy != policy:
                raise ConfigError(
                    f"{flag_of(name)} {given}: only --policy {policy} has that, and the "
                    f"policy is {self.policy}; leave it out"
                )
        self._check_teaching()
        self._check_few_labels()

    @property
    def needs_mean_layer(self) -> bool:
        """Whether what is trained reads the mean of a text's token states."""
        return self.few_labels in ("contrastive", "probe")

    def _check_few_labels(self) -> None:
        if self.few_labels_minutes <= 0:
            raise ConfigError(f"--few-labels-minutes {self.few_labels_minutes}: must be above 0")
        if self.few_labels == "full":
            return
        for name in ("teacher", "augment", "adversarial_epsilon"):
            if given := getattr(self, name):
                raise ConfigError(
                    f"{flag_of(name)} {given}: --few-labels {self.few_labels} does not "
                    "learn from that; leave it out, or take --few-labels full"
                )

    def _check_teaching(self) -> None:
        if not 0 <= self.teacher_share <= 1:
            raise ConfigError(f"--teacher-share {self.teacher_share}: must lie between 0 and 1")
        if self.unlabelled and self.teacher is None:
            raise ConfigError(
                f"--unlabelled {self.unlabelled}: only a teacher can label these texts; name one "
                "with --teacher <predictor folder>"
            )
