"""Failure rates on single abilities, of classifiers whose failures are known beforehand."""

import json

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.behaviour import (
    Behaviour,
    check_behaviour,
    find_poles,
    own_templates,
)
from ktrain_sentiment.evaluation.codec import from_plain, to_plain
from ktrain_sentiment.evaluation.intervals import wilson
from ktrain_sentiment.prediction import to_predictions
from ktrain_sentiment.templates import Template, Templates

TWO = {"negative": "negative", "positive": "positive"}


class Says:
    """A classifier whose probability of positive is a function of the text."""

    def __init__(self, positive, labels=("negative", "positive")):
        self.labels = labels
        self.positive = positive

    def predict_proba(self, texts):
        found = np.array([self.positive(text) for text in texts], np.float32)
        return np.stack([1 - found, found], axis=1)

    def predict(self, texts):
        return to_predictions(self.predict_proba(texts), self.labels)


def suite(*tests, **words):
    given = {"name": "t", "capability": "c"}
    return Templates(tests=tuple(Template(**{**given, **test}) for test in tests), words=words)


def rate(found: Behaviour) -> float:
    return found.tests[0].failures.value


def test_a_label_that_is_not_among_the_right_ones_is_a_failure() -> None:
    templates = suite({"templates": ("It is {word}.",), "expect": ("negative", "neutral")},
                      word=("fine", "bad", "poor", "sad"))  # fmt: skip
    found = check_behaviour(Says(lambda text: 0.9 if "fine" in text else 0.2), templates, TWO)
    assert rate(found) == 0.25
    [failed] = found.tests[0].examples
    assert failed.texts == ("It is fine.",)
    assert failed.predicted == ("positive",)
    assert failed.probabilities == pytest.approx((0.9,))


def test_a_label_that_changes_with_a_word_fails_the_case_once() -> None:
    templates = suite({"templates": ("{who} has a {thing}.",), "vary": "who"},
                      who=("Ann", "Bo", "Cy"), thing=("hat", "cat"))  # fmt: skip
    found = check_behaviour(
        Says(lambda text: float("Ann" in text and "cat" in text)), templates, TWO
    )
    assert rate(found) == 0.5
    assert found.tests[0].failures.n == 2
    assert found.tests[0].examples[0].texts == ("Ann has a cat.", "Bo has a cat.")


@pytest.mark.parametrize(("never", "share"), [("rise", 1.0), ("fall", 0.0)])
def test_a_probability_may_not_move_against_what_was_added(never: str, share: float) -> None:
    templates = suite({"templates": ("A hat.",), "add": ("Bad.",), "never": never})
    found = check_behaviour(Says(lambda text: 0.7 if "Bad" in text else 0.55), templates, TWO)
    assert rate(found) == share
    assert found.tests[0].kind == "direction"


def test_a_small_move_is_none() -> None:
    templates = suite({"templates": ("A hat.",), "add": ("Bad.",), "never": "rise"})
    assert rate(check_behaviour(Says(lambda text: 0.5 + len(text) / 1000), templates, TWO)) == 0


def test_capabilities_hold_all_cases_of_their_tests() -> None:
    templates = suite(
        {"name": "a", "templates": ("{word}",), "expect": ("positive",)},
        {"name": "b", "templates": ("so {word}",), "expect": ("negative",)},
        word=("x", "y", "z"),
    )
    found = check_behaviour(Says(lambda _: 1.0), templates, TWO)
    [whole] = found.capabilities
    assert (whole.failures.value, whole.failures.n) == (0.5, 6)


def test_what_needs_a_neutral_label_or_rows_is_left_out_and_said() -> None:
    templates = suite(
        {"name": "a", "templates": ("A.",), "expect": ("neutral",)},
        {"name": "b", "rows": True, "typos": 1},
        {"name": "c", "templates": ("A.",), "expect": ("positive",)},
    )
    found = check_behaviour(Says(lambda _: 1.0), templates, TWO)
    assert [one.name for one in found.tests] == ["c"]
    assert set(found.left_out) == {"a", "b"}
    rows = check_behaviour(Says(lambda _: 1.0), templates, TWO, rows=["Some words", " "])
    assert [one.name for one in rows.tests] == ["b", "c"]


def test_labels_of_one_meaning_count_as_the_same() -> None:
    poles = {"1": "positive", "2": "positive"}
    templates = suite({"templates": ("{w}",), "vary": "w"}, w=("a", "b"))
    assert rate(check_behaviour(Says(lambda t: float(t == "A"), ("1", "2")), templates, poles)) == 0


def test_poles_are_known_by_name_or_as_they_are_given() -> None:
    assert find_poles(("neg", "neutral", "POS")) == {
        "neg": "negative", "neutral": "neutral", "POS": "positive"
    }  # fmt: skip
    stars = find_poles(("1", "2", "3", "4", "5"), positive=["4", "5"], negative=["1", "2"])
    assert list(stars.values()) == ["negative"] * 2 + ["neutral"] + ["positive"] * 2


@pytest.mark.parametrize(
    ("labels", "positive", "negative", "said"),
    [
        (("0", "1"), (), (), "as in --positive 4 5 --negative 1 2"),
        (("negative", "neutral"), (), (), "do not tell which are positive"),
        (("0", "1"), ("2",), ("0",), "--positive 2: no such label; the classifier has 0, 1"),
        (("0", "1"), ("1",), (), "--negative is missing"),
        (("0", "1"), ("1",), ("1",), "choose one"),
    ],
)
def test_labels_whose_meaning_is_unclear_are_asked_for(labels, positive, negative, said) -> None:
    with pytest.raises(ConfigError, match=said):
        find_poles(labels, positive, negative)


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I.
    for hits, rows, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                                  (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):  # fmt: skip
        found = wilson(hits, rows)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert wilson(20, 20).high == 1.0


def test_a_classifier_that_counts_words_fails_where_words_do_not_suffice() -> None:
    own = own_templates()
    good, bad = ({*own.words[p], *own.words[q]} for p, q in (("good", "like"), ("bad", "hate")))

    def positive(text: str) -> float:
        words = text.lower().replace(".", "").replace("!", "").replace(",", "").split()
        return 0.5 + 0.2 * np.sign(sum((w in good) - (w in bad) for w in words)) + 0.01

    found = check_behaviour(Says(positive), own, TWO, cases=40)
    rates = {one.name: one.failures.value for one in found.tests}
    assert rates["plainly positive words"] == rates["plainly negative words"] == 0
    assert rates["another religion"] == rates["another name"] == 0
    assert rates["not with a negative word"] > 0.9
    assert rates["is it good? no"] > 0.9


def test_the_record_comes_back_from_json() -> None:
    found = check_behaviour(Says(lambda _: 1.0), own_templates(), TWO, cases=3)
    back = from_plain(json.loads(json.dumps(to_plain(found))), Behaviour, "checklist.json")
    assert [one.name for one in back.tests] == [one.name for one in found.tests]
    assert back.tests[0].failures.n == found.tests[0].failures.n
