"""How long `prepare` takes, and how much memory, on a million rows and more; what it finds.

    python benchmarks/data_checks.py
    python benchmarks/data_checks.py --rows 100000 --prepare-only

Rows are invented and written to a Parquet file: texts of 6 to 13 words, 65 letters, of which 2 %
repeat an earlier one exactly, 2 % but for case and a link, 2 % but for a word more; 2 % are a text
with a word in the middle changed, which is no repeat. The steps of `prepare` run in a process of
its own, one after another; then, unless `--prepare-only`, parts of it alone: how many of the
planted repeats are found, and how many that are none. Memory is what the process cannot give back
(`RssAnon`), looked at fifty times a second. Linux only. Prints a table, then one JSON line.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from frame import BenchmarkFlags, describe, print_side_by_side
from larger_than_memory import WORDS, invented_words
from processes import WORKERS, Worker, memory_of

from ktrain_sentiment.commands.frame import run

if TYPE_CHECKING:
    import pyarrow as pa

PREPARE = ("read", "select", "split", "profile", "write")
ALONE = ("group", "leaks", "repeats")
BLOCK, ORIGINALS = 50, 46
"""Of so many rows, the first are originals; the others a copy of each kind, of any row before."""
EXACT, NEAR, SIMILAR, CHANGED = range(ORIGINALS, BLOCK)


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    rows: tuple[int, ...] = (100_000, 1_000_000, 10_000_000)
    """How many rows, one measurement after the other."""

    prepare_only: bool = False
    """Leave out the parts alone, which do most of the work again."""

    place: Path | None = None
    """A folder for the data, which is removed in the end; a temporary one when left out."""


def task(flags: Flags) -> dict[str, Any]:
    """Measure each number of rows and show them side by side."""
    figures: dict[str, Any] = {}
    steps = PREPARE if flags.prepare_only else (*PREPARE, *ALONE)
    with tempfile.TemporaryDirectory(dir=flags.place) as place:
        for rows in flags.rows:
            file = Path(place, "rows.parquet")
            write_rows(file, rows)
            figures[f"{rows:,} rows"] = found = _measure(file, steps)
            print(f"{rows:,} rows: {found}", file=sys.stderr)
    shown = {name: _cells(found) for name, found in figures.items()}
    print_side_by_side("Preparing invented rows: seconds, core seconds, MB", shown, str)
    return {"machine": describe(), **figures}


def _cells(found: dict[str, Any]) -> dict[str, str]:
    whole = [found[step] for step in PREPARE]
    cells = {
        step: f"{own['seconds']:,.1f} ({own['core']:,.1f}), {own['mb']:,}"
        for step, own in found.items()
    }
    seconds, core = (sum(own[name] for own in whole) for name in ("seconds", "core"))
    cells["all of prepare"] = f"{seconds:,.1f} ({core:,.1f}), {max(own['mb'] for own in whole):,}"
    return cells


def write_rows(path: Path, rows: int) -> None:
    """Write texts, labels and authors, a portion at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    chance = np.random.default_rng(0)
    words = pa.array(invented_words())
    ends = np.concatenate([[0], np.cumsum(chance.integers(6, 14, rows))]).astype(np.int32)
    # Words as unequally frequent as those of a language (Zipf).
    drawn = (WORDS ** chance.random(int(ends[-1]), np.float32)).astype(np.uint16) - 1
    originals = pa.ListArray.from_arrays(pa.array(ends), pa.array(drawn))
    positive = chance.random(rows) < 0.5
    schema = pa.schema({"text": pa.string(), "label": pa.string(), "author": pa.int64()})
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, 50_000):
            numbers = np.arange(first, min(first + 50_000, rows))
            kinds = numbers % BLOCK
            earlier = BLOCK * chance.integers(0, numbers // BLOCK + 1)
            earlier += chance.integers(0, ORIGINALS, len(numbers))
            source = np.where(kinds >= ORIGINALS, earlier, numbers)
            texts = _texts(originals.take(pa.array(source)), kinds, words, chance)
            # One copy in twenty has the other label.
            other = (kinds >= ORIGINALS) & (chance.random(len(numbers)) < 0.05)
            labels = pc.if_else(pa.array(positive[source] ^ other), "positive", "negative")
            authors = pa.array(chance.integers(0, max(rows // 10, 1), len(numbers)))
            writer.write_table(pa.table([texts, labels, authors], schema=schema))


def _texts(
    lists: pa.ListArray, kinds: np.ndarray, words: pa.StringArray, chance: np.random.Generator
) -> pa.StringArray:
    """Words to texts, each as its kind has it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    offsets, ids = lists.offsets.to_numpy(), lists.flatten().to_numpy().astype(np.int64)
    middle = (offsets[:-1] + offsets[1:])[kinds == CHANGED] // 2
    ids[middle] = (ids[middle] + chance.integers(1, WORDS, len(middle))) % WORDS
    texts = pc.binary_join(pa.ListArray.from_arrays(lists.offsets, words.take(pa.array(ids))), " ")
    links = pa.array(chance.integers(0, 1 << 40, len(kinds))).cast(pa.string())
    links = pc.binary_join_element_wise("https://t.co", links, "/")
    near = pc.binary_join_element_wise(pc.utf8_upper(texts), links, "  ")
    further = words.take(pa.array(chance.integers(0, WORDS, len(kinds))))
    similar = pc.binary_join_element_wise(texts, further, " ")
    texts = pc.if_else(pa.array(kinds == NEAR), near, texts)
    return pc.if_else(pa.array(kinds == SIMILAR), similar, texts)


def _measure(file: Path, steps: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        kinds = map(str, (BLOCK, EXACT, NEAR, SIMILAR))
        command = [sys.executable, str(WORKERS / "check_data.py"), str(file), folder, *kinds]
        worker = Worker("prepare", command)
        try:
            worker.ask()
            return {step: _watched(worker, step) for step in steps}
        finally:
            worker.stop()


def _watched(worker: Worker, step: str) -> dict[str, Any]:
    """Do a step: its seconds, core seconds, what it found, and the most memory meanwhile."""
    done, peak = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], memory_of(worker.pid)["RssAnon"])

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        return {**worker.ask(step), "mb": round(peak[0] / 1024)}
    finally:
        done.set()
        watching.join()


if __name__ == "__main__":
    run(Flags, task, __doc__)
