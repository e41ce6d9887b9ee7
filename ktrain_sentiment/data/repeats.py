"""Rows that say the same: near duplicates, contradictions, and leaks between splits."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.cleaning import collapse_spaces, mask_mentions, mask_urls, strip_html
from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.at_rest import Strings, in_portions, some_rows, take_rows
from ktrain_sentiment.data.findings import EXAMPLES, Example, Finding, examples
from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.data.similar import LEAST_SHARED, similar_groups
from ktrain_sentiment.messages import count, percent, shorten

_RETWEET = re.compile(r"^\s*RT @\w+:?\s", re.IGNORECASE)
_USER = re.compile(r"@user\b")
_END = " .…"


def near_key(text: str) -> str:
    """A text without what does not make it another text.

    Case, spacing, HTML, links, mentions, the ways to write one character, a leading
    `RT @someone:` and full stops at the end do not count. Other punctuation does: in tweets, `:)`
    and `:(` are all the difference. A text that is nothing but links and mentions is its own key.
    """
    # Each step is asked for by a sign that it needs: most texts have none of them.
    bare = _RETWEET.sub("", text) if "@" in text else text
    key = mask_urls(strip_html(bare), "")
    if "@" in key:
        key = _USER.sub("", mask_mentions(key, ""))
    if not key.isascii():
        key = unicodedata.normalize("NFKC", key)
    key = collapse_spaces(key.casefold())
    return key.rstrip(_END) or key or collapse_spaces(text.casefold())


def near_codes(texts: Iterable[str]) -> NDArray[np.int64]:
    """A number for each text, the same for near duplicates and different for others.

    Numbers follow the order of first sight. Keys are compared by their 64-bit hashes, to save
    memory: with a million keys, two of them collide once in thirty million data sets.
    """
    hashes = np.fromiter((hash(near_key(text)) for text in texts), dtype=np.int64)
    return np.asarray(pd.factorize(hashes)[0], dtype=np.int64)


def exact_codes(texts: pd.Series[str]) -> Codes:
    """A number for each text, the same for equal texts; compared by hashes as in `near_codes`."""
    hashes = (hash(text) for part in in_portions(texts) for text in part)
    return np.fromiter(hashes, np.int64, len(texts))


Codes = NDArray[np.int64]
_PAIRS = (("train", "validation"), ("train", "test"), ("validation", "test"))


@dataclass(frozen=True)
class Leak:
    """Rows of one split whose text, or nearly, stands in an earlier one too.

    Attributes:
        earlier: The split that is learned from.
        later: The split that is judged on.
        rows: How many rows of the later split are concerned.
        total: How many rows it has.
        examples: Some of them: (text, row in the earlier split, row in the later split).
    """

    earlier: str
    later: str
    rows: int
    total: int
    examples: tuple[tuple[str, int, int], ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.rows:,} of {self.total:,} {self.later} rows stand in {self.earlier} too, "
            f"exactly or nearly (--leaks drop leaves them out of {self.earlier})"
        )


def leaks(splits: Mapping[str, pd.DataFrame]) -> tuple[Leak, ...]:
    """Find near duplicates across splits.

    Args:
        splits: Frames with `text` and `row`, under the names train, validation and test.
    """
    return _leaks(splits, _codes(splits))


def _leaks(splits: Mapping[str, pd.DataFrame], codes: Mapping[str, Codes]) -> tuple[Leak, ...]:
    found = []
    for earlier, later in _PAIRS:
        shared = np.isin(codes[later], codes[earlier])
        if shared.any():
            examples = _examples(splits, codes, earlier, later, np.flatnonzero(shared)[:5])
            leak = Leak(earlier, later, int(shared.sum()), len(shared), examples)
            found.append(leak)
    return tuple(found)


def drop_leaks(splits: Mapping[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Leave out of train and validation what is judged on later; later splits stay whole.

    Returns:
        The splits, and a note for each that lost rows.
    """
    codes = _codes(splits)
    judged = {
        "train": np.concatenate([codes["validation"], codes["test"]]),
        "validation": codes["test"],
    }
    kept = dict(splits)
    notes = []
    for name, later in judged.items():
        shared = np.isin(codes[name], later)
        if shared.any():
            kept[name] = take_rows(splits[name], np.flatnonzero(~shared))
            notes.append(
                f"left out {int(shared.sum()):,} rows of {name} that stand in a later split too"
            )
    return kept, notes


def _codes(
    splits: Mapping[str, pd.DataFrame],
) -> dict[str, Codes]:
    parts = itertools.chain.from_iterable(in_portions(frame["text"]) for frame in splits.values())
    return _by_split(splits, near_codes(itertools.chain.from_iterable(parts)))


def _by_split(splits: Mapping[str, pd.DataFrame], codes: Codes) -> dict[str, Codes]:
    stops = np.cumsum([len(frame) for frame in splits.values()])[:-1]
    return dict(zip(splits, np.split(codes, stops), strict=True))


