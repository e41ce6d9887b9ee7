"""What differs between tasks in a run: what is chosen on validation rows, drawn, and counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.evaluation.calibration import fit_temperature
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.metrics import Metrics
from ktrain_sentiment.evaluation.multi_figures import choose_thresholds
from ktrain_sentiment.evaluation.predictions import LabelledPredictions
from ktrain_sentiment.export.saving import Chosen
from ktrain_sentiment.messages import listed
from ktrain_sentiment.report import plots
from ktrain_sentiment.tasks import Kind, half_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)


def _draw_classes(_rows: LabelledPredictions, metrics: Metrics) -> Figure:
    labels, counts = metrics.in_order()
    return plots.confusion_matrix(counts, labels)


def _draw_scores(rows: LabelledPredictions, _metrics: Metrics) -> Figure:
    return plots.scores(rows.y_true, rows.probabilities[:, 0], rows.task.half_width)


def _draw_labels(_rows: LabelledPredictions, metrics: Metrics) -> Figure:
    return plots.label_scores(() if metrics.multi is None else metrics.multi.per_label)


DRAWN: Mapping[Kind, tuple[str, Callable[[LabelledPredictions, Metrics], Figure]]] = {
    "classes": ("confusion", _draw_classes), "stars": ("confusion", _draw_classes),
    "score": ("scores", _draw_scores), "multi": ("labels", _draw_labels),
}  # fmt: skip
"""The picture of answers beside the truth: its name, and how it is drawn."""


def _interval_of(rows: LabelledPredictions) -> Chosen:
    """How far a score's interval reaches, by rows that were not learned from."""
    width = half_width(rows.probabilities[:, 0] - rows.y_true)
    if width is None:
        log.warning("scores have no interval: %s validation rows are too few for one", len(rows))
    else:
        said = "nine of ten scores of %s validation rows are less than %.3g off: their interval"
        log.info(said, f"{len(rows):,}", width)
    return Chosen(half_width=width)


def _thresholds_of(rows: LabelledPredictions) -> Chosen:
    """From which probability on a text has each label, by rows that were not learned from."""
    cuts = choose_thresholds(rows.y_true, rows.probabilities)
    said = listed(f"{label} {cut:.2f}" for label, cut in zip(rows.labels, cuts, strict=True))
    log.info("a text has a label from these probabilities on, by %d rows: %s", len(rows), said)
    return Chosen(thresholds=cuts)


def _temperature_of(rows: LabelledPredictions) -> Chosen:
    """What logits are divided by, by rows that were not learned from."""
    temperature = fit_temperature(rows.y_true, rows.probabilities)
    said = "a temperature of %.2f from %s validation rows goes into the weights of every file"
    if temperature == 1:
        said = "the temperature stays %.0f: on %s validation rows none is a gain beyond chance"
    log.info(said, temperature, f"{len(rows):,}")
    return Chosen(temperature=temperature)


CHOSEN_BY: Mapping[Kind, Callable[[LabelledPredictions], Chosen]] = {
    "classes": _temperature_of, "stars": _temperature_of, "score": _interval_of,
    "multi": _thresholds_of,
}  # fmt: skip
"""What is chosen on the validation rows, once the predictor can be asked."""


MOVED = 0.1
"""Of another engine's scores those are counted that are this share of their spread apart."""


def _other_class(rows: LabelledPredictions, table: Floats) -> NDArray[np.bool_]:
    return np.asarray(table.argmax(axis=1) != rows.probabilities.argmax(axis=1))


def _moved_score(rows: LabelledPredictions, table: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.abs(table - rows.probabilities)[:, 0] > MOVED * rows.y_true.std())


def _other_labels(rows: LabelledPredictions, table: Floats) -> NDArray[np.bool_]:
    decided = rows.task.decided
    return np.asarray((decided(table) != decided(rows.probabilities)).any(axis=1))


OTHER_ANSWERS: Mapping[Kind, Callable[[LabelledPredictions, Floats], NDArray[np.bool_]]] = {
    "classes": _other_class, "stars": _other_class, "score": _moved_score, "multi": _other_labels,
}  # fmt: skip
"""To which rows another engine gives another answer."""
