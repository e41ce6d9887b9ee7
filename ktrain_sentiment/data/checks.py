"""What is wrong with a data set, found before it is trained on."""

from __future__ import annotations

import functools
import itertools
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ktrain_sentiment.cleaning import strip_html
from ktrain_sentiment.data.at_rest import asked_of_each, take_rows
from ktrain_sentiment.data.findings import EXAMPLES, Finding, found_in
from ktrain_sentiment.data.label_sets import one_a_row
from ktrain_sentiment.data.labelled import OWN_COLUMNS, LabelledTexts
from ktrain_sentiment.data.labels import several_labels, stand_ins
from ktrain_sentiment.data.repeats import check_repeats
from ktrain_sentiment.data.selection import is_blank, wanted_labels
from ktrain_sentiment.errors import MissingExtraError, require
from ktrain_sentiment.messages import count, counted, percent, quoted, shorten
from ktrain_sentiment.words import SHEET_ERRORS, WORD

SURE = 0.95
"""At this confidence 8,362 English sentences and reviews had no text called another language by
mistake, and 30 of 32 tweets called so were foreign indeed."""
_LEAST_LETTERS = 20
_LANGUAGE_READ = 200
_MAIN_SAMPLE = 300
_NO_LANGUAGE = re.compile(r"https?://\S+|[@#]\w+|&\w+;|<[^<>]*>|\d+")


def languages(texts: Iterable[str]) -> list[str]:
    """The ISO 639 code of each text's language; empty where it is too short or not certain.

    Raises:
        MissingExtraError: py3langid is not installed.
    """
    identifier = _identifier()
    return [_language(text, identifier) for text in texts]


