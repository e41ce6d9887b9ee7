"""Files in the shapes that real ones have: read right by both sides, or refused in one line."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import read_labelled
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.tables import open_table, sheets
from support.workbook import open_document, write_workbook

TEXTS = ["the train seat works, truly", "our guide smells odd", "a lamp like a charm, again"]
LABELS = ["positive", "negative", "positive"]
PAIRS = list(zip(TEXTS, LABELS, strict=True))


def table(rows=PAIRS, header=("text", "label"), delimiter=",", end="\n"):
    """A delimited table with all texts in quotes."""
    lines = [delimiter.join(header)]
    lines += [delimiter.join([f'"{text}"', *others]) for text, *others in rows]
    return "".join(line + end for line in lines)


def labelled(path, **flags):
    """Texts and labels as training reads them."""
    found = read_labelled(DataConfig(data=str(path), **flags))
    return list(zip(found.frame["text"], found.frame["label"], strict=True))


def notes(path, **flags):
    return read_labelled(DataConfig(data=str(path), **flags)).notes


# Quotes


def test_a_quote_that_opens_and_one_that_ends_rows_later_never_make_one_text(write, both):
    rows = "".join(f"{k}\ta phrase number {k}\t{k % 2}\n" for k in range(20))
    stray = rows.replace("a phrase number 4", '"a phrase').replace("phrase number 9", 'phrase"')
    path = write("rotten.tsv", f"id\tphrase\tlabel\n{stray}")
    assert "line 6: the double quote here can be read in two ways" in both(path).refusal
    assert len(both(path, quoting="no").rows) == 20


def test_a_stray_quote_far_behind_the_first_rows_costs_nothing(write, both):
    rows = [f"positive,a plain text number {k}" for k in range(900)]
    rows[700] = 'positive,"a stray quote'
    found = both(write("stray.csv", "label,text\n" + "\n".join(rows) + "\n"))
    assert len(found.rows) == 900
    assert found.texts[700] == '"a stray quote'


def test_quotes_written_with_a_backslash_are_quotes_for_both(write, both):
    path = write("b.csv", 'label,text\n"a","it was \\"grand\\", indeed"\n"b","dull"\n')
    assert both(path).texts == ['it was "grand", indeed', "dull"]


def test_a_space_after_each_comma_is_no_part_of_the_values(write, both):
    content = 'text, label\n"fine, really", positive\n"dull, alas", negative\n'
    path = write("space.csv", content)
    assert both(path).texts == ["fine, really", "dull, alas"]
    assert labelled(path) == [("fine, really", "positive"), ("dull, alas", "negative")]


def test_a_comma_at_the_end_of_each_row_separates_nothing(write, both):
    content = table().replace("positive\n", "positive,\n").replace("negative\n", "negative,\n")
    path = write("trailing.csv", content)
    assert both(path).texts == TEXTS
    assert labelled(path) == PAIRS
    assert "a comma at the end of each row left out" in both(path).notes[0]


def test_an_empty_value_too_many_in_some_rows_alone_is_a_problem_of_those(write, both):
    found = both(write("mixed.csv", "text,label\nfine,good\ndull,bad,\nodd,good\n"))
    assert found.problems == {3: "line 3 has 3 comma-separated values where the first line has 2"}


# Headers


@pytest.mark.parametrize(
    ("content", "columns", "texts"),
    [
        ('"4","17","NO","u","@x a lamp"\n"0","18","NO","v","so ""dull"" it"\n',
         ("target", "id", "flag", "user", "text"), ["@x a lamp", 'so "dull" it']),
        ('"2","a lamp.\\n\\nIt was \\""grand\\"", 0"\n"1","dull"\n', ("label", "text"),
         ['a lamp.\\n\\nIt was \\"grand\\", 0', "dull"]),
        ("the train seat works like a charm\nour guide smells odd and leaks\n", ("text",),
         ["the train seat works like a charm", "our guide smells odd and leaks"]),
    ],
    ids=["sentiment140", "yelp", "one column"],
)  # fmt: skip
def test_a_first_row_is_never_swallowed_as_header_and_columns_can_be_named(
    write, both, content, columns, texts
):
    path = write("headless.csv", content)
    refused = both(path).refusal
    assert "the first line looks like a row" in refused
    assert "--columns" in refused
    assert both(path, columns=columns).texts == texts


def test_a_line_that_names_the_separator_is_no_row(write, both):
    path = write("sep.csv", "\ufeffsep=;\r\n" + table(delimiter=";", end="\r\n"))
    assert both(path).texts == TEXTS
    assert [place for place, _ in both(path).rows] == [3, 4, 5]
    one = write("one.csv", 'sep=;\r\ntext\r\n"fine, really"\r\n"dull"\r\n')
    assert both(one).texts == ["fine, really", "dull"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('"text,label"\n"a fine film,positive"\n"a dull film,negative"\n', "'text,label'"),
        ("text\x1flabel\na fine film\x1fpositive\na dull film\x1fnegative\n", r"'text\x1flabel'"),
        ("review^sentiment\na fine film^positive\na dull film^bad\n", "'review^sentiment'"),
    ],
)
def test_columns_that_could_not_be_told_apart_are_never_read_as_texts(write, both, content, name):
    path = write("a.csv", content)
    said = f"there is one column only, {name}, whose name is that of several: labels would be"
    assert said in both(path).refusal
    if "^" in content:
        assert both(path, delimiter="^").texts == ["a fine film", "a dull film"]


def test_a_lone_column_may_be_called_by_several_words(write, both):
    assert both(write("a.csv", "review text\nfine\ndull\n")).texts == ["fine", "dull"]
    path = write("b.csv", "text/rating\nfine\ndull\n")
    assert both(path, text_column="text/rating").texts == ["fine", "dull"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_header_of_a_file_that_was_appended_is_left_out_and_said(write, both, mark):
    path = write("cat.csv", mark + table() + mark + table())
    assert both(path).texts == TEXTS * 2
    assert "left out 1 line repeating the header: line 5" in both(path).notes
    assert "left out 1 line repeating the header: line 5" in notes(path, duplicates="keep")


@pytest.mark.parametrize(
    ("name", "row"),
    [("a.csv", "| {} | {} |"), ("a.txt", "| {} | {} |"), ("a.csv", "{},{}"), ("a.tsv", "{}\t{}")],
)
@pytest.mark.parametrize("rule", ["---", ":--", "-----"])
def test_a_line_of_dashes_below_the_names_is_no_row(write, both, name, row, rule):
    texts = ["a lamp", "a guide -- again", "---", "--"]
    rows = [("text", "label"), (rule, rule), *((text, "--") for text in texts)]
    found = both(write(name, "".join(row.format(*cells) + "\n" for cells in rows)))
    assert [text.strip() for text in found.texts] == texts
    assert "left out the line of dashes below the names of the columns" in found.notes


def test_a_first_row_with_a_dash_in_it_is_a_row(write, both):
    found = both(write("a.csv", "text,label,by\n--,positive,--\nfine,negative,me\n"))
    assert found.texts == ["--", "fine"]


def test_a_header_in_another_order_is_refused_by_its_line(write, both):
    path = write("cat.csv", table() + table([("positive", TEXTS[0])], header=("label", "text")))
    assert "line 5 names the columns again, in another order" in both(path).refusal


def test_a_mark_before_the_header_is_no_part_of_a_name(write, both):
    for marks in ("", "\ufeff"):  # A program may add one to a file that has one.
        path = write("bom.csv", marks + table(), "utf-8-sig")
        assert both(path, encoding="utf-8", text_column="text").texts == TEXTS


@pytest.mark.parametrize("header", ["text,label,text", "Text,label,text"])
def test_two_columns_of_one_name_are_a_question(write, both, header):
    path = write("twice.csv", header + "\na b c,x,A B C\nd e f,y,D E F\n")
    assert "column" in both(path).refusal


# Text files


def test_a_text_file_that_is_a_table_is_read_as_one(write, both):
    path = write("tab.txt", table(delimiter="\t"))
    assert both(path).texts == TEXTS
    assert labelled(path) == PAIRS
    headless = write("headless.txt", "a fine film\t1\na dull one\t0\na fine one\t1\n")
    assert "--columns" in both(headless).refusal


def test_labels_of_fasttext_are_taken_off_the_texts(write, both):
    path = write("ft.txt", "__label__good a fine film\n__label__bad __label__long a dull one\n")
    assert both(path).texts == ["a fine film", "a dull one"]
    assert labelled(path) == [("a fine film", "good"), ("a dull one", "bad|long")]


def test_labels_behind_texts_are_refused_with_what_to_write(write, both):
    lines = [f'film {k}, said "Oy" for £10 .@{"good" if k % 2 else "bad"}' for k in range(6)]
    path = write("bank.txt", "\n".join(lines), "latin-1")
    assert '--delimiter "@" --columns text label' in both(path).refusal
    found = both(path, delimiter="@", columns=("text", "label"))
    assert found.texts[0] == 'film 0, said "Oy" for £10 .'
    assert len(found.rows) == 6


def test_lines_with_commas_alike_are_texts(write, both):
    path = write("lines.txt", "a fine film, truly\na dull one, alas\n")
    assert both(path).texts == ["a fine film, truly", "a dull one, alas"]


@pytest.mark.parametrize("name", ["cr.csv", "cr.txt"])
def test_lines_of_old_macs_are_lines(write, both, name):
    content = table(end="\r") if name == "cr.csv" else "".join(text + "\r" for text in TEXTS)
    assert both(write(name, content)).texts == TEXTS


def test_a_line_feed_in_a_cell_of_an_old_mac_stays_in_it(write, both):
    path = write("cr.csv", 'text,label\r"two\nlines",x\rfine,y\rdull,x\r')
    assert both(path).texts == ["two\nlines", "fine", "dull"]


@pytest.mark.parametrize(("name", "header"), [("blank.txt", ""), ("blank.csv", "text\n")])
def test_blank_lines_of_one_column_stay_rows(write, both, name, header):
    path = write(name, f"{header}fine\n\ndull\n\n")
    assert both(path).texts == ["fine", None, "dull", None]


def test_a_file_of_which_no_row_can_be_read_says_why(write, both):
    path = write("commas.csv", "text\nfine, truly\ndull, alas\n")
    assert both(path).refusal == (
        f"{path}: none of the first 2 rows can be read: line 2 has 2 comma-separated values where "
        "the first line has 1; put texts that hold a comma in double quotes, or name another "
        "--delimiter"
    )


# Encodings


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "zażółć gęślą jaźń, świetny sklep i miła obsługa, dziękuję"),
        ("cp1250", "příliš žluťoučký kůň úpěl ďábelské ódy, skvělý obchod"),
        ("cp1250", "árvíztűrő tükörfúrógép, nagyon jó bolt volt, köszönöm szépen"),
        ("cp1250", "un magazin foarte bun și rapid, mulțumesc fără îndoială".replace("ș", "ş")
         .replace("ț", "ţ")),
        ("cp1250", "skvelý obchod, rýchle dodanie a milá obsluha, ďakujem"),
        ("cp1250", "film był nudny i zbyt długi, nie polecam nikomu"),
        ("cp1254", "çok güzel bir dükkân, hızlı geldi, teşekkürler, şık ve iyi, ğ"),  # noqa: RUF001
        ("cp1254", "bu film çok güzeldi, oyuncular şahane ve müzik ağır değil"),  # noqa: RUF001
        ("cp1257", "ļoti labs veikals, ātra piegāde, paldies par visu šodien"),
        ("cp1257", "filmas buvo labai geras, aktoriai puikūs ir įdomūs, šaunu"),
        ("cp1251", "прекрасный магазин, спасибо"),
    ],
)  # fmt: skip
def test_an_encoding_that_would_make_other_letters_is_refused_with_a_guess(
    write, both, encoding, text
):
    path = write("other.csv", f"text;label\n{text};dobry\n{text[::-1]};zly\n", encoding)
    assert f"could be one of several encodings (perhaps {encoding}: " in both(path).refusal
    assert both(path, encoding=encoding).texts == [text, text[::-1]]


@pytest.mark.parametrize(
    "text",
    ["la façade était très réussie, bientôt à Noël, ça alors", "Größe paßt, schöne Grüße, 5 €",
     "¿qué tal el niño? ¡muy bien, señor!", "não é só emoção, é paixão às três",
     "smørrebrød på færgen, så lækkert", "hyvää päivää, että öljy", "città più è perché così"],
)  # fmt: skip
def test_western_languages_are_read_and_said(write, both, text):
    path = write("west.csv", f'text,label\n"{text}",x\n"{text.upper()}!",y\n', "cp1252")
    assert both(path).texts == [text, f"{text.upper()}!"]
    assert "not UTF-8: read as" in both(path).notes[0]


@pytest.mark.parametrize("spelling", ["UTF-16", "utf16", "utf_16", "U16", "utf-16"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_utf16_is_read_in_any_spelling(write, both, name, spelling):
    content = table(delimiter="\t") if name == "a.csv" else "\n".join(TEXTS)
    path = write(name, content, "utf-16")
    assert both(path, encoding=spelling).texts == TEXTS
    assert both(path).texts == TEXTS


@pytest.mark.parametrize("name", ["rot13", "hex", "base64", "no-such"])
def test_what_is_no_encoding_of_text_is_refused(write, both, name):
    refused = both(write("a.csv", table()), encoding=name).refusal
    assert refused == f"--encoding {name}: no such encoding; try utf-8 or cp1252"


def test_a_byte_of_another_encoding_costs_its_row_alone(write, both):
    content = table([("café", "x"), ("th\udce9", "y"), ("déjà", "x")])
    path = write("one.csv", content.encode("utf-8", "surrogateescape"))
    found = both(path)
    assert found.texts == ["café", None, "déjà"]
    assert found.problems == {3: "line 3 is not valid UTF-8, though other text in the file is"}


def test_half_an_emoji_in_utf16_costs_its_row_alone_and_stays_as_it_is(write, both):
    content = table([("fine", "x"), ("cut \ud83d off", "y"), ("dull 😀", "x")])
    found = both(write("half.csv", content.encode("utf-16", "surrogatepass")))
    assert found.texts == ["fine", None, "dull 😀"]
    assert "line 3 holds half a surrogate pair" in found.problems[3]


def test_half_an_emoji_in_json_costs_its_row_alone(write, both):
    path = write("half.jsonl", '{"text": "fine"}\n{"text": "cut \\ud83d off"}\n{"text": "dull"}\n')
    found = both(path)
    assert found.texts == ["fine", None, "dull"]
    assert "line 2 holds in field 'text' half a surrogate pair" in found.problems[2]


# JSON


RECORDS = [{"text": text, "label": label} for text, label in PAIRS]


@pytest.mark.parametrize("orient", ["columns", "index", "records", "split", "table"])
def test_every_shape_of_pandas_to_json_is_read(tmp_path, both, orient):
    path = tmp_path / "pandas.json"
    pd.DataFrame(RECORDS).to_json(path, orient=orient)
    assert both(path).texts == TEXTS
    assert labelled(path) == PAIRS


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson"])
@pytest.mark.parametrize(
    "content",
    [json.dumps(RECORDS), json.dumps(RECORDS, indent=1), "\n".join(map(json.dumps, RECORDS))],
    ids=["list", "pretty", "lines"],
)
def test_a_list_and_lines_are_read_whatever_the_name_says(write, both, name, content):
    assert both(write(name, content)).texts == TEXTS


def test_a_pretty_list_that_breaks_off_is_refused(write, both):
    content = json.dumps(RECORDS, indent=1)[:-30]
    found = both(write("cut.json", content))
    assert found.texts[:2] == TEXTS[:2]
    assert "record 3 is no JSON" in found.problems[3]


def test_python_dictionaries_are_refused_with_what_to_do(write, both):
    path = write("loose.json", "\n".join(map(repr, RECORDS)))
    assert "line 1 is a Python dictionary, not JSON; write it as JSON" in both(path).refusal


def test_a_full_export_of_label_studio_is_refused_with_what_to_do(write, both):
    task = {"id": 1, "annotations": [{"result": []}], "data": {"text": "fine"}}
    refused = both(write("export.json", json.dumps([task, task]))).refusal
    assert "Label Studio's full export; export it as JSON-MIN or CSV" in refused


def test_numbers_and_truth_values_are_written_alike(write, both):
    values = [5, 10.0, 2.5, True, None, "007", 570000000000, 1e22, [], "x"]
    path = write("odd.jsonl", "\n".join(json.dumps({"text": value}) for value in values[:7]))
    assert both(path).texts == ["5", "10", "2.5", "true", None, "007", "570000000000"]


# Workbooks


def test_the_sheet_with_texts_is_found_behind_a_cover_and_said(tmp_path, both):
    sheets = {"Cover": [["Survey", None], ["made by", "us"]], "Data": [["text", "label"], *PAIRS]}
    path = write_workbook(tmp_path / "cover.xlsx", sheets)
    assert both(path).texts == TEXTS
    assert "sheet 'Data'" in both(path).notes
    assert labelled(path) == PAIRS


def test_several_sheets_with_texts_are_refused_by_both_and_listed(tmp_path, both):
    data = [["text", "label"], *PAIRS]
    path = write_workbook(tmp_path / "two.xlsx", {"Old": data, "New": data})
    assert "'Old', 'New'; choose one with --sheet" in both(path).refusal
    assert both(path, sheet="New").texts == TEXTS


def test_a_title_above_the_header_is_no_header(tmp_path, both):
    rows = [["Feedback of the spring survey", None], [None, None], ["text", "label"], *PAIRS]
    path = write_workbook(tmp_path / "title.xlsx", {"Data": rows})
    assert both(path).rows == list(zip([4, 5, 6], TEXTS, strict=True))
    assert "names of the columns in row 3" in both(path).notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_title_above_the_header_of_a_csv_is_no_header(tmp_path, both, delimiter):
    rows = [delimiter.join(f'"{cell}"' for cell in row) for row in PAIRS]
    title = ["Feedback of the spring survey", "Made by hand", ""]
    path = tmp_path / "title.csv"
    path.write_text("\n".join([*title, delimiter.join(["text", "label"]), *rows, ""]), "utf-8")
    assert both(path).rows == list(zip([5, 6, 7], TEXTS, strict=True))
    assert labelled(path) == PAIRS
    assert "names of the columns in line 4, below a title" in both(path).notes


def test_a_blank_line_below_a_header_or_among_texts_makes_no_title(tmp_path, both):
    for name, content, texts in (
        ("a.csv", "text,label\n\ngood text,label\nbad film,no\n", ["good text", "bad film"]),
        ("b.csv", "text\n\nreview, good\nall well, then\n", None),
    ):
        (tmp_path / name).write_text(content)
        found = both(tmp_path / name)
        assert not any("title" in note for note in found.notes)
        assert texts is None or found.texts == texts


def test_whole_numbers_of_a_sheet_are_whole(tmp_path, both):
    rows = [["id", "text"], [570000000000, 5.0], [570000000001, 7.5], [2**60, True]]
    path = write_workbook(tmp_path / "ids.xlsx", {"Data": rows})
    assert both(path).texts == ["5", "7.5", "true"]
    [batch] = open_table(path).batches()
    assert batch.values("id")[:2] == [570000000000, 570000000001]
    assert all(isinstance(value, int) for value in batch.values("id")[:2])


SHEET = "worksheets/rId1.xml"


def patched(path: Path, change: Callable[[bytes], bytes], name: str = SHEET) -> Path:
    """A workbook with its sheet changed, and perhaps kept under another name."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.namelist():
            content = change(old.read(item)).replace(SHEET.encode(), name.encode())
            new.writestr(item.replace(SHEET, name), content)
    path.write_bytes(made.getvalue())
    return path


