"""The package as a person uses it in Python: data in, results out, nothing else changed."""

import importlib
import json
import logging
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest

import ktrain_sentiment as ks
from ktrain_sentiment.api import calls
from ktrain_sentiment.config.flat import field_names
from ktrain_sentiment.errors import (
    ConfigError,
    DataError,
    EncoderError,
    InputError,
    TrainingError,
)
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.workflow import processes
from ktrain_sentiment.workflow.summaries import RunResult
from support.process import run_code
from support.reviews import make_reviews

FRAME = pd.DataFrame(make_reviews(600), columns=["review", "mood"])
MORE = pd.DataFrame(make_reviews(200, seed=9), columns=["review", "mood"])
T = TypeVar("T")
HEAVY = {"tensorflow", "tf_keras", "ktrain", "transformers", "torch", "sklearn", "scipy"}


def surroundings() -> dict[str, Any]:
    """What a process has that a call could change behind its caller's back."""
    return {
        "environment": dict(os.environ),
        "warning filters": list(warnings.filters),
        "root handlers": list(logging.root.handlers),
        "root level": logging.root.level,
        "own handlers": list(logging.getLogger("ktrain_sentiment").handlers),
        "own level": logging.getLogger("ktrain_sentiment").level,
        "folder": Path.cwd(),
        "path": list(sys.path),
        "signals": signal.getsignal(signal.SIGINT),
        "backend": _backend(),
        "random": np.random.get_state()[1].tolist(),
        "frameworks": HEAVY & sys.modules.keys(),
    }


def _backend() -> str | None:
    matplotlib = sys.modules.get("matplotlib")
    return matplotlib and matplotlib.rcParams._get("backend")


def leaving_all_as_it_was(call: Callable[[], T]) -> T:
    """Do something and check that nothing but its result has come of it."""
    importlib.import_module("matplotlib")
    before = surroundings()
    result = call()
    after = surroundings()
    assert {name: after[name] for name in after if after[name] != before[name]} == {}
    return result


@pytest.fixture(scope="module")
def tiny(tiny_bert: Path) -> dict[str, Any]:
    """Settings by which the tiny encoder learns the made-up reviews in seconds."""
    return {
        "encoder": tiny_bert, "maxlen": 32, "epochs": 5, "batch_size": 16, "learning_rate": 2e-3,
        "adversarial_epsilon": 0, "accelerate": False, "test": 0.25,
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny: dict[str, Any]) -> ks.TrainingRun:
    """A training on a data frame."""
    folder = tmp_path_factory.mktemp("api") / "run"
    return leaving_all_as_it_was(lambda: ks.train(FRAME, run=folder, quiet=True, **tiny))


def test_the_check_of_surroundings_notices_what_is_left_behind(monkeypatch) -> None:
    for leave in (
        lambda: monkeypatch.setenv("LEFT_BEHIND", "1"),
        lambda: warnings.simplefilter("ignore", ResourceWarning),
        lambda: monkeypatch.setattr(logging.root, "handlers", [logging.NullHandler()]),
        lambda: monkeypatch.syspath_prepend("left-behind"),
    ):
        with warnings.catch_warnings(), pytest.raises(AssertionError):
            leaving_all_as_it_was(leave)


# The front door


