"""The style of all pictures, and how one becomes PNG or SVG, without pyplot's global state.

One drawing serves two ends. `save_png` writes it on a light card that reads on a light and a dark
page alike. `svg` gives a drawing whose colours are CSS variables, so that it follows the colours of
the page it stands in. The colours are those of Okabe and Ito (2008), which people with any of the
common kinds of colour blindness can tell apart, with four more for pictures of many lines, and no
meaning hangs on colour alone.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ktrain_sentiment.atomic import staged_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Each colour is written to SVG as is and replaced there by the variable of its name, so no two
# may be equal.
COLOURS = {
    "ink": "#1f2328",
    "muted": "#57606a",
    "grid": "#d8dee4",
    "card": "#fdfdfc",
    "first": "#0072b2",
    "second": "#d55e00",
    "third": "#009e73",
    "fourth": "#a5588a",
    "fifth": "#8a6a00",
    "sixth": "#4a4f57",
    "seventh": "#c2185b",
    "eighth": "#5e35b1",
    "ninth": "#5f7f00",
    "tenth": "#00838f",
}
SERIES = tuple(COLOURS)[4:]
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1, 2)), (0, (7, 1.5)))
STYLE = {
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.color": COLOURS["ink"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.edgecolor": COLOURS["muted"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.8,
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.09,
}

Arguments = ParamSpec("Arguments")
Floats = NDArray[np.float64]
Size = tuple[float, float]


def series(number: int) -> dict[str, Any]:
    """Colour, dashes and marker of one of several lines; no colour returns below ten."""
    return {
        "color": COLOURS[SERIES[number % len(SERIES)]],
        "ls": DASHES[number % len(DASHES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def in_house_style(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw under this module's style, and leave matplotlib's global one as it was."""

    @functools.wraps(draw)
    def styled(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def panel(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of this size in inches and its axes."""
    figure, (axes,) = panels(width, height, 1)
    return figure, axes


def panels(width: float, height: float, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of this size in inches and its axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def save_png(figure: Figure, path: Path) -> None:
    """Write the drawing as PNG on a light card, replacing an earlier one.

    Raises:
        InputError: The place cannot be written.
        SentimentError: The disk is full.
    """
    with staged_file(path, overwrite=True) as target:
        figure.savefig(target, format="png", dpi=160, facecolor=COLOURS["card"])


def svg(figure: Figure, name: str, description: str) -> Markup:
    """The drawing as an SVG element for an HTML page, in the page's own colours.

    Args:
        figure: What a function of this module returned.
        name: Unique on the page; keeps the identifiers of several drawings apart.
        description: What a person sees in it, for those who do not.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    element = buffer.getvalue().partition("<svg")[2]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    # Every drawing calls its parts alike, and an identifier may stand on a page once only.
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    for variable, colour in COLOURS.items():
        element = element.replace(colour, f"var(--{variable})")
    element = re.sub(r"font: ([\d.]+)px[^;\"]*", r"font-size: \1px", element)
    element = re.sub(r' (width|height)="[\d.]+pt"', "", element, count=2)
    return Markup(f'<svg role="img" aria-label="{escape(description)}"{element}')
