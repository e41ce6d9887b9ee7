"""Scoring a table: its column of texts, bad rows, and what is remembered of the training."""

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import is_prepared, read_labelled, split, write_splits
from ktrain_sentiment.errors import ConfigError, DataError, PredictorError
from ktrain_sentiment.evaluation.mistake_costs import MistakeCosts
from ktrain_sentiment.inference.scoring import (
    ScoreOptions,
    ScoreReport,
    added_columns,
    new_columns,
    open_text_table,
    output_schema,
    score,
    score_batch,
    score_rows,
    texts_of,
)
from ktrain_sentiment.prediction import Prediction
from ktrain_sentiment.tables import Batch, Problem, ReadOptions, open_texts
from ktrain_sentiment.tables.outputs import open_output
from ktrain_sentiment.tasks import CLASSES
from support.process import run_code


class Shouting:
    """A classifier to whom everything that ends in ! is loud."""

    labels = ("calm", "loud")

    def predict(self, texts):
        return [
            Prediction("loud", 0.9, {"calm": 0.1, "loud": 0.9})
            if text.endswith("!")
            else Prediction("calm", 0.6, {"calm": 0.6, "loud": 0.4})
            for text in texts
        ]


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


BODY = "text,body,label\n" + "".join(
    f"ticket {k} from the form,a text of number {k},{'good' if k % 2 else 'bad'}\n"
    for k in range(40)
)


def remembered(path: Path, **flags: object) -> dict[str, object]:
    """How a training on a file says that it was read, after JSON as in a manifest."""
    splits = split(read_labelled(DataConfig(data=str(path), **flags)), SplitConfig())
    return json.loads(json.dumps(dict(splits.table)))


# What training remembers


def test_the_column_of_the_training_is_taken_where_the_table_has_it_and_said(tmp_path):
    path = write(tmp_path / "tickets.csv", BODY)
    trained = remembered(path, text_column="body")
    source = open_text_table(path, trained=trained)
    assert source.column == "body"
    assert "texts from column 'body' as in training" in source.table.notes
    assert open_text_table(path, text_column="text", trained=trained).column == "text"
    other = write(tmp_path / "other.csv", "text,id\na fine film,1\n")
    source = open_text_table(other, trained=trained)
    assert source.column == "text"
    assert "texts from column 'text' (trained on 'body')" in source.table.notes


def test_an_evaluation_takes_the_columns_of_the_training_too(tmp_path):
    path = write(tmp_path / "tickets.csv", BODY)
    found = read_labelled(DataConfig(data=str(path)), remembered(path, text_column="body"))
    assert found.text_column == "body"
    assert "texts from column 'body' as in training" in " ".join(found.notes)
    assert read_labelled(DataConfig(data=str(path))).text_column == "text"


def test_labels_alone_are_not_taken_for_texts(tmp_path):
    remembered = {"text_column": "body", "label_column": "label"}
    labels = write(tmp_path / "labels.csv", "label\ngood\nbad\n")
    with pytest.raises(DataError, match="one column only, 'label', that of the labels; wanted one"):
        open_text_table(labels, trained=remembered)
    assert open_text_table(labels, text_column="label", trained=remembered).column == "label"
    texts = write(tmp_path / "texts.csv", "words\ngood\nbad\n")
    assert open_text_table(texts, trained=remembered).column == "words"


def test_names_given_to_a_training_table_without_header_name_its_likes(tmp_path):
    rows = "".join(f'"{k % 2}","a text, of number {k}"\n' for k in range(40))
    path = write(tmp_path / "yelp.csv", rows)
    trained = remembered(path, columns=("label", "text"))
    assert trained["columns"] == ["label", "text"]
    assert trained["header"] is False
    source = open_text_table(path, trained=trained)
    [batch] = source.table.batches()
    assert (source.column, len(batch)) == ("text", 40)
    with pytest.raises(DataError, match="the first line looks like a row"):
        open_text_table(path)


def test_quotes_that_can_be_read_in_two_ways_are_read_as_in_training(tmp_path):
    rows = "".join(f"a phrase of number {k}\t{k % 2}\n" for k in range(40))
    rows = rows.replace("a phrase of number 4\t", '"a phrase\t').replace("number 9\t", 'nine"\t')
    path = write(tmp_path / "rotten.tsv", f"text\tlabel\n{rows}")
    with pytest.raises(DataError, match="can be read in two ways"):
        open_text_table(path)
    source = open_text_table(path, trained=remembered(path, quoting="no"))
    assert sum(map(len, source.table.batches())) == 40


