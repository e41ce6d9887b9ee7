"""What the page looks like: contrast from its colours, and its width in a real browser."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from html import escape
from importlib.resources import files

import numpy as np
import pytest

from ktrain_sentiment.report.drawing import COLOURS, SERIES
from ktrain_sentiment.report.drawing import series as look_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CSS = files("ktrain_sentiment.report").joinpath("style.css").read_text("utf-8")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def schemes():
    """The colours of the light, dark and printed page, as rows of red, green and blue."""
    blocks = re.findall(r":root\s*\{([^}]*)\}", CSS)
    assert len(blocks) == 3
    for name, block in zip(("light", "dark", "print"), blocks, strict=True):
        pairs = re.findall(r"--(\w+):\s*#([0-9a-f]{6})", block)
        yield name, {key: np.array([int(v[i : i + 2], 16) for i in (0, 2, 4)]) for key, v in pairs}


SCHEMES = dict(schemes())


def luminance(colour):
    linear = np.where(
        colour / 255 <= 0.04045, colour / 255 / 12.92, ((colour / 255 + 0.055) / 1.055) ** 2.4
    )
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_of_black_on_white_is_what_the_standard_says():
    assert contrast(np.zeros(3), np.full(3, 255)) == pytest.approx(21)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("text", ["ink", "muted", "first", "second"])
@pytest.mark.parametrize("ground", ["page", "card"])
def test_text_stands_out_from_its_ground(scheme, text, ground):
    colours = SCHEMES[scheme]
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("mark", ["first", "second"])
def test_text_stands_out_from_the_strongest_mark(scheme, mark):
    colours = SCHEMES[scheme]
    strongest = max(float(s) for s in re.findall(r"calc\(var\(--w\) \* (\d+)%\)", CSS)) / 100
    ground = strongest * colours[mark] + (1 - strongest) * colours["card"]
    assert contrast(colours["ink"], ground) >= 4.5
    if scheme == "light":
        assert (
            contrast(
                colours["muted"],
                0.7 * strongest * colours[mark] + (1 - 0.7 * strongest) * colours["page"],
            )
            >= 3
        )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lines_of_drawings_stand_out_from_the_page(scheme):
    colours = SCHEMES[scheme]
    for series in SERIES:
        assert contrast(colours[series], colours["page"]) >= 3


def test_every_colour_of_a_drawing_is_one_of_the_page():
    for colours in SCHEMES.values():
        assert set(COLOURS) <= {*colours, "card"}


def test_many_lines_all_look_different():
    looks = {tuple(map(str, look_of(number).values())) for number in range(40)}
    assert len(looks) == 40


def lightness_and_hue(colour):
    """CIELAB, in which equal distances look about equally different."""
    share = colour / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    sums = np.array([
        [0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505],
    ])  # fmt: skip
    x, y, z = np.cbrt(sums @ linear / np.array([0.9505, 1.0, 1.0888]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_ten_models_have_ten_colours_that_can_be_told_apart(scheme):
    assert len({look_of(number)["color"] for number in range(10)}) == 10
    seen = [lightness_and_hue(SCHEMES[scheme][name]) for name in SERIES]
    apart = [np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)]
    assert min(apart) > 20


def in_frame(page, width):
    """The page in a frame of a phone's width, and a script outside it that measures."""
    script = """
      const frame = document.querySelector('iframe');
      frame.addEventListener('load', () => {
        const page = frame.contentDocument, root = page.documentElement;
        const wide = [...page.querySelectorAll('main *, header *, footer *')].filter(
          (e) => !e.closest('.scroll') && e.getBoundingClientRect().right > root.clientWidth + 1);
        document.title = [root.scrollWidth, root.clientWidth, wide.length,
          page.querySelectorAll('svg').length, root.scrollHeight].join(' ');
      });
    """
    return (
        f"<!doctype html><title>waiting</title><iframe width={width} height=900 frameborder=0"
        f' srcdoc="{escape(page)}"></iframe><script>{script}</script>'
    )


def browse(tmp_path, *arguments):
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@in_browser
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_sticks_out_sideways(page, tmp_path, width):
    path = tmp_path / "frame.html"
    path.write_text(in_frame(page, width), encoding="utf-8")
    dom = browse(tmp_path, "--window-size=1400,1000", "--dump-dom", path.as_uri())
    found = re.search(r"<title>([\d ]+)</title>", dom)
    assert found is not None, "the page did not load"
    scroll, client, sticking_out, drawings, height = map(int, found[1].split())
    assert width - 20 <= client <= width  # a scroll bar may take its part
    assert scroll <= client
    assert sticking_out == 0
    assert drawings >= 7
    assert height > 3000


@in_browser
def test_the_page_prints(page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    browse(
        tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'out.pdf'}", path.as_uri()
    )
    pages = (tmp_path / "out.pdf").read_bytes().count(b"/Type /Page\n")
    assert 2 <= pages <= 15
