"""Every kind of ktrain's own classifiers does a whole run, and leaves a predictor for everyone."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ktrain_sentiment
from ktrain_sentiment.config import (
    KTRAIN_MODELS,
    DataConfig,
    EncoderConfig,
    ExploreConfig,
    ModelConfig,
    SearchConfig,
    TrainConfig,
    TrainingSettings,
)
from ktrain_sentiment.errors import ConfigError, EncoderError
from ktrain_sentiment.export.saving import check_folder
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.training.ktrain_features import FeatureRows
from ktrain_sentiment.training.ktrain_trainer import first_weights, linear_epochs
from ktrain_sentiment.workflow import explore, train
from ktrain_sentiment.workflow.models import resolve_model
from support.process import run_code
from support.reviews import BLAME, PRAISE

RATES = {"nbsvm": 1.0, "fasttext": 0.01, "logreg": 1.0, "bigru": 0.01, "standard_gru": 0.003}


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Word vectors that know praise from blame."""
    path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    sides = [*((word, 1) for word in PRAISE), *((word, -1) for word in BLAME)]
    path.write_text("".join(f"{word} {side} {-side} 0.5\n" for word, side in sides))
    return path


@pytest.fixture(scope="module")
def settings_of(reviews_csv: Path, vectors: Path):
    """The settings of a short run of a model."""

    def build(name: str, **model: object) -> TrainingSettings:
        return TrainingSettings(
            source=DataConfig(data=str(reviews_csv)),
            model=ModelConfig(
                model=name,
                vocab_size=200,
                vectors=vectors if name == "bigru" else None,
                **model,
            ),
            training=TrainConfig(epochs=2, learning_rate=RATES[name]),
        )

    return build


@pytest.fixture(scope="module")
def runs(settings_of, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RunFolder]:
    """A finished run of each. Do not write to them."""
    home = tmp_path_factory.mktemp("runs")
    return {
        name: train(settings_of(name), folder=home / name, quiet=True).folder
        for name in KTRAIN_MODELS
    }


@pytest.fixture(scope="module")
def plain_ktrain(runs: Mapping[str, RunFolder]) -> Mapping[str, tuple[list[str], np.ndarray]]:
    """Classes and probabilities of the test rows, from ktrain where this package is not."""
    folders = {name: str(run.predictor) for name, run in runs.items()}
    texts = pd.read_parquet(runs["nbsvm"].split("test"))["text"].tolist()
    done = run_code(f"""
        import json, sys, warnings
        warnings.simplefilter("ignore")
        sys.modules["ktrain_sentiment"] = None
        import numpy
        numpy.Inf = numpy.inf
        import ktrain
        answers = {{}}
        for name, folder in {folders!r}.items():
            predictor = ktrain.load_predictor(folder)
            table = predictor.predict_proba({texts!r})
            answers[name] = [predictor.get_classes(), table.tolist()]
        print(json.dumps(answers))
    """)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    return {name: (classes, np.array(table)) for name, (classes, table) in answers.items()}


@pytest.mark.parametrize("name", KTRAIN_MODELS)
def test_a_run_leaves_what_a_fine_tuned_encoders_run_leaves(name, runs) -> None:
    run = runs[name]
    promised = [
        "config.yaml", "history.csv", "schedule.csv", "metrics.json", "top_losses.csv",
        "confusion.png", "report.html", "predictor/README.md", "predictor/tf_model.preproc",
        "predictor/features.json", "predictor/model.safetensors", "predictor/onnx/model.onnx",
    ]  # fmt: skip
    assert [each for each in promised if not (run.path / each).is_file()] == []
    figures = json.loads(run.metrics.read_text())
    assert (figures["model"], figures["encoder"]) == (name, name)
    assert figures["temperature"] > 0
    manifest = read_manifest(run.predictor)
    assert manifest.temperature == 1.0
    folded = manifest.folded_temperature
    assert folded == pytest.approx(figures["temperature"], rel=1e-8)  # nine digits on disk
    assert figures["engine"] == "fp32"
    assert figures["engines"]["fp32"]["kept"]
    check_folder(run.predictor)


@pytest.mark.parametrize("name", KTRAIN_MODELS)
def test_plain_ktrain_and_this_package_answer_alike(name, runs, plain_ktrain) -> None:
    run = runs[name]
    texts = pd.read_parquet(run.split("test"))["text"].tolist()
    classes, theirs = plain_ktrain[name]
    classifier = ktrain_sentiment.load(run.predictor)
    assert tuple(classes) == classifier.labels
    ours = classifier.predict_proba(texts)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("name", KTRAIN_MODELS)
