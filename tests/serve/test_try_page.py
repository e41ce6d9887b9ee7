"""The page at /, used as people use it: with a mouse, with keys alone, and with what goes wrong."""

import csv
import http.client
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Browser, Tab
from support.serving import Running, running

KEY = "correct horse"
CTRL, SHIFT = 2, 8
TEXT = "\N{WAVING HAND SIGN} a superb plot, and  a dull cast"


@pytest.fixture
def tab(browser: Browser, live: Running) -> Iterator[Tab]:
    """The page, on a screen of the usual width."""
    with browser.tab(f"{live.url}/") as opened:
        opened.wait("document.getElementById('about').textContent.includes('tokens')")
        yield opened


@pytest.fixture(scope="module")
def strict(predictor: Path) -> Iterator[Running]:
    """A server that wants a key and takes little, with two models. Do not end it."""
    limits = ["--max-body", "500", "--max-tables", "1", "--max-table", "4000"]
    with running(f"one={predictor}", f"two={predictor}", *limits, SENTIMENT_API_KEY=KEY) as started:
        yield started


@pytest.fixture
def known(browser: Browser, strict: Running) -> Iterator[Tab]:
    """The page of the strict server, opened with the key."""
    with browser.tab(f"{strict.url}/") as opened:
        opened.wait("document.activeElement.id === 'key'")
        opened.write(KEY)
        opened.press("Enter")
        opened.wait("document.activeElement.id === 'text'")
        yield opened


def write_in(tab: Tab, place: str, text: str) -> None:
    tab.run(f"document.getElementById({place!r}).focus()")
    tab.write(text)


def classify(tab: Tab, text: str) -> None:
    write_in(tab, "text", text)
    tab.press("Enter", CTRL)
    tab.wait("!document.getElementById('why').hidden")


def classify_lines(tab: Tab, *lines: str) -> None:
    write_in(tab, "lines", "\n".join(lines))
    tab.click("#paste button")
    tab.wait("!document.getElementById('rows').hidden")


def complaint(tab: Tab, place: str) -> str:
    tab.wait(f"document.getElementById({place!r}).textContent")
    return tab.text(f"#{place}")


def column(tab: Tab, place: int) -> list[str]:
    code = f"[...document.querySelectorAll('#cells tr')].map((r) => r.cells[{place}].textContent)"
    return list(tab.run(code))


# One text


def test_a_text_gets_its_label_its_probabilities_and_its_words(tab, classifier):
    classify(tab, TEXT)
    (found,) = classifier.predict([TEXT])
    rows = tab.run(
        "[...document.getElementById('labels').rows].map((row) =>"
        " [...row.cells].map((cell) => cell.innerText))"
    )
    shown = {label: share for label, share, _ in rows}
    assert shown == {
        label: f"{p:.1%}".replace("%", " %") for label, p in found.probabilities.items()
    }
    assert tab.text("#one-said") == f"{found.label}, {shown[found.label]}"
    words = tab.run("[...document.querySelectorAll('#marked mark')].map((m) => m.textContent)")
    assert words == TEXT.split()
    assert tab.run("document.getElementById('marked').textContent") == TEXT
    named = tab.text("#for") + tab.text("#against")
    assert "superb (" in named
    assert "dull (" in named


def test_another_label_can_be_explained(tab):
    classify(tab, TEXT)
    spoke_for, label = tab.text("#for"), tab.run("document.getElementById('label').value")
    tab.run("document.getElementById('label').focus()")
    other = tab.run("[...document.getElementById('label').options].map((o) => o.value)")
    other.remove(label)
    tab.run(
        f"document.getElementById('label').value = {other[0]!r};"
        "document.getElementById('label').dispatchEvent(new Event('change'))"
    )
    tab.wait(f"document.getElementById('against').innerText === {spoke_for!r}")


def test_what_a_text_says_in_html_stays_text(tab):
    sly = "<img src=x onerror=alert(1)><b>superb</b>"
    classify(tab, sly)
    classify_lines(tab, sly)
    assert tab.text("#marked") == sly
    assert column(tab, 0) == [sly]
    assert tab.run("document.querySelectorAll('main img, main b').length") == 0


# Keys and screen readers


def test_everything_can_be_done_with_keys_alone(tab):
    tab.press("Tab")
    assert tab.text(":focus") == "To the text"
    tab.press("Enter")
    tab.press("Tab")
    assert tab.run("document.activeElement.textContent") == "Classify"
    tab.press("Tab", SHIFT)
    tab.write("a superb plot")
    tab.press("Tab")
    tab.press("Enter")
    tab.wait("!document.getElementById('why').hidden")
    order = []
    while "Classify lines" not in order:
        tab.press("Tab")
        order.append(tab.run("document.activeElement.textContent.trim()"))
        if tab.run("document.activeElement.id") == "lines":
            tab.write("a superb plot\na dull plot\n")
    tab.press(" ")
    tab.wait("!document.getElementById('rows').hidden")
    for _ in range(20):
        tab.press("Tab")
        if tab.run("document.activeElement.textContent") == "probability":
            break
    tab.press("Enter")
    assert tab.run("document.activeElement.closest('th').ariaSort") == "ascending"


