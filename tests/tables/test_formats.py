"""All the formats: the same rows come out of each."""

import bz2
import datetime
import gzip
import json
import lzma
import re
import zipfile

import pandas as pd
import pyarrow as pa
import pytest

from ktrain_sentiment.data.frames import plain_column
from ktrain_sentiment.errors import DataError
from support.workbook import Formula, write_workbook

ROWS = [("Loved it", "positive"), ("Hated it", "negative"), ("A joy", "positive")]
CSV = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)
RECORDS = [{"text": text, "label": label} for text, label in ROWS]


def pairs_of(found):
    return list(zip(found.frame["text"], found.frame["label"], strict=True))


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", lambda content: pa.compress(content, "zstd", asbytes=True)),
    ],
)
def test_compressed_text_is_read(write, read, suffix, compress):
    path = write(f"reviews.csv{suffix}", compress(CSV.encode()))
    assert pairs_of(read(path)) == ROWS


def test_a_cut_off_gzip_file_says_so(write, read):
    whole = gzip.compress(CSV.encode() * 500)
    with pytest.raises(DataError, match=r"cannot be read, it may be damaged or cut off"):
        read(write("reviews.csv.gz", whole[: len(whole) // 2]))


def test_a_file_that_only_claims_to_be_gzip_says_so(write, read):
    with pytest.raises(DataError, match=r"cannot be read, it may be damaged"):
        read(write("reviews.csv.gz", CSV))


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        json.dumps({"data": RECORDS, "version": 1}),
        json.dumps({"text": [t for t, _ in ROWS], "label": [n for _, n in ROWS]}),
        "\n".join(map(json.dumps, RECORDS)),
    ],
    ids=["list", "indented", "wrapped", "columns", "lines"],
)
def test_json_in_its_usual_shapes_is_read(write, read, content):
    assert pairs_of(read(write("reviews.json", content))) == ROWS


def test_json_lines_skip_empty_lines_and_count_all(write, read):
    found = read(write("reviews.jsonl", "\n\n".join(map(json.dumps, RECORDS))))
    assert pairs_of(found) == ROWS
    assert found.frame["row"].tolist() == [1, 3, 5]


def test_a_line_that_is_no_json_is_named(write, read):
    path = write("reviews.jsonl", json.dumps(RECORDS[0]) + "\n{'text': 'x'}\n")
    with pytest.raises(
        DataError, match=r"reviews.jsonl: line 2 is a Python dictionary, not JSON; write it"
    ):
        read(path)


def test_a_json_line_that_is_no_object_is_named(write, read):
    path = write("reviews.jsonl", json.dumps(RECORDS[0]) + '\n["x", "y"]\n')
    with pytest.raises(DataError, match="line 2 is a JSON list, wanted an object with fields"):
        read(path)


def test_a_field_given_twice_is_not_silently_lost(write, read):
    path = write("reviews.jsonl", '{"text": "a", "label": "x", "text": "b"}\n')
    with pytest.raises(DataError, match=r"line 1 has the field 'text' twice"):
        read(path)


def test_half_an_emoji_is_refused_by_its_line(write, read):
    path = write(
        "reviews.jsonl", '{"text": "fine", "label": "x"}\n{"text": "\\ud83d", "label": "y"}\n'
    )
    with pytest.raises(DataError, match="line 2 holds in field 'text' half a surrogate pair"):
        read(path)


def test_deeply_nested_json_is_refused_in_one_line(write, read):
    deep = "[" * 200_000 + "]" * 200_000
    for name in ("reviews.jsonl", "reviews.json"):
        with pytest.raises(DataError, match=f"{name}: .*record 1 is no JSON: nested too deeply"):
            read(write(name, deep))
    with pytest.raises(DataError, match="line 1 is nested too deeply to read"):
        read(write("reviews.jsonl", f'{{"text": {deep}}}\n'))
    with pytest.raises(DataError, match=r"reviews.json: .*nested too deeply"):
        read(write("reviews.json", f'{{"text": {deep}}}'))


def test_numbers_in_json_become_digits_and_are_counted(write, read):
    records = [
        {"text": 5, "label": 1},
        {"text": "ok", "label": 0},
        {"text": 2.5, "label": None},
        {"text": True, "label": 1},
        {"text": 2**60 + 1, "label": 0},
    ]
    found = read(write("reviews.jsonl", "\n".join(map(json.dumps, records))))
    assert pairs_of(found) == [("5", "1"), ("ok", "0"), ("true", "1"), (str(2**60 + 1), "0")]
    assert "4 texts are numbers or dates, taken as written: rows 1, 3, 4, 5" in found.notes


def test_a_text_that_is_an_object_is_refused_by_its_row(write, read):
    content = '[{"text": "a", "label": "x"}, {"text": {"en": "b"}, "label": "y"}]'
    with pytest.raises(DataError, match="row 2 holds an object as text, wanted text"):
        read(write("reviews.json", content))


def test_a_list_of_labels_is_joined(write, read):
    records = [{"text": "a", "label": ["happy", "sad"]}, {"text": "b", "label": ["happy"]},
               {"text": "c", "label": ["sad"]}]  # fmt: skip
    found = read(write("tweets.json", json.dumps(records)))
    assert found.frame["label"].tolist() == ["happy|sad", "happy", "sad"]


def test_parquet_keeps_types_and_gaps(tmp_path, read):
    path = tmp_path / "reviews.parquet"
    frame = pd.DataFrame(
        {
            "text": ["a", None, "c", "d"],
            "label": pd.array([1, 0, None, 0], dtype="Int64"),
            "stars": [5, 1, 2, 2],
            "when": pd.to_datetime(["2024-01-01"] * 4),
            "tags": [["x"], [], None, ["y", "z"]],
        }
    )
    frame.to_parquet(path)
    found = read(path)
    assert pairs_of(found) == [("a", "1"), ("d", "0")]
    assert found.frame["row"].tolist() == [1, 4]
    assert found.frame["stars"].tolist() == [5, 2]
    assert found.frame["tags"].tolist() == ['["x"]', '["y", "z"]']


def test_bytes_in_parquet_are_decoded_or_refused(tmp_path, read):
    path = tmp_path / "reviews.parquet"
    pd.DataFrame({"text": ["é".encode(), b"ok"], "label": ["a", "b"]}).to_parquet(path)
    assert read(path).frame["text"].tolist() == ["é", "ok"]
    pd.DataFrame({"text": [b"ok", b"\xff"], "label": ["a", "b"]}).to_parquet(path)
    with pytest.raises(DataError, match="row 2 holds bytes as text that are not valid UTF-8"):
        read(path)


def test_a_damaged_parquet_file_says_so(write, read):
    with pytest.raises(DataError, match="not a whole Parquet file"):
        read(write("reviews.parquet", b"PAR1 and then nothing of the kind"))


def test_excel_is_read_and_rows_are_those_of_the_sheet(tmp_path, read):
    rows = [[None, None], ["Reviews", "Sentiment"], *map(list, ROWS), [None, None], [5, "negative"]]
    found = read(write_workbook(tmp_path / "reviews.xlsx", {"Sheet1": rows}))
    assert pairs_of(found) == [*ROWS, ("5", "negative")]
    assert found.frame["row"].tolist() == [3, 4, 5, 7]
    assert "texts from column 'Reviews' and labels from column 'Sentiment'" in found.notes


def test_the_only_sheet_with_texts_and_labels_is_taken_and_said(tmp_path, read):
    sheets = {"About": [["made", "by"], [1, 2]], "Data": [["text", "label"], *map(list, ROWS)]}
    found = read(write_workbook(tmp_path / "reviews.xlsx", sheets))
    assert pairs_of(found) == ROWS
    assert "sheet 'Data'" in found.notes


def test_two_fitting_sheets_are_refused_until_one_is_named(tmp_path, read):
    data = [["text", "label"], *map(list, ROWS)]
    path = write_workbook(tmp_path / "reviews.xlsx", {"Old": data[:3], "New": data})
    with pytest.raises(DataError, match="several sheets have texts and labels: 'Old', 'New'"):
        read(path)
    assert len(read(path, sheet="New")) == 3
    with pytest.raises(DataError, match="there is no sheet 'Newer'; sheets: 'Old', 'New'"):
        read(path, sheet="Newer")


def test_dates_in_a_sheet_are_written_as_dates():
    days = pd.Series([datetime.date(2024, 1, 2), None, datetime.date(2024, 2, 3)], dtype=object)
    assert plain_column(days).tolist()[::2] == ["2024-01-02", "2024-02-03"]


def test_a_text_that_excel_cut_is_named(tmp_path, read):
    rows = [["text", "label"], ["x" * 32767, "positive"], ["ok", "negative"]]
    found = read(write_workbook(tmp_path / "reviews.xlsx", {"Sheet1": rows}))
    assert "Excel cut 1 text at 32,767 characters: row 2" in found.notes


@pytest.mark.parametrize("behind", ["", "<v></v>", "<v/>", "<v />"])
def test_formulas_that_nobody_computed_are_named(tmp_path, read, behind):
    rows = [["text", "stars", "label"]]
    rows += [[f"{text} {k}", k % 2, Formula('IF(B2<1,"a","b")', behind)]
             for k, (text, _) in enumerate(4 * ROWS)]  # fmt: skip
    path = write_workbook(tmp_path / "reviews.xlsx", {"Sheet1": rows})
    (said,) = (note for note in read(path).notes if "formula" in note)  # Labels are the stars.
    assert said.startswith("12 formulas without a value: cells C2, C3, C4,")
    with pytest.raises(
        DataError, match=r"no row is left .* 12 formulas .* open it in a spreadsheet"
    ):
        read(path, label_column="label")


def test_formulas_with_their_values_are_read(tmp_path, read):
    computed = [Formula("A1", f"<v>{label}</v>", "str") for _, label in ROWS]
    rows = [[text, label] for (text, _), label in zip(ROWS, computed, strict=True)]
    rows += [["empty as computed", Formula("A1", "<v></v>", "str")]]
    found = read(write_workbook(tmp_path / "a.xlsx", {"Sheet1": [["text", "label"], *rows]}))
    assert pairs_of(found) == ROWS
    assert not any("formula" in note for note in found.notes)


def test_the_last_cell_of_a_sheet_of_a_whole_megabyte_is_looked_at(tmp_path, read):
    def sized(letters):
        rows = [["text", "label"], *map(list, ROWS), ["x" * letters, "negative"]]
        path = write_workbook(tmp_path / "a.xlsx", {"Sheet1": [*rows, ["last", Formula("A1")]]})
        with zipfile.ZipFile(path) as archive:
            return path, archive.getinfo("xl/worksheets/rId1.xml").file_size

    path, size = sized((1 << 20) - sized(0)[1])
    assert size == 1 << 20
    assert any(note.startswith("1 formula without a value: cell B6;") for note in read(path).notes)


def test_a_damaged_workbook_says_so(write, read):
    with pytest.raises(DataError, match="not a readable workbook"):
        read(write("reviews.xlsx", b"PK\x03\x04 and then nothing"))


@pytest.mark.parametrize("splits", [(), ("train", "test")])
def test_folders_of_text_files_are_classes(write, read, tmp_path, splits):
    for split in splits or ("",):
        for label, texts in {
            "pos": ["Loved it<br />", "A joy"],
            "neg": ["Hated it", "Dull"],
        }.items():
            for number, text in enumerate(texts):
                write(f"imdb/{split}/{label}/{number}_7.txt", f"{text} {split}")
    write("imdb/train/unsup/0_0.txt", "who knows")
    write("imdb/README", "not a review")
    found = read(tmp_path / "imdb")
    assert found.counts == {
        "positive": 2 * max(len(splits), 1),
        "negative": 2 * max(len(splits), 1),
    }
    assert found.is_split == bool(splits)
    if splits:
        assert found.frame["split"].value_counts().to_dict() == {"train": 4, "test": 4}


def test_a_folder_with_a_file_for_each_split_is_divided_already(write, read, both, tmp_path):
    write("data/train.csv", "text,label\na,positive\nb,negative\n")
    write("data/dev.tsv", "text\tlabel\nc\tpositive\nd\tnegative\n")
    write("data/README.md", "not a table")
    found = read(tmp_path / "data")
    assert found.is_split
    assert list(zip(found.frame["text"], found.frame["split"], strict=True)) == [
        ("c", "validation"), ("d", "validation"), ("a", "train"), ("b", "train"),
    ]  # fmt: skip
    assert both(tmp_path / "data").texts == ["c", "d", "a", "b"]
    write("data/train.jsonl", '{"text": "e", "label": "positive"}')
    with pytest.raises(DataError, match=r"to read its files as one table, write"):
        read(tmp_path / "data")


def test_a_folder_of_tables_says_how_to_read_it(write, read, tmp_path):
    write("exports/one.csv", CSV)
    with pytest.raises(DataError, match=r'write "[^"]*exports/\*\.csv" with the quotes'):
        read(tmp_path / "exports")


def test_a_pattern_joins_files_and_says_where_rows_come_from(write, read, tmp_path):
    write("exports/one.csv", "text,label\na,positive\nb,negative\n")
    write("exports/two.csv", "label,text\npositive,c\nnegative,d\n")
    found = read(tmp_path / "exports" / "*.csv")
    assert found.frame["text"].tolist() == ["a", "b", "c", "d"]
    assert found.frame["row"].tolist() == [1, 2, 3, 4]
    assert found.frame["file_row"].tolist() == [2, 3, 2, 3]


def test_files_with_different_columns_are_not_joined(write, read, tmp_path):
    write("exports/one.csv", "text,label\na,positive\n")
    write("exports/two.csv", "text,stars\nc,1\n")
    with pytest.raises(DataError, match=r"its columns differ from those of .*\(label, stars\)"):
        read(tmp_path / "exports" / "*.csv")


def test_a_pattern_without_files_says_so(read, tmp_path):
    with pytest.raises(DataError, match="no file matches"):
        read(tmp_path / "*.csv")


def test_a_missing_file_is_answered_with_the_near_name(write, read, tmp_path):
    write("reviews.csv", CSV)
    with pytest.raises(DataError, match=r"no such file; did you mean .*reviews\.csv\?"):
        read(tmp_path / "review.csv")
    with pytest.raises(DataError, match=r"no such file .there is no folder"):
        read(tmp_path / "nowhere" / "reviews.csv")


def test_names_are_not_alike_for_their_suffix_alone(read, tmp_path):
    (tmp_path / "bin.csv").touch()
    with pytest.raises(DataError, match=r"missing\.csv: no such file$"):
        read(tmp_path / "missing.csv")


def test_a_misspelt_corpus_is_answered_with_the_known_ones(read):
    with pytest.raises(DataError, match="movie-reviews, product-reviews, tweets, editorials"):
        read("movie-review")
    with pytest.raises(DataError, match="no data is named; wanted a file, or one of the corpora"):
        read("")


@pytest.mark.parametrize(
    ("name", "form"), [("reviews.docx", "docx"), ("reviews.tar.gz", "tar"), ("a.b.html", "html")]
)
def test_an_unknown_format_lists_the_known_ones(write, read, name, form):
    content = gzip.compress(b"x") if name.endswith(".gz") else "x"
    said = rf"{re.escape(name)}: the format \.{form} is not known; wanted one of \.csv"
    with pytest.raises(DataError, match=said):
        read(write(name, content))


def test_a_file_without_permission_says_so(write, read, monkeypatch):
    path = write("reviews.csv", CSV)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(DataError, match="no permission to read it; check its access rights"):
        read(path)


def test_a_list_in_parquet_is_called_one(tmp_path, read):
    frame = pd.DataFrame({"text": [["a", "b"]] * 4, "label": ["x", "y"] * 2})
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row 1 holds a list as text, wanted text"):
        read(tmp_path / "a.parquet")
