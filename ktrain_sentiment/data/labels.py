"""Labels as the user wants them: renamed, folded, left out, taken apart; typing errors caught."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.scores import (
    have_fractions,
    look_like_scores,
    plain_numbers,
    read_scores,
)
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.messages import count, counted, quoted
from ktrain_sentiment.tasks import (
    Kind,
    look_like_stars,
    not_quite_stars,
    scale_of,
    spell_stars,
    star_of,
)
from ktrain_sentiment.words import NO_VALUE, as_seen, is_slip

_SEPARATORS = ("|", ";", ",", "/", "+")


def parse_map(text: str) -> dict[str, str]:
    """Read `"1,2=negative 3=neutral 4,5=positive"`.

    Names with spaces take semicolons between the assignments: `"very good=good; so so=neutral"`.

    Returns:
        The new name of each old one.

    Raises:
        ConfigError: It is not of that form, or gives a label two names.
    """
    renamed: dict[str, str] = {}
    parts = text.split(";") if ";" in text or text.count("=") == 1 else text.split()
    for part in filter(None, map(str.strip, parts)):
        old, sign, new = part.partition("=")
        names = [name.strip() for name in old.split(",")]
        if not sign or not new.strip() or not all(names):
            raise ConfigError(
                f'--map {text!r}: cannot read {part!r}; wanted old,old=new, as in "1,2=negative '
                '3=neutral 4,5=positive" (or with ; between)'
            )
        if "=" in new or new.rstrip().endswith(","):
            raise ConfigError(
                f"--map {text!r}: {part!r} names two labels; commas stand between old names, and "
                f"the assignments are parted by a space or ;, as in {_parted(text)!r}"
            )
        for name in names:
            if renamed.get(name, new.strip()) != new.strip():
                raise ConfigError(f"--map {text!r}: gives {name!r} two names; give it one")
            renamed[name] = new.strip()
    return renamed


def _parted(text: str) -> str:
    """A `--map` whose assignments are parted by commas, spelled as was probably meant."""
    assignments: list[str] = []
    waiting: list[str] = []
    for piece in filter(None, map(str.strip, re.split(r"[,;]", text))):
        waiting.append(piece)
        if "=" in piece:
            assignments.append(",".join(waiting))
            waiting = []
    return ";".join(assignments)


@dataclass(frozen=True)
class Relabelled:
    """Labels after renaming, and what to tell the user.

    Attributes:
        labels: The labels.
        notes: What to tell.
        hints: What numbers and odd labels may mean, where they are classes.
    """

    labels: pd.Series[str]
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


def relabel(
    labels: pd.Series[str], config: DataConfig, source: str, *, lenient: bool = False
) -> Relabelled:
    """Fold and rename labels; missing ones stay missing.

    Args:
        labels: As they are in the source.
        config: How to fold and rename.
        source: For messages.
        lenient: Labels that `--map` names need not occur.

    Raises:
        DataError: `--map` names labels that do not occur.
    """
    seen = {kind: as_seen(kind) for kind in labels.dropna().unique()}
    rows_of = labels.value_counts()
    spaced = sum(rows_of[kind] for kind, name in seen.items() if kind.strip() == name != kind)
    unseen = sum(rows_of[kind] for kind, name in seen.items() if kind.strip() != name)
    labels = labels.map(seen, na_action="ignore").astype("str")
    if config.fold_labels:
        labels = labels.map(fold, na_action="ignore").astype("str")
    around = f"spaces around {count(spaced, 'label')} are not part of them" if spaced else ""
    alike = (
        f"{count(unseen, 'label holds', 'labels hold')} signs that cannot be seen, accents "
        "apart from their letters, or another minus sign: they are called as they look"
        if unseen
        else ""
    )
    mapping = {as_seen(old): new for old, new in parse_map(config.map).items()}
    numbers = "" if mapping else _are_numbers(labels)
    notes = [around, alike, _differ_in_case(labels)]
    hints = [numbers, _stand_for_none(labels), _slipped(labels)]
    if config.fold_labels:
        mapping = {fold(old): new for old, new in mapping.items()}
    if mapping:
        occurring = set(labels.dropna().unique())
        mapping = _found(mapping, occurring, source, lenient=lenient)
        notes.append(_not_mapped(occurring, mapping))
        labels = labels.replace(mapping)
    return Relabelled(labels, tuple(filter(None, notes)), tuple(filter(None, hints)))


@dataclass(frozen=True)
class LabelKind:
    """What labels were taken for.

    Attributes:
        kind: `classes`, `stars` or `score`.
        labels: The labels; each star and each number has one spelling.
        note: What to tell the user where it was guessed.
    """

    kind: Kind
    labels: pd.Series[str]
    note: str = ""


def find_kind(
    labels: pd.Series[str],
    rows: Sequence[int] | NDArray[np.int64],
    config: DataConfig,
    source: str,
    *,
    named: bool,
    trained: str = "",
) -> LabelKind:
    """Say whether labels are classes, stars or scores, and make sure of stars and scores.

    Args:
        labels: After renaming; missing ones stay missing.
        rows: The place of each in its source.
        config: `task`, `stars`, and the labels that are left out.
        source: For messages.
        named: Whether their column is called rating, stars or the like.
        trained: What they were to the model that is judged on them; empty without one.

    Raises:
        DataError: They are said to be stars or scores, and one is none, or beyond the scale.
    """
    kinds = set(labels.dropna().unique()) - set(config.drop_labels)
    absent = {kind for kind in stand_ins(kinds) if star_of(kind) is None} | {""}
    kinds -= absent
    asked = config.task != "auto" or bool(config.stars)
    kind = config.task if config.task != "auto" else trained
    _refuse_another_task(labels, kinds, "" if asked else trained, source)
    if not kind:
        stars = bool(config.stars) or look_like_stars(kinds - stand_ins(kinds), named=named)
        # With either of these few classes may be left, which were read as such.
        fewer = bool(config.map) or config.min_class_size > 0
        scores = not stars and not fewer and have_fractions(labels[labels.isin(kinds)])
        kind = "stars" if stars else "score" if scores else "classes"
    if kind == "score":
        known, dropped = asked or bool(trained), config.drop_labels
        return LabelKind("score", *read_scores(labels, rows, source, asked=known, named=dropped))
    if kind != "stars":
        odd = [] if asked or trained else not_quite_stars(labels[labels.isin(kinds)].tolist())
        return LabelKind("classes", labels, _not_taken_for_stars(odd) if odd else "")
    scales = {scale: kind for kind in sorted(kinds, reverse=True) if (scale := scale_of(kind))}
    if len(scales) > 1:
        one, other = sorted(scales.values())[:2]
        raise DataError(
            f"{source}: labels {one!r} and {other!r} are stars of two scales; bring them to one "
            f"with --map, such as {shlex.quote(f'{other}={one}')}, or leave some out with "
            "--drop-labels; --task classes takes labels as they are"
        )
    low, high = config.scale or (-np.inf, np.inf)
    for label, row in zip(labels, rows, strict=True):
        if label not in kinds:
            continue
        if (star := star_of(label)) is None:
            raise DataError(
                f"{source}: row {row}: the label {label!r} is no star; wanted numbers such as 1 to "
                f'5, "4 stars" or ★★★★☆; --drop-labels {shlex.quote(label)} leaves such rows out, '
                "--task classes takes labels as they are"
            )
        if not low <= star <= high:
            raise DataError(
                f"{source}: row {row}: {label!r} where stars are {low:g} to {high:g} (--stars "
                f"{config.stars}); mend it, or leave such rows out with --drop-labels "
                f"{shlex.quote(label)}"
            )
    spelled = labels.mask(labels.isin(absent)).replace(spell_stars(kinds))
    notes = [] if asked or trained else [_taken_for_stars(spelled)]
    if missing := int(labels.isin(absent).sum()):
        said = quoted(sorted(absent & set(labels.dropna()) - {""})) or "that are blank"
        notes.append(f"{count(missing, 'label')} {said} counted as missing: no star")
    return LabelKind("stars", spelled.astype("str"), "; ".join(notes))


def _refuse_another_task(
    labels: pd.Series[str], kinds: Collection[str], trained: str, source: str
) -> None:
    """Refuse labels that a model cannot be judged by, since it never answers with such."""
    if not trained or not kinds:
        return
    labels = labels[labels.isin(kinds)]
    if trained == "score":
        what = "" if any(plain_numbers([kind]) for kind in kinds) else "no label is a number"
    elif look_like_scores(labels):
        what = "labels are scores"
    else:
        known = trained != "stars" or any(star_of(kind) is not None for kind in kinds)
        what = "" if known else "no label is a star"
    if what:
        answers = "scores" if trained == "score" else trained
        raise DataError(
            f"{source}: {what}, such as {labels.iloc[0]!r}, and the model answers with {answers}: "
            "name the --label-column that has such, or judge a model on these labels that learned "
            "them"
        )


def _not_taken_for_stars(odd: Sequence[str]) -> str:
    return (
        f"nearly all labels are stars; {quoted(odd)} are none, so each label is a class without "
        "order: mend them, or leave such rows out with --drop-labels "
        f"{' '.join(map(shlex.quote, odd))}"
    )


def _taken_for_stars(labels: pd.Series[str]) -> str:
    names = label_order(labels.dropna().unique())
    return (
        f"labels are taken for stars, {names[0]} to {names[-1]}: their order is learned and judged "
        f"(--task classes: a class each; {_fewer(names)}: fewer)"
    )


def fold(label: str) -> str:
    """A label without regard to case and spacing."""
    return " ".join(label.split()).casefold()


def _found(
    mapping: Mapping[str, str], occurring: set[str], source: str, *, lenient: bool
) -> dict[str, str]:
    """The mapping in the labels' own spelling: `1` also names 1.0."""
    by_number = {_as_number(label): label for label in occurring}
    found: dict[str, str] = {}
    for old, new in mapping.items():
        label = old if old in occurring else by_number.get(_as_number(old))
        if label is None and lenient:
            continue
        if label is None:
            raise DataError(f"{source}: --map names {old!r}, {absent(old, occurring)}")
        found[label] = new
    return found


