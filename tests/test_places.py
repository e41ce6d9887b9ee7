"""What is a URL and what is a path."""

from pathlib import Path

import pytest

from ktrain_sentiment.places import url_of


@pytest.mark.parametrize(
    "url", ["s3://bucket/a.csv", "https://host/a.csv?x=1", "memory://a", "zip://a::s3://b/c.zip"]
)
def test_a_url_is_one_as_text(url):
    assert url_of(url) == url


def test_a_path_that_was_a_url_has_both_slashes_again():
    assert url_of(Path("s3://bucket/folder/a.csv")) == "s3://bucket/folder/a.csv"


@pytest.mark.parametrize(
    "place", ["a.csv", "/a/b", "C:/a", "C://a", "a://", "note: see //x", "hub:imdb", "", None, 3]
)
def test_what_is_no_url_is_none(place):
    assert not url_of(place)
    assert not isinstance(place, str) or not url_of(Path(place))
