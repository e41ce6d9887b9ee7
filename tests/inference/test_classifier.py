"""Texts in, probabilities out, in order, whatever the batches."""

import copy
import itertools
import pickle
import shutil
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ktrain_sentiment
from ktrain_sentiment.errors import ConfigError, InputError, PredictorError
from ktrain_sentiment.inference import classifier as classifier_module
from ktrain_sentiment.inference.classifier import tokens_a_batch
from ktrain_sentiment.inference.runners import OnnxRunner
from ktrain_sentiment.prediction import Classifier
from ktrain_sentiment.predictor.manifest import update_predictor
from support.reviews import make_reviews

TEXTS = [text for text, _ in make_reviews(150, seed=21)]


@given(st.integers(1, 2**40), st.integers(1, 256))
def test_few_texts_are_shared_out_to_all_cores_and_many_fit_the_caches(tokens, threads):
    batch = tokens_a_batch(tokens, threads)
    assert 1 <= batch <= 512
    assert batch >= 112 or batch * threads >= tokens > (batch - 1) * threads
    assert batch <= 112 or batch * threads * 16 <= tokens


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


class Watched:
    """A runner that remembers how many rows it was given, as negative numbers where alone."""

    threads = 2

    def __init__(self, runner):
        self.runner, self.seen = runner, []

    def alone(self, ids, mask):
        self.seen.append(-len(ids))
        return self.runner.alone(ids, mask)

    def among_others(self, ids, mask):
        self.seen.append(len(ids))
        return self.runner.among_others(ids, mask)


def test_a_few_texts_are_shared_out_to_the_cores_and_one_has_them_all(classifier):
    watched = Watched(classifier.runner)
    orders = itertools.islice(itertools.permutations(["a", "dull", "good", "plot"]), 16)
    replace(classifier, runner=watched).predict_proba([" ".join(words) for words in orders])
    replace(classifier, runner=watched).predict_proba(["a dull plot"])
    assert watched.seen == [8, 8, -1]


def test_what_is_read_twice_is_computed_once(classifier):
    texts = ["a dull plot", "good", "a dull plot", "A dull  plot", "good"]
    watched = Watched(classifier.runner)
    found = replace(classifier, runner=watched).predict_proba(texts)
    assert sum(map(abs, watched.seen)) == 2
    np.testing.assert_allclose(found, classifier.predict_proba(texts[:2])[[0, 1, 0, 0, 1]])


def test_a_word_less_changes_one_window_of_a_long_text(classifier):
    sentences = [f"{word} film with a dull plot and good fun." for word in ("A", "The", "One")]
    whole, shorter = " ".join(sentences), " ".join([*sentences[:2], "One film with good fun."])
    windows = len(classifier.encode([whole]).ids)
    watched = Watched(classifier.runner)
    replace(classifier, runner=watched).predict_proba([whole, shorter])
    assert windows > 1
    assert sum(map(abs, watched.seen)) == windows + 1


def test_order_is_kept_over_chunks(classifier, monkeypatch):
    whole = classifier.predict_proba(TEXTS)
    monkeypatch.setattr(classifier_module, "_CHUNK", 7)
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), whole, atol=1e-6)


@pytest.mark.parametrize("text", ["\u6620\u753b", "\u2603 \u2603", "\u0434\u0430 \u6620"])
def test_a_text_without_a_known_word_gets_no_label(classifier, text):
    unknown, known = classifier.predict([text, f"{text} good"])
    assert (unknown.label, unknown.unknown) == ("", True)
    assert unknown.probabilities == pytest.approx(
        dict(zip(classifier.labels, classifier.predict_proba([text])[0], strict=True)), abs=1e-6
    )
    assert known.label in classifier.labels
    assert not known.unknown


@pytest.mark.parametrize("text", ["\u200b", "\ufeff \u00a0", "\x00\t"])
def test_a_text_of_which_nothing_can_be_seen_counts_as_none(classifier, text):
    [answer] = classifier.predict([text])
    assert answer.label == ""
    assert np.isnan(answer.probability)


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


def test_where_no_mistake_is_weighed_it_stays_itself(classifier):
    assert classifier.weighing(()) is classifier
    careful = classifier.weighing(["negative:positive=5"])
    assert careful.weighing([]) is careful


def test_no_texts_give_no_predictions(classifier):
    assert classifier.predict([]) == []
    assert classifier.predict_proba([]).shape == (0, 2)


