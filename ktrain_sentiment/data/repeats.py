"""Rows that say the same: repeats, near repeats, contradictions, and leaks between splits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.data.findings import Example, Finding, examples
from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.data.leaks import Leak, leaks
from ktrain_sentiment.data.similar import LEAST_SHARED, similar_groups
from ktrain_sentiment.data.textkeys import near_key
from ktrain_sentiment.data.wording import count, shorten

Codes = NDArray[np.int64]


def check_repeats(frame: pd.DataFrame) -> list[Finding]:
    """Find exact, near and similar repeats, and equal texts with different labels.

    Args:
        frame: Columns `text`, `label` and `row`, none of them missing.
    """
    exact = np.asarray(frame.duplicated("text"))
    keys = [near_key(text) for text in frame["text"]]
    codes, distinct = _numbered(keys)
    near = np.asarray(pd.Series(codes).duplicated()) & ~exact
    groups = similar_groups(distinct)
    similar = groups[codes] != codes
    first_of_code = np.unique(codes, return_index=True)[1].astype(np.int64)
    return [
        *_repeats(frame, exact, codes, first_of_code),
        *_near_repeats(frame, near, codes, first_of_code),
        *_similar(frame, similar & ~exact & ~near, groups[codes], first_of_code),
        *_contradictions(frame, codes),
    ]


def _numbered(keys: list[str]) -> tuple[Codes, list[str]]:
    """A number for each key, from 0 in the order of first sight, and the key of each number."""
    codes, distinct = pd.factorize(np.array(keys, dtype=object))
    return np.asarray(codes, dtype=np.int64), distinct.tolist()


def _repeats(
    frame: pd.DataFrame, exact: NDArray[np.bool_], codes: Codes, first: Codes
) -> list[Finding]:
    if not exact.any():
        return []
    most = frame["text"].value_counts().head(1)
    return [
        Finding(
            check="repeated texts",
            summary=f"{count(int(exact.sum()), 'row')} whose text stands before, word for word; "
            f"the commonest {most.iloc[0]:,} times",
            rows=int(exact.sum()),
            of=len(frame),
            weight="note",
            advice="left out unless --duplicates keep (where the label is the same too)",
            examples=_with_first(frame, exact, codes, first),
        )
    ]


def _near_repeats(
    frame: pd.DataFrame, near: NDArray[np.bool_], codes: Codes, first: Codes
) -> list[Finding]:
    if not near.any():
        return []
    return [
        Finding(
            check="near repeats",
            summary=f"{count(int(near.sum()), 'row')} whose text stands before but for case, "
            "spacing, links, mentions or a final stop",
            rows=int(near.sum()),
            of=len(frame),
            weight="note",
            advice="they stay in one split; --duplicates drop-near leaves them out",
            examples=_with_first(frame, near, codes, first),
        )
    ]


def _similar(
    frame: pd.DataFrame, similar: NDArray[np.bool_], codes: Codes, first: Codes
) -> list[Finding]:
    if not similar.any():
        return []
    return [
        Finding(
            check="similar texts",
            summary=f"{count(int(similar.sum()), 'row')} that share {LEAST_SHARED:.0%} or more of "
            "their words with a text before",
            rows=int(similar.sum()),
            of=len(frame),
            weight="note",
            advice="templates and quotes look like this; if they come from one author or thread, "
            "keep that together with --group",
            examples=_with_first(frame, similar, codes, first),
        )
    ]


def _with_first(
    frame: pd.DataFrame, hit: NDArray[np.bool_], codes: Codes, first: Codes
) -> tuple[Example, ...]:
    """Examples that name the row that they repeat, and its text where that differs."""
    found = []
    for position in np.flatnonzero(hit)[:5]:
        text, row = frame["text"].iloc[position], int(frame["row"].iloc[position])
        earlier = frame.iloc[int(first[codes[position]])]
        said = f": {shorten(earlier['text'])}" if earlier["text"] != text else ""
        found.append(Example(row, shorten(text), f"row {earlier['row']}{said}"))
    return tuple(found)


def _contradictions(frame: pd.DataFrame, codes: Codes) -> list[Finding]:
    labels = frame["label"].groupby(codes).transform("nunique")
    contradicted = np.asarray(labels > 1)
    if not contradicted.any():
        return []
    rows = frame[contradicted].assign(code=codes[contradicted]).sort_values("code", kind="stable")
    texts = rows["code"].nunique()
    return [
        Finding(
            check="contradicting labels",
            summary=f"{count(texts, 'text')} in {count(len(rows), 'row')} with different labels",
            rows=len(rows),
            of=len(frame),
            weight="harm",
            advice="--contradictions majority (as now) keeps the commonest label of equal texts, "
            "drop leaves them out, keep keeps them all",
            examples=examples(rows, rows["label"]),
        )
    ]


def check_splits(splits: Splits) -> tuple[Finding, ...]:
    """Find texts that stand in two splits, nearly the same or similar."""
    return (*map(_leak, leaks(splits.frames())), *_similar_across(splits))


def _leak(leak: Leak) -> Finding:
    return Finding(
        check="leak",
        summary=f"{leak.rows:,} of {leak.total:,} {leak.later} rows stand in {leak.earlier} too, "
        "exactly or nearly",
        rows=leak.rows,
        of=leak.total,
        weight="harm",
        advice=f"figures on {leak.later} are too good; --leaks drop leaves these texts out of "
        f"{leak.earlier}",
        examples=tuple(
            Example(row, shorten(text), f"row {there} of {leak.earlier}")
            for text, there, row in leak.examples
        ),
    )


def _similar_across(splits: Splits) -> list[Finding]:
    joined = pd.concat(
        [frame[["text", "row"]].assign(split=name) for name, frame in splits.frames().items()],
        ignore_index=True,
    )
    codes, distinct = _numbered([near_key(text) for text in joined["text"]])
    groups = similar_groups(distinct)[codes]
    found = []
    for later in ("validation", "test"):
        own = np.asarray(joined["split"] == later)
        trained = np.asarray(joined["split"] == "train")
        hit = own & np.isin(groups, groups[trained]) & ~np.isin(codes, codes[trained])
        if hit.any():
            first = pd.Series(np.flatnonzero(trained)).groupby(groups[trained]).first()
            found.append(_similar_leak(joined, hit, groups, first, later, int(own.sum())))
    return found


def _similar_leak(
    joined: pd.DataFrame,
    hit: NDArray[np.bool_],
    groups: Codes,
    first: pd.Series[int],
    later: str,
    total: int,
) -> Finding:
    shown = []
    for position in np.flatnonzero(hit)[:5]:
        row = joined.iloc[position]
        there = joined.iloc[int(first[groups[position]])]
        remark = f"row {there['row']} of train: {shorten(there['text'])}"
        shown.append(Example(int(row["row"]), shorten(row["text"]), remark))
    return Finding(
        check="similar texts across splits",
        summary=f"{int(hit.sum()):,} of {total:,} {later} rows share {LEAST_SHARED:.0%} or more of "
        "their words with a train row",
        rows=int(hit.sum()),
        of=total,
        weight="doubt",
        advice="if these are templates or one author's texts, divide by --group",
        examples=tuple(shown),
    )
