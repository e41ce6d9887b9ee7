"""Where a run goes for which no folder is named."""

from pathlib import Path

import pytest

from ktrain_sentiment.runs import default_run


@pytest.mark.parametrize(
    ("data", "task", "wanted"),
    [
        ("mine/reviews.csv", "", "runs/reviews"),
        ("reviews.csv", "lr", "runs/reviews-lr"),
        ("movie-reviews", "compared", "runs/movie-reviews-compared"),
        ("hub:stanfordnlp/imdb", "", "runs/imdb"),
        ("hub:stanfordnlp/imdb:train", "", "runs/imdb-train"),
        ("exports/reviews.csv.gz", "", "runs/reviews"),
        ("exports/*.csv", "", "runs/data"),
        (".", "lr", "runs/data-lr"),
    ],
)
def test_a_run_without_a_folder_is_named_after_its_data_and_what_is_done(
    data: str, task: str, wanted: str
) -> None:
    assert default_run(data, task) == Path(wanted)