def _as_number(label: str) -> float | str:
    try:
        return float(label)
    except ValueError:
        return label


def absent(label: str, occurring: Iterable[str]) -> str:
    """The end of a message about a label that does not occur."""
    names = sorted(occurring)
    near = difflib.get_close_matches(label, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"which no row has; labels: {quoted(names)}{hint}"


def _not_mapped(occurring: set[str], mapping: Mapping[str, str]) -> str:
    rest = sorted(occurring - set(mapping) - set(mapping.values()))
    return f"labels that --map does not name stay as they are: {quoted(rest)}" if rest else ""


def _differ_in_case(labels: pd.Series[str]) -> str:
    kinds = pd.Series(labels.dropna().unique(), dtype="str")
    alike = kinds[kinds.map(fold).duplicated(keep=False)]
    if len(alike) == 0:
        return ""
    return f"labels that differ only in case or spacing: {quoted(alike)}; --fold-labels joins them"


_SLIP_SHARE = 0.1
"""A label is taken for a slip of another that has more than ten times as many rows."""
_MOST_COMPARED = 200


def slips(counts: Mapping[str, int]) -> dict[str, str]:
    """Labels that are perhaps slips of others: rare, and one letter from a frequent one.

    Args:
        counts: Rows of each label.

    Returns:
        What each was perhaps meant to be.
    """
    frequent = sorted(counts, key=lambda label: -counts[label])
    return {
        label: other
        for label in frequent
        for other in [next((one for one in frequent if is_slip(label, one)), None)]
        if other is not None and counts[label] <= _SLIP_SHARE * counts[other]
    }


def _slipped(labels: pd.Series[str]) -> str:
    counts = {str(name): int(rows) for name, rows in labels.value_counts().items()}
    # More are no names of classes, and each is held against each.
    found = slips(counts) if len(counts) <= _MOST_COMPARED else {}
    if not found:
        return ""
    said = ", ".join(
        f"{rarer!r} ({count(counts[rarer], 'row')}) for {other!r}" for rarer, other in found.items()
    )
    joined = " ".join(f"{rarer}={other}" for rarer, other in found.items())
    return f'labels that may be slips: {said}; --map "{joined}" joins them'


def label_order(labels: Iterable[str]) -> list[str]:
    """Labels sorted; numbers and stars by how many they are."""
    names = sorted(labels)
    stars = {name: star for name in names if (star := star_of(name)) is not None}
    # ★★★★☆ comes before ★☆☆☆☆ by its letters, and 10 before 2.
    return sorted(names, key=stars.__getitem__) if len(stars) == len(names) else names


def _are_numbers(labels: pd.Series[str]) -> str:
    """What numbers may mean; 1.0 is 1, as pandas writes whole numbers beside gaps."""
    kinds = {re.sub(r"\.0+$", "", label) for label in labels.dropna().unique()}
    kinds -= stand_ins(kinds)
    if kinds and kinds <= {"0", "1"}:
        return 'labels are 0 and 1; --map "0=negative 1=positive" gives them names'
    if len(kinds) > 2 and (kinds <= set("12345") or look_like_stars(kinds)):
        # Of 1, 2 and 5 the others are missing by chance.
        names = list("12345") if kinds <= set("12345") else label_order(kinds)
        return (
            "labels look like stars, each a class of its own (--task stars: in order); "
            f"{_fewer(names)} makes fewer"
        )
    return ""


def _fewer(names: Sequence[str]) -> str:
    """The flag that folds stars, in order: the low, the middle one if there is one, the high."""
    half = len(names) // 2
    middle = f" {names[half]}=neutral" if len(names) % 2 else ""
    low, high = ",".join(names[:half]), ",".join(names[len(names) - half :])
    return f'--map "{low}=negative{middle} {high}=positive"'


def stand_ins(kinds: Iterable[str]) -> set[str]:
    """Labels that likely stand for a missing one: `nan`, `NULL`, and -1 beside 0, 1, ..."""
    kinds = set(kinds)
    found = {kind for kind in kinds if kind.strip().casefold() in NO_VALUE}
    minus = {kind for kind in kinds if kind.strip() in {"-1", "-1.0"}}
    others = kinds - found - minus
    counted_from_zero = others and all(re.fullmatch(r"\d+(\.0+)?", kind) for kind in others)
    return found | minus if counted_from_zero else found


def _stand_for_none(labels: pd.Series[str]) -> str:
    counts = labels.value_counts()
    found = [(kind, int(rows)) for kind, rows in counts.items() if kind in stand_ins(counts.index)]
    if not found or len(found) == len(counts):
        return ""
    names = " ".join(shlex.quote(str(kind)) for kind, _ in found)
    return (
        f"labels that likely stand for a missing one: {counted(found)}; --drop-labels {names} "
        "leaves these rows out"
    )


def several_labels(labels: pd.Series[str]) -> pd.Series[str]:
    """The separator of each label that is several labels in one; empty for plain ones.

    A label is several in one when its parts, between | ; , / or +, all occur as labels too, alone
    or as parts of others.
    """
    kinds = [str(kind) for kind in labels.dropna().unique()]
    separators = dict.fromkeys(kinds, "")
    for separator in _SEPARATORS:
        compound = {kind: _parts(kind, separator) for kind in kinds if separator in kind}
        single = set(kinds) - set(compound)
        if separator == "|":
            single |= {part for parts in compound.values() for part in parts}
        for kind, parts in compound.items():
            if len(parts) > 1 and not separators[kind] and set(parts) <= single:
                separators[kind] = separator
    if not any(separators.values()):
        return pd.Series("", index=labels.index, dtype="str")
    return labels.map(separators).fillna("").astype("str")


def _parts(label: str, separator: str) -> list[str]:
    return [part.strip() for part in re.split(re.escape(separator), label) if part.strip()]


def split_labels(frame: pd.DataFrame, separators: pd.Series[str]) -> pd.DataFrame:
    """One row for each label of a row that has several; the index says of which."""
    labels = [
        list(dict.fromkeys(_parts(label, separator))) if separator else [label]
        for label, separator in zip(frame["label"], separators, strict=True)
    ]
    exploded = frame.assign(label=pd.Series(labels, index=frame.index, dtype=object))
    exploded = exploded.explode("label")
    return exploded.assign(label=exploded["label"].astype("str"))
