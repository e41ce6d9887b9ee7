"""Every known family: Keras weights become PyTorch's and ONNX's, and say the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.keras_files import named_arrays
from ktrain_sentiment.export.onnx_graph import build_graph, build_mean_graph, distance_buckets
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.quantization import DynamicInt8Writer, Int8Writer, collect_activations
from ktrain_sentiment.export.transformer_spec import (
    FAMILIES,
    UnknownArchitectureError,
    describe,
    encoder_spec,
)
from ktrain_sentiment.export.weights import to_torch_names
from ktrain_sentiment.predictor.onnx_session import open_session, run
from ktrain_sentiment.predictor.tokenization import EncodedTexts

TORCH_NAMES = json.loads((Path(__file__).parent / "torch_names.json").read_text())
"""Names and shapes of the tensors that transformers 5 with PyTorch has for each tiny model."""

LENGTHS = (20, 11, 3, 16)


def batch(padding_id: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.random.default_rng(1).integers(5, 120, (len(LENGTHS), max(LENGTHS)))
    mask = (np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]).astype(np.int64)
    return np.where(mask == 1, ids, padding_id), mask


def graph_bytes(keras, writer: GraphWriter) -> bytes:
    weights = to_torch_names(named_arrays(keras.model), keras.config["model_type"])
    return build_graph(describe(weights, keras.config), writer).SerializeToString()


def keras_logits(keras, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    feeds = {"input_ids": ids.astype(np.int32), "attention_mask": mask.astype(np.int32)}
    return keras.model(feeds, training=False).logits.numpy()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_familys_graph_says_what_its_keras_model_says(family, keras_family):
    keras = keras_family(family)
    ids, mask = batch(keras.config.get("pad_token_id", 0))
    session = open_session(graph_bytes(keras, GraphWriter()))
    np.testing.assert_allclose(run(session, ids, mask), keras_logits(keras, ids, mask), atol=5e-6)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_familys_int8_graph_is_close_and_smaller(family, keras_family):
    keras = keras_family(family)
    ids, mask = batch(keras.config.get("pad_token_id", 0))
    encoder = describe(
        to_torch_names(named_arrays(keras.model), keras.config["model_type"]), keras.config
    )
    rows = [row[: m.sum()] for row, m in zip(ids, mask, strict=True)]
    texts = EncodedTexts(rows, *np.zeros((2, 4), bool), np.ones(4, np.int64))
    exact = graph_bytes(keras, GraphWriter())
    small = graph_bytes(keras, Int8Writer(collect_activations(encoder, texts)))
    wanted = run(open_session(exact), ids, mask)
    np.testing.assert_allclose(run(open_session(small), ids, mask), wanted, atol=0.08)
    dynamic = open_session(graph_bytes(keras, DynamicInt8Writer()))
    np.testing.assert_allclose(run(dynamic, ids, mask), wanted, atol=0.15)
    assert len(small) < 0.6 * len(exact)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_familys_weights_get_pytorchs_names_and_shapes(family, keras_family):
    keras = keras_family(family)
    weights = to_torch_names(named_arrays(keras.model), family)
    assert {name: list(a.shape) for name, a in weights.items()} == TORCH_NAMES[family]


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet", "longformer", "gpt2"])
def test_padding_and_company_do_not_change_a_text(family, keras_family):
    keras = keras_family(family)
    ids, mask = batch(keras.config.get("pad_token_id", 0))
    session = open_session(graph_bytes(keras, GraphWriter()))
    together = run(session, ids, mask)
    for row, length in enumerate(LENGTHS):
        alone = run(session, ids[row : row + 1, :length], mask[row : row + 1, :length])
        np.testing.assert_allclose(alone[0], together[row], atol=5e-6)


def test_token_types_are_read_where_the_family_has_them(keras_family):
    keras = keras_family("bert")
    ids, mask = batch(0)
    session = open_session(graph_bytes(keras, GraphWriter()))
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": mask}
    wanted = keras.model({k: v.astype(np.int32) for k, v in feeds.items()}, training=False).logits
    np.testing.assert_allclose(session.run(["logits"], feeds)[0], wanted, atol=5e-6)


def test_albert_stores_its_shared_layer_once(keras_family):
    keras = keras_family("albert")
    size = len(graph_bytes(keras, GraphWriter()))
    weights = sum(array.nbytes for array in named_arrays(keras.model).values())
    # The last layer's scaled query is a copy of its own.
    assert size < weights + 40_000


def test_buckets_of_distances_follow_the_keras_model(backend):
    layer = backend.transformers.models.mpnet.modeling_tf_mpnet.TFMPNetEncoder
    steps = backend.tf.range(-39, 40)
    theirs = layer._relative_position_bucket(steps, num_buckets=32).numpy()
    np.testing.assert_array_equal(distance_buckets(40, 32), theirs)


def test_an_unknown_family_is_named():
    with pytest.raises(UnknownArchitectureError, match="'xlnet' is not one of albert, bert"):
        describe({}, {"model_type": "xlnet"})


@pytest.mark.parametrize("length", [1, 2, 3, 4, 6, 7, 13, 38])
def test_a_window_sees_the_same_in_texts_of_any_length(keras_family, length):
    keras = keras_family("longformer")  # windows of two and four tokens to either side
    ids = np.random.default_rng(length).integers(5, 120, (2, length))
    mask = np.ones_like(ids)
    session = open_session(graph_bytes(keras, GraphWriter()))
    np.testing.assert_allclose(run(session, ids, mask), keras_logits(keras, ids, mask), atol=5e-6)


def test_gpt2_reads_the_last_token_that_is_no_padding_whatever_the_mask_says(keras_family):
    keras = keras_family("gpt2")
    ids = np.array([[7, 9, 0, 0], [7, 9, 11, 13]])  # a text may hold the padding token itself
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 1]])
    session = open_session(graph_bytes(keras, GraphWriter()))
    wanted = keras_logits(keras, ids, mask)
    np.testing.assert_allclose(run(session, ids, mask), wanted, atol=5e-6)
    np.testing.assert_allclose(run(session, ids[:1, :2], mask[:1, :2])[0], wanted[0], atol=5e-6)


def test_gpt2_without_a_padding_id_is_refused_because_its_last_token_is_unknown(keras_family):
    keras = keras_family("gpt2")
    weights = to_torch_names(named_arrays(keras.model), "gpt2")
    with pytest.raises(PredictorError, match="has no pad_token_id"):
        describe(weights, keras.config | {"pad_token_id": None})


@pytest.mark.parametrize("family", ["longformer", "gpt2"])
def test_the_mean_of_a_familys_token_states_is_its_keras_models(family, keras_family):
    keras = keras_family(family)
    ids, mask = batch(keras.config["pad_token_id"])
    weights = to_torch_names(named_arrays(keras.model), family)
    graph = build_mean_graph(encoder_spec(weights, keras.config), GraphWriter())
    found = run(open_session(graph.SerializeToString()), ids, mask)
    inner = getattr(keras.model, keras.model.base_model_prefix)
    feeds = {"input_ids": ids, "attention_mask": mask}
    if family == "longformer":
        feeds["global_attention_mask"] = np.eye(1, ids.shape[1], dtype=np.int64).repeat(len(ids), 0)
    states = inner(**feeds).last_hidden_state.numpy()
    wanted = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=5e-6)


@pytest.mark.parametrize(
    ("option", "value"), [("position_embedding_type", "relative_key"), ("hidden_act", "mish")]
)
def test_an_unknown_option_of_a_family_is_not_computed_wrongly(option, value):
    with pytest.raises(UnknownArchitectureError, match="not known"):
        describe({}, {"model_type": "bert", "hidden_act": "gelu", option: value})


def test_a_missing_weight_is_named():
    config = {"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": 1}
    with pytest.raises(PredictorError, match=r"lack bert\.embeddings\.word_embeddings\.weight"):
        describe({}, config)


def test_two_weights_of_one_name_are_refused():
    arrays = {"a/b/kernel:0": np.ones((2, 2)), "c/b/kernel:0": np.ones((2, 2))}
    with pytest.raises(PredictorError, match=r"two Keras weights are called b\.weight"):
        to_torch_names(arrays, "bert")
