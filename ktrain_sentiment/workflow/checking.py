"""What a classifier can do with language: templates, asked of whatever is evaluated."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.config import ChecklistConfig
from ktrain_sentiment.data.checks import main_language
from ktrain_sentiment.errors import ConfigError, InputError
from ktrain_sentiment.evaluation.behaviour import (
    Behaviour,
    check_behaviour,
    find_poles,
    own_templates,
)
from ktrain_sentiment.evaluation.codec import to_plain
from ktrain_sentiment.evaluation.record import EvalSet
from ktrain_sentiment.inference.loading import find_predictor
from ktrain_sentiment.inference.scoring import inputs_of, task_of
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.predictor.manifest import update_predictor
from ktrain_sentiment.refusals import refuse
from ktrain_sentiment.report.card import model_card
from ktrain_sentiment.report.page import write_report
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.templates import read_templates
from ktrain_sentiment.workflow.classifiers import AS_USUAL, Opening, open_classifier
from ktrain_sentiment.workflow.recording import facts_of_run

log = logging.getLogger(__name__)


def check_eval_set(
    eval_set: EvalSet, config: ChecklistConfig, opening: Opening = AS_USUAL
) -> Behaviour:
    """Check what was evaluated, its rows among what is changed.

    Raises:
        ConfigError: The templates cannot be used, or the labels' meaning is not known.
        PredictorError: There is no predictor to ask.
    """
    classifier = eval_set.classifier
    if classifier is None:
        if eval_set.predictor is None:
            raise ConfigError(f"--checklist: {eval_set.source} has no predictor that can be asked")
        classifier = open_classifier(eval_set.predictor, opening)
    return check_classifier(classifier, config, eval_set.predictions.texts)


def check_predictor(place: Path, config: ChecklistConfig, opening: Opening = AS_USUAL) -> Behaviour:
    """Check a predictor folder without any labelled rows.

    Raises:
        ConfigError: The templates cannot be used, or the labels' meaning is not known.
        PredictorError: The folder cannot be used.
    """
    return check_classifier(open_classifier(find_predictor(place), opening), config)


def check_classifier(
    classifier: Classifier, config: ChecklistConfig, rows: Sequence[str] = ()
) -> Behaviour:
    """Ask a classifier all cases, and say where the templates are in another language than rows.

    Args:
        classifier: Who is asked.
        config: Which templates, how many cases, and what the labels mean.
        rows: Texts of the data; without them tests that change such texts are left out.

    Raises:
        ConfigError: The templates cannot be used, or the labels' meaning is not known.
    """
    refuse(task_of(classifier).kind, "--checklist")
    if inputs := inputs_of(classifier):
        raise ConfigError(
            f"--checklist asks with sentences alone, and the predictor reads {inputs.told}: leave "
            "it out"
        )
    templates = own_templates() if config.templates is None else read_templates(config.templates)
    poles = find_poles(classifier.labels, config.positive, config.negative)
    found = check_behaviour(classifier, templates, poles, rows=rows, cases=config.cases)
    other = main_language(rows)
    if other in ("", found.language):
        return found
    note = (
        f"the checklist is in {found.language} and most rows are in {other}: it says little of "
        "them; write templates of your own (--templates)"
    )
    return replace(found, notes=(*found.notes, note))


def keep_behaviour(run: RunFolder, found: Behaviour) -> None:
    """Put a checklist into a finished run: its own file, its page and its predictor's card.

    A run that cannot be written, such as somebody else's, stays as it is, which is said.
    """
    try:
        write_json(run.checklist, to_plain(found), overwrite=True)
        facts = facts_of_run(run.path)
        if run.predictor.is_dir():
            update_predictor(run.predictor, card=model_card(facts))
        write_report(facts, run.report)
    except InputError as error:
        log.warning("not kept in the run: %s", error)
    else:
        log.info("kept in %s, in the report and in the model card", run.checklist)
