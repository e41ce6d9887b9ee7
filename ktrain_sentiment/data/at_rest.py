"""Frames whose texts lie on disk: columns of strings that pandas reads where they lie.

Texts are nearly all of what a data set weighs. Where a column of them is long, its bytes stand in a
file that is mapped, and the frame refers to them: whoever goes through the texts has a portion of
them in memory, and `take_rows` makes a frame of some rows the same way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment import diskarrays
from ktrain_sentiment.diskarrays import Appended, let_go, scratch_file, settled

if TYPE_CHECKING:
    import pyarrow as pa

PORTION = 1 << 16
"""Rows that are in memory at a time."""


class Strings:
    """A column of strings that grows, and lies on disk once it is long.

    Use as a context; what `series` gives lasts beyond it.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: list[pa.LargeStringArray] = []
        self._bytes = self._rows = self._end = 0
        self._files: dict[str, Appended] = {}
        self._has_gaps = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the files; what is mapped of them stays."""
        self._stack.__exit__(kind, error, trace)

    def __len__(self) -> int:
        return self._rows

    def add(self, strings: pa.Array | pa.ChunkedArray | Sequence[str | None]) -> None:
        """Append strings; None is a missing one.

        Raises:
            InputError: The disk is full.
        """
        import pyarrow as pa

        if isinstance(strings, pa.ChunkedArray):
            for chunk in strings.chunks:
                self.add(chunk)
            return
        found = strings if isinstance(strings, pa.Array) else pa.array(strings, pa.large_string())
        self._waiting.append(found.cast(pa.large_string()))
        self._rows += len(found)
        self._bytes += found.nbytes
        if self._files or self._bytes > diskarrays.LEAST:
            self._write()

    def _write(self) -> None:
        if not self._files:
            kinds = {"valid": np.bool_, "ends": np.int64, "letters": np.uint8}
            self._files = {
                name: Appended(kind, self._stack.enter_context(scratch_file()))
                for name, kind in kinds.items()
            }
            self._files["ends"].add(np.zeros(1, np.int64))
        for strings in self._waiting:
            _, ends, letters = strings.buffers()
            own = np.frombuffer(ends, np.int64)[strings.offset :][: len(strings) + 1]
            if len(own) and own[-1] > own[0]:
                self._files["letters"].add(np.frombuffer(letters, np.uint8)[own[0] : own[-1]])
            self._files["ends"].add(own[1:] - own[:1] + self._end)
            self._files["valid"].add(strings.is_valid().to_numpy(zero_copy_only=False))
            self._has_gaps = self._has_gaps or strings.null_count > 0
            self._end += int(own[-1] - own[0]) if len(own) else 0
        self._waiting.clear()

    def series(self) -> pd.Series[str]:
        """All strings, as one column of pandas."""
        import pyarrow as pa

        if not self._files:
            whole = pa.concat_arrays(self._waiting or [pa.array([], pa.large_string())])
        else:
            found = {name: array.whole() for name, array in self._files.items()}
            valid = np.packbits(found["valid"], bitorder="little") if self._has_gaps else None
            # In one piece: Arrow puts pieces together in memory to take a few rows of them.
            buffers = [
                None if valid is None else pa.py_buffer(valid),
                pa.py_buffer(found["ends"]),
                pa.py_buffer(found["letters"]),
            ]
            whole = pa.Array.from_buffers(pa.large_string(), self._rows, buffers)
        return pd.Series(pd.array(whole, dtype="str"))


def strings_of(portions: Iterable[Sequence[str | None]]) -> pd.Series[str]:
    """A column of strings that come in portions."""
    with Strings() as column:
        for portion in portions:
            column.add(portion)
        return column.series()


def in_portions(column: pd.Series[str], size: int = PORTION) -> Iterator[list[Any]]:
    """The values of a column, so many at a time; a missing one is None."""
    for first in range(0, len(column), size):
        part = column.iloc[first : first + size]
        yield part.astype(object).where(part.notna(), None).tolist()
        let_go()


def asked_of_each(
    column: pd.Series[str], question: Callable[[Any], bool]
) -> NDArray[np.bool_]:  # fmt: skip
    """The answer for each value, bool of shape (rows,)."""
    answers = (question(value) for part in in_portions(column) for value in part)
    return np.fromiter(answers, np.bool_, len(column))


MOST_LOOKED_AT = 250_000
"""Training rows that baselines are fitted on, and that the checks of a report look at."""


def some_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """`MOST_LOOKED_AT` rows at most, evenly from the whole length of a frame."""
    return frame.iloc[:: max(1, -(-len(frame) // MOST_LOOKED_AT))]


def take_rows(frame: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Some rows of a frame, with a fresh index; long columns of strings or numbers are put on disk.

    Args:
        frame: Any columns.
        rows: Positions, shape (n,).
    """
    import pyarrow as pa

    if not any(_is_long(frame[name]) for name in frame.columns):
        return frame.iloc[rows].reset_index(drop=True)
    taken: dict[Any, Any] = {}
    for name in frame.columns:
        column = frame[name]
        if not _is_long(column):
            own = column.iloc[rows].reset_index(drop=True)
            numbers = isinstance(own.dtype, np.dtype) and own.dtype.kind in "biuf"
            taken[name] = pd.Series(settled(own.to_numpy()), copy=False) if numbers else own
            continue
        with Strings() as strings:
            for first in range(0, len(rows), PORTION):
                part = column.iloc[rows[first : first + PORTION]]
                strings.add(pa.array(part.array))
                let_go()
            taken[name] = strings.series()
    return pd.DataFrame(taken, copy=False)


def _is_long(column: pd.Series) -> bool:
    return column.dtype == "str" and column.array.nbytes > diskarrays.LEAST
