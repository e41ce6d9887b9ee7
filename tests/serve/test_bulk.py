"""Whole tables in and out, in every format, and what is refused before any row is answered."""

import asyncio
import gc
import gzip
import io
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from support.serving import InProcess

ROWS = pd.DataFrame(
    {"id": [1, 2, 3], "text": ["a superb plot", "the script was dull", None], "year": [1, 2, 3]}
)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = ROWS.to_csv(index=False).encode()


def parquet() -> bytes:
    sink = io.BytesIO()
    ROWS.to_parquet(sink)
    return sink.getvalue()


def workbook() -> bytes:
    sink = io.BytesIO()
    ROWS.to_excel(sink, index=False, engine="xlsxwriter")
    return sink.getvalue()


def counted(server: InProcess) -> float:
    """Texts that the model `others` has answered."""
    found = re.search(rb'texts_total{model="others"} (\S+)', server.get("/metrics").body)
    return float(found[1]) if found else 0


READERS = {
    "text/csv; charset=utf-8": pd.read_csv,
    "text/tab-separated-values; charset=utf-8": lambda stream: pd.read_csv(stream, sep="\t"),
    "application/x-ndjson": lambda stream: pd.read_json(stream, lines=True),
    "application/vnd.apache.parquet": pd.read_parquet,
}


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        ("text/csv", CSV, "text/csv; charset=utf-8"),
        ("text/tab-separated-values", ROWS.to_csv(index=False, sep="\t").encode(),
         "text/tab-separated-values; charset=utf-8"),
        ("application/x-ndjson", ROWS.to_json(orient="records", lines=True).encode(),
         "application/x-ndjson"),
        ("application/json", ROWS.to_json(orient="records").encode(), "application/x-ndjson"),
        ("application/vnd.apache.parquet", parquet(), "application/vnd.apache.parquet"),
        (XLSX, workbook(), "text/csv; charset=utf-8"),
    ],
)  # fmt: skip
def test_a_table_comes_back_with_its_predictions(server, kind, body, answer):
    reply = server.post("/table", body, content_type=kind)
    assert (reply.status, reply.headers["content-type"]) == (200, answer), reply.body
    assert "content-length" not in reply.headers
    found = READERS[answer](io.BytesIO(reply.body))
    assert found["predicted"].fillna("").tolist() == ["positive", "negative", ""]
    assert found["year"].tolist() == [1, 2, 3]
    assert found["p_positive"][0] > 0.5 > found["p_positive"][1]


def test_the_format_of_the_answer_and_the_column_of_texts_can_be_chosen(server):
    body = b"a,b\n" + b"it was dull and slow,a superb and witty plot\n" * 20
    reply = server.post("/models/others/table?format=jsonl&column=b", body, content_type="text/csv")
    assert reply.body.count(b'"predicted": "positive"') == 20 or reply.body.count(b"positive") >= 20


def test_the_column_of_texts_can_be_a_field_of_an_object(server):
    body = b'{"a": {"b": "a superb and witty plot", "c": "it was dull"}, "d": [1]}\n' * 3
    asked = "/models/others/table?column=a.b"
    reply = server.post(asked, body, content_type="application/x-ndjson")
    assert reply.body.count(b'"predicted": "positive"') == 3, reply.body


def test_a_long_table_is_answered_in_portions_and_like_any_other(server, classifier, reviews):
    texts = [text for text, _ in reviews]
    body = pd.DataFrame({"text": texts}).to_csv(index=False).encode()
    before = counted(server)
    reply = server.post("/models/others/table", body, content_type="text/csv")
    found = pd.read_csv(io.BytesIO(reply.body))
    wanted = [one.label for one in classifier.predict(texts)]
    agree = sum(a == b for a, b in zip(found["predicted"], wanted, strict=True))
    assert counted(server) - before == 600
    assert agree > 595, "products of another shape round otherwise, and a few are close calls"


@pytest.mark.parametrize(
    ("kind", "body", "status", "said"),
    [
        ("application/pdf", CSV, 415, "got content-type application/pdf, wanted one of text/csv"),
        ("text/csv", b"", 422, "the table"),
        ("text/csv", parquet(), 422, "the table: is a Parquet file"),
        ("application/vnd.apache.parquet", CSV, 422, "the table"),
        ("text/csv", b"predicted,text\na,b\n", 422, "has a column 'predicted' already"),
        ("application/x-ndjson", b"[1]\n", 422, "the table"),
    ],
)
def test_what_is_no_table_is_refused_without_a_word_of_this_machine(
    server, kind, body, status, said
):
    reply = server.post("/table", body, content_type=kind)
    assert reply.status == status, reply.body
    assert said in reply.error
    assert "/tmp" not in reply.error
    assert server.site.tables == 0


SENTENCES = b"the plot was dull and slow,a witty film with a fine cast and a good song"
SHIFT_JIS = "\u3053\u308c\u306f\u9762\u767d\u3044\n".encode("cp932")


def two_sheets() -> bytes:
    sink = io.BytesIO()
    with pd.ExcelWriter(sink, engine="xlsxwriter") as book:
        ROWS.to_excel(book, index=False, sheet_name="one")
        ROWS.to_excel(book, index=False, sheet_name="two")
    return sink.getvalue()


