"""Where bytes come from: remote places, archives, streams; with a line for each that fails."""

import gzip
import io
import os
import sys
import threading
import zipfile
from pathlib import Path

import fsspec
import pytest

from ktrain_sentiment.errors import DataError, MissingExtraError
from ktrain_sentiment.tables import ReadOptions, open_table
from support.sides import predicted, trained

CONTENT = b"text,label\na fine film,good\na dull one,bad\n"
TEXTS = ["a fine film", "a dull one"]


@pytest.fixture
def remote():
    """Put bytes at a place that fsspec opens, which is emptied afterwards."""
    memory = fsspec.filesystem("memory")

    def put(name, content):
        memory.pipe(f"/{name}", content)
        return f"memory://{name}"

    yield put
    memory.store.clear()


@pytest.mark.parametrize("name", ["a.csv", "folder/a.csv", "a.csv.gz", "a.zip", "a.jsonl"])
def test_a_remote_file_is_read_like_one_at_hand(remote, both, name):
    if name.endswith(".gz"):
        content = gzip.compress(CONTENT)
    elif name.endswith(".zip"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a.csv", CONTENT)
        content = packed.getvalue()
    elif name.endswith(".jsonl"):
        content = "\n".join(f'{{"text": "{text}"}}' for text in TEXTS).encode()
    else:
        content = CONTENT
    url = remote(name, content)
    assert both(url).texts == TEXTS


def test_files_that_a_remote_pattern_matches_are_one_table(remote, both):
    remote("folder/b.csv", b"text,label\na dull one,bad\n")
    url = remote("folder/a.csv", b"text,label\na fine film,good\n").replace("a.csv", "*.csv")
    assert both(url).texts == TEXTS
    assert both("memory://elsewhere/*.csv").refusal == (
        "memory://elsewhere/*.csv: no file matches; quote the pattern, and check the folder"
    )


def test_a_remote_file_that_is_not_there_is_one_line(both):
    assert both("memory://nowhere.csv").refusal == (
        "memory://nowhere.csv: no such file; check the name, capitals included"
    )


def test_a_url_that_became_a_path_is_a_url(remote):
    place = Path(remote("folder/a.csv", CONTENT))
    assert open_table(place).name == "memory://folder/a.csv"


@pytest.mark.parametrize(
    ("url", "library", "extra"),
    [
        ("s3://bucket/a.csv", "s3fs", "s3"),
        ("gs://bucket/a.csv", "gcsfs", "gs"),
        ("az://container/a.csv", "adlfs", "az"),
        ("hf://datasets/ann/a.csv", "huggingface_hub", "hf"),
        ("https://example.org/a.csv", "aiohttp", "remote"),
        ("memory://a.csv", "fsspec", "remote"),
    ],
)
def test_a_library_that_is_not_there_is_named_with_its_extra(url, library, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError) as raised:
        open_table(url)
    assert str(raised.value) == (
        f"{url}: {library} is not installed, and this needs it: "
        f'run  pip install "ktrain-sentiment[{extra}]"'
    )


def test_an_unknown_kind_of_place_is_one_line():
    with pytest.raises(DataError, match=r"nosuch://a.csv: cannot be used: Protocol not known"):
        open_table("nosuch://a.csv")


def test_bytes_in_memory_are_read_as_often_as_needed():
    table = open_table(io.BytesIO(CONTENT), ReadOptions(format="csv"))
    for _ in range(2):
        assert [text for batch in table.batches(1) for text in batch.values("text")] == TEXTS


def test_an_encrypted_archive_and_a_damaged_one_are_one_line(tmp_path, both):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", CONTENT)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1  # The flag that says: encrypted.
    (tmp_path / "locked.zip").write_bytes(content)
    assert "locked.zip: is encrypted" in both(tmp_path / "locked.zip").refusal
    (tmp_path / "cut.zip").write_bytes(content[:60])
    assert (
        "cut.zip: cannot be read, it may be damaged or cut off"
        in both(tmp_path / "cut.zip").refusal
    )


def test_a_named_pipe_is_read_like_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[CONTENT]).start()
    assert predicted(tmp_path / "pipe").texts == TEXTS
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[CONTENT]).start()
    assert trained(tmp_path / "pipe").texts == TEXTS
