from __future__ import annotations

import io

from rich.console import Console

from ktrain_sentiment.evaluation import top_losses
from ktrain_sentiment.report import tables


def shown(table, width=100):
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_the_headline_table_has_intervals_and_baselines(facts):
    text = shown(tables.headline(facts.metrics, {}, "mine"))
    accuracy = facts.metrics.accuracy
    assert f"{100 * accuracy.value:.1f}" in text
    assert f"{100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}" in text


def test_texts_are_wrapped_and_not_taken_for_markup():
    text = "a [bold]very[/bold] long text " * 8
    losses = top_losses([text], [0], [[0.2, 0.8]], ("negative", "positive"))
    lines = shown(tables.top_losses(losses), width=60)
    assert max(len(line) for line in lines.splitlines()) <= 60
    assert "[bold]very[/bold]" in lines
