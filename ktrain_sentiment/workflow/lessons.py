"""What a training learns besides its labels: a teacher's answers, and rows made from templates.

A teacher is another model whose probabilities are learned beside the labels (arXiv:1503.02531).
Templates make rows for `--augment`: counterfactual pairs (the same sentence with another name,
faith or nationality, and the same label) and sentences whose label a turn of phrase decides, after
Kaushik et al. 2020 (arXiv:1909.12434) and Zmigrod et al. 2019 (arXiv:1906.04571), as nobody is
there to write them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.config import DataConfig, TrainConfig
from ktrain_sentiment.data import Splits, UnlabelledTexts, read_unlabelled
from ktrain_sentiment.data.checks import main_language
from ktrain_sentiment.data.repeats import near_codes
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.behaviour import find_poles
from ktrain_sentiment.evaluation.predictions import class_indices
from ktrain_sentiment.inference import load
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.messages import count, listed
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.tasks import CLASSES, Task
from ktrain_sentiment.templates import Template, Templates, draw, read_templates
from ktrain_sentiment.training.dataset import learned_targets
from ktrain_sentiment.training.trainer import SoftTargets

log = logging.getLogger(__name__)

SHARE = 0.6
"""Rows to make from templates, as a share of the training rows."""
MOST = 4_000
"""More would say the same again: the templates have so many words."""
UNSURE = 0.75
"""What is learned for the commoner label where nothing is said and no label is neutral: with one
half for each, which of them wins would be left to a person's name."""


def taught(
    config: TrainConfig, splits: Splits, source: DataConfig | None = None
) -> SoftTargets | None:
    """What a training learns that keeps none of it in files; None where it is the labels alone.

    Args:
        config: Names the teacher, and whether rows are made.
        splits: The labelled rows.
        source: How they were read; None: no teacher is asked.

    Raises:
        InputError: As for `open_teacher` and `draw_lessons`.
    """
    teacher = None if source is None else open_teacher(config, splits, source)
    soft_targets = None if teacher is None else teacher.soft_targets(splits.train)
    return with_lessons(splits, soft_targets, draw_lessons(config, splits))


