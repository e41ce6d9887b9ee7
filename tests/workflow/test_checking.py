"""Templates are in one language, and rows may be in another."""

import pytest

from ktrain_sentiment.workflow.checking import other_language

GERMAN = ["Das Essen war kalt und die Bedienung sehr unfreundlich.", "Ein wunderbarer Film, den ich"
          " sofort noch einmal sehen möchte."] * 5  # fmt: skip
ENGLISH = ["The food was cold and nobody came to our table.", "A film that I want to see again"
           " at once, with everyone I know."] * 5  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "found"),
    [(GERMAN, "de"), (ENGLISH, ""), (ENGLISH + GERMAN[:4], ""), (["ok"], ""), ([], "")],
)
def test_another_language_is_named_where_most_rows_are_in_it(texts, found) -> None:
    assert other_language(texts, "en") == found
