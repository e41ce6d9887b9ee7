"""Cleaning steps: what they change, what they must leave alone, and that once is enough."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrain_sentiment.cleaning import STEPS, apply_cleaning, check_steps
from ktrain_sentiment.config import CleaningStep
from ktrain_sentiment.errors import ConfigError

PIECES = ["&amp;", "&lt;", "<br />", "<!--", "-->", "http://", "www.", "@user", "<script>"]
HOSTILE = st.lists(
    st.sampled_from([*PIECES, "</script>", *"<>&;#@/.-! \n\tabAB3é\u0301\u00a0😀"])
    | st.text(max_size=3),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Good<br /><br />film", "Good film"),
        ("<p class='x'>Hi</p>there", "Hi there"),
        ("fish &amp; chips", "fish & chips"),
        ("fish &amp;amp; chips", "fish & chips"),
        ("&lt;br /&gt; escaped twice", "escaped twice"),
        ("a&nbsp;b &#8217; &#x2019;", "a b \u2019 \u2019"),
        ("<script>alert(1)</script>safe<!-- note -->", "safe"),
        ("I <3 you & me", "I <3 you & me"),
        ("a < b > c", "a < b > c"),
        ("x <foo@bar.com> y", "x <foo@bar.com> y"),
        ("link?a=1&copy=2 AT&T", "link?a=1&copy=2 AT&T"),
        ("two  spaces\nand a line", "two  spaces\nand a line"),
    ],
)
def test_html_goes_and_what_only_looks_like_it_stays(text, cleaned):
    assert apply_cleaning([text], ["html"]) == [cleaned]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("see http://t.co/ab, ok", "see http, ok"),
        ("(https://x.org/y?z=1).", "(http)."),
        ("WWW.EXAMPLE.ORG rocks", "http rocks"),
        ("no link here: a.b", "no link here: a.b"),
    ],
)
def test_links_are_masked_and_punctuation_around_them_is_kept(text, masked):
    assert apply_cleaning([text], ["urls"]) == [masked]


def test_mentions_are_masked_and_addresses_are_not():
    text = ".@bob says hi to @al_1 and me@example.com, RT @user: x"
    masked = ".@user says hi to @user and me@example.com, RT @user: x"
    assert apply_cleaning([text], ["mentions"]) == [masked]


def test_unicode_is_written_in_one_way():
    assert apply_cleaning(["cafe\u0301"], ["unicode"]) == ["caf\u00e9"]


def test_steps_are_applied_in_the_given_order():
    text = "&lt;a&gt; http://x.org/&lt;b&gt;"
    assert apply_cleaning([text], ["html", "urls"]) != apply_cleaning([text], ["urls", "html"])


def test_no_steps_change_nothing():
    assert apply_cleaning(["  as it was <br> "], []) == ["  as it was <br> "]


@pytest.mark.parametrize("step", STEPS)
@given(text=HOSTILE)
def test_a_step_applied_twice_changes_nothing_more(step, text):
    once = apply_cleaning([text], [step])
    assert apply_cleaning(once, [step]) == once


@pytest.mark.parametrize(
    "text",
    ["-->" + "<!--" * 100_000, "&" + "amp;" * 100_000, "<script>" * 50_000, "<a " * 100_000,
     "http://" + "." * 300_000, "<!--" * 10_000 + "-->" * 10_000, "&amp;lt;" * 100_000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_no_text_makes_cleaning_slow(text):
    start = time.process_time()
    apply_cleaning([text], STEPS)
    assert time.process_time() - start < 5


def test_an_unknown_step_is_answered_with_the_near_one():
    with pytest.raises(ConfigError, match="cleaning step 'htm' is not known; did you mean html"):
        check_steps(["htm"])


def test_the_flags_offer_exactly_the_steps_there_are():
    assert set(STEPS) == set(CleaningStep.__args__)