def test_a_prepared_folder_hands_on_how_its_source_was_read(tmp_path):
    path = write(tmp_path / "tickets.csv", BODY)
    texts = read_labelled(DataConfig(data=str(path), text_column="body"))
    (tmp_path / "prepared").mkdir()
    write_splits(split(texts, SplitConfig()), tmp_path / "prepared")
    assert is_prepared(tmp_path / "prepared")
    again = split(read_labelled(DataConfig(data=str(tmp_path / "prepared"))), SplitConfig())
    assert again.table["text_column"] == "body"


@pytest.mark.parametrize(
    "trained", [{}, {"text_column": 5, "columns": "ab", "header": False, "quoting": ["no"]}]
)
def test_a_folder_that_remembers_nothing_or_nonsense_does_no_harm(tmp_path, trained):
    path = write(tmp_path / "tickets.csv", BODY)
    assert open_text_table(path, trained=trained).column == "text"


def test_lines_from_a_pipe_are_read_without_pandas_and_pyarrow():
    done = run_code(
        """
        import os, sys
        from ktrain_sentiment.inference.scoring import open_text_table, texts_of
        reading, writing = os.pipe()
        os.write(writing, b"one\\ntwo\\n")
        os.close(writing)
        source = open_text_table(os.fdopen(reading, "rb"))
        print([texts_of(batch, source.column)[0] for batch in source.table.batches()])
        print([name for name in ("pandas", "pyarrow", "sklearn") if name in sys.modules])
        """
    )
    assert done.stdout.splitlines() == ["[['one', 'two']]", "[]"], done.stderr


# A batch in, a batch with predictions out


def test_a_batch_gets_its_predictions_and_bad_rows_get_none():
    batch = Batch(
        [4, 5, 6, 7],
        [{"t": "hey!"}, {"t": "raw"}, {"t": "  "}, {"t": 12.0}],
        {1: Problem("is damaged")},
    )
    names = added_columns(Shouting.labels)
    scored = score_batch(batch, "t", Shouting(), names, abstain_below=0.7)
    assert [row["predicted"] for row in scored.rows] == ["loud", None, None, None]
    assert [row["probability"] for row in scored.rows] == [0.9, None, None, 0.6]
    assert {k: str(p) for k, p in scored.problems.items()} == {
        1: "is damaged", 2: "has no text in column 't'",
    }  # fmt: skip


class Foreign(Shouting):
    """Knows no word of what it is asked."""

    def predict(self, texts):
        return [replace(one, label="", unknown=True) for one in super().predict(texts)]


class Careful(Shouting):
    """The same where it costs five to call what is loud calm."""

    task = MistakeCosts.parse("loud:calm=5", CLASSES, Shouting.labels).deciding

    def predict(self, texts):
        return [replace(one, label="loud", probability=one.probabilities["loud"])
                for one in super().predict(texts)]  # fmt: skip


def test_where_mistakes_are_weighed_the_expected_cost_of_the_answer_is_written():
    batch = Batch(range(1, 4), [{"text": text} for text in ("Yes!", "no", None)])
    names = added_columns(Careful.labels, "new_", Careful.task)
    assert names[:3] == ("new_predicted", "new_probability", "new_expected_cost")
    rows = score_batch(batch, "text", Careful(), names, 0.5).rows
    assert [row["new_predicted"] for row in rows] == ["loud", None, None]
    assert [row["new_probability"] for row in rows] == [0.9, 0.4, None]
    assert [row["new_expected_cost"] for row in rows] == [0.1, 0.6, None]
    source = open_text_table(io.BytesIO(b"a text\nanother\n"))
    schema = output_schema(source, names, Careful.task)
    assert schema.shown == (*names[:3], "text")


def test_rows_without_a_known_word_are_counted_and_get_no_label(tmp_path):
    source = open_text_table(write(tmp_path / "a.csv", "text\nhey!\nraw\n"))
    schema = output_schema(source, added_columns(Foreign.labels))
    output = open_output(tmp_path / "scored.csv", "csv", schema, {})
    report = score(source, Foreign(), output, ScoreOptions())
    assert (report.unknown, report.abstained, dict(report.labels)) == (2, 0, {})
    scored = pd.read_csv(tmp_path / "scored.csv")
    assert scored["predicted"].isna().all()
    assert scored["p_loud"].notna().all()