def test_the_figures_are_of_the_model_that_was_saved(name, runs) -> None:
    run = runs[name]
    judged = pd.read_parquet(run.predictions("test"))
    ours = ktrain_sentiment.load(run.predictor).predict_proba(judged["text"].tolist())
    np.testing.assert_allclose(ours[:, 1], judged["p_positive"], atol=1e-6)


def test_the_card_and_the_page_promise_no_encoder(runs) -> None:
    card = (runs["nbsvm"].predictor / "README.md").read_text()
    assert "Model: ktrain's own `nbsvm`, policy" in card
    assert "base_model" not in card
    page = runs["nbsvm"].report.read_text()
    for text in (card, page):
        assert "from transformers" not in text


def test_cross_validation_and_a_teacher_work_as_for_encoders(settings_of, runs, tmp_path) -> None:
    given = settings_of("nbsvm")
    settings = replace(
        given,
        split=replace(given.split, folds=2),
        training=replace(given.training, teacher=runs["logreg"].predictor, epochs=1),
    )
    figures = train(settings, folder=tmp_path / "run", quiet=True).figures
    assert figures["cross_validation"]["folds"] == 2
    assert figures["teacher"]["rows"] == figures["test"]["n"]


def test_a_teacher_changes_what_is_learned(settings_of, runs, tmp_path) -> None:
    given = settings_of("nbsvm")
    taught = replace(
        given,
        training=replace(given.training, teacher=runs["logreg"].predictor, teacher_share=1.0),
    )
    tables = [
        pd.read_parquet(folder.predictions("test"))["p_positive"]
        for folder in (train(taught, folder=tmp_path / "run", quiet=True).folder, runs["nbsvm"])
    ]
    assert np.abs(tables[0] - tables[1]).max() > 0.05


def test_the_search_of_a_ktrain_model_goes_higher_unless_told_otherwise() -> None:
    settings = TrainingSettings(model=ModelConfig(model="nbsvm"))
    (search,) = resolve_model(settings).searches(settings)
    assert (search.search_start, search.search_end) == (1e-3, 10)
    asked = SearchConfig(search_start=1e-3, search_end=0.5, search_steps=70)
    given = replace(settings, search=asked)
    assert resolve_model(given).searches(given) == (asked,)


def test_an_encoders_rate_is_searched_twice_unless_the_steps_are_given(tiny_bert: Path) -> None:
    settings = TrainingSettings(encoder=EncoderConfig(encoder=str(tiny_bert), maxlen=32))
    searches = resolve_model(settings).searches(settings)
    assert [search.search_steps for search in searches] == [100, 200]
    asked = replace(settings, search=SearchConfig(search_steps=70))
    assert [search.search_steps for search in resolve_model(asked).searches(asked)] == [70]


def test_a_ktrain_model_takes_its_usual_rate_where_the_search_finds_none(
    settings_of, tmp_path, caplog
) -> None:
    given = settings_of("fasttext")
    settings = replace(
        given,
        training=TrainConfig(epochs=1),
        search=SearchConfig(search_steps=5),
    )
    assert train(settings, folder=tmp_path / "run", quiet=True).figures["learning_rate"] == 5e-3
    (said,) = [text for text in caplog.messages if "no learning rate" in text]
    assert said.startswith("fasttext: no learning rate found (")
    assert "taking the usual 0.005" in said


def test_the_rate_that_is_taken_instead_is_marked_and_named(settings_of, tmp_path) -> None:
    settings = replace(settings_of("logreg"), search=SearchConfig(search_steps=5))
    settings = replace(settings, training=TrainConfig(epochs=1))
    run = train(settings, folder=tmp_path / "run", quiet=True).folder
    found = json.loads(run.lr_find("json").read_text())
    assert (found["chosen"], found["taken"]) == (None, 1.0)
    page = run.report.read_text()
    assert re.search(r"Search for the learning rate: the curve has \d points", page)
    assert "taken: the usual 1." in page