def test_a_cut_text_says_so(classifier):
    short, long = classifier.predict(["a film", "a film " * 50], long_texts="head")
    assert (short.truncated, long.truncated) == (False, True)
    assert long.windows == 1


LONG = "An awful, boring plot. " * 5 + "A great and moving film! " * 5


def test_a_long_text_is_read_in_windows_unless_something_else_is_said(classifier):
    short, long = classifier.predict(["a film", LONG])
    assert (short.windows, long.truncated) == (1, False)
    assert long.windows > 2
    ends = [classifier.predict([LONG], long_texts=rule)[0] for rule in ("head", "tail")]
    assert [one.label for one in ends] == ["negative", "positive"]
    assert ends[0].truncated
    assert classifier.reading("tail").predict([LONG]) == [ends[1]]


def test_windows_are_pooled_by_the_mean_of_their_logits(classifier):
    encoded = classifier.encode([LONG, "a film"])
    rows = len(encoded.ids)
    apart = replace(encoded, windows=np.ones(rows, np.int64), truncated=np.zeros(rows, bool))
    logits = classifier.logits(apart)
    wanted = classifier.probabilities(logits[:-1].mean(axis=0, keepdims=True))
    np.testing.assert_allclose(classifier.predict_proba([LONG]), wanted, atol=1e-3)


def test_a_long_text_gets_the_same_answer_among_gaps_and_over_chunks(classifier, monkeypatch):
    whole = classifier.predict_proba([LONG, "a film", LONG[10:]])
    monkeypatch.setattr(classifier_module, "_CHUNK_CHARACTERS", 10)
    chunked = classifier.predict_proba([LONG, None, "a film", LONG[10:]])
    np.testing.assert_allclose(chunked[[0, 2, 3]], whole, atol=1e-3)


def test_what_became_of_long_texts_is_said_once(predictor, caplog):
    opened = ktrain_sentiment.load(predictor)
    opened.predict(["a film"])
    assert not caplog.records
    opened.predict([LONG, "a film"])
    opened.predict([LONG])
    [said] = caplog.messages
    assert said.startswith("1 of 2 texts is longer than the 24 tokens of the model: read whole")


def test_the_rule_for_long_texts_travels_with_a_pickle(predictor):
    opened = ktrain_sentiment.load(predictor, long_texts="tail")
    assert pickle.loads(pickle.dumps(opened)).long_texts == "tail"
    with pytest.raises(ConfigError, match="long_texts 'middle'"):
        ktrain_sentiment.load(predictor, long_texts="middle")


@pytest.mark.parametrize("odd", ["🙂" * 500, "\ud83d", "ﷺ\u202e\u0301" * 9])
def test_odd_texts_are_answered(classifier, odd):
    [answer] = classifier.predict([odd])
    assert 0.5 <= answer.probability <= 1


def test_a_single_string_is_not_taken_for_letters(classifier):
    with pytest.raises(InputError, match="wanted a list"):
        classifier.predict("a film")


@pytest.mark.parametrize("value", [3, b"bytes", 1.5, ["a film"], pd.Timestamp(0)])
def test_what_is_no_text_is_named_by_its_place(classifier, value):
    with pytest.raises(InputError, match=f"text number 1 is of type {type(value).__name__}"):
        classifier.predict(["a film", value])


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, "", "  \n\u3000"])
def test_where_there_is_no_text_there_is_no_prediction(classifier, missing):
    first, gap, last = classifier.predict([TEXTS[0], missing, TEXTS[1]])
    assert (gap.label, gap.truncated) == ("", False)
    assert np.isnan([gap.probability, *gap.probabilities.values()]).all()
    table = classifier.predict_proba([TEXTS[0], missing, TEXTS[1]])
    assert np.isnan(table[1]).all()
    np.testing.assert_allclose(table[[0, 2]], classifier.predict_proba(TEXTS[:2]), atol=1e-6)
    assert (first.label, last.label) == tuple(p.label for p in classifier.predict(TEXTS[:2]))


def test_texts_that_are_all_missing_get_no_prediction(classifier):
    assert [answer.label for answer in classifier.predict([None, ""])] == ["", ""]


