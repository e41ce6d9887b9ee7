"""The rows that a model is most wrong about, with their texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ktrain_sentiment.evaluation.calibration import row_log_loss
from ktrain_sentiment.evaluation.metrics import check

COLUMNS = ("text", "label", "predicted", "probability", "p_true", "loss", "row")


def top_losses(
    texts: Sequence[str],
    y_true: ArrayLike,
    probabilities: ArrayLike,
    labels: Sequence[str],
    *,
    rows: Sequence[int] | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Rows by falling loss; rows that were predicted rightly are kept, with their small loss.

    Args:
        texts: The texts, length n.
        y_true: Class indices, shape (n,).
        probabilities: Shape (n, classes).
        labels: Class names, in the order of the columns.
        rows: Row numbers in the source file; counted from 1 when None.
        limit: Keep this many rows; all when None.

    Returns:
        Columns `text`, `label` (the given one), `predicted`, `probability` (of the predicted
        label), `p_true` (of the given label), `loss` (-log `p_true`, in nats), `row`.

    Raises:
        DataError: Shapes, indices or probabilities make no sense.
    """
    truth, table = check(y_true, probabilities, labels)
    winner, everyone = table.argmax(axis=1), np.arange(len(truth))
    frame = pd.DataFrame(
        {
            "text": list(texts),
            "label": [labels[k] for k in truth],
            "predicted": [labels[k] for k in winner],
            "probability": table[everyone, winner],
            "p_true": table[everyone, truth],
            "loss": row_log_loss(truth, table),
            "row": everyone + 1 if rows is None else list(rows),
        }
    )
    ordered = frame.sort_values("loss", ascending=False, kind="stable", ignore_index=True)
    return ordered if limit is None else ordered.head(limit)
