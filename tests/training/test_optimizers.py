"""The optimiser steps as Adam does, touches only used rows, and adds up batches."""

from typing import Any

import numpy as np
import pytest

from ktrain_sentiment.config import ComputeConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import Backend, open_backend
from ktrain_sentiment.training.optimizers import is_decayed, make_adam


@pytest.fixture(scope="module")
def backend() -> Backend:
    return open_backend(ComputeConfig())


def rows_gradient(tf: Any, rows: list[int], values: list[list[float]]) -> Any:
    return tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([4, 2]))


def test_dense_weights_step_as_keras_adam_does(backend: Backend) -> None:
    tf = backend.tf
    ours, theirs = tf.Variable([1.0, -2.0]), tf.Variable([1.0, -2.0])
    mine, keras = make_adam(tf, 0.1), tf.keras.optimizers.legacy.Adam(0.1)
    for gradient in ([0.5, -1.0], [0.1, 3.0], [-2.0, 0.0]):
        mine.apply_gradients([(tf.constant(gradient), ours)])
        keras.apply_gradients([(tf.constant(gradient), theirs)])
    assert np.array_equal(ours, theirs)


def test_a_used_row_steps_as_adam_does_and_an_unused_one_stays(backend: Backend) -> None:
    tf = backend.tf
    table, alone = tf.Variable(tf.ones((4, 2))), tf.Variable(tf.ones(2))
    mine, keras = make_adam(tf, 0.1), tf.keras.optimizers.legacy.Adam(0.1)
    for values in ([1.0, -2.0], [0.5, 0.5]):
        mine.apply_gradients([(rows_gradient(tf, [2], [values]), table)])
        keras.apply_gradients([(tf.constant(values), alone)])
    np.testing.assert_allclose(table[2], alone, rtol=1e-6)
    assert np.array_equal(np.delete(table, 2, axis=0), np.ones((3, 2)))


def test_a_row_that_occurs_twice_gets_the_sum_once(backend: Backend) -> None:
    tf = backend.tf
    twice, once = tf.Variable(tf.ones((4, 2))), tf.Variable(tf.ones((4, 2)))
    gradient = rows_gradient(tf, [1, 3, 1], [[1.0, 2.0], [5.0, 5.0], [0.5, -1.0]])
    make_adam(tf, 0.1).apply_gradients([(gradient, twice)])
    summed = rows_gradient(tf, [1, 3], [[1.5, 1.0], [5.0, 5.0]])
    make_adam(tf, 0.1).apply_gradients([(summed, once)])
    assert np.array_equal(twice, once)


def test_decay_is_decoupled_and_scaled_by_the_learning_rate(backend: Backend) -> None:
    tf = backend.tf
    kernel, table = (tf.Variable(tf.ones((4, 2)), name=name) for name in ("kernel", "embeddings"))
    adam = make_adam(tf, 0.1, weight_decay=0.5)
    still = rows_gradient(tf, [1], [[0.0, 0.0]])
    adam.apply_gradients([(tf.zeros((4, 2)), kernel), (still, table)])
    np.testing.assert_allclose(kernel, 0.95 * np.ones((4, 2)))
    np.testing.assert_allclose(table, [[1, 1], [0.95, 0.95], [1, 1], [1, 1]])


@pytest.mark.parametrize(
    ("name", "decayed"),
    [
        ("bert/encoder/layer_._0/attention/self/query/kernel:0", True),
        ("bert/embeddings/word_embeddings/weight:0", True),
        ("bert/encoder/layer_._0/attention/self/query/bias:0", False),
        ("bert/encoder/layer_._0/attention/output/LayerNorm/gamma:0", False),
        ("distilbert/transformer/layer_._0/sa_layer_norm/beta:0", False),
    ],
)
def test_biases_and_normalisations_are_not_decayed(name: str, decayed: bool) -> None:
    assert is_decayed(name) is decayed


def test_clipping_scales_all_gradients_by_their_common_norm(backend: Backend) -> None:
    tf = backend.tf
    clipped, scaled = ([tf.Variable([0.0]), tf.Variable([0.0])] for _ in range(2))
    gradients = [tf.constant([3.0]), tf.constant([4.0])]
    # With a large epsilon Adam's step grows with the gradient's size.
    mine, plain = make_adam(tf, 0.1, clip_norm=1.0), make_adam(tf, 0.1)
    mine.epsilon = plain.epsilon = 1.0
    mine.apply_gradients(zip(gradients, clipped, strict=True))
    plain.apply_gradients(zip([0.2 * g for g in gradients], scaled, strict=True))
    np.testing.assert_allclose(clipped, scaled, rtol=1e-6)


