"""CSV and TSV as people export them: read right, or refused by line."""

import csv
import io

import pytest

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.tables.headers import header_doubt

ROWS = [
    ("Loved it", "positive"),
    ("Hated it", "negative"),
    ("A joy", "positive"),
    ("A bore", "negative"),
]


def as_csv(rows, delimiter=",", header=("text", "label"), quoting=csv.QUOTE_MINIMAL):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)
    writer.writerows([header, *rows])
    return out.getvalue()


def texts_of(found):
    return found.frame["text"].tolist()


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found_and_said(write, read, delimiter):
    found = read(write("reviews.csv", as_csv(ROWS, delimiter)))
    assert list(zip(found.frame["text"], found.frame["label"], strict=True)) == ROWS
    said = any("-separated" in note for note in found.notes)
    assert said == (delimiter != ",")


def test_a_given_delimiter_wins_over_the_found_one(write, read):
    path = write("reviews.txt", "text~label\na, b~positive\nc, d~negative\n")
    found = read(path, delimiter="~")
    assert texts_of(found) == ["a, b", "c, d"]


def test_a_delimiter_of_two_characters_is_refused(write, read):
    with pytest.raises(ConfigError, match="--delimiter ::: wanted one character, or tab"):
        read(write("reviews.csv", as_csv(ROWS)), delimiter="::")


def test_words_that_look_like_missing_values_stay_words(write, read):
    words = ["NA", "null", "None", "nan", "N/A", "1e5", "007", "-", "TRUE", "  spaced  "]
    rows = [(word, "positive" if k % 2 else "negative") for k, word in enumerate(words)]
    assert texts_of(read(write("reviews.csv", as_csv(rows)))) == words


def test_quotes_hold_delimiters_quotes_and_line_breaks(write, read):
    texts = ['He said "no", twice', "two\nlines, one text", "a\r\nb", 'ends with "', '"', "x"]
    rows = [(text, "positive" if k % 2 else "negative") for k, text in enumerate(texts)]
    assert texts_of(read(write("reviews.csv", as_csv(rows)))) == texts


def test_rows_carry_the_line_on_which_they_start(write, read):
    path = write("reviews.csv", 'text,label\n"two\nlines",positive\n\nplain,negative\n')
    assert read(path).frame["row"].tolist() == [2, 5]


def test_quotes_that_are_plain_text_are_left_in_a_tab_separated_file(write, read):
    content = 'text\tlabel\n"Great film\tpositive\nIt is "bad"\tnegative\nso "good" it\tpositive\n'
    found = read(write("reviews.tsv", content))
    assert texts_of(found) == ['"Great film', 'It is "bad"', 'so "good" it']
    assert any("double quotes taken as plain text" in note for note in found.notes)


def test_quotes_that_can_be_read_in_two_ways_are_refused(write, read):
    content = (
        'text\tlabel\n"Great film\tpositive\nmiddle\tnegative\nso good"\tpositive\nx\tnegative\n'
    )
    path = write("reviews.tsv", content)
    with pytest.raises(DataError, match=r"line 2: the double quote here can be read in two ways"):
        read(path)
    assert texts_of(read(path, quoting="no"))[0] == '"Great film'
    assert texts_of(read(path, quoting="yes")) == [
        "Great film\tpositive\nmiddle\tnegative\nso good",
        "x",
    ]


def test_quoting_yes_takes_quotes_as_quotes(write, read):
    content = 'text\tlabel\n"a\tb"\tpositive\n"c\nd"\tnegative\n'
    assert texts_of(read(write("reviews.tsv", content), quoting="yes")) == ["a\tb", "c\nd"]


def test_quotes_escaped_with_backslashes_are_understood(write, read):
    content = 'text,label\n"He said \\"no\\", twice",negative\n"C:\\new, ok",positive\n'
    found = read(write("reviews.csv", content))
    assert texts_of(found) == ['He said "no", twice', "C:\\new, ok"]
    assert any('quotes written as \\"' in note for note in found.notes)


def test_a_ragged_row_is_refused_by_its_line(write, read):
    path = write("reviews.csv", "text,label\nfine,positive\nbad, because,negative\n")
    with pytest.raises(DataError) as refused:
        read(path)
    assert str(refused.value) == (
        f"{path}: line 3 has 3 comma-separated values where the first line has 2; put texts that "
        "hold a comma in double quotes, or name another --delimiter"
    )


def test_a_quote_that_never_closes_is_refused_by_its_line(write, read):
    path = write("reviews.csv", 'text,label\n"a, b",positive\n"open, c,negative\n"d, e",negative')
    with pytest.raises(DataError, match="line 3 has text after a closing double quote"):
        read(path)
    path = write("reviews.csv", 'text,label\n"a, b",positive\n"open, c,negative\n')
    with pytest.raises(DataError, match="line 3 has a double quote that never closes"):
        read(path)


def test_one_bad_row_does_not_leave_the_quotes_in_the_others(write, read):
    rows = "".join(f'"text {k}",positive\n' for k in range(20))
    path = write("reviews.csv", f'text,label\n{rows}"He said "hi"",negative\n')
    with pytest.raises(DataError, match="line 22 has text after a closing double quote"):
        read(path)