def test_the_package_shows_its_names_and_has_them_all() -> None:
    assert {"read", "find_lr", "train", "compare", "evaluate", "load"} <= set(dir(ks))
    for name in dir(ks):
        assert getattr(ks, name) is not None
    assert set(dir(ks)) == set(ks.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = ks.trian  # type: ignore[attr-defined]


# Reading


def test_a_frame_is_read_as_a_file_is_and_says_what_was_chosen() -> None:
    rows = pd.DataFrame({"review": ["good", "bad", None, "good"], "mood": ["yes", "no"] * 2})
    data = leaving_all_as_it_was(lambda: ks.read(rows, contradictions="keep"))
    assert (len(data), data.labels, data.counts) == (3, ("no", "yes"), {"no": 2, "yes": 1})
    assert data.frame["row"].tolist() == [1, 2, 4]
    said = repr(data)
    assert said.startswith("<Dataset a DataFrame: 3 rows (no 2, yes 1)>")
    assert "texts from column 'review' and labels from column 'mood'" in said
    assert "left out 1 row without text: row 3" in said


def test_data_may_be_named_in_any_of_these_ways(reviews_csv: Path) -> None:
    wanted = ks.read(reviews_csv).frame
    texts, labels = wanted["text"].tolist(), wanted["label"].tolist()
    table = pd.DataFrame({"text": texts, "label": labels})

    class Foreign:
        def to_pandas(self) -> pd.DataFrame:
            return table

    ways = (str(reviews_csv), ks.read(reviews_csv), table, (texts, labels), [texts, labels],
            (pd.Series(texts), np.array(labels)), Foreign())  # fmt: skip
    for way in ways:
        found = ks.read(way).frame
        assert found["text"].tolist() == texts
        assert found["label"].tolist() == labels


def test_labels_are_strings_whatever_they_were() -> None:
    assert ks.read((["a", "b"], [0, 1])).labels == ("0", "1")


def test_columns_of_labels_may_be_a_list() -> None:
    frame = pd.DataFrame({"text": [f"text {k}" for k in range(6)], "sad": [0, 1] * 3,
                          "joy": [1, 1, 0] * 2, "long": [0] * 5 + [1]})  # fmt: skip
    data = ks.read(frame, label_column=["joy", "sad"], task="multi")
    assert data.texts.frame["label"].tolist()[:3] == ["joy", "joy|sad", ""]
    assert data.texts.config.label_column == "joy,sad"


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: ks.read("nowhere.csv"), DataError, "nowhere.csv: no such file"),
        (lambda: ks.read(7), DataError, "got data of type int; wanted a path, a DataFrame, or"),
        (lambda: ks.read((["a"], [0, 1])), DataError, "1 text and 2 labels"),
        (lambda: ks.read([1, 2]), DataError, "got data of type list; wanted a path"),
        (lambda: ks.train(["good", "bad"]), DataError, "texts and labels as .texts, labels"),
        (lambda: ks.read(FRAME, label_column="x"), DataError, "no column 'x' for the labels"),
        (
            lambda: ks.read(FRAME.assign(tweet=FRAME["review"])),
            DataError,
            "'review' or 'tweet'; choose one with text_column$",
        ),
        (lambda: ks.read(FRAME, txt_column="x"), ConfigError, "txt_column; did you mean text_c"),
        (lambda: ks.train(FRAME, epoch=3), ConfigError, "setting epoch; did you mean epochs"),
        (lambda: ks.train(FRAME, lr=1), ConfigError, "setting lr; did you mean learning_rate[?]$"),
        (lambda: ks.train(FRAME, max_length=1), ConfigError, "max_length; did you mean maxlen[?]$"),
        (
            lambda: ks.train(FRAME, dropout=0),
            ConfigError,
            "^train.{4}unknown setting dropout; .{,90}$",
        ),
        (lambda: ks.train(FRAME, epochs="two"), ConfigError, "epochs: wanted .* number or None"),
        (lambda: ks.train(FRAME, batch_size=0), ConfigError, "^batch_size 0: must be at least 1"),
        (lambda: ks.train(FRAME, policy="x"), ConfigError, "policy: wanted one of onecycle"),
        (lambda: ks.train(ks.read(FRAME), map="a=b"), ConfigError, "map: the data is read"),
        (lambda: ks.compare(FRAME, models=[]), ConfigError, "models: name at least one"),
        (lambda: ks.search(FRAME, range="epochs"), ConfigError, "^range epochs: wanted a setting"),
        (lambda: ks.evaluate(FRAME), ConfigError, "name the predictor"),
        (lambda: ks.evaluate(FRAME, 5), ConfigError, "^predictor: wanted a path, got 5"),
        (lambda: ks.evaluate(FRAME, "x", other=5), ConfigError, "^other: wanted a path, got 5"),
        (lambda: ks.evaluate(FRAME, "x", slice_by=5), ConfigError, "^slice_by: wanted a list"),
        (lambda: ks.evaluate(FRAME, "x", abstain_below="y"), ConfigError, "^abstain_below: wanted"),
        (lambda: ks.evaluate(FRAME, "x", abstain_below=7), ConfigError, "^abstain_below 7"),
        (lambda: ks.load(5), ConfigError, "^folder: wanted a path, got 5"),  # type: ignore[arg-type]
        (lambda: ks.open_run(5), ConfigError, "^folder: wanted a path, got 5"),
        (lambda: ks.open_run("nowhere"), InputError, "no finished run"),
    ],
)
def test_what_cannot_be_used_is_said_in_the_words_of_python(call, kind, said, capfd) -> None:
    with pytest.raises(kind, match=said) as caught:
        leaving_all_as_it_was(call)
    assert "--" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_single_name_is_not_taken_for_its_letters(
    predictor: Path, tmp_path: Path, reviews: list[tuple[str, str]]
) -> None:
    frame = pd.DataFrame(reviews[:40], columns=["text", "label"]).assign(shop="north")
    found = ks.evaluate(frame, predictor, slice_by="shop")
    assert found.metrics["slices"]
    with pytest.raises(EncoderError, match="nowhere"):
        ks.compare(frame, models="nowhere/at-all", test=0.3, run=tmp_path / "x", quiet=True)