@pytest.mark.parametrize("place", [SHEET, "elsewhere/1.xml", "elsewhere/1.dat"])
@pytest.mark.parametrize(
    "cell",
    [
        '<c r="XFD1048576"', "<c r='XFD1048576'", '<c r = "XFD1048576"', '<c r="xfd1048576"',
        '<c r="&#88;FD1048576"', '<c s="1" r="XFD1048576"', "<c t='r=\"A1\"' r=\"XFD1048576\"",
        "<c/>" * 16383 + "<c",
    ],
    ids=lambda cell: cell[:30],
)  # fmt: skip
def test_a_stray_cell_at_the_last_corner_is_refused_in_one_line(tmp_path, both, cell, place):
    path = write_workbook(tmp_path / "stray.xlsx", {"Data": [["text", "label"], *PAIRS]})
    stray = f'<row r="1048576">{cell}><v>1</v></c></row></sheetData>'
    refused = both(
        patched(path, lambda content: content.replace(b"</sheetData>", stray.encode()), place)
    ).refusal
    assert "row 1,048,576, column 16,384, an area of 17,179,869,184 cells" in refused


def test_a_cell_beyond_every_sheet_is_refused_in_one_line(tmp_path, both):
    path = write_workbook(tmp_path / "beyond.xlsx", {"Data": [["text", "label"], *PAIRS]})
    stray = b'<row><c r="ZZZZZZ9999999999"><v>1</v></c></row></sheetData>'
    patched(path, lambda content: content.replace(b"</sheetData>", stray))
    assert "more than memory holds" in both(path).refusal


