"""The profile of a data set as one HTML page, or as sections to put into another page."""

from __future__ import annotations

from importlib.resources import files

from ktrain_sentiment.data.findings import Example, Finding
from ktrain_sentiment.data.lengths import LengthSummary
from ktrain_sentiment.data.profile import ClassProfile, Profile
from ktrain_sentiment.report.markup import (
    Content,
    Markup,
    element,
    figure,
    join,
    listing,
    pairs,
    paragraph,
    section,
    table,
)
from ktrain_sentiment.report.wording import share
from ktrain_sentiment.tables.messages import percent
from ktrain_sentiment.version import __version__

_WEIGHTS = {"harm": "Mend", "doubt": "Look at", "note": "Good to know"}
_WIDTH, _BAR, _GAP, _LABELS = 560, 22, 8, 150
_HEIGHT = 160


def render_profile(profile: Profile) -> str:
    """The whole page, which needs nothing else: no network, no script."""
    style = files("ktrain_sentiment.report").joinpath("style.css").read_text("utf-8")
    title = f"Data profile: {profile.source}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(style)),
    )
    header = element(
        "header",
        paragraph("Data profile", class_="kicker"),
        element("h1", profile.source),
        paragraph(_lead(profile), class_="lead"),
    )
    footer = element("footer", paragraph(f"Made by ktrain-sentiment {__version__}."))
    body = element("body", header, element("main", profile_sections(profile)), footer)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def profile_sections(profile: Profile) -> Markup:
    """The profile's sections, to stand in a page that has this package's style."""
    return join(
        [
            _findings_section(profile),
            _classes_section(profile),
            _lengths_section(profile.lengths),
            _words_section(profile),
            _samples_section(profile),
            _making_section(profile),
        ]
    )


def _lead(profile: Profile) -> str:
    sizes = ", ".join(f"{size:,} {name}" for name, size in profile.sizes.items())
    left = profile.rows_read - profile.rows_used
    dropped = f" of {profile.rows_read:,} read" if left > 0 else ""
    return (
        f"{profile.rows_used:,} labelled texts{dropped} in {len(profile.classes)} classes"
        f"{': ' + sizes if sizes else ''}."
    )


def _findings_section(profile: Profile) -> Markup:
    if not profile.findings:
        return section("findings", "Findings", paragraph("The checks found nothing."))
    items = [_finding(finding) for finding in profile.findings]
    return section("findings", "Findings", element("ul", *items, class_="texts"))


def _finding(finding: Finding) -> Markup:
    return element(
        "li",
        paragraph(
            element("strong", f"{_WEIGHTS[finding.weight]}: {finding.check}"),
            f" · {finding.rows:,} of {finding.of:,} rows, {percent(finding.share)}",
            class_="what",
        ),
        paragraph(finding.summary),
        paragraph(finding.advice, class_="note"),
        _examples(finding.examples) if finding.examples else None,
    )


def _examples(shown: tuple[Example, ...]) -> Markup:
    rows = [join([f"Row {one.row}: {one.text}", _remark(one.remark)]) for one in shown]
    return element("details", element("summary", "Examples"), listing(rows))


def _remark(remark: str) -> Markup | str:
    return element("span", f" [{remark}]", class_="note") if remark else ""


def _classes_section(profile: Profile) -> Markup:
    rows: list[list[Content]] = [
        [one.label, f"{one.rows:,}", share(one.share), *_split_sizes(one)]
        for one in profile.classes
    ]
    drawing = figure(_bars(profile.classes), "Rows of each class")
    return section(
        "classes",
        "Classes",
        drawing,
        table("Rows by class and split", ["label", "rows", "share", *profile.sizes], rows),
    )


def _split_sizes(one: ClassProfile) -> list[str]:
    return [f"{rows:,}" for rows in one.by_split.values()]


