from __future__ import annotations

import numpy as np
import pytest

import ktrain_sentiment as ks
from ktrain_sentiment.errors import DataError
from ktrain_sentiment.evaluation.explanation import (
    Faithfulness,
    check_faithfulness,
    cut,
    explain,
    log_odds,
    nearest,
    without,
)
from ktrain_sentiment.prediction import to_predictions

WEIGHTS = {"good": 2.0, "bad": -2.0, "not": -0.5, "fun": 1.0}


class WordCounter:
    """A real classifier whose reasons are known: the log-odds are a sum over words."""

    labels = ("negative", "positive")

    def __init__(self):
        self.batches = 0

    def predict_proba(self, texts):
        self.batches += 1
        odds = [sum(WEIGHTS.get(word, 0.0) for word in text.lower().split()) for text in texts]
        positive = 1 / (1 + np.exp(-np.asarray(odds)))
        return np.stack([1 - positive, positive], axis=1).astype(np.float32)

    def predict(self, texts):
        return to_predictions(self.predict_proba(texts), self.labels)


def test_the_importance_of_a_word_is_its_weight_in_a_linear_classifier():
    (found,) = explain(WordCounter(), ["a good but bad\n fun  film"], ["positive"])
    weights = {word: weight for word, weight in found.pieces if word.strip()}
    wanted = {"a": 0, "good": 2, "but": 0, "bad": -2, "fun": 1, "film": 0}
    assert weights == pytest.approx(wanted, abs=1e-3)
    assert found.top(2) == ("good", "fun")


def test_the_predicted_label_is_explained_unless_another_is_named():
    found = explain(WordCounter(), ["so bad", "so bad"], ["positive", "negative"])
    assert [one.label for one in found] == ["positive", "negative"]
    assert found[0].importance[1] == pytest.approx(-found[1].importance[1])
    assert explain(WordCounter(), ["so bad"])[0].label == "negative"


def test_the_pieces_join_to_the_text_again():
    text = "  It's good --\tnot bad.  "
    (found,) = explain(WordCounter(), [text])
    assert "".join(piece for piece, _ in found.pieces) == text


def test_all_texts_are_explained_in_one_batch():
    classifier = WordCounter()
    found = explain(classifier, ["good", "bad film", ""])
    assert classifier.batches == 1
    assert [len(one.spans) for one in found] == [1, 2, 0]


@pytest.mark.parametrize(("words", "pieces"), [(64, 64), (128, 64), (200, 40), (5000, 32)])
def test_a_long_text_is_cut_into_runs_that_cover_every_word(words, pieces):
    text = " ".join(f"w{k}" for k in range(words))
    spans = cut(text)
    assert len(spans) == pieces
    assert " ".join(text[a:b] for a, b in spans) == text


def test_leaving_a_word_out_leaves_no_double_space():
    assert without("a good film", cut("a good film")) == ["good film", "a film", "a good"]


@pytest.mark.parametrize("text", ["superb", "superb \u200b", " \0 superb"])
def test_the_only_word_of_a_text_is_measured_by_the_model_without_any_word(predictor, text):
    classifier = ks.load(predictor)
    (found,) = explain(classifier, [text], ["positive"])
    odds = log_odds(classifier.predict_proba([text, "\ufffd"])[:, 1])
    weights = dict(found.pieces)
    assert weights["superb"] == pytest.approx(odds[0] - odds[1], abs=1e-3)
    assert np.isfinite(found.importance).all()


def test_an_unknown_label_is_refused():
    with pytest.raises(DataError, match="'neutral' is unknown"):
        explain(WordCounter(), ["x"], ["neutral"])


def test_named_words_matter_more_than_random_ones():
    texts = ["a good film about a boat and a fun crew of five", "it was bad from start to end"] * 9
    classifier = WordCounter()
    found = check_faithfulness(classifier, explain(classifier, texts), words=2, seed=1)
    assert found is not None
    assert found.n == 18
    assert found.top > found.random + 0.1
    assert found.won > 0.8
    assert "points" in found.sentence


def test_a_change_of_next_to_nothing_has_no_sign_of_minus():
    assert "changes by +0.0 points" in Faithfulness(3, 2, 1e-5, 1e-6, 0.9).sentence


def test_faithfulness_fails_when_the_named_words_are_the_wrong_ones():
    from dataclasses import replace

    texts = ["a good film about a boat and a fun crew of five"] * 20
    classifier = WordCounter()
    turned = [
        replace(one, importance=tuple(-w for w in one.importance))
        for one in explain(classifier, texts)
    ]
    found = check_faithfulness(classifier, turned, words=2)
    assert found is not None
    assert found.top < found.random


def test_texts_too_short_to_tell_give_no_verdict():
    classifier = WordCounter()
    assert check_faithfulness(classifier, explain(classifier, ["good", "bad film"])) is None


def test_the_nearest_rows_are_found_as_by_sorting_everything():
    rng = np.random.default_rng(0)
    queries, known = rng.normal(size=(7, 5)), rng.normal(size=(50, 5))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, known)]
    similarity = unit[0] @ unit[1].T
    found = nearest(queries, known, k=4)
    assert found.index.tolist() == np.argsort(-similarity, axis=1)[:, :4].tolist()
    assert found.similarity == pytest.approx(np.sort(similarity, axis=1)[:, ::-1][:, :4])


def test_asking_for_more_neighbours_than_there_are_gives_them_all():
    assert nearest(np.ones((2, 3)), np.eye(3), k=9).index.shape == (2, 3)
    assert nearest(np.empty((0, 3)), np.eye(3), k=2).index.shape == (0, 2)


def test_embeddings_of_two_encoders_are_refused():
    with pytest.raises(DataError, match="same encoder"):
        nearest(np.ones((1, 2)), np.ones((1, 3)))
