"""The page at / for predictors that answer with something else than a class, or read rows."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import ktrain_sentiment
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.predictor.manifest import update_predictor
from support.browser import Browser, Tab
from support.serving import Running, running

TEXT = "the plot was brilliant but the cast was boring all evening"


@pytest.fixture(scope="module")
def folders(
    predictor: Path,
    columns_predictor: Path,
    paired_run: Path,
    scored_run: Path,
    multi_run: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """A predictor of each kind."""
    stars = tmp_path_factory.mktemp("stars") / "predictor"
    shutil.copytree(predictor, stars)
    update_predictor(stars, task="stars", stars=(4.0, 1.0))
    return {
        "stars": stars, "places": columns_predictor, "aspects": paired_run / "predictor",
        "scores": scored_run / "predictor", "sets": multi_run / "predictor",
    }  # fmt: skip


@pytest.fixture(scope="module")
def site(folders: dict[str, Path]) -> Iterator[Running]:
    """One server with all of them. Do not end it."""
    with running(*(f"{name}={place}" for name, place in folders.items())) as started:
        yield started


@pytest.fixture
def tab(browser: Browser, site: Running) -> Iterator[Tab]:
    with browser.tab(f"{site.url}/") as opened:
        opened.wait("document.getElementById('about').textContent.includes('tokens')")
        yield opened


def choose(tab: Tab, model: str) -> None:
    tab.run(
        f"document.getElementById('model').value = {model!r};"
        "document.getElementById('model').dispatchEvent(new Event('change'))"
    )
    tab.wait(f"document.getElementById('about').textContent.startsWith({model!r})")


def fill(tab: Tab, **fields: str) -> None:
    for name, value in fields.items():
        tab.run(f"document.querySelector({f'#{name}, [name={name}]'!r}).focus()")
        tab.run("document.activeElement.select()")
        tab.write(value)


def ask(tab: Tab, **fields: str) -> str:
    """What is said of a text with these fields."""
    fill(tab, **fields)
    tab.run("document.getElementById('one-said').textContent = ''")
    tab.click("#one button")
    tab.wait("document.getElementById('one-said').textContent")
    return tab.text("#one-said")


def shown(tab: Tab) -> list[list[str]]:
    code = (
        "[...document.getElementById('labels').rows].map((row) => [...row.cells].slice(0, -1)"
        ".map((cell) => cell.innerText))"
    )
    return list(tab.run(code))


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def of(folders: dict[str, Path], name: str) -> TextClassifier:
    return ktrain_sentiment.load(folders[name])


def test_stars_are_shown_in_their_order_with_the_expected_one(tab, folders):
    said = ask(tab, text=TEXT)
    (found,) = of(folders, "stars").predict([TEXT])
    assert said.startswith(
        f"{found.label}, {percent(found.probability)}; {found.expected_star:.2f} stars expected"
    )
    assert [row[0] for row in shown(tab)] == ["positive", "negative"]
    tab.wait("!document.getElementById('why').hidden")


def test_a_score_is_shown_with_its_interval_and_without_words(tab, folders):
    choose(tab, "scores")
    (found,) = of(folders, "scores").predict([TEXT])
    ends = f"{found.score_low:.2f} to {found.score_high:.2f}"
    assert ask(tab, text=TEXT) == f"{found.score:.2f} (nine of ten such texts: {ends})"
    assert tab.run("document.getElementById('found').hidden")
    assert tab.text("#one-wrong") == ""


@pytest.mark.parametrize("text", ["i saw the plot and it is superb", "as my sister said"])
def test_several_labels_are_those_from_their_thresholds_on(tab, folders, text):
    choose(tab, "sets")
    classifier = of(folders, "sets")
    (found,) = classifier.predict([text])
    ranked = sorted(found.labels, key=lambda label: -found.probabilities[label])
    assert ask(tab, text=text) == (", ".join(ranked) or "none of its labels")
    cuts = dict(zip(classifier.labels, classifier.task.thresholds, strict=True))
    assert {row[0]: row[1:] for row in shown(tab)} == {
        label: [percent(p), percent(cuts[label])] for label, p in found.probabilities.items()
    }
    given = "[...document.querySelectorAll('#labels .given th')].map((cell) => cell.innerText)"
    assert tab.run(given) == ranked
    assert not tab.run("document.getElementById('cut').hidden")
    assert tab.run("document.getElementById('why').hidden")
    assert tab.text("#one-wrong") == ""


def test_a_pair_has_a_field_for_its_second_text(tab, folders):
    choose(tab, "aspects")
    (found,) = of(folders, "aspects").predict([(TEXT, "cast")])
    tab.run("document.getElementById('text').focus()")
    tab.write(TEXT)
    tab.click("#one button")
    tab.wait("document.getElementById('one-wrong').textContent")
    assert tab.text("#one-wrong") == "There is no aspect yet: write one first."
    assert tab.run("document.activeElement.name") == "aspect"
    said = ask(tab, text=TEXT, aspect="cast")
    assert said.startswith(f"{found.label}, {percent(found.probability)}")
    assert tab.text("#one-wrong") == ""
    tab.wait("!document.getElementById('why').hidden")
    assert tab.run("document.getElementById('marked').textContent").endswith(" cast")
    (other,) = of(folders, "aspects").predict([(TEXT, "plot")])
    assert ask(tab, aspect="plot").startswith(f"{other.label}, ")


def test_further_columns_have_fields_that_may_stay_empty(tab, folders):
    choose(tab, "places")
    classifier = of(folders, "places")
    named = tab.run("[...document.querySelectorAll('#one label')].map((one) => one.innerText)")
    assert named == ["text", "price", "category"]
    row = {"text": TEXT, "price": "19.99", "category": "film"}
    for given in (row, {**row, "price": ""}):
        (found,) = classifier.predict([given])
        assert ask(tab, **given).startswith(f"{found.label}, {percent(found.probability)}")
    tab.wait("!document.getElementById('why').hidden")
    # Another label is explained of what was asked, whatever stands in the fields by then.
    fill(tab, category="")
    other = next(label for label in classifier.labels if label != found.label)
    tab.run(
        f"document.getElementById('label').value = {other!r};"
        "document.getElementById('label').dispatchEvent(new Event('change'))"
    )
    tab.wait("document.getElementById('marked').textContent.startsWith('category film |')")
    spoken = {name for role, name in tab.spoken() if role == "textbox"}
    assert {"text", "price", "category"} <= spoken


def test_rows_are_pasted_with_tabs_between(tab, folders):
    choose(tab, "places")
    said = "Rows, one a line, with a tab between text, price, category"
    assert tab.text("#lines-name") == said
    rows = [("a superb plot", "19.99", "film"), ("a dull plot", "", "book")]
    lines = json.dumps("\n".join("\t".join(row) for row in rows))
    tab.run(f"document.getElementById('lines').value = {lines}")
    tab.click("#paste button")
    tab.wait("!document.getElementById('rows').hidden")
    cells = "[...document.querySelectorAll('#cells tr')].map((r) => r.cells[3].textContent)"
    records = [dict(zip(("text", "price", "category"), row, strict=True)) for row in rows]
    wanted = of(folders, "places").predict(records)
    assert tab.run(cells) == [one.label for one in wanted]


def test_what_is_written_stays_where_another_model_reads_it_too(tab):
    choose(tab, "places")
    fill(tab, text=TEXT, category="film")
    choose(tab, "places")
    assert tab.run("document.querySelector('[name=category]').value") == "film"
    choose(tab, "sets")
    assert tab.run("document.querySelectorAll('#beside input').length") == 0
    assert tab.run("document.getElementById('text').value") == TEXT
    assert tab.text("#text-name") == "Text"


@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("model", ["places", "sets"])
def test_nothing_sticks_out_sideways(tab, model, width):
    tab.resize(width)
    choose(tab, model)
    ask(tab, text=TEXT)
    wide = (
        "[...document.querySelectorAll('header *, main *, footer *')].filter((e) =>"
        " !e.closest('.scroll, .unseen') && e.getBoundingClientRect().right >"
        " document.documentElement.clientWidth + 1).map((e) => e.outerHTML)"
    )
    assert tab.run(wide) == []