def _bars(classes: tuple[ClassProfile, ...]) -> Markup:
    """Horizontal bars, one a class."""
    most = max(one.rows for one in classes)
    drawn: list[Markup] = []
    for position, one in enumerate(classes):
        top = position * (_BAR + _GAP)
        width = max(1.0, (_WIDTH - _LABELS - 80) * one.rows / most)
        middle = str(top + _BAR * 0.7)
        drawn += [
            _text(one.label[:22], str(_LABELS - 8), middle, "end"),
            _bar(_LABELS, top, width, _BAR),
            _text(f"{one.rows:,}", str(_LABELS + width + 6), middle, "start"),
        ]
    height = len(classes) * (_BAR + _GAP)
    return _svg(drawn, height, "Bars: rows of each class")


def _lengths_section(lengths: LengthSummary) -> Markup:
    known = ", ".join(f"{n} % have at most {size}" for n, size in lengths.percentiles.items())
    content: list[Markup] = [
        paragraph(
            f"Mean {lengths.mean:.0f} {lengths.unit}, longest {lengths.longest:,}; {known}. "
            f"Measured on {lengths.texts:,} texts."
        ),
        figure(
            _histogram(lengths), f"Texts by length in {lengths.unit}; the last bar has the rest"
        ),
    ]
    if lengths.suggested is not None:
        rows: list[list[Content]] = [
            [
                f"{one.maxlen}" + (" (suggested)" if one.maxlen == lengths.suggested else ""),
                share(one.cut),
                share(one.lost),
                f"{one.cost:.2f}",
            ]
            for one in lengths.choices
        ]
        caption = "What each --maxlen cuts, and what it costs beside the suggested one"
        head = ["maxlen", "texts cut", "tokens not read", "time"]
        content.append(table(caption, head, rows))
    return section("lengths", "Lengths", *content)


def _histogram(lengths: LengthSummary) -> Markup:
    """Vertical bars, one a step of length."""
    most = max(*lengths.histogram, 1)
    width = _WIDTH / len(lengths.histogram)
    drawn = []
    for position, number in enumerate(lengths.histogram):
        height = _HEIGHT * number / most
        drawn.append(_bar(position * width, _HEIGHT - height, width - 2, height))
        if position % 5 == 0:
            middle = str(position * width + width / 2)
            drawn.append(_text(str(position * lengths.step), middle, str(_HEIGHT + 16), "middle"))
    return _svg(drawn, _HEIGHT + 22, f"Histogram of lengths in {lengths.unit}")


def _words_section(profile: Profile) -> Markup:
    rows: list[list[Content]] = [
        [one.label, ", ".join(f"{word} ({score:.1f})" for word, score in one.words) or "none"]
        for one in profile.classes
    ]
    return section(
        "words",
        "Telling words",
        paragraph(
            "What tells each class from the others: z-scores of the log-odds with a prior from all "
            "texts. Words that describe how the data was made are a warning."
        ),
        table("The strongest first", ["label", "words"], rows, words=frozenset({1})),
    )


def _samples_section(profile: Profile) -> Markup:
    items = [
        element(
            "li",
            paragraph(element("strong", one.label), f" · row {sample.row}", class_="what"),
            paragraph(sample.text, class_="said"),
        )
        for one in profile.classes
        for sample in one.samples
    ]
    return section("samples", "Sample rows", element("ul", *items, class_="texts"))


def _making_section(profile: Profile) -> Markup:
    facts: list[tuple[str, Content]] = [
        ("Source", profile.source),
        ("Cleaning", ", ".join(profile.cleaning) or "none"),
        ("Fingerprint", element("code", profile.fingerprint or "not divided")),
    ]
    notes = listing(profile.notes) if profile.notes else None
    return section("making", "How it was made", pairs(facts), notes)


def _bar(x: float, y: float, width: float, height: float) -> Markup:
    place = {name: f"{value:.1f}" for name, value in
             (("x", x), ("y", y), ("width", width), ("height", height))}  # fmt: skip
    return element("rect", **place, rx="2", style="fill: var(--first)")


def _text(content: str, x: str, y: str, anchor: str) -> Markup:
    style = "fill: var(--ink); font-size: 13px"
    return element("text", content, x=x, y=y, text_anchor=anchor, style=style)


def _svg(drawn: list[Markup], height: float, title: str) -> Markup:
    box = f"0 0 {_WIDTH} {height}"
    return element("svg", element("title", title), *drawn, viewBox=box, role="img")
