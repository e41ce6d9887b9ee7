"""Labels: renamed, folded, left out, taken apart; typing errors caught."""

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.labels import parse_map, relabel, slips
from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.words import is_slip


def labelled(*labels):
    return "text,label\n" + "".join(f"text number {k},{label}\n" for k, label in enumerate(labels))


def test_a_map_joins_stars(write, read):
    path = write("a.csv", labelled("1", "2", "3", "4", "5"))
    found = read(path, map="1,2=negative 3=neutral 4,5=positive")
    assert found.frame["label"].tolist() == [
        "negative", "negative", "neutral", "positive", "positive",
    ]  # fmt: skip
    assert not any("makes fewer" in note for note in found.notes)


def test_stars_and_zero_one_labels_are_answered_with_the_flag_that_names_them(write, read):
    stars = read(write("a.csv", labelled("1", "2", "5")))
    assert any('--map "1,2=negative 3=neutral 4,5=positive"' in note for note in stars.notes)
    binary = read(write("b.csv", labelled("1", "0")))
    assert any('--map "0=negative 1=positive"' in note for note in binary.notes)


def test_a_map_finds_numbers_whatever_their_spelling(write, read):
    found = read(write("a.csv", labelled("1.0", "2.0", "1.0")), map="1=bad 2=good")
    assert found.frame["label"].tolist() == ["bad", "good", "bad"]


def test_labels_that_the_map_does_not_name_stay_and_are_said(write, read):
    found = read(write("a.csv", labelled("happy", "sad", "angry")), map="sad,angry=bad")
    assert found.labels == ("bad", "happy")
    assert "labels that --map does not name stay as they are: 'happy'" in found.notes


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("a=b", {"a": "b"}),
        ("very good=good", {"very good": "good"}),
        ("very good, fine=good; so so=neutral", {"very good": "good", "fine": "good",
                                                 "so so": "neutral"}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_map_is_read_with_spaces_or_semicolons(text, renamed):
    assert parse_map(text) == renamed


@pytest.mark.parametrize("text", ["a", "a= b=c", "=a b=c", "a,,b=c d=e"])
def test_a_map_that_cannot_be_read_shows_the_form(text):
    with pytest.raises(ConfigError, match=r'wanted old,old=new, as in "1,2=negative'):
        parse_map(text)


def test_a_label_with_two_new_names_is_refused():
    with pytest.raises(ConfigError, match="gives '1' two names; give it one"):
        parse_map("1=a 1,2=b")


def test_a_mapped_label_that_no_row_has_is_answered_with_the_near_one(write, read):
    path = write("a.csv", labelled("happy", "sad"))
    with pytest.raises(DataError) as refused:
        read(path, map="hapy=good sad=bad")
    assert str(refused.value) == (
        f"{path}: --map names 'hapy', which no row has; labels: 'happy', 'sad'; "
        "did you mean 'happy'?"
    )


def test_labels_that_differ_in_case_are_said_and_joined_on_request(write, read):
    path = write("a.csv", labelled("Good", "good", "good ", "bad"))
    found = read(path)
    assert any("labels that differ only in case or spacing: 'Good', 'good'; --fold-labels" in note
               for note in found.notes)  # fmt: skip
    assert read(path, fold_labels=True).labels == ("bad", "good")


def test_labels_that_look_alike_are_one(write, read):
    # A mark of no width at the start, and an accent written as a sign of its own.
    path = write(
        "a.csv", labelled("\u200bn\u00e9gatif", "ne\u0301gatif", "positif\u00ad", "positif")
    )
    found = read(path, map="ne\u0301gatif=bad")
    assert found.labels == ("bad", "positif")
    assert "3 labels hold signs that cannot be seen, accents apart from their letters, or " \
        "another minus sign: they are called as they look" in found.notes  # fmt: skip


def test_labels_that_are_joined_by_a_sign_without_width_stay_as_they_are(write, read):
    path = write("a.csv", labelled("\U0001f468\u200d\U0001f4bb", "\U0001f468"))
    assert set(read(path).labels) == {"\U0001f468\u200d\U0001f4bb", "\U0001f468"}


def test_folding_and_mapping_go_together(write, read):
    found = read(write("a.csv", labelled("POS", " neg")), fold_labels=True, map="Pos=good Neg=bad")
    assert found.frame["label"].tolist() == ["good", "bad"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("1,2=negative,3=neutral", "1,2=negative;3=neutral"),
        ("1,2=negative, 3=neutral", "1,2=negative;3=neutral"),
        ("1=bad,2,3=so so,4=good", "1=bad;2,3=so so;4=good"),
        ("1=bad,2=so so;3=good", "1=bad;2=so so;3=good"),
    ],
)
def test_commas_between_assignments_are_refused_with_the_right_spelling(given, meant):
    with pytest.raises(ConfigError, match="names two labels") as caught:
        parse_map(given)
    assert str(caught.value).endswith(f"as in '{meant}'")
    assert len(parse_map(meant)) >= 3


