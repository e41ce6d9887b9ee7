"""The profile: lengths, telling words, classes, and its page."""

import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from ktrain_sentiment.config import SplitConfig
from ktrain_sentiment.data import split
from ktrain_sentiment.data.lengths import load_tokenizer, summarise, token_lengths
from ktrain_sentiment.data.profile import profile
from ktrain_sentiment.errors import EncoderError
from ktrain_sentiment.report.data_tables import profile_classes, profile_lengths
from ktrain_sentiment.report.page import render_profile
from ktrain_sentiment.report.screen import findings


@pytest.fixture
def tokenizer_file(tmp_path):
    """A tokenizer that takes words as tokens, and was saved with a limit of four."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    path = tmp_path / "encoder" / "tokenizer.json"
    path.parent.mkdir()
    tokenizer.save(str(path))
    return path


@pytest.fixture
def texts(write, read):
    lines = [f"{'great' if k % 2 else 'awful'} film {'very ' * (k % 9)}{k} <b>,"
             f"{'good' if k % 2 else 'bad'}" for k in range(60)]  # fmt: skip
    return read(write("reviews.csv", "text,label\n" + "\n".join(lines)))


def test_lengths_are_those_without_the_tokenizers_own_limits(tokenizer_file):
    tokenizer = load_tokenizer(tokenizer_file.parent)
    assert token_lengths(["one two three", "a b c d e f g", ""], tokenizer).tolist() == [3, 7, 0]


def test_no_tokenizer_is_one_line(tmp_path, tokenizer_file):
    with pytest.raises(EncoderError, match="no such file; wanted an encoder's folder or tokenizer"):
        load_tokenizer(tmp_path / "nowhere")
    panics = (
        '{"version": "1.0", "normalizer": {"type": "Precompiled", "precompiled_charsmap": "A"}}'
    )
    for content in ("{}", panics):
        tokenizer_file.write_text(content)
        with pytest.raises(EncoderError, match=r"tokenizer\.json: not a tokenizer: "):
            load_tokenizer(tokenizer_file)


def test_the_suggested_maxlen_leaves_nearly_all_texts_whole():
    lengths = np.array([20] * 90 + [60] * 6 + [300] * 4)
    summary = summarise(lengths, "tokens")
    assert summary.suggested == 64
    assert summary.percentiles[50] == 20
    assert summary.percentiles[99] == 300
    choices = {choice.maxlen: choice for choice in summary.choices}
    assert choices[64].cut == pytest.approx(0.04)
    assert choices[64].cost == 1
    assert choices[32].cut == pytest.approx(0.10)
    assert choices[32].lost == pytest.approx(1 - (90 * 20 + 10 * 32) / lengths.sum())
    assert choices[384].cut == 0
    assert max(choices) == 384
    assert sum(summary.histogram) == 100


def test_texts_longer_than_any_choice_get_the_longest():
    assert summarise(np.array([5000] * 10), "tokens").suggested == 512


def test_words_have_no_maxlen():
    assert summarise(np.array([1, 2, 3]), "words").suggested is None


def make_profile(texts, tokenizer=None, maxlen=None):
    splits = split(texts, SplitConfig(validation=0.2, test=0.1))
    return profile(texts, texts, splits, tokenizer, maxlen)


def test_a_profile_knows_classes_words_and_samples(texts):
    found = make_profile(texts)
    assert found.sizes == {"train": 42, "validation": 12, "test": 6}
    by_label = {one.label: one for one in found.classes}
    assert by_label["good"].rows == 30
    assert by_label["good"].by_split == {"train": 21, "validation": 6, "test": 3}
    assert by_label["good"].words[0][0] == "great"
    assert by_label["bad"].words[0][0] == "awful"
    assert len(by_label["bad"].samples) == 3
    assert found.lengths.unit == "words"


def test_a_maxlen_that_cuts_is_a_finding(texts, tokenizer_file):
    found = make_profile(texts, load_tokenizer(tokenizer_file), maxlen=8)
    cut = next(finding for finding in found.findings if finding.check == "cut texts")
    assert 0 < cut.rows < 60
    assert cut.summary.startswith(f"{cut.rows} texts (")


def test_the_worst_findings_come_first(texts):
    severities = [finding.severity for finding in make_profile(texts).findings]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert "error" in severities


def test_a_profile_is_plain_json(texts):
    content = json.loads(json.dumps(make_profile(texts).as_dict()))
    assert content["classes"][0]["label"] in {"good", "bad"}
    assert len(content["fingerprint"]) == 64


class Page(HTMLParser):
    """Notes open elements; text is what a reader sees."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "br", "rect", "col"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"meta", "br", "rect", "col"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_whole_and_escapes_the_texts(texts):
    content = render_profile(make_profile(texts))
    page = Page()
    page.feed(content)
    assert page.open == []
    assert "<b>," not in content
    assert "awful film" in page.text
    for title in ("Findings", "Classes", "Lengths", "Telling words", "Sample rows"):
        assert title in page.text
    assert "http" not in content.replace("http://www.w3.org", "")
    assert content.count("<svg") == 2


def test_the_tables_and_findings_can_be_printed(texts, tokenizer_file):
    found = make_profile(texts, load_tokenizer(tokenizer_file), maxlen=8)
    console = Console(width=100, record=True, file=io.StringIO())
    tables = [profile_classes(found), profile_lengths(found.lengths)]
    for item in [*tables, *findings(found.findings)]:
        console.print(item)
    shown = console.export_text()
    assert "60 rows by class" in shown
    assert "tokens not read" in shown
    assert "→ --cleaning html" in shown or "give-away word" in shown