@pytest.mark.parametrize(
    ("kind", "body", "advice"),
    [
        ("text/csv", b"review,comment\n" + SENTENCES, "choose one with ?column="),
        ("text/csv", b"id,year\n1,2\n3,4\n", "choose one with ?column="),
        ("text/csv", SENTENCES + b"\n" + SENTENCES,
         "put a line of column names above it, or name its column of texts with ?column="),
        ("text/tab-separated-values", b'text\tid\n"Fine film\ta\ndull\tb\nso good"\ta\nx\tb\n',
         "put each text in double quotes, and write quotes inside it twice"),
        ("text/csv", b"id,text\n1," + SHIFT_JIS * 9, "save it as UTF-8"),
        ("text/csv", CSV.replace(b"year", b"predicted"), "; rename it, or leave it out"),
        ("text/plain", b"a film @good\na play @bad\n" * 4,
         "make it a table with a column of texts"),
        (XLSX, two_sheets(), "leave one sheet with texts in it"),
        (XLSX, CSV, "is text, and came as "
         f"{XLSX}; send it as text/csv, or what it is"),
        ("text/csv", workbook(), f"is an Excel workbook, and came as text/csv; send it as {XLSX}"),
        ("text/csv", gzip.compress(CSV),
         "is compressed with gzip, and came as text/csv; send it unpacked"),
        ("text/csv", b"<html><table>",
         "is an HTML page, and came as text/csv; send its table as text/csv"),
    ],
)  # fmt: skip
def test_what_a_refusal_advises_can_be_done_by_a_request(server, kind, body, advice):
    reply = server.post("/table", body, content_type=kind)
    assert reply.status == 422
    assert reply.error.endswith(advice), reply.error
    assert "--" not in reply.error
    assert "tmp" not in reply.error


def test_a_table_whose_lines_were_joined_on_the_way_is_refused_with_the_cause(server):
    for table in (CSV, b"id,text\n1," + b"plot" * 20_000):
        said = server.post("/table", table.replace(b"\n", b""), content_type="text/csv").error
        assert said.startswith("the table: is one line, which names its columns, and has no row; ")
        assert said.endswith("; curl sends lines as they are with --data-binary, not -d")
    whole = server.post("/table", b"id,year\n1,2\n", content_type="text/csv").error
    assert "--data-binary" in server.post("/table", CSV, content_type="multipart/form-data").error
    assert "one line" not in whole


def test_an_unknown_format_and_an_unknown_column_are_refused(server):
    for query, said in (
        ("format=pdf", "?format=pdf: wanted one of csv, jsonl, parquet, tsv"),
        ("column=nope", "'nope'"),
        ("colum=text", "?colum: there is no such parameter, wanted format or column"),
    ):
        reply = server.post(f"/table?{query}", CSV, content_type="text/csv")
        assert reply.status == 422
        assert said in reply.error


def test_a_table_beyond_the_limits_is_refused(server):
    from dataclasses import replace

    limits = replace(server.site.limits, max_table=100)
    reply = server.behind(limits=limits).post("/table", b"text\n" * 30, content_type="text/csv")
    assert reply.status == 413
    assert reply.error == "the body is larger than 100 bytes (--max-table): send it in parts"
    busy = server.behind(tables=2).post("/table", CSV, content_type="text/csv")
    assert (busy.status, busy.headers["retry-after"]) == (429, "5")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_client_that_goes_away_ends_the_work_and_frees_its_place(
    server, form, caplog, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    body = b"text\n" + b"the script was dull and the cast too\n" * 20_000
    address = f"/models/others/table?format={form}"

    async def work():
        gone = asyncio.Event()
        asking = asyncio.ensure_future(
            server.send("POST", address, body, {"content-type": "text/csv"}, gone)
        )
        async with asyncio.timeout(30):
            while not server.site.tables:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            modes = [place.stat().st_mode & 0o777 for place in tmp_path.iterdir()]
            gone.set()
            await asking
            while server.site.tables:
                await asyncio.sleep(0.01)
        return modes

    before = counted(server)
    # What is written lies where no other user can put a link in its way.
    assert server.loop.run_until_complete(work()) == [0o700]
    assert not [*tmp_path.iterdir()]
    gc.collect()  # Futures tell when they are thrown away that nobody has read their exception.
    opened = [os.path.realpath(one) for one in Path("/proc/self/fd").glob("*")]
    assert not [one for one in opened if one.startswith(str(tmp_path))]
    assert counted(server) - before < 20_000, "the work went on for nobody"
    assert server.site.worker.pending == 0
    assert "never retrieved" not in caplog.text


def told(server: InProcess, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)", server.get("/metrics").body.decode(), re.M)
    return float(found[1]) if found else 0


def test_an_answer_that_breaks_off_is_not_counted_as_a_success(server, monkeypatch, caplog):
    from ktrain_sentiment.inference import scoring

    parts = []

    def fails_later(*given):
        parts.append(given)
        if len(parts) > 1:
            raise OSError("out of order")
        return whole(*given)

    whole = scoring.score_batch
    monkeypatch.setattr(scoring, "score_batch", fails_later)
    of_route = 'sentiment_requests_total{method="POST",route="/table",status="%s"}'
    cut = 'sentiment_answers_cut_short_total{route="/table"}'
    names = (of_route % 200, of_route % 500, cut)
    before = [told(server, name) for name in names]
    with caplog.at_level("INFO"):
        reply = server.post("/table", b"text\n" + b"a superb plot\n" * 600, content_type="text/csv")
    assert reply.status == 200
    assert reply.body.count(b"\n") == 257, "what was answered before has been sent"
    now = [told(server, name) for name in names]
    assert [b - a for a, b in zip(before, now, strict=True)] == [0, 1, 1]
    assert "POST /table 500 cut short" in caplog.text
    assert "an answer was cut short: an internal error: OSError" in caplog.text