def test_dropped_labels_are_counted_and_misspelt_ones_refused(write, read):
    path = write("a.csv", labelled("nocode", "happy", "sad", "nocode"))
    found = read(path, drop_labels=("nocode",))
    assert found.labels == ("happy", "sad")
    assert "left out 2 rows labelled 'nocode' (--drop-labels): rows 2, 5" in found.notes
    with pytest.raises(DataError, match=r"--drop-labels names 'nocod', .*did you mean 'nocode'"):
        read(path, drop_labels=("nocod",))


SEVERAL = ["happy", "sad", "happy|sad", "not-relevant", "sad|angry", "and/or"]


def test_rows_with_several_labels_are_kept_whole_and_said(write, read):
    found = read(write("a.csv", labelled(*SEVERAL)))
    assert found.frame["label"].tolist() == SEVERAL
    said = "2 rows with several labels, kept as classes of their own"
    assert any(note.startswith(said) for note in found.notes)


def test_rows_with_several_labels_are_dropped_on_request(write, read):
    found = read(write("a.csv", labelled(*SEVERAL)), multi_label="drop")
    assert found.frame["label"].tolist() == ["happy", "sad", "not-relevant", "and/or"]
    assert any("left out 2 rows with several labels" in note for note in found.notes)


def test_rows_with_several_labels_are_split_on_request(write, read):
    found = read(write("a.csv", labelled(*SEVERAL)), multi_label="split")
    rows = list(zip(found.frame["row"], found.frame["label"], strict=True))
    assert rows == [(2, "happy"), (3, "sad"), (4, "happy"), (4, "sad"), (5, "not-relevant"),
                    (6, "sad"), (6, "angry"), (7, "and/or")]  # fmt: skip
    assert found.frame["text"].nunique() == 6


@pytest.mark.parametrize("separator", [";", ",", "/", "+"])
def test_other_separators_count_where_all_parts_are_labels_too(write, read, separator):
    labels = ["happy", "sad", f"happy{separator} sad", f"not{separator}x"]
    content = "text\tlabel\n" + "".join(f"text {k}\t{label}\n" for k, label in enumerate(labels))
    found = read(write("a.tsv", content), multi_label="split")
    assert found.frame["label"].tolist() == ["happy", "sad", "happy", "sad", f"not{separator}x"]


def test_rare_classes_are_left_out_by_size_and_named(write, read):
    path = write("a.csv", labelled(*["good"] * 5, *["bad"] * 4, "odd", "rare", "rare"))
    found = read(path, min_class_size=3)
    assert found.labels == ("bad", "good")
    assert any("left out 3 rows of classes with fewer than 3 rows, rare (2), odd (1)" in note
               for note in found.notes)  # fmt: skip


def test_one_class_only_is_refused(write, read):
    path = write("a.csv", labelled("good", "good"))
    with pytest.raises(DataError) as refused:
        read(path)
    assert str(refused.value) == (
        f"{path} (column 'label'): all 2 rows have the label 'good'; wanted two classes or more"
    )


def test_a_label_for_each_row_is_refused(write, read):
    with pytest.raises(DataError, match="80 different labels in 80 rows; wanted a few classes"):
        read(write("a.csv", labelled(*(f"id{k}" for k in range(80)))), label_column="label")


def test_spaces_around_a_label_are_never_part_of_it(write, read):
    path = write("a.csv", labelled('" positive"', "positive", "negative", "POSITIVE"))
    found = read(path)
    assert found.labels == ("POSITIVE", "negative", "positive")
    assert "spaces around 1 label are not part of them" in found.notes
    assert any("--fold-labels joins them" in note for note in found.notes)
    assert read(path, fold_labels=True).labels == ("negative", "positive")


