"""Say how good a classifier is, how sure that is, and where it is weak.

    ktrain-sentiment evaluate runs/reviews
    ktrain-sentiment evaluate more.csv --predictor runs/reviews/predictor --slice-by source
    ktrain-sentiment evaluate more.csv --predictor any/hugging-face/folder --map "1=NEGATIVE"
    ktrain-sentiment evaluate --compare runs/small runs/large
    ktrain-sentiment evaluate runs/reviews --abstain-below 0.8 --report report.html
    ktrain-sentiment evaluate runs/reviews --costs negative:positive=5
    ktrain-sentiment evaluate runs/reviews --checklist

A run is evaluated on its own test rows, from its saved predictions: no model is opened. Any
predictor folder is evaluated on any labelled data. Every headline figure has a 95 % interval (BCa
bootstrap; where few rows show no mistake of a kind, an exact bound beside it), and a line below the
table says which.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import ChecklistConfig, DataConfig, Group
from ktrain_sentiment.errors import ConfigError, check_installed
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.refusals import refuse_threshold
from ktrain_sentiment.runs import RunFolder

if TYPE_CHECKING:
    from ktrain_sentiment.workflow.classifiers import Opening

COMMON = ("predictor", "compare", "slice_by", "abstain_below", "costs", "checklist", "report")
"""Flags that help shows first."""

SECTIONS = {"What answers, and on which rows": ("split", "engine", "trust_pickle", "unchecked")}
ABOUT = {
    "data": "A run folder, which brings its rows and its predictions; or labelled data for "
    "--predictor: a file, a folder, a quoted pattern or a named corpus, as for train."
}
"""What help says of the data here."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """What to evaluate, on which rows, beside what."""

    source: Group[DataConfig] = field(default_factory=DataConfig)
    """How labelled data are read."""

    language: Group[ChecklistConfig] = field(default_factory=ChecklistConfig)
    """Whether it is checked what it can do with language, and how."""

    predictor: Path | None = None
    """Predictor folder, or its URL: of this package, of ktrain, or a Hugging Face model."""

    compare: tuple[Path, ...] = ()
    """One more run or predictor to compare with, or two (then nothing else need be named)."""

    slice_by: tuple[str, ...] = ()
    """Columns of the data to divide the rows by, in place of length and repetition."""

    abstain_below: float | None = None
    """Say what is gained by leaving texts below this probability to a person; with --costs, answers
    that are less sure than this, by what they are expected to cost, as for predict."""

    costs: tuple[str, ...] = ()
    """What mistakes cost, such as negative:positive=5 (a negative text called positive), one where
    nothing is said; a side left out is any label. Of stars distance (as when left out) or squared;
    of several labels missed=5, wrong=1, joy:=5 (missed), :joy=1 (given wrongly)."""

    split: Literal["test", "validation"] | None = None
    """Which rows of a run: test unless it has none."""

    engine: Engine = "auto"
    """What computes the predictions."""

    trust_pickle: bool = False
    """Open a ktrain predictor's pickled preprocessor; only for folders that you trust."""

    unchecked: bool = False
    """Use a predictor that lost its manifest.json as it is."""

    report: Path | None = None
    """Write the figures as a page (HTML) here."""

    def __post_init__(self) -> None:
        """Refuse a confidence that is none, before anything is predicted."""
        refuse_threshold(self.abstain_below)


def task(flags: Flags) -> dict[str, Any]:
    """Evaluate, show, and return the figures."""
    from ktrain_sentiment.atomic import refuse_existing
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.report import screen
    from ktrain_sentiment.report.page import write_report
    from ktrain_sentiment.workflow.classifiers import Opening
    from ktrain_sentiment.workflow.eval_sets import find_eval_set, is_run
    from ktrain_sentiment.workflow.evaluating import check_eval_set, evaluate, keep_behaviour
    from ktrain_sentiment.workflow.recording import facts_of

    if flags.report is not None:
        if flags.report.is_dir():
            raise ConfigError(f"--report {flags.report}: is a folder; name a file in it")
        refuse_existing(flags.report, overwrite=True)
        check_installed("matplotlib", "train")
    opening = Opening(flags.engine, flags.trust_pickle, flags.unchecked)
    console, wanted = open_console(), flags.language
    alone = flags.predictor is not None and not (flags.source.data or flags.compare)
    if wanted.asked_for and alone and not is_run(flags.predictor or Path()):
        return _check_alone(flags, opening)
    eval_set, other = find_eval_set(
        flags.source,
        predictor=flags.predictor,
        compare=flags.compare,
        split=flags.split or "",
        opening=opening,
        costs=flags.costs,
        slice_by=flags.slice_by,
    )
    found = evaluate(
        eval_set,
        other,
        slice_by=flags.slice_by,
        abstain_below=flags.abstain_below,
        costs=flags.costs,
    )
    if wanted.asked_for:
        found = replace(found, checklist=check_eval_set(eval_set, wanted, opening))
    for part in screen.evaluation(found):
        console.print(part)
    if found.checklist is not None and eval_set.record is not None and eval_set.predictor:
        keep_behaviour(RunFolder(eval_set.predictor.parent), found.checklist)
    if flags.report is not None:
        write_report(facts_of(found), flags.report)
        print(f"report: {flags.report}")
    return found.to_json()


def _check_alone(flags: Flags, opening: Opening) -> dict[str, Any]:
    """A checklist needs no labelled rows."""
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.evaluation.codec import to_plain
    from ktrain_sentiment.report import screen
    from ktrain_sentiment.workflow.evaluating import check_predictor

    if flags.report is not None:
        raise ConfigError(f"--report {flags.report}: a page needs labelled data to judge on, too")
    found = check_predictor(flags.predictor or Path(), flags.language, opening)
    console = open_console()
    for part in screen.behaviour(found):
        console.print(part)
    return {"checklist": to_plain(found)}
