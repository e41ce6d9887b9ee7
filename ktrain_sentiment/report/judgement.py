"""Sections of the report that say how good the model is, where, and how far to trust it."""

from __future__ import annotations

from ktrain_sentiment.evaluation.calibration import (
    CoverageCurve,
    abstain,
    precision_recall_curve,
    roc_curve,
)
from ktrain_sentiment.evaluation.metrics import ClassFigures, Metrics
from ktrain_sentiment.evaluation.review import Slice
from ktrain_sentiment.report import plots, wording
from ktrain_sentiment.report.facts import ReportFacts, SpeedFacts
from ktrain_sentiment.report.markup import (
    Content,
    Markup,
    element,
    figure,
    paragraph,
    scroller,
    section,
    table,
)

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
MOST_CURVES = 8


def figures_section(facts: ReportFacts) -> Markup:
    """Headline figures beside the baselines, and the paired comparison."""
    others = list(facts.baselines.values())
    rows = []
    for name, one in facts.metrics.headline.items():
        cells = [wording.plain(name, b.figures[name]) for b in others]
        better = " ↓" if name in wording.LOWER_IS_BETTER else ""
        value = element("strong", wording.plain(name, one.value))
        rows.append([wording.NAMES[name] + better, value, wording.interval(name, one), *cells])
    head = ["", "model", "95 % interval", *(b.name for b in others)]
    return section(
        "figures",
        "How good it is",
        table(
            f"Figures on {facts.metrics.n:,} {facts.split or 'given'} rows; ↓ lower is better",
            head,
            rows,
        ),
        _compared(facts),
        _folds(facts),
    )


def _compared(facts: ReportFacts) -> Markup | None:
    if facts.comparison is None:
        return None
    return paragraph(facts.comparison.sentence[:1].upper() + facts.comparison.sentence[1:])


def _folds(facts: ReportFacts) -> Markup | None:
    if facts.folds is None:
        return None
    return element(
        "div",
        element("h3", "Cross-validation"),
        table(wording.folds_title(facts.folds), wording.FOLDS_HEAD, wording.fold_rows(facts.folds)),
    )


def classes_section(facts: ReportFacts) -> Markup:
    """Confusion matrix and figures of each class, curves, slices."""
    evaluation = facts.metrics
    rows = [_class_row(one) for one in evaluation.per_class]
    head = ["label", "precision", "recall", "F1", "95 % interval", "ROC AUC", "rows"]
    return section(
        "classes",
        "Where it errs",
        _confusion(evaluation),
        table("Each class against the rest", head, rows),
        _curves(facts),
        _slices(facts),
    )


def _class_row(one: ClassFigures) -> list[Content]:
    auc = "none" if one.roc_auc is None else f"{one.roc_auc:.3f}"
    shares = [wording.share(value) for value in (one.precision, one.recall, one.f1.value)]
    return [one.label, *shares, wording.interval("macro_f1", one.f1), auc, f"{one.support:,}"]


def _confusion(evaluation: Metrics) -> Markup:
    counts = evaluation.confusion
    head = [element("td", "true, down; predicted, across", class_="note")]
    head += [element("th", label, scope="col") for label in evaluation.labels]
    rows = []
    for k, label in enumerate(evaluation.labels):
        total = max(int(counts[k].sum()), 1)
        cells = [
            _cell(int(count), count / total, right=k == j) for j, count in enumerate(counts[k])
        ]
        rows.append(element("tr", element("th", label, scope="row"), *cells))
    inner = element(
        "table",
        element("caption", "Confusion matrix: rows, and their share of the true label"),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_="confusion",
    )
    return scroller(inner, "Confusion matrix")


def _cell(count: int, part: float, *, right: bool) -> Markup:
    kind = "right" if right else "wrong"
    more = element("span", wording.share(part, 0))
    return element("td", f"{count:,}", more, class_=kind, style=f"--w:{part:.3f}")