@dataclass(frozen=True)
class Teacher:
    """A predictor that another model learns from.

    Attributes:
        classifier: It, opened.
        labels: The labels of the data, in the order of the columns that are learned.
        share: How much of a training row's target is the teacher's; the rest is the label.
        unlabelled: Texts that it alone labels.
        task: What the labels are: of stars a row's own target is soft too.
    """

    classifier: Classifier
    labels: tuple[str, ...]
    share: float
    unlabelled: UnlabelledTexts | None = None
    task: Task = CLASSES

    def probabilities(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """What the teacher says of the `text` column, float32 of shape (rows, classes)."""
        columns = [list(self.classifier.labels).index(label) for label in self.labels]
        table = self.classifier.predict_proba(frame["text"].tolist())
        return np.asarray(table, np.float32)[:, columns]

    def targets(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """What a model is to learn of rows: the teacher's probabilities, mixed with the labels."""
        classes = class_indices(frame["label"], self.labels)
        hard = self.task.targets(classes, len(self.labels))
        mixed = self.share * self.probabilities(frame) + (1 - self.share) * hard
        return np.asarray(mixed, np.float32)

    def soft_targets(self, train: pd.DataFrame) -> SoftTargets:
        """The training rows, then the unlabelled texts with the teacher's probabilities alone."""
        rows = SoftTargets(train[["text"]], self.targets(train))
        if self.unlabelled is None:
            return rows
        more = self.unlabelled.frame
        return SoftTargets(
            pd.concat([rows.texts, more], ignore_index=True),
            np.concatenate([rows.targets, self.probabilities(more)]),
        )

    def kept_soft_targets(self, train: pd.DataFrame, path: Path, *, resume: bool) -> SoftTargets:
        """The targets, kept in a file so that a run that goes on learns the same to the last bit.

        Args:
            train: The training rows.
            path: The Parquet file to keep them in.
            resume: Take what the file holds, if it is there.
        """
        return _kept(partial(self.soft_targets, train), self.labels, path, resume=resume)

    def figures(self, test: pd.DataFrame, predicted: pd.Series[str]) -> dict[str, Any]:
        """How good the teacher is, how often its student says the same, what it alone labelled."""
        said = np.asarray(self.labels, object)[self.probabilities(test).argmax(axis=1)]
        return {
            "share": self.share,
            "accuracy": float((said == test["label"].to_numpy()).mean()),
            "agreement": float((said == predicted.to_numpy()).mean()),
            "rows": len(test),
            "unlabelled": 0 if self.unlabelled is None else len(self.unlabelled.frame),
            "unlabelled_left_out": 0 if self.unlabelled is None else self.unlabelled.repeated,
        }


def _kept(
    make: Callable[[], SoftTargets], labels: Sequence[str], path: Path, *, resume: bool
) -> SoftTargets:
    columns = [f"p_{label}" for label in labels]
    if resume and path.is_file():
        table = pd.read_parquet(path)
        return SoftTargets(table.drop(columns=columns), table[columns].to_numpy(np.float32))
    made = make()
    targets = pd.DataFrame(made.targets, columns=columns)
    write_table(path, pd.concat([made.texts.reset_index(drop=True), targets], axis=1))
    return made


def open_teacher(config: TrainConfig, splits: Splits, source: DataConfig) -> Teacher | None:
    """The configured teacher with the texts that it alone labels, or None without one.

    Args:
        config: Names the teacher, its share, and the unlabelled texts.
        splits: The labelled rows.
        source: How they were read.

    Raises:
        ConfigError: It knows other labels than the data has.
        PredictorError: Its folder cannot be opened.
        DataError: The unlabelled texts cannot be read, or none of them is new.
    """
    if config.teacher is None:
        return None
    classifier = load(config.teacher)
    if set(classifier.labels) != set(splits.labels):
        raise ConfigError(
            f"--teacher {config.teacher} knows the labels {listed(classifier.labels)}, the data "
            f"has {listed(splits.labels)}: wanted the same; rename labels with --map"
        )
    if not classifier.inputs.reads_like(Inputs.of(splits.table)):
        raise ConfigError(
            f"--teacher {config.teacher} reads {classifier.inputs.told}, and the data is read as "
            f"{Inputs.of(splits.table).told}: wanted the same"
        )
    log.info("learning %.0f %% from the teacher %s", 100 * config.teacher_share, config.teacher)
    unlabelled = None
    if config.unlabelled:
        unlabelled = read_unlabelled(config.unlabelled, splits, source)
        log.info(
            "%s texts of %s that the teacher alone labels; left out %s that repeat others or "
            "labelled rows",
            f"{len(unlabelled.frame):,}",
            unlabelled.source,
            f"{unlabelled.repeated:,}",
        )
    return Teacher(classifier, splits.labels, config.teacher_share, unlabelled, splits.task)


def draw_lessons(config: TrainConfig, splits: Splits) -> SoftTargets | None:
    """The rows to learn besides the training rows; None where none are wanted.

    Raises:
        ConfigError: The meaning of the labels is not known, or the texts are not English.
    """
    if not config.augment:
        return None
    try:
        poles = find_poles(splits.labels)
    except ConfigError:
        raise ConfigError(
            f"--augment: the labels {listed(splits.labels)} do not tell which are positive: "
            'rename them, as in --map "1,2=negative 3=neutral 4,5=positive"'
        ) from None
    language = main_language(splits.train["text"])
    if language not in ("", "en"):
        raise ConfigError(f"--augment knows English alone, and most texts are in {language}")
    return make_lessons(splits, poles, seed=config.seed)


def own_lessons() -> Templates:
    """The templates that come with this package, in English."""
    with as_file(files("ktrain_sentiment.workflow").joinpath("lessons.yaml")) as path:
        return read_templates(path)


def make_lessons(
    splits: Splits,
    poles: Mapping[str, str],
    *,
    share: float = SHARE,
    seed: int = 0,
) -> SoftTargets:
    """Make rows to learn from, of training rows and templates alone.

    What repeats a row of the validation or test split is left out.

    Args:
        splits: The labelled rows.
        poles: The meaning of each label: negative, neutral or positive.
        share: How many, as a share of the training rows.
        seed: Of the choice.

    Returns:
        Columns `text` and `lesson` (what it teaches), and what is learned of each.
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
    return SoftTargets(frame, np.asarray(targets, np.float32)[kept])


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


def kept_lessons(
    lessons: SoftTargets, labels: Sequence[str], path: Path, *, resume: bool
) -> SoftTargets:
    """The same, kept in a file so that a run that goes on learns the same.

    Args:
        lessons: What was drawn.
        labels: What its targets are of.
        path: The Parquet file to keep them in.
        resume: Take what the file holds, if it is there.
    """

    def drawn() -> SoftTargets:
        log.info("learning %s made from templates", count(len(lessons.texts), "more row"))
        return lessons

    return _kept(drawn, labels, path, resume=resume)


def with_lessons(
    splits: Splits, soft_targets: SoftTargets | None, lessons: SoftTargets | None
) -> SoftTargets | None:
    """What is to be learned, and the lessons after it; None where that is the labels alone."""
    if lessons is None:
        return soft_targets
    if soft_targets is None:
        soft_targets = SoftTargets(splits.train[["text"]], learned_targets(splits))
    return SoftTargets(
        pd.concat([soft_targets.texts, lessons.texts[["text"]]], ignore_index=True),
        np.concatenate([soft_targets.targets, lessons.targets]),
    )


def lesson_figures(lessons: SoftTargets) -> dict[str, Any]:
    """What the record of a run says of them."""
    return {"rows": len(lessons.texts), "lessons": lessons.texts["lesson"].value_counts().to_dict()}