@pytest.mark.parametrize("where", ["rows", "columns"])
def test_a_cell_repeated_without_end_is_refused_in_one_line(tmp_path, both, where):
    path = open_document(tmp_path / "repeated.ods", [["text", "label"], *PAIRS])
    assert both(path).texts == TEXTS
    tag = b"<table:table-row" if where == "rows" else b"<table:table-cell"
    repeated = tag + f' table:number-{where}-repeated="4000000000"'.encode()
    patched(path, lambda content: content.replace(tag, repeated, 1))
    assert "more than memory holds" in both(path).refusal


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_in_one_line(tmp_path, both, monkeypatch):
    monkeypatch.setattr(sheets, "MOST_BYTES", 100_000)
    rows = [["text", "label"], ["a" * 30_000, "good"], *([["b" * 30_000, "bad"]] * 3)]
    path = write_workbook(tmp_path / "large.xlsx", {"Data": rows})
    assert path.stat().st_size < 5_000
    assert "unpacks to 0.0 GB, wanted at most 0.0" in both(path).refusal


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"<html><table><tr><td>text</td></tr></table></html>", "an HTML page"),
     (b"text\tlabel\nfine\tgood\n", "text"), (b"%PDF-1.7 \x00\x01", "a PDF document")],
)  # fmt: skip
def test_what_only_calls_itself_a_workbook_is_called_by_its_name(write, both, content, what):
    refusal = both(write("a.xls", content)).refusal
    assert f"is {what}, whatever its name says" in refusal
    assert refusal.endswith("rename it to a.csv" if what == "text" else "save its table as CSV")


