"""Tokens are those of the tokenizer itself, kept flat, cut at maxlen, padded on demand."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from ktrain_sentiment.training import tokens, wordpieces
from ktrain_sentiment.training.wordpieces import word_parts


@pytest.fixture(scope="module")
def tokenizer(tiny_bert: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_bert / "tokenizer.json"))


@pytest.fixture(scope="module")
def texts(reviews: list[tuple[str, str]]) -> list[str]:
    return [text for text, _ in reviews]


def test_ids_are_those_of_the_tokenizer_text_by_text(
    tokenizer: Tokenizer, texts: list[str]
) -> None:
    table = tokens.tokenize(texts, tokenizer, 512)
    for index, text in enumerate(texts[:50]):
        assert table.row(index).tolist() == tokenizer.encode(text).ids


def test_texts_longer_than_maxlen_are_cut_and_marked(tokenizer: Tokenizer) -> None:
    table = tokens.tokenize(["a", "a " * 50, "a " * 6, "a " * 7], tokenizer, 8)
    assert table.lengths.tolist() == [3, 8, 8, 8]
    assert table.longer.tolist() == [False, True, False, True]


def test_padding_fills_to_the_width_and_the_mask_says_where(tokenizer: Tokenizer) -> None:
    table = tokens.tokenize(["good film", "bad"], tokenizer, 16)
    ids, mask = table.padded(np.array([1, 0]), 8, pad_id=0)
    assert ids.shape == mask.shape == (2, 8)
    assert mask.sum(axis=1).tolist() == table.lengths[[1, 0]].tolist()
    assert (ids[mask == 0] == 0).all()
    assert ids[0, : table.lengths[1]].tolist() == table.row(1).tolist()


def test_the_tokenizers_own_settings_are_left_as_they_were(tiny_bert: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_bert / "tokenizer.json"))
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(10)
    tokens.tokenize(["good film"], tokenizer, 4)
    assert tokenizer.padding["length"] == 12
    assert tokenizer.truncation["max_length"] == 10


def test_no_texts_are_an_empty_table(tokenizer: Tokenizer) -> None:
    assert len(tokens.tokenize([], tokenizer, 16)) == 0


ODD = st.text(
    st.sampled_from(
        "aAbz019 .,!?'\"-_<>[]()\n\t\r\x00\x1c\x7f\x85\xa0\xad\u0301\u0130éßÅ中文😀\u2028\ufb01ς"
    ),
    max_size=60,
)


@given(st.lists(st.one_of(ODD, st.text(max_size=30)), max_size=6), st.integers(2, 12))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_words_looked_up_give_what_whole_texts_give(
    tokenizer: Tokenizer, found: list[str], maxlen: int
) -> None:
    written = [text.encode("utf-8", "replace").decode("utf-8") for text in found]
    looked_up = tokens.tokenize(written, tokenizer, maxlen)
    for index, text in enumerate(written):
        bare = tokenizer.encode(text, add_special_tokens=False).ids[: maxlen - 2]
        ends = tokenizer.encode("").ids
        assert looked_up.row(index).tolist() == [ends[0], *bare, ends[1]]


def test_special_tokens_in_a_text_are_told_from_words(tokenizer: Tokenizer) -> None:
    text = "good[SEP]film [MASK]. <s> [sep] [CLS]"
    assert tokens.tokenize([text], tokenizer, 64).row(0).tolist() == tokenizer.encode(text).ids


def test_a_long_text_whose_beginning_does_not_suffice_is_read_whole(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wordpieces, "LETTERS_A_TOKEN", 1)
    texts = ["good film " * 9, "unbelievably " * 3, "a b c d e f g h i j", "nospaceatall" * 4]
    table = tokens.tokenize(texts, tokenizer, 8)
    for index, text in enumerate(texts):
        bare = tokenizer.encode(text, add_special_tokens=False).ids
        assert table.row(index).tolist()[1:-1] == bare[:6]
        assert table.longer[index] == (len(bare) > 6)


def test_what_a_reader_fails_on_is_raised() -> None:
    def fail(item: int) -> int:
        raise ValueError(str(item))

    with pytest.raises(ValueError, match="1"):
        list(tokens._one_ahead(fail, [1, 2]))


def test_many_spaces_do_not_hide_the_words_behind_them(tokenizer: Tokenizer) -> None:
    text = "good" + " " * 100 + "film " * 3
    table = tokens.tokenize([text, "bad"], tokenizer, 64)
    assert table.row(0).tolist() == tokenizer.encode("good film film film").ids
    assert table.longer.tolist() == [False, False]


def test_other_tokenizers_read_whole_texts(texts: list[str]) -> None:
    other = Tokenizer(models.WordLevel({"the": 0, "[UNK]": 1}, unk_token="[UNK]"))
    other.pre_tokenizer = pre_tokenizers.Whitespace()
    assert word_parts(other) is None
    table = tokens.tokenize(["the plot", "the"], other, 8)
    assert [table.row(0).tolist(), table.row(1).tolist()] == [[0, 1], [0]]


def test_the_memory_of_words_is_bounded(
    tokenizer: Tokenizer, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tokens.tokenize(texts, tokenizer, 32)
    monkeypatch.setattr(wordpieces, "MOST_WORDS", 5)
    monkeypatch.setattr(tokens, "CHUNK", 7)
    np.testing.assert_array_equal(tokens.tokenize(texts, tokenizer, 32).ids, expected.ids)


# Many texts: kept for the next run


@pytest.fixture
def kept_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ids are kept when three texts are many."""
    monkeypatch.setattr(tokens, "MANY", 3)
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path))
    return tmp_path / "tokens"


