"""What a terminal shows."""

from ktrain_sentiment.report.figures import Column, FigureTable
from ktrain_sentiment.report.screen import first_rows


def test_a_table_of_many_classes_fits_a_screen_and_says_how_many_more_there_are():
    columns = [Column("label", str, words=True)]
    table = FigureTable.of("by class", columns, [f"intent_{k}" for k in range(77)])
    shown, more = first_rows(table)
    assert len(shown.rows) == 20
    assert more.plain == "... and 57 more"
    assert first_rows(FigureTable.of("by class", columns, ["a", "b"]))[0].rows == (("a",), ("b",))