def test_a_file_without_header_takes_names(write, read):
    path = write("smile.csv", '1,"so, good",happy\n2,bad,sad\n3,worse,sad\n4,fine,happy\n')
    found = read(path, columns=("id", "text", "label"))
    assert texts_of(found) == ["so, good", "bad", "worse", "fine"]
    assert found.frame["row"].tolist() == [1, 2, 3, 4]
    assert found.frame["id"].tolist() == ["1", "2", "3", "4"]


def test_too_few_names_are_refused(write, read):
    path = write("smile.csv", "1,good,happy\n2,bad,sad\n")
    with pytest.raises(DataError, match="--columns gives 2 names and the file has 3 columns"):
        read(path, columns=("text", "label"))


@pytest.mark.parametrize(
    ("first", "doubt"),
    [
        (
            "611857364396965889,such a lovely gallery,happy",
            "it holds the number 611857364396965889",
        ),
        ("x,what a very long and lovely sentence this is,happy", "it holds the sentence"),
        ("x,good,happy", "'happy' stands in other rows of that column too"),
    ],
)
def test_a_first_line_that_is_a_row_is_not_swallowed_as_header(write, read, first, doubt):
    path = write("smile.csv", f"{first}\ny,bad,sad\nz,lovely,happy\nw,fine,happy\n")
    with pytest.raises(DataError, match="the first line looks like a row") as refused:
        read(path)
    assert doubt in str(refused.value)
    assert "--columns" in str(refused.value)


def test_naming_the_columns_settles_doubt_about_the_header(write, read):
    header = "How satisfied are you with the service that you had,2024"
    path = write("survey.csv", f"{header}\nvery good,yes\nnot good,no\n")
    found = read(path, text_column=header.split(",")[0], label_column="2024")
    assert len(found) == 2


QUESTION = "What did you like about our service? Be as honest as you can."


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("How would you rate us (1-5)?", ["4", "5", "1", "2", "4", "5"]),
        ("Timestamp", [f"2024/01/05 9:1{k}:33 AM GMT+1" for k in range(6)]),
        ("Start", [f"2024-01-05T09:1{k}:33Z" for k in range(6)]),
    ],
)
def test_a_name_above_numbers_or_times_makes_questions_names_too(write, both, name, cells):
    answers = ["good food", "kind staff", "a long wait", "cold soup", "a nice view", "fine wine"]
    rows = "".join(
        f'{cell},"there was {answer} today",{"yes" if k % 2 else "no"}\n'
        for k, (cell, answer) in enumerate(zip(cells, answers, strict=True))
    )
    path = write("survey.csv", f'{name},"{QUESTION}",label of it\n{rows}')
    assert both(path).texts == [f"there was {answer} today" for answer in answers]


@pytest.mark.parametrize(
    ("first", "cells"),
    [("n/a", ["4", "5", "1", "2", "4", "5"]), ("x", ["4", "5"]), ("12 May", ["13 May"] * 6)],
)
def test_what_may_be_a_gap_makes_no_sentence_a_name(first, cells):
    rows = [[cell, "an answer"] for cell in cells]
    assert "it holds the sentence" in header_doubt([first, QUESTION], rows, known=())


def test_header_lines_in_the_middle_are_left_out_and_said(write, read):
    path = write("both.csv", "text,label\na,positive\nb,negative\ntext,label\nc,positive\n")
    found = read(path)
    assert texts_of(found) == ["a", "b", "c"]
    assert "left out 1 line repeating the header: line 4" in found.notes


@pytest.mark.parametrize("content", ["", "\n\n", "   \n"])
def test_an_empty_file_says_so(write, read, content):
    with pytest.raises(DataError, match=r"the file is empty|there are no rows"):
        read(write("reviews.csv", content))


def test_a_header_without_rows_says_so(write, read):
    with pytest.raises(DataError, match="there are no rows; wanted texts with labels"):
        read(write("reviews.csv", "text,label\n"))


def test_a_cell_of_ten_megabytes_is_read_whole(write, read):
    long, limit = "all right, " * 1_000_000, csv.field_size_limit()
    found = read(write("reviews.csv", as_csv([(long, "positive"), ("short", "negative")])))
    assert texts_of(found) == [long, "short"]
    assert csv.field_size_limit() == limit


def test_nul_characters_stay_where_they_are(write, read):
    found = read(write("reviews.csv", as_csv([("a\0b", "positive"), ("c", "negative")])))
    assert texts_of(found) == ["a\0b", "c"]


def test_columns_of_one_name_are_told_apart(write, read):
    content = "text,label,note,note\na,positive,1,2\nb,negative,3,4\n"
    found = read(write("reviews.csv", content))
    assert found.frame[["note", "note (2)"]].to_numpy().tolist() == [["1", "2"], ["3", "4"]]


def test_a_repeated_text_column_is_refused(write, read):
    content = "text,label,text\na,positive,1\nb,negative,2\n"
    with pytest.raises(DataError, match="several columns are called 'text'; rename all but"):
        read(write("reviews.csv", content))
