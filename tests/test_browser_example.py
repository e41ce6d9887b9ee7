"""examples/browser: transformers.js answers as `load` does, in Node and in a real browser."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

import ktrain_sentiment
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import update_predictor
from support.browser import CHROMIUM, Browser
from support.process import ROOT

EXAMPLE = ROOT / "examples" / "browser"
NODE = shutil.which("node")
TEXTS = [
    "a superb plot",
    "A DULL plot, twice dull",
    "na\u00efve \u597d \U0001f44d plot",
    "plot " * 60,
]

installed = pytest.mark.skipif(
    NODE is None or not (EXAMPLE / "node_modules").is_dir(),
    reason="transformers.js is not installed: npm install --ignore-scripts in examples/browser",
)


def in_node(folder: Path, dtype: str) -> subprocess.CompletedProcess[str]:
    assert NODE
    return subprocess.run(
        [NODE, EXAMPLE / "classify.mjs", folder, dtype],
        input=json.dumps(TEXTS), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@installed
@pytest.mark.parametrize(("dtype", "engine", "off"), [("fp32", "fp32", 1e-5), ("q8", "int8", 0.02)])
def test_node_answers_as_the_package_does(predictor, tmp_path, dtype, engine, off):
    folder = shutil.copytree(predictor, tmp_path / "predictor")
    update_predictor(folder, temperature=1.7)  # as folders of earlier releases have it
    done = in_node(folder, dtype)
    assert done.returncode == 0, done.stderr
    # Of long texts others read the beginning alone.
    classifier = ktrain_sentiment.load(folder, engine=engine, long_texts="head")
    found = [[row[label] for label in classifier.labels] for row in json.loads(done.stdout)]
    assert np.abs(np.array(found) - classifier.predict_proba(TEXTS)).max() < off


@installed
@pytest.mark.parametrize("run", ["multi_run", "scored_run"])
def test_several_labels_and_scores_are_answered_as_the_package_does(request, run):
    folder = request.getfixturevalue(run) / "predictor"
    done = in_node(folder, "fp32")
    assert done.returncode == 0, done.stderr
    classifier = ktrain_sentiment.load(folder, engine="fp32", long_texts="head")
    found = [[row[label] for label in classifier.labels] for row in json.loads(done.stdout)]
    assert np.abs(np.array(found) - classifier.predict_proba(TEXTS)).max() < 1e-5


@installed
@pytest.mark.parametrize("kind", ["pairs", "columns"])
def test_a_predictor_that_reads_more_than_texts_is_refused(request, kind):
    places = {"pairs": ("paired_run", "predictor"), "columns": ("columns_predictor", "")}
    fixture, inside = places[kind]
    done = in_node(request.getfixturevalue(fixture) / inside, "fp32")
    assert done.returncode != 0
    columns = {"pairs": "aspect", "columns": "price, category"}[kind]
    assert (
        f"this predictor reads further columns ({columns}), which is not done here" in done.stderr
    )


@installed
def test_a_predictor_that_cleans_its_texts_is_refused(predictor, tmp_path):
    folder = shutil.copytree(predictor, tmp_path / "predictor")
    update_predictor(folder, cleaning=("html",))
    done = in_node(folder, "fp32")
    assert done.returncode != 0
    assert "cleans texts first (html)" in done.stderr


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@installed
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_classifies_and_asks_no_other_host(predictor, tmp_path):
    for path in EXAMPLE.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "predictor").unlink(missing_ok=True)
    (tmp_path / "predictor").symlink_to(predictor)
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}/"
        browser = Browser(tmp_path / "profile")
        try:
            with browser.tab(f"{home}index.html") as tab:
                tab.wait("document.getElementById('said').textContent === 'Ready.'", 60)
                tab.run("document.getElementById('text').focus()")
                tab.write("a superb plot")
                tab.click("button")
                tab.wait("document.getElementById('said').textContent.includes('%')")
                (answer,) = ktrain_sentiment.load(predictor).predict(["a superb plot"])
                assert tab.text("#said").startswith(
                    f"{answer.label} {100 * answer.probability:.1f}"
                )
                asked = [
                    event["params"]["request"]["url"]
                    for event in browser.events
                    if event["method"] == "Network.requestWillBeSent"
                ]
                assert asked
                assert [url for url in asked if not url.startswith((home, "data:", "blob:"))] == []
        finally:
            browser.close()
            server.shutdown()


def test_what_the_page_names_is_what_a_predictor_holds(predictor):
    place = PredictorFolder(predictor)
    named = ("manifest.json", "config.json", "tokenizer.json", "tokenizer_config.json")
    assert all((place.path / name).is_file() for name in named)
    assert place.onnx_int8.name == "model_quantized.onnx"  # transformers.js calls it q8
