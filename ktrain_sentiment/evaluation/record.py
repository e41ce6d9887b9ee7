"""What a training, an evaluation and an inspection found: the records that reports render.

`TrainingRecord` is what `metrics.json` of a run holds. It is written once, by the training, and
read back by the report, the commands and the API; none of them computes a figure again.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config.train_config import FewLabels
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.baselines import Baseline
from ktrain_sentiment.evaluation.behaviour import Behaviour
from ktrain_sentiment.evaluation.calibration import Abstention
from ktrain_sentiment.evaluation.codec import from_plain, to_plain
from ktrain_sentiment.evaluation.comparison import Comparison
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.evaluation.metrics import Calibration, Metrics
from ktrain_sentiment.evaluation.mistake_costs import CostFigures, CostOfModel
from ktrain_sentiment.evaluation.predictions import LabelledPredictions, Spread
from ktrain_sentiment.evaluation.review import ErrorSummary, Review, Slice
from ktrain_sentiment.inputs import TEXTS, Inputs
from ktrain_sentiment.prediction import Classifier

VERSION = 1
"""Of `metrics.json`. Files from before there was one are read as version 0: what they lack is left
out of the report."""


@dataclass(frozen=True, kw_only=True)
class BaselineRecord(Metrics):
    """A baseline beside the model: its figures on the same rows.

    Attributes:
        name: What it is, in words.
        seconds: Time to fit it and to predict.
    """

    name: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, baseline: Baseline) -> BaselineRecord:
        """The record of a baseline, its probabilities left out."""
        return cls(**vars(baseline.metrics), name=baseline.name, seconds=baseline.seconds)


@dataclass(frozen=True, kw_only=True)
class EngineRecord(Metrics):
    """Another engine of the same predictor: its figures on the same rows.

    Attributes:
        changed: Rows whose label is another than that of the engine that answers by default.
    """

    changed: int = 0


@dataclass(frozen=True, kw_only=True)
class FindingSummary:
    """What a check of the data found.

    Attributes:
        severity: How much it matters.
        summary: What was found.
        advice: What can be done.
    """

    severity: str
    summary: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What a model was trained and evaluated on.

    Attributes:
        source: The data as the user named it.
        labels: The classes.
        rows: Rows by split.
        fingerprint: Of the rows and their splits.
        counts: Rows by label and split.
        words: Median, 90th and 99th percentile, and most words of a text; empty when not known.
        findings: What the checks found.
        telling: Words that tell each label's texts from the others, strongest first.
        warnings: What a reader of the figures should know about the data, a line each.
    """

    source: str
    labels: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    words: tuple[int, ...] = ()
    findings: tuple[FindingSummary, ...] = ()
    telling: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CrossValidationRecord:
    """A cross-validation.

    Attributes:
        folds: How many folds.
        pooled: Figures on all rows, each predicted by the model that did not see it.
        spread: Mean and spread of each headline figure over the folds.
    """

    folds: int
    pooled: Metrics
    spread: Mapping[str, Spread]


@dataclass(frozen=True, kw_only=True)
class FewLabelsTrial:
    """A way of learning from few labels, tried by cross-validation on the training rows.

    Attributes:
        way: `probe`, `contrastive` or `full`.
        accuracies: On the rows that each fold held out, a number a fold; all ways have the same
            folds, of which the cheaper ones did more.
        seconds: Time it took.
        left_out: Why it was not tried, or not on more folds; empty if it was.
    """

    way: FewLabels
    accuracies: tuple[float, ...] = ()
    seconds: float = 0.0
    left_out: str = ""


