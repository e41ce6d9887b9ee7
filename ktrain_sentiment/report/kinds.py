"""What differs between tasks where results are shown: an entry for each, read by all that show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ktrain_sentiment.tasks import Kind


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How results of a task are shown; figures are named as in `Metrics.headline`.

    Attributes:
        key_figures: Those in the boxes at the top of a page.
        boxed_last: One more for the boxes, where it is there.
        card: Those that the hub reads in a model card, with their titles.
        engines: Those that engines are compared by, with short names for narrow screens.
        changed: What is counted of another engine's answers, and what that means.
        classes: Whether a text has one of several classes: there is a confusion of them.
        probabilities: Whether what is answered has one probability, to be trusted more or less.
        what: What such a model is, behind "Sentiment".
        pipeline: What transformers' pipeline must be told besides.
    """

    key_figures: tuple[str, ...]
    boxed_last: str = "ece"
    card: Mapping[str, str]
    engines: Mapping[str, str] = field(
        default_factory=lambda: {"accuracy": "accuracy", "log_loss": "log loss", "ece": "ECE"}
    )
    changed: tuple[str, str] = (
        "other labels",
        "Rows whose label is another than that of the engine that answers by default",
    )
    classes: bool = True
    probabilities: bool = True
    what: str = "classification"
    pipeline: str = ""


SHOWN: Mapping[Kind, Shown] = {
    "classes": Shown(
        key_figures=("accuracy", "macro_f1"),
        card={"accuracy": "Accuracy", "macro_f1": "Macro F1", "mcc": "Matthews correlation"},
    ),
    "stars": Shown(
        key_figures=("mae", "within_one"),
        card={
            "mae": "Mean absolute error, stars", "accuracy": "Accuracy",
            "kappa": "Quadratic weighted kappa", "within_one": "At most one star off",
        },
    ),
    "score": Shown(
        key_figures=("spearman", "score_mae"),
        boxed_last="coverage",
        card={
            "spearman": "Spearman correlation", "pearson": "Pearson correlation",
            "score_mae": "Mean absolute error", "rmse": "Root mean squared error", "r2": "R²",
        },
        engines={"rmse": "RMSE", "spearman": "Spearman"},
        changed=(
            "other scores",
            "Rows whose score is more than a tenth of the spread from the default engine's",
        ),
        classes=False,
        probabilities=False,
        what="score",
        pipeline=', function_to_apply="none"',
    ),
    "multi": Shown(
        key_figures=("macro_f1", "micro_f1"),
        boxed_last="subset_accuracy",
        card={
            "macro_f1": "Macro F1", "micro_f1": "Micro F1", "sample_f1": "Sample F1",
            "subset_accuracy": "Subset accuracy",
        },
        engines={"macro_f1": "macro F1", "micro_f1": "micro F1", "subset_accuracy": "all right"},
        changed=(
            "other labels",
            "Rows whose labels are not those of the engine that answers by default",
        ),
        classes=False,
        probabilities=False,
        pipeline=", top_k=None",
    ),
}  # fmt: skip