@pytest.mark.parametrize(("suffix", "what"), [(".xlsx", "an Excel workbook"),
                                              (".ods", "an OpenDocument sheet")])  # fmt: skip
def test_a_workbook_under_another_name_is_told_its_own(tmp_path, both, suffix, what):
    rows = [["text", "label"], *PAIRS]
    path = tmp_path / f"book{suffix}"
    if suffix == ".ods":
        open_document(path, rows)
    else:
        pd.DataFrame(rows[1:], columns=rows[0]).to_excel(path, index=False)
    refusal = both(path.rename(tmp_path / "book.csv")).refusal
    assert f"is {what}, whatever its name says; rename it to book{suffix}" in refusal


# Other files that are not what their name says, and archives


def test_text_under_the_name_of_a_parquet_file_is_called_by_its_name(write, both):
    refusal = both(write("a.parquet", table())).refusal
    assert refusal.endswith("is text, whatever its name says; rename it to a.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1\x00", "is a Parquet file, and was to be read as txt; read it with --input-format "
         "parquet"),
        (gzip.compress(b"fine"), "is compressed with gzip, and was to be read as txt; unpack it"),
        (b"%PDF-1.7", "is a PDF document, and was to be read as txt; save its table as CSV"),
    ],
)  # fmt: skip
def test_a_stream_that_is_no_text_is_told_how_it_can_be_read(content, said):
    with pytest.raises(DataError, match=f"^the given stream: {said}$"):
        open_table(io.BytesIO(content))


