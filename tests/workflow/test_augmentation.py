"""Rows made to learn from: what they say, and what they must never repeat."""

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.data import Splits
from ktrain_sentiment.evaluation.behaviour import own_templates
from ktrain_sentiment.templates import SLOT, Templates
from ktrain_sentiment.workflow.lessons import MOST, UNSURE, make_lessons, own_lessons

POLES = {"negative": "negative", "positive": "positive"}


def splits_of(count: int, labels=("negative", "positive"), held_out=()) -> Splits:
    rows = [(f"some written words number {k}", labels[k % len(labels)]) for k in range(count)]
    frame = pd.DataFrame(rows, columns=["text", "label"])
    held = pd.DataFrame({"text": list(held_out), "label": labels[0]})
    return Splits(frame, held, held.head(0), tuple(labels))


def frames_of(templates: Templates) -> Iterator[tuple[str, ...]]:
    """Each sentence as its tokens, with one sign for any word in braces."""
    for test in templates.tests:
        for text in (*test.templates, *test.add):
            yield tuple(re.findall(r"\w+|[^\w\s]", SLOT.sub("_", text).lower()))


def test_what_is_learned_and_what_judges_share_no_listed_word() -> None:
    learned, judging = (
        {word.lower() for words in templates.words.values() for word in words}
        for templates in (own_lessons(), own_templates())
    )
    assert learned & judging == set()


def test_what_is_learned_and_what_judges_share_no_sentence() -> None:
    learned, judging = set(frames_of(own_lessons())), set(frames_of(own_templates()))
    assert learned & judging == set()
    # Nor five words on end, the words in braces and the stops counted.
    runs = [
        {one[k : k + 5] for one in frames for k in range(len(one) - 4)}
        for frames in (learned, judging)
    ]
    assert runs[0] & runs[1] == set()


def test_no_text_that_is_learned_is_one_that_is_judged() -> None:
    from ktrain_sentiment.templates import draw

    own = own_templates()
    judged = {
        text.lower()
        for test in own.tests
        if not test.rows
        for case in draw(test, own.words, 250)
        for text in case
    }
    learned = make_lessons(splits_of(4000), POLES, share=1.0).texts["text"].str.lower()
    assert not judged & set(learned)


def test_six_rows_are_made_for_ten_and_never_more_than_the_most() -> None:
    few, many = (len(make_lessons(splits_of(count), POLES).texts) for count in (1000, 60_000))
    assert 500 < few <= 630
    assert 2000 < many <= MOST + 20


def test_a_changed_row_keeps_its_label() -> None:
    splits = splits_of(600)
    made = make_lessons(splits, POLES)
    own = made.texts["text"].str.contains("number") & made.texts["lesson"].str.contains("rows with")
    for text, target in zip(made.texts["text"][own], made.targets[own.to_numpy()], strict=True):
        number = int(re.search(r"number (\d+)", text)[1])
        assert target.tolist() == ([1, 0] if number % 2 == 0 else [0, 1])
    assert own.sum() > 5


def test_pairs_differ_in_one_word_and_have_one_target() -> None:
    made = make_lessons(splits_of(2000), POLES)
    lesson = made.texts["lesson"] == "whoever they are, nothing said"
    texts, targets = made.texts["text"][lesson].tolist(), made.targets[lesson.to_numpy()]
    identities = "|".join(sorted(own_lessons().words["identity"], key=len, reverse=True))
    bare = [re.sub(rf"\b({identities})\b", "_", text) for text in texts]
    assert len(set(bare)) <= 0.6 * len(bare)
    assert len(np.unique(targets, axis=0)) == 1


def test_nothing_said_is_neutral_or_unsure_on_the_commoner_side() -> None:
    two = make_lessons(splits_of(301), POLES)
    said = (two.texts["lesson"] == "nothing said").to_numpy()
    assert two.targets[said][0] == pytest.approx([UNSURE, 1 - UNSURE])
    labels = ("negative", "neutral", "positive")
    three = make_lessons(splits_of(300, labels), dict(zip(labels, labels, strict=True)))
    said = (three.texts["lesson"] == "nothing said").to_numpy()
    assert three.targets[said][0].tolist() == [0, 1, 0]
    np.testing.assert_allclose(three.targets.sum(axis=1), 1, atol=1e-6)


def test_labels_of_one_meaning_share_its_target_as_they_occur() -> None:
    poles = {"1": "negative", "2": "negative", "3": "neutral", "4": "positive"}
    made = make_lessons(splits_of(400, ("1", "2", "3", "4")), poles)
    blame = (made.texts["lesson"] == "blame").to_numpy()
    assert made.targets[blame][0].tolist() == [0.5, 0.5, 0, 0]


def test_what_stands_in_validation_is_not_learned() -> None:
    text = make_lessons(splits_of(1000), POLES).texts["text"][0]
    held = make_lessons(splits_of(1000, held_out=[text.upper()]), POLES).texts["text"]
    assert text not in set(held)


def test_the_same_rows_are_made_each_time_and_others_with_another_seed() -> None:
    first, again, other = (make_lessons(splits_of(500), POLES, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first.texts, again.texts)
    assert set(first.texts["text"]) != set(other.texts["text"])
