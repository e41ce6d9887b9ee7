"""Pictures of a run: what each shows. `drawing.py` has their style and writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ktrain_sentiment.errors import printable
from ktrain_sentiment.evaluation.ranking import deciding_figure
from ktrain_sentiment.report.drawing import (
    COLOURS,
    DASHES,
    MARKERS,
    SERIES,
    Floats,
    Size,
    in_house_style,
    panel,
    panels,
    series,
)
from ktrain_sentiment.report.drawing import save_png as save_png
from ktrain_sentiment.report.drawing import svg as svg
from ktrain_sentiment.report.figures import LOWER_IS_BETTER, NAMES, SHARES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ktrain_sentiment.evaluation.calibration import Curve, Reliability
    from ktrain_sentiment.evaluation.multi_figures import LabelFigures
    from ktrain_sentiment.evaluation.ranking import Entry, FewShot


@dataclass(frozen=True)
class Suggestion:
    """A learning rate worth marking on the curve."""

    name: str
    rate: float
    chosen: bool = False


@in_house_style
def learning_rate_curve(
    rates: ArrayLike,
    losses: ArrayLike,
    smoothed: ArrayLike | None = None,
    suggestions: Sequence[Suggestion] = (),
    *,
    size: Size = (6.4, 3.6),
) -> Figure:
    """Loss against learning rate, with the suggestions marked.

    Args:
        rates: Learning rate of each step, shape (steps,).
        losses: Training loss of each step, shape (steps,).
        smoothed: The same, smoothed; drawn in front when given.
        suggestions: Learning rates to mark; the chosen one is drawn solid.
        size: Width and height in inches.
    """
    figure, axes = panel(*size)
    rates, losses = np.asarray(rates, dtype=float), np.asarray(losses, dtype=float)
    front = losses if smoothed is None else np.asarray(smoothed, dtype=float)
    if smoothed is not None:
        axes.plot(rates, losses, color=COLOURS["muted"], alpha=0.45, lw=1, label="each step")
    axes.plot(
        rates, front, color=COLOURS["first"], label="smoothed" if smoothed is not None else ""
    )
    for number, mark in enumerate(suggestions):
        _mark_rate(axes, mark, rates, front, number)
    axes.set_xscale("log")
    axes.set_ylim(*_useful_range(front))
    axes.set(xlabel="learning rate (log scale)", ylabel="training loss (nats)")
    if len(axes.get_legend_handles_labels()[1]):
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
    return figure


def _mark_rate(axes: Axes, mark: Suggestion, rates: Floats, front: Floats, number: int) -> None:
    colour = COLOURS["second"] if mark.chosen else COLOURS[SERIES[2 + number % 2]]
    name = f"{mark.name}: {mark.rate:.2g}" + (" (taken)" if mark.chosen else "")
    axes.axvline(mark.rate, color=colour, ls="-" if mark.chosen else DASHES[1], lw=1.2)
    height = float(np.interp(np.log(mark.rate), np.log(rates), front))
    axes.plot([mark.rate], [height], MARKERS[number % 4], color=colour, ms=7, label=name)


def _useful_range(losses: Floats) -> tuple[float, float]:
    """Limits that keep the descent large, however far the loss explodes at the end."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return 0.0, 1.0
    lowest, start = float(finite.min()), float(np.median(finite[: max(3, len(finite) // 10)]))
    room = max(start - lowest, 0.05 * abs(start), 1e-3)
    return lowest - 0.15 * room, max(start + 0.8 * room, lowest + 1.5 * room)


@in_house_style
def history(
    epochs: Mapping[str, Sequence[float]],
    best_epoch: int | None = None,
    *,
    size: Size = (3.6, 3.2),
) -> Figure:
    """Loss and accuracy of training and validation by epoch.

    Args:
        epochs: Columns as Keras names them: `loss`, `val_loss`, `accuracy`, `val_accuracy`; those
            that are missing are left out. `mae` and `val_mae` are of scores, in their spreads.
        best_epoch: The epoch whose weights were kept, counted from 1.
        size: Width and height of each panel in inches.
    """
    from matplotlib.ticker import MaxNLocator

    known = [("loss", "loss (nats)"), ("accuracy", "accuracy (share of rows)")]
    if "mae" in epochs:
        known = [("loss", "mean squared error (spreads)"), ("mae", "mean error (spreads)")]
    shown = [p for p in known if p[0] in epochs or f"val_{p[0]}" in epochs] or known[:1]
    figure, all_axes = panels(size[0] * len(shown), size[1], len(shown))
    for axes, (name, label) in zip(all_axes, shown, strict=True):
        for k, (column, title) in enumerate([(name, "training"), (f"val_{name}", "validation")]):
            if column in epochs:
                _series(axes, epochs[column], k, title)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=COLOURS["muted"], ls=DASHES[2], lw=1.2, label="kept")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    # With few epochs the lines cross all of the axes, so the legend stands outside.
    handles = dict(zip(*reversed(all_axes[0].get_legend_handles_labels()), strict=True))
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside upper left", ncols=3, fontsize=9
        )
    return figure


def _series(axes: Axes, values: Sequence[float], number: int, label: str) -> None:
    axes.plot(
        np.arange(1, len(values) + 1),
        values,
        ms=5,
        label=label,
        **series(number),
    )


@in_house_style
def schedule(
    learning_rates: ArrayLike, momentum: ArrayLike | None = None, *, size: Size = (6.4, 2.8)
) -> Figure:
    """Learning rate, and momentum where it moves, by training step.

    Args:
        learning_rates: Shape (steps,).
        momentum: Adam's first beta by step, shape (steps,).
        size: Width and height in inches.
    """
    figure, axes = panel(*size)
    rates = np.asarray(learning_rates, dtype=float)
    axes.plot(np.arange(1, len(rates) + 1), rates, color=COLOURS["first"], label="learning rate")
    axes.set(xlabel="training step (batches)", ylabel="learning rate")
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=False)
    if momentum is not None:
        other = axes.twinx()
        values = np.asarray(momentum, dtype=float)
        other.plot(np.arange(1, len(values) + 1), values, color=COLOURS["second"], ls=DASHES[1])
        other.set_ylabel("momentum (dashed)")
        other.grid(visible=False)
        other.spines["right"].set_visible(True)
    return figure


@in_house_style
def scores(
    truth: ArrayLike, said: ArrayLike, half_width: float | None = None, *, size: Size = (4.4, 3.8)
) -> Figure:
    """The model's score of each text against the true one.

    Args:
        truth: True scores, shape (n,).
        said: The model's, shape (n,).
        half_width: How far the interval around a score reaches; drawn as a band.
        size: Width and height in inches.
    """
    figure, axes = panel(*size)
    x, y = np.asarray(truth, dtype=float), np.asarray(said, dtype=float)
    ends = np.array([min(x.min(), y.min()), max(x.max(), y.max())])
    if half_width is not None:
        low, high = ends - half_width, ends + half_width
        muted = COLOURS["muted"]
        axes.fill_between(ends, low, high, label="90 % interval", color=muted, alpha=0.12, lw=0)
    axes.plot(ends, ends, color=COLOURS["muted"], ls=DASHES[2], lw=1.2, label="as given")
    axes.scatter(x, y, s=10, color=COLOURS["first"], alpha=_faintness(len(x)), linewidths=0)
    axes.set(xlabel="given score", ylabel="the model's score")
    figure.legend(fontsize=9, loc="outside upper left", ncols=2)
    return figure


def _faintness(points: int) -> float:
    """Many points lie on each other: the more, the fainter."""
    return float(np.clip(60 / max(points, 1) ** 0.5 / 3, 0.15, 0.8))


@in_house_style
def score_errors(truth: ArrayLike, said: ArrayLike, *, size: Size = (4.4, 3.8)) -> Figure:
    """How far off the model is, by its score: a funnel or a slope tells where not to trust it.

    Args:
        truth: True scores, shape (n,).
        said: The model's, shape (n,).
        size: Width and height in inches.
    """
    figure, axes = panel(*size)
    x = np.asarray(said, dtype=float)
    off = x - np.asarray(truth, dtype=float)
    axes.axhline(0, color=COLOURS["muted"], ls=DASHES[2], lw=1.2)
    axes.scatter(x, off, s=10, color=COLOURS["second"], alpha=_faintness(len(x)), linewidths=0)
    axes.set(xlabel="the model's score", ylabel="score minus given score")
    return figure


@in_house_style
def label_scores(found: Sequence[LabelFigures]) -> Figure:
    """F1 of each label with its interval, the best on top: which of several can be relied on.

    Args:
        found: The labels' figures.
    """
    ranked = sorted(found, key=lambda one: one.f1.value)
    figure, axes = panel(4.4, max(1.8, 0.8 + 0.28 * len(ranked)))
    places = np.arange(len(ranked))
    low, value, high = (np.array([getattr(one.f1, n) for one in ranked]) for n in _ENDS)
    axes.hlines(places, 100 * low, 100 * high, color=COLOURS["muted"], lw=2)
    axes.scatter(100 * value, places, s=36, color=COLOURS["first"], zorder=3)
    names = [f"{printable(one.label)} ({one.support:,})" for one in ranked]
    axes.set_yticks(places, names)
    axes.set(xlabel="F1 with its 95 % interval, %", xlim=(-2, 102))
    return figure


_ENDS = ("low", "value", "high")


@in_house_style
def confusion_matrix(confusion: ArrayLike, labels: Sequence[str]) -> Figure:
    """Counts and row shares, shaded by the share of the true class.

    Args:
        confusion: Counts, rows true and columns predicted, shape (classes, classes).
        labels: Class names.
    """
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [printable(label) for label in labels]
    size = max(3.4, 1.0 + 0.75 * len(labels))
    figure, axes = panel(size + 0.6, size)
    for (true, predicted), count in np.ndenumerate(counts):
        share = shares[true, predicted]
        colour = COLOURS["first" if true == predicted else "second"]
        axes.add_patch(_square(predicted, true, colour, 0.06 + 0.5 * share))
        text = f"{count}\n{share:.0%}" if len(labels) <= 8 else f"{count}"
        axes.text(predicted, true, text, ha="center", va="center")
    last = len(labels) - 0.5
    axes.set(xlim=(-0.5, last), ylim=(last, -0.5), aspect="equal")
    axes.set(xlabel="predicted label", ylabel="true label (share of each row)")
    axes.set_xticks(range(len(labels)), labels)
    if max(map(len, labels)) * len(labels) > 30:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    return figure


def _square(x: int, y: int, colour: str, alpha: float) -> Any:  # noqa: ANN401 - matplotlib patch
    from matplotlib.patches import Rectangle

    return Rectangle(
        (x - 0.48, y - 0.48), 0.96, 0.96, facecolor=colour, alpha=alpha, edgecolor="none"
    )


@in_house_style
def reliability(bins: Mapping[str, Reliability]) -> Figure:
    """Observed accuracy against stated probability, a line for each set of bins.

    Args:
        bins: By name, such as `before` and `after` temperature scaling; at most a few.
    """
    figure, axes = panel(4.4, 3.8)
    axes.plot([0, 1], [0, 1], color=COLOURS["muted"], ls=DASHES[2], lw=1.2, label="perfect")
    lowest = 1.0
    for k, (name, one) in enumerate(bins.items()):
        filled = one.count > 0
        share = one.count[filled] / max(one.count.sum(), 1)
        x, y = one.confidence[filled], one.accuracy[filled]
        label = f"{name} (error {one.error:.3f})"
        style = series(k)
        axes.plot(x, y, lw=1.2, ms=4, label=label, **style)
        axes.scatter(x, y, s=12 + 220 * share, color=style["color"], marker=style["marker"])
        lowest = min(lowest, float(x.min(initial=1.0)), float(y.min(initial=1.0)))
    start = max(0.0, np.floor(lowest * 10) / 10 - 0.05)
    axes.set(xlim=(start, 1.03), ylim=(start, 1.03), aspect="equal")
    axes.set(xlabel="stated probability", ylabel="observed share right")
    # Curves run through every corner of the axes, so the legend stands outside.
    figure.legend(fontsize=9, loc="outside upper left", ncols=1)
    return figure


@in_house_style
def coverage(covered: ArrayLike, accuracy: ArrayLike) -> Figure:
    """Accuracy of what is answered against the share that is answered.

    Args:
        covered: Shares of rows answered, rising, shape (points,).
        accuracy: Accuracy among them, shape (points,).
    """
    figure, axes = panel(4.4, 3.2)
    axes.plot(covered, accuracy, color=COLOURS["first"])
    axes.set(xlim=(0, 1.02), xlabel="share of texts answered", ylabel="accuracy of the answers")
    return figure


@in_house_style
def class_curves(
    curves: Mapping[str, Curve], x_label: str, y_label: str, *, diagonal: bool = False
) -> Figure:
    """ROC or precision-recall curves, a line a class."""
    figure, axes = panel(4.4, 3.8)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=COLOURS["muted"], ls=DASHES[2], lw=1)
    for k, (label, curve) in enumerate(curves.items()):
        style = series(k)
        axes.plot(curve.x, curve.y, color=style["color"], ls=style["ls"], label=printable(label))
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel=x_label, ylabel=y_label)
    if len(curves) > 2:
        figure.legend(fontsize=9, loc="outside upper left", ncols=4)
    elif len(curves) == 2:
        axes.legend(fontsize=9, loc="lower right" if diagonal else "lower left")
    return figure