def _curves(facts: ReportFacts) -> Markup | None:
    judged = facts.predictions
    if len(judged.labels) > MOST_CURVES:
        return None
    columns = {
        label: (judged.y_true == k, judged.probabilities[:, k])
        for k, label in enumerate(judged.labels)
    }
    if len(columns) == 2:
        # The other class's ROC curve is the same one, seen from the other corner.
        columns = dict(list(columns.items())[1:])
    roc = {label: c for label, one in columns.items() if (c := roc_curve(*one)) is not None}
    recall = {
        label: c
        for label, one in columns.items()
        if (c := precision_recall_curve(*one)) is not None
    }
    if not roc:
        return None
    named = ", ".join(roc)
    drawings = [
        (
            plots.class_curves(roc, "false positive rate", "true positive rate", diagonal=True),
            "roc",
            f"ROC curve of {named}",
        ),
        (
            plots.class_curves(recall, "recall", "precision"),
            "precision-recall",
            f"Precision against recall of {named}",
        ),
    ]
    figures = [figure(plots.svg(d, name, said), f"{said}.") for d, name, said in drawings]
    return element("div", *figures, class_="figures")


def _slices(facts: ReportFacts) -> Markup | None:
    if not facts.slices:
        return None
    rows = [_slice_row(one) for one in facts.slices]
    head = ["rows where", "rows", "accuracy", "95 % interval", "the others", ""]
    return element(
        "div",
        element("h3", "By kind of text"),
        table("Accuracy on parts of the rows", head, rows),
        paragraph(
            "Weak: at least 5 points below the other rows and not by chance (Fisher's exact test, "
            "corrected for the number of parts).",
            class_="note",
        ),
    )


def _slice_row(one: Slice) -> list[Content]:
    rest = "none" if one.rest is None else wording.share(one.rest)
    name = f"{one.column}: {one.value}"
    value, span = wording.share(one.accuracy.value), wording.interval("accuracy", one.accuracy)
    return [name, f"{one.n:,}", value, span, rest, element("strong", "weak") if one.weak else ""]


def trust_section(facts: ReportFacts) -> Markup:
    """Calibration, and what is gained by leaving doubtful texts to a person."""
    evaluation, calibration = facts.metrics, facts.calibration
    if calibration is None:
        bins, said = {"model": evaluation.reliability}, ""
    else:
        before, after = calibration.before.reliability, calibration.after.reliability
        bins, said = {"before": before, "after": after}, calibration.sentence
    drawn = plots.reliability(bins)
    alt = (
        "Observed share of right predictions against stated probability; calibration error "
        + ", ".join(f"{name} {wording.share(one.error)}" for name, one in bins.items())
    )
    drawings = [figure(plots.svg(drawn, "reliability", alt), f"{alt}.")]
    if facts.coverage is not None:
        drawings.append(_coverage_figure(facts.coverage))
    return section(
        "trust",
        "How far to trust a probability",
        paragraph(said) if said else None,
        element("div", *drawings, class_="figures"),
        _abstentions(facts),
    )


def _coverage_figure(curve: CoverageCurve) -> Markup:
    drawn = plots.coverage(curve.covered, curve.accuracy)
    said = "Accuracy of the answers against the share of texts that are answered, surest first"
    return figure(plots.svg(drawn, "coverage", said), f"{said}.")


def _abstentions(facts: ReportFacts) -> Markup | None:
    curve = facts.coverage
    if curve is None:
        return None
    rows = []
    for wanted in COVERAGES:
        at = min(int((curve.covered < wanted).sum()), len(curve.covered) - 1)
        below = float(curve.threshold[at]) if wanted < 1 else 0.0
        one = abstain(facts.predictions.y_true, facts.predictions.probabilities, below)
        if one.accuracy is None:
            continue
        answer = f"{below:.3f}" if below else "none"
        spread = wording.interval("accuracy", one.accuracy)
        shares = (wording.share(one.covered.value), wording.share(one.accuracy.value))
        rows.append([answer, *shares, spread])
    head = ["leave to a person below", "answered", "accuracy of the answers", "95 % interval"]
    return table("What is gained by not answering (--abstain-below)", head, rows)


def speed_section(speed: SpeedFacts) -> Markup:
    """Speed and size of the predictor."""
    rows = [[element("code", name), wording.size(size)] for name, size in speed.files.items()]
    rows.append(["all", wording.size(sum(speed.files.values()))])
    return section(
        "speed",
        "Speed and size",
        paragraph(
            f"{speed.engine}, on the machine that wrote this report: one text in "
            f"{speed.milliseconds:.1f} ms (median), {speed.texts_per_second:,.0f} texts a second "
            "in batches."
        ),
        element(
            "details",
            element(
                "summary", f"{wording.size(sum(speed.files.values()))} in {len(speed.files)} files"
            ),
            table("Files of the predictor", ["file", "size"], rows),
        ),
    )