KINDS = {
    "tuple": tuple, "generator": lambda texts: (text for text in texts), "iterator": iter,
    "series": pd.Series, "shuffled series": lambda texts: pd.Series(texts, index=[5, 5, 2]),
    "categorical": pd.Categorical, "array": np.array, "objects": lambda t: np.array(t, object),
    "arrow": pa.array, "arrow column": lambda texts: pa.chunked_array([texts]),
    "keys": lambda texts: dict.fromkeys(texts).keys(), "deque": deque,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_any_collection_of_texts_in_an_order_will_do(classifier, kind):
    texts = TEXTS[:3]
    assert len(classifier.predict(KINDS[kind](texts))) == 3
    got = classifier.predict_proba(KINDS[kind](texts))
    np.testing.assert_array_equal(got, classifier.predict_proba(texts))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (pd.DataFrame({"id": [1], "text": ["a film"]}), r'texts: give df\["text"\] in its place$'),
        (pd.DataFrame({"review": ["a film"]}), r'texts: give df\["review"\] in its place$'),
        ({"a film": 1}, "got a dict, whose order says nothing"),
        ({"a film"}, "got a set, whose order says nothing"),
        (np.array([["a film"]]), r"array of shape \(1, 1\), wanted one dimension"),
        (np.array("a film"), r"array of shape \(\), wanted one dimension"),
        (b"a film", r"write \[text\]"),
        (3, "got a value of type int, wanted a list of texts"),
        (None, "got a value of type NoneType, wanted a list of texts"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_with_what_to_write(classifier, texts, said):
    with pytest.raises(InputError, match=said):
        classifier.predict(texts)


def test_what_it_shows_of_itself_fits_on_a_line(classifier):
    assert repr(classifier) == "<TextClassifier of negative, positive; int8, up to 24 tokens>"


# Pickled and copied


@pytest.fixture(params=["predictor", "ktrain_model", "from elsewhere"])
def folder(request, tmp_path, predictor):
    """A copy of a predictor folder of each kind."""
    source = predictor if request.param == "from elsewhere" else request.getfixturevalue(
        request.param)  # fmt: skip
    copied = Path(shutil.copytree(source, tmp_path / "copied"))
    if request.param == "from elsewhere":
        (copied / "manifest.json").unlink()
    return copied


def test_a_pickle_needs_no_folder_where_it_is_opened(folder):
    opened = ktrain_sentiment.load(folder, threads=1)
    wanted, pickled = opened.predict_proba(TEXTS[:9]), pickle.dumps(opened)
    shutil.rmtree(folder)
    copy = pickle.loads(pickled)
    np.testing.assert_array_equal(copy.predict_proba(TEXTS[:9]), wanted)
    assert (copy.labels, copy.engine, copy.threads) == (opened.labels, opened.engine, 1)
    assert pickle.loads(pickle.dumps(copy)).labels == opened.labels


def test_another_process_can_be_handed_a_classifier(classifier):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        got = pool.submit(classifier.predict_proba, TEXTS[:3]).result()
    np.testing.assert_allclose(got, classifier.predict_proba(TEXTS[:3]), atol=1e-6)


def test_copies_are_the_classifier_itself(classifier):
    assert copy.deepcopy({"model": classifier})["model"] is classifier
    assert copy.copy(classifier) is classifier


def test_a_folder_that_was_changed_since_is_not_pickled(folder):
    opened = ktrain_sentiment.load(folder)
    shutil.rmtree(folder)
    with pytest.raises(PredictorError, match=str(folder)):
        pickle.dumps(opened)


def test_a_folder_that_was_exchanged_since_is_not_pickled(tmp_path, predictor, ktrain_model):
    folder = Path(shutil.copytree(predictor, tmp_path / "mine"))
    opened = ktrain_sentiment.load(folder)
    shutil.rmtree(folder)
    shutil.copytree(ktrain_model, folder)
    with pytest.raises(PredictorError, match="was changed since it was opened: load it again"):
        pickle.dumps(opened)


def test_a_pickle_answers_as_what_is_open_or_is_refused(tmp_path, predictor):
    folder = Path(shutil.copytree(predictor, tmp_path / "mine"))
    opened = ktrain_sentiment.load(folder)
    update_predictor(folder, card="Edited.")
    copied = pickle.loads(pickle.dumps(opened))
    np.testing.assert_array_equal(copied.predict_proba(TEXTS[:3]), opened.predict_proba(TEXTS[:3]))
    update_predictor(folder, temperature=3.0)
    with pytest.raises(PredictorError, match="was changed since it was opened: load it again"):
        pickle.dumps(opened)


@pytest.mark.parametrize("threads", [-1, 1.5, "2", True, None])
def test_threads_that_can_be_none_are_refused(predictor, threads):
    with pytest.raises(ConfigError, match=r"threads .*: wanted a number of cores, or 0 for all"):
        ktrain_sentiment.load(predictor, threads=threads)


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
