from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from ktrain_sentiment.evaluation.calibration import Curve, Reliability
from ktrain_sentiment.evaluation.intervals import Estimate
from ktrain_sentiment.report import plots
from ktrain_sentiment.report.drawing import COLOURS

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
RATES = np.geomspace(1e-6, 1e-1, 60)
LOSSES = 0.7 - 0.3 / (1 + np.exp(-3 * (np.log10(RATES) + 4))) + 1e6 * RATES**5


def drawings():
    marks = [plots.Suggestion("valley", 1e-4, chosen=True), plots.Suggestion("steepest", 3e-5)]
    yield plots.learning_rate_curve(RATES, LOSSES, LOSSES, marks)
    yield plots.history({"loss": [0.5, 0.3], "val_loss": [0.4, 0.35], "accuracy": [0.8, 0.9]}, 2)
    yield plots.schedule([1e-5, 8e-5, 1e-6], [0.95, 0.85, 0.95])
    yield plots.confusion_matrix(np.arange(9).reshape(3, 3), ["a", "b", "c"])
    yield plots.coverage([0.1, 0.5, 1.0], [1.0, 0.9, 0.8])


def test_every_axis_says_what_it_measures():
    for figure in drawings():
        assert all(axes.get_ylabel() for axes in figure.axes)
        assert any(axes.get_xlabel() for axes in figure.axes)


def test_a_drawing_becomes_a_png_on_a_light_card(tmp_path):
    image = pytest.importorskip("PIL.Image")
    figure = plots.confusion_matrix([[5, 1], [2, 9]], ["no", "yes"])
    plots.save_png(figure, tmp_path / "confusion.png")
    corner = image.open(tmp_path / "confusion.png").convert("RGB").getpixel((1, 1))
    assert "#{:02x}{:02x}{:02x}".format(*corner) == COLOURS["card"]


def test_a_drawing_for_the_page_takes_the_colours_of_the_page():
    element = plots.svg(plots.coverage([0.1, 1.0], [1.0, 0.8]), "cover", 'More "text" & less')
    assert element.startswith('<svg role="img" aria-label="More &quot;text&quot; &amp; less"')
    assert "var(--first)" in element
    assert "var(--ink)" in element
    assert not [colour for colour in COLOURS.values() if colour in element]
    assert 'id="cover-' in element


def test_drawing_leaves_the_global_style_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    list(drawings())
    assert dict(matplotlib.rcParams) == before


def test_a_loss_that_explodes_does_not_flatten_the_curve():
    (axes,) = plots.learning_rate_curve(RATES, np.where(RATES > 0.02, 1e9, LOSSES)).axes
    assert axes.get_ylim()[1] < 2


def test_a_search_of_losses_that_are_no_numbers_is_drawn_all_the_same(tmp_path):
    plots.save_png(plots.learning_rate_curve(RATES[:3], [np.nan] * 3), tmp_path / "lr_find.png")


def overlap(one, other):
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0) * max(height, 0)


def test_legends_of_many_lines_stand_beside_the_axes_and_not_over_their_curves():
    edges = np.linspace(0, 1, 11)
    bins = Reliability(edges, np.full(10, 50), np.arange(1, 50, 5), edges[1:])
    curve = Curve(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    lines = {f"model {k}": plots.Line(RATES, LOSSES, 1e-4) for k in range(10)}
    for figure in (
        plots.reliability({"before": bins, "after": bins}),
        plots.class_curves({f"class {k}": curve for k in range(4)}, "recall", "precision"),
        plots.learning_rate_overlay(lines),
        plots.history({"loss": [0.5, 0.3], "val_loss": [0.4, 0.35]}, 2),
        plots.learning_rate_curve(RATES, LOSSES, LOSSES, [plots.Suggestion("valley", 1e-4)]),
    ):
        figure.draw_without_rendering()
        (axes,), (legend,) = figure.axes, figure.legends
        assert overlap(axes.get_window_extent(), legend.get_window_extent()) == 0


@pytest.mark.parametrize("latencies", [(0.1, 0.122, 0.131), (0.1, 9, 400), (3.0,)])
def test_times_are_written_plainly_and_do_not_run_into_each_other(latencies):
    accuracy = Estimate(0.8, 0.7, 0.9, 40)
    entries = [
        SimpleNamespace(
            name=f"m{time}",
            costs=SimpleNamespace(latency_ms=time),
            metrics=SimpleNamespace(kind="classes", headline={"accuracy": accuracy}),
        )
        for time in latencies
    ]
    figure = plots.figure_against_latency(entries)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    both = [(axes.xaxis.get_ticklabels(which=one), axes.xaxis.get_ticklocs(minor=one == "minor"))
            for one in ("major", "minor")]  # fmt: skip
    seen = [
        label
        for labels, places in both
        for label, place in zip(labels, places, strict=False)
        if label.get_text() and low <= place <= high
    ]
    assert len(seen) >= 1
    assert not any("times" in one.get_text() for one in seen)
    boxes = sorted((one.get_window_extent() for one in seen), key=lambda box: box.x0)
    assert all(one.x1 <= other.x0 for one, other in pairwise(boxes))


def test_a_label_that_controls_a_terminal_is_drawn_as_it_is_written():
    figure = plots.confusion_matrix([[3, 1], [0, 4]], ["\x1b[31mred", "fine"])
    (axes,) = [one for one in figure.axes if one.get_xticklabels()][:1]
    assert [one.get_text() for one in axes.get_xticklabels()] == ["\\x1b[31mred", "fine"]
    assert plots.svg(figure, "labels", "which label is taken for which")