def test_the_norm_counts_a_repeated_row_once(backend: Backend) -> None:
    tf = backend.tf
    table = tf.Variable(tf.zeros((4, 2)))
    adam = make_adam(tf, 0.1, clip_norm=1.0)
    # The slices cancel out: clipping by the norm of the slices would shrink the other weight.
    gradient = rows_gradient(tf, [1, 1], [[9.0, 0.0], [-9.0, 0.0]])
    weight, alone = tf.Variable([0.0]), tf.Variable([0.0])
    adam.epsilon = 1.0
    adam.apply_gradients([(gradient, table), (tf.constant([0.5]), weight)])
    free = make_adam(tf, 0.1)
    free.epsilon = 1.0
    free.apply_gradients([(tf.constant([0.5]), alone)])
    assert np.array_equal(weight, alone)


def test_accumulated_batches_make_the_step_of_their_mean(backend: Backend) -> None:
    tf = backend.tf
    added = [tf.Variable([1.0]), tf.Variable(tf.ones((4, 2)))]
    direct = [tf.Variable([1.0]), tf.Variable(tf.ones((4, 2)))]
    adam, plain = make_adam(tf, 0.1, accumulate=2), make_adam(tf, 0.1)

    @tf.function
    def step(dense: Any, rows: Any, values: Any) -> None:
        gradient = tf.IndexedSlices(values, rows, (4, 2))
        adam.apply_gradients([(dense, added[0]), (gradient, added[1])])

    for _ in range(2):
        step(tf.constant([1.0]), tf.constant([0]), tf.constant([[2.0, 4.0]]))
        kept = [v.numpy() for v in added]
        step(tf.constant([3.0]), tf.constant([3]), tf.constant([[6.0, 2.0]]))
        mean = rows_gradient(tf, [0, 3], [[1.0, 2.0], [3.0, 1.0]])
        assert all(np.array_equal(*pair) for pair in zip(kept, direct, strict=True))
        plain.apply_gradients([(tf.constant([2.0]), direct[0]), (mean, direct[1])])
        for ours, theirs in zip(added, direct, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert int(adam.iterations) == 2


def test_what_ktrain_sets_while_training_is_there_and_counts(backend: Backend) -> None:
    tf, keras = backend.tf, backend.keras
    adam = make_adam(tf, 0.1)
    weight = tf.Variable([0.0])
    adam.apply_gradients([(tf.constant([1.0]), weight)])
    before = float(weight[0])
    keras.backend.set_value(adam.lr, 0.0)
    keras.backend.set_value(adam.beta_1, 0.8)
    adam.apply_gradients([(tf.constant([1.0]), weight)])
    assert float(weight[0]) == before
    assert float(keras.backend.get_value(adam.beta_1)) == pytest.approx(0.8)


def test_the_state_put_back_goes_on_as_if_never_stopped(backend: Backend) -> None:
    tf = backend.tf

    def steps(adam: Any, weight: Any, gradients: list[float]) -> None:
        for gradient in gradients:
            adam.apply_gradients([(tf.constant([gradient]), weight)])

    whole, first, second = tf.Variable([1.0]), tf.Variable([1.0]), tf.Variable([0.0])
    steps(make_adam(tf, 0.1, accumulate=2), whole, [1.0, 2.0, -1.0, 0.5, 3.0, 1.0])
    adam, resumed = make_adam(tf, 0.1, accumulate=2), make_adam(tf, 0.1, accumulate=2)
    steps(adam, first, [1.0, 2.0, -1.0])
    resumed._create_all_weights([second])
    second.assign(first)
    resumed.set_weights(adam.get_weights())
    steps(resumed, second, [0.5, 3.0, 1.0])
    assert np.array_equal(second, whole)


def test_the_configuration_makes_an_equal_optimiser(backend: Backend) -> None:
    adam = make_adam(backend.tf, 0.1, weight_decay=0.01, clip_norm=1.0, accumulate=3)
    config = type(adam).from_config(adam.get_config()).get_config()
    assert config == adam.get_config()
    assert (config["weight_decay"], config["clip_norm"], config["accumulate"]) == (0.01, 1.0, 3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"weight_decay": -0.1}, "weight decay -0.1: must not be negative"),
        ({"clip_norm": 0.0}, "gradient norm 0.0: must be above 0"),
        ({"accumulate": 0}, "0 batches a step: must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(
    backend: Backend, setting: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_adam(backend.tf, 0.1, **setting)