@dataclass(frozen=True, kw_only=True)
class FewLabelsRecord:
    """How few labels were learned from, and why so.

    Attributes:
        asked: What the settings said: `auto`, or a way.
        taken: `probe`, `contrastive` or `full`.
        why: A sentence.
        minutes: The time that trying was allowed.
        trials: What was tried; empty when the way was given.
    """

    asked: FewLabels
    taken: FewLabels
    why: str = ""
    minutes: float = 0.0
    trials: tuple[FewLabelsTrial, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EncoderTrial:
    """An encoder that learned from a part of the training rows, to be chosen or not.

    Attributes:
        encoder: Its name.
        rows: How many it learned from, the last time; 0 if it was not tried.
        accuracy: Of what would be shipped, on the validation rows.
        milliseconds: Median time of one text alone.
        seconds: Time it took to learn from these rows and to be exported.
        training_seconds: About how long the training behind takes with it, estimated from the
            steps it took here; 0 where that cannot be said.
        left_out: Why it was not tried, or not on more rows; empty if it was.
    """

    encoder: str
    rows: int = 0
    accuracy: Estimate | None = None
    milliseconds: float = 0.0
    seconds: float = 0.0
    training_seconds: float = 0.0
    left_out: str = ""


@dataclass(frozen=True, kw_only=True)
class EncoderRace:
    """Which encoder `--encoder auto` took, and why.

    Attributes:
        taken: Its name.
        why: A sentence or two.
        minutes: The time that trying was allowed.
        validation: Validation rows that it was judged on.
        trials: All that were to be tried.
    """

    taken: str
    why: str
    minutes: float
    validation: int
    trials: tuple[EncoderTrial, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SpeedRecord:
    """How fast and how large a predictor is, measured where it was trained.

    Attributes:
        engine: What computed the predictions.
        texts_per_second: On many texts at once.
        milliseconds: Median time of one text alone.
        files: Size in bytes by file of the predictor folder.
    """

    engine: str
    texts_per_second: float
    milliseconds: float
    files: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """A finished run: how it was trained and how good it is.

    All figures, the temperature included, are those of the engine that answers by default in the
    saved predictor, `engine`: what is shipped is what is judged.

    Attributes:
        version: Of this record.
        headline: The split whose figures to quote: `test`, or `validation` without test rows.
        validation: Figures on the validation rows, after temperature scaling.
        test: Figures on the test rows; None without.
        before_temperature: Figures of the headline split before temperature scaling.
        temperature: Fitted on the validation rows.
        engine: What computed the predictions; empty in records from before there was a choice.
        other_engines: Figures of the predictor's other engines on the headline rows, by name.
        baselines: Baselines on the headline split, by key.
        comparison: The model against TF-IDF on the headline split; None without that baseline.
        slices: Accuracy on kinds of text of the headline split.
        errors: Mistakes on validation rows, the test rows stay unread.
        warnings: What a reader should be told before the figures, a sentence each, worst first.
        data: What it was trained and evaluated on.
        model: `encoder`, or ktrain's name of its own classifier.
        encoder: The encoder as the user named it, or ktrain's name of its own classifier.
        kept_layers: Which of the encoder's layers were kept, from 0; None when all were.
        longest_text: How many tokens of a text it reads at most, or words and sequences of words
            for ktrain's own classifiers; None when it is not known.
        long_texts: What is read of longer texts (`predictor/long_texts.py`); empty for ktrain's own
            classifiers, and in records from before there was a choice.
        policy: The learning-rate policy.
        learning_rate: The maximum learning rate.
        adversarial: How far adversarial training moved word embeddings, in their mean length; 0 or
            None without it.
        best_epoch: The epoch whose weights were kept, from 1.
        epochs: Epochs trained.
        train_seconds: Time in training.
        texts_per_second: Speed of training; None when it took no time.
        device: Where it ran.
        precision: In which precision.
        versions: Versions of the libraries that made it.
        teacher: What distillation says of a teacher; None when there was none.
        augmented: How many rows were made to learn from, and of which kinds; None without.
        encoder_race: How the encoder was chosen; None when it was named.
        few_labels: How few labels were learned from; None when the whole net was trained unasked.
        cross_validation: None without folds.
        engines: What the exported engines were measured to do, by name.
        speed: Speed and size of the predictor; None when it was not run.
        created: When the figures were made, ISO 8601.
    """

    headline: str
    validation: Metrics | None = None
    test: Metrics | None = None
    before_temperature: Metrics | None = None
    temperature: float = 1.0
    engine: str = ""
    other_engines: Mapping[str, EngineRecord] = field(default_factory=dict)
    baselines: Mapping[str, BaselineRecord] = field(default_factory=dict)
    comparison: Comparison | None = None
    slices: tuple[Slice, ...] = ()
    errors: ErrorSummary | None = None
    warnings: tuple[str, ...] = ()
    data: DataSummary
    model: str = "encoder"
    encoder: str
    kept_layers: tuple[int, ...] | None = None
    longest_text: int | None = None
    long_texts: str = ""
    policy: str
    learning_rate: float
    adversarial: float | None = None
    best_epoch: int
    epochs: int = 0
    train_seconds: float
    texts_per_second: float | None = None
    device: str = ""
    precision: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    teacher: Mapping[str, Any] | None = None
    augmented: Mapping[str, Any] | None = None
    encoder_race: EncoderRace | None = None
    few_labels: FewLabelsRecord | None = None
    cross_validation: CrossValidationRecord | None = None
    engines: Mapping[str, Any] = field(default_factory=dict)
    speed: SpeedRecord | None = None
    created: str = ""
    version: int = 0

    @property
    def metrics(self) -> Metrics:
        """The figures to quote."""
        found = self.test if self.headline == "test" else self.validation
        if found is None:
            raise DataError(f"metrics.json has no figures of its {self.headline} rows: train again")
        return found

    @property
    def calibration(self) -> Calibration | None:
        """What the temperature did; None where it was fitted on the headline rows themselves."""
        if self.headline != "test" or self.before_temperature is None:
            return None
        return Calibration(self.temperature, self.before_temperature, self.metrics)

    @property
    def has_encoder(self) -> bool:
        """Whether the model is a fine-tuned encoder."""
        return self.model == "encoder"

    def to_json(self) -> dict[str, Any]:
        """What `metrics.json` holds; what there is none of is left out."""
        found = to_plain(self)
        optional = (
            "test",
            "comparison",
            "errors",
            "teacher",
            "augmented",
            "encoder_race",
            "few_labels",
            "cross_validation",
            "speed",
        )
        absent = {name for name in optional if found[name] is None}
        return {name: value for name, value in found.items() if name not in absent}

    @classmethod
    def read(cls, path: Path) -> TrainingRecord:
        """Read `metrics.json`.

        Raises:
            DataError: The file is not there, or is not the record of a training.
        """
        if not path.is_file():
            raise DataError(
                f"{path.parent} holds no {path.name}: wanted the folder of a finished run; train "
                "one with ktrain-sentiment train"
            )
        try:
            found = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: not JSON: {error}; train again") from error
        record = from_plain(found, cls, path)
        if record.version > VERSION:
            raise DataError(
                f"{path} is of version {record.version}, this package reads up to {VERSION}: "
                "install the version that wrote it, or a newer one"
            )
        return record


def now() -> str:
    """The time as records state it: ISO 8601, to the minute, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")


@dataclass(frozen=True)
class EvalSet:
    """Labelled rows, and what a classifier said of them.

    Attributes:
        name: What the classifier is called.
        source: Where the rows come from.
        predictions: The rows with their probabilities.
        classifier: The classifier, when it was opened.
        predictor: Its folder; None when there is none.
        train: The rows it was trained on, when they are known.
        split: The split of the run that the rows are; empty for other rows.
        record: The record of the run whose rows they are; None for other rows.
        notes: Remarks to show, a line each.
        repeats: Rows that are not among them because they repeat one that is.
        inputs: What of a row their texts were made of.
        places: Of rows that another set has too, which of its rows these are, int64 of shape (n,);
            None where they are all of them.
    """

    name: str
    source: str
    predictions: LabelledPredictions
    classifier: Classifier | None = None
    predictor: Path | None = None
    train: pd.DataFrame | None = None
    split: str = ""
    record: TrainingRecord | None = None
    notes: tuple[str, ...] = ()
    repeats: int = 0
    inputs: Inputs = TEXTS
    places: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class EvalResult:
    """How good a classifier is on some rows.

    Attributes:
        eval_set: What was evaluated.
        metrics: Its figures.
        baselines: Baselines on the same rows, by key.
        slices: Accuracy on parts of the rows.
        comparison: Against another classifier; None when none was named.
        abstention: What a threshold does; None when none was named.
        costs: What its mistakes cost; None when no costs were named.
        by_cost: Both classifiers by what their mistakes cost, the cheaper first; empty unless a
            second was named, and costs.
        cost_advice: Which of them to take for that, or that the rows do not show it; empty without.
        checklist: What it can do with language; None when it was not asked.
        warnings: What a reader should be told before the figures, a sentence each, worst first.
    """

    eval_set: EvalSet
    metrics: Metrics
    baselines: Mapping[str, BaselineRecord]
    slices: tuple[Slice, ...]
    comparison: Comparison | None = None
    abstention: Abstention | None = None
    costs: CostFigures | None = None
    by_cost: tuple[CostOfModel, ...] = ()
    cost_advice: str = ""
    checklist: Behaviour | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        found = {
            "name": self.eval_set.name,
            "source": self.eval_set.source,
            **{n: v for n, v in vars(self.metrics).items() if n not in self.metrics.absent},
            **{name: value for name, value in vars(self).items() if name != "eval_set"},
            "notes": self.eval_set.notes,
            "repeats_left_out": self.eval_set.repeats,
        }
        del found["metrics"]
        return dict(to_plain(found))


@dataclass(frozen=True)
class Inspection:
    """What a classifier gets wrong, in lists.

    Attributes:
        eval_set: What was inspected.
        review: The mistakes; None of scores, which are not right or wrong.
        top_losses: The model's mistakes, the surest first; of scores all rows, the farthest first.
        label_errors: Doubted labels with an empty column to correct them in; first those that are
            more likely wrong than the model.
        costs: What the mistakes cost, where they are weighed, by which they are listed then.
    """

    eval_set: EvalSet
    review: Review | None
    top_losses: pd.DataFrame
    label_errors: pd.DataFrame
    costs: CostFigures | None = None

    def to_json(self) -> dict[str, Any]:
        """Counts, and the pairs that are confused."""
        said: dict[str, Any] = {} if self.costs is None else {"costs": to_plain(self.costs)}
        said |= {
            "name": self.eval_set.name,
            "source": self.eval_set.source,
            "rows": len(self.eval_set.predictions),
        }
        if self.review is None:
            said["farthest"] = self.top_losses.head(10).to_dict("records")
        else:
            said |= {
                "model_errors": len(self.top_losses),
                "label_errors": self.review.noise.to_json(),
                "confusions": [
                    {
                        "true": c.true, "predicted": c.predicted, "rows": c.count,
                        "words": dict(c.words),
                    }
                    for c in self.review.confusions
                ],
            }  # fmt: skip
        return {**said, "notes": list(self.eval_set.notes)}
