"""What labels stand for: stars are told from classes, spelled one way, and learned by distance."""

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.tasks import (
    CLASSES,
    SEVERAL,
    Task,
    indicators,
    join_labels,
    labels_in,
    look_like_stars,
    spell_stars,
    star_of,
)


@pytest.mark.parametrize(
    ("label", "star"),
    [("4", 4), ("4.0", 4), ("4,5", 4.5), ("1 star", 1), ("4 out of 5 stars", 4), ("★★★★☆", 4),
     ("Rated 4 out of 5", 4), ("4/5", 4), ("7.5 / 10", 7.5), ("4/5/2024", None),
     ("☆☆☆", 0), ("good", None), ("", None), ("4 kittens", None), ("-1", -1)],
)  # fmt: skip
def test_a_label_stands_for_so_many_stars(label, star):
    assert star_of(label) == star


@pytest.mark.parametrize(
    ("labels", "named", "are"),
    [("12345", False, True), ("01234", False, True), ("01", True, False), ("012", False, False),
     ("1234", False, False), ("1234", True, True), (["-1", "0", "1"], True, False),
     (["1 star", "2 stars", "3 stars"], False, True), (["★", "★★", "★★★"], False, True),
     (["11", "12", "13"], True, False),
     (["2/5", "3/5", "5/5"], False, True), (["1/2", "1/3", "2/4"], False, False),
     (["1", "2", "3", "4", "5", "4/5"], False, False),
     (["1 out of 5", "4 out of 5", "8 out of 10"], False, False),
     (["good", "bad", "so so"], True, False)],
)  # fmt: skip
def test_stars_are_guessed_where_nothing_else_is_likely(labels, named, are):
    assert look_like_stars(labels, named=named) is are


def test_a_star_has_one_spelling():
    assert spell_stars(["5.0", "5", "4"]) == {"5.0": "5", "5": "5", "4": "4"}
    assert spell_stars(["1 star", "2 stars"]) == {"1 star": "1 star", "2 stars": "2 stars"}
    assert spell_stars(["1 star", "2"]) == {"1 star": "1", "2": "2"}


def test_what_is_learned_of_a_star_falls_with_distance_and_has_its_top_at_the_label():
    task = Task.of("stars", ["1", "10", "2"])
    first, tenth, _ = task.targets(np.arange(3), 3)
    assert first.argmax() == 0
    assert first[2] > first[1]
    assert tenth.sum() == pytest.approx(1)
    assert CLASSES.targets(np.array([1]), 3).tolist() == [[0, 1, 0]]


def test_labels_are_put_in_the_order_of_their_stars_and_have_a_mean():
    task = Task.of("stars", ["1", "10", "2"])
    assert task.order(["1", "10", "2"]) == [0, 2, 1]
    assert task.expected([[0.5, 0.5, 0.0]]).tolist() == [5.5]


def test_a_label_that_is_no_star_is_refused():
    with pytest.raises(ConfigError, match="'good' is no star"):
        Task.of("stars", ["1", "good"])


def test_several_labels_are_joined_sorted_and_taken_apart_again():
    assert join_labels(["sad", "happy", "sad"]) == "happy|sad"
    assert labels_in("happy|sad") == ["happy", "sad"]
    assert labels_in("") == []
    assert indicators(["happy|sad", ""], ["happy", "sad"]).tolist() == [[1, 1], [0, 0]]


def test_each_of_several_labels_has_a_probability_of_its_own_and_a_threshold():
    logits = np.array([[0.0, 2.0], [-800.0, 800.0]], np.float32)
    found = SEVERAL.answers(logits)
    np.testing.assert_allclose(found, [[0.5, 0.880797], [0, 1]], rtol=1e-6)
    assert SEVERAL.decided(found).tolist() == [[True, True], [False, True]]
    assert SEVERAL.cut_at((0.6, 0.9)).decided(found).tolist() == [[False, False], [False, True]]
