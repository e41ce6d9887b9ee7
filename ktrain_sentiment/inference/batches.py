"""Which texts are computed together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def plan_batches(lengths: Indices, tokens: int, texts: int) -> list[Indices]:
    """Group texts of like length, so that little is padded and no batch outgrows the caches.

    Args:
        lengths: Tokens of each text, (texts,).
        tokens: Most tokens in a batch, padding included; a longer text is a batch of its own.
        texts: Most texts in a batch.

    Returns:
        Index arrays that cover each text once, the longest texts first: what needs most memory
        fails at once or never, and the last batches to finish are the short ones.
    """
    order = np.argsort(-lengths, kind="stable")
    batches: list[Indices] = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        end = start + min(max(tokens // longest, 1), texts)
        batches.append(order[start:end])
        start = end
    return batches
