"""Where rows go: a stream at once, or a file that appears when it is whole.

A file grows beside its place as `<name>.partial`, and `<name>.partial.json` says how far it is,
what it was made of and what is in it. A run that was stopped can go on from there. One process
writes a file at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ktrain_sentiment.atomic import (
    create_like,
    explained,
    hold,
    is_stream,
    open_stream,
    real_path,
    refuse_existing,
    spool_of,
    staged_file,
    sync_entry,
    write_text,
)
from ktrain_sentiment.errors import ConfigError, InputError, SentimentError, printable
from ktrain_sentiment.reading_rules import WrittenFormat
from ktrain_sentiment.remote import store, url_of
from ktrain_sentiment.tables.columnar import ArrowEncoder
from ktrain_sentiment.tables.sheets import Workbook
from ktrain_sentiment.tables.writing import OutputDialect, OutputSchema, RowEncoder, text_encoder

Identity = Mapping[str, Any]
"""What decides the output: input, predictor, options. A run goes on only where all are the same."""

_MADE_BY = "ktrain-sentiment"
_SAVE_SECONDS = 1.0
_BLOCK = 1 << 20
_WRITING = os.O_WRONLY | getattr(os, "O_BINARY", 0)  # Windows turns line ends round without it.


class Output(ABC):
    """Takes rows with all their columns.

    Attributes:
        done: The place (line or row number) in the source up to which rows are kept for certain.
        resumable: Whether a stopped run can go on from there.
    """

    done: int = 0
    resumable: bool = False

    @abstractmethod
    def write(self, places: Sequence[int], rows: Any) -> None:  # noqa: ANN401
        """Take some rows.

        Args:
            places: Where each stands in the source.
            rows: Records, or an Arrow table.
        """

    @abstractmethod
    def finish(self) -> None:
        """All rows are there: the file takes its place."""

    @abstractmethod
    def stop(self) -> None:
        """Something went wrong: close what is open, keep what can be continued; again: nothing."""


class StreamOutput(Output):
    """Writes to a pipe, a device or standard output, each batch at once."""

    def __init__(self, stream: BinaryIO, encoder: RowEncoder, *, owned: bool = False) -> None:
        self._stream = stream
        self._owned = owned
        self._encoder = encoder
        # Cells come from anywhere, and must not move the user's cursor or rename the window.
        self._shown = stream.isatty()
        self._put(encoder.start)

    def write(self, places: Sequence[int], rows: Any) -> None:  # noqa: ANN401
        """Write a batch at once."""
        self._put(self._encoder.encode(places, rows))
        self.done = places[-1]

    def _put(self, data: bytes) -> None:
        if self._shown:
            data = printable(data.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        self._stream.write(data)
        self._stream.flush()

    def finish(self) -> None:
        """Close what was opened for this output."""
        if self._owned:
            self._stream.close()

    def stop(self) -> None:
        """Close what was opened for this output."""
        with contextlib.suppress(OSError):
            self.finish()


@dataclass(frozen=True)
class _Record:
    """How far a partial output is, and what is in it.

    Attributes:
        partial: The name of the file.
        done: The place in the source up to which rows are in it.
        size: Its length in bytes up to there.
        crc32: The checksum of these bytes.
        identity: What decides the output.
        made_by: Tells our records from files of the user that have such a name.
    """

    partial: str
    done: int = 0
    size: int = 0
    crc32: int = 0
    identity: Identity = field(default_factory=dict)
    made_by: str = _MADE_BY


class FileOutput(Output):
    """A file that is appended to, and takes its place in the end.

    Only the holder of the target's lock gets here. The order against power cuts and kills: record,
    file; then again and again the rows on the disk, and after them the record that vouches for
    them. What was written after the last record is cut off by the run that goes on.
    """

    resumable = True

    def __init__(
        self,
        target: Path,
        encoder: RowEncoder,
        identity: Identity,
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self._target = target
        self._overwrite = overwrite
        self._encoder = encoder
        self._place = self._spool(target)
        self._partial = self._place.with_name(f"{self._place.name}.partial")
        self._path = self._place.with_name(f"{self._place.name}.partial.json")
        self._saved_at = float("-inf")
        self._file: int | None = None
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(hold(target))
        try:
            self._begin(json.loads(json.dumps(identity, default=str)), resume=resume)
        except BaseException:
            self.stop()
            raise

    def _spool(self, target: Path) -> Path:
        return real_path(target)

    def _begin(self, identity: Identity, *, resume: bool) -> None:
        found = self._find_record()
        nothing = _Record(self._partial.name, identity=identity)
        if found is not None and resume and self._partial.exists():
            self._compare(found.identity, identity)
            self._check_content(found)
            self._state = found
            self._file = os.open(self._partial, _WRITING)
            os.truncate(self._file, found.size)
            os.lseek(self._file, 0, os.SEEK_END)
        else:
            if found is not None:
                self._partial.unlink(missing_ok=True)
            self._state = nothing
            with explained(self._target):
                self._write_record()
                create_like(self._partial, self._place)
                self._file = os.open(self._partial, _WRITING | os.O_CREAT, 0o666)
        if not self._state.size:
            self._append(self._encoder.start, 0)
        self.done = self._state.done

    def _find_record(self) -> _Record | None:
        """What an earlier run says of its partial output; None where there was none.

        Raises:
            InputError: There is something of the user's, or a damaged record.
        """
        if not self._path.exists():
            if os.path.lexists(self._partial):
                raise InputError(
                    f"{self._partial} is in the way, and no record says that it is a part of an "
                    "earlier output: move it elsewhere, or choose another --output"
                )
            return None
        try:
            found = _Record(**json.loads(self._path.read_text(encoding="utf-8")))
            ours = found.made_by == _MADE_BY and found.partial == self._partial.name
            numbers = min(found.done, found.size, found.crc32) >= 0
            if not (ours and numbers and isinstance(found.identity, dict)):
                raise ValueError("not a record of an output")
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{self._path} is damaged, or no record of an output: remove it and "
                f"{self._partial.name}, or move them elsewhere; then begin anew without --resume"
            ) from error
        return found

    def _compare(self, before: Identity, now: Identity) -> None:
        if name := differing(before, now):
            raise ConfigError(
                f"--resume: {self._partial} was made with another {name}; go on with the same, "
                "or leave out --resume to begin anew"
            )

    def _check_content(self, found: _Record) -> None:
        """Compare the file with its record: a power cut can shorten it or fill it with zeros."""
        crc, left = 0, found.size
        with self._partial.open("rb") as stream:
            while block := stream.read(min(left, _BLOCK)):
                crc, left = zlib.crc32(block, crc), left - len(block)
        if left or crc != found.crc32:
            what = f"is {left:,} bytes too short" if left else "is damaged"
            raise InputError(
                f"--resume: {self._partial} {what} for what its record says; leave out --resume to "
                "begin anew"
            )

    def write(self, places: Sequence[int], rows: Any) -> None:  # noqa: ANN401
        """Append a batch; about once a second, note how far the file is."""
        data = self._encoder.encode(places, rows)
        with explained(self._target):
            self._append(data, places[-1])
            if time.monotonic() - self._saved_at >= _SAVE_SECONDS:
                self._save()

    def _append(self, data: bytes, place: int) -> None:
        assert self._file is not None
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        state = self._state
        self._state = _Record(
            state.partial, place, state.size + len(data), zlib.crc32(data, state.crc32),
            state.identity,
        )  # fmt: skip

    def _save(self) -> None:
        assert self._file is not None
        os.fsync(self._file)
        self._write_record()
        self.done = self._state.done
        self._saved_at = time.monotonic()

    def _write_record(self) -> None:
        write_text(self._path, json.dumps(asdict(self._state)))

    def finish(self) -> None:
        """The file takes its place.

        Raises:
            InputError: Something else has appeared there; what was made can be continued.
        """
        assert self._file is not None
        with explained(self._target):
            self._save()
            self._close()
            self._take_place()
            self._path.unlink()
            sync_entry(self._place.parent)
        self._lock.close()

    def _take_place(self) -> None:
        if self._encoder.whole:
            refuse_existing(self._place, overwrite=self._overwrite)
            if self._place.exists():
                shutil.copymode(self._place, self._partial)
            self._partial.replace(self._place)
        else:
            with staged_file(self._target, self._overwrite) as path:
                self._encoder.assemble(self._partial, path)
            self._partial.unlink()

    def stop(self) -> None:
        """Close the file; it can be continued where its record can be written."""
        if self._file is not None:
            # On a full disk, what was half written makes room for the record.
            with contextlib.suppress(OSError, SentimentError):
                os.truncate(self._file, self._state.size)
                self._save()
            self._close()
        self._lock.close()

    def _close(self) -> None:
        assert self._file is not None
        os.close(self._file)
        self._file = None


class SentOutput(FileOutput):
    """A file that grows in this machine's cache and is sent to its URL when it is whole.

    Where sending fails, what was made is kept: a run that goes on has nothing left but to send it.
    """

    def _spool(self, target: Path) -> Path:
        return spool_of(url_of(target))

    def _take_place(self) -> None:
        try:
            if self._encoder.whole:
                refuse_existing(self._target, overwrite=self._overwrite, remote=True)
                store(url_of(self._target)).send(self._partial)
            else:
                with staged_file(self._target, self._overwrite) as path:
                    self._encoder.assemble(self._partial, path)
        except InputError as error:
            raise InputError(
                f"{error}; what was made is kept on this machine: add --resume to send it"
            ) from error
        self._partial.unlink()


class WorkbookOutput(Output):
    """A workbook, which cannot be continued."""

    def __init__(self, target: Path, schema: OutputSchema, *, overwrite: bool = False) -> None:
        self._target = target
        self._stopped = False
        with contextlib.ExitStack() as opening:
            opening.enter_context(hold(target))
            path = opening.enter_context(staged_file(target, overwrite))
            self._book = Workbook(path, schema)
            self._place = opening.pop_all()

    def write(self, places: Sequence[int], rows: Any) -> None:  # noqa: ANN401
        """Append a batch."""
        with explained(self._target):
            self._book.write(places, rows)

    def finish(self) -> None:
        """The file takes its place."""
        with explained(self._target):
            self._book.close()
        self._place.close()

    def stop(self) -> None:
        """Leave nothing behind."""
        if self._stopped:
            return
        self._stopped = True
        with contextlib.suppress(Exception):  # It is thrown away, whatever is wrong with it.
            self._book.close()
        with contextlib.suppress(InterruptedError):
            self._place.__exit__(InterruptedError, InterruptedError(), None)


def differing(before: Identity, now: Identity) -> str:
    """What two outputs were not made with alike, by its name; empty where there is nothing.

    What was made before a setting was known is taken as made without it.

    Args:
        before: What decided the earlier output, as JSON keeps it.
        now: What decides this one, likewise.
    """
    return next((name for name in now if (before.get(name) or None) != (now[name] or None)), "")


def open_output(
    target: Path,
    form: WrittenFormat,
    schema: OutputSchema,
    identity: Identity,
    *,
    resume: bool = False,
    overwrite: bool = False,
    dialect: OutputDialect | None = None,
) -> Output:
    """Open the output of a format.

    Args:
        target: The file that will appear, or its URL; a pipe or a device is written to.
        form: Its format.
        schema: The columns.
        identity: What decides the output.
        resume: Go on where a stopped run ended.
        overwrite: Replace a file that is there in the end.
        dialect: How text is written.

    Raises:
        ConfigError: There is a partial output of something else, or the format cannot go on.
        InputError: Another process writes there, something is in the way, or it cannot be written.
    """
    dialect = dialect or OutputDialect()
    if is_stream(target):
        if resume:
            raise ConfigError(f"--resume: {target} is no file, so that nothing can be continued")
        with explained(target):
            return stream_output(open_stream(target), form, schema, dialect, owned=True)
    if form == "excel":
        dialect.check(form)
        if resume:
            raise ConfigError("--resume: a workbook cannot be continued; write .csv or .parquet")
        return WorkbookOutput(target, schema, overwrite=overwrite)
    if form == "parquet":
        dialect.check(form)
        encoder: RowEncoder = ArrowEncoder(schema)
    else:
        encoder = text_encoder(form, schema, dialect)
    kind = SentOutput if url_of(target) else FileOutput
    return kind(target, encoder, identity, resume=resume, overwrite=overwrite)


def stream_output(
    stream: BinaryIO,
    form: WrittenFormat,
    schema: OutputSchema,
    dialect: OutputDialect | None = None,
    *,
    owned: bool = False,
) -> Output:
    """Write rows to an open stream, such as standard output.

    Args:
        stream: Takes bytes.
        form: A format of text.
        schema: The columns.
        dialect: How text is written.
        owned: Close the stream in the end.

    Raises:
        ConfigError: The format needs a file.
    """
    if form in {"parquet", "excel"}:
        raise ConfigError(f"{form} cannot be written to a pipe; name a file with --output")
    return StreamOutput(stream, text_encoder(form, schema, dialect or OutputDialect()), owned=owned)
