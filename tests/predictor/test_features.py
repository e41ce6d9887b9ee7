"""Words and n-grams get the ids that ktrain's own preprocessor gives them, whatever the texts."""

import json
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrain_sentiment.errors import MissingExtraError, PredictorError
from ktrain_sentiment.predictor.tokenization import FeatureEncoder, FeatureIndex, make_index
from ktrain_sentiment.training.backend import open_backend, suppress_output

TRAIN = [
    "a good film, a GOOD film and a good cast", "a bad film: never a good word",
    "Café\tnaïve\nİstanbul", "good good good good", "don't --- \x0bend\xa0of it", "",
    "straße 東京 film", "bad cast bad film",
]  # fmt: skip
CLASSES = ["yes", "no"] * 4


@cache
def fitted(ngrams: int, bound: int, maxlen: int) -> Any:
    """ktrain's preprocessor of the training texts."""
    ktrain = open_backend().ktrain
    preprocessor = ktrain.text.preprocessor.StandardTextPreprocessor(
        maxlen=maxlen, max_features=bound, lang="en", ngram_range=ngrams
    )
    with suppress_output():
        preprocessor.preprocess_train(TRAIN, CLASSES, verbose=0)
    return preprocessor


def index_of(preprocessor: Any, *, padded: bool = True) -> FeatureIndex:
    tokenizer = preprocessor.tok
    return make_index(
        tokenizer.word_index, preprocessor.tok_dct, tokenizer.num_words, preprocessor.maxlen,
        padded=padded, segmented=False,
    )  # fmt: skip


def reread(index: FeatureIndex) -> FeatureEncoder:
    return FeatureEncoder(FeatureIndex.from_bytes(index.to_bytes()))


words = st.sampled_from([*" ".join(TRAIN).split(" "), "unknown", "ΑΣ", "\t", "\r", "!", "\ud800"])
texts = st.lists(words, max_size=12).map(" ".join) | st.text()


@given(
    st.lists(texts, min_size=1, max_size=5),
    st.integers(1, 4),
    st.sampled_from([2, 5, 100]),
    st.sampled_from([2, 7, 40]),
)
@settings(max_examples=300, deadline=None)
def test_ids_are_those_of_ktrain(said: list[str], ngrams: int, bound: int, maxlen: int) -> None:
    preprocessor = fitted(ngrams, bound, maxlen)
    with suppress_output():
        theirs, _ = preprocessor.preprocess_test(said, verbose=0)
    ours = reread(index_of(preprocessor)).encode(said)
    np.testing.assert_array_equal(np.stack(ours.ids), theirs)


def test_without_padding_the_zeros_before_a_text_are_gone() -> None:
    preprocessor = fitted(3, 100, 40)
    said = [*TRAIN, "nothing known here"]
    padded = reread(index_of(preprocessor)).encode(said).ids
    plain = reread(index_of(preprocessor, padded=False)).encode(said).ids
    for with_zeros, without in zip(padded, plain, strict=True):
        assert without.tolist() == (with_zeros[with_zeros > 0].tolist() or [0])


def test_of_a_long_text_the_last_features_are_kept_and_it_says_so() -> None:
    encoder = reread(index_of(fitted(1, 100, 2), padded=False))
    encoded = encoder.encode(["a good film", "good film", ""])
    assert encoded.truncated.tolist() == [True, False, False]
    assert encoded.ids[0].tolist() == encoded.ids[1].tolist()


def test_no_texts_are_no_rows() -> None:
    assert len(reread(index_of(fitted(2, 100, 7))).encode([])) == 0


def test_texts_without_spaces_between_words_are_set_apart_as_ktrain_does() -> None:
    ktrain = open_backend().ktrain
    preprocessor = ktrain.text.preprocessor.StandardTextPreprocessor(
        maxlen=9, max_features=50, lang="zh-cn", ngram_range=2
    )
    said = ["这部电影非常好看", "这部电影很无聊"]
    with suppress_output():
        preprocessor.preprocess_train(said, ["yes", "no"], verbose=0)
        theirs, _ = preprocessor.preprocess_test(said, verbose=0)
    index = make_index(
        preprocessor.tok.word_index, preprocessor.tok_dct, 50, 9, padded=True, segmented=True
    )
    assert len(index.words) > 4
    np.testing.assert_array_equal(np.stack(reread(index).encode(said).ids), theirs)


def test_without_what_sets_them_apart_the_command_to_install_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jieba", None)
    index = index_of(fitted(1, 100, 7))
    with pytest.raises(MissingExtraError, match="jieba"):
        FeatureEncoder(FeatureIndex(**vars(index) | {"segmented": True}))


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"\xff", b"[]", b"{}", b"[" * 100_000,
        {"format": "another"}, {"words": 3}, {"words": [1]}, {"bound": 2}, {"bound": "many"},
        {"ngrams": ["a"]}, {"ngrams": [10**30]}, {"ngrams": [[1]]}, {"maxlen": 0}, {"more": 1},
        {"longest": 2**31}, {"longest": 10**400},
    ],
)  # fmt: skip
def test_what_is_no_index_is_one_line(damage: bytes | dict[str, object]) -> None:
    contents = index_of(fitted(2, 100, 7)).to_bytes()
    if isinstance(damage, dict):
        damage = json.dumps(json.loads(contents) | damage).encode()
    with pytest.raises(PredictorError, match=r"^features.json cannot be read: ") as caught:
        FeatureIndex.from_bytes(damage)
    assert "\n" not in str(caught.value)
