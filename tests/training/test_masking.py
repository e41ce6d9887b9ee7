"""Which words are hidden: whole ones, a share of the tokens, others in every epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrain_sentiment.training.masking import MaskedRows, Masking, masking_of, some_rows
from ktrain_sentiment.training.tokens import RaggedTokens

CLS, SEP, MASK = 1, 2, 3
FIRST, FIRST_PIECE, SIZE = 4, 20, 40


def masking(share: float = 0.15) -> Masking:
    continues = np.arange(SIZE) >= FIRST_PIECE
    return Masking(continues, np.arange(FIRST, SIZE, dtype=np.int32), MASK, share)


def batch(rows: int, words: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of random words and pieces, special tokens around them, the later ones shorter."""
    chance = np.random.default_rng(seed)
    ids = chance.integers(FIRST, SIZE, (rows, words + 2)).astype(np.int32)
    ids[:, 0], ids[:, -1] = CLS, SEP
    mask = np.ones_like(ids)
    for row in range(rows):
        end = words + 1 - row % words
        ids[row, end], mask[row, end + 1 :], ids[row, end + 1 :] = SEP, 0, 0
    return ids, mask


def test_pieces_belong_to_the_word_before_them() -> None:
    ids = np.array([[CLS, 5, 21, 22, 6, SEP, 0], [CLS, 23, 7, 8, 24, 25, SEP]], np.int32)
    mask = np.array([[1, 1, 1, 1, 1, 1, 0], [1] * 7], np.int32)
    words = masking().words(ids, mask)
    # A row that begins inside a word begins with that word's rest.
    assert words.tolist() == [[-1, 0, 0, 0, 1, -1, -1], [-1, 2, 3, 4, 4, 4, -1]]


@given(st.integers(1, 30), st.integers(1, 60), st.integers(0, 2**31))
def test_words_are_hidden_whole_at_least_one_a_row_and_no_special_token(
    rows: int, words: int, seed: int
) -> None:
    ids, mask = batch(rows, words, seed)
    found = masking()
    number, chosen = (
        found.words(ids, mask),
        found.chosen(ids, mask, np.random.default_rng(seed)),
    )
    assert not chosen[number < 0].any()
    assert chosen.any(axis=1)[(number >= 0).any(axis=1)].all()
    for word in np.unique(number[chosen]):
        assert chosen[number == word].all()


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_as_many_tokens_are_chosen_as_were_asked_for(share: float) -> None:
    ids, mask = (part[:30] for part in batch(60, 60))  # Of short rows one word is much.
    found = masking(share)
    chosen = [found.chosen(ids, mask, np.random.default_rng(seed)).sum() for seed in range(20)]
    tokens = (found.words(ids, mask) >= 0).sum()
    assert np.mean(chosen) / tokens == pytest.approx(share, abs=0.01)


def test_eight_in_ten_become_the_mask_token_one_any_other_and_one_stays() -> None:
    ids, mask = batch(600, 60)
    hidden, places = masking().hide(ids, mask, np.random.default_rng(0))
    before, after = ids.reshape(-1)[places], hidden.reshape(-1)[places]
    assert (after == MASK).mean() == pytest.approx(0.8, abs=0.02)
    stays = 0.1 + 0.1 / (SIZE - FIRST)
    assert (after == before).mean() == pytest.approx(stays, abs=0.02)
    assert after.min() >= MASK
    untouched = np.ones(ids.size, bool)
    untouched[places] = False
    assert (hidden.reshape(-1) == ids.reshape(-1))[untouched].all()


def test_a_batch_without_words_hides_nothing() -> None:
    ids = np.array([[CLS, SEP, 0]], np.int32)
    hidden, places = masking().hide(ids, np.array([[1, 1, 0]]), np.random.default_rng(0))
    assert hidden.tolist() == ids.tolist()
    assert len(places) == 0


def rows_of(ids: np.ndarray, mask: np.ndarray) -> MaskedRows:
    lengths = mask.sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    flat = ids[mask > 0].astype(np.int32)
    count = len(lengths)
    tokens = RaggedTokens(flat, ends, np.zeros(count, bool), np.ones(count, np.int64))
    return MaskedRows(tokens, masking(), pad_id=0, maxlen=64, seed=7)


def test_other_words_are_hidden_in_another_epoch_and_the_same_when_it_is_begun_again() -> None:
    rows = rows_of(*batch(16, 40))
    some = np.arange(16)
    first, words = rows.batch(some, 0)
    again, _ = rows.batch(some, 0)
    later, _ = rows.batch(some, 1)
    assert all((first[name] == again[name]).all() for name in first)
    assert first["places"].tolist() != later["places"].tolist()
    assert (
        words.tolist() == rows.tokens.padded(some, 48, 0)[0].reshape(-1)[first["places"]].tolist()
    )


def test_rows_are_picked_in_the_given_order() -> None:
    rows = rows_of(*batch(5, 9)).tokens
    picked = some_rows(rows, np.array([3, 1]))
    assert [picked.row(0).tolist(), picked.row(1).tolist()] == [
        rows.row(3).tolist(),
        rows.row(1).tolist(),
    ]


@pytest.mark.parametrize(
    ("kind", "tokens", "continuing"),
    [
        ("WordPiece", ["[M]", "film", "##s", "!"], ["##s"]),
        ("BPE", ["[M]", "Ġfilm", "s", "Ġa"], ["s"]),
        ("Unigram", ["[M]", "▁film", "s", "▁"], ["s"]),
    ],
)
def test_each_kind_of_vocabulary_says_what_goes_on_with_a_word(
    kind: str, tokens: list[str], continuing: list[str]
) -> None:
    known = {token: number for number, token in enumerate(tokens)}
    found = masking_of(known, {0}, 6, 0, {"type": kind}, 0.15)
    assert [t for t in tokens if found.continues[known[t]]] == continuing
    assert found.ordinary.tolist() == [1, 2, 3]
    assert found.is_ordinary.tolist() == [False, True, True, True, False, False]
