"""What a task has not: one table of refusals, so that each is said once and before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ktrain_sentiment.errors import ConfigError


@dataclass(frozen=True)
class _Lacking:
    """What one task has not.

    Attributes:
        why: What the labels are, as the second half of a refusal.
        flags: Flags that mean nothing there, refused in the same words.
        others: What is refused in words of its own; `{given}` is the flag as it was given.
    """

    why: str
    flags: frozenset[str]
    others: Mapping[str, str] = field(default_factory=dict)


_OF_CLASSES = frozenset({
    "--class-weight", "--stratified-batches", "--teacher", "--augment", "--few-labels",
    "--explain", "--wrong-labels", "--corrections", "--few-shot",
})  # fmt: skip

_RANKS = "{given} ranks classifiers of one label a text: name an encoder"
_BY_ONE = "is trained by one worker: leave it out, or --workers (and TF_CONFIG)"
_SEVERAL = "a text may have several labels"
_LACKING: Mapping[str, _Lacking] = {
    "multi": _Lacking(
        _SEVERAL,
        _OF_CLASSES,
        {
            "--encoder": _RANKS,
            "no predictor": "several labels a text are judged with a predictor alone; name one "
            "with --predictor",
            "--slice-by": "{given} counts right answers, and some of a text's labels may be right: "
            "leave it out",
            "--checklist": "{given} asks which label a sentence gets, and the predictor gives "
            "several: leave it out",
            "--text": "{given} marks words for and against one label, and the predictor gives "
            "several",
            "/explain": "words are weighed for one label, and this model gives several",
            "--model": "{given} learns one label a text, and here it may have several: leave "
            "--model out for an encoder, or take one of them (--multi-label split or drop)",
            "--keep-best": "{given} is for classes, and a text may have several labels: wanted "
            "loss (as when left out) or last",
            "estimator": "y holds several labels a text, joined in one: wanted 0 or 1 for each, "
            "shape (n, labels), as MultiLabelBinarizer makes it of lists of labels",
        },
    ),
    "score": _Lacking(
        "the labels are scores",
        _OF_CLASSES,
        {
            "--encoder": _RANKS,
            "no predictor": "scores are judged with a predictor alone; name one with --predictor",
            "--slice-by": "{given} counts right answers, and a score is nearer or farther: leave "
            "it out; inspect-errors lists the rows that are farthest off",
            "--abstain-below": "{given} goes by probability, and the predictor answers with a "
            "score, all of whose intervals are equally wide: leave it out; score_low and "
            "score_high say how sure a score is",
            "--costs": "{given} weighs one wrong label against another, and the predictor answers "
            "with a score: leave it out",
            "--checklist": "{given} asks which label a sentence gets, and the predictor answers "
            "with a score: leave it out",
            "--text": "{given} marks words for and against a label, and the predictor answers with "
            "a score",
            "/explain": "words are weighed for labels, and this model answers with a score",
            "estimator": "y holds scores, and it learns classes: SentimentRegressor learns scores",
            "--model": "{given} learns classes, and the labels are scores: leave --model out for "
            "an encoder, or make classes of them first (such as negative below 0)",
            "--keep-best": "{given} is for classes, and the labels are scores: wanted loss (as "
            "when left out) or last",
        },
    ),
    "workers": _Lacking(
        "several workers train one encoder",
        frozenset(),
        {
            "--model": "{given} " + _BY_ONE + ", or name an encoder",
            "--encoder": "{given} races encoders in one process: name an encoder, or leave "
            "--workers (and TF_CONFIG) out",
            **dict.fromkeys(("--few-labels", "--teacher", "--folds"), "{given} " + _BY_ONE),
        },
    ),
}


def lacks(kind: str, feature: str, given: str = "") -> str:
    """Why a task has not got a feature, and what to do instead; empty where it has.

    Args:
        kind: The task's.
        feature: A flag, a command, a route, or what is missing.
        given: The flag as it was given, where that says more than its name.
    """
    found = _LACKING.get(kind)
    if found is None:
        return ""
    if feature in found.flags:
        return f"{given or feature} is for classes, and {found.why}: leave it out"
    return found.others.get(feature, "").format(given=given or feature)


def refuse(kind: str, feature: str, source: str = "", given: str = "") -> None:
    """Refuse a feature that a task has not.

    Args:
        kind: The task's.
        feature: As for `lacks`.
        source: What is spoken of, such as the data's name.
        given: As for `lacks`.

    Raises:
        ConfigError: The task has not got it.
    """
    if said := lacks(kind, feature, given):
        raise ConfigError(f"{source}: {said}" if source else said)


def refuse_flags(kind: str, given: Mapping[str, object]) -> None:
    """Refuse the first of some flags that is given and that a task has not got.

    Args:
        kind: The task's.
        given: Each flag, and whether it was given.

    Raises:
        ConfigError: One is.
    """
    for flag, is_given in given.items():
        if is_given:
            refuse(kind, flag)


def refuse_threshold(abstain_below: float | None) -> None:
    """Refuse a confidence to abstain below that is none.

    Raises:
        ConfigError: It is not from 0 to 1.
    """
    if abstain_below is not None and not 0 <= abstain_below <= 1:
        raise ConfigError(f"--abstain-below {abstain_below}: wanted 0 to 1")