def folders(home: Path) -> list[Path]:
    return sorted(path for path in home.iterdir() if path.is_dir())


def test_many_texts_are_tokenised_once_and_read_from_disk_again(
    tokenizer: Tokenizer, texts: list[str], kept_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokens.tokenize(texts, tokenizer, 16)
    assert len(folders(kept_in)) == 1
    with monkeypatch.context() as nothing:
        nothing.setattr(tokens, "_encoded_chunks", lambda *given, **named: pytest.fail("again"))
        again = tokens.tokenize(texts, tokenizer, 16)
    monkeypatch.setattr(tokens, "MANY", 1_000_000)
    in_memory = tokens.tokenize(texts, tokenizer, 16)
    for name in ("ids", "offsets", "longer", "windows", "lengths"):
        np.testing.assert_array_equal(getattr(first, name), getattr(in_memory, name))
        np.testing.assert_array_equal(getattr(again, name), getattr(in_memory, name))
    assert first.ids.dtype == np.uint16, "two bytes a token suffice for a small vocabulary"


def test_other_texts_and_another_length_have_ids_of_their_own(
    tokenizer: Tokenizer, texts: list[str], kept_in: Path
) -> None:
    tokens.tokenize(texts, tokenizer, 16)
    tokens.tokenize(texts, tokenizer, 8)
    tokens.tokenize(texts[1:], tokenizer, 16)
    tokens.tokenize([*texts[:-1], f"{texts[-1]}!"], tokenizer, 16)
    assert len(folders(kept_in)) == 4


def test_ids_that_are_not_whole_are_made_again(
    tokenizer: Tokenizer, texts: list[str], kept_in: Path
) -> None:
    whole = np.array(tokens.tokenize(texts, tokenizer, 16).ids)
    ids = folders(kept_in)[0] / "ids"
    ids.write_bytes(ids.read_bytes()[:-2])
    np.testing.assert_array_equal(tokens.tokenize(texts, tokenizer, 16).ids, whole)


def test_a_tokenisation_that_stops_midway_leaves_nothing_to_be_taken_for_whole(
    tokenizer: Tokenizer, texts: list[str], kept_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHUNK", 7)
    whole = tokens._encoded_chunks

    def stop(*given: object, **named: object) -> object:
        yield next(whole(*given, **named))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(tokens, "_encoded_chunks", stop)
    with pytest.raises(KeyboardInterrupt):
        tokens.tokenize(texts, tokenizer, 16)
    assert folders(kept_in) == []


def test_ids_that_were_longest_not_used_make_room(
    tokenizer: Tokenizer, texts: list[str], kept_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.tokenize(texts, tokenizer, 16)
    old = folders(kept_in)[0]
    begun, killed = kept_in / ".begun", kept_in / ".killed"
    for folder in (begun, killed):
        shutil.copytree(old, folder)
    for file in (*old.iterdir(), *killed.iterdir()):
        os.utime(file, (1, 1))
    monkeypatch.setattr(tokens, "MOST_BYTES", 1)
    tokens.tokenize(texts, tokenizer, 8)
    assert len(folders(kept_in)) == 2
    assert begun.exists(), "another process may be at it"
    assert not old.exists()
    assert not killed.exists()


def test_a_hidden_file_of_another_program_is_let_be(
    tokenizer: Tokenizer, texts: list[str], kept_in: Path
) -> None:
    kept_in.mkdir(parents=True, exist_ok=True)
    theirs = kept_in / ".DS_Store"
    theirs.touch()
    assert len(tokens.tokenize(texts, tokenizer, 16)) == len(texts)
    assert theirs.exists()


def test_where_nothing_can_be_kept_texts_are_tokenised_for_this_run(
    tokenizer: Tokenizer, texts: list[str], kept_in: Path
) -> None:
    kept_in.write_text("a file where the folder would be")
    assert len(tokens.tokenize(texts, tokenizer, 16)) == len(texts)
