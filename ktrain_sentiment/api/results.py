"""What the API's calls return: figures, tables and pictures, and how a notebook shows them."""

from __future__ import annotations

import functools
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.data import LabelledTexts
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.evaluation.baselines import LINEAR
from ktrain_sentiment.evaluation.metrics import Metrics
from ktrain_sentiment.evaluation.ranking import deciding_figure
from ktrain_sentiment.evaluation.record import BaselineRecord, EvalResult, TrainingRecord
from ktrain_sentiment.evaluation.score_figures import SCORE_FIGURES
from ktrain_sentiment.messages import listed
from ktrain_sentiment.report import plots
from ktrain_sentiment.report.figures import NAMES, full, interval, plain, share
from ktrain_sentiment.report.page import write_report
from ktrain_sentiment.report.sentences import outcome_sentence
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.workflow.by_task import DRAWN
from ktrain_sentiment.workflow.comparing import CompareResult
from ktrain_sentiment.workflow.eval_sets import read_predictions
from ktrain_sentiment.workflow.exploring import Exploration, draw_search, save_search
from ktrain_sentiment.workflow.processes import in_own_process
from ktrain_sentiment.workflow.recording import facts_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ktrain_sentiment.workflow.tuning import TuningResult

Folder = str | os.PathLike[str]