def test_an_error_in_the_other_process_speaks_python_too(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"choose another .*overwrite") as caught:
        ks.train(FRAME, run=tmp_path, quiet=True)
    assert "--" not in str(caught.value)


def test_common_settings_are_fields_of_the_configuration() -> None:
    for call, kind in (
        (ks.train, calls._Training),
        (ks.compare, calls._Comparing),
        (ks.find_lr, calls._Exploring),
        (ks.search, calls.SearchSettings),
    ):
        named = set(call.__annotations__) - {"data", "quiet", "settings", "return"}
        assert named <= field_names(kind)


# Where a run goes


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The folders of runs that would be trained."""
    found: list[Path] = []

    def note(work: partial[object], *_: object, **__: object) -> RunResult:
        folder = work.keywords["folder"]
        found.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return RunResult(RunFolder(folder), None)  # type: ignore[arg-type]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calls, "in_own_process", note)
    return found


def test_a_cell_that_is_run_again_trains_in_a_folder_of_its_own(places: list[Path]) -> None:
    for _ in range(3):
        ks.train(FRAME)
    assert [place.name for place in places] == ["data", "data-2", "data-3"]
    assert {place.parent.name for place in places} == {"runs"}


def test_a_run_that_is_named_or_gone_on_with_stays_where_it_is(places: list[Path]) -> None:
    ks.train(FRAME, run="mine")
    ks.train(FRAME, run=Path("mine"), resume=True)
    ks.train(FRAME)
    ks.train(FRAME, resume=True)
    ks.train(FRAME, overwrite=True)
    assert [place.name for place in places] == ["mine", "mine", "data", "data", "data"]
    assert all(place.is_absolute() for place in places)


def test_a_death_of_the_training_process_names_what_may_help(monkeypatch) -> None:
    dying = partial(processes.in_own_process, exec, "import os; os.kill(os.getpid(), 9)", {})
    monkeypatch.setattr(calls, "in_own_process", lambda *_, **__: dying())
    with pytest.raises(TrainingError, match=r"want of memory: smaller batches \(batch_size\)"):
        ks.train(FRAME, quiet=True)


# A run and what it holds


def test_a_training_learns_and_its_predictor_answers(run: ks.TrainingRun) -> None:
    assert run.metrics["test"]["accuracy"]["value"] > 0.65
    assert run.record.metrics.accuracy.value == run.metrics["test"]["accuracy"]["value"]
    classifier = leaving_all_as_it_was(lambda: ks.load(run.predictor))
    texts = MORE["review"]
    answers = leaving_all_as_it_was(lambda: classifier.predict(texts))
    right = np.mean([a.label == mood for a, mood in zip(answers, MORE["mood"], strict=True)])
    assert right > 0.6


def test_the_run_says_how_good_it_is_beside_a_baseline(run: ks.TrainingRun) -> None:
    said = repr(run)
    assert f"<TrainingRun {run.path}>" in said
    assert "of 150 test rows right" in said
    assert "TF-IDF + logistic regression" in said
    table = run.table
    assert table.loc["accuracy", "low"] < table.loc["accuracy", "value"]
    assert {"majority", "tfidf"} <= set(table.columns)


def test_epochs_losses_and_predictions_are_tables(run: ks.TrainingRun) -> None:
    assert run.history["epoch"].tolist() == [1, 2, 3, 4, 5]
    worst = run.top_losses(3)
    assert len(worst) == 3
    assert worst["loss"].is_monotonic_decreasing
    assert len(run.predictions()) == 150
    with pytest.raises(DataError, match="no out_of_fold rows; it has test, validation"):
        run.predictions("out_of_fold")


def test_labels_that_look_like_numbers_or_gaps_stay_strings(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": ["NA", "1"], "label": ["01", "null"], "predicted": ["", "01"]})
    rows.to_csv(tmp_path / "top_losses.csv", index=False)
    table = ks.TrainingRun(tmp_path).top_losses()
    assert table.to_numpy().tolist() == [["NA", "01", ""], ["1", "null", "01"]]


@pytest.mark.parametrize("what", ["history", "confusion", "schedule"])
def test_a_run_draws_itself_without_pyplot(run: ks.TrainingRun, what: str) -> None:
    figure = leaving_all_as_it_was(lambda: run.plot(what))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert pickle.loads(pickle.dumps(figure)).get_axes()
    with pytest.raises(ConfigError, match="wanted history, confusion or schedule"):
        run.plot("pie")


def test_a_run_is_opened_again_from_its_folder(run: ks.TrainingRun) -> None:
    assert ks.open_run(run.path).metrics == run.metrics
    assert ks.load(run.path).labels == ks.load(run.predictor).labels == ("negative", "positive")
    assert "<html" in Path(run.report()).read_text("utf-8")


def test_a_notebook_shows_results_as_tables_and_takes_texts_as_texts(run: ks.TrainingRun) -> None:
    data = ks.read((["<b>bold</b>", "x & y"], ["<i>", "no"]))
    shown = data._repr_html_()
    assert "&lt;b&gt;bold" in shown
    assert "<b>bold" not in shown
    assert "<table" in run._repr_html_()
    frame = run.report()._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!')


# Evaluating, searching, comparing


def test_an_evaluation_has_intervals_notes_and_a_page(run: ks.TrainingRun, tmp_path: Path) -> None:
    seen = pd.concat([MORE, FRAME.head(5)]).assign(shop=["north", "south", "east", "x", "y"] * 41)
    # Of its two columns of few values, the one that the run was trained on holds the labels.
    found = leaving_all_as_it_was(lambda: ks.evaluate(seen, run.predictor, slice_by=["shop"]))
    assert 0.5 < found.table.loc["accuracy", "low"] < found.table.loc["accuracy", "high"] <= 1
    assert any("were learned from" in note for note in found.notes)
    rows = len(found.predictions)
    assert 200 <= rows < 205
    assert f"of {rows} rows right" in repr(found)
    assert json.dumps(found.metrics)
    assert found.plot()._repr_png_()
    page = found.report(tmp_path / "page.html")
    assert "<html" in Path(page).read_text("utf-8")


def test_a_run_is_evaluated_on_its_own_rows_and_against_another(run: ks.TrainingRun) -> None:
    own = ks.evaluate(run)
    assert own.metrics["accuracy"]["value"] == run.metrics["test"]["accuracy"]["value"]
    both = ks.evaluate(str(run.path), other=run)
    assert both.metrics["comparison"]["p_value"] == 1


def test_a_search_suggests_draws_and_is_saved(tiny: dict[str, Any], tmp_path: Path) -> None:
    settings = {name: tiny[name] for name in ("encoder", "maxlen", "batch_size", "accelerate")}
    data = ks.read(FRAME)
    search = leaving_all_as_it_was(
        lambda: ks.find_lr(data, search_steps=40, search_end=1.0, quiet=True, **settings)
    )
    assert search.suggestion is None or 1e-6 < search.suggestion < 1
    assert search.rates.shape == search.losses.shape
    assert search.conclusion in repr(search)
    assert search.plot()._repr_png_()
    kept = search.save(tmp_path / "kept")
    assert {path.name for path in kept.iterdir()} == {"lr_find.csv", "lr_find.json", "lr_find.png"}


def test_one_model_may_be_named_without_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(calls, "in_own_process", lambda *given, **_: asked.extend(given))
    ks.compare(FRAME, models="tfidf", run="nowhere")
    assert asked[2].models == ("tfidf",)


def test_what_load_returns_is_judged_as_its_folder_is(run: ks.TrainingRun) -> None:
    loaded = ks.load(run.path)
    found = leaving_all_as_it_was(lambda: ks.evaluate(MORE, loaded, label_column="mood"))
    assert found.metrics["confusion"] == ks.evaluate(MORE, run).metrics["confusion"]
    assert "the classifier" in repr(found)


def test_rows_and_classifier_in_the_wrong_order_are_told_apart(
    run: ks.TrainingRun, reviews_csv: Path
) -> None:
    for swapped in (lambda: ks.evaluate(str(run.path), str(reviews_csv)),
                    lambda: ks.evaluate(run, reviews_csv),
                    lambda: ks.evaluate(ks.load(run.path), reviews_csv)):  # fmt: skip
        with pytest.raises(ConfigError, match="the rows come first") as caught:
            swapped()
        assert "\n" not in str(caught.value)


def test_models_are_compared_with_advice(tmp_path: Path) -> None:
    found = leaving_all_as_it_was(
        lambda: ks.compare(FRAME, models=["majority", "tfidf"], run=tmp_path / "both", quiet=True)
    )
    assert found.table["name"].tolist() == ["tfidf", "majority"]
    assert found.table["accuracy_low"].between(0, 1).all()
    assert found.advice in repr(found)
    assert found.plot()._repr_png_()
    assert pd.read_csv(found.save(tmp_path / "table.csv"))["name"].tolist() == ["tfidf", "majority"]


def test_a_script_without_a_guard_trains_once_and_prints_nothing_of_its_own(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    done = run_code(
        f"""
        import pandas as pd, ktrain_sentiment as ks
        texts = [f"a {{word}} film {{k}}" for k in range(40) for word in ("good", "bad")]
        data = ks.read((texts, ["yes", "no"] * 40))
        print(ks.compare(data, models=["majority", "tfidf"], run={str(tmp_path / "run")!r}).advice)
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "training tfidf on 64 rows" in done.stderr
