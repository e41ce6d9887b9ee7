"""Files of templates: what they may say, and the sentences that come of them."""

from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.behaviour import own_templates
from ktrain_sentiment.templates import Template, draw, finish, misspell, read_templates

WORDS = {"good": ("fine", "able"), "thing": ("film", "one", "hat"), "name": ("Ann", "Bo", "Cy")}


def template(**changes: object) -> Template:
    given = {"name": "t", "capability": "c", "templates": ("A {good} {thing}.",)}
    return Template(**{**given, "expect": ("positive",), **changes})


def read(tmp_path: Path, text: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    return read_templates(path)


def test_the_packages_own_templates_can_all_be_drawn() -> None:
    own = own_templates()
    assert len({test.name for test in own.tests}) == len(own.tests)
    for test in own.tests:
        cases = draw(test, own.words, 20, rows=["Some words that were written."] * 30)
        assert len(cases) == 20
        assert not any("{" in text for case in cases for text in case)


def test_the_same_cases_are_drawn_each_time_and_none_twice() -> None:
    test = template(templates=("A {good} {thing} of {name}.", "{name} has it."))
    drawn = draw(test, WORDS, 15)
    assert drawn == draw(test, WORDS, 15)
    assert drawn != draw(test, WORDS, 15, seed=1)
    assert len(set(drawn)) == len(drawn) == 15


def test_there_are_no_more_cases_than_sentences_can_be_made() -> None:
    assert len(draw(template(), WORDS, 1000)) == 6


def test_an_article_fits_the_word_that_it_came_to_stand_before() -> None:
    assert (
        finish("a able hat, a one, a useful hat, a hat")
        == "An able hat, a one, a useful hat, a hat"
    )
    assert finish("https://t.co/a") == "https://t.co/a"


def test_two_words_of_one_list_differ() -> None:
    test = template(templates=("{name} met {name2}.",))
    made = [case[0] for case in draw(test, WORDS, 100)]
    assert len(made) == 6
    assert not any(text == f"{name} met {name}." for text in made for name in WORDS["name"])


def test_a_case_that_varies_has_a_sentence_for_each_word() -> None:
    test = template(templates=("{name} has a {thing}.",), vary="name", expect=())
    assert draw(test, WORDS, 9)[0] in {
        tuple(f"{name} has a {thing}." for name in WORDS["name"]) for thing in WORDS["thing"]
    }
    assert test.kind == "invariance"


def test_what_is_added_stands_before_or_after() -> None:
    for where, wanted in (("after", "A fine hat. So."), ("before", "So. A fine hat.")):
        test = template(templates=("A fine hat.",), add=("so.",), where=where, expect=())
        assert draw(test, WORDS, 5) == [("A fine hat.", wanted)]


def test_a_typo_exchanges_two_letters_and_leaves_the_first_one() -> None:
    rng = np.random.default_rng(0)
    text = "Some wonderful words here"
    for _ in range(50):
        changed = misspell(text, 2, rng)
        assert sorted(changed) == sorted(text)
        assert [word[0] for word in changed.split()] == ["S", "w", "w", "h"]
    assert misspell("a b c", 2, rng) == "a b c"


def test_rows_are_taken_as_they_are() -> None:
    test = template(templates=(), rows=True, typos=1, expect=())
    rows = [f"row number {k}" for k in range(9)]
    assert {case[0] for case in draw(test, WORDS, 100, rows=rows)} == set(rows)


ONE = "words: {good: [fine]}\ntests:\n- name: mine\n  capability: c\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "no file of templates"),
        ("tests: []", "length >= 1"),
        ("words: {good: []}\n" + ONE.partition("\n")[2], "length >= 1"),
        (ONE + "  expect: [happy]", "Invalid enum value 'happy'"),
        (ONE + "  expct: [positive]", "unknown field `expct`"),
        (ONE + "  expect: [positive]", "wanted either templates or 'rows: true'"),
        (ONE + "  templates: [a]", "wanted 'expect: [positive]' or the like"),
        (ONE + "  templates: ['{god}']\n  expect: [positive]", "'god'; did you mean good?"),
        (ONE + "  templates: ['{Good}']\n  expect: [positive]", "in small letters"),
        (ONE + "  templates: [a]\n  vary: good", "must have {good}, which varies"),
        (ONE + "  templates: [a]\n  typos: 1\n  add: [b]", "typos and add exclude each other"),
        (ONE + "  templates: [a]\n  typos: 1\n  never: rise", "never says what may not come"),
        (ONE + "  rows: true\n  expect: [positive]", "leave out expect or rows"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        read(tmp_path, text)
    message = str(refusal.value)
    assert message.startswith(str(tmp_path / "mine.yaml"))
    assert said in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml: the templates cannot be read: no such file"):
        read_templates(tmp_path / "no.yaml")
