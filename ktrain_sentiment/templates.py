"""Sentences made from templates: what a classifier is checked with, and what it can learn from.

A file of templates is YAML: lists of words, and tests whose templates name them in braces. The
kinds of test are those of CheckList (Ribeiro et al. 2020, arXiv:2005.04118): minimum functionality
(`expect`), invariance (`vary`, `typos`, `add`), direction (`add` with `never`).
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import yaml

from ktrain_sentiment.config.flat import MOST_BYTES, parse_yaml
from ktrain_sentiment.config.renamed import nearest_names
from ktrain_sentiment.errors import ConfigError, one_line

Pole = Literal["negative", "neutral", "positive"]
Kind = Literal["minimum", "invariance", "direction"]

# {bad} and {bad2} are different words of the list `bad`.
SLOT = re.compile(r"\{([a-z_]+)(\d?)\}")
# Before a vowel, but not where u or eu sound as in "useful" and o as in "one".
_ARTICLE = re.compile(r"\b([Aa])(?= (?!eu|one|uni|use)[aeiouAEIOU])")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")

Words = Mapping[str, tuple[str, ...]]
Filled = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One test: sentences, what is done to them, and what a classifier should say.

    Attributes:
        name: What is tested, in words.
        capability: What a reader of language must be able to do, such as `negation`.
        templates: Sentences with words in braces.
        rows: Take texts of the data in place of templates.
        expect: The meanings that are right.
        vary: A case has one sentence for each word of this list.
        typos: A case has the sentence, and once more with so many words misspelt.
        add: A case has the sentence, and once more with one of these before or after it.
        where: On which side.
        never: How the probability of the positive label may not move by what is added.
    """

    name: str
    capability: str
    templates: tuple[str, ...] = ()
    rows: bool = False
    expect: tuple[Pole, ...] = ()
    vary: str = ""
    typos: int = 0
    add: tuple[str, ...] = ()
    where: Literal["before", "after"] = "after"
    never: Literal["rise", "fall"] | None = None

    @property
    def kind(self) -> Kind:
        """Which kind of test it is."""
        if self.expect:
            return "minimum"
        return "invariance" if self.never is None else "direction"


class Templates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of templates.

    Attributes:
        tests: The tests, in the order in which they are shown.
        words: What may stand in braces, by name.
        language: ISO 639 code of the language that they are in.
        source: The file.
    """

    tests: Annotated[tuple[Template, ...], msgspec.Meta(min_length=1)]
    words: dict[str, Filled] = {}
    language: str = "en"
    source: str = ""


Case = tuple[str, ...]
"""The texts of one case; the first is the one that the others are held against."""


def read_templates(path: Path) -> Templates:
    """Read a file of templates.

    Raises:
        ConfigError: It cannot be read, or a test in it could not be carried out.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ConfigError(f"{path}: the templates cannot be read: {reason}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{path}: wanted a file of templates, got more than 1 MB")
    try:
        found = msgspec.convert(parse_yaml(raw.decode("utf-8-sig")), Templates)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{path}: no file of templates: {one_line(error)}; docs/evaluate.md shows one"
        ) from error
    for test in found.tests:
        problem = _problem(test, found.words)
        if problem:
            raise ConfigError(f"{path}: test {test.name!r}: {problem}")
    return msgspec.structs.replace(found, source=path.name)


def _problem(test: Template, words: Words) -> str:
    """Why a test cannot be carried out; empty where it can."""
    changes = [name for name in ("vary", "typos", "add") if getattr(test, name)]
    slots = {slot for text in (*test.templates, *test.add) for slot, _ in SLOT.findall(text)}
    unknown = sorted((slots | {test.vary} - {""}) - set(words))
    broken = [text for text in (*test.templates, *test.add) if set("{}") & set(SLOT.sub("", text))]
    if unknown:
        near = nearest_names(unknown[0], set(words)) or sorted(words)
        return f"there is no list of words {unknown[0]!r}; did you mean {' or '.join(near[:3])}?"
    if broken:
        return f"{broken[0]!r}: wanted words in braces as {{name}}, in small letters"
    if bool(test.templates) == test.rows:
        return "wanted either templates or 'rows: true'"
    if test.vary and (test.rows or not all(f"{{{test.vary}}}" in one for one in test.templates)):
        return f"each of its templates must have {{{test.vary}}}, which varies"
    if len(changes) > 1:
        return f"{' and '.join(changes)} exclude each other: make two tests of it"
    if not test.expect and not changes:
        return "wanted 'expect: [positive]' or the like, or one of vary, typos and add"
    if test.rows and test.expect:
        return "what a row should mean is not known here: leave out expect or rows"
    if test.never and (test.expect or not test.add):
        return "never says what may not come of what 'add' adds; it goes with nothing else"
    return ""


