"""Whole tables in and out: POST /table."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ktrain_sentiment.errors import InputError
from ktrain_sentiment.reading_rules import Format, WrittenFormat
from ktrain_sentiment.serve import protocols
from ktrain_sentiment.serve.answering import (
    Site,
    check_length,
    media_type,
    not_of_type,
    unless_gone,
)
from ktrain_sentiment.serve.batching import QueuedClassifier
from ktrain_sentiment.serve.limits import Limits, RefusalError, invalid, overloaded, too_large
from ktrain_sentiment.tables.formats import MEDIA
from ktrain_sentiment.tables.sources import locate, refuse_other_kind
from ktrain_sentiment.tables.table import ReadOptions

WRITTEN = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
"""What the answer may be."""

_USUAL: Mapping[Format, WrittenFormat] = {
    "tsv": "tsv", "jsonl": "jsonl", "json": "jsonl", "parquet": "parquet",
}  # fmt: skip
"""The format of the answer where none is asked for, by the table's own; of others CSV."""

_SETTINGS = {"text_column": "?column="}
"""What errors call a setting, as a table's address says it."""

_WITH_HEADER = {"csv", "tsv"}
"""Tables whose first line is no row."""

_ROWS = 256
_BLOCK = 1 << 16


async def table(site: Site, request: Request) -> Response:
    """Rows in, the same rows with predictions out.

    The body is kept in a temporary file until it is whole. Answering while it still comes would
    save the disk, and hang with most clients: they read nothing until they have sent everything,
    so both ends would wait for the other as soon as the buffers between them are full.
    """
    model = site.model(request)
    given = media_type(request)
    own = MEDIA.get(given)
    if own is None:
        curl = "-H 'Content-Type: text/csv' --data-binary @FILE"
        raise not_of_type(request, f"one of {', '.join(MEDIA)}", curl)
    asked = protocols.decode_query(request.query_params, protocols.TableQuery)
    form: WrittenFormat = asked.format or _USUAL.get(own, "csv")
    if site.tables >= site.limits.max_tables:
        raise overloaded(f"{site.tables} tables are being worked on", 5)
    site.tables += 1
    held = contextlib.ExitStack()
    held.callback(_let_go, site)
    try:
        # In a folder of ours alone no other user can put a link in the way of the answer.
        place = Path(held.enter_context(tempfile.TemporaryDirectory())) / "table"
        body = held.enter_context(place.open("w+b"))
        await _receive(request, body, site.limits)
        loop = asyncio.get_running_loop()
        job = _Job(
            place, ReadOptions(media=given), form, asked.column or None, model.table,
            QueuedClassifier(
                site.worker, model.classifier, loop,
                watch=lambda answer: site.instruments.answered(
                    model.name, model.classifier, answer
                ),
            ),
            _Outlet(loop),
        )  # fmt: skip
        body.seek(0)
        start = body.read(_BLOCK)
        try:
            refuse_other_kind(start, locate(job.path), own, job.options)
            if own in _WITH_HEADER and start and await asyncio.to_thread(_is_one_line, job.path):
                raise invalid(
                    "the table: is one line, which names its columns, and has no row; curl sends "
                    "lines as they are with --data-binary, not -d"
                )
            await asyncio.to_thread(job.open)
        except InputError as error:
            said = error.told(_SETTINGS.get).replace(str(place), "the table")
            raise invalid(said) from error
    except BaseException:
        held.close()
        raise
    working = loop.run_in_executor(None, job.work)

    def ended(work: asyncio.Future[None]) -> None:
        # Not when the answer ends: the thread may still read the file then. By that time nobody may
        # be left to hear of an error, of which asyncio would complain.
        held.close()
        if not work.cancelled():
            work.exception()

    working.add_done_callback(ended)
    return _Streamed(request, job.outlet, working, site.limits, WRITTEN[form])


def _is_one_line(path: Path) -> bool:
    with path.open("rb") as body:
        blocks = iter(lambda: body.read(_BLOCK), b"")
        return not any(b"\n" in block or b"\r" in block for block in blocks)


def _let_go(site: Site) -> None:
    site.tables -= 1