def test_a_screen_reader_hears_a_name_for_everything_that_can_be_used(tab):
    classify(tab, TEXT)
    classify_lines(tab, "a superb plot")
    spoken = tab.spoken()
    roles = {"textbox", "button", "combobox", "table", "link", "columnheader", "rowheader"}
    assert [role for role, name in spoken if role in roles and not name] == []
    named = {name for role, name in spoken if role in roles}
    assert {"Text", "Classify", "Label to explain", "Texts, one a line", "Download as CSV"} <= named
    assert [role for role, _ in spoken].count("alert") == 0  # nothing went wrong
    assert [role for role, _ in spoken].count("status") == 2


# Many texts


def test_pasted_lines_become_a_table_that_sorts(tab):
    lines = ["a superb plot", "", "a dull plot", "plot 10", "plot 9"]
    classify_lines(tab, *lines)
    texts = [line for line in lines if line]
    assert column(tab, 0) == texts
    assert tab.text("#many-said") == "4 rows classified"
    tab.click("#columns th:nth-child(1) button")
    assert column(tab, 0) == ["a dull plot", "a superb plot", "plot 9", "plot 10"]
    tab.click("#columns th:nth-child(3) button")
    tab.click("#columns th:nth-child(3) button")
    sure = [float(one) for one in column(tab, 2)]
    assert sure == sorted(sure, reverse=True)
    sorts = tab.run("[...document.querySelectorAll('#columns th')].map((th) => th.ariaSort)")
    assert sorts == [None, None, "descending", None, None]


def test_a_long_table_shows_more_when_asked(tab):
    classify_lines(tab, *(f"plot {number}" for number in range(120)))
    assert len(column(tab, 0)) == 50
    tab.click("#more")
    assert len(column(tab, 0)) == 100
    assert tab.run("document.activeElement.rowIndex") == 51  # below the head
    tab.click("#more")
    assert tab.run("document.getElementById('more').hidden")
    assert column(tab, 0)[-1] == "plot 119"


def test_a_dropped_table_is_answered_and_can_be_downloaded(tab, tmp_path, classifier):
    rows = [("1", 'a "superb" plot, twice'), ("2", "=1+1"), ("3", "zwei\nZeilen"), ("4", "")]
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "text"), *rows])
    tab.drop(path, "h1")
    tab.wait("!document.getElementById('rows').hidden")
    assert column(tab, 0) == ["1", "2", "3", "4"]
    tab.download_to(tmp_path)
    tab.click("#download")
    saved = tmp_path / "tickets-predicted.csv"
    end = time.monotonic() + 10
    while not (saved.is_file() and saved.stat().st_size):
        assert time.monotonic() < end
        time.sleep(0.02)
    table = list(csv.DictReader(io.StringIO(saved.read_text(), newline="")))
    assert [row["text"] for row in table] == [rows[0][1], "'=1+1", rows[2][1], ""]
    wanted = [one.label for one in classifier.predict([text for _, text in rows[:3]])]
    assert [row["predicted"] for row in table] == [*wanted, ""]


def test_the_column_of_the_texts_can_be_said(tab, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("one,other\na superb plot,a dull plot\nsuperb,dull\n")
    root = tab.send("DOM.getDocument")["root"]["nodeId"]
    node = tab.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    tab.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])
    tab.click("#drop button")
    assert "The server refused: " in complaint(tab, "many-wrong")
    assert tab.text("#many-wrong").endswith("'one', 'other'; choose one with the field for it.")
    write_in(tab, "column", "other")
    tab.press("Enter")
    tab.wait("!document.getElementById('rows').hidden")
    assert not tab.text("#many-wrong")
    assert len(set(column(tab, 2))) == 1


def test_a_job_can_be_stopped(tab):
    write_in(tab, "lines", "a superb plot\n" * 200)
    tab.run("document.getElementById('paste').requestSubmit()")
    tab.run("document.getElementById('stop').click()")
    tab.wait("document.getElementById('stop').hidden")
    assert not tab.text("#many-wrong")
    classify_lines(tab, "a dull plot")


# What goes wrong


