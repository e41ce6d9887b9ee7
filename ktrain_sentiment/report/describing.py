"""What a report says of the data: counts, lengths, telling words, what the checks found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ktrain_sentiment.data import SPLIT_NAMES, LabelledTexts, Splits
from ktrain_sentiment.data.checks import check_rows
from ktrain_sentiment.data.findings import Finding
from ktrain_sentiment.data.profile import telling_words
from ktrain_sentiment.data.repeats import check_splits
from ktrain_sentiment.evaluation.review import by_length
from ktrain_sentiment.report.facts import DataFacts

FEW_ROWS = 25


def describe(source: str, frames: Mapping[str, pd.DataFrame], labels: tuple[str, ...]) -> DataFacts:
    """Count labels and lengths, check the rows, and warn of what makes figures hard to trust."""
    present = {name: frame for name, frame in frames.items() if len(frame)}
    counts = pd.DataFrame(
        {
            name: frame["label"].value_counts().reindex(list(labels), fill_value=0)
            for name, frame in present.items()
        }
    )
    everything = pd.concat(present.values(), ignore_index=True)
    lengths = np.asarray(by_length(everything["text"].tolist()))
    quantiles = np.quantile(lengths, [0.5, 0.9, 0.99, 1.0]).astype(int)
    median, most, nearly_all, longest = quantiles.tolist()
    findings = check_rows(LabelledTexts(everything, source, "text", "label"))
    if len(present) > 1:
        findings += check_splits(_as_splits(frames, labels))
    words = telling_words(everything)
    return DataFacts(
        source=source,
        counts=counts,
        words=(median, most, nearly_all, longest),
        findings=findings,
        telling={label: [word for word, _ in found] for label, found in words.items()},
        warnings=tuple(_warnings(counts, findings)),
    )


def _as_splits(frames: Mapping[str, pd.DataFrame], labels: tuple[str, ...]) -> Splits:
    empty = next(iter(frames.values())).head(0)
    train, validation, test = (frames.get(name, empty) for name in SPLIT_NAMES)
    return Splits(train, validation, test, labels=labels)


def _warnings(counts: pd.DataFrame, findings: Sequence[Finding]) -> list[str]:
    found = [f"Data: {one.summary}." for one in findings if one.weight == "harm"]
    held_out = counts.drop(columns="train", errors="ignore")
    few = counts.index[(held_out < FEW_ROWS).any(axis=1)].tolist()
    if few:
        found.append(
            f"Fewer than {FEW_ROWS} validation or test rows are {', '.join(map(str, few))}: "
            "figures of such classes are rough."
        )
    return found