@dataclass(frozen=True)
class Page:
    """An HTML page on disk; shown in a frame where a notebook displays it.

    Attributes:
        path: The file, which needs no other.
    """

    path: Path

    def __fspath__(self) -> str:
        """The path, so that `open` and `webbrowser.open` take the page itself."""
        return str(self.path)

    def _repr_html_(self) -> str:
        page = escape(self.path.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:40em;border:0"></iframe>'


class _WithTable:
    """How a notebook shows a result that has a table.

    Attributes:
        table: The figures.
    """

    table: Any

    def _repr_html_(self) -> str:
        return _html(self, self.table)


@dataclass(frozen=True, repr=False)
class Dataset:
    """Texts with labels that `read` found fit to learn from.

    Attributes:
        texts: The rows and how they were read, as the rest of the package takes them.
        notes: What was chosen, what was left out and why, a line each.
    """

    texts: LabelledTexts
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """Columns `text`, `label` (both str) and `row` (from 1), then the source's others."""
        return self.texts.frame

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return self.texts.labels

    @property
    def counts(self) -> dict[str, int]:
        """Rows for each label, most frequent first."""
        return self.texts.counts

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.texts)

    def __repr__(self) -> str:
        """Rows of each label, then the notes."""
        counts = listed(f"{label} {count:,}" for label, count in self.counts.items())
        head = f"<Dataset {self.texts.source}: {len(self):,} rows ({counts})>"
        return "\n".join([head, *(f"  {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return _html(self, self.frame.head(5))


@dataclass(frozen=True, repr=False)
class LearningRateSearch(_WithTable):
    """What a search for a learning rate found.

    Attributes:
        found: Curves, short trainings and figures, as the workflow gives them.
    """

    found: Exploration

    @property
    def suggestion(self) -> float | None:
        """The maximum learning rate to take; None where the curve cannot be read."""
        best = self.found.trials[0].learning_rate if self.found.trials else None
        return best or self.found.figures["chosen"]

    @property
    def conclusion(self) -> str:
        """What to take and why, in a sentence."""
        return self.found.conclusion

    @property
    def rates(self) -> NDArray[np.float64]:
        """Learning rate of each step, shape (steps,)."""
        return next(iter(self.found.curves.values())).rates

    @property
    def losses(self) -> NDArray[np.float64]:
        """Training loss of each step in nats, shape (steps,)."""
        return next(iter(self.found.curves.values())).losses

    @property
    def table(self) -> pd.DataFrame:
        """A row a suggestion: rule, learning_rate, loss, why."""
        return pd.DataFrame(self.found.figures["suggestions"])

    def plot(self) -> Figure:
        """Draw the loss against the learning rate, the suggestions marked."""
        return _shown(draw_search(next(iter(self.found.curves.values()))))

    def save(self, folder: Folder) -> Path:
        """Write `lr_find.csv`, `lr_find.json` and `lr_find.png`, and return their folder.

        Raises:
            InputError: The folder cannot be written.
        """
        place = Path(folder)
        save_search(next(iter(self.found.curves.values())), RunFolder(place))
        return place

    def __repr__(self) -> str:
        """The suggestion and the conclusion."""
        rate = "none" if self.suggestion is None else f"{self.suggestion:.2e}"
        return f"<LearningRateSearch: {rate}>\n  {self.conclusion}"


@dataclass(frozen=True, repr=False)
class TrainingRun(_WithTable):
    """A finished training: its folder, and what lies in it.

    Attributes:
        path: The run folder; `ktrain_sentiment.open_run` opens it again.
    """

    path: Path

    @property
    def predictor(self) -> Path:
        """The predictor folder, for `ktrain_sentiment.load`."""
        return RunFolder(self.path).predictor

    @functools.cached_property
    def metrics(self) -> Mapping[str, Any]:
        """All figures, as `metrics.json` holds them."""
        found: dict[str, Any] = json.loads(RunFolder(self.path).metrics.read_text("utf-8"))
        return found

    @property
    def record(self) -> TrainingRecord:
        """The same as a typed record."""
        return TrainingRecord.read(RunFolder(self.path).metrics)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before the figures are believed, a sentence each, worst first."""
        return tuple(self.metrics.get("warnings", ()))

    @property
    def table(self) -> pd.DataFrame:
        """The headline figures: index figure; columns value, low, high (95 %), and baselines."""
        record = self.record
        return figures_table(record.metrics, record.baselines)

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch: losses in nats, accuracy and macro F1, of validation as `val_...`."""
        return pd.read_csv(RunFolder(self.path).history)

    def top_losses(self, n: int = 10) -> pd.DataFrame:
        """The n most wrongly classified validation rows, the worst first.

        Returns:
            Columns text, label, predicted, probability (of predicted), p_true, loss (nats), row; of
            scores text, label, score, error (score - label), row; of several labels text, label,
            predicted, loss, row.
        """
        table = pd.read_csv(RunFolder(self.path).top_losses, dtype=_STRINGS, keep_default_na=False)
        if "score" in table:
            table["label"] = table["label"].astype(float)
        return table.head(n)

    def predictions(self, split: str = "test") -> pd.DataFrame:
        """Row, text, label, predicted and a column `p_<label>` a class, a row a text.

        Args:
            split: test, validation or out_of_fold.

        Raises:
            DataError: The run has no predictions of that split.
        """
        path = RunFolder(self.path).predictions(split)
        if not path.is_file():
            held = sorted(one.stem.partition("_")[2] for one in self.path.glob("predictions_*"))
            raise DataError(f"{self.path} has no {split} rows; it has {', '.join(held)}")
        return pd.read_parquet(path)

    def report(self) -> Page:
        """The page about the run."""
        return Page(RunFolder(self.path).report)

    def plot(self, what: str = "history") -> Figure:
        """Draw its `history`, `confusion` matrix (or `scores`, or `labels`) or its `schedule`.

        Raises:
            ConfigError: There is no such picture.
        """
        folder = RunFolder(self.path)
        if what == "history":
            table = self.history.drop(columns="epoch")
            columns = {str(name): table[name].tolist() for name in table}
            return _shown(plots.history(columns, self.metrics["best_epoch"]))
        if what == "schedule":
            steps = pd.read_csv(folder.schedule)
            momenta = steps["momentum"].tolist() if "momentum" in steps else None
            return _shown(plots.schedule(steps["learning_rate"].tolist(), momenta))
        record = self.record
        name, draw = DRAWN[record.metrics.kind]
        if what != name:
            raise ConfigError(f"plot({what!r}): wanted history, {name} or schedule")
        return _shown(draw(read_predictions(folder, record.headline), record.metrics))

    def __repr__(self) -> str:
        """How good it is, beside the linear baseline, and warnings."""
        record = self.record
        said, kind = _in_words(record.metrics, f"{record.headline} "), record.metrics.kind
        if linear := record.baselines.get(LINEAR[kind]):
            name = "accuracy" if kind == "classes" else deciding_figure(linear)
            said = f"{said}; {linear.name}: {plain(name, linear.headline[name].value)}"
        lines = [f"<TrainingRun {_near(self.path)}>", said, *record.warnings]
        return "\n  ".join([*lines, f"predictor: {_near(self.predictor)}"])


@dataclass(frozen=True, repr=False)
class ModelComparison(_WithTable):
    """Several models on the same test rows.

    Attributes:
        found: Models, best first, and all figures, as the workflow gives them.
    """

    found: CompareResult

    @property
    def advice(self) -> str:
        """Which model to take, and why."""
        return self.found.advice

    @property
    def path(self) -> Path:
        """The folder of the comparison, with the runs of the models that leave one."""
        return self.found.folder

    @property
    def table(self) -> pd.DataFrame:
        """A row a model, best first: the task's figures with intervals, p value, costs."""
        models = self.found.figures["models"]
        flat = pd.json_normalize(models).filter(regex=r"(?<!\.n)$")
        first = [name for name in flat if name == "name" or "." in str(name)]
        table = flat[[*first, *(name for name in flat if name not in first)]]
        return table.rename(columns=lambda name: name.replace(".value", "").replace(".", "_"))

    def plot(self) -> Figure:
        """Draw what the models are ranked by against the time of one text."""
        return _shown(plots.figure_against_latency(self.found.entries))

    def save(self, path: Folder) -> Path:
        """Write the table, as CSV or by its suffix as Parquet, and return its path."""
        write_table(Path(path), self.table)
        return Path(path)

    def __repr__(self) -> str:
        """The models with what they are ranked by, and the advice."""
        name = self.found.figures["decided_by"]
        lines = [f"  {one.name}: {full(name, one.deciding)}" for one in self.found.entries]
        beside = [f"  {self.found.beside}"] if self.found.beside else []
        head = f"<ModelComparison {_near(self.path)}, by {NAMES[name]}>"
        return "\n".join([head, *lines, f"  {self.advice}", *beside])


@dataclass(frozen=True, repr=False)
class SettingsSearch(_WithTable):
    """Trainings with different settings, judged on the same validation rows.

    Attributes:
        found: The trials, best first, and the best settings, as the workflow gives them.
    """

    found: TuningResult

    @property
    def best(self) -> dict[str, Any]:
        """The best of what was tried, as keyword arguments of `train`.

        The learning rate and what decides the best epoch are among them, tried or not: without,
        `train` would find them anew.
        """
        training = self.found.best.training
        found = {"learning_rate": training.learning_rate, "keep_best": training.keep_best}
        return {**found, **self.found.best_values}

    @property
    def conclusion(self) -> str:
        """Which settings are best, and how far to believe it."""
        return self.found.conclusion

    @property
    def path(self) -> Path:
        """The folder, with `best.yaml` for the command line."""
        return self.found.folder

    @property
    def table(self) -> pd.DataFrame:
        """A row a trial, best first: the settings tried; loss, accuracy, seconds, state, reason."""
        told = [vars(one) for one in self.found.trials]
        return pd.DataFrame([{**one.pop("values"), **one} for one in map(dict, told)])

    def __repr__(self) -> str:
        """The conclusion."""
        return f"<SettingsSearch {_near(self.path)}>\n  {self.conclusion}"


@dataclass(frozen=True, repr=False)
class Evaluation(_WithTable):
    """How good a classifier is on some rows.

    Attributes:
        found: Everything that was found, as the workflow gives it.
    """

    found: EvalResult

    @functools.cached_property
    def metrics(self) -> Mapping[str, Any]:
        """All figures, plain numbers and strings: those of `ktrain-sentiment evaluate --json`."""
        return self.found.to_json()

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks about the rows, such as that some were trained on."""
        return self.found.eval_set.notes

    @property
    def table(self) -> pd.DataFrame:
        """The headline figures: index figure; columns value, low, high (95 %), and baselines."""
        return figures_table(self.found.metrics, self.found.baselines)

    @property
    def checklist(self) -> pd.DataFrame:
        """A row a test of language: capability, test, kind, failures, low, high (95 %), cases.

        Raises:
            ConfigError: It was not asked for.
        """
        if self.found.checklist is None:
            raise ConfigError("no checklist was asked for: evaluate(..., checklist=True)")
        return pd.DataFrame(
            {
                "capability": one.capability,
                "test": one.name,
                "kind": one.kind,
                "failures": one.failures.value,
                "low": one.failures.low,
                "high": one.failures.high,
                "cases": one.failures.n,
            }
            for one in self.found.checklist.tests
        )

    @property
    def predictions(self) -> pd.DataFrame:
        """Row, text, label, predicted and a column `p_<label>` a class, a row a text."""
        return self.found.eval_set.predictions.to_frame()

    def report(self, path: Folder) -> Page:
        """Write the page about it, and return it.

        Raises:
            InputError: The place cannot be written.
        """
        page = Path(path).absolute()
        in_own_process(_write_page, self.found, page, quiet=True)
        return Page(page)

    def plot(self) -> Figure:
        """Draw the confusion matrix; scores against the true ones; F1 of several labels."""
        _, draw = DRAWN[self.found.metrics.kind]
        return _shown(draw(self.found.eval_set.predictions, self.found.metrics))

    def __repr__(self) -> str:
        """How good it is on them, warnings and notes."""
        name, source = self.found.eval_set.name, self.found.eval_set.source
        lines = [
            f"<Evaluation of {name} on {source}>",
            _in_words(self.found.metrics, ""),
            *self.found.warnings,
            *self.notes,
        ]
        return "\n  ".join(lines)


def _write_page(found: EvalResult, path: Path) -> None:
    """Let a process of its own draw the page: it reads mistakes with scikit-learn."""
    write_report(facts_of(found), path)


_STRINGS = {"text": str, "label": str, "predicted": str}


def figures_table(found: Metrics, baselines: Mapping[str, BaselineRecord]) -> pd.DataFrame:
    """Headline figures with their intervals, and those of baselines beside them."""
    figures = {name: one for name, one in found.headline.items() if name != "weighted_f1"}
    index = pd.Index([SCORE_FIGURES.get(name, name) for name in figures], name="figure")
    rows = [(one.value, one.low, one.high) for one in figures.values()]
    table = pd.DataFrame(rows, index, columns=["value", "low", "high"])
    for key, other in baselines.items():
        beside = other.headline
        table[key] = [beside[name].value if name in beside else None for name in figures]
    return table


def _near(path: Path) -> Path:
    """The path as seen from the working folder, where it lies below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _in_words(found: Metrics, of: str) -> str:
    """How good a model is on some rows, in the words of its task."""
    rows = f"{found.n:,} {of}rows"
    if said := outcome_sentence(rows, found):
        return said
    spread = interval("accuracy", found.accuracy)
    return f"{share(found.accuracy.value)} (95 % interval {spread}) of {rows} right"


def _html(shown: object, table: pd.DataFrame) -> str:
    head, *lines = repr(shown).splitlines()
    notes = "".join(f"<br>{escape(line.strip())}" for line in lines)
    rows = table.to_html(float_format="{:.4g}".format, max_rows=12, border=0)
    return f"<p><b>{escape(head.strip('<>'))}</b>{notes}</p>{rows}"


def _shown(figure: Figure) -> Figure:
    """Let a notebook show a figure that pyplot knows nothing of."""
    figure._repr_png_ = functools.partial(_png, figure)  # type: ignore[attr-defined]
    return figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, facecolor="white")
    return buffer.getvalue()