def test_stars_as_glyphs_are_ordered_by_their_number_and_answered_as_digits_are(write, read):
    kinds = [full * "★" + (5 - full) * "☆" for full in (4, 1, 5, 3, 2)]
    found = read(write("a.csv", labelled(*kinds)))
    assert [kind.count("★") for kind in found.labels] == [1, 2, 3, 4, 5]
    wanted = '--map "★☆☆☆☆,★★☆☆☆=negative ★★★☆☆=neutral ★★★★☆,★★★★★=positive"'
    (note,) = [note for note in found.notes if wanted in note]
    joined = read(write("b.csv", labelled(*kinds)), map=note.split('"')[1])
    assert joined.labels == ("negative", "neutral", "positive")
    assert read(write("c.csv", labelled("★★★", "★", "★★"))).labels == ("★", "★★", "★★★")


STARS = ("1", "2", "3", "4", "5")


def test_labels_that_look_like_stars_are_taken_for_such_and_that_is_said(write, read):
    texts = read(write("a.csv", labelled(*STARS)))
    assert texts.config.task == "stars"
    assert any("taken for stars, 1 to 5" in note and "--task classes" in note
               for note in texts.notes)  # fmt: skip
    assert read(write("a.csv", labelled(*STARS)), task="classes").config.task == "classes"


def test_slips_that_keep_labels_from_being_stars_are_named(write, read):
    texts = read(write("a.csv", labelled(*STARS * 30, "great", "6")), min_class_size=0)
    assert texts.config.task == "classes"
    (said,) = [note for note in texts.notes if "nearly all labels are stars" in note]
    assert "leave such rows out with --drop-labels" in said
    assert "great" in said
    assert "6" in said


def test_stars_of_two_scales_are_not_taken_for_one_another(write, read):
    path = write("a.csv", labelled("1/2", "1/3", "2/2", "2/3"))
    with pytest.raises(DataError, match=r"'1/2' and '1/3' are stars of two scales.*--task classes"):
        read(path, task="stars")
    assert read(path, task="stars", drop_labels=("1/3", "2/3")).labels == ("1/2", "2/2")


def test_a_scale_of_stars_begins_with_the_lowest():
    with pytest.raises(ConfigError, match="--stars 5-1: wanted the lowest star first"):
        DataConfig(data="x.csv", stars="5-1")


def test_zero_and_one_stay_classes_and_so_do_stars_folded_to_polarity(write, read):
    assert read(write("a.csv", labelled("0", "1"))).config.task == "classes"
    folded = read(write("b.csv", labelled(*STARS)), map="1,2=negative 3=neutral 4,5=positive")
    assert (folded.config.task, folded.labels) == ("classes", ("negative", "neutral", "positive"))


def test_a_star_beyond_the_declared_scale_is_refused_with_its_row(write, read):
    path = write("a.csv", labelled(*STARS, "7"))
    with pytest.raises(DataError, match=r"row \d+: '7' where stars are 1 to 5 .*--drop-labels 7"):
        read(path, stars="1-5")
    assert read(path, stars="1-5", drop_labels=("7",)).labels == STARS


def test_what_is_no_star_is_refused_or_counted_as_missing(write, read):
    with pytest.raises(DataError, match="'good' is no star"):
        read(write("a.csv", labelled(*STARS, "good")), task="stars")
    texts = read(write("b.csv", labelled(*STARS, "nan")))
    assert texts.labels == STARS
    assert any("'nan' counted as missing: no star" in note for note in texts.notes)
    assert any("without label" in note for note in texts.notes)


def test_a_rare_label_that_is_a_slip_of_a_frequent_one_is_hinted_at():
    labels = pd.Series(["positive"] * 30 + ["negative"] * 30 + ["postive"] * 2, dtype="str")
    said = "labels that may be slips: 'postive' (2 rows) for 'positive'; --map \"postive=positive\""
    assert any(hint.startswith(said) for hint in relabel(labels, DataConfig(), "rows").hints)
    assert slips({"positive": 30, "postive": 4}) == {}


@pytest.mark.parametrize(
    ("name", "meant", "slip"),
    [
        ("postive", "positive", True), ("positvie", "positive", True),
        ("Negativ", "negative", True),
        ("positive", "positive", False), ("atypical", "typical", False), ("mad", "sad", False),
        ("class11", "class12", False), ("neutral", "natural", False), ("joyful", "joyous", False),
    ],
)  # fmt: skip
def test_one_letter_makes_a_slip(name, meant, slip):
    assert is_slip(name, meant) == slip
