"""Words of texts are found by arrays of bytes, as a plain reading of the rule finds them."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrain_sentiment.training import wordpieces
from ktrain_sentiment.training.wordpieces import split_words

MARKS = re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
WORD = re.compile(rf"[{MARKS}]|[^{MARKS} \t\n\r]+")

TEXT = st.text(st.sampled_from("aBz9 .,-\t\n\r\x00\x0b\x7f\u00a0\u0301éß中😀[]"), max_size=20)


def words_of(texts: list[str], *, lower: bool = False) -> list[list[bytes]]:
    found = split_words(texts, lower=lower)
    every = [found.distinct[k] for k in found.numbers.tolist()]
    ends = np.cumsum(found.counts)
    starts = ends - found.counts
    return [every[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


@given(st.lists(TEXT, max_size=8), st.integers(1, 3))
def test_words_lie_between_spaces_and_marks(texts: list[str], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordpieces, "BLOCK", block)
        assert words_of(texts) == [[w.encode() for w in WORD.findall(text)] for text in texts]


def test_each_different_word_is_listed_once() -> None:
    found = split_words(["a b a", "b, a"], lower=False)
    assert found.distinct == [b"a", b"b", b","]
    assert found.numbers.tolist() == [0, 1, 0, 1, 2, 0]
    assert found.counts.tolist() == [3, 3]


def test_only_plain_letters_become_small() -> None:
    assert words_of(["Ab ÉA"], lower=True) == [[b"ab", "Éa".encode()]]


def test_texts_without_words_have_none() -> None:
    assert words_of(["", "  \n", ""]) == [[], [], []]
    assert words_of([]) == []