def test_linear_models_begin_where_scikit_learns_would_end() -> None:
    """Four texts: word 1 is positive, 2 negative, 3 in all, and 4 was never seen."""
    ids = np.array([[0, 1, 3], [1, 1, 3], [0, 2, 3], [0, 2, 3]], np.int32)
    rows = FeatureRows(ids, np.eye(2, dtype=np.float32)[[1, 1, 0, 0]])
    ratios, weights = first_weights("nbsvm", rows, [np.ones((5, 2)), np.ones((5, 1))])
    assert ratios[1, 1] == -ratios[1, 0] == ratios[2, 0] > 0
    np.testing.assert_array_equal(ratios[[0, 3, 4]], 0)
    assert len(set(weights.ravel().tolist())) == 1
    logits = (ratios[ids] * weights[ids]).sum(axis=1)
    assert logits.std(axis=0).mean() <= 1.5
    weights, rarity = first_weights("logreg", rows, [np.ones((5, 2)), np.ones((5, 1))])
    assert not weights.any()
    assert rarity[1] == rarity[2] > rarity[3] > rarity[0] == rarity[4] == 0


@pytest.mark.parametrize("words", [20, 400])
def test_nbsvm_begins_equally_sure_of_short_texts_and_of_long_ones(words) -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 2
    # Half of the words lean to a class.
    ids = 1 + 2 * rng.integers(500, size=(200, words)) + (rng.random((200, words)) < 0.5)
    ids = np.where(rng.random((200, words)) < 0.3, 1 + ids // 2 * 2 - truth[:, None], ids)
    rows = FeatureRows(ids.astype(np.int32), np.eye(2, dtype=np.float32)[truth])
    ratios, weights = first_weights("nbsvm", rows, [np.ones((1200, 2)), np.ones((1200, 1))])
    logits = (ratios[ids] * weights[ids]).sum(axis=1)
    assert logits.std(axis=0).mean() == pytest.approx(1.5, rel=0.01)


@pytest.mark.parametrize(("texts", "epochs"), [(40, 40), (1_800, 40), (6_228, 16), (10**6, 6)])
def test_linear_models_take_many_passes_over_few_texts(texts, epochs) -> None:
    assert linear_epochs(texts, 32) == epochs


def test_few_texts_are_learned_more_often_and_that_is_said(settings_of, tmp_path, caplog) -> None:
    caplog.set_level("INFO")
    given = settings_of("fasttext")
    settings = replace(
        given,
        training=replace(given.training, epochs=None),
    )
    figures = train(settings, folder=tmp_path / "run", quiet=True).figures
    texts = figures["data"]["rows"]["train"]
    assert figures["epochs"] > 3
    assert f"few texts to learn from ({texts}): {figures['epochs']} epochs" in caplog.text


def test_a_search_that_begins_behind_its_end_is_refused() -> None:
    settings = TrainingSettings(
        model=ModelConfig(model="fasttext"), search=SearchConfig(search_start=20)
    )
    with pytest.raises(ConfigError, match="--search-start 20 --search-end 10"):
        resolve_model(settings)


def test_an_encoder_is_looked_for_by_models_that_have_one() -> None:
    with pytest.raises(EncoderError):
        resolve_model(TrainingSettings(encoder=EncoderConfig(encoder="./nowhere")))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"training": TrainConfig(freeze="2")}, "--freeze 2: logreg has no encoder to freeze"),
        ({"training": TrainConfig(adversarial_epsilon=0.5)}, "--adversarial-epsilon 0.5: logreg"),
        ({"encoder": EncoderConfig(encoder="minilm")}, "--encoder minilm: logreg has no encoder;"),
        ({"encoder": EncoderConfig(maxlen=64)}, "--maxlen 64: logreg .* --max-features limits"),
        ({"model": ModelConfig(model="logreg", vectors=Path("x.txt"))}, "bigru alone reads"),
        ({"model": ModelConfig(vocab_size=500)}, "--vocab-size 500: encoder brings a vocabulary"),
        ({"model": ModelConfig(ngrams=2)}, "--ngrams 2: encoder"),
        ({"model": ModelConfig(max_features=9)}, "--max-features 9: .*--maxlen sets"),
    ],
)
def test_what_the_model_would_ignore_is_refused_before_anything_is_read(
    settings: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    given = {"model": ModelConfig(model="logreg"), **settings}
    missing = TrainingSettings(source=DataConfig(data=str(tmp_path / "missing.csv")), **given)
    with pytest.raises(ConfigError, match=complaint):
        train(missing, folder=tmp_path / "run")
    with pytest.raises(ConfigError, match=complaint):
        explore(missing, ExploreConfig(), folder=tmp_path / "lr")
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on_wherever_it_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(run: RunFolder, *_: object, **__: object) -> None:
        run.path.mkdir()
        run.config.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("ktrain_sentiment.workflow.training._train_into", stopped)
    with pytest.raises(KeyboardInterrupt, match="add --resume to go on from there"):
        train(TrainingSettings(source=DataConfig(data="reviews.csv")), folder=tmp_path / "run")
