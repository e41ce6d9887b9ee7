"""What a classifier can do with language: failure rates on sentences made for one ability each.

After CheckList (Ribeiro et al. 2020, arXiv:2005.04118): accuracy on rows that are like the training
rows hides that "not bad" is read as bad, or that a label follows from somebody's religion. The
templates and words of `checklist.yaml` are this package's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.baselines import POLES
from ktrain_sentiment.evaluation.intervals import Estimate, wilson
from ktrain_sentiment.messages import listed
from ktrain_sentiment.prediction import Classifier, Probabilities
from ktrain_sentiment.templates import Case, Template, Templates, draw, read_templates
from ktrain_sentiment.words import is_blank

CASES = 250
"""Cases a test: a rate of one half is then known to 6 points either way."""
MOVED = 0.1
"""How far a probability may move against what was added before it counts, as in CheckList."""
EXAMPLES = 3

Poles = Mapping[str, str]
"""The meaning of each label: negative, neutral or positive."""


@dataclass(frozen=True)
class FailedCase:
    """A case that a classifier fails.

    Attributes:
        texts: The text; or one and its change, where two were held against each other.
        predicted: The label of each.
        probabilities: The probability of that label.
    """

    texts: tuple[str, ...]
    predicted: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Ability:
    """One test, or all tests of a capability together.

    Attributes:
        name: What is tested; empty for a capability as a whole.
        capability: What a reader of language must be able to do.
        kind: `minimum` (the label is known), `invariance` (it may not change), `direction` (a
            probability may not move one way); empty for a capability as a whole.
        failures: Share of cases that fail, with Wilson's interval.
        examples: Some of those.
    """

    name: str
    capability: str
    kind: str
    failures: Estimate
    examples: tuple[FailedCase, ...] = ()


@dataclass(frozen=True)
class Behaviour:
    """What a classifier does on a file of templates.

    Attributes:
        source: The file.
        language: ISO 639 code of its language.
        tests: One entry a test.
        capabilities: One entry a capability, all cases of its tests together.
        left_out: Names of tests that could not be made, and why.
        notes: Remarks to show, a line each.
    """

    source: str
    language: str
    tests: tuple[Ability, ...]
    capabilities: tuple[Ability, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()


def own_templates() -> Templates:
    """The templates that come with this package, in English."""
    with as_file(files("ktrain_sentiment.evaluation").joinpath("checklist.yaml")) as path:
        return read_templates(path)


def find_poles(
    labels: Sequence[str], positive: Sequence[str] = (), negative: Sequence[str] = ()
) -> Poles:
    """Which labels are positive, negative, or neither.

    Args:
        labels: The classifier's labels.
        positive: Those that mean something positive; found by their names when both are empty.
        negative: Those that mean something negative.

    Raises:
        ConfigError: A label is not there, or the names do not tell.
    """
    for flag, named in (("positive", positive), ("negative", negative)):
        for label in named:
            if label not in labels:
                raise ConfigError(
                    f"--{flag} {label}: no such label; the classifier has {listed(labels)}"
                )
    both = sorted(set(positive) & set(negative))
    if both:
        raise ConfigError(f"{both[0]} is named by --positive and by --negative: choose one")
    if bool(positive) != bool(negative):
        missing = "--negative" if positive else "--positive"
        raise ConfigError(f"{missing} is missing: name labels for both, the others are neutral")
    if positive:
        given = dict.fromkeys(positive, "positive") | dict.fromkeys(negative, "negative")
        return {label: given.get(label, "neutral") for label in labels}
    found = {
        label: pole
        for label in labels
        for pole, names in POLES.items()
        if label.strip().lower() in names
    }
    if len(found) < len(labels) or not {"negative", "positive"} <= set(found.values()):
        raise ConfigError(
            f"the labels {listed(labels)} do not tell which are positive: name them, as in "
            "--positive 4 5 --negative 1 2; others are neutral"
        )
    return found


def check_behaviour(
    classifier: Classifier,
    templates: Templates,
    poles: Poles,
    *,
    rows: Sequence[str] = (),
    cases: int = CASES,
) -> Behaviour:
    """Ask a classifier all cases of all tests, and count the failures.

    Args:
        classifier: Who is asked.
        templates: The tests.
        poles: The meaning of each of its labels; see `find_poles`.
        rows: Texts of the data, for tests that change those; without them such tests are left out.
        cases: How many cases a test has at most.

    Raises:
        ConfigError: Fewer than one case is wanted, or no test can be made.
    """
    if cases < 1:
        raise ConfigError(f"--cases {cases}: must be at least 1")
    seen = [text for text in rows if not is_blank(text)]
    neutral = "neutral" in poles.values()
    left_out, drawn = {}, []
    for test in templates.tests:
        if test.expect == ("neutral",) and not neutral:
            left_out[test.name] = "the classifier has no neutral label"
        elif test.rows and not seen:
            left_out[test.name] = "there are no rows to change"
        else:
            made = draw(test, templates.words, cases, rows=seen)
            drawn.append((test, made))
    if not drawn:
        raise ConfigError(f"{templates.source}: no test can be made: {left_out}")
    # Asked all at once: texts of similar length share a batch.
    table = classifier.predict_proba([text for _, made in drawn for one in made for text in one])
    meanings = np.array([poles[label] for label in classifier.labels])
    found, start = [], 0
    for test, made in drawn:
        end = start + sum(map(len, made))
        found.append(_judged(test, made, table[start:end], classifier.labels, meanings))
        start = end
    return Behaviour(
        source=templates.source,
        language=templates.language,
        tests=tuple(found),
        capabilities=tuple(
            _pooled(name, found) for name in dict.fromkeys(one.capability for one in found)
        ),
        left_out=left_out,
    )


def _judged(
    test: Template,
    cases: Sequence[Case],
    table: Probabilities,
    labels: Sequence[str],
    meanings: NDArray[np.str_],
) -> Ability:
    """One test, from the probabilities of all its texts in their order."""
    best = table.argmax(axis=1)
    said = meanings[best]
    positive = table[:, meanings == "positive"].sum(axis=1)
    failed: list[FailedCase] = []
    count, start = 0, 0
    for case in cases:
        here = slice(start, start + len(case))
        if test.expect:
            wrong = ~np.isin(said[here], test.expect)
        elif test.never is None:
            wrong = said[here] != said[start]
        else:
            moved = positive[here] - positive[start]
            wrong = (moved if test.never == "rise" else -moved) > MOVED
        if wrong.any():
            count += 1
            at = start + int(wrong.argmax())
            shown = (at,) if test.expect else (start, at)
            if len(failed) < EXAMPLES:
                failed.append(
                    FailedCase(
                        texts=tuple(case[k - start] for k in shown),
                        predicted=tuple(labels[best[k]] for k in shown),
                        probabilities=tuple(float(table[k, best[k]]) for k in shown),
                    )
                )
        start += len(case)
    return Ability(test.name, test.capability, test.kind, wilson(count, len(cases)), tuple(failed))


def _pooled(capability: str, tests: Sequence[Ability]) -> Ability:
    own = [one.failures for one in tests if one.capability == capability]
    failed = sum(round(one.value * one.n) for one in own)
    return Ability("", capability, "", wilson(failed, sum(one.n for one in own)))
