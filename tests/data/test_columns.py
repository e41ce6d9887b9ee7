"""Which column is which: by name, by content, or a question with the candidates."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.reading import read_frame
from ktrain_sentiment.errors import DataError

SENTENCES = [f"this is the {k} review of {k * 7} in all" for k in range(12)]


def table(header, *columns):
    lines = [",".join(map(str, cells)) for cells in zip(*columns, strict=True)]
    return "\n".join([header, *lines]) + "\n"


LABELS = ["good", "bad"] * 6


def test_known_names_are_found_whatever_their_case(write, read):
    found = read(write("a.csv", table("Review Text,SENTIMENT", SENTENCES, LABELS)))
    assert (found.text_column, found.label_column) == ("Review Text", "SENTIMENT")
    assert "texts from column 'Review Text' and labels from column 'SENTIMENT'" in found.notes


def test_unknown_names_are_found_by_their_content(write, read):
    found = read(write("a.csv", table("n,verbatim,verdict", range(12), SENTENCES, LABELS)))
    assert (found.text_column, found.label_column) == ("verbatim", "verdict")


def test_the_plainest_name_wins_over_others(write, read):
    content = table("text,headline,label,score", SENTENCES, SENTENCES, LABELS, LABELS)
    found = read(write("a.csv", content))
    assert (found.text_column, found.label_column) == ("text", "label")


def test_two_columns_of_texts_are_a_question(write, read):
    path = write("a.csv", table("headline,body,label", SENTENCES, SENTENCES, LABELS))
    with pytest.raises(DataError) as refused:
        read(path)
    assert str(refused.value) == (
        f"{path}: more than one column could hold the texts: 'body' or 'headline'; "
        "choose one with --text-column"
    )
    assert read(path, text_column="body").text_column == "body"


def test_two_columns_of_labels_are_a_question(write, read):
    path = write("a.csv", table("text,stars,sentiment", SENTENCES, LABELS, LABELS))
    with pytest.raises(DataError, match="'sentiment' or 'stars'; choose one with --label-column"):
        read(path)


@pytest.mark.parametrize(
    ("header", "also"),
    [
        ("text,label,stars", " ('stars' could hold them, too: --label-column stars)"),
        ("text,stars,verdict", " ('verdict' could hold them, too: --label-column verdict)"),
        ("text,label,id", ""),
    ],
)
def test_a_column_that_could_be_meant_as_well_is_named(write, read, header, also):
    others = range(12) if header.endswith("id") else LABELS
    found = read(write("a.csv", table(header, SENTENCES, LABELS, others)))
    label = header.split(",")[1]
    assert f"texts from column 'text' and labels from column {label!r}{also}" in found.notes


def test_a_score_of_many_values_is_no_label(write, read):
    path = write("a.csv", table("text,score,verdict", SENTENCES * 6, range(72), LABELS * 6))
    assert read(path, duplicates="keep").label_column == "verdict"


def test_a_column_that_does_not_exist_is_answered_with_those_that_do(write, read):
    path = write("a.csv", table("review,label", SENTENCES, LABELS))
    with pytest.raises(DataError) as refused:
        read(path, text_column="reveiw")
    assert str(refused.value) == (
        f"{path}: there is no column 'reveiw' for the texts; columns: 'review', 'label'; "
        "did you mean 'review'?"
    )


def test_one_column_for_both_is_refused(write, read):
    path = write("a.csv", table("review,label", SENTENCES, LABELS))
    with pytest.raises(DataError, match="'label' is named as the column of texts and of labels"):
        read(path, text_column="label", label_column="label")


def test_a_table_of_one_column_says_what_is_missing(write, read):
    with pytest.raises(DataError, match="there is one column only, 'text'; wanted one of texts"):
        read(write("a.csv", "text\nfine\nbad\n"))


def test_no_column_of_texts_is_said_with_all_columns(write, read):
    with pytest.raises(DataError, match="no column looks like texts; columns: 'a', 'b'"):
        read(write("a.csv", table("a,b", range(12), LABELS)))


def test_columns_with_our_names_are_kept_under_others(write, read):
    path = write("a.csv", table("text,row,review,verdict", LABELS, range(12), SENTENCES, LABELS))
    found = read(path, text_column="review", label_column="verdict")
    assert found.frame["text"].tolist() == SENTENCES
    assert found.frame["source_text"].tolist() == LABELS
    assert found.frame["source_row"].tolist() == [str(k) for k in range(12)]


def nested(k, **more):
    return {"id": k, "review": {"body": SENTENCES[k], "stars": 1 + k % 5, **more}}


def lines_of(records):
    return "\n".join(map(json.dumps, records))


NESTED = lines_of([nested(k, tags=["a", "b"]) for k in range(12)])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "list.json", "a.parquet", "frame"])
def test_fields_of_objects_are_columns(write, read, tmp_path, name):
    records = [json.loads(line) for line in NESTED.splitlines()]
    if name == "frame":
        found = read_frame(pd.DataFrame(records), DataConfig(duplicates="keep"), "frame")
    elif name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(records), tmp_path / name)
        found = read(tmp_path / name, duplicates="keep")
    else:
        content = json.dumps(records) if name == "list.json" else NESTED
        found = read(write(name, content), duplicates="keep")
    assert (found.text_column, found.label_column) == ("review.body", "review.stars")
    assert found.frame["text"].tolist() == SENTENCES
    assert set(found.frame["label"]) == set("12345")


def test_fields_of_objects_can_be_named_however_deep(write, read):
    rows = [
        {"a": {"b": {"c": s, "d": v}}, "tag": v} for s, v in zip(SENTENCES, LABELS, strict=True)
    ]
    path = write("a.jsonl", lines_of(rows))
    found = read(path, text_column="a.b.c", label_column="a.b.d", duplicates="keep")
    assert found.frame["label"].tolist() == LABELS
    with pytest.raises(DataError) as refused:
        read(path, text_column="a.b.e")
    assert "columns: 'a.b', 'a.b.c', 'a.b.d', 'tag'; did you mean" in str(refused.value)


@pytest.mark.parametrize("name", ["a.jsonl", "list.json", "a.parquet", "frame", "a*.jsonl"])
def test_a_named_field_is_found_however_late_it_comes(write, read, tmp_path, name):
    bare = [
        {"id": k, "note": None, "review": {"body": f"{s} {k}"}}
        for k in range(50)
        for s in SENTENCES
    ]
    rows = bare + [{"id": k, "note": {"kind": v}, "review": {"body": s, "stars": 1 + k % 5}}
                   for k, (s, v) in enumerate(zip(SENTENCES, LABELS, strict=True))]  # fmt: skip
    asked = {"text_column": "review.body", "duplicates": "keep"}
    for label, kinds in (("review.stars", set("12345")), ("note.kind", set(LABELS))):
        if name == "frame":
            config = DataConfig(**asked, label_column=label)
            found = read_frame(pd.DataFrame(rows), config, "frame")
        elif name == "a.parquet":
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
            found = read(tmp_path / name, **asked, label_column=label)
        else:
            write(
                name.replace("*", "1"), json.dumps(rows) if name == "list.json" else lines_of(rows)
            )
            if "*" in name:
                write("a2.jsonl", lines_of(bare[:3]))
            found = read(tmp_path / name, **asked, label_column=label)
        assert found.frame["text"].tolist() == SENTENCES
        assert set(found.frame["label"]) == kinds


def test_several_labels_can_be_fields_of_objects(write, read):
    rows = [{"text": s, "is": {"joy": k % 2, "fear": k % 3 // 2}} for k, s in enumerate(SENTENCES)]
    found = read(write("a.jsonl", lines_of(rows)), label_column="is.joy,is.fear", task="multi")
    assert set(found.frame["label"]) == {"", "is.joy", "is.fear", "is.fear|is.joy"}


def test_objects_and_lists_that_nobody_asked_for_are_no_matter(write, read):
    rows = [
        {"text": s, "verdict": v, "rating": {"by": k % 2}, "tags": ["x"]}
        for k, (s, v) in enumerate(zip(SENTENCES, LABELS, strict=True))
    ]
    found = read(write("a.jsonl", lines_of(rows)), duplicates="keep")
    assert (found.text_column, found.label_column) == ("text", "verdict")


def test_what_stands_in_the_row_itself_comes_before_what_an_object_holds(write, read):
    rows = [{**nested(k), "text": SENTENCES[k], "label": LABELS[k]} for k in range(12)]
    found = read(write("a.jsonl", lines_of(rows)), duplicates="keep")
    assert (found.text_column, found.label_column) == ("text", "label")


def test_two_fields_that_could_hold_the_labels_are_a_question(write, read):
    path = write("a.jsonl", lines_of([nested(k, polarity=LABELS[k]) for k in range(12)]))
    with pytest.raises(DataError, match=r"'review\.stars' or 'review\.polarity'; choose one with"):
        read(path)


def test_files_of_a_pattern_share_the_fields_of_their_objects(write, read, tmp_path):
    write("x1.jsonl", lines_of([nested(k) for k in range(6)]))
    write("x2.jsonl", lines_of([{"id": 6, "review": None}, *map(nested, range(7, 12))]))
    found = read(tmp_path / "x*.jsonl", duplicates="keep")
    assert len(found.frame) == 11


@pytest.mark.parametrize(
    "name", ["c{}", "name_of_a_column_that_is_as_long_as_joins_of_tables_make_them_at_times_{}"]
)
def test_a_question_about_many_columns_fits_a_screen(write, read, name):
    names = [name.format(k) for k in range(500)]
    rivals = pd.DataFrame({"text": SENTENCES} | dict.fromkeys(names, LABELS))
    numbers = pd.DataFrame(dict.fromkeys(names, range(12)))
    for frame, said in ((rivals, "more than one column could hold the labels"),
                        (numbers, "no column looks like texts")):  # fmt: skip
        with pytest.raises(DataError, match=f"{said}.* and 480 more; choose one with") as refused:
            read(write("a.csv", frame.to_csv(index=False)))
        assert len(str(refused.value)) < 1600


@pytest.mark.parametrize("cell", [["a good film", "positive"], {"hits": [["a good film"]]}])
def test_one_column_of_lists_is_not_answered_with_a_delimiter(write, read, cell):
    rows = "".join(json.dumps({"messages": cell}) + "\n" for _ in range(4))
    with pytest.raises(DataError) as refused:
        read(write("chat.jsonl", rows))
    assert str(refused.value).endswith(
        "chat.jsonl: there is one column only, 'messages', which holds lists or objects; wanted "
        "one of texts and one of labels: give each a field of its own in every record"
    )
