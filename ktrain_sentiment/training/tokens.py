"""Texts to token ids, all at once, kept as one flat array on disk.

ktrain tokenises text by text and keeps a padded row of Python objects for each. Here texts are
taken in large batches, each distinct word is tokenised once where the tokenizer allows it
(`wordpieces.py`), and the ids of all texts lie one after the other in a single file: two bytes a
token, four where the vocabulary is large, and nothing else. Many texts are tokenised once and for
all: the files stay in the cache folder, under what decides their content.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import staged_folder, write_json
from ktrain_sentiment.diskarrays import Appended, let_go, opened, scratch_file
from ktrain_sentiment.errors import InputError
from ktrain_sentiment.inputs import text_and_second
from ktrain_sentiment.predictor.long_texts import PairReader, RowReader, whole_tokens
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.runs import cache_folder, forget_unused
from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.wordpieces import TokenBatch, WordTokens, word_parts

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")

CHUNK = 2048
"""Texts handed to the tokenizer at once: enough to keep all cores busy, little to hold."""


MANY = 100_000
"""Texts from which on the ids are kept for the next run: fewer are tokenised in a second or two."""

MOST_BYTES = 20 << 30
"""Of ids that are kept, in all; those that were longest not used make room."""

_FORMAT, _DAY = 1, 86_400
_MARKER = "tokens.json"


@dataclass(frozen=True)
class RaggedTokens:
    """Token ids of many texts.

    Attributes:
        ids: All ids, text after text; uint16 or int32 of shape (tokens,).
        offsets: Where each row starts, and the end; int64 of shape (rows + 1,). A text is one row,
            or several that follow each other: its windows.
        longer: Which texts have more than maxlen tokens; bool of shape (texts,).
        windows: Rows of each text, integers of shape (texts,).
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    longer: NDArray[np.bool_]
    windows: NDArray[Any]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> NDArray[Any]:
        """Tokens of each row, special tokens included; int32 of shape (rows,)."""
        with scratch_file() as file:
            lengths = Appended(np.int32, file)
            for first in range(0, len(self), _AT_ONCE):
                lengths.add(np.diff(self.offsets[first : first + _AT_ONCE + 1]))
            return lengths.whole()

    @cached_property
    def one_row_each(self) -> bool:
        """No text is more than one row."""
        return len(self.windows) == len(self)

    def row(self, index: int) -> NDArray[Any]:
        """The ids of one row."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def padded(
        self, rows: NDArray[np.int64], width: int, pad_id: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Ids and attention mask of some rows, both int32 of shape (rows, width)."""
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        columns = np.arange(width)
        mask = columns < lengths[:, None]
        where = np.where(mask, starts[:, None] + columns, 0)
        ids = np.where(mask, self.ids[where], np.int32(pad_id)) if len(self.ids) else where
        return ids.astype(np.int32, copy=False), mask.astype(np.int32)


_AT_ONCE = 1 << 20


def tokenize(
    texts: Sequence[str],
    tokenizer: Untyped,
    maxlen: int,
    long_texts: LongTexts = "head",
    *,
    pairs: bool = False,
) -> RaggedTokens:
    """Tokenise texts, or take what was made of the same ones before.

    Args:
        texts: The texts, of which a portion at a time is in memory where they lie on disk.
        tokenizer: A `tokenizers.Tokenizer` with its post-processor (special tokens) in place;
            its padding and truncation settings are left as they were.
        maxlen: Longest row in tokens, special tokens included.
        long_texts: What to read of longer texts.
        pairs: Texts are pairs, as `Inputs.join` makes one of them; the ids of their second texts
            are marked, see `apart`.

    Raises:
        ConfigError: The tokenizer has no way to tell two texts apart.
        InputError: The disk is full.
    """
    # The marks of second texts lie beyond any vocabulary.
    small = not pairs and tokenizer.get_vocab_size(with_added_tokens=True) <= 1 << 16
    kinds = dict(_KINDS, ids="uint16" if small else "int32")
    chunks = functools.partial(_encoded_chunks, texts, tokenizer, maxlen, long_texts, pairs=pairs)
    if len(texts) >= MANY:
        rules = [_FORMAT, tokenizer.to_str(), maxlen, long_texts, pairs]
        home = cache_folder() / "tokens" / _fingerprint(texts, rules)
        try:
            return _keep(home, chunks, kinds)
        except InputError as error:
            log.info("token ids are not kept for the next run: %s", error)
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(scratch_file()) for name in kinds}
        found = _written(chunks(), kinds, files)
        return RaggedTokens(**{name: array.whole() for name, array in found.items()})


def _keep(
    home: Path, chunks: Callable[[], Iterable[TokenBatch]], kinds: dict[str, str]
) -> RaggedTokens:
    """The ids that a folder holds, which is made where it is not there.

    Raises:
        InputError: It cannot be written.
        SentimentError: The disk is full.
    """
    if (kept := _kept(home, kinds)) is not None:
        log.info("the texts are tokenised already, in %s", home)
        return kept
    with staged_folder(home, overwrite=True, marker=_MARKER) as staged:
        with contextlib.ExitStack() as stack:
            files: dict[str, IO[bytes]] = {
                n: stack.enter_context((staged / n).open("w+b")) for n in kinds
            }
            _written(chunks(), kinds, files)
            sizes = {name: file.seek(0, 2) for name, file in files.items()}
        write_json(staged / _MARKER, {"bytes": sizes})
    _make_room([*home.parent.iterdir()])
    made = _kept(home, kinds)
    assert made is not None, "it was written just now"
    return made


_KINDS = {"ids": "int32", "offsets": "int64", "longer": "bool", "windows": "int32"}


