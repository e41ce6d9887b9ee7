"""Remote places: a real S3 server on this machine, and one line for each way in which one fails."""

import gzip
import socket
import time
from pathlib import Path

import pytest

from ktrain_sentiment import remote
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.tables import open_table
from support.process import run_code
from support.s3 import answering

CONTENT = b"text,label\na fine film,good\na dull one,bad\n"


def texts(url):
    return [text for batch in open_table(url).batches(9) for text in batch.values("text")]


def refusal(url):
    with pytest.raises(DataError) as raised:
        open_table(url)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def elsewhere(monkeypatch, s3):
    """Point S3's users to another address, with a file system that has not met the usual one."""
    import s3fs

    def point(address):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        s3fs.S3FileSystem.clear_instance_cache()

    yield point
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    "url", ["s3://bucket/a.csv", "https://host/a.csv?x=1", "memory://a", "zip://a::s3://b/c.zip"]
)
def test_a_url_is_one_as_text(url):
    assert url_of(url) == url


def test_a_path_that_was_a_url_has_both_slashes_again():
    assert url_of(Path("s3://bucket/folder/a.csv")) == "s3://bucket/folder/a.csv"


@pytest.mark.parametrize(
    "place", ["a.csv", "/a/b", "C:/a", "C://a", "a://", "note: see //x", "hub:imdb", "", None, 3]
)
def test_what_is_no_url_is_none(place):
    assert not url_of(place)
    assert not isinstance(place, str) or not url_of(Path(place))


def test_a_table_is_read_from_s3_compressed_or_not(s3):
    assert texts(s3.put("a.csv", CONTENT)) == ["a fine film", "a dull one"]
    assert texts(s3.put("in/a.csv.gz", gzip.compress(CONTENT))) == ["a fine film", "a dull one"]
    s3.put("in/b.csv", CONTENT)
    assert len(texts("s3://reviews/in/*.csv")) == 2
    assert len(texts("s3://reviews/*/*")) == 4


def test_parquet_is_read_from_s3(s3):
    import io

    import pandas as pd

    out = io.BytesIO()
    pd.DataFrame({"text": ["a fine film"]}).to_parquet(out)
    assert texts(s3.put("a.parquet", out.getvalue())) == ["a fine film"]


def test_a_file_that_was_replaced_is_read_anew(s3):
    assert len(texts(s3.put("a.csv", CONTENT))) == 2
    assert texts(s3.put("a.csv", b"text,label\nanother,good\n")) == ["another"]


def test_what_is_not_there_is_told_apart(s3):
    s3.put("in/a.csv", CONTENT)
    assert refusal("s3://nowhere/a.csv") == (
        "s3://nowhere/a.csv: there is no bucket nowhere; check its name"
    )
    assert refusal("s3://reviews/in/b.csv") == (
        "s3://reviews/in/b.csv: no such file; check the name, capitals included"
    )


def test_a_folder_in_s3_is_read_like_one_at_hand(s3):
    s3.put("classes/good/1.txt", b"a fine film")
    s3.put("classes/bad/1.txt", b"a dull one")
    s3.put("splits/train.csv", CONTENT)
    s3.put("splits/test.csv", CONTENT)
    s3.put("other/part-1.parquet", b"")
    table = open_table("s3://reviews/classes")
    assert table.name == "s3://reviews/classes"
    assert sorted(texts("s3://reviews/classes")) == ["a dull one", "a fine film"]
    assert len(texts("s3://reviews/splits")) == 4
    assert refusal("s3://reviews/other").startswith("s3://reviews/other: ")


def test_missing_credentials_are_one_line_with_what_to_do(elsewhere, s3, monkeypatch):
    url = s3.put("a.csv", CONTENT)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    elsewhere("http://127.0.0.1:9")
    assert refusal(url) == (
        f"{url}: no credentials for s3:// were found (Unable to locate credentials); set "
        "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run  aws configure"
        "  (FSSPEC_S3_ANON=true for a public bucket)"
    )


def test_refused_access_is_one_line_with_what_to_do(elsewhere):
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    with answering(403, denied) as address:
        elsewhere(address)
        assert refusal("s3://reviews/a.csv").startswith(
            "s3://reviews/a.csv: access is refused (Forbidden); set AWS_PROFILE"
        )


def test_a_host_that_is_not_there_is_one_line(elsewhere):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    elsewhere(address)
    assert refusal("s3://reviews/a.csv") == (
        f"s3://reviews/a.csv: {address} cannot be reached; check the network, the proxy and the "
        "name"
    )


def test_a_host_that_is_silent_is_given_up(elsewhere, monkeypatch):
    monkeypatch.setattr(remote, "LOOKUP_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        elsewhere(address)
        begun = time.monotonic()
        assert f"{address} cannot be reached" in refusal("s3://reviews/a.csv")
        assert time.monotonic() - begun < 20


def test_a_web_page_that_is_not_there_says_its_status(s3):
    with answering(404) as address:
        assert refusal(f"{address}/a.csv") == (
            f"{address}/a.csv: no such file; check the name, capitals included"
        )
    with answering(403) as address:
        assert "answers with status 403" in refusal(f"{address}/a.csv")
    with answering(200, CONTENT) as address:
        assert texts(f"{address}/a.csv?signed=yes") == ["a fine film", "a dull one"]


def test_a_data_set_on_the_hub_is_read_by_its_url(hub, tmp_path):
    (tmp_path / "set" / "data").mkdir(parents=True)
    (tmp_path / "set" / "data" / "a.csv").write_bytes(CONTENT)
    hub.add("datasets/ann/reviews", tmp_path / "set")
    code = """
    from ktrain_sentiment.errors import DataError
    from ktrain_sentiment.tables import open_table
    for name in ("reviews/data/a.csv", "reviews@main/data/*.csv", "reviews/b.csv", "none/a.csv"):
        try:
            print(open_table(f"hf://datasets/ann/{name}").columns[:2])
        except DataError as error:
            print(error)
    """
    done = run_code(code, {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)})
    assert done.stdout.splitlines() == [
        "('text', 'label')",
        "('text', 'label')",
        "hf://datasets/ann/reviews/b.csv: no such file; check the name, capitals included",
        f"hf://datasets/ann/none/a.csv: {hub.url} has none of this name, or it is private; log in "
        "with  hf auth login , or set HF_TOKEN",
    ]
