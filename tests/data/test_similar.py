"""Near duplicates: keys that forgive little things, and MinHash against brute force."""

import random

import pandas as pd
import pytest

from ktrain_sentiment.data.repeats import find_repeats, near_codes, near_key
from ktrain_sentiment.data.similar import LEAST_SHARED, shared, similar_groups
from ktrain_sentiment.data.similar import _words as similar_words


@pytest.mark.parametrize(
    "other",
    [
        "LOVED  the film",
        "Loved the film.",
        "Loved the film...",
        "<b>Loved</b> the film",
        "RT @someone: Loved the film",
        "@one @two Loved the film http://t.co/x",
        "\uff2coved the film",
    ],
)
def test_what_does_not_make_another_text_is_forgiven(other):
    assert near_key(other) == near_key("Loved the film")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Great :)", "Great :("),
        ("Great!", "Great?"),
        ("good 😀", "good 😡"),
        ("...", "!!!"),
        ("@bob", "@al"),
    ],
)
def test_what_may_change_the_meaning_is_not_forgiven(one, other):
    assert near_key(one) != near_key(other)


def test_targets_of_links_and_mentions_do_not_count():
    first = near_key("Look @bob http://t.co/a")
    assert first == near_key("look @alice  https://example.org/b?c")


def test_codes_number_keys_in_the_order_of_first_sight():
    assert near_codes(["b", "a", "B", "c", "A."]).tolist() == [0, 1, 0, 2, 1]


def make_texts(seed):
    """Texts, a third of them copies of others with a few words changed."""
    rng = random.Random(seed)
    words = [f"w{k}" for k in range(400)]
    texts = [" ".join(rng.choices(words, k=rng.randint(6, 40))) for _ in range(200)]
    for original in rng.sample(texts, 100):
        copy = original.split()
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            copy[rng.randrange(len(copy))] = rng.choice(words)
        texts.append(" ".join(copy))
    return list(dict.fromkeys(texts))


@pytest.mark.parametrize("seed", range(3))
def test_nearly_all_similar_pairs_are_found_and_no_others(seed):
    texts = make_texts(seed)
    groups = similar_groups(texts)
    pairs = [(i, j) for i in range(len(texts)) for j in range(i)
             if shared(texts[i], texts[j]) >= LEAST_SHARED]  # fmt: skip
    assert len(pairs) > 20
    assert sum(groups[i] == groups[j] for i, j in pairs) >= 0.97 * len(pairs)
    joined = {i for pair in pairs for i in pair}
    assert {k for k in range(len(texts)) if groups[k] != k} <= joined


def test_short_texts_are_not_similar_by_accident():
    assert similar_groups(["I love it", "I love it so", "so I love it"]).tolist() == [0, 1, 2]


def test_a_group_is_named_after_its_first_text():
    text = "the quick brown fox jumps over the lazy dog near the river bank today"
    texts = ["something else entirely that has nothing to do with it", text, f"{text} again"]
    assert similar_groups(texts).tolist() == [0, 1, 1]


def test_no_texts_have_no_groups():
    assert similar_groups([]).tolist() == []


def test_each_repeat_is_of_one_kind_and_the_first_of_a_text_is_none():
    text = "the quick brown fox jumps over the lazy dog near the river bank today"
    texts = ["short", text, text.upper(), text, f"{text} again", "Short.", f"{text} again"]
    found = find_repeats(pd.Series(texts, dtype="str"))
    assert found.exact.tolist() == [False, False, False, True, False, False, True]
    assert found.near.tolist() == [False, False, True, False, False, True, False]
    assert found.similar.tolist() == [False, False, False, False, True, False, False]
    assert found.several.tolist() == [True] * 7
    assert (found.first.tolist(), found.most) == ([0, 1, 4], 2)


def test_words_are_the_same_in_ascii_and_beyond():
    plain = "don't stop: a_b 3.5 (really)\tnow"
    assert similar_words(plain) == similar_words(f"{plain} é")[:-1]


def test_no_texts_have_no_repeats():
    assert find_repeats(pd.Series([], dtype="str")).exact.tolist() == []
