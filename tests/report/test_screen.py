"""What a terminal shows."""

from ktrain_sentiment.evaluation.behaviour import Ability, Behaviour
from ktrain_sentiment.evaluation.intervals import wilson
from ktrain_sentiment.report.figures import Column, FigureTable
from ktrain_sentiment.report.screen import behaviour, first_rows, training


def test_a_table_of_many_classes_fits_a_screen_and_says_how_many_more_there_are():
    columns = [Column("label", str, words=True)]
    table = FigureTable.of("by class", columns, [f"intent_{k}" for k in range(77)])
    shown, more = first_rows(table)
    assert len(shown.rows) == 20
    assert more.plain == "... and 57 more"
    assert first_rows(FigureTable.of("by class", columns, ["a", "b"]))[0].rows == (("a",), ("b",))


def test_a_checklist_names_its_worst_tests_and_what_was_left_out():
    tests = [Ability(f"test {k}", "negation", "minimum", wilson(10 * k, 50)) for k in range(6)]
    whole = Ability("", "negation", "", wilson(150, 300))
    found = Behaviour("mine.yaml", "en", tuple(tests), (whole,), {"test 9": "no rows"}, ("a note",))
    table, sentence, *rest = behaviour(found)
    assert [row[1] for row in table.rows] == ["all of them", *(f"test {k}" for k in range(6))]
    assert table.strong == {0}
    assert '"test 5" (100 %); "test 4" (80 %); "test 3" (60 %) and 2 more' in sentence.plain
    assert [part.plain for part in rest] == ["left out: test 9: no rows", "a note"]
    calm = Behaviour("mine.yaml", "en", tuple(tests[:1]), (whole,), {})
    assert "none surely fails in more than 10 %" in behaviour(calm)[1].plain


def test_a_training_shows_the_engine_that_is_shipped_beside_the_others(facts):
    parts = training(facts.training)
    (shown,) = (
        part for part in parts if isinstance(part, FigureTable) and "by default" in part.title
    )
    assert [row[0] for row in shown.rows] == ["int8", "fp32"]
    assert shown.strong == {0}
