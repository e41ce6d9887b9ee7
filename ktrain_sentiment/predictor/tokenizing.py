"""Texts to token ids with the `tokenizers` library alone, exactly as training did it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.layout import PredictorFolder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = NDArray[np.int64]

_CHARACTERS_A_TOKEN = 1000


@dataclass(frozen=True)
class EncodedTexts:
    """Token ids of several texts.

    Attributes:
        ids: One int64 array a text, special tokens included, not padded; never empty.
        truncated: Which texts lost their end; bool of shape (texts,).
    """

    ids: list[Ids]
    truncated: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, (texts,)."""
        return np.fromiter(map(len, self.ids), dtype=np.int64, count=len(self.ids))


class Encoder(Protocol):
    """Turns texts into ids.

    Attributes:
        maxlen: Most ids of a text.
        padding_id: The id that fills short rows of a batch.
    """

    maxlen: int
    padding_id: int

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Ids of several texts, and which of them were cut."""
        ...


class TextEncoder:
    """A fast tokenizer with a length limit, for single texts.

    Args:
        contents: The bytes of tokenizer.json.
        maxlen: Longest text in tokens, special tokens included.
        padding_id: The id that fills short rows of a batch.

    Raises:
        PredictorError: The bytes are no tokenizer, or maxlen leaves no room for a token.
    """

    def __init__(self, contents: bytes, maxlen: int, padding_id: int) -> None:
        self.maxlen = maxlen
        self.padding_id = padding_id
        self._tokenizer = _load(contents)
        # What the file says about padding and truncation is whatever was used last.
        self._tokenizer.no_padding()
        room = maxlen - self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if room < 1:
            raise PredictorError(f"maxlen {maxlen} leaves no room for a token: wanted a larger one")
        self._tokenizer.enable_truncation(maxlen)

    @classmethod
    def from_folder(cls, folder: PredictorFolder, maxlen: int) -> TextEncoder:
        """The tokenizer of a predictor folder, unverified; for folders made just now."""
        contents = folder.tokenizer.read_bytes()
        config = json.loads(folder.config.read_text(encoding="utf-8"))
        return cls(contents, maxlen, padding_id(contents, config))

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Tokenise texts; uses all cores when there are many.

        A text of more than a thousand characters a token that fits is cut before it is tokenised:
        its end could not matter, and would only take time.
        """
        longest = self.maxlen * _CHARACTERS_A_TOKEN
        cut = [text[:longest] for text in texts]
        encodings = self._encode(cut)
        truncated = (
            bool(encoding.overflowing) or len(text) > longest
            for encoding, text in zip(encodings, texts, strict=True)
        )
        return EncodedTexts(
            # GPT-2 puts nothing around a text, so an empty one has no tokens at all.
            ids=[np.array(e.ids or [self.padding_id], dtype=np.int64) for e in encodings],
            truncated=np.fromiter(truncated, dtype=bool, count=len(encodings)),
        )

    def _encode(self, texts: list[str]) -> list[Any]:
        try:
            return list(self._tokenizer.encode_batch_fast(texts))
        except (TypeError, UnicodeEncodeError):
            # Half a surrogate pair is no character; the tokenizer refuses the whole batch for it.
            whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
            return list(self._tokenizer.encode_batch_fast(whole))


def _load(contents: bytes) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_buffer(contents)
    except Exception as error:  # The library raises the bare class.
        reason = " ".join(str(error).split())[:200]
        raise PredictorError(f"tokenizer.json cannot be read: {reason}") from error


def padding_id(tokenizer_json: bytes, config: dict[str, object]) -> int:
    """The padding id that training used: config.json's, else that of the token [PAD] or <pad>."""
    value = config.get("pad_token_id")
    if isinstance(value, int):
        return value
    padding = json.loads(tokenizer_json).get("padding") or {}
    return int(padding.get("pad_id", 0))


def pad(ids: Sequence[Ids], padding_id: int) -> tuple[Ids, Ids]:
    """Stack ids of several texts.

    Returns:
        Ids and attention mask, both int64 of shape (texts, longest).
    """
    lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    stacked = np.full(mask.shape, padding_id, dtype=np.int64)
    stacked[mask] = np.concatenate(ids) if len(ids) else []
    return stacked, mask.astype(np.int64)
