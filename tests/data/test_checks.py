"""Checks: each finds what it is for, counts it, shows it, and says what to do."""

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import LabelledTexts, read_rows, repeats, split
from ktrain_sentiment.data.checks import check_rows, main_language
from ktrain_sentiment.data.repeats import check_splits

ADJECTIVES = ["kind", "harsh", "slow", "bright", "odd", "warm", "plain", "sharp", "dark", "calm"]
NOUNS = ["plot", "cast", "song", "scene", "score", "voice", "pace", "ending", "set", "dialogue"]


def sentence(k):
    """Different sentences without a word that tells the label."""
    one, other = ADJECTIVES[k % 10], NOUNS[(k // 10) % 10]
    return f"I thought the {other} was rather {one} in number {k} of the films"


def make(changed=(), labels=("good", "bad"), rows=100, **flags):
    """Clean rows but for the given ones: (row, text) or (row, text, label)."""
    frame = pd.DataFrame(
        {
            "text": [sentence(k) for k in range(rows)],
            "label": [labels[(k // 3) % len(labels)] for k in range(rows)],
            "row": range(rows),
        }
    )
    for row, text, *label in changed:
        frame.loc[row, "text"] = text
        if label:
            frame.loc[row, "label"] = label[0]
    return LabelledTexts(frame, "x.csv", "text", "label", config=DataConfig(data="x.csv", **flags))


def found(texts, check):
    """The finding of the given check; there must be one."""
    findings = {finding.check: finding for finding in check_rows(texts)}
    assert check in findings, findings.keys()
    return findings[check]


def test_a_clean_data_set_has_no_findings():
    assert check_rows(make()) == ()


def test_missing_and_blank_texts_are_counted_apart():
    finding = found(make([(3, None), (5, ""), (7, " \t")]), "no text")
    assert finding.summary == "3 rows without text, 1 of them white space only"
    assert [example.row for example in finding.examples] == [3, 5, 7]
    assert finding.share == 0.03


def test_missing_labels_are_a_finding_of_their_own():
    assert found(make([(3, "fine text here", None)]), "no label").rows == 1


def test_very_long_texts_are_named_with_their_length():
    finding = found(make([(9, "so long " * 2000)]), "very long texts")
    assert finding.examples[0].remark == "16,000 characters"


def test_html_remains_are_counted_by_kind_and_shown():
    finding = found(make([(1, "good<br />film"), (2, "fish &amp; chips"), (4, "I <3 AT&T")]),
                    "HTML remains")  # fmt: skip
    assert finding.summary == "1 text with tags and 1 text with entities"
    assert [example.remark for example in finding.examples] == ["<br />", "&amp;"]
    assert finding.advice.startswith("--cleaning html")


def test_broken_encodings_are_found():
    broken = ["the caf\u00c3\u00a9 was good", "it\u00e2\u20ac\u2122s bad", "caf\ufffd"]
    assert found(make(list(enumerate(broken))), "broken characters").rows == 3


def test_texts_that_a_spreadsheet_made_errors_of_are_found():
    texts = ["#NAME?", "it said #REF! at the end", " #DIV/0! ", "fine", "#REF!"]
    finding = found(make(list(enumerate(texts))), "spreadsheet errors")
    assert finding.rows == 3
    assert "began with =" in finding.advice


def test_control_characters_are_found_and_line_breaks_are_none():
    finding = found(make([(1, "a bell\x07 rings"), (2, "two\nlines\tok")]), "control characters")
    assert finding.rows == 1
    assert finding.examples[0].remark == "'\\x07'"


def test_repeats_name_the_row_that_they_repeat():
    finding = found(make([(50, sentence(0)), (51, sentence(0), "good")]), "repeated texts")
    assert finding.rows == 2
    assert finding.examples[0].remark == "row 0"
    assert "the commonest 3 times" in finding.summary


def test_near_repeats_show_the_text_that_they_repeat():
    finding = found(make([(50, sentence(0).upper() + " ")]), "near repeats")
    assert finding.rows == 1
    assert finding.examples[0].remark == f"row 0: {sentence(0)}"


@pytest.mark.parametrize(
    ("flags", "check", "advice"),
    [
        ({}, "repeated texts", "left out unless --duplicates keep"),
        ({"duplicates": "keep"}, "repeated texts", "kept, as --duplicates keep says"),
        ({}, "near repeats", "--duplicates drop-near leaves them out"),
        ({"duplicates": "drop-near"}, "near repeats", "left out, as --duplicates drop-near says"),
        ({"duplicates": "keep"}, "near repeats", "kept, in one split, as --duplicates keep says"),
        ({"contradictions": "drop"}, "contradicting labels", "left out, as --contradictions drop"),
    ],
)
def test_nobody_is_advised_to_do_what_they_did(flags, check, advice):
    changed = [(50, sentence(0)), (60, sentence(0).upper()), (70, sentence(0), "bad")]
    assert advice in found(make(changed, **flags), check).advice


def test_similar_texts_are_found():
    long = "a long review that goes on about the many things which one can say of it"
    finding = found(make([(10, long), (60, f"{long} today")]), "similar texts")
    assert finding.rows == 1
    assert finding.examples[0].row == 60


def test_contradicting_labels_show_each_label():
    finding = found(make([(0, "the same words", "good"), (9, "The same words.", "bad")]),
                    "contradicting labels")  # fmt: skip
    assert finding.summary == "1 text in 2 rows with different labels"
    assert finding.severity == "error"
    assert [example.remark for example in finding.examples] == ["good", "bad"]


def test_texts_in_another_language_are_named_with_it():
    german = "Das war wirklich ein ganz wunderbarer Film, den ich gern noch einmal sehe"
    japanese = "とても素晴らしい映画でした、また見たいと思います、ありがとう"
    finding = found(make([(4, german), (5, japanese)]), "other languages")
    assert finding.summary == (
        "most texts are in en, 2 texts of all rows surely in another language: de (1), ja (1)"
    )


def test_the_language_of_most_texts_is_known_or_none():
    german = "Das war wirklich ein ganz wunderbarer Film, den ich gern noch einmal sehe"
    english = sentence(1)
    assert main_language([german, german, english]) == "de"
    assert main_language([english] * 3) == "en"
    assert main_language([german, english]) == main_language(["ok"] * 3) == main_language([]) == ""


def test_texts_too_short_for_certainty_do_not_outvote_those_that_are_not():
    german = "Das war wirklich ein ganz wunderbarer Film, den ich gern noch einmal sehe"
    assert main_language([german] + ["gut"] * 5) == "de"
    assert main_language([german] + ["ok"] * 20) == ""


def test_several_labels_in_one_are_listed():
    texts = make([(4, "mixed feelings here", "good|bad")])
    assert "good|bad (1)" in found(texts, "several labels").summary


def test_a_label_that_stands_for_none_is_an_error_and_not_a_class():
    finding = found(make([(4, "who knows", "N/A"), (5, "nor do I", "N/A")]), "label for none")
    assert finding.severity == "error"
    assert finding.summary.startswith("2 rows labelled 'N/A'")
    assert finding.advice == "--drop-labels N/A leaves these rows out"


def test_rare_classes_are_listed_with_their_sizes():
    texts = make([(4, "an odd one out", "odd"), (5, "another odd one out", "odd")])
    assert found(texts, "rare classes").summary == "1 class with fewer than 20 rows: odd (2)"


def test_a_dominant_class_is_a_finding():
    texts = make(labels=("good", "good", "good", "bad"))
    assert found(texts, "imbalance").rows > 70


def test_a_word_that_gives_the_label_away_is_named():
    texts = make(rows=200)
    bad = texts.frame["label"] == "bad"
    texts.frame.loc[bad, "text"] = "Unverified: " + texts.frame.loc[bad, "text"]
    finding = found(texts, "give-away word")
    assert finding.summary.startswith("the word 'unverified' stands in 100.0 % of the 'bad' texts")
    assert finding.severity == "error"


def test_rows_with_labels_that_are_not_wanted_are_not_looked_at():
    texts = make([(3, "good<br />film", "nocode")], drop_labels=("nocode",))
    assert check_rows(texts) == ()


def test_every_finding_has_advice_and_examples_of_its_rows():
    texts = make([(1, "good<br />film"), (3, None), (50, sentence(0)), (60, sentence(2).upper())])
    findings = check_rows(texts)
    assert len(findings) == 4
    for finding in findings:
        assert finding.advice
        assert 0 < finding.rows <= finding.of
        assert {example.row for example in finding.examples} <= set(texts.frame["row"])
        assert "\n" not in finding.summary + finding.advice


def test_leaks_between_splits_are_found_exact_near_and_similar():
    own = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20
    long = "a long review that goes on about the many things which one can say of it"
    texts = make([(2, long), (90, f"{long} today"), (70, sentence(1).upper())])
    texts.frame["part"] = own
    findings = check_splits(split(texts, SplitConfig(split_column="part")))
    assert [(one.check, one.rows, one.of) for one in findings] == [
        ("leak", 1, 20),
        ("similar texts across splits", 1, 20),
    ]
    assert findings[0].examples[0].remark == "row 1 of train"
    assert findings[1].examples[0].remark == f"row 2 of train: {long}"


def test_each_text_of_the_splits_is_reduced_to_its_key_once(monkeypatch):
    asked, key = [], repeats.near_key
    splits = split(make(), SplitConfig(test=0.2))
    monkeypatch.setattr(repeats, "near_key", lambda text: asked.append(text) or key(text))
    check_splits(splits)
    assert sorted(asked) == sorted(sentence(k) for k in range(100))


def test_real_imdb_reviews_have_html_breaks(real_data):
    texts = read_rows(DataConfig(data=str(real_data("imdb_train.parquet"))))
    sample = LabelledTexts(texts.frame.head(2000), texts.source, "text", "label")
    finding = found(sample, "HTML remains")
    assert finding.share == pytest.approx(0.58, abs=0.05)
    assert finding.examples[0].remark == "<br />"
