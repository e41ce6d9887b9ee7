"""Folders of Parquet files, portion by portion: what is planned, redone and refused."""

import io
import shutil
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ktrain_sentiment.errors import ConfigError, DataError, MissingExtraError
from ktrain_sentiment.scale.jobs import Job, do_portion, gather, left, plan, run_job
from ktrain_sentiment.scale.worker import Scoring

SCORING = Scoring(column="text", labels=("negative", "positive"))


def rows_of(folder):
    files = sorted(folder.rglob("*.parquet"))
    return pa.concat_tables([pq.ParquetFile(file).read() for file in files])


def test_a_large_file_is_taken_apart_and_hidden_files_are_overlooked(source, tmp_path):
    portions = plan(source, tmp_path / "out", rows=250)
    assert [(p.target.rpartition("/out/")[2], p.first, p.last) for p in portions] == [
        ("day=1/a-00000-of-00003.parquet", 1, 250),
        ("day=1/a-00001-of-00003.parquet", 251, 500),
        ("day=1/a-00002-of-00003.parquet", 501, 600),
        ("day=2/b.parquet", 1, 6),
    ]
    with pytest.raises(DataError, match="no Parquet file"):
        plan(tmp_path / "out", tmp_path / "other")


def test_two_files_whose_outputs_would_be_one_are_refused(source, tmp_path):
    part = source / "day=1" / "a-00001-of-00003.parquet"
    shutil.copyfile(source / "day=2" / "b.parquet", part)
    with pytest.raises(DataError, match=r"a-00001-of-00003.parquet would be written twice.*rename"):
        plan(source, tmp_path / "out", rows=250)


def test_portions_together_are_the_whole(source, tmp_path, classifier, reviews, answers):
    portions = plan(source, tmp_path / "out", rows=250)
    reports = [do_portion(one, SCORING, classifier, {}) for one in portions]
    report, errors = gather(reports)
    assert (report.rows, report.scored, report.bad, errors) == (606, 603, 3, [])
    assert set(report.labels) == {"negative", "positive"}
    assert report.labels.total() == 603
    scored = rows_of(tmp_path / "out" / "day=1")
    assert scored["id"].to_pylist() == list(range(600))
    found = zip(scored["predicted"].to_pylist(), scored["probability"].to_pylist(), strict=True)
    assert list(found) == answers([text for text, _ in reviews])
    poisoned = rows_of(tmp_path / "out" / "day=2")
    assert poisoned["problem"].to_pylist()[2] == "holds bytes as 'text' that are not valid UTF-8"
    assert poisoned["predicted"].null_count == 3


def test_folders_in_s3_are_scored_portion_by_portion_and_gone_on_with(
    s3, source, tmp_path, classifier
):
    for file in source.rglob("*.parquet"):
        s3.put(f"in/{file.relative_to(source).as_posix()}", file.read_bytes())
    here, out = Path("s3://reviews/in"), Path("s3://reviews/out")
    portions = plan(here, out, rows=250)
    assert [(p.source, p.target, p.last) for p in portions][2:] == [
        ("s3://reviews/in/day=1/a.parquet",
         "s3://reviews/out/day=1/a-00002-of-00003.parquet", 600),
        ("s3://reviews/in/day=2/b.parquet", "s3://reviews/out/day=2/b.parquet", 6),
    ]  # fmt: skip
    assert left(portions, out, {"engine": "int8"}, resume=False) == portions
    for one in portions[:3]:
        do_portion(one, SCORING, classifier, {})
    missing = left(portions, out, {"engine": "int8"}, resume=True)
    assert missing == portions[3:]
    with pytest.raises(ConfigError, match="s3://reviews/out: has portions already; add --resume"):
        left(portions, out, {"engine": "int8"}, resume=False)
    with pytest.raises(ConfigError, match="was made with another engine"):
        left(portions, out, {"engine": "fp32"}, resume=True)
    report, errors = gather([do_portion(one, SCORING, classifier, {}) for one in missing])
    assert (report.rows, report.scored, errors) == (6, 3, [])
    assert len([key for key in s3.names() if key.startswith("out/day=")]) == 4
    rows = pq.read_table(io.BytesIO(s3.get("out/day=1/a-00000-of-00003.parquet")))
    assert rows["id"].to_pylist() == list(range(250))
    with pytest.raises(DataError, match="s3://reviews/none: no such file"):
        plan(Path("s3://reviews/none"), out)


def test_a_file_that_is_none_costs_nothing_but_itself(source, tmp_path, classifier):
    (source / "day=2" / "b.parquet").write_bytes(b"PAR1, half a file")
    reports = [do_portion(one, SCORING, classifier, {}) for one in plan(source, tmp_path / "out")]
    report, errors = gather(reports)
    assert report.rows == 600
    assert len(errors) == 1
    assert "b.parquet: not a whole Parquet file" in errors[0]


def test_a_job_goes_on_with_what_is_missing(source, tmp_path, classifier):
    out = tmp_path / "out"
    portions = plan(source, out, rows=250)
    assert left(portions, out, {"engine": "int8"}, resume=False) == portions
    for one in portions[:2]:
        do_portion(one, SCORING, classifier, {})
    assert left(portions, out, {"engine": "int8"}, resume=True) == portions[2:]
    with pytest.raises(ConfigError, match="add --resume"):
        left(portions, out, {"engine": "int8"}, resume=False)
    with pytest.raises(ConfigError, match="was made with another engine"):
        left(portions, out, {"engine": "fp32"}, resume=True)
    frame = pd.DataFrame({"id": [1], "text": ["new"]})
    frame.to_parquet(source / "day=1" / "a.parquet")
    with pytest.raises(ConfigError, match="was changed after"):
        left(portions, out, {"engine": "int8"}, resume=True)


def test_a_job_from_before_costs_were_known_goes_on_without_them(source, tmp_path):
    out = tmp_path / "out"
    portions = plan(source, out)
    left(portions, out, {"engine": "int8"}, resume=False)
    assert left(portions, out, {"engine": "int8", "--costs": []}, resume=True) == portions
    with pytest.raises(ConfigError, match="was made with another --costs"):
        left(portions, out, {"engine": "int8", "--costs": ["negative:=5"]}, resume=True)


def test_a_folder_of_someone_else_is_not_written_to(source, tmp_path):
    shutil.copytree(source, tmp_path / "out")
    with pytest.raises(ConfigError, match="is not empty"):
        left(plan(source, tmp_path / "out"), tmp_path / "out", {}, resume=False)


@pytest.mark.parametrize(("cluster", "module"), [("spark", "pyspark"), ("ray", "ray")])
def test_what_is_not_installed_is_named_with_its_command(
    monkeypatch, source, predictor, tmp_path, cluster, module
):
    monkeypatch.setitem(sys.modules, module, None)
    job = Job(source=source, target=tmp_path / "out", predictor=predictor)
    with pytest.raises(MissingExtraError, match=rf'pip install "ktrain-sentiment\[{cluster}\]"'):
        run_job(cluster, job)
    assert not (tmp_path / "out").exists()