async def _receive(request: Request, body: IO[bytes], limits: Limits) -> None:
    check_length(request, limits.max_table, "max-table")
    size, parts = 0, request.stream()
    while True:
        try:
            # Each 64 KB has its own time: a large table may take long, a stalled one may not.
            async with asyncio.timeout(limits.body_timeout):
                start = size
                while size - start < _BLOCK:
                    part = await anext(parts, None)
                    if part is None:
                        body.flush()
                        return
                    size += len(part)
                    if size > limits.max_table:
                        raise too_large(limits.max_table, "max-table")
                    body.write(part)
        except TimeoutError:
            raise RefusalError(408, "Timeout", "the body came too slowly") from None


class _Streamed(Response):
    """What a thread writes, sent as it comes."""

    def __init__(
        self,
        request: Request,
        outlet: _Outlet,
        working: asyncio.Future[None],
        limits: Limits,
        media: str,
    ) -> None:
        super().__init__(media_type=media)
        del self.headers["content-length"]
        self._request, self._outlet, self._working = request, outlet, working
        self._patience = limits.idle_timeout

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the parts; an error on the way breaks the connection: nobody overlooks that."""
        try:
            await unless_gone(self._request, self._send(send))
        finally:
            self._outlet.abandon()

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        while part := await self._outlet.parts.get():
            try:
                async with asyncio.timeout(self._patience):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            except TimeoutError:
                raise RefusalError(
                    408, "Timeout", f"nothing of it was taken for {self._patience:g} s"
                ) from None
        await self._working
        await send({"type": "http.response.body", "body": b""})


class _Outlet(io.RawIOBase):
    """A stream that a thread writes to and the event loop reads from.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.gone = False
        self.parts: asyncio.Queue[bytes] = asyncio.Queue(4)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401
        if data:
            self.put(bytes(data))
        return len(data)

    def abandon(self) -> None:
        """Nobody reads any more: let a waiting thread go on, and fail at its next part."""
        self.gone = True
        while not self.parts.empty():
            self.parts.get_nowait()

    def check(self) -> None:
        """Ask, before work whose result will be handed over later, whether anybody reads.

        Raises:
            BrokenPipeError: Nobody does any more.
        """
        if self.gone:
            raise BrokenPipeError("the client went away")

    def put(self, data: bytes) -> None:
        """Hand some bytes over, once there is room; none: that was all.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        self.check()
        asyncio.run_coroutine_threadsafe(self.parts.put(data), self._loop).result()


@dataclasses.dataclass
class _Job:
    """A table and where its predictions go; its methods run in a thread."""

    path: Path
    options: ReadOptions
    form: WrittenFormat
    column: str | None
    trained: Any
    classifier: QueuedClassifier
    outlet: _Outlet
    source: Any = None
    names: tuple[str, ...] = ()

    def open(self) -> None:
        """Read the head of the table, so that what is wrong with it is said before any answer.

        Raises:
            InputError: It cannot be read, or has no column of texts.
        """
        from ktrain_sentiment.inference.scoring import ScoreOptions, new_columns, open_text_table

        found = open_text_table(self.path, self.options, self.column, self.trained)
        self.source = dataclasses.replace(
            found, table=dataclasses.replace(found.table, name="the table")
        )
        labels, task = self.classifier.labels, self.classifier.task
        self.names = new_columns(self.source.table, labels, ScoreOptions(), task)

    def work(self) -> None:
        """Score all rows and hand them over."""
        from ktrain_sentiment.inference.scoring import output_schema, score_batch
        from ktrain_sentiment.tables.outputs import open_output, stream_output

        schema = output_schema(self.source, self.names, self.classifier.task)
        whole = self.path.with_name("answer") if self.form == "parquet" else None
        try:
            if whole:
                output = open_output(whole, "parquet", schema, {})
            else:
                output = stream_output(cast("BinaryIO", self.outlet), self.form, schema)
            try:
                for batch in self.source.table.batches(_ROWS):
                    self.outlet.check()
                    scored = score_batch(batch, self.source.column, self.classifier, self.names)
                    output.write(batch.places, scored.rows)
                output.finish()
            finally:
                output.stop()
            if whole:
                with whole.open("rb") as stream:
                    while part := stream.read(_BLOCK):
                        self.outlet.put(part)
        finally:
            with contextlib.suppress(BrokenPipeError):
                self.outlet.put(b"")
