"""Where scored rows go: a pipe at once, or a file that appears when it is whole.

A file grows beside its place as `<name>.partial`, and `<name>.partial.json` says how far it is
and what it was made of. A run that was stopped can go on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ktrain_sentiment.atomic import staged_file, write_text
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.inference.scoring.binary_sinks import Workbook, arrow_table, output_schema
from ktrain_sentiment.inference.scoring.rows import Chunk
from ktrain_sentiment.inference.scoring.sinks import Added, text_sink
from ktrain_sentiment.inference.scoring.sources import Source
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.tables.formats import Format

Identity = Mapping[str, Any]
"""What decides the output: input, predictor, options. A run goes on only where all are the same."""

_PART_ROWS = 65_536


def identify(
    file: Path | None, predictor: Path, columns: Sequence[str], options: Mapping[str, Any]
) -> Identity:
    """What decides an output, in a form that a later run can compare.

    Args:
        file: The input.
        predictor: The predictor folder.
        columns: The names of the new columns.
        options: Everything else, by the name that a message gives it.
    """
    manifest = PredictorFolder(predictor).manifest
    stamp = manifest if manifest.is_file() else predictor
    return {
        "input": file and [str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns],
        "predictor": [str(predictor.resolve()), stamp.stat().st_mtime_ns],
        "new columns": list(columns),
        **options,
    }


class Output(ABC):
    """Takes scored chunks.

    Attributes:
        done: The line or row number up to which an earlier run has scored.
    """

    done: int = 0

    @abstractmethod
    def write(self, chunk: Chunk, added: Added) -> None:
        """Take a chunk and its new columns."""

    @abstractmethod
    def finish(self) -> None:
        """All rows are there: the file takes its place."""

    @abstractmethod
    def stop(self) -> None:
        """Something went wrong: close what is open."""


class PipeOutput(Output):
    """Writes to standard output, each chunk at once."""

    def __init__(
        self, stream: BinaryIO, form: Format, source: Source, added: Sequence[str]
    ) -> None:
        if form in {"parquet", "excel"}:
            raise ConfigError(f"{form} cannot be written to a pipe; name a file with --output")
        self._stream = stream
        self._sink = text_sink(form, source, added)
        self._put(self._sink.header())

    def write(self, chunk: Chunk, added: Added) -> None:
        """Write a chunk at once."""
        self._put(self._sink.text(chunk, added))

    def _put(self, text: str) -> None:
        self._stream.write(text.encode("utf-8", "replace"))
        self._stream.flush()

    def finish(self) -> None:
        """Nothing is left to do."""

    def stop(self) -> None:
        """Nothing is left to do."""


class _Progress:
    """The file that says how far a partial output is."""

    def __init__(self, target: Path, identity: Identity) -> None:
        self.partial = target.with_name(target.name + ".partial")
        self._path = target.with_name(target.name + ".partial.json")
        self._identity = json.loads(json.dumps(identity, default=str))

    def load(self, *, resume: bool) -> dict[str, int]:
        """How far it is; zeros when there is nothing, or nothing that may be continued.

        Raises:
            ConfigError: There is a partial output of something else.
        """
        nothing = {"done": 0, "size": 0, "parts": 0}
        if not resume or not self._path.is_file() or not self.partial.exists():
            return nothing
        state = json.loads(self._path.read_text(encoding="utf-8"))
        for name, value in self._identity.items():
            if state["identity"].get(name) != value:
                raise ConfigError(
                    f"--resume: {self.partial} was made with another {name}; go on with the same, "
                    "or leave out --resume to begin anew"
                )
        return {name: int(state[name]) for name in nothing}

    def save(self, **state: int) -> None:
        """Say how far it is."""
        content = {"done": 0, "size": 0, "parts": 0, **state, "identity": self._identity}
        write_text(self._path, json.dumps(content))

    def remove(self) -> None:
        """Forget it."""
        self._path.unlink(missing_ok=True)
        if self.partial.is_dir():
            shutil.rmtree(self.partial)
        else:
            self.partial.unlink(missing_ok=True)


class TextOutput(Output):
    """A text file, appended to; what a stopped run wrote after its last note is cut off."""

    def __init__(
        self,
        target: Path,
        form: Format,
        source: Source,
        added: Sequence[str],
        identity: Identity,
        *,
        resume: bool,
    ) -> None:
        self._target = target
        self._progress = _Progress(target, identity)
        self._sink = text_sink(form, source, added)
        state = self._progress.load(resume=resume)
        if not state["done"]:
            self._progress.remove()
        self.done = state["done"]
        target.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._progress.partial.open("ab")
        self._stream.truncate(state["size"])
        if not self.done:
            self._stream.write(self._sink.header().encode("utf-8", "replace"))

    def write(self, chunk: Chunk, added: Added) -> None:
        """Append a chunk, then note how far the file is."""
        self._stream.write(self._sink.text(chunk, added).encode("utf-8", "replace"))
        self._stream.flush()
        self._progress.save(done=chunk.lines[-1], size=self._stream.tell())

    def finish(self) -> None:
        """The file takes its place."""
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._progress.partial.replace(self._target)
        self._progress.remove()

    def stop(self) -> None:
        """Close the file; it can be continued."""
        self._stream.close()


class ParquetOutput(Output):
    """A Parquet file, made of parts that are joined at the end."""

    def __init__(
        self,
        target: Path,
        source: Source,
        added: Sequence[str],
        identity: Identity,
        *,
        resume: bool,
    ) -> None:
        self._target = target
        self._source = source
        self._schema = output_schema(source, added)
        self._progress = _Progress(target, identity)
        state = self._progress.load(resume=resume)
        if not state["done"]:
            self._progress.remove()
        self.done, self._parts = state["done"], state["parts"]
        self._waiting: list[Any] = []
        self._progress.partial.mkdir(parents=True, exist_ok=True)

    def write(self, chunk: Chunk, added: Added) -> None:
        """Keep a chunk, and write a part when there are enough."""
        self._waiting.append(arrow_table(self._source, self._schema, chunk, added))
        if sum(map(len, self._waiting)) >= _PART_ROWS:
            self._write_part(chunk.lines[-1])

    def _write_part(self, line: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with staged_file(self._part(self._parts), overwrite=True) as path:
            pq.write_table(pa.concat_tables(self._waiting), path)
        self._parts += 1
        self._waiting = []
        self._progress.save(done=line, parts=self._parts)

    def _part(self, number: int) -> Path:
        return self._progress.partial / f"part-{number:06d}.parquet"

    def finish(self) -> None:
        """Join the parts; the file takes its place."""
        import pyarrow.parquet as pq

        with (
            staged_file(self._target, overwrite=True) as path,
            pq.ParquetWriter(path, self._schema) as writer,
        ):
            for number in range(self._parts):
                with pq.ParquetFile(self._part(number)) as part:
                    for group in range(part.num_row_groups):
                        writer.write_table(part.read_row_group(group))
            for table in self._waiting:
                writer.write_table(table)
        self._progress.remove()

    def stop(self) -> None:
        """Leave the parts, with which a later run can go on."""


class ExcelOutput(Output):
    """A workbook, which cannot be continued."""

    def __init__(self, target: Path, source: Source, added: Sequence[str]) -> None:
        self._source = source
        self._place = contextlib.ExitStack()
        path = self._place.enter_context(staged_file(target, overwrite=True))
        self._book = Workbook(path, (*source.columns, *added))

    def write(self, chunk: Chunk, added: Added) -> None:
        """Append a chunk."""
        self._book.write(self._source, chunk, added)

    def finish(self) -> None:
        """The file takes its place."""
        self._book.close()
        self._place.close()

    def stop(self) -> None:
        """Leave nothing behind."""
        self._book.close()
        with contextlib.suppress(InterruptedError):
            self._place.__exit__(InterruptedError, InterruptedError(), None)


def open_output(
    target: Path,
    form: Format,
    source: Source,
    added: Sequence[str],
    identity: Identity,
    *,
    resume: bool,
) -> Output:
    """Open the output of a format.

    Args:
        target: The file that will appear.
        form: Its format.
        source: Where the rows come from.
        added: The names of the new columns.
        identity: What decides the output.
        resume: Go on where a stopped run ended.

    Raises:
        ConfigError: There is a partial output of something else, or the format cannot go on.
    """
    if form == "excel":
        if resume:
            raise ConfigError("--resume: a workbook cannot be continued; write .csv or .parquet")
        return ExcelOutput(target, source, added)
    if form == "parquet":
        return ParquetOutput(target, source, added, identity, resume=resume)
    return TextOutput(target, form, source, added, identity, resume=resume)