def test_what_is_missing_is_said_before_the_server_is_asked(tab, tmp_path):
    tab.click("#one button")
    assert "no text yet" in complaint(tab, "one-wrong")
    tab.click("#paste button")
    assert "no lines yet" in complaint(tab, "many-wrong")
    tab.click("#drop button")
    tab.wait("document.getElementById('many-wrong').textContent.includes('no file yet')")
    (tmp_path / "photo.png").write_bytes(b"")
    tab.drop(tmp_path / "photo.png")
    tab.wait("document.getElementById('many-wrong').textContent.includes('photo.png is no table')")


def test_a_server_with_a_key_is_asked_for_it(browser, strict):
    with browser.tab(f"{strict.url}/") as tab:
        tab.wait("document.activeElement.id === 'key'")
        assert "This server wants an API key" in tab.text("#key-said")
        for wrong in ("wrong", "schl\u00fcssel \u597d"):
            tab.run("document.getElementById('key').select()")
            tab.write(wrong)
            tab.run("document.getElementById('key-said').textContent = ''")
            tab.press("Enter")
            assert "not the right one" in complaint(tab, "key-said")
        tab.run("document.getElementById('key').select()")
        tab.write(KEY)
        tab.press("Enter")
        tab.wait("document.activeElement.id === 'text'")
        classify(tab, "a superb plot")


def test_several_models_can_be_chosen_from(known):
    options = "[...document.getElementById('model').options].map((o) => o.value)"
    assert known.run(options) == ["one", "two"]
    known.run("document.getElementById('model').focus()")
    known.press("ArrowDown")
    known.wait("document.getElementById('about').textContent.startsWith('two')")
    classify(known, "a superb plot")


def test_too_much_is_said_with_the_limit(known, tmp_path):
    write_in(known, "text", "superb " * 100)
    known.click("#one button")
    assert "more than the server takes: the body is larger than 500 bytes" in complaint(
        known, "one-wrong"
    )
    (tmp_path / "large.txt").write_text("a superb plot\n" * 1000)
    known.drop(tmp_path / "large.txt")
    assert "larger than 4,000 bytes" in complaint(known, "many-wrong")


def test_a_busy_server_is_said_with_the_time_to_wait(known, strict):
    other = http.client.HTTPConnection(strict.host, strict.port, timeout=10)
    other.putrequest("POST", "/table")
    named = {"content-type": "text/plain", "x-api-key": KEY}
    for name, value in {**named, "content-length": "100"}.items():
        other.putheader(name, value)
    other.endheaders(b"superb\n")  # and no more: the one table that may be is begun
    try:
        while strict.ask("POST", "/table", b"superb\n", **named).status != 429:
            time.sleep(0.02)
        write_in(known, "lines", "a superb plot")
        known.click("#paste button")
        said = complaint(known, "many-wrong")
        assert re.fullmatch(r"The server has too much to do; try again in \d+ s\.", said)
    finally:
        other.close()


def test_a_server_that_is_gone_is_said(browser, predictor):
    with running(predictor) as server, browser.tab(f"{server.url}/") as tab:
        classify(tab, "a superb plot")
        server.process.kill()
        server.process.wait()
        tab.click("#one button")
        assert "The server does not answer." in complaint(tab, "one-wrong")
        write_in(tab, "lines", "a superb plot")
        tab.click("#paste button")
        assert "The server does not answer." in complaint(tab, "many-wrong")
        assert tab.run("document.getElementById('stop').hidden")


# What it looks like


@pytest.mark.parametrize("width", [320, 360, 1200])
def test_nothing_sticks_out_sideways(tab, width):
    tab.resize(width)
    classify(tab, f"{TEXT} {'superb' * 30}")
    classify_lines(tab, "a superb plot " * 10, "superb" * 30)
    for one in ("one-wrong", "many-wrong"):
        tab.run(f"document.getElementById({one!r}).textContent = 'superb'.repeat(30)")
    wide = (
        "[...document.querySelectorAll('header *, main *, footer *')].filter((e) =>"
        " !e.closest('.scroll, .unseen') && e.getBoundingClientRect().right >"
        " document.documentElement.clientWidth + 1).map((e) => e.outerHTML)"
    )
    assert tab.run(wide) == []
    assert tab.run("document.documentElement.scrollWidth") <= width


def test_it_is_dark_where_the_reader_has_it_so(browser, live):
    for dark in (False, True):
        with browser.tab(f"{live.url}/", dark=dark) as tab:
            ground = tab.run("getComputedStyle(document.body).backgroundColor")
            red = int(re.findall(r"\d+", ground)[0])
            assert red < 60 if dark else red > 200


def test_nothing_is_written_where_the_policy_forbids_it(live):
    page = live.ask("GET", "/")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    html = page.body.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", html) == []
    named = re.findall(r'(?:href|src)="(static/[^"]+)"', html)  # also below a path of a proxy
    assert len(named) == 4
    assert [name for name in named if live.ask("GET", f"/{name}").status != 200] == []