def test_a_compressed_file_without_its_suffix_is_called_by_its_name(write, both):
    path = write("a.csv", gzip.compress(table().encode()))
    said = "is compressed with gzip, whatever its name says; rename it to a.csv.gz"
    assert said in both(path).refusal


def test_the_one_table_of_an_archive_is_read(tmp_path, both):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/base.csv", table())
        archive.writestr("__MACOSX/folder/._base.csv", "junk")
        archive.writestr("folder/readme.md", "junk")
    assert both(tmp_path / "a.zip").texts == TEXTS
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("more.csv", table())
    assert "holds several tables: 'folder/base.csv', 'more.csv'" in both(tmp_path / "a.zip").refusal


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "a.parquet.gz", "a.parquet.zst"])
def test_parquet_is_read_under_every_name(tmp_path, both, name):
    out = io.BytesIO()
    pd.DataFrame(RECORDS).to_parquet(out)
    packed = {"gz": gzip.compress, "zst": lambda c: pa.compress(c, "zstd", asbytes=True)}
    content = packed.get(name.rpartition(".")[2], bytes)(out.getvalue())
    (tmp_path / name).write_bytes(content)
    assert both(tmp_path / name).texts == TEXTS


def test_texts_stored_as_bytes_are_decoded(tmp_path, both):
    table = pa.table({"text": [b"caf\xc3\xa9", b"fine"], "label": ["x", "y"]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert both(tmp_path / "a.parquet").texts == ["café", "fine"]


# Labels


def test_numbered_classes_get_the_names_that_the_file_has_for_them(tmp_path):
    features = {"label": {"names": ["zzz_bad", "aaa_good"], "_type": "ClassLabel"}}
    schema = pa.schema(
        [("text", pa.string()), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    rows = {"text": ["fine", "dull", "who knows"], "label": [1, 0, -1]}
    pq.write_table(pa.table(rows, schema=schema), tmp_path / "hf.parquet")
    assert labelled(tmp_path / "hf.parquet") == [("fine", "aaa_good"), ("dull", "zzz_bad")]
    assert not any("--map" in note for note in notes(tmp_path / "hf.parquet"))


def many(header, make, rows=120):
    return table([(f"a text that says number {k}", *make(k)) for k in range(rows)], header)


def test_a_known_name_wins_over_fewer_classes(write):
    path = write(
        "c77.csv", many(("text", "label", "channel"), lambda k: (f"intent_{k % 55}", "wm"[k % 2]))
    )
    assert len({label for _, label in labelled(path)}) == 55


def test_one_column_a_class_is_recognised(write):
    names = ("positive", "negative", "neutral")
    content = many(("text", *names), lambda k: tuple("1" if k % 3 == c else "0" for c in range(3)))
    path = write("onehot.csv", content)
    assert [label for _, label in labelled(path)][:4] == ["positive", "negative", "neutral",
                                                          "positive"]  # fmt: skip
    assert any("one for each class" in note for note in notes(path))


def test_flags_of_which_several_may_hold_are_no_classes(write, both):
    content = many(("text", "rude", "spam"), lambda k: (str(k % 2), str(k % 3 and 1)))
    with pytest.raises(DataError, match="more than one column could hold the labels"):
        labelled(write("flags.csv", content))


def test_empty_and_constant_columns_are_no_labels(write):
    content = many(("v2", "v1", "", "lang"), lambda k: ("spam" if k % 3 else "ham", "", "en"))
    assert {label for _, label in labelled(write("sms.csv", content))} == {"spam", "ham"}


def test_scores_are_called_scores(write):
    path = write("scores.csv", many(("text", "score"), lambda k: (f"{k / 60 - 1:.4f}",), rows=40))
    assert any("labels are taken for scores, -1 to -0.35" in note for note in notes(path))


def test_stars_written_as_fractions_are_stars(write):
    path = write("stars.csv", many(("text", "overall"), lambda k: (f"{k % 5 + 1}.0",)))
    assert any("labels are taken for stars, 1 to 5" in note for note in notes(path))


@pytest.mark.parametrize(
    ("labels", "missing"),
    [(("0.0", "1.0", "nan"), "nan"), (("0", "1", "-1"), "-1"),
     (("good", "bad", "NULL"), "NULL"), (("good", "bad", "\\N"), "\\N"),
     (("good", "bad", "?"), "?"), (("good", "bad", "N/A"), "N/A")],
)  # fmt: skip
def test_what_likely_stands_for_no_label_is_said(write, labels, missing):
    path = write("hidden.csv", many(("text", "label"), lambda k: (labels[k % 3],)))
    said = [note for note in notes(path) if "likely stand for a missing one" in note]
    assert len(said) == 1
    assert f": {missing} (40);" in said[0]


# Kin of the files above


def test_a_header_of_other_names_in_the_middle_is_refused_by_its_line(write, both):
    path = write("cat.csv", table() + table([("positive", TEXTS[0])], header=("stars", "review")))
    assert "line 5 names the columns again, in another order or otherwise" in both(path).refusal


def test_a_header_repeated_in_a_sheet_is_left_out_and_said(tmp_path, both):
    rows = [["text", "label"], *PAIRS, ["text", "label"], *PAIRS]
    path = write_workbook(tmp_path / "cat.xlsx", {"Data": rows})
    assert both(path).texts == TEXTS * 2
    assert "left out 1 row repeating the header: row 5" in both(path).notes


def test_a_workbook_under_the_name_of_an_older_one_is_read(tmp_path, both):
    path = write_workbook(tmp_path / "new.xls", {"Data": [["text", "label"], *PAIRS]})
    assert both(path).texts == TEXTS


@pytest.mark.parametrize("name", ["pretty.json", "pretty.jsonl"])
def test_objects_over_several_lines_one_behind_the_other_are_read(write, both, name):
    content = "\n".join(json.dumps(record, indent=1) for record in RECORDS)
    found = both(write(name, content))
    assert found.texts == TEXTS or "line 1 is no JSON object" in found.refusal
    assert bool(found.texts) == (name == "pretty.json")


@pytest.mark.parametrize("values", [("True", "False"), ("1.0", "0.0"), (True, False), (1, 0)])
def test_one_column_a_class_is_recognised_however_it_says_yes(tmp_path, values):
    yes, no = values
    rows = [
        {"text": f"a text of number {k}", "good": yes if k % 2 else no, "bad": no if k % 2 else yes}
        for k in range(40)
    ]
    path = tmp_path / "onehot.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [label for _, label in labelled(path)][:3] == ["bad", "good", "bad"]


def test_whole_numbers_that_hardly_repeat_are_scores_too(write):
    path = write("percent.csv", many(("text", "score"), lambda k: (str(k * 7 % 101),), rows=90))
    with pytest.raises(DataError, match="which look like scores"):
        labelled(path, label_column="score")


def test_a_sheet_that_nobody_sees_is_no_rival_of_one_that_is_shown(tmp_path, both):
    path = tmp_path / "hidden.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name, texts in (("Old", ["left out"] * 6), ("Data", TEXTS * 2)):
            sheet = book.add_worksheet(name)
            cells = [("text", "label"), *zip(texts, LABELS * 2, strict=True)]
            for row, values in enumerate(cells):
                sheet.write_row(row, 0, values)
        book.get_worksheet_by_name("Data").activate()
        book.get_worksheet_by_name("Old").hide()
    assert both(path).texts == TEXTS * 2
    assert "sheet 'Data'; left out the hidden sheet 'Old'" in notes(path)
    assert both(path, sheet="Old").texts == ["left out"] * 6
