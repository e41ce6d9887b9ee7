"""Sections of the report that say what was made, from what, and how."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ktrain_sentiment.report import plots, wording
from ktrain_sentiment.report.facts import DataFacts, LearningFacts, ReportFacts, SearchFacts
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

SIZE = (4.4, 3.2)
"""Inches; all drawings are as wide, so that their letters are as large."""


def header(facts: ReportFacts, anchors: Sequence[tuple[str, str]]) -> Markup:
    """Title, verdict, key figures, cautions and the way to the sections."""
    links = [element("a", title, href=f"#{anchor}") for anchor, title in anchors]
    return element(
        "header",
        paragraph(_kicker(facts), class_="kicker"),
        element("h1", facts.title),
        paragraph(wording.verdict(facts), class_="lead"),
        _key_figures(facts),
        _cautions(wording.cautions(facts)),
        element("nav", listing(links), aria_label="Sections"),
    )


def _kicker(facts: ReportFacts) -> str:
    if facts.learning is None:
        return f"Sentiment classifier, judged on {facts.data.source}"
    return f"Sentiment classifier, {facts.learning.encoder} trained on {facts.data.source}"


def _key_figures(facts: ReportFacts) -> Markup:
    headline = facts.metrics.headline
    items: list[tuple[str, str, str]] = [
        (wording.NAMES[name], wording.plain(name, headline[name].value), _between(facts, name))
        for name in ("accuracy", "macro_f1", "ece")
    ]
    best = facts.best_baseline
    if best is not None:
        items.append(("best baseline", wording.share(best.figures["accuracy"]), best.name))
    if facts.speed is not None:
        speed = f"{facts.speed.milliseconds:.1f} ms"
        items.append(
            ("one text takes", speed, f"{facts.speed.texts_per_second:,.0f} texts a second")
        )
    if facts.learning is not None:
        items.append(
            ("trained in", wording.duration(facts.learning.seconds), facts.learning.encoder)
        )
    cells = [
        element("div", element("dt", name), element("dd", element("strong", value), more))
        for name, value, more in items
    ]
    return element("dl", *cells, class_="key")


def _between(facts: ReportFacts, name: str) -> str:
    if name == "ece":
        return f"chance alone: up to {wording.share(facts.metrics.ece_floor)}"
    return wording.interval(name, facts.metrics.headline[name])


def _cautions(sentences: Sequence[str]) -> Markup | None:
    if not sentences:
        return None
    return element(
        "div", element("h3", "Read this first"), listing(sentences), class_="caution", role="note"
    )


def data_section(data: DataFacts) -> Markup:
    """What it was trained and judged on."""
    totals = data.counts.sum()
    rows = [
        [
            str(label),
            *(f"{count:,}" for count in row),
            wording.share(sum(row) / data.rows),
            ", ".join(data.telling.get(str(label), ())) or "none",
        ]
        for label, row in zip(data.counts.index, data.counts.to_numpy().tolist(), strict=True)
    ]
    rows.append(["all", *(f"{int(total):,}" for total in totals), wording.share(1, 0), ""])
    columns = [str(name) for name in data.counts.columns]
    median, most, nearly_all, longest = data.words
    return section(
        "data",
        "Data",
        paragraph(
            element("code", data.source),
            f": {data.rows:,} labelled texts. Half have at most {median} words, nine in ten at "
            f"most {most}, 99 of a hundred at most {nearly_all}; the longest has {longest:,}.",
        ),
        table(
            "Texts by label and split, with the words that tell each label from the others",
            ["label", *columns, "share", "telling words"],
            rows,
            words=frozenset({len(columns) + 2}),
        ),
        _findings(data),
    )


def _findings(data: DataFacts) -> Markup | None:
    if not data.findings:
        return None
    items = [
        join([element("strong", f"{one.weight}: "), f"{one.summary}; {one.advice}."])
        for one in data.findings
    ]
    title = element("h3", "What the checks found")
    return element("div", title, listing(items))


def training_section(learning: LearningFacts) -> Markup:
    """How it was trained."""
    speed = "" if not learning.texts_per_second else f", {learning.texts_per_second:,.0f} texts/s"
    facts: list[tuple[str, Content]] = [
        (learning.kind, element("code", learning.encoder)),
        *_distilled(learning),
        *_adversarial(learning),
        ("policy", f"{learning.policy}, up to {learning.learning_rate:.2g}"),
        ("epochs", f"{len(learning.history)}, the weights of epoch {learning.best_epoch} kept"),
        ("time", wording.duration(learning.seconds) + speed),
        ("ran on", f"{learning.device}, {learning.precision}".strip(", ")),
    ]
    drawings = [_search(learning.search), *_history(learning), _schedule(learning.schedule)]
    return section(
        "training",
        "Training",
        _facts(facts),
        element("div", *drawings, class_="figures"),
    )


def _distilled(learning: LearningFacts) -> list[tuple[str, Content]]:
    """The layers that were kept and what a teacher gave, where that applies."""
    facts: list[tuple[str, Content]] = []
    if learning.kept_layers:
        numbers = ", ".join(str(layer + 1) for layer in learning.kept_layers)
        facts.append(("layers", f"{len(learning.kept_layers)} kept, by number {numbers}"))
    if teacher := learning.teacher:
        said = (
            f"{100 * teacher['share']:.0f} % of a target; right in "
            f"{100 * teacher['accuracy']:.1f} % of "
            f"{teacher['rows']:,} rows, at one with this model in "
            f"{100 * teacher['agreement']:.1f} %"
        )
        more = teacher.get("unlabelled")
        facts.append(("teacher", f"{said}; labelled {more:,} more texts" if more else said))
    return facts


def _adversarial(learning: LearningFacts) -> list[tuple[str, Content]]:
    if not learning.adversarial:
        return []
    moved = f"word embeddings moved by {learning.adversarial:g} times their mean length"
    return [("adversarial training", moved)]


def _facts(items: Sequence[tuple[str, Content]]) -> Markup:
    inner = pairs(items)
    return Markup(inner.replace("<dl>", '<dl class="facts">', 1))


def _search(search: SearchFacts | None) -> Markup | None:
    if search is None:
        return None
    curve = search.curve
    marks = [plots.Suggestion(rule, r, rule == search.rule) for rule, r in search.suggestions]
    drawn = plots.learning_rate_curve(
        curve.learning_rate, curve.loss, curve.smoothed, marks, size=SIZE
    )
    rates = ", ".join(f"{rule} {rate:.2g}" for rule, rate in search.suggestions)
    taken = f" Taken: {search.rule}." if search.rule else f" {search.problem}."
    return figure(
        plots.svg(drawn, "search", f"Training loss while the learning rate grows. {rates}.{taken}"),
        f"Search for the learning rate: {rates}.{taken}",
    )


def _history(learning: LearningFacts) -> list[Markup]:
    drawings = []
    for name, title in (("loss", "Loss"), ("accuracy", "Accuracy")):
        columns = {
            c: learning.history[c].tolist() for c in (name, f"val_{name}") if c in learning.history
        }
        if not columns:
            continue
        drawn = plots.history(columns, learning.best_epoch, size=SIZE)
        last = ", ".join(f"{_who(c)} {values[-1]:.3f}" for c, values in columns.items())
        said = f"{title} by epoch; after the last: {last}. Kept: epoch {learning.best_epoch}."
        drawings.append(figure(plots.svg(drawn, f"history-{name}", said), said))
    return drawings


def _who(column: str) -> str:
    return "validation" if column.startswith("val_") else "training"


def _schedule(schedule: pd.DataFrame | None) -> Markup | None:
    if schedule is None or schedule.empty:
        return None
    momentum = schedule.get("momentum")
    drawn = plots.schedule(schedule["learning_rate"], momentum, size=SIZE)
    said = (
        f"Learning rate by step, highest {schedule['learning_rate'].max():.2g} at step "
        f"{int(schedule['learning_rate'].argmax()) + 1:,} of {len(schedule):,}"
    )
    return figure(
        plots.svg(drawn, "schedule", said),
        f"{said}{'; momentum dashed' * ('momentum' in schedule)}.",
    )


def use_section(facts: ReportFacts) -> Markup:
    """How to use the predictor."""
    folder = facts.predictor
    shell = (
        f'ktrain-sentiment predict --predictor {folder} "your text"\n'
        f"ktrain-sentiment evaluate --predictor {folder} your.csv"
    )
    python = (
        "import ktrain_sentiment\n\n"
        f'classifier = ktrain_sentiment.load("{folder}")\n'
        'classifier.predict(["your text"])'
    )
    elsewhere = f'# ktrain\nimport ktrain\nktrain.load_predictor("{folder}").predict("your text")'
    if facts.has_encoder:
        elsewhere += (
            "\n\n# transformers, with PyTorch\nfrom transformers import pipeline\n"
            f'pipeline("text-classification", model="{folder}")("your text")'
        )
    blocks = [("Command line", shell), ("Python", python), ("Without this package", elsewhere)]
    parts: list[Content] = []
    for title, text in blocks:
        label = f"{title}: example"
        code = element("pre", element("code", text), tabindex="0", role="region", aria_label=label)
        parts += [element("h3", title), element("div", code, class_="scroll")]
    return section("use", "Use it", *parts)


def settings_section(facts: ReportFacts) -> Markup:
    """Everything that is needed to run it again."""
    rows = [(name, element("code", str(value))) for name, value in facts.settings.items()]
    versions = [(name, str(value)) for name, value in facts.versions.items()]
    return section(
        "settings",
        "Settings",
        element("details", element("summary", "All settings of the run"), _facts(rows)),
        element("details", element("summary", "Versions"), _facts(versions)) if versions else None,
    )
