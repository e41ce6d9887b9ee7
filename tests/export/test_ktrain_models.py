"""ktrain's own classifiers: their graphs say what their Keras models say, their folders hold it."""

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

import ktrain_sentiment
from ktrain_sentiment.config import ModelConfig
from ktrain_sentiment.errors import InputError, PredictorError
from ktrain_sentiment.export.ktrain_models import WEIGHTS, build_ktrain_graph, name_weights
from ktrain_sentiment.export.saving import check_folder
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.predictor.onnx_session import open_session, run
from ktrain_sentiment.training import ktrain_trainer
from ktrain_sentiment.training.ktrain_features import make_feature_preprocessor
from support.ktrain_models import TEXTS, counted_nbsvm, save_counted
from support.reviews import BLAME, PRAISE, make_reviews

CLASSES = ("bad", "good", "so-so")


@pytest.fixture(scope="module")
def rows():
    """Reviews of three classes."""
    made = [(text, CLASSES[k % 3]) for k, (text, _) in enumerate(make_reviews(60, seed=4))]
    return pd.DataFrame(made, columns=["text", "label"])


@pytest.fixture
def keras_model(backend, rows, tmp_path):
    """Builds ktrain's model of a family, with weights that are far from symmetric."""

    def build(family):
        vectors = tmp_path / "vectors.txt"
        vectors.write_text("".join(f"{word} 0.5 -0.25 1 0\n" for word in PRAISE + BLAME))
        config = ModelConfig(model=family, vocab_size=60, vectors=vectors)
        pipeline, encoded = make_feature_preprocessor(backend, rows, CLASSES, config)
        model = ktrain_trainer.build_model(backend, pipeline, encoded, config)
        chance = np.random.default_rng(0)
        for variable in model.trainable_weights:
            variable.assign(chance.normal(0.1, 0.3, variable.shape))
        for variable in model.non_trainable_weights:
            if "moving" in variable.name:
                variable.assign(chance.uniform(0.5, 1.5, variable.shape))
        return model, encoded

    return build


@pytest.mark.parametrize("family", WEIGHTS)
def test_a_graph_says_what_keras_says(family, keras_model):
    model, encoded = keras_model(family)
    wanted = np.asarray(model(encoded.ids, training=False))
    graph = build_ktrain_graph(family, name_weights(family, model.get_weights()))
    ids = encoded.ids.astype(np.int64)
    logits = run(open_session(graph.SerializeToString()), ids, np.ones_like(ids))
    np.testing.assert_allclose(softmax(logits), wanted, atol=1e-5)
    assert np.ptp(wanted, axis=0).max() > 0.05, "all texts get the same answer"


@pytest.mark.parametrize("family", ["nbsvm", "logreg"])
def test_zeros_around_a_text_add_nothing(family, keras_model):
    model, encoded = keras_model(family)
    graph = build_ktrain_graph(family, name_weights(family, model.get_weights()))
    session = open_session(graph.SerializeToString())
    ids = encoded.ids[:1].astype(np.int64)
    wide = np.pad(ids, ((0, 0), (2, 3)))
    alone, among = (run(session, each, np.ones_like(each)) for each in (ids, wide))
    np.testing.assert_allclose(alone, among, atol=1e-6)


def test_a_model_with_other_weights_than_expected_is_refused():
    with pytest.raises(PredictorError, match="logreg has 1 weights, wanted 2"):
        name_weights("logreg", [np.zeros((3, 2))])


def test_every_file_lies_where_its_tool_looks(tmp_path):
    saved = save_counted(tmp_path / "predictor")
    assert set(saved.folder.files()) == {
        "features.json", "model.safetensors", "onnx/model.onnx", "tf_model.h5", "tf_model.preproc",
    }  # fmt: skip
    check_folder(saved.folder.path)
    weights = load_file(saved.folder.torch_weights)
    assert {name: array.shape for name, array in weights.items()} == {
        "ratios": (100, 2), "weights": (100, 1),
    }  # fmt: skip


def test_the_manifest_says_what_it_is(tmp_path):
    manifest = read_manifest(save_counted(tmp_path / "predictor").folder.path)
    assert (manifest.family, manifest.encoder, manifest.maxlen) == ("nbsvm", "nbsvm", 30)
    assert manifest.is_ktrain_model
    assert manifest.engines["fp32"]["kept"]
    assert manifest.engines["fp32"]["texts"] == len(TEXTS)


def test_the_folder_answers_as_the_model_does(tmp_path):
    saved = save_counted(tmp_path / "predictor")
    classifier = ktrain_sentiment.load(saved.folder.path)
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), counted_nbsvm().ask(TEXTS), 1e-5)


def test_a_graph_that_disagrees_is_not_kept_and_the_manifest_says_why(tmp_path, caplog):
    def contrary(texts):
        return counted_nbsvm().ask(texts)[:, ::-1]

    saved = save_counted(tmp_path / "predictor", ask=contrary)
    (report,) = saved.engines
    assert not report.kept
    assert "a probability differs by" in saved.manifest.engines["fp32"]["reason"]
    assert not saved.folder.onnx.exists()
    assert "the onnx fp32 engine is not kept" in caplog.text


def test_a_folder_that_exists_is_not_replaced(tmp_path):
    save_counted(tmp_path / "predictor")
    with pytest.raises(InputError, match="exists"):
        save_counted(tmp_path / "predictor")


def test_a_model_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    def fail(place):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        save_counted(tmp_path / "predictor", save_for_ktrain=fail)
    assert list(tmp_path.iterdir()) == []
