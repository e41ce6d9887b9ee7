"""Texts in, probabilities out, in order, whatever the batches."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ktrain_sentiment
from ktrain_sentiment.errors import InputError
from ktrain_sentiment.inference import classifier as classifier_module
from ktrain_sentiment.inference.classifier import plan_batches
from ktrain_sentiment.inference.runners import OnnxRunner
from ktrain_sentiment.prediction import Classifier
from support.reviews import make_reviews

TEXTS = [text for text, _ in make_reviews(150, seed=21)]


@given(st.lists(st.integers(1, 600), max_size=200), st.integers(1, 2000), st.integers(1, 64))
def test_batches_cover_each_text_once_and_stay_small(lengths, tokens, texts):
    lengths = np.array(lengths, dtype=np.int64)
    batches = plan_batches(lengths, tokens, texts)
    assert sorted(np.concatenate([[], *batches])) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= texts
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens


def test_the_longest_texts_come_first():
    batches = plan_batches(np.array([3, 9, 5]), tokens=9, texts=10)
    assert [batch.tolist() for batch in batches] == [[1], [2], [0]]


def test_it_is_a_classifier(classifier):
    assert isinstance(classifier, Classifier)
    assert (classifier.labels, classifier.maxlen) == (("negative", "positive"), 24)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("engine", ["int8", "fp32"])
def test_a_text_gets_the_same_answer_alone_and_among_others(predictor, engine, threads):
    opened = ktrain_sentiment.load(predictor, engine, threads=threads)
    together = opened.predict_proba(TEXTS)
    alone = np.concatenate([opened.predict_proba([text]) for text in TEXTS[:20]])
    np.testing.assert_allclose(together[:20], alone, atol=1e-5)


def test_order_is_kept_over_chunks(classifier, monkeypatch):
    whole = classifier.predict_proba(TEXTS)
    monkeypatch.setattr(classifier_module, "_CHUNK", 7)
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), whole, atol=1e-6)


def test_predictions_agree_with_probabilities(classifier):
    probabilities = classifier.predict_proba(TEXTS)
    for prediction, row in zip(classifier.predict(TEXTS), probabilities, strict=True):
        assert prediction.label == classifier.labels[row.argmax()]
        assert prediction.probability == pytest.approx(row.max(), abs=1e-6)


def test_probabilities_are_float32_rows_that_sum_to_one(classifier):
    probabilities = classifier.predict_proba(TEXTS)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (len(TEXTS), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_no_texts_give_no_predictions(classifier):
    assert classifier.predict([]) == []
    assert classifier.predict_proba([]).shape == (0, 2)


def test_a_cut_text_says_so(classifier):
    short, long = classifier.predict(["a film", "a film " * 50])
    assert (short.truncated, long.truncated) == (False, True)


@pytest.mark.parametrize("odd", ["", "   ", "\x00", "🙂" * 500, "\ud83d", "ﷺ\u202e\u0301" * 9])
def test_odd_texts_are_answered(classifier, odd):
    [answer] = classifier.predict([odd])
    assert 0.5 <= answer.probability <= 1


def test_a_single_string_is_not_taken_for_letters(classifier):
    with pytest.raises(InputError, match="wanted a list"):
        classifier.predict("a film")


@pytest.mark.parametrize("value", [None, 3, b"bytes", float("nan")])
def test_what_is_no_text_is_named_by_its_place(classifier, value):
    with pytest.raises(InputError, match=f"text number 1 is of type {type(value).__name__}"):
        classifier.predict(["a film", value])


def test_several_threads_may_ask_at_once(predictor):
    opened = ktrain_sentiment.load(predictor, threads=2)
    wanted = opened.predict_proba(TEXTS)
    gate = threading.Barrier(4)

    def ask(_: int) -> np.ndarray:
        gate.wait()
        return opened.predict_proba(TEXTS)

    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(ask, range(4)):
            np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_the_second_session_is_opened_once(predictor):
    contents = (predictor / "onnx" / "model_quantized.onnx").read_bytes()
    runner = OnnxRunner(contents, threads=2)
    ids = np.full((2, 5), 7)
    first = runner.among_others(ids, np.ones_like(ids))
    assert runner._open_single() is runner._open_single()
    np.testing.assert_allclose(first, runner.alone(ids, np.ones_like(ids)), atol=1e-5)
