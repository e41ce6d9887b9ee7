"""Which words of a text are hidden, for an encoder to guess: arrays of token ids in and out.

Masked words are BERT's training (Devlin et al. 2019, section 3.1): of the tokens 15 % are chosen;
eight in ten of these become the mask token, one any other token, one stays. Words are chosen
whole, as in BERT's later checkpoints: a piece whose neighbours are in sight is guessed by
spelling. They are drawn anew whenever a text is read (dynamic masking, Liu et al. 2019,
arXiv:1907.11692), by seed, epoch and batch alone, so that a training that starts again in the
middle hides the same words.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.dataset import (
    COARSE_MULTIPLE,
    BucketedDataset,
    padded_width,
)
from ktrain_sentiment.training.tokens import RaggedTokens

HIDDEN, OTHER = 0.8, 0.1
"""Shares of the chosen tokens that become the mask token, and any token; the rest stays."""

JUDGING = -1
"""The epoch of rows that are held out: the same words of them are hidden every time."""

MaskedBatch = tuple[dict[str, NDArray[np.int32]], NDArray[np.int32]]


@dataclass(frozen=True)
class Masking:
    """What is known of a vocabulary, and how much is hidden.

    Attributes:
        continues: Which ids go on with the word before them, bool of shape (vocabulary,).
        ordinary: Ids that are no special token and have a token, sorted; int32.
        mask_id: Id of the mask token.
        share: How many of the tokens are chosen.
    """

    continues: NDArray[np.bool_]
    ordinary: NDArray[np.int32]
    mask_id: int
    share: float = 0.15

    @functools.cached_property
    def is_ordinary(self) -> NDArray[np.bool_]:
        """Whether an id may be hidden, bool of shape (vocabulary,)."""
        found = np.zeros(len(self.continues), np.bool_)
        found[self.ordinary] = True
        return found

    def words(self, ids: NDArray[np.int32], mask: NDArray[np.int32]) -> NDArray[np.int64]:
        """The number of the word that each token belongs to; -1 for special tokens and padding.

        Args:
            ids: Token ids of shape (rows, width).
            mask: 1 where there is a token, same shape.

        Returns:
            int64 of the same shape: words are counted from 0 through all rows.
        """
        inside = self.is_ordinary[ids] & (mask > 0)
        # A row that begins in the middle of a word begins with that word's rest.
        alone = np.ones_like(inside)
        alone[:, 1:] = ~inside[:, :-1]
        begins = inside & (~self.continues[ids] | alone)
        return np.where(inside, np.cumsum(begins).reshape(ids.shape) - 1, -1)

    def chosen(
        self, ids: NDArray[np.int32], mask: NDArray[np.int32], chance: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Draw whole words of each row, one at least, as near to the share of its tokens as can be.

        Returns:
            Which tokens are chosen, bool of the shape of `ids`.
        """
        words = self.words(ids, mask)
        inside = words >= 0
        sizes = np.bincount(words[inside])
        if len(sizes) == 0:
            return inside
        row, _ = np.nonzero(inside)
        row_of = np.zeros(len(sizes), np.int64)
        row_of[words[inside]] = row
        # Words of a row in a random order, row after row; then each row's running sum of tokens.
        order = np.lexsort((chance.random(len(sizes)), row_of))
        ordered, owner = sizes[order], row_of[order]
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        before = np.cumsum(ordered) - ordered
        before -= np.repeat(before[first], np.diff(first, append=len(owner)))
        wanted = self.share * inside.sum(axis=1)[owner]
        taken = np.zeros(len(sizes), np.bool_)
        taken[order] = (before == 0) | (before + ordered / 2 <= wanted)
        return inside & taken[np.maximum(words, 0)]

    def hide(
        self, ids: NDArray[np.int32], mask: NDArray[np.int32], chance: np.random.Generator
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Hide words.

        Returns:
            The ids with words hidden, of the shape of `ids`; and where, int32: positions in the
            flattened array.
        """
        places = np.flatnonzero(self.chosen(ids, mask, chance))
        hidden = ids.copy()
        flat = hidden.reshape(-1)
        fate = chance.random(len(places))
        others = chance.choice(self.ordinary, len(places))
        kept = np.where(fate < HIDDEN + OTHER, others, flat[places])
        flat[places] = np.where(fate < HIDDEN, np.int32(self.mask_id), kept)
        return hidden, places.astype(np.int32)


def masking_of(
    tokens: Mapping[str, int],
    special: set[int],
    size: int,
    mask_id: int,
    pieces: Mapping[str, Any],
    share: float,
) -> Masking:
    """What a tokenizer's vocabulary says of words.

    Args:
        tokens: Ids by token.
        special: Ids of special tokens.
        size: How many ids the encoder embeds.
        mask_id: Id of the mask token.
        pieces: The `model` of a tokenizer.json: WordPiece marks what goes on with a word (`##`),
            the others what begins one, by a space that looks like Ġ or ▁.
        share: How many of the tokens are chosen.
    """
    ordinary = {t: i for t, i in tokens.items() if i not in special and i < size}
    prefix = pieces.get("continuing_subword_prefix") or "##"
    continues = np.zeros(size, np.bool_)
    for token, number in ordinary.items():
        if pieces.get("type") == "WordPiece":
            continues[number] = token.startswith(prefix)
        else:
            continues[number] = not token.startswith(("Ġ", "▁"))
    return Masking(continues, np.array(sorted(ordinary.values()), np.int32), mask_id, share)


@dataclass(frozen=True)
class MaskedRows:
    """Tokenised texts whose words are hidden batch by batch.

    Attributes:
        tokens: Token ids, one entry a row.
        masking: What is hidden.
        pad_id: Id of the padding token.
        maxlen: Longest row in tokens.
        seed: Decides what is hidden.
        multiple: The width of a batch is a multiple of this many tokens.
        typed: Whether tokens have a type: not here, where no text is one of a pair.
    """

    tokens: RaggedTokens
    masking: Masking
    pad_id: int
    maxlen: int
    seed: int
    multiple: int = COARSE_MULTIPLE
    typed: ClassVar = False

    @property
    def targets(self) -> NDArray[np.float32]:
        """A row as a whole has no class: float32 zeros of shape (rows, 1)."""
        return np.zeros((len(self.tokens), 1), np.float32)

    @property
    def lengths(self) -> NDArray[Any]:
        """Tokens of each row, integers of shape (rows,)."""
        return self.tokens.lengths

    def batch(self, rows: NDArray[np.int64], epoch: int = JUDGING) -> MaskedBatch:
        """One padded batch with words hidden, and the words that were there.

        Returns:
            `input_ids` and `attention_mask` of shape (rows, width) and `places`, positions of
            what was chosen in the flattened ids; and the ids that stood there. All int32.
        """
        longest = int(self.lengths[rows].max())
        width = padded_width(longest, self.maxlen, self.multiple)
        ids, mask = self.tokens.padded(rows, width, self.pad_id)
        chance = np.random.default_rng([self.seed, epoch - JUDGING, int(rows[0])])
        hidden, places = self.masking.hide(ids, mask, chance)
        inputs = {"input_ids": hidden, "attention_mask": mask, "places": places}
        return inputs, ids.reshape(-1)[places]


def some_rows(tokens: RaggedTokens, rows: NDArray[np.int64]) -> RaggedTokens:
    """Some of the rows, in this order, each as a text of its own."""
    lengths = tokens.lengths[rows]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    within = np.arange(ends[-1]) - np.repeat(ends[:-1], lengths)
    ids = tokens.ids[np.repeat(tokens.offsets[rows], lengths) + within]
    return RaggedTokens(ids, ends, np.zeros(len(rows), np.bool_), np.ones(len(rows), np.int64))


class MaskedDataset(BucketedDataset):
    """Rows with words hidden, anew in every epoch, as ktrain's Learner wants them."""

    rows: MaskedRows  # type: ignore[assignment]

    def _inputs(self) -> Untyped:
        places = self.backend.tf.TensorSpec([None], self.backend.tf.int32)
        return {**super()._inputs(), "places": places}

    def _targets(self) -> Untyped:
        return self.backend.tf.TensorSpec([None], self.backend.tf.int32)

    def _batch(self, chosen: NDArray[np.int64], epoch: int) -> MaskedBatch:
        return self.rows.batch(chosen, epoch)
