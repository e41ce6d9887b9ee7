"""Columns of strings on disk are to pandas what they are in memory."""

import gc
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrain_sentiment import diskarrays
from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import (
    at_rest,
    frames,
    keep_rows,
    read_labelled,
    read_rows,
    similar,
    split,
)
from ktrain_sentiment.data.checks import check_rows
from ktrain_sentiment.data.frames import collect
from ktrain_sentiment.data.repeats import check_splits
from ktrain_sentiment.tables import open_table


@pytest.fixture(params=["in memory", "on disk"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Nothing is long, or everything."""
    if request.param == "on disk":
        monkeypatch.setattr(diskarrays, "LEAST", -1)
        monkeypatch.setattr(at_rest, "PORTION", 3)
    return str(request.param)


PORTIONS = st.lists(st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=4), max_size=4)


@given(PORTIONS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_column_holds_what_was_added(where: str, portions: list[list[str | None]]) -> None:
    wanted = [value for portion in portions for value in portion]
    column = at_rest.strings_of(portions)
    assert column.dtype == "str"
    assert [value for part in at_rest.in_portions(column) for value in part] == wanted, where
    assert column.isna().tolist() == [value is None for value in wanted]
    assert at_rest.asked_of_each(column, lambda one: one is None).tolist() == column.isna().tolist()


@pytest.mark.usefixtures("where")
def test_rows_are_taken_in_any_order_and_more_than_once() -> None:
    texts = at_rest.strings_of([["a", "bb", None], ["", "ccc"]])
    frame = pd.DataFrame({"text": texts, "number": np.arange(5)}).set_axis(list("vwxyz"))
    assert frame["text"].dtype == "str"
    taken = at_rest.take_rows(frame, np.array([4, 0, 2, 2, 3]))
    assert taken.index.tolist() == [0, 1, 2, 3, 4]
    assert taken["number"].tolist() == [4, 0, 2, 2, 3]
    assert taken["text"].where(taken["text"].notna(), "-").tolist() == ["ccc", "a", "-", "-", ""]
    assert len(at_rest.take_rows(frame, np.empty(0, np.int64))) == 0


def test_a_column_outlives_the_one_it_was_taken_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diskarrays, "LEAST", -1)
    taken = at_rest.take_rows(
        pd.DataFrame({"text": at_rest.strings_of([["a", "b"]])}), np.arange(2)
    )
    gc.collect()
    assert taken["text"].tolist() == ["a", "b"]


def test_nothing_of_it_stays_in_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path))
    monkeypatch.setattr(diskarrays, "LEAST", -1)
    assert at_rest.strings_of([["a"]]).tolist() == ["a"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_data_on_disk_are_divided_as_they_are_in_memory(
    reviews_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DataConfig(data=str(reviews_csv), cleaning=("spaces",))
    in_memory = split(read_labelled(config), SplitConfig())
    monkeypatch.setattr(diskarrays, "LEAST", -1)
    monkeypatch.setattr(at_rest, "PORTION", 7)
    on_disk = split(read_labelled(config), SplitConfig())
    assert on_disk.fingerprint == in_memory.fingerprint
    for name, frame in in_memory.frames().items():
        pd.testing.assert_frame_equal(on_disk.frames()[name], frame)


def test_checks_of_data_on_disk_find_what_they_find_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "the plot of film number {} was kind and the cast was calm"
    texts = [sentence.format(k) for k in range(40)]
    texts += [texts[3], texts[4].upper(), f"{texts[5]} indeed", "<b>HTML</b> &amp; so on", " "]
    frame = pd.DataFrame({"text": texts, "label": ["good", "bad", "bad"] * 15})
    frame.to_parquet(tmp_path / "rows.parquet")
    config = DataConfig(data=str(tmp_path / "rows.parquet"))

    def found() -> list[object]:
        rows = read_rows(config)
        return [*check_rows(rows), *check_splits(split(keep_rows(rows), SplitConfig(test=0.2)))]

    in_memory = found()
    monkeypatch.setattr(diskarrays, "LEAST", -1)
    monkeypatch.setattr(at_rest, "PORTION", 7)
    monkeypatch.setattr(similar, "PORTION", 5)
    assert found() == in_memory
    assert len(in_memory) >= 6


@pytest.mark.usefixtures("where")
def test_a_column_that_turns_out_to_hold_numbers_keeps_them(tmp_path: Path) -> None:
    rows = [{"a": "x", "b": None}, {"a": None, "b": None}, {"a": 3, "b": None}, {"a": "y", "b": 1}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = collect(open_table(str(path)))
    assert found.frame["a"].tolist() == ["x", None, 3, "y"]
    assert found.rows.tolist() == [1, 2, 3, 4]


@pytest.mark.usefixtures("where")
@given(
    st.lists(
        st.lists(st.sampled_from(["x", "", None, 1, -7, 2**63, 2**63 - 1, 0.5, True]), max_size=3),
        max_size=5,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_values_of_any_kind_are_kept_as_pandas_would(portions: list[list[object]]) -> None:
    wanted = pd.Series([one for part in portions for one in part], dtype=object).infer_objects()
    with frames._Values() as column:
        for part in portions:
            column.take(list(part))
        found = column.column()
    pd.testing.assert_series_equal(found, wanted)


@pytest.mark.usefixtures("where")
def test_some_rows_are_all_where_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"text": at_rest.strings_of([["a", "b", "c", "d", "e"]])})
    assert len(at_rest.some_rows(frame)) == 5
    monkeypatch.setattr(at_rest, "MOST_LOOKED_AT", 2)
    assert at_rest.some_rows(frame)["text"].tolist() == ["a", "d"]