@dataclass(frozen=True)
class Line:
    """One curve of an overlay.

    Attributes:
        rates: Learning rates, shape (steps,).
        losses: Smoothed losses, shape (steps,).
        chosen: The rate that is taken from it, or None.
    """

    rates: Floats
    losses: Floats
    chosen: float | None


@in_house_style
def learning_rate_overlay(lines: Mapping[str, Line]) -> Figure:
    """Smoothed loss against learning rate, a line a variant, its chosen rate marked."""
    names_below = max(0, (len(lines) - 1) // 3 - 1)
    figure, axes = panel(6.4, 3.6 + 0.2 * names_below)
    bounds = [_useful_range(np.asarray(line.losses, dtype=float)) for line in lines.values()]
    for number, (name, line) in enumerate(lines.items()):
        style = series(number)
        colour, dash, marker = style["color"], style["ls"], style["marker"]
        label = name if line.chosen is None else f"{name}: {line.chosen:.2g}"
        axes.plot(line.rates, line.losses, color=colour, ls=dash, label=label)
        if line.chosen is not None:
            height = float(np.interp(np.log(line.chosen), np.log(line.rates), line.losses))
            axes.plot([line.chosen], [height], marker, color=colour, ms=7)
    axes.set_xscale("log")
    axes.set_ylim(min(low for low, _ in bounds), max(high for _, high in bounds))
    axes.set(xlabel="learning rate (log scale)", ylabel="training loss, smoothed (nats)")
    figure.legend(loc="outside upper left", ncols=3, fontsize=9)
    return figure


@in_house_style
def figure_against_latency(entries: Sequence[Entry]) -> Figure:
    """What models are ranked by, with its interval, against the time of one text: a point a model.

    Of classes accuracy, also where they are uneven.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = panel(6.4, 3.8)
    first = entries[0].metrics
    name = "accuracy" if first.kind == "classes" else deciding_figure(first)
    unit = 100 if name in SHARES else 1
    for number, entry in enumerate(entries):
        low, value, high = (unit * getattr(entry.metrics.headline[name], end) for end in _ENDS)
        style = series(number)
        axes.errorbar(
            [entry.costs.latency_ms], [value], yerr=[[value - low], [high - value]],
            fmt=style["marker"], color=style["color"], capsize=3, label=entry.name,
        )  # fmt: skip
    axes.set_xscale("log")
    # Room for a round number even where all models are as fast.
    times = [entry.costs.latency_ms for entry in entries]
    axes.set_xlim(min(times) / 1.6, max(times) * 1.6)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    said = NAMES[name] + (", %" if unit == 100 else "")
    better = " ↓" if name in LOWER_IS_BETTER else ""
    axes.set(xlabel="one text, milliseconds (log scale)")
    axes.set(ylabel=f"{said}{better} (95 % interval)")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@in_house_style
def learning_curve(found: Sequence[FewShot], entries: Sequence[Entry]) -> Figure:
    """Accuracy against examples a class, a line a model; the last point is all training rows."""
    figure, axes = panel(6.4, 3.8)
    whole = {entry.name: 100 * entry.metrics.accuracy.value for entry in entries}
    names = list(dict.fromkeys(one.name for one in found))
    sizes = sorted({one.examples for one in found})
    places = {size: k for k, size in enumerate(sizes)}
    for number, name in enumerate(names):
        own = sorted((one for one in found if one.name == name), key=lambda one: one.examples)
        style = series(number)
        x = [places[one.examples] for one in own] + [len(sizes)]
        y = [100 * fmean(one.accuracies) for one in own] + [whole[name]]
        axes.plot(x, y, label=name, **style)
        for one in own:
            spots = [100 * accuracy for accuracy in one.accuracies]
            axes.plot(
                [places[one.examples]] * len(spots), spots, ".", color=style["color"], alpha=0.5
            )
    axes.set_xticks([*places.values(), len(sizes)], [*map(str, sizes), "all"])
    axes.set(xlabel="examples a class", ylabel="accuracy on test rows, %")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