def _written(
    chunks: Iterable[TokenBatch], kinds: dict[str, str], files: dict[str, IO[bytes]]
) -> dict[str, Appended]:
    """Append what comes, array by array."""
    arrays = {name: Appended(kind, files[name]) for name, kind in kinds.items()}
    end = np.zeros(1, np.int64)
    arrays["offsets"].add(end)
    for number, chunk in enumerate(chunks):
        ends = end + np.cumsum(chunk.lengths, dtype=np.int64)
        for name, part in (("ids", chunk.ids), ("offsets", ends), ("longer", chunk.longer),
                           ("windows", chunk.windows)):  # fmt: skip
            arrays[name].add(part)
        end = ends[-1:] if len(ends) else end
        if number % 64 == 0:
            let_go()
    return arrays


def _fingerprint(texts: Sequence[str], rules: list[Any]) -> str:
    """A digest of what decides the ids: texts as the model reads them, tokenizer, what is cut."""
    digest = hashlib.sha256(json.dumps(rules).encode())
    for first in range(0, len(texts), CHUNK):
        chunk = list(texts[first : first + CHUNK])
        digest.update(np.fromiter(map(len, chunk), np.int64, len(chunk)).data)
        digest.update("".join(chunk).encode("utf-8", "surrogatepass"))
    let_go()
    return digest.hexdigest()[:32]


def _kept(home: Path, kinds: dict[str, str]) -> RaggedTokens | None:
    """The ids that lie in a folder, if all of them are there."""
    marker = home / _MARKER
    try:
        sizes = json.loads(marker.read_text("utf-8"))["bytes"]
        if any((home / name).stat().st_size != sizes[name] for name in kinds):
            return None
        marker.touch()  # By this the folders that nobody uses are told from the others.
        return RaggedTokens(**{name: opened(home / name, kind) for name, kind in kinds.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make_room(folders: Sequence[Path]) -> None:
    """Remove what was longest not used, and what a killed process had begun a day ago."""
    begun = {folder for folder in folders if folder.name.startswith(".")}
    for folder in begun:
        with contextlib.suppress(OSError):  # No folder, or gone by now.
            if all(file.stat().st_mtime < time.time() - _DAY for file in folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)
    forget_unused({*folders} - begun, MOST_BYTES)


def _encoded_chunks(
    texts: Sequence[str], tokenizer: Untyped, maxlen: int, long_texts: LongTexts, *, pairs: bool
) -> Iterator[TokenBatch]:
    before = tokenizer.truncation, tokenizer.padding
    tokenizer.no_padding()
    tokenizer.no_truncation()
    chunks = (list(texts[first : first + CHUNK]) for first in range(0, len(texts), CHUNK))
    try:
        if pairs:
            both = PairReader.of(tokenizer, maxlen)
            yield from (_pairs(tokenizer, chunk, both, long_texts) for chunk in chunks)
            return
        reader = RowReader.of(tokenizer, maxlen)
        parts = word_parts(tokenizer)
        if parts is None:
            tokenizer.enable_truncation(max_length=maxlen)
            yield from (_whole_texts(tokenizer, chunk, reader, long_texts) for chunk in chunks)
        else:
            words = WordTokens(tokenizer, parts, reader, long_texts)
            # Finding words is arrays, asking the tokenizer is Rust: both let go of Python's lock.
            yield from map(words.encode, _one_ahead(words.read, chunks))
    finally:
        truncation, padding = before
        tokenizer.no_truncation()
        if truncation is not None:
            tokenizer.enable_truncation(**truncation)
        if padding is not None:
            tokenizer.enable_padding(**padding)


def _whole_texts(
    tokenizer: Untyped, texts: list[str], reader: RowReader, long_texts: LongTexts
) -> TokenBatch:
    """Tokenise texts one by one, as any tokenizer can."""
    encodings = tokenizer.encode_batch_fast(texts)
    cut = np.fromiter((bool(e.overflowing) for e in encodings), np.bool_, len(encodings))
    rows = [
        [reader.wrapped(row) for row in reader.rows(whole_tokens(encoding), long_texts)]
        if longer and long_texts != "head"
        else [encoding.ids]
        for encoding, longer in zip(encodings, cut.tolist(), strict=True)
    ]
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    each = list(itertools.chain.from_iterable(rows))
    lengths = np.fromiter(map(len, each), np.int64, len(each))
    ids = np.fromiter(itertools.chain.from_iterable(each), np.int32, int(lengths.sum()))
    return TokenBatch(ids, lengths, cut, counts)


def _pairs(
    tokenizer: Untyped, texts: list[str], reader: PairReader, long_texts: LongTexts
) -> TokenBatch:
    """Tokenise pairs, whose texts stand in rows as prediction puts them there."""
    encode = functools.partial(tokenizer.encode_batch_fast, add_special_tokens=False)
    halves = [text_and_second(text) for text in texts]
    firsts, seconds = (encode(list(some)) for some in zip(*halves, strict=True))
    found = [
        reader.rows(whole_tokens(one), whole_tokens(other), long_texts)
        for one, other in zip(firsts, seconds, strict=True)
    ]
    each = [row for rows, _, _ in found for row in rows]
    return TokenBatch(
        np.concatenate(each).astype(np.int32),
        np.fromiter(map(len, each), np.int64, len(each)),
        np.array([longer for _, longer, _ in found], np.bool_),
        np.array([len(rows) for rows, _, _ in found], np.int64),
    )


def _one_ahead(work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """The results of work, each begun in a thread while the one before is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming: Future[U] | None = None
        for item in items:
            begun = thread.submit(work, item)
            if coming is not None:
                yield coming.result()
            coming = begun
        if coming is not None:
            yield coming.result()
