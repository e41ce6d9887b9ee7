"""Tokens are those of the tokenizer itself, kept flat, cut at maxlen, padded on demand."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from ktrain_sentiment.training import tokens


@pytest.fixture(scope="module")
def tokenizer(tiny_bert: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_bert / "tokenizer.json"))


@pytest.fixture(scope="module")
def texts(reviews: list[tuple[str, str]]) -> list[str]:
    return [text for text, _ in reviews]


def test_ids_are_those_of_the_tokenizer_text_by_text(
    tokenizer: Tokenizer, texts: list[str]
) -> None:
    table = tokens.tokenise(texts, tokenizer, 512)
    for index, text in enumerate(texts[:50]):
        assert table.row(index).tolist() == tokenizer.encode(text).ids


def test_texts_longer_than_maxlen_are_cut_and_marked(tokenizer: Tokenizer) -> None:
    table = tokens.tokenise(["a", "a " * 50, "a " * 6, "a " * 7], tokenizer, 8)
    assert table.lengths.tolist() == [3, 8, 8, 8]
    assert table.truncated.tolist() == [False, True, False, True]


def test_padding_fills_to_the_width_and_the_mask_says_where(tokenizer: Tokenizer) -> None:
    table = tokens.tokenise(["good film", "bad"], tokenizer, 16)
    ids, mask = table.padded(np.array([1, 0]), 8, pad_id=0)
    assert ids.shape == mask.shape == (2, 8)
    assert mask.sum(axis=1).tolist() == table.lengths[[1, 0]].tolist()
    assert (ids[mask == 0] == 0).all()
    assert ids[0, : table.lengths[1]].tolist() == table.row(1).tolist()


def test_the_tokenizers_own_settings_are_left_as_they_were(tiny_bert: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_bert / "tokenizer.json"))
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(10)
    tokens.tokenise(["good film"], tokenizer, 4)
    assert tokenizer.padding["length"] == 12
    assert tokenizer.truncation["max_length"] == 10


def test_tokens_on_disk_equal_those_in_memory(
    tokenizer: Tokenizer, texts: list[str], tmp_path: Path
) -> None:
    memory = tokens.tokenise(texts, tokenizer, 16)
    disk = tokens.tokenise_to_disk(iter(texts), tokenizer, 16, tmp_path)
    assert isinstance(disk.ids, np.memmap)
    np.testing.assert_array_equal(disk.ids, memory.ids)
    np.testing.assert_array_equal(disk.offsets, memory.offsets)
    np.testing.assert_array_equal(disk.truncated, memory.truncated)


def test_no_texts_are_an_empty_table(tokenizer: Tokenizer, tmp_path: Path) -> None:
    assert len(tokens.tokenise([], tokenizer, 16)) == 0
    assert len(tokens.tokenise_to_disk([], tokenizer, 16, tmp_path)) == 0
