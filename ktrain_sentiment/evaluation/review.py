"""The mistakes on a set of rows, sorted by whose they probably are: the model's or the label's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.explanation import (
    Explanation,
    Faithfulness,
    check_faithfulness,
    explain,
)
from ktrain_sentiment.evaluation.judged import JudgedRows
from ktrain_sentiment.evaluation.label_noise import (
    USUAL_SHARE,
    LabelNoise,
    find_label_errors,
    label_error_table,
)
from ktrain_sentiment.evaluation.losses import top_losses
from ktrain_sentiment.evaluation.second_opinion import pooled
from ktrain_sentiment.evaluation.slices import Slice, by_length, by_repetition, group, judge_slices
from ktrain_sentiment.evaluation.telling_words import Confusion, confusions
from ktrain_sentiment.prediction import Classifier

OWN_COLUMNS = frozenset({"text", "label", "row"})
CHECKED_TEXTS = 20


@dataclass(frozen=True)
class Review:
    """What a model gets wrong.

    Attributes:
        losses: The model's mistakes, as `top_losses` gives them: wrongly predicted rows but for
            those whose label is more likely wrong.
        doubtful: Rows whose label is doubted, as `label_error_table` gives them; first those whose
            label is more likely wrong than the model.
        noise: The estimate behind it, for all rows.
        confusions: Mistakes by pair of classes, with telling words.
        explanations: By text, the words that its prediction hangs on.
        faithfulness: Whether those words really matter; None when it was not checked.
    """

    losses: pd.DataFrame
    doubtful: pd.DataFrame
    noise: LabelNoise
    confusions: tuple[Confusion, ...]
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    faithfulness: Faithfulness | None = None


def review(
    judged: JudgedRows,
    classifier: Classifier | None = None,
    *,
    explained: int = 10,
    share: float = USUAL_SHARE,
    second: ArrayLike | None = None,
) -> Review:
    """Sort the mistakes on rows that the model was not trained on.

    Args:
        judged: The rows, held out or out of fold.
        classifier: Explains its predictions; None leaves explanations out.
        explained: How many rows of each of the two lists are explained.
        share: Share of wrong labels that is believed in, 0 to 1.
        second: Probabilities of another classifier that did not learn these rows either, to doubt
            labels together, shape (n, classes).
    """
    table = judged.probabilities
    if second is not None:
        table = pooled(judged.y_true, table, second)
    noise = find_label_errors(judged.y_true, table, judged.labels, share=share)
    everything = label_error_table(noise, judged.texts, judged.y_true, table, rows=judged.rows)
    doubtful = everything[everything["doubted"]].reset_index(drop=True)
    losses = model_errors(judged, noise)
    found = Review(
        losses=losses,
        doubtful=doubtful,
        noise=noise,
        confusions=confusions(judged.texts, judged.y_true, judged.probabilities, judged.labels),
    )
    if classifier is None:
        return found
    shown = [*losses["text"].head(explained), *doubtful["text"].head(explained)]
    explanations = {one.text: one for one in explain(classifier, list(dict.fromkeys(shown)))}
    return Review(
        losses, doubtful, noise, found.confusions, explanations, _faithfulness(judged, classifier)
    )


def model_errors(judged: JudgedRows, noise: LabelNoise) -> pd.DataFrame:
    """Top losses among the wrongly predicted rows whose label is not more likely wrong."""
    winner = judged.probabilities.argmax(axis=1)
    wrong = np.flatnonzero((winner != judged.y_true) & ~noise.likely)
    if not len(wrong):
        return top_losses(judged.texts, judged.y_true, judged.probabilities, judged.labels, limit=0)
    texts, rows = judged.texts, judged.rows
    return top_losses(
        [texts[k] for k in wrong],
        judged.y_true[wrong],
        judged.probabilities[wrong],
        judged.labels,
        rows=[rows[k] for k in wrong],
    )


def _faithfulness(judged: JudgedRows, classifier: Classifier) -> Faithfulness | None:
    """Checked on texts drawn at random: the top losses would not be a fair sample."""
    rng = np.random.default_rng(0)
    texts = judged.texts
    drawn = rng.choice(len(texts), min(CHECKED_TEXTS, len(texts)), replace=False)
    return check_faithfulness(classifier, explain(classifier, [texts[k] for k in drawn.tolist()]))


def usual_slices(judged: JudgedRows) -> tuple[Slice, ...]:
    """Slices by length, by repetition and by each column of the data that divides it sensibly."""
    frame = judged.frame.assign(
        words=by_length(judged.texts), repetition=by_repetition(judged.texts)
    )
    names = ["words", "repetition", *(n for n in judged.frame if n not in OWN_COLUMNS)]
    columns = {str(name): frame[name].tolist() for name in names if _divides(frame[name])}
    return judge_slices(columns, judged.y_true, judged.probabilities)


def _divides(values: pd.Series[Any]) -> bool:
    try:
        return len(group(str(values.name), values.reset_index(drop=True)).cat.categories) > 1
    except (DataError, TypeError):
        return False
