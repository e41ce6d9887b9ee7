"""Of a text longer than the model reads, the rule says what is read; windows lose nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.predictor.long_texts import (
    RowReader,
    check_long_texts,
    cut_windows,
    mean_by_text,
    one_row,
    shortened,
    told,
)
from ktrain_sentiment.predictor.tokenization import EncodedTexts, TextEncoder
from ktrain_sentiment.training.tokens import tokenize

RULES = ["head", "tail", "head+tail", "windows"]
LONG = "a dull film. " * 9 + "but great!"


@pytest.fixture
def contents(tiny_bert) -> bytes:
    return (tiny_bert / "tokenizer.json").read_bytes()


@pytest.fixture
def tokenizer(tiny_bert) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_bert / "tokenizer.json"))


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(1, 40))
def test_windows_cover_every_token_and_none_is_too_long(closes, room):
    windows = cut_windows(np.array(closes), room)
    covered = {token for start, end in windows for token in range(start, end)}
    assert covered == set(range(len(closes)))
    assert all(0 < end - start <= room for start, end in windows)
    assert windows == sorted(windows)


def test_windows_end_with_sentences_and_are_alike_in_length():
    closes = np.zeros(100, bool)
    closes[9::10] = True
    assert cut_windows(closes, 30) == [(0, 20), (20, 40), (40, 60), (60, 80), (80, 100)]


def test_of_several_marks_the_last_ends_the_sentence():
    closes = np.zeros(20, bool)
    closes[[7, 8, 9]] = True
    assert cut_windows(closes, 12) == [(0, 10), (10, 20)]


def test_where_no_sentence_ends_windows_overlap():
    assert cut_windows(np.zeros(25, bool), 12) == [(0, 12), (8, 20), (16, 25)]


def test_each_rule_reads_what_it_says(tokenizer):
    reader = RowReader.of(tokenizer, 10)
    tokens = np.arange(1000, 1020)
    assert reader.room == 8
    [head] = reader.rows(tokens, "head")
    [tail] = reader.rows(tokens, "tail")
    [both] = reader.rows(tokens, "head+tail")
    assert head.tolist() == tokens[:8].tolist()
    assert tail.tolist() == tokens[-8:].tolist()
    assert both.tolist() == [*tokens[:2], *tokens[-6:]]
    assert len(reader.rows(tokens, "windows")) > 2
    assert all(reader.rows(tokens[:8], rule)[0].tolist() == tokens[:8].tolist() for rule in RULES)


@pytest.mark.parametrize("rule", RULES)
def test_training_and_prediction_read_the_same_rows(contents, tokenizer, rule):
    texts = ["a film", LONG, "", "great " * 40, "[SEP] " * 30 + "a dull plot. ", "x? y! " * 20]
    read = TextEncoder(contents, 12, 0).encode(texts, rule)
    learned = tokenize(texts, tokenizer, 12, rule)
    assert [ids.tolist() for ids in read.ids] == [
        learned.row(k).tolist() for k in range(len(learned))
    ]
    assert read.windows.tolist() == learned.windows.tolist()
    assert learned.longer.tolist() == [False, True, False, True, True, True]
    assert read.truncated.any() == (rule != "windows")


def test_an_endless_text_costs_no_more_than_a_thousand_characters_a_token(contents):
    encoded = TextEncoder(contents, 8, 0).encode(["a " * 1_000_000, "b"], "windows")
    assert encoded.truncated.tolist() == [True, False]
    assert encoded.lengths.sum() < 10_000
    assert len(shortened("a" * 10_000, 8, "head+tail")) == 8 * 1000
    assert shortened("a" * 10_000 + "end", 8, "tail").endswith("end")


def test_rows_of_some_texts_are_taken_and_joined_together():
    rows = [np.array([k]) for k in range(6)]
    three = EncodedTexts(rows, np.zeros(3, bool), np.zeros(3, bool), np.array([1, 3, 2]))
    assert [ids.tolist() for ids in three[1:2].ids] == [[1], [2], [3]]
    assert three[1:1].ids == []
    again = EncodedTexts.join([three[:1], three[1:]])
    assert [ids.tolist() for ids in again.ids] == [[k] for k in range(6)]
    assert again.windows.tolist() == [1, 3, 2]


def test_a_text_has_the_mean_of_its_rows():
    rows = np.array([[1, 0], [0, 2], [4, 0]], np.float32)
    assert mean_by_text(rows, np.array([1, 2])).tolist() == [[1, 0], [2, 1]]


def test_who_reads_one_row_gets_head_and_tail_for_windows():
    assert [one_row(rule) for rule in RULES] == ["head", "tail", "head+tail", "head+tail"]


def test_an_unknown_rule_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"wanted one of head, tail, head\+tail, windows"):
        check_long_texts("middle")


def test_what_was_done_is_said_with_the_number_of_texts():
    assert told(3, 1200, "windows", 64) == (
        "3 of 1,200 texts are longer than the 64 tokens of the model: read whole, in windows of up "
        "to 64 tokens, whose logits are averaged"
    )


def test_one_text_is_not_called_texts():
    assert told(1, 1, "tail", 32).startswith("1 of 1 text is longer than the 32 tokens")
    assert told(2, 3, "tail", 32).startswith("2 of 3 texts are longer than the 32 tokens")
