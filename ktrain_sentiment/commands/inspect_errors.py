"""Look at what goes wrong: the model's mistakes apart from labels that are probably wrong.

    ktrain-sentiment inspect-errors runs/reviews
    ktrain-sentiment inspect-errors runs/reviews --explain --nearest 2
    ktrain-sentiment inspect-errors runs/reviews --costs negative:positive=5
    ktrain-sentiment inspect-errors reviews.csv --predictor runs/reviews/predictor
    ktrain-sentiment inspect-errors reviews.csv
    ktrain-sentiment inspect-errors runs/reviews --text "Not as bad as people say."
    ktrain-sentiment inspect-errors runs/reviews --corrections mine.xlsx --out next.csv

A run is inspected on its validation rows. Data without a predictor are classified by a linear model
on folds, which takes seconds and is enough to find many wrong labels. Both lists are written as
CSV: fill in the column `corrected` of label_errors.csv with the right label, or with drop, and
--corrections makes the next training set of it, with a record of what changed. A later inspection
keeps what is filled in, also where the list was saved as .xlsx.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import DataConfig, Group
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.refusals import refuse

COMMON = ("predictor", "top", "costs", "explain", "nearest", "text", "out", "corrections")
"""Flags that help shows first."""

ABOUT = {
    "data": "A run folder, which brings its rows and its predictions; or labelled data: a file, a "
    "folder, a quoted pattern or a named corpus, as for train."
}
"""What help says of the data here."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """What to inspect, and what to do about it."""

    source: Group[DataConfig] = field(default_factory=DataConfig)
    """How labelled data are read."""

    predictor: Path | None = None
    """Predictor that classifies the data; without one, a linear model on folds does."""

    text: str | None = None
    """Mark the words that drive the prediction of this one text, and do nothing else."""

    top: int = 10
    """How many rows of each list to show."""

    explain: bool = False
    """Mark the words that drive the shown predictions."""

    nearest: int = 0
    """For the first mistakes, name this many of the nearest training examples (runs only)."""

    costs: tuple[str, ...] = ()
    """Answer with the least expected cost of a mistake, where they cost this, such as
    negative:positive=5, and list the dearest mistakes first; as for evaluate."""

    wrong_labels: float | None = None
    """Share of wrong labels, such as 0.05, where you know it; estimated when not given."""

    out: Path | None = None
    """Folder for the two lists (the run, or runs/<data>-errors); with --corrections, the file."""

    corrections: Path | None = None
    """A list with its column `corrected` filled in, to make the next training set of."""

    overwrite: bool = False
    """Write lists that are there again; what was filled in is kept."""

    engine: Engine = "auto"
    """What computes the predictions."""

    trust_pickle: bool = False
    """Open a ktrain predictor's pickled preprocessor; only for folders that you trust."""

    unchecked: bool = False
    """Use a predictor that lost its manifest.json as it is."""

    def __post_init__(self) -> None:
        """Refuse numbers of rows that cannot be, and a text without a word."""
        if self.text is not None and not self.text.strip():
            raise ConfigError("--text: is empty; give the text whose words are to be weighed")
        for name, least in (("top", 1), ("nearest", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"--{name} {getattr(self, name)}: must be at least {least}")


def task(flags: Flags) -> dict[str, Any]:
    """Inspect, explain or correct, and return the figures."""
    if flags.corrections is not None:
        return _correct(flags, flags.corrections)
    return _inspect(flags) if flags.text is None else _explain(flags, flags.text)


def _explain(flags: Flags, text: str) -> dict[str, Any]:
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.evaluation.explanation import explain
    from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts
    from ktrain_sentiment.inference.scoring import task_of
    from ktrain_sentiment.report import screen
    from ktrain_sentiment.workflow import inspecting
    from ktrain_sentiment.workflow.classifiers import Opening, open_classifier
    from ktrain_sentiment.workflow.eval_sets import refuse_costs

    folder = inspecting.find_predictor_of(flags.source, flags.predictor)
    refuse_costs(flags.costs, folder)
    classifier = open_classifier(folder, Opening(flags.engine, flags.trust_pickle, flags.unchecked))
    task, said = task_of(classifier), None
    refuse(task.kind, "--text")
    if flags.costs:
        deciding = MistakeCosts.parse(flags.costs, task, classifier.labels).deciding
        said = [classifier.labels[k] for k in deciding.choices(classifier.predict_proba([text]))]
    (found,) = explain(classifier, [text], said)
    console = open_console()
    for part in screen.explanation(found):
        console.print(part)
    return found.to_json()


def _inspect(flags: Flags) -> dict[str, Any]:
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.report import screen
    from ktrain_sentiment.workflow import inspecting
    from ktrain_sentiment.workflow.classifiers import Opening

    opening = Opening(flags.engine, flags.trust_pickle, flags.unchecked)
    folder = inspecting.folder_for_lists(flags.source, flags.out, overwrite=flags.overwrite)
    subject = inspecting.find_rows(flags.source, flags.predictor, opening, flags.costs)
    found = inspecting.inspect(
        subject,
        explained=flags.top if flags.explain else 0,
        neighbours=flags.nearest,
        share=flags.wrong_labels,
        opening=opening,
        costs=flags.costs,
    )
    # First: whoever reads it through `head` ends the command at its second line.
    paths = inspecting.write_lists(found, folder)
    console = open_console()
    for part in screen.inspection(found, flags.top):
        console.print(part)
    for path in paths.values():
        print(f"written: {path}")
    return {**found.to_json(), "files": dict(paths)}


def _correct(flags: Flags, corrections: Path) -> dict[str, Any]:
    from ktrain_sentiment.messages import count
    from ktrain_sentiment.workflow import inspecting

    if flags.out is None:
        raise ConfigError("--corrections: name the next training set with --out, such as next.csv")
    done = inspecting.correct(flags.source, corrections)
    record = inspecting.write_corrected(done, flags.out, overwrite=flags.overwrite)
    rows = count(len(done.frame), "row")
    print(f"{len(done.changes)} of {rows} changed, {done.confirmed} confirmed")
    print(f"next training set: {flags.out}\nrecord of changes: {record}")
    return {**done.to_json(), "file": flags.out, "record": record}