def test_an_arrow_batch_stays_one(tmp_path):
    pd.DataFrame({"text": ["hey!", None], "n": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    source = open_text_table(tmp_path / "a.parquet")
    [batch] = source.table.batches()
    scored = score_batch(batch, source.column, Shouting(), added_columns(Shouting.labels))
    assert scored.rows.column_names == ["text", "n", "predicted", "probability", "p_calm", "p_loud"]
    assert scored.rows["predicted"].to_pylist() == ["loud", None]


def test_a_string_of_parquet_that_is_no_utf_8_spoils_no_other(tmp_path):
    broken = pa.array([b"hey!", b"\xff\xfe", None], pa.binary()).view(pa.string())
    table = pa.table({"text": broken, "kind": broken.dictionary_encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    source = open_text_table(tmp_path / "a.parquet", text_column="text")
    [batch] = source.table.batches()
    scored = score_batch(batch, "text", Shouting(), added_columns(Shouting.labels, problems=True))
    assert scored.rows["predicted"].to_pylist() == ["loud", None, None]
    assert scored.rows["problem"].to_pylist() == [
        None, "holds bytes as 'text' that are not valid UTF-8", "has no text in column 'text'",
    ]  # fmt: skip
    assert batch.records()[1] == {"text": b"\xff\xfe", "kind": b"\xff\xfe"}


class Choking(Shouting):
    """Cannot stand one word."""

    def predict(self, texts):
        if any("bone" in text for text in texts):
            raise PredictorError("the tokenizer cannot be used")
        return super().predict(texts)


def test_a_text_that_the_model_refuses_spoils_no_other():
    rows = pa.table({"t": ["hey!", "a bone", None, "so so", "hey!"]})
    names = added_columns(Choking.labels, problems=True)
    scored = score_rows(rows, "t", Choking(), names)
    assert scored["predicted"].to_pylist() == ["loud", None, None, "calm", "loud"]
    assert scored["problem"].to_pylist()[1] == "the tokenizer cannot be used"
    alone = score_rows(rows.slice(1, 1), "t", Choking(), names)
    assert alone.schema == scored.schema


def test_values_that_are_no_texts_are_spelled_as_in_training():
    batch = Batch([1, 2, 3], [{"t": True}, {"t": 10.0}, {"t": ["a"]}])
    texts, problems = texts_of(batch, "t")
    assert texts == ["true", "10", None]
    assert str(problems[2]) == "holds a list as 't', wanted text"


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "txt"])
def test_a_field_of_an_object_is_scored_and_its_row_written_as_it_came(tmp_path, name, form):
    rows = [{"id": 1, "review": {"body": "wow!", "stars": 4}}, {"id": 2, "review": None}]
    path = tmp_path / name
    write(path, "\n".join(map(json.dumps, rows)))
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    source = open_text_table(path, trained={"text_column": "review.body"})
    names = new_columns(source.table, Shouting.labels, ScoreOptions())
    out = tmp_path / f"out.{form}"
    output = open_output(out, form, output_schema(source, names), {})
    score(source, Shouting(), output, ScoreOptions())
    if form == "txt":
        assert out.read_text() == "loud\t0.9\twow!\n\t\t\n"
        return
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}.get(form, pd.read_json)
    found = read(out, **({"lines": True} if form == "jsonl" else {}))
    assert list(found.columns) == ["id", "review", *names]
    assert found["predicted"].fillna("").tolist() == ["loud", ""]
    assert "wow!" in str(found["review"][0])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"bad": 1, "good": 1200}, "1,200 good, 1 bad"),
        ({"4": 240, "2": 2}, "4 (240), 2 (2)"),
        ({"4 stars": 3}, "4 stars (3)"),
        ({}, ""),
    ],
)
def test_labels_that_are_figures_are_told_from_their_counts(labels, said):
    assert ScoreReport(labels=Counter(labels)).counts() == said


def test_columns_that_are_there_already_are_not_overwritten(tmp_path):
    path = write(tmp_path / "scored.csv", "text,predicted\na,b\n")
    table = open_text_table(path, ReadOptions()).table
    with pytest.raises(ConfigError, match="has a column 'predicted' already"):
        new_columns(table, Shouting.labels, ScoreOptions())
    assert new_columns(table, Shouting.labels, ScoreOptions(prefix="new_"))[0] == "new_predicted"
    assert new_columns(open_texts(["a"]), Shouting.labels, ScoreOptions())[0] == "predicted"