def _examples(
    splits: Mapping[str, pd.DataFrame],
    codes: Mapping[str, Codes],
    earlier: str,
    later: str,
    positions: Codes,
) -> tuple[tuple[str, int, int], ...]:
    examples = []
    for position in positions:
        there = int(np.flatnonzero(codes[earlier] == codes[later][position])[0])
        row = splits[later].iloc[position]
        examples.append(
            (str(row["text"]), int(splits[earlier]["row"].iloc[there]), int(row["row"]))
        )
    return tuple(examples)


def check_repeats(frame: pd.DataFrame, config: DataConfig) -> list[Finding]:
    """Find exact, near and similar repeats, and equal texts with different labels.

    Args:
        frame: Columns `text`, `label` and `row`, none of them missing.
        config: What is done with them. Texts with several scores have their mean, and contradict
            nobody.
    """
    found = find_repeats(frame["text"])
    rows = _KeyedRows(frame, found.codes, found.first)
    listed = [
        *rows.finding(
            found.exact,
            "repeated texts",
            f"whose text stands before, word for word; the commonest {found.most:,} times",
            _ON_REPEATS[config.duplicates],
        ),
        *rows.finding(
            found.near,
            "near repeats",
            "whose text stands before but for case, spacing, links, mentions or a final stop",
            _ON_NEAR_REPEATS[config.duplicates],
        ),
        *replace(rows, codes=found.groups).finding(
            found.similar,
            "similar texts",
            f"that share {percent(LEAST_SHARED, 0)} or more of their words with a text before",
            "templates and quotes look like this; if they come from one author or thread, keep "
            "that together with --group",
        ),
    ]
    if config.task != "score":
        listed += _contradictions(frame, found, config.contradictions)
    return listed


@dataclass(frozen=True)
class Repeats:
    """Which texts repeat one that stands before; every array of shape (texts,) but where said.

    Attributes:
        codes: A number for each text, from 0 in the order of first sight, the same for near
            duplicates; int64.
        first: Where the first text of each number stands; int64, shape (numbers,).
        groups: The number of the first text that each one is similar to; int64.
        exact: Word for word; bool.
        near: But for what `near_key` leaves out; bool.
        similar: But for a few words; bool.
        several: Texts of which there are several, the first of them among these; bool.
        most: How often the commonest text stands there, word for word.
    """

    codes: Codes
    first: Codes
    groups: Codes
    exact: NDArray[np.bool_]
    near: NDArray[np.bool_]
    similar: NDArray[np.bool_]
    several: NDArray[np.bool_]
    most: int


def find_repeats(texts: pd.Series[str]) -> Repeats:
    """Find the texts that repeat others: exactly, nearly, or with a few words changed.

    Args:
        texts: None of them missing.
    """
    keyed = _keyed(texts)
    codes = keyed.codes
    stands_before = np.ones(len(codes), np.bool_)
    stands_before[keyed.first] = False
    several = np.bincount(codes)[codes] > 1 if len(codes) else stands_before
    # Equal texts have equal keys, so that few rows are left to compare.
    own = pd.Series(exact_codes(texts)[several], index=np.flatnonzero(several))
    exact = np.zeros(len(codes), np.bool_)
    exact[own.index[own.duplicated()]] = True
    groups = similar_groups(keyed.distinct)[codes]
    return Repeats(
        codes, keyed.first, groups,
        exact=exact,
        near=stands_before & ~exact,
        similar=(groups != codes) & ~stands_before,
        several=several,
        most=int(own.value_counts().max()) if len(own) else 1,
    )  # fmt: skip


@dataclass(frozen=True)
class _Keyed:
    """Texts by their keys.

    Attributes:
        codes: As `near_codes` gives them.
        first: Where the first text of each number stands.
        distinct: The key of each number.
    """

    codes: Codes
    first: Codes
    distinct: pd.Series[str]


def _keyed(*columns: pd.Series[str]) -> _Keyed:
    hashes = np.empty(sum(map(len, columns)), np.int64)
    with Strings() as column:
        for part in itertools.chain.from_iterable(map(in_portions, columns)):
            keys = [near_key(text) for text in part]
            hashes[len(column) :][: len(keys)] = [hash(key) for key in keys]
            column.add(keys)
        every = column.series()
    codes = np.asarray(pd.factorize(hashes)[0], dtype=np.int64)
    # Numbers follow the order of first sight, so that a new one is above all before it.
    first = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    distinct = take_rows(pd.DataFrame({"key": every}, copy=False), first)["key"]
    return _Keyed(codes, first, distinct)


