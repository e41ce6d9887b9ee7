"""Verdicts in words, the same on the screen, in the report and in the model card."""

from __future__ import annotations

from collections.abc import Mapping

from ktrain_sentiment.evaluation.behaviour import Behaviour
from ktrain_sentiment.evaluation.calibration import Abstention
from ktrain_sentiment.evaluation.metrics import Metrics
from ktrain_sentiment.evaluation.mistake_costs import CostFigures
from ktrain_sentiment.evaluation.review import ErrorSummary
from ktrain_sentiment.messages import count
from ktrain_sentiment.report.facts import ReportFacts
from ktrain_sentiment.report.figures import NAMES, full, interval, share
from ktrain_sentiment.tasks import COVERAGE, Kind

OFTEN = 0.1
"""Tests that surely fail more often are named in a sentence."""


def calibration_sentence(metrics: Metrics) -> str:
    """Whether the probabilities are what they say, in words."""
    error, floor = metrics.ece.value, metrics.ece_floor
    cause = "no more than chance explains" if error <= floor else "more than chance explains"
    return (
        f"Its probabilities are off by {share(error)} on average, {cause} on "
        f"{count(metrics.n, 'row')} (up to {share(floor)})."
    )


def abstention_sentence(found: Abstention, kind: Kind = "classes") -> str:
    """What a threshold does, in words."""
    start = f"Leaving texts below {found.below:g} to a person"
    if "cost" in found.figures:
        start = f"With these costs, leaving answers less sure than {found.below:g} to a person"
    if found.accuracy is None:
        return f"{start} leaves all of them."
    right = "have all their labels right" if kind == "multi" else "are right"
    besides = [f"{NAMES[name]} {full(name, one)}" for name, one in found.figures.items()]
    return (
        f"{start}, {full('accuracy', found.covered)} are answered, and of the answers "
        f"{full('accuracy', found.accuracy)} {right}{'; ' * bool(besides)}{', '.join(besides)}."
    )


_LIKELIEST: Mapping[Kind, str] = {
    "classes": "the likeliest label is said", "stars": "the likeliest star is said",
    "multi": "labels are given from their thresholds on",
}  # fmt: skip


def costs_sentence(found: CostFigures, kind: Kind) -> str:
    """What mistakes cost, in words."""
    weighed, saved = found.weighed, found.saved
    less = "less" if saved.value >= 0 else "more"
    beyond = "" if saved.low > 0 or saved.high < 0 else ", which may be chance"
    always = f"Always answering {found.always or 'with no label'}"
    if not found.changed:
        gained = "answers of least expected cost are the same"
    else:
        gained = (
            f"{weighed.value:.3g} by least expected cost, with another answer to "
            f"{count(found.changed, 'row')} of {found.rows:,}: {abs(saved.value):.3g} {less} (95 % "
            f"interval of what is saved {saved.low:.3g} to {saved.high:.3g}){beyond}"
        )
    return (
        f"Mistakes cost {found.plain.value:.3g} a row where {_LIKELIEST[kind]} (95 % interval "
        f"{found.plain.low:.3g} to {found.plain.high:.3g}), and {gained}. {always} would cost "
        f"{found.always_cost:.3g}."
    )


def decision_sentences(
    abstention: Abstention | None, costs: CostFigures | None, kind: Kind
) -> list[str]:  # fmt: skip
    """What is gained by another rule than to answer each text with what is likeliest."""
    said = [] if costs is None else [costs_sentence(costs, kind)]
    return said if abstention is None else [*said, abstention_sentence(abstention, kind)]


def behaviour_sentence(found: Behaviour) -> str:
    """What a checklist came to, worst first, and what it is worth."""
    failing = sorted(found.tests, key=lambda one: -one.failures.value)
    often = [one for one in failing if one.failures.low > OFTEN]
    named = "; ".join(f'"{one.name}" ({share(one.failures.value, 0)})' for one in often[:3])
    more = f" and {len(often) - 3:,} more" if len(often) > 3 else ""
    least = share(OFTEN, 0)
    what = f"it fails {named}{more}" if often else f"none surely fails in more than {least}"
    return (
        f"Of {count(len(found.tests), 'test')} of single abilities ({found.source}), {what}. The "
        "sentences are made from templates: a rate says what it cannot do, not how often texts ask "
        "for it."
    )


