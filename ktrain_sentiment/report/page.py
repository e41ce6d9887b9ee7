"""A report as one HTML file that needs nothing else: no network, no script.

The words and their order are in templates/report.html.j2 and templates/profile.html.j2; here the
drawings are made and the tables chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ktrain_sentiment.atomic import write_text
from ktrain_sentiment.errors import printable
from ktrain_sentiment.evaluation.record import TrainingRecord
from ktrain_sentiment.messages import count
from ktrain_sentiment.report import data_tables, plots, result_tables, trial_tables
from ktrain_sentiment.report.facts import USUAL, ReportFacts, SearchFacts
from ktrain_sentiment.report.figures import (
    FAINTEST,
    NAMES,
    SHOWN,
    Cell,
    Column,
    FigureTable,
    MarkedText,
    duration,
    excerpt,
    in_markdown,
    interval,
    plain,
    share,
    size,
)
from ktrain_sentiment.report.sentences import (
    behaviour_sentence,
    coverage_sentence,
    decision_sentences,
    label_errors_sentence,
    verdict,
)
from ktrain_sentiment.tasks import Kind
from ktrain_sentiment.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ktrain_sentiment.data.profile import Profile

SIZE = (4.4, 3.2)
"""Inches; all drawings are as wide, so that their letters are as large."""
MOST_LABELS = 40
"""Labels whose figures are drawn below each other."""
MOST_CURVES = 8
"""Classes whose curves are drawn: more cannot be told apart."""
SEVERITIES = {"error": "Mend", "warning": "Look at", "info": "Good to know"}

# A number and its sign stay on one line.
_PER_CENT = re.compile(r"(?<=\d) %")


@dataclass(frozen=True)
class Drawing:
    """A drawing for a page.

    Attributes:
        svg: The drawing, with its description for those who do not see it.
        caption: What stands below it.
    """

    svg: Markup
    caption: str


def environment(*, html: bool = True) -> Environment:
    """Where templates are filled in: HTML has every text escaped, Markdown takes it as it is."""
    made = Environment(
        loader=PackageLoader("ktrain_sentiment.report"),
        autoescape=html,
        # A name that is misspelled in a template would else print as nothing.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=html,
        finalize=_keep_together if html else _shown,
    )
    made.filters["in_markdown"] = in_markdown
    made.globals |= {"share": share, "size": size, "count": count, "duration": duration}
    return made


def _shown(value: object) -> object:
    # HTML has no form for control characters, and Markdown is shown on terminals.
    return printable(value) if isinstance(value, str) else value


def _keep_together(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return _PER_CENT.sub("\u00a0%", printable(value))
    return _shown(value)


def _page(template: str, **values: object) -> str:
    style = files("ktrain_sentiment.report").joinpath("style.css").read_text("utf-8")
    page = environment().get_template(template)
    return page.render(style=Markup(style), version=__version__, **values).rstrip() + "\n"


def render(facts: ReportFacts) -> str:
    """The whole page about a model."""
    errors, shown = facts.errors, SHOWN[facts.metrics.kind]
    anchors = [
        ("figures", "Figures", True),
        ("classes", "Where it errs", True),
        ("trust", "Trust", shown.probabilities),
        ("language", "Language", facts.checklist is not None),
        ("mistakes", "Mistakes", bool(errors or facts.scores or facts.worst)),
        ("data", "Data", True),
        ("training", "Training", facts.training is not None),
        ("speed", "Speed", facts.speed is not None),
        ("use", "Use it", True),
        ("settings", "Settings", bool(facts.settings)),
    ]
    return _page(
        "report.html.j2",
        facts=facts,
        shown=shown,
        metrics=facts.metrics,
        confusion=facts.metrics.in_order() if shown.classes else None,
        training=facts.training,
        errors=errors,
        lead=verdict(facts),
        anchors=[(anchor, title) for anchor, title, there in anchors if there],
        key_figures=_key_figures(facts),
        tables=_tables(facts),
        drawings={
            "classes": _DRAWINGS[facts.metrics.kind](facts),
            "trust": _trust_drawings(facts) if shown.probabilities else [],
            "training": _training_drawings(facts),
        },
        training_facts=_training_facts(facts.training) if facts.training else [],
        examples=_examples(facts),
        marked=_marker(facts),
        faintest=FAINTEST,
        behaviour="" if facts.checklist is None else behaviour_sentence(facts.checklist),
        coverage=coverage_sentence(facts.metrics),
        decisions=[
            *decision_sentences(facts.abstention, facts.costs, facts.metrics.kind),
            *filter(None, [facts.cost_advice]),
        ],
        label_errors="" if errors is None else label_errors_sentence(errors),
    )


def write_report(facts: ReportFacts, path: Path) -> None:
    """Write the page, replacing an earlier one.

    Raises:
        InputError: The place cannot be written.
    """
    write_text(path, render(facts))


def render_profile(profile: Profile) -> str:
    """The page about a data set."""
    sizes = ", ".join(f"{rows:,} {name}" for name, rows in profile.sizes.items())
    read = f" of {profile.rows_read:,} read" if profile.rows_read > profile.rows_used else ""
    words = Column(
        "words",
        lambda one: ", ".join(f"{word} ({score:.1f})" for word, score in one.words) or "none",
        words=True,
        wraps=True,
    )
    label = Column("label", lambda one: one.label, words=True)
    return _page(
        "profile.html.j2",
        profile=profile,
        lead=f"{count(profile.rows_used, 'labelled text')}{read} in {len(profile.classes)} "
        f"classes{': ' + sizes if sizes else ''}.",
        anchors=[
            ("findings", "Findings"),
            ("classes", "Classes"),
            ("lengths", "Lengths"),
            ("words", "Words"),
            ("samples", "Samples"),
            ("making", "How it was made"),
        ],
        severities=SEVERITIES,
        tables={
            "classes": data_tables.profile_classes(profile),
            "lengths": data_tables.profile_lengths(profile.lengths)
            if profile.lengths.suggested is not None
            else None,
            "words": FigureTable.of("The strongest first", [label, words], profile.classes),
        },
    )


def _key_figures(facts: ReportFacts) -> list[tuple[str, str, str]]:
    """The boxes at the top: name, figure, and what stands below it."""
    headline, shown = facts.metrics.headline, SHOWN[facts.metrics.kind]
    boxed = [*shown.key_figures, *([shown.boxed_last] if shown.boxed_last in headline else [])]
    below = {"ece": f"chance alone: up to {share(facts.metrics.ece_floor)}"}
    items = [
        (
            NAMES[name],
            plain(name, headline[name].value),
            below.get(name) or interval(name, headline[name]),
        )
        for name in boxed
    ]
    best = facts.best_baseline
    if best is not None:
        name = boxed[0]
        items.append(("best baseline", plain(name, best.headline[name].value), best.name))
    if facts.speed is not None:
        rate = f"{facts.speed.texts_per_second:,.0f} texts a second"
        items.append(("one text takes", f"{facts.speed.milliseconds:.1f} ms", rate))
    if facts.training is not None:
        seconds = duration(facts.training.train_seconds)
        items.append(("trained in", seconds, facts.training.encoder))
    return items


def _tables(facts: ReportFacts) -> dict[str, FigureTable | None]:
    training, errors = facts.training, facts.errors
    few = training and training.few_labels
    made: dict[str, tuple[Callable[[Any], FigureTable | None], Any]] = {
        "engines": (result_tables.engines, training),
        "encoders": (trial_tables.encoders, training and training.encoder_race),
        "few_labels": (trial_tables.few_labels, few and few.trials and few),
        "folds": (result_tables.cross_validation, training and training.cross_validation),
        "per_class": (result_tables.per_class, facts.metrics.per_class and facts.metrics),
        "per_label": (result_tables.per_label, facts.metrics.multi),
        "farthest": (lambda one: result_tables.farthest(one.farthest), facts.scores),
        "missed": (result_tables.missed_labels, facts.worst),
        "slices": (result_tables.slices, facts.slices),
        "abstentions": (lambda one: result_tables.abstentions(one.abstentions), facts.curves),
        "behaviour": (result_tables.behaviour, facts.checklist),
        "confused": (
            lambda one: result_tables.confused_pairs(one, 12),
            errors and errors.confusions,
        ),
        "counts": (data_tables.label_counts, facts.data.counts and facts.data),
        "files": (data_tables.predictor_files, facts.speed),
    }
    rows = facts.split or "given"
    return {
        "headline": result_tables.headline(facts.metrics, facts.baselines, rows=rows),
        **{name: make(given) if given else None for name, (make, given) in made.items()},
    }


def _marker(facts: ReportFacts) -> Any:  # noqa: ANN401 - a function for the template
    """A function from a text to itself, shortened, with its words marked where they are known."""
    found = {} if facts.errors is None else {one.text: one for one in facts.errors.explanations}

    def marked(text: str) -> Cell:
        return excerpt(MarkedText(found[text].shares) if text in found else text)

    return marked


def _drawing(figure: Figure, name: str, said: str, caption: str = "") -> Drawing:
    return Drawing(plots.svg(figure, name, said), caption or f"{said}.")


def _class_drawings(facts: ReportFacts) -> list[Drawing]:
    curves = facts.curves
    if curves is None or not curves.roc or len(facts.metrics.labels) > MOST_CURVES:
        return []
    named = ", ".join(curves.roc)
    roc = plots.class_curves(curves.roc, "false positive rate", "true positive rate", diagonal=True)
    recall = plots.class_curves(curves.precision_recall, "recall", "precision")
    return [
        _drawing(roc, "roc", f"ROC curve of {named}"),
        _drawing(recall, "precision-recall", f"Precision against recall of {named}"),
    ]


def _score_drawings(facts: ReportFacts) -> list[Drawing]:
    """Scores against the true ones, and errors by score."""
    scores = facts.scores
    if scores is None:
        return []
    found = facts.metrics.score
    width = None if found is None else found.half_width
    spread = "" if width is None else "; grey: within the interval of the diagonal"
    return [
        _drawing(
            plots.scores(scores.truth, scores.said, width, size=SIZE),
            "scores",
            f"The model's scores of {len(scores.said):,} texts against the given ones{spread}",
        ),
        _drawing(
            plots.score_errors(scores.truth, scores.said, size=SIZE),
            "score-errors",
            "How far each score is from the given one, by the model's score",
        ),
    ]


def _label_drawings(facts: ReportFacts) -> list[Drawing]:
    found = () if facts.metrics.multi is None else facts.metrics.multi.per_label
    if not found or len(found) > MOST_LABELS:
        return []
    said = "F1 of each label with its 95 % interval, and the rows that have it"
    return [_drawing(plots.label_scores(found), "labels", said)]


_DRAWINGS: Mapping[Kind, Callable[[ReportFacts], list[Drawing]]] = {
    "classes": _class_drawings,
    "stars": _class_drawings,
    "score": _score_drawings,
    "multi": _label_drawings,
}
"""What is drawn of where a model errs."""


def _trust_drawings(facts: ReportFacts) -> list[Drawing]:
    """Calibration, and what is gained by leaving doubtful texts to a person."""
    calibration = facts.calibration
    bins = {"model": facts.metrics.reliability}
    if calibration is not None and calibration.temperature != 1:
        bins = {"before": calibration.before.reliability, "after": calibration.after.reliability}
    drawings = []
    if all(one.count.sum() for one in bins.values()):
        said = (
            "Observed share of correct predictions against stated probability; calibration error "
            + ", ".join(f"{name} {share(one.error)}" for name, one in bins.items())
        )
        drawings.append(_drawing(plots.reliability(bins), "reliability", said))
    if facts.curves is not None:
        curve = facts.curves.coverage
        said = "Accuracy of the answers against the share of texts that are answered, surest first"
        drawings.append(_drawing(plots.coverage(curve.covered, curve.accuracy), "coverage", said))
    return drawings


def _training_facts(training: TrainingRecord) -> list[tuple[str, str]]:
    """How it was trained, name and value."""
    speed = f", {training.texts_per_second:,.0f} texts/s" if training.texts_per_second else ""
    facts = [("encoder" if training.has_encoder else "ktrain's own", training.encoder)]
    if training.kept_layers:
        numbers = ", ".join(str(layer + 1) for layer in training.kept_layers)
        facts.append(("layers", f"{len(training.kept_layers)} kept, by number {numbers}"))
    if teacher := training.teacher:
        said = (
            f"{share(teacher['share'], 0)} of a target; right in {share(teacher['accuracy'])} of "
            f"{count(teacher['rows'], 'row')}, agreeing with this model in "
            f"{share(teacher['agreement'])}"
        )
        more = teacher.get("unlabelled")
        facts.append(("teacher", f"{said}; labelled {count(more, 'more text')}" if more else said))
    if training.augmented:
        made = count(training.augmented["rows"], "row")
        facts.append(("augmented", f"{made} made from templates, none of them judged on"))
    if training.encoder_race:
        facts.append(("encoder chosen", training.encoder_race.why))
    if training.few_labels:
        facts.append(("few labels", training.few_labels.why))
    if training.adversarial:
        moved = f"word embeddings moved by {training.adversarial:g} times their mean length"
        facts.append(("adversarial training", moved))
    kept = f"{training.epochs}, the weights of epoch {training.best_epoch} kept"
    few = training.few_labels is not None and training.few_labels.taken != "full"
    return [
        *facts,
        ("policy", f"{training.policy}, up to {training.learning_rate:.2g}"),
        *([] if few else [("epochs", kept)]),
        ("time", duration(training.train_seconds) + speed),
        ("ran on", f"{training.device}, {training.precision}".strip(", ")),
    ]


def _training_drawings(facts: ReportFacts) -> list[Drawing]:
    drawings = []
    if facts.search is not None:
        drawings.append(_search_drawing(facts.search))
    if facts.training is not None and facts.history is not None:
        best = facts.training.best_epoch
        titles = {"loss": "Loss", "accuracy": "Accuracy", "mae": "Mean error (in spreads)"}
        for name, title in titles.items():
            present = [c for c in (name, f"val_{name}") if c in facts.history]
            columns = {column: facts.history[column].tolist() for column in present}
            if not columns:
                continue
            last = ", ".join(
                f"{'validation' if column.startswith('val_') else 'training'} {values[-1]:.3f}"
                for column, values in columns.items()
            )
            said = f"{title} by epoch; after the last: {last}. Kept: epoch {best}."
            drawn = plots.history(columns, best, size=SIZE)
            drawings.append(_drawing(drawn, f"history-{name}", said, said))
    schedule = facts.schedule
    if schedule is not None and len(schedule):
        rates = schedule["learning_rate"]
        said = (
            f"Learning rate by step, highest {rates.max():.2g} at step "
            f"{int(rates.argmax()) + 1:,} of {len(schedule):,}"
        )
        drawn = plots.schedule(rates, schedule.get("momentum"), size=SIZE)
        dashed = "; momentum dashed" if "momentum" in schedule else ""
        drawings.append(_drawing(drawn, "schedule", said, f"{said}{dashed}."))
    return drawings


def _search_drawing(search: SearchFacts) -> Drawing:
    curve = search.curve
    marks = [plots.Suggestion(rule, r, rule == search.rule) for rule, r in search.suggestions]
    drawn = plots.learning_rate_curve(
        curve.learning_rate, curve.loss, curve.smoothed, marks, size=SIZE
    )
    rates = ", ".join(f"{rule} {rate:.2g}" for rule, rate in search.suggestions if rule != USUAL)
    # A curve that cannot be read suggests nothing, and a sentence must not begin with nothing.
    parts = [rates, search.problem, f"taken: {search.rule}" if search.rule else ""]
    if search.rule == USUAL:
        parts[2] = f"taken: the usual {dict(search.suggestions)[USUAL]:.2g}"
    said = "; ".join(filter(None, parts))
    return _drawing(
        drawn,
        "search",
        f"Training loss while the learning rate grows: {said}.",
        f"Search for the learning rate: {said}.",
    )


def _examples(facts: ReportFacts) -> Sequence[tuple[str, str]]:
    """How to use the predictor: title and code."""
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
    elsewhere = (
        '# ktrain\nimport os\nos.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow\n'
        f'import ktrain\nktrain.load_predictor("{folder}").predict("your text")'
    )
    if facts.has_encoder:
        plain = SHOWN[facts.metrics.kind].pipeline
        elsewhere += (
            "\n\n# transformers, with PyTorch\nfrom transformers import pipeline\n"
            f'classify = pipeline("text-classification", model="{folder}"{plain})\n'
            'classify("your text", truncation=True)'
        )
    return [("Command line", shell), ("Python", python), ("Without this package", elsewhere)]
