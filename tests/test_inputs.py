"""What of a row a model reads becomes one text, in one way."""

import pytest

from ktrain_sentiment.errors import ConfigError, DataError, InputError
from ktrain_sentiment.inputs import TEXTS, Inputs, marks_of, text_alone, text_and_second

PLACES = Inputs("review", ("price", "category"))


def test_a_text_alone_stays_as_it_is():
    assert TEXTS.join("Lovely | place.", []) == "Lovely | place."
    assert not TEXTS
    assert TEXTS.to_table() == {}


def test_further_columns_stand_before_the_text_by_name():
    joined = PLACES.join("Lovely place.", ["19.99", "food"])
    assert joined == "price 20, category food | Lovely place."
    assert text_alone(joined, PLACES) == "Lovely place."


@pytest.mark.parametrize("missing", [None, "", "  ", "NaN", "n/a", " NULL "])
def test_a_missing_cell_is_read_as_nothing(missing):
    assert PLACES.join("Lovely.", [missing, "food"]) == "category food | Lovely."
    assert PLACES.join("Lovely.", [missing, missing]) == "| Lovely."


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_row_without_text_is_none_whatever_else_it_holds(text):
    assert PLACES.join(text, ["5", "food"]) is None


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("19.99", "20"), ("20.05", "20"), ("4", "4"), ("4.0", "4"), ("3,5", "3.5"), ("0", "0"),
        ("-0.01234", "-0.012"), ("1234567", "1200000"), ("02139", "02139"), ("1e5", "100000"),
        ("1.5E+17", "150000000000000000"), (".5", "0.5"), ("20.", "20"), ("5e", "5e"),
        ("1e40", "1E+40"), ("1" + 40 * "0", "1E+40"),
        ("a|b\n c", "a/b c"), ("long " * 20, ("long " * 8).strip()),
    ],
)  # fmt: skip
def test_numbers_are_read_with_two_digits_and_words_shortly(cell, read):
    assert Inputs("text", ("x",)).join("t", [cell]) == f"x {read} | t"


def test_it_is_kept_in_the_manifest_and_found_there_again():
    kept = {"text_column": "review", **PLACES.to_table()}
    assert kept["also"] == ["price", "category"]
    assert Inputs.of(kept) == PLACES


@pytest.mark.parametrize("also", ["price", [1], {"price": 1}])
def test_a_manifest_that_says_something_else_is_refused(also):
    with pytest.raises(InputError, match="wanted a list of columns"):
        Inputs.of({"also": also})


def test_a_table_without_one_of_the_columns_is_refused_by_its_name():
    said = "there is no column 'category', and the model reads texts and the columns 'price', "
    with pytest.raises(DataError, match=said):
        PLACES.check(["review", "price"], "x.csv")


def test_other_columns_than_the_models_own_are_refused():
    trained = {"text_column": "review", **PLACES.to_table()}
    assert Inputs.asked((), "", trained) == PLACES
    assert Inputs.asked(("price",), "", {}).also == ("price",)
    with pytest.raises(ConfigError, match="--also price: the model reads texts and the columns"):
        Inputs.asked(("price",), "", trained)
    with pytest.raises(ConfigError, match="--also price: the model reads texts alone"):
        Inputs.asked(("price",), "", {"text_column": "review"})


ASPECTS = Inputs("text", pair="aspect")


def test_a_pair_is_one_text_until_the_tokenizer_takes_it_apart():
    joined = ASPECTS.join("The food was great.", ["food"])
    assert joined == "The food was great. \u241e food"
    assert text_and_second(joined) == ("The food was great.", "food")
    assert text_alone(joined, ASPECTS) == "The food was great."


def test_a_pair_may_stand_beside_further_columns():
    inputs = Inputs("text", ("price",), "aspect")
    joined = inputs.join("Great.", ["19.99", "food"])
    assert joined == "price 20 | Great. \u241e food"
    assert text_and_second(joined) == ("price 20 | Great.", "food")
    assert text_alone(joined, inputs) == "Great."
    assert Inputs.of({"text_column": "text", **inputs.to_table()}) == inputs


@pytest.mark.parametrize("empty", [None, "", " \n"])
def test_a_pair_without_its_second_text_is_none(empty):
    assert ASPECTS.join("The food was great.", [empty]) is None


def test_marks_stay_where_words_are_left_out():
    assert marks_of("x \u241e y") == " \u241e "
    assert marks_of("|") == " | "
    assert marks_of("a|b") == ""


@pytest.mark.parametrize("cell", ["food", None])
def test_a_row_whose_words_are_left_out_is_still_a_row(cell):
    joined = Inputs("text", ("category",)).join("Lovely.", [cell]).removesuffix("Lovely.").strip()
    assert Inputs("text", ("category",)).is_joined(joined)
    assert text_alone(joined, Inputs("text", ("category",))) == ""


def test_a_table_of_many_columns_that_lacks_one_is_refused_in_few_words():
    with pytest.raises(DataError, match=r"columns: 'c0', .*'c19' and 2,980 more: rename"):
        Inputs("text", also=("price",)).check([f"c{k}" for k in range(3000)], "a.csv")
