"""Tables of figures: one description, readable at any width, the same in Markdown."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from ktrain_sentiment.evaluation import compute_metrics
from ktrain_sentiment.evaluation.calibration import Abstention
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.evaluation.ranking import Costs, Outcome, rank
from ktrain_sentiment.evaluation.review import Mistake
from ktrain_sentiment.report import result_tables, trial_tables
from ktrain_sentiment.report.figures import LONGEST, Column, FigureTable, MarkedText, excerpt
from ktrain_sentiment.tasks import Task


def shown(table, width=100):
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_the_headline_table_has_intervals_and_baselines(facts):
    text = shown(result_tables.headline(facts.metrics, facts.baselines, name="mine"))
    accuracy = facts.metrics.accuracy
    assert f"{100 * accuracy.value:.1f}" in text
    assert f"{100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}" in text
    assert "TF-IDF" in text


def test_where_baselines_do_not_fit_the_best_is_the_one_that_stays(facts):
    worst, best = facts.baselines["majority"], facts.baselines["tfidf"]
    beside = {"majority": worst, "median": worst, "mean": worst, "tfidf": best}
    narrow = shown(result_tables.headline(facts.metrics, beside, name="mine"), 64)
    head = next(line for line in narrow.splitlines() if "mine" in line)
    assert "TF-IDF" in head
    assert "mean" not in head
    assert "left out here for want of width" in narrow


def test_of_a_long_text_the_beginning_is_shown_or_what_stands_around_its_strongest_word():
    words = [f"word{k}" for k in range(300)]
    text = " ".join(words)
    pieces = tuple((f"{word} ", 1.0 if k == 250 else 0.001) for k, word in enumerate(words))
    plain, marked = excerpt(text), excerpt(MarkedText(pieces))
    assert plain == f"{text[: plain.index(' …')]} …"
    assert LONGEST - 10 < len(plain) <= LONGEST + 2
    assert ("word250 ", 1.0) in marked.pieces
    assert str(marked).startswith("…word2")
    assert str(marked).endswith(" …")
    assert LONGEST - 20 < len(str(marked)) <= LONGEST + 4
    early = MarkedText((("great ", 1.0), *pieces))
    assert str(excerpt(early)).startswith("great word0 word1")
    assert excerpt(MarkedText(pieces[:9])).pieces == pieces[:9]


def test_texts_are_wrapped_and_not_taken_for_markup():
    text = "a [bold]very[/bold] long text " * 8
    lost = Mistake(row=1, text=text, label="negative", other="positive", p_label=0.2, p_other=0.8)
    lines = shown(result_tables.top_losses([lost]), width=60)
    assert max(len(line) for line in lines.splitlines()) <= 60
    assert "[bold]very[/bold]" in lines


def test_thresholds_that_differ_look_different_and_can_be_typed():
    share = Estimate(0.9, 0.8, 0.95, 40)
    found = [Abstention(below, share, share) for below in (0.0, 0.50012, 0.50031)]
    text = shown(result_tables.abstentions(found))
    assert "0.5001" in text
    assert "0.5003" in text
    assert "0.500 " in shown(result_tables.abstentions(found[:2]))


@pytest.mark.parametrize("width", [80, 60])
def test_no_figure_and_no_name_is_cut_where_space_is_short(facts, width):
    name = "a-run-with-a-long-name-of-its-own"
    table = result_tables.headline(facts.metrics, facts.baselines, name=name)
    lines = shown(table, width)
    assert max(len(line) for line in lines.splitlines()) <= width
    assert "…" not in lines
    for words in ("Matthews correlation", "balanced accuracy", "95 % interval"):
        assert words in lines


def test_columns_give_way_in_their_order_and_are_named():
    columns = [
        Column("model", str, words=True),
        Column("memory", lambda one: "1,024 MB", drop=2),
        Column("texts a second", lambda one: "1,500", short="texts/s", drop=1),
    ]
    table = FigureTable.of("Models", columns, ["tfidf"])
    assert "texts a second" in shown(table, 60)
    assert "texts/s" in shown(table, 32)
    narrow = shown(table, 24)
    assert "1,024" not in narrow
    assert "1,500" in narrow
    assert "left out here for want of width: memory" in " ".join(narrow.split())


def test_many_long_labels_become_numbers_over_a_confusion_matrix():
    labels = tuple(f"a rather long label {k}" for k in range(8))
    truth = np.arange(40) % 8
    lines = shown(result_tables.confusion(compute_metrics(truth, np.eye(8)[truth], labels)))
    assert "8 a rather long label 7" in lines
    assert max(len(line) for line in lines.splitlines()) <= 80


def test_a_table_is_the_same_in_markdown_with_its_bars_escaped():
    columns = [Column("label", str, words=True), Column("rows", lambda one: "3")]
    table = FigureTable.of("x", columns, ["happy|sad"])
    assert table.to_markdown() == "| label | rows |\n| --- | ---: |\n| happy\\|sad | 3 |\n"


def test_columns_that_are_all_needed_go_below_each_other():
    numbers = [Column(f"size {k}", lambda one: "82.1 % (80.1 to 84.2)") for k in range(5)]
    table = FigureTable.of("Few", [Column("model", str, words=True), *numbers], ["tfidf"])
    lines = shown(table, 80)
    assert max(len(line) for line in lines.splitlines()) <= 80
    assert lines.count("model") == 3
    assert all(f"size {k}" in lines for k in range(5))


@pytest.mark.parametrize(
    ("kind", "labels", "words"),
    [
        ("classes", ("no", "yes"), ("accuracy", "macro F1")),
        ("stars", ("1", "2"), ("stars off",)),
        ("score", ("score",), ("error", "Spearman")),
        ("multi", ("dull", "long"), ("macro F1",)),
    ],
)
def test_a_leaderboard_speaks_the_tasks_language_and_is_readable_in_eighty_columns(
    kind, labels, words
):
    costs = Costs(
        train_seconds=100, texts_per_second=1500, latency_ms=1.5, memory_mb=900, disk_mb=90
    )
    names = [f"org/encoder-{k}" for k in range(8)]
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=(200, 2) if kind == "multi" else 200)
    found = {
        name: Outcome(rng.dirichlet([1, 1], size=200)[:, : len(labels)], costs) for name in names
    }
    entries = rank(truth, found, labels, Task.of(kind, labels))
    lines = shown(trial_tables.leaderboard(entries), 80)
    assert max(len(line) for line in lines.splitlines()) <= 80
    for word in (*names, *words, "vs best", "one text"):
        assert word in lines
    assert ("accuracy" in lines) == (kind in ("classes", "stars"))
