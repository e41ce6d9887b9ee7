"""Which column is which: by name, by content, or a question with the candidates."""

import pytest

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
