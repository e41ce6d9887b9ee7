"""The profile of a data set as tables for the screen, made with rich."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from ktrain_sentiment.data.findings import Finding
from ktrain_sentiment.data.lengths import LengthSummary
from ktrain_sentiment.data.profile import Profile
from ktrain_sentiment.report.wording import share

_STYLES = {"harm": "bold red", "doubt": "yellow", "note": "dim"}
_SHOWN_EXAMPLES = {"harm": 3, "doubt": 2, "note": 1}
_SHOWN_LETTERS = 100
_SHOWN_WORDS = 6


def profile_tables(profile: Profile) -> list[Table]:
    """Classes and lengths."""
    return [_classes(profile), _lengths(profile.lengths)]


def _classes(profile: Profile) -> Table:
    table = Table(title=f"{profile.rows_used:,} rows by class", title_style="bold")
    table.add_column("label")
    for name in ("rows", "share", *profile.sizes):
        table.add_column(name, justify="right")
    table.add_column("telling words")
    for one in profile.classes:
        words = ", ".join(word for word, _ in one.words[:_SHOWN_WORDS])
        sizes = (f"{rows:,}" for rows in one.by_split.values())
        table.add_row(Text(one.label), f"{one.rows:,}", share(one.share), *sizes, Text(words))
    return table


def _lengths(lengths: LengthSummary) -> Table:
    if lengths.suggested is None:
        table = Table(title=f"Length in {lengths.unit}", title_style="bold")
        for percentile in lengths.percentiles:
            table.add_column(f"{percentile} %", justify="right")
        table.add_column("longest", justify="right")
        table.add_row(*(f"{n:,}" for n in lengths.percentiles.values()), f"{lengths.longest:,}")
        return table
    title = (
        f"Length in tokens: half up to {lengths.percentiles[50]}, 95 % up to "
        f"{lengths.percentiles[95]}, longest {lengths.longest:,}"
    )
    table = Table(title=title, title_style="bold")
    for name in ("maxlen", "texts cut", "tokens not read", "time"):
        table.add_column(name, justify="right")
    for one in lengths.choices:
        chosen = one.maxlen == lengths.suggested
        cells = [str(one.maxlen), share(one.cut), share(one.lost), f"{one.cost:.2f}"]
        table.add_row(*cells, style="bold" if chosen else None)
    return table


def finding_texts(findings: Iterable[Finding]) -> list[Text]:
    """Each finding with what to do about it and a few examples."""
    return [_described(finding) for finding in findings]


def _described(finding: Finding) -> Text:
    lines = Text(f"{finding.check}: ", style=_STYLES[finding.weight])
    lines.append(finding.summary, style="default not bold not dim")
    lines.append(f"\n  → {finding.advice}", style="italic default not bold not dim")
    for example in finding.examples[: _SHOWN_EXAMPLES[finding.weight]]:
        remark = f"  [{_shorten(example.remark)}]" if example.remark else ""
        lines.append(
            f"\n  row {example.row}: {_shorten(example.text)}{remark}", style="dim not bold"
        )
    return lines


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 3]}..."