@dataclass(frozen=True)
class _KeyedRows:
    """Rows with the code of each one's text, and the first row of each code."""

    frame: pd.DataFrame
    codes: Codes
    first: Codes

    def finding(
        self, hit: NDArray[np.bool_], check: str, summary: str, advice: str
    ) -> list[Finding]:
        """A finding about some rows, whose examples name the row that they repeat; or none."""
        if not hit.any():
            return []
        rows = int(hit.sum())
        said = f"{count(rows, 'row')} {summary}"
        shown = tuple(self._example(int(position)) for position in np.flatnonzero(hit)[:EXAMPLES])
        return [Finding(check, said, rows, len(self.frame), "info", advice, shown)]

    def _example(self, position: int) -> Example:
        row = self.frame.iloc[position]
        earlier = self.frame.iloc[int(self.first[self.codes[position]])]
        said = f": {shorten(earlier['text'])}" if earlier["text"] != row["text"] else ""
        return Example(int(row["row"]), shorten(row["text"]), f"row {earlier['row']}{said}")


_ON_REPEATS = {
    "drop": "left out unless --duplicates keep (where the label is the same too)",
    "drop-near": "left out, as --duplicates drop-near says (where the label is the same too)",
    "keep": "kept, as --duplicates keep says; drop leaves out those whose label is the same too",
}
_ON_NEAR_REPEATS = {
    "drop": "they stay in one split; --duplicates drop-near leaves them out",
    "drop-near": _ON_REPEATS["drop-near"],
    "keep": "kept, in one split, as --duplicates keep says; drop-near leaves them out",
}
_ON_CONTRADICTIONS = {
    "majority": "--contradictions majority keeps the commonest label of equal texts (usual), drop "
    "leaves them out, keep keeps them all",
    "drop": "left out, as --contradictions drop says; majority keeps the commonest label of equal "
    "texts (usual)",
    "keep": "kept, as --contradictions keep says; majority keeps the commonest label of equal "
    "texts (usual), drop leaves them out",
}
"""What is said of repeats and contradictions, by what is done with them already."""


def _contradictions(frame: pd.DataFrame, found: Repeats, choice: str) -> list[Finding]:
    # Only texts of which there are several can contradict each other.
    several = take_rows(frame[["row", "text", "label"]], np.flatnonzero(found.several))
    several = several.assign(code=found.codes[found.several])
    contradicted = several.groupby("code")["label"].transform("nunique") > 1
    if not contradicted.any():
        return []
    rows = several[contradicted].sort_values("code", kind="stable")
    texts = rows["code"].nunique()
    return [
        Finding(
            check="contradicting labels",
            summary=f"{count(texts, 'text')} in {count(len(rows), 'row')} with different labels",
            rows=len(rows),
            of=len(frame),
            severity="error",
            advice=_ON_CONTRADICTIONS[choice],
            examples=examples(rows, rows["label"]),
        )
    ]


def check_splits(splits: Splits) -> tuple[Finding, ...]:
    """Find texts that stand in two splits, nearly the same or similar.

    Of very many training rows, some are looked at for similar ones.
    """
    frames = splits.frames()
    keyed = _keyed(*(frame["text"] for frame in frames.values()))
    codes = _by_split(frames, keyed.codes)
    return (*map(_leak, _leaks(frames, codes)), *_similar_across(frames, keyed.distinct, codes))


def _leak(leak: Leak) -> Finding:
    return Finding(
        check="leak",
        summary=f"{leak.rows:,} of {leak.total:,} {leak.later} rows stand in {leak.earlier} too, "
        "exactly or nearly",
        rows=leak.rows,
        of=leak.total,
        severity="error",
        advice=f"figures on {leak.later} are too good; --leaks drop leaves these texts out of "
        f"{leak.earlier}",
        examples=tuple(
            Example(row, shorten(text), f"row {there} of {leak.earlier}")
            for text, there, row in leak.examples
        ),
    )


def _similar_across(
    splits: Mapping[str, pd.DataFrame], keys: pd.Series[str], own_codes: Mapping[str, Codes]
) -> list[Finding]:
    """Findings of similar texts; `keys` are those of the codes."""
    frames = {**splits, "train": some_rows(splits["train"])}
    joined = pd.concat(
        [frame[["text", "row"]].assign(split=name) for name, frame in frames.items()],
        ignore_index=True,
    )
    trained_on = some_rows(pd.DataFrame({"code": own_codes["train"]}))["code"].to_numpy()
    codes = np.concatenate([*{**own_codes, "train": trained_on}.values()])
    there, places = np.unique(codes, return_inverse=True)
    kept = keys if len(there) == len(keys) else take_rows(keys.to_frame(), there)[keys.name]
    groups = similar_groups(kept)[places]
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
    for position in np.flatnonzero(hit)[:EXAMPLES]:
        row = joined.iloc[position]
        there = joined.iloc[int(first[groups[position]])]
        remark = f"row {there['row']} of train: {shorten(there['text'])}"
        shown.append(Example(int(row["row"]), shorten(row["text"]), remark))
    return Finding(
        check="similar texts across splits",
        summary=f"{int(hit.sum()):,} of {total:,} {later} rows share {percent(LEAST_SHARED, 0)} or "
        "more of their words with a train row",
        rows=int(hit.sum()),
        of=total,
        severity="warning",
        advice="if these are templates or one author's texts, divide by --group",
        examples=tuple(shown),
    )
