"""Arrays on disk are read where they lie, and leave nothing behind."""

from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment import diskarrays


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path))
    return tmp_path


def test_an_array_is_what_was_appended_and_outlives_its_file(cache: Path) -> None:
    with diskarrays.scratch_file() as file:
        array = diskarrays.Appended(np.uint16, file)
        array.add(np.array([1, 2], np.int64))
        array.add(np.empty(0, np.int64))
        array.add(np.array([65535]))
        whole = array.whole()
    diskarrays.let_go()
    assert whole.tolist() == [1, 2, 65535]
    assert not whole.flags.writeable
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("cache")
def test_nothing_appended_is_an_empty_array() -> None:
    with diskarrays.scratch_file() as file:
        assert diskarrays.Appended(np.int32, file).whole().tolist() == []


@pytest.mark.usefixtures("cache")
def test_long_arrays_settle_on_disk_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    short = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert diskarrays.settled(short) is short
    monkeypatch.setattr(diskarrays, "LEAST", 0)
    on_disk = diskarrays.settled(short.T)
    diskarrays.give_back()
    np.testing.assert_array_equal(on_disk, short.T)
    assert not on_disk.flags.writeable


def test_an_array_is_opened_from_a_file(tmp_path: Path) -> None:
    np.arange(3, dtype=np.int64).tofile(tmp_path / "numbers")
    assert diskarrays.opened(tmp_path / "numbers", np.int64).tolist() == [0, 1, 2]


def test_where_the_cache_cannot_be_written_the_system_has_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "file"))
    with diskarrays.scratch_file() as file:
        file.write(b"a")