def draw(
    test: Template, words: Words, count: int, *, rows: Sequence[str] = (), seed: int = 0
) -> list[Case]:
    """Cases of a test, the same each time for the same test and seed.

    Args:
        test: The test.
        words: What may stand in braces.
        count: How many cases at most; all there are when they are fewer.
        rows: Texts of the data, for tests that take those.
        seed: Of the choice.
    """
    rng = np.random.default_rng([seed, zlib.crc32(test.name.encode())])
    bases = _bases(test, words, count, rng, rows)
    if test.vary:
        slot = f"{{{test.vary}}}"
        return [
            tuple(finish(base.replace(slot, word)) for word in words[test.vary]) for base in bases
        ]
    bases = [base if test.rows else finish(base) for base in bases]
    if test.typos:
        return [(base, misspell(base, test.typos, rng)) for base in bases]
    if not test.add:
        return [(base,) for base in bases]
    cases: list[Case] = []
    for base in bases:
        frame = test.add[int(rng.integers(len(test.add)))]
        added = finish(_fill(frame, words, rng))
        parts = (base, added) if test.where == "after" else (added, base)
        cases.append((base, " ".join(parts)))
    return cases


def finish(text: str) -> str:
    """A filled template as one writes it: "an" before vowels, a capital at its start."""
    text = _ARTICLE.sub(r"\1n", text)
    return text if text.startswith("http") else text[:1].upper() + text[1:]


def misspell(text: str, count: int, rng: np.random.Generator) -> str:
    """A text with two neighbouring letters exchanged in some of its words of four and more."""
    found = list(_LONG_WORD.finditer(text))
    chosen = rng.permutation(len(found))[:count].tolist()
    letters = list(text)
    for k in chosen:
        start, end = found[k].span()
        at = int(rng.integers(start + 1, end - 1))
        letters[at : at + 2] = letters[at + 1], letters[at]
    return "".join(letters)


def _bases(
    test: Template, words: Words, count: int, rng: np.random.Generator, rows: Sequence[str]
) -> list[str]:
    """Different sentences, as many of each template as there are; what varies is still open."""
    if test.rows:
        chosen = np.sort(rng.choice(len(rows), min(count, len(rows)), replace=False))
        return [rows[k] for k in chosen.tolist()]
    left, found = count, []
    sizes = {text: _size(text, words, test.vary) for text in test.templates}
    # From the rarest on, so that what a small template lacks goes to the large ones.
    ordered = sorted(test.templates, key=lambda text: sizes[text])
    for number, text in enumerate(ordered):
        share = math.ceil(left / (len(ordered) - number))
        made = list(_fillings(text, words, test.vary, min(share, sizes[text]), rng))
        found += made
        left -= len(made)
    return found


def _size(text: str, words: Words, vary: str) -> int:
    slots = {found for found in SLOT.findall(text) if found != (vary, "")}
    return math.prod(len(words[name]) for name, _ in slots)


def _fillings(
    text: str, words: Words, vary: str, count: int, rng: np.random.Generator
) -> Iterator[str]:
    """Up to so many different fillings of one template."""
    seen: set[str] = set()
    # Twenty draws for each that is wanted find nearly all, also where that is all there are.
    for _ in range(20 * count):
        if len(seen) == count:
            return
        made = _fill(text, words, rng, vary)
        if made not in seen:
            seen.add(made)
            yield made


def _fill(text: str, words: Words, rng: np.random.Generator, vary: str = "") -> str:
    """A template with a word in each brace but those that vary; words of one list differ."""
    slots = [slot for slot in dict.fromkeys(SLOT.findall(text)) if slot != (vary, "")]
    chosen: dict[tuple[str, str], str] = {}
    for name in dict.fromkeys(name for name, _ in slots):
        wanted = [slot for slot in slots if slot[0] == name]
        listed = words[name]
        picked = rng.choice(len(listed), len(wanted), replace=len(wanted) > len(listed))
        chosen |= {slot: listed[int(k)] for slot, k in zip(wanted, picked, strict=True)}
    return SLOT.sub(lambda found: chosen.get((found[1], found[2]), found[0]), text)
