"""Tokens as in training, from the `tokenizers` library alone."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.tokenization import (
    TextEncoder,
    configured_padding_id,
    pad,
    plan_batches,
)
from support.reviews import make_reviews

TEXTS = [*(text for text, _ in make_reviews(20)), "x " * 100, "", "ünïcödé 🙂\n\ttabs", "a" * 300]


@pytest.fixture
def contents(tiny_bert) -> bytes:
    return (tiny_bert / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("maxlen", [3, 16, 128])
def test_ids_are_those_of_transformers(tiny_bert, contents, maxlen, backend):
    theirs = backend.transformers.AutoTokenizer.from_pretrained(tiny_bert)
    wanted = theirs(TEXTS, truncation=True, max_length=maxlen)["input_ids"]
    ours = TextEncoder(contents, maxlen, 0).encode(TEXTS)
    assert [ids.tolist() for ids in ours.ids] == wanted


def test_what_the_file_says_about_padding_and_truncation_does_not_matter(contents):
    stale = json.loads(contents)
    stale["truncation"] = {
        "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0,
    }  # fmt: skip
    stale["padding"] = {
        "strategy": {"Fixed": 50}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    encoded = TextEncoder(json.dumps(stale).encode(), 10, 0).encode(["a b c d e", "a"])
    assert encoded.lengths.tolist() == [7, 3]


def test_truncation_is_told(contents):
    encoded = TextEncoder(contents, 5, 0).encode(["a b c", "a b c d"])
    assert encoded.truncated.tolist() == [False, True]
    assert encoded.lengths.tolist() == [5, 5]


def test_an_endless_text_is_cut_before_it_is_tokenised(contents):
    encoded = TextEncoder(contents, 5, 0).encode(["a " * 50_000_000])
    assert encoded.truncated.tolist() == [True]
    assert encoded.lengths.tolist() == [5]


def test_half_a_surrogate_pair_spoils_nothing(contents):
    encoder = TextEncoder(contents, 8, 0)
    encoded = encoder.encode(["a b", "broken \ud83d emoji"])
    assert encoded.ids[0].tolist() == encoder.encode(["a b"]).ids[0].tolist()


@pytest.mark.parametrize("maxlen", [0, 1, 2])
def test_no_room_for_a_token_is_refused(contents, maxlen):
    with pytest.raises(PredictorError, match="leaves no room"):
        TextEncoder(contents, maxlen, 0)


@pytest.mark.parametrize("damaged", [b"", b"{}", b"\xff\xfe", b'{"model": {"type": "Evil"}}'])
def test_a_damaged_tokenizer_is_one_line(damaged):
    with pytest.raises(PredictorError, match=r"tokenizer\.json cannot be read"):
        TextEncoder(damaged, 8, 0)


def test_padding_fills_short_rows_and_masks_them():
    ids, mask = pad([np.array([5, 6, 7]), np.array([8])], padding_id=1)
    assert ids.tolist() == [[5, 6, 7], [8, 1, 1]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_the_padding_id_comes_from_the_config_first():
    assert configured_padding_id({"pad_token_id": 1}) == 1
    assert configured_padding_id({"pad_token_id": None}) is None
    assert configured_padding_id({"pad_token_id": True}) is None


def test_without_one_in_the_config_it_is_the_tokenizers_own_or_zero(contents):
    tokenizer = Tokenizer.from_buffer(contents)
    tokenizer.no_padding()
    assert TextEncoder(tokenizer.to_str().encode(), 16, None).padding_id == 0
    tokenizer.enable_padding(pad_id=7)
    assert TextEncoder(tokenizer.to_str().encode(), 16, None).padding_id == 7
    assert TextEncoder(tokenizer.to_str().encode(), 16, 1).padding_id == 1


@given(st.lists(st.integers(1, 600), max_size=200), st.integers(1, 2000), st.integers(1, 64))
def test_batches_cover_each_text_once_and_stay_small(lengths, tokens, texts):
    lengths = np.array(lengths, dtype=np.int64)
    batches = plan_batches(lengths, tokens, texts)
    assert sorted(np.concatenate([[], *batches])) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= texts
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens


def test_the_longest_texts_come_first():
    batches = plan_batches(np.array([3, 9, 5]), tokens=9, texts=10)
    assert [batch.tolist() for batch in batches] == [[1], [2], [0]]
