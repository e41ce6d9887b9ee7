"""The report of a run as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ktrain_sentiment.atomic import write_text
from ktrain_sentiment.report import judgement, mistakes, summary, wording
from ktrain_sentiment.report.facts import ReportFacts
from ktrain_sentiment.report.markup import Markup, element, join, paragraph
from ktrain_sentiment.version import __version__


def render(facts: ReportFacts) -> str:
    """The whole page."""
    sections = _sections(facts)
    anchors = [(anchor, title) for anchor, title, _ in sections]
    body = element(
        "body",
        element("a", "Skip to the sections", href="#main", class_="skip"),
        summary.header(facts, anchors),
        element("main", *(content for _, _, content in sections), id="main"),
        _footer(facts),
    )
    html = element("html", _head(facts), body, lang="en")
    return f"<!doctype html>\n{html}\n"


def write_report(facts: ReportFacts, path: Path) -> None:
    """Write the page, replacing an earlier one.

    Raises:
        InputError: The place cannot be written.
    """
    write_text(path, render(facts))


def _sections(facts: ReportFacts) -> list[tuple[str, str, Markup]]:
    """Anchor, short title for the navigation, and content of each section there is."""
    errors, of_run = facts.errors, bool(facts.split)
    found: list[tuple[str, str, Markup | None]] = [
        ("figures", "Figures", judgement.figures_section(facts)),
        ("classes", "Where it errs", judgement.classes_section(facts)),
        ("trust", "Trust", judgement.trust_section(facts)),
        (
            "mistakes",
            "Mistakes",
            mistakes.mistakes_section(errors, of_run=of_run) if errors else None,
        ),
        ("data", "Data", summary.data_section(facts.data)),
        (
            "training",
            "Training",
            summary.training_section(facts.learning) if facts.learning else None,
        ),
        ("speed", "Speed", judgement.speed_section(facts.speed) if facts.speed else None),
        ("use", "Use it", summary.use_section(facts)),
        ("settings", "Settings", summary.settings_section(facts) if facts.settings else None),
    ]
    return [(anchor, title, content) for anchor, title, content in found if content is not None]


def _head(facts: ReportFacts) -> Markup:
    style = files("ktrain_sentiment.report").joinpath("style.css").read_text("utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="description", content=wording.verdict(facts)),
        element("title", f"{facts.title}: report"),
        element("style", Markup(style)),
    )


def _footer(facts: ReportFacts) -> Markup:
    when = facts.created.replace("T", " ").replace("+00:00", " UTC")
    return element(
        "footer",
        paragraph(
            join(
                [
                    "Intervals are 95 % bootstrap intervals (BCa). ",
                    f"Figures of {when}. " if when else "",
                    f"Made by ktrain-sentiment {__version__}.",
                ]
            )
        ),
    )
