"""The graphs of ktrain's own classifiers say what the Keras models say that ktrain builds."""

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import ModelConfig
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.classic_graphs import WEIGHTS, build_classic_graph, name_weights
from ktrain_sentiment.predictor.onnx_session import open_session, run, softmax
from ktrain_sentiment.training import classics
from ktrain_sentiment.training.features import make_classic_pipeline
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
        pipeline, encoded = make_classic_pipeline(backend, rows, CLASSES, config)
        model = classics._build(backend, pipeline, encoded, config)
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
    graph = build_classic_graph(family, name_weights(family, model.get_weights()))
    ids = encoded.ids.astype(np.int64)
    logits = run(open_session(graph.SerializeToString()), ids, np.ones_like(ids))
    np.testing.assert_allclose(softmax(logits), wanted, atol=1e-5)
    assert np.ptp(wanted, axis=0).max() > 0.05, "all texts get the same answer"


@pytest.mark.parametrize("family", ["nbsvm", "logreg"])
def test_zeros_around_a_text_add_nothing(family, keras_model):
    model, encoded = keras_model(family)
    graph = build_classic_graph(family, name_weights(family, model.get_weights()))
    session = open_session(graph.SerializeToString())
    ids = encoded.ids[:1].astype(np.int64)
    wide = np.pad(ids, ((0, 0), (2, 3)))
    alone, among = (run(session, each, np.ones_like(each)) for each in (ids, wide))
    np.testing.assert_allclose(alone, among, atol=1e-6)


def test_a_model_with_other_weights_than_expected_is_refused():
    with pytest.raises(PredictorError, match="logreg has 1 weights, wanted 2"):
        name_weights("logreg", [np.zeros((3, 2))])
