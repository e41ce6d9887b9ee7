"""8-bit numbers: how far off, and what they must not do."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ktrain_sentiment.export.quantization import (
    Activations,
    Passing,
    choose_rounding,
    quantize,
    quantize_map,
)
from ktrain_sentiment.export.transformer_spec import Dense
from ktrain_sentiment.predictor.onnx_session import open_session, run
from ktrain_sentiment.predictor.tokenization import TextEncoder, pad
from support.reviews import make_reviews

numbers = st.floats(-100, 100, width=32)


def activations(sample: np.ndarray) -> Activations:
    return Activations(sample.min(axis=0), sample.max(axis=0), sample)


def with_outlier(tokens: int = 200, channels: int = 16) -> np.ndarray:
    sample = np.random.default_rng(0).normal(size=(tokens, channels)).astype(np.float32)
    sample[:, 3] *= 30
    return sample


@given(arrays(np.float32, (5, 7), elements=numbers))
@example(np.full((5, 7), 2.4e-42, np.float32))
def test_a_weight_is_off_by_half_a_step_at_most(weight):
    integers, scales = quantize(weight, 0, 100)
    assert np.abs(integers.astype(int)).max() <= 100
    assert (np.abs(integers * scales - weight) <= 0.51 * scales + 1e-6).all()


def test_a_table_has_a_scale_for_each_row():
    table = np.array([[1.0, -2.0], [0.0, 0.0], [0.001, 0.0]], np.float32)
    integers, scales = quantize(table, 1, 127)
    assert scales.shape == (3, 1)
    np.testing.assert_allclose(integers * scales, table, atol=0.01)


def test_rounding_covers_what_was_seen():
    sample = with_outlier()
    rounding = choose_rounding(activations(sample), np.ones((16, 4), np.float32))
    steps = sample * rounding.smoothing_scales / rounding.scale + rounding.zero_point
    assert steps.min() > -0.51
    assert steps.max() < 255.51


def test_a_product_that_only_ever_sees_zeros_can_be_rounded():
    zeros = np.zeros(4, np.float32)
    rounding = choose_rounding(Activations(zeros, zeros, np.zeros((3, 4), np.float32)), np.eye(4))
    assert (rounding.scale, rounding.zero_point) == (1.0, 0)


def test_an_outlier_channel_does_not_drown_the_others():
    sample, chance = with_outlier(), np.random.default_rng(1)
    dense = Dense(chance.normal(size=(16, 4)).astype(np.float32), np.zeros(4, np.float32))
    smooth = choose_rounding(activations(sample), dense.weight)
    plain_step = (sample.max() - sample.min()) / 255
    other = np.delete(np.arange(16), 3)
    assert (smooth.scale / smooth.smoothing_scales[other]).max() < 0.5 * plain_step


def test_the_mean_error_of_a_product_is_mended():
    sample, chance = with_outlier(), np.random.default_rng(2)
    dense = Dense(chance.normal(size=(16, 4)).astype(np.float32), np.ones(4, np.float32))
    seen = activations(sample)
    rounding = choose_rounding(seen, dense.weight)
    integers, scales, bias = quantize_map(dense, seen, rounding)
    steps = np.clip(
        np.rint(sample * rounding.smoothing_scales / rounding.scale) + rounding.zero_point, 0, 255
    )
    got = (steps - rounding.zero_point) * rounding.scale @ (integers * scales) + bias
    wanted = sample @ dense.weight + dense.bias
    np.testing.assert_allclose(got.mean(axis=0), wanted.mean(axis=0), atol=1e-3)


def test_the_int8_engine_gives_a_text_the_same_answer_in_any_company(predictor):
    session = open_session((predictor / "onnx" / "model_quantized.onnx").read_bytes())
    encoder = TextEncoder((predictor / "tokenizer.json").read_bytes(), 24, 0)
    encoded = encoder.encode([text for text, _ in make_reviews(20, seed=4)])
    together = run(session, *pad(encoded.ids, 0))
    alone = np.concatenate([run(session, *pad([ids], 0)) for ids in encoded.ids])
    np.testing.assert_allclose(alone, together, atol=1e-5)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 7))
def test_inputs_that_pass_text_by_text_leave_what_all_together_would(
    lengths: list[int], step: int
) -> None:
    rows = np.random.default_rng(0).normal(size=(sum(lengths), 3)).astype(np.float32)
    passing = Passing()
    for part in np.split(rows, np.cumsum(lengths)[:-1]):
        passing.add(part, step)
    found = passing.activations
    np.testing.assert_array_equal(found.low, rows.min(axis=0))
    np.testing.assert_array_equal(found.high, rows.max(axis=0))
    np.testing.assert_array_equal(found.sample, rows[::step])