def main_language(texts: Sequence[str] | pd.Series[str]) -> str:
    """The ISO 639 code of the language that most of a sample of texts are in, or none.

    Most of those whose language is certain: tweets and titles are often too short for that, and
    the others speak for them. A tenth of the sample has to be certain. None too where py3langid
    is not installed, as beside a predictor alone.
    """
    step = max(1, -(-len(texts) // _MAIN_SAMPLE))
    sample = list(texts.iloc[::step] if isinstance(texts, pd.Series) else texts[::step])
    try:
        codes = Counter(filter(None, languages(sample)))
    except MissingExtraError:
        return ""
    code, times = codes.most_common(1)[0] if codes else ("", 0)
    return code if 2 * times > codes.total() and 10 * times >= len(sample) else ""


@functools.cache
def _identifier() -> Any:  # noqa: ANN401
    langid = require("py3langid.langid", "data")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def _language(text: str, identifier: Any) -> str:  # noqa: ANN401
    plain = _NO_LANGUAGE.sub(" ", text[: 2 * _LANGUAGE_READ])[:_LANGUAGE_READ]
    if sum(map(str.isalpha, plain)) < _LEAST_LETTERS:
        return ""
    code, confidence = identifier.classify(plain)
    return str(code) if confidence >= SURE else ""


PRECISE = 0.97
"""Share of the texts with the word that have the label."""
COMMON = 0.2
"""Share of the texts with the label that have the word."""
LEAST_TEXTS = 20
_LIFT = 1.25
_SAMPLE = 100_000
_READ = 2_000


def check_words(frame: pd.DataFrame) -> list[Finding]:
    """Find words that decide a label nearly alone and stand in a good part of its texts.

    Args:
        frame: Columns `text`, `label` and `row`.
    """
    sample = frame.iloc[:: max(1, -(-len(frame) // _SAMPLE))]
    by_label: dict[str, Counter[str]] = {label: Counter() for label in sample["label"].unique()}
    for label, text in zip(sample["label"], sample["text"], strict=True):
        by_label[label].update(_words(text))
    everywhere = sum(by_label.values(), Counter[str]())
    sizes = sample["label"].value_counts()
    found: list[Finding] = []
    for label, counts in by_label.items():
        least = max(LEAST_TEXTS, COMMON * sizes[label])
        for word, hits in _common(counts, least):
            precision = hits / everywhere[word]
            if precision >= max(PRECISE, _LIFT * sizes[label] / len(sample)):
                has = sample["text"].map(lambda text, word=word: word in _words(text)).astype(bool)
                found += found_in(
                    sample, has, "give-away word", "error",
                    f"the word {word!r} stands in {percent(hits / sizes[label])} of the {label!r} "
                    f"texts, and {percent(precision)} of the texts that have it are {label!r} "
                    f"({count(int(has.sum()), 'text')})",
                    "if it is a trace of how the data was made, take it out of the texts: the "
                    "model would learn nothing else",
                )  # fmt: skip
    return found


def _words(text: str) -> set[str]:
    return set(WORD.findall(text[:_READ].lower()))


def _common(counts: Counter[str], least: float) -> Iterator[tuple[str, int]]:
    return itertools.takewhile(lambda pair: pair[1] >= least, counts.most_common())


LONG = 10_000
"""Characters: far more than any common encoder reads."""
LANGUAGE_SAMPLE = 10_000
RARE = 20
"""Rows: with fewer, a class can be neither learned nor judged."""
DOMINANT = 0.7
"""Share of the rows from which one class makes accuracy a poor figure."""
_TAG_NAMES = "br|p|div|span|a|b|i|u|em|strong|small|li|ul|ol|h[1-6]|img|table|td|tr|blockquote"
_TAG = re.compile(rf"</?(?:{_TAG_NAMES})\b[^<>]*>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z]+\d?);", re.IGNORECASE)
_MOJIBAKE = re.compile(
    "\u00c3[\u0080-\u00bf]|\u00c2[\u0080-\u00bf]|\u00e2\u20ac|\ufffd|\u00f0\u0178"
)
_SHEET_ERROR = re.compile(rf"(?i)\A\s*(?:{'|'.join(map(re.escape, sorted(SHEET_ERRORS)))})\s*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Check = Callable[[pd.DataFrame], list[Finding]]


def check_rows(texts: LabelledTexts) -> tuple[Finding, ...]:
    """Run all checks on the rows as they were read, repeats and contradictions included.

    Rows whose label the configuration leaves out are not looked at.

    Args:
        texts: As `read_rows` gives them.

    Returns:
        What was found; a check that finds nothing gives nothing.
    """
    frame = _rows_where(texts.frame[list(OWN_COLUMNS)], wanted_labels(texts))
    kind = texts.config.task
    columns = ("text",) if kind == "multi" else ("text", "label")
    blank = {column: is_blank(frame[column]) for column in columns}
    found = _check_blank(frame, blank)
    unlabelled = frame["label"].isna() if kind == "multi" else blank["label"]
    used = _rows_where(frame, ~(blank["text"] | unlabelled))
    found += check_repeats(used, texts.config)
    for check in _OF_KIND.get(kind, _CHECKS):
        found += check(used)
    return tuple(found)


def _rows_where(frame: pd.DataFrame, wanted: pd.Series[bool]) -> pd.DataFrame:
    """Some rows; nothing is copied where that is all of them."""
    return frame if wanted.all() else take_rows(frame, np.flatnonzero(wanted))


def _check_blank(
    frame: pd.DataFrame, blank_of: Mapping[str, pd.Series[bool]]
) -> list[Finding]:  # fmt: skip
    found: list[Finding] = []
    for column, blank in blank_of.items():
        if not blank.any():
            continue  # Millions of texts need not be read again.
        missing = frame[column].isna() | (frame[column] == "")
        spaces = int((blank & ~missing).sum())
        only = f", {spaces:,} of them white space only" if spaces else ""
        found += found_in(
            frame, blank, f"no {column}", "info",
            f"{count(int(blank.sum()), 'row')} without {column}{only}",
            "these rows are left out; fill them in at the source if they matter",
        )  # fmt: skip
    return found


def _check_long(frame: pd.DataFrame) -> list[Finding]:
    lengths = frame["text"].str.len()
    long = lengths > LONG
    return found_in(
        frame, long, "very long texts", "warning",
        f"{count(int(long.sum()), 'text')} of more than {LONG:,} characters, the longest of "
        f"{lengths.max():,.0f}",
        "they are read in many pieces (--long-texts); are these single texts?",
        (f"{n:,} characters" for n in lengths[long]),
    )  # fmt: skip


def _check_html(frame: pd.DataFrame) -> list[Finding]:
    tags = asked_of_each(frame["text"], _has_tag)
    entities = asked_of_each(frame["text"], _has_entity)
    kinds = [count(int(tags.sum()), "text") + " with tags"] if tags.any() else []
    kinds += [count(int(entities.sum()), "text") + " with entities"] if entities.any() else []
    either = tags | entities
    seen = (", ".join(_html_in(text)) for text in frame["text"][either].head(EXAMPLES))
    return found_in(
        frame, either, "HTML remains", "warning", " and ".join(kinds),
        "--cleaning html removes tags and resolves entities; the predictor then does the same",
        seen,
    )  # fmt: skip


def _has_tag(text: str) -> bool:
    return "<" in text and _TAG.search(text) is not None


def _has_entity(text: str) -> bool:
    """Whether there is one that stands for something: `&copy=1` in a link is none."""
    return "&" in text and _ENTITY.search(text) is not None and strip_html(text) != text


def _html_in(text: str) -> list[str]:
    marks = [match[0] for match in (*_TAG.finditer(text), *_ENTITY.finditer(text))]
    return list(dict.fromkeys(shorten(mark, 30) for mark in marks))[:4]


def _check_characters(frame: pd.DataFrame) -> list[Finding]:
    found: list[Finding] = []
    kinds = {
        "broken characters": (_MOJIBAKE, "were read or saved in the wrong encoding (such as Ã©)",
                              "export them again as UTF-8, or name the file's --encoding"),
        "control characters": (_CONTROL, "hold characters that no one can see",
                               "look where they come from; most tokenizers drop them"),
        "spreadsheet errors": (_SHEET_ERROR, "a spreadsheet made errors of (such as #NAME?)",
                               "write their texts, which began with = and were taken for a "
                               "formula, into the cells again, or leave these rows out"),
    }  # fmt: skip
    for name, (pattern, what, advice) in kinds.items():
        hit = frame["text"].str.contains(pattern)
        said = f"{count(int(hit.sum()), 'text')} that {what}"
        first = [repr(_first(pattern, text)) for text in frame["text"][hit].head(EXAMPLES)]
        found += found_in(frame, hit, name, "warning", said, advice, first)
    return found


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[0] if match else ""


def _check_language(frame: pd.DataFrame) -> list[Finding]:
    step = max(1, -(-len(frame) // LANGUAGE_SAMPLE))
    sample = frame.iloc[::step]
    codes = pd.Series(languages(sample["text"]), index=sample.index)
    certain = codes[codes != ""]
    if len(certain) == 0:
        return []
    main = str(certain.mode().iloc[0])
    other = certain[certain != main]
    listed = counted(other.value_counts().items())
    where = f"a sample of {len(sample):,} rows" if step > 1 else "all rows"
    return found_in(
        sample, (codes != "") & (codes != main), "other languages", "warning",
        f"most texts are in {main}, {count(len(other), 'text')} of {where} surely in another "
        f"language: {listed}",
        "an encoder of one language makes little of others: leave these rows out, or take a "
        "multilingual --encoder, such as distilbert-base-multilingual-cased",
        other,
    )  # fmt: skip


def _check_rare(frame: pd.DataFrame) -> list[Finding]:
    counts = frame["label"].value_counts()
    rare = counts[counts < RARE]
    hit = frame["label"].isin(rare.index)
    return found_in(
        frame, hit, "rare classes", "warning",
        f"{count(len(rare), 'class', 'classes')} with fewer than {RARE} rows: "
        f"{counted(rare.items())}",
        f'--min-class-size {RARE} leaves them out, --drop-labels chooses, --map "old,old=new" '
        "joins them; or collect more",
        frame["label"][hit],
    )  # fmt: skip


def _check_balance(frame: pd.DataFrame) -> list[Finding]:
    counts = frame["label"].value_counts()
    if len(counts) < 2 or counts.iloc[0] <= DOMINANT * len(frame):
        return []
    return [
        Finding(
            check="imbalance",
            summary=f"{percent(counts.iloc[0] / len(frame))} of the rows are {counts.index[0]!r}: "
            "always saying so is right that often",
            rows=int(counts.iloc[0]),
            of=len(frame),
            severity="warning",
            advice="judge by macro-F1, not by accuracy; --class-weight balanced may help",
        )
    ]


def _check_several(frame: pd.DataFrame) -> list[Finding]:
    several = several_labels(frame["label"]) != ""
    kinds = frame["label"][several]
    return found_in(
        frame, several, "several labels", "warning",
        f"{count(len(kinds), 'row')} with several labels in one: "
        f"{counted(kinds.value_counts().items())}",
        "--task multi learns them all; --multi-label keep makes classes of their own, drop leaves "
        "them out, split gives each label a row",
        kinds,
    )  # fmt: skip


def _check_stand_ins(frame: pd.DataFrame) -> list[Finding]:
    kinds = sorted(stand_ins(frame["label"].unique()))
    meant = frame["label"].isin(kinds)
    if meant.all():
        return []
    return found_in(
        frame, meant, "label for none", "error",
        f"{count(int(meant.sum()), 'row')} labelled {quoted(kinds)}, which likely stands for no "
        "label and is learned as a class",
        f"--drop-labels {' '.join(map(shlex.quote, kinds))} leaves these rows out",
    )  # fmt: skip


def _check_label_sets(frame: pd.DataFrame) -> list[Finding]:
    """Several labels a text: rare ones, and how many rows have none."""
    apart = one_a_row(frame)
    without = frame["label"] == ""
    return _check_rare(apart[apart["label"] != ""]) + found_in(
        frame, without, "no label of several", "info",
        f"{count(int(without.sum()), 'row')} without any of the labels",
        "such rows are learned from: if they were only never labelled, leave them out at the "
        "source",
    )  # fmt: skip


_TEXT_CHECKS: tuple[Check, ...] = (
    _check_long, _check_html, _check_characters, _check_language,
)  # fmt: skip
"""What can be wrong with texts whatever their labels are."""
_CHECKS: tuple[Check, ...] = (
    _check_stand_ins, *_TEXT_CHECKS, _check_several, _check_rare, _check_balance, check_words,
)  # fmt: skip
_OF_KIND: Mapping[str, Sequence[Check]] = {
    "score": _TEXT_CHECKS, "multi": (*_TEXT_CHECKS, _check_label_sets),
}  # fmt: skip
"""The checks of tasks that have no classes."""