def verdict(facts: ReportFacts) -> str:
    """The outcome in one or two sentences."""
    rows = {"test": "that training never saw", "validation": "of the validation split"}.get(
        facts.split, f"of {facts.data.source}"
    )
    texts = f"{count(facts.metrics.n, 'text')} {rows}"
    said = outcome_sentence(texts, facts.metrics)
    return f"{said}.{_beside(facts)}" if said else _verdict_on_classes(facts, texts)


def _verdict_on_classes(facts: ReportFacts, texts: str) -> str:
    accuracy = facts.metrics.accuracy
    first = (
        f"Of {texts}, the model labels {share(accuracy.value)} "
        f"correctly (95 % interval {interval('accuracy', accuracy)})."
    )
    best = facts.best_baseline
    if best is None:
        return first
    other = best.name if best.name.startswith("TF-IDF") else f"the {best.name}"
    gap = 100 * (accuracy.value - best.accuracy.value)
    if abs(gap) < 0.05:
        return f"{first} {other[0].upper()}{other[1:]} gets as many right."
    word = "more" if gap > 0 else "fewer"
    return f"{first} That is {abs(gap):.1f} points {word} than {other} gets on the same texts."


def outcome_sentence(rows: str, found: Metrics) -> str:
    """How good a model of stars, scores or several labels is on some rows; empty of classes."""
    if (stars := found.stars) is not None:
        return (
            f"On {rows}, the model is off by {stars.mae.value:.2f} stars on average (95 % interval "
            f"{stars.mae.low:.2f} to {stars.mae.high:.2f}): {share(found.accuracy.value)} get "
            f"exactly the right star, {share(stars.within_one.value)} at most one off"
        )
    if (score := found.score) is not None:
        return (
            f"On {rows}, scores are off by {score.mae.value:.3g} on average (95 % interval "
            f"{score.mae.low:.3g} to {score.mae.high:.3g}) where the true ones spread by "
            f"{score.spread:.3g}, and their rank correlation with the true ones is "
            f"{score.spearman.value:.3f} ({score.spearman.low:.3f} to {score.spearman.high:.3f})"
        )
    if (multi := found.multi) is not None:
        return (
            f"On {rows}, the macro F1 of {len(found.labels)} labels is "
            f"{share(multi.macro_f1.value)} (95 % interval "
            f"{interval('macro_f1', multi.macro_f1)}) and the micro F1 "
            f"{share(multi.micro_f1.value)}; {share(multi.subset_accuracy.value)} of them get "
            "exactly the labels that they have"
        )
    return ""


def _beside(facts: ReportFacts) -> str:
    """What the best baseline comes to on the same rows; empty where there is none."""
    found, best = facts.metrics, facts.best_baseline
    if best is None:
        return ""
    if found.stars is not None and best.stars is not None:
        gap = best.stars.mae.value - found.stars.mae.value
        word = "nearer" if gap >= 0 else "farther off"
        return f" That is {abs(gap):.2f} stars {word} than {best.name} on the same texts."
    if best.score is not None:
        return f" {best.name} comes to {best.score.spearman.value:.3f} on the same texts."
    if best.multi is not None:
        return f" {best.name} has a macro F1 of {share(best.multi.macro_f1.value)} there."
    return ""


def coverage_sentence(metrics: Metrics) -> str:
    """What the interval around a score is worth, in words; empty where there is none."""
    score = metrics.score
    if score is None or score.half_width is None:
        return ""
    said = f"The interval around a score reaches {score.half_width:.3g} to either side"
    if score.coverage is None:
        return f"{said}; whether it holds nine of ten true scores was not checked."
    return (
        f"{said} and holds the true one in {share(score.coverage.value)} of these rows (95 % "
        f"interval {interval('coverage', score.coverage)}); it is made to do so in "
        f"{share(COVERAGE, 0)}."
    )


def label_errors_sentence(errors: ErrorSummary) -> str:
    """How many labels are likely wrong, and what that number can tell."""
    if not errors.doubted_labels:
        return (
            "No label is doubted: nowhere is the model as sure of another as it usually is of that."
        )
    likely, possible = errors.likely_label_errors, errors.possible_label_errors
    said = (
        f"Of {count(errors.doubted_labels, 'label')} to look at, {likely:,} "
        f"{'is' if likely == 1 else 'are'} more likely wrong than the model and {possible:,} "
        "possibly"
    )
    expected = errors.expected_label_errors
    if expected is not None:
        said += (
            f"; about {expected.value:.0f} are expected to be wrong (95 % interval "
            f"{expected.low:.0f} to {expected.high:.0f})"
        )
    return (
        f"{said}. This is read off how often the model is contradicted where it is sure; its own "
        "sure mistakes look the same, so only reading the rows can tell."
    )
