"""Rows to learn from that nobody wrote: sentences from templates, and rows changed without effect.

Counterfactual pairs (the same sentence with another name, faith or nationality, and the same label)
and sentences whose label a turn of phrase decides, after Kaushik et al. 2020 (arXiv:1909.12434) and
Zmigrod et al. 2019 (arXiv:1906.04571); made by templates, as nobody is there to write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.data.repeats import near_codes
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.templates import Template, Templates, draw, read_templates

SHARE = 0.3
"""Rows to add, as a share of the training rows."""
MOST = 4_000
"""More would say the same again: the templates have so many words."""
UNSURE = 0.75
"""What is learned for the commoner label where nothing is said and no label is neutral: with one
half for each, which of them wins would be left to a person's name."""


@dataclass(frozen=True)
class Lessons:
    """Rows that are learned besides the training rows.

    Attributes:
        frame: Columns `text` and `lesson` (what it teaches).
        targets: float32 of shape (rows, classes); each row sums to one.
        labels: The classes.
    """

    frame: pd.DataFrame
    targets: NDArray[np.float32]
    labels: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Keep them as Parquet: the frame's columns, and a column `p_<label>` a class."""
        columns = [f"p_{label}" for label in self.labels]
        table = pd.concat([self.frame, pd.DataFrame(self.targets, columns=columns)], axis=1)
        write_table(path, table)

    @classmethod
    def read(cls, path: Path, labels: tuple[str, ...]) -> Lessons:
        """Read what `write` wrote."""
        table = pd.read_parquet(path)
        targets = table[[f"p_{label}" for label in labels]].to_numpy(np.float32)
        return cls(table[["text", "lesson"]], targets, labels)


def own_lessons() -> Templates:
    """The templates that come with this package, in English."""
    with as_file(files("ktrain_sentiment.data").joinpath("lessons.yaml")) as path:
        return read_templates(path)


def make_lessons(
    splits: Splits,
    poles: Mapping[str, str],
    *,
    share: float = SHARE,
    seed: int = 0,
) -> Lessons:
    """Make rows to learn from, of training rows and templates alone.

    What repeats a row of the validation or test split is left out.

    Args:
        splits: The labelled rows.
        poles: The meaning of each label: negative, neutral or positive.
        share: How many, as a share of the training rows.
        seed: Of the choice.
    """
    chosen = own_lessons()
    wanted = min(MOST, share * len(splits.train))
    each = max(1, round(wanted / len(chosen.tests)))
    rows = splits.train["text"].tolist()
    label_of = dict(zip(rows, splits.train["label"], strict=True))
    of_label = dict(zip(splits.labels, np.eye(len(splits.labels), dtype=np.float32), strict=True))
    of_pole = _pole_targets(splits, poles)
    rng = np.random.default_rng([seed, len(rows)])
    texts, lessons, targets = [], [], []
    for test in chosen.tests:
        for text, base in _learnable(test, chosen, each, rows, rng, seed):
            texts.append(text)
            lessons.append(test.name)
            targets.append(of_label[label_of[base]] if test.rows else of_pole[test.expect[0]])
    held_out = [*splits.validation["text"], *splits.test["text"]]
    codes = near_codes([*held_out, *texts])
    first = np.unique(codes, return_index=True)[1]
    kept = np.sort(first[first >= len(held_out)]) - len(held_out)
    frame = pd.DataFrame({"text": texts, "lesson": lessons}).iloc[kept].reset_index(drop=True)
    return Lessons(frame, np.asarray(targets, np.float32)[kept], splits.labels)


def _learnable(
    test: Template,
    templates: Templates,
    count: int,
    rows: Sequence[str],
    rng: np.random.Generator,
    seed: int,
) -> list[tuple[str, str]]:
    """So many texts of a test, each with the one that it was made from."""
    if not test.vary:
        cases = draw(test, templates.words, count, rows=rows, seed=seed)
        return [(case[-1], case[0]) for case in cases]
    # Two of each sentence, so that what varies is all that differs between them.
    cases = draw(test, templates.words, (count + 1) // 2, seed=seed)
    pairs = [rng.choice(len(case), 2, replace=False) for case in cases]
    return [(case[int(k)], case[0]) for case, pair in zip(cases, pairs, strict=True) for k in pair][
        :count
    ]


def _pole_targets(splits: Splits, poles: Mapping[str, str]) -> dict[str, NDArray[np.float32]]:
    """What is learned of a sentence with each meaning: its labels, as often as they occur."""
    counts = splits.train["label"].value_counts()
    sizes = {
        pole: np.array([counts[label] * (poles[label] == pole) for label in splits.labels])
        for pole in ("positive", "negative", "neutral")
    }
    found = {
        pole: (size / size.sum()).astype(np.float32) for pole, size in sizes.items() if size.any()
    }
    if "neutral" not in found:
        common, rare = sorted(found, key=lambda pole: -sizes[pole].sum())
        found["neutral"] = np.float32(UNSURE) * found[common] + np.float32(1 - UNSURE) * found[rare]
    return found
