"""A probe on frozen embeddings is a plain logistic regression, whatever the number of classes."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.training.probe import (
    FOLDS,
    PENALTIES,
    PROBES,
    fit_probe,
    fit_score_probe,
    normalised,
)


def clouds(classes: int, rows: int, seed: int = 0, apart: float = 1.0):
    """Embeddings around one centre a class, the classes in turn."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, 16)) * apart
    targets = np.arange(rows) % classes
    return (centres[targets] + chance.normal(size=(rows, 16))).astype(np.float32), targets


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_probe_learns_from_eight_examples_a_class(classes: int) -> None:
    probe = fit_probe(*clouds(classes, 8 * classes), classes)
    embeddings, targets = clouds(classes, 200, seed=1)
    probabilities = probe.predict_proba(embeddings)
    assert probabilities.shape == (200, classes)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (probabilities.argmax(axis=1) == targets).mean() > 0.9


@pytest.mark.parametrize("classes", [2, 3])
def test_its_probabilities_are_those_of_scikit_learn(classes: int) -> None:
    embeddings, targets = clouds(classes, 60)
    probe = fit_probe(embeddings, targets, classes)
    reference = LogisticRegression(C=probe.strength, max_iter=1000)
    reference.fit(normalised(embeddings), targets)
    wanted = reference.predict_proba(normalised(embeddings))
    assert np.allclose(probe.predict_proba(embeddings), wanted, atol=1e-5)


def test_noise_gets_more_regularisation_than_clean_clusters() -> None:
    clean = fit_probe(*clouds(2, 100, apart=3.0), 2)
    noise = fit_probe(*clouds(2, 100, apart=0.0), 2)
    assert noise.strength < clean.strength


def test_too_few_rows_for_folds_still_fit() -> None:
    embeddings, targets = clouds(2, 2 * (FOLDS - 1))
    assert fit_probe(embeddings, targets, 2).strength == 1.0


def test_a_class_without_rows_is_never_the_answer() -> None:
    embeddings, targets = clouds(2, 40)
    probabilities = fit_probe(embeddings, targets * 2, 3).predict_proba(embeddings)
    assert probabilities[:, 1].max() < 1e-6
    assert set(probabilities.argmax(axis=1)) == {0, 2}


def test_one_class_alone_is_refused() -> None:
    embeddings, _ = clouds(2, 10)
    with pytest.raises(DataError, match="at least two classes, got 1"):
        fit_probe(embeddings, np.zeros(10), 2)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    embeddings, targets = clouds(2, 40)
    probe = fit_probe(embeddings, targets, 2)
    assert np.allclose(probe.predict_proba(embeddings), probe.predict_proba(embeddings * 7))


def test_an_embedding_of_zeros_is_zero_and_not_a_fault() -> None:
    assert normalised(np.zeros((1, 3))).tolist() == [[0, 0, 0]]


def test_a_probe_of_scores_is_a_plain_ridge_regression() -> None:
    embeddings, classes = clouds(3, 90)
    scores = classes - 1 + embeddings[:, 0] / 10
    probe = fit_score_probe(embeddings, scores)
    assert min(PENALTIES) <= 1 / probe.strength <= max(PENALTIES)
    reference = Ridge(alpha=1 / probe.strength).fit(normalised(embeddings), scores)
    wanted = reference.predict(normalised(embeddings))
    assert np.allclose(probe.outputs(embeddings)[:, 0], wanted, atol=1e-4)
    asked = PROBES["score"](embeddings, scores, 1, 0).ask(embeddings)
    assert np.array_equal(asked, probe.outputs(embeddings))


def test_a_probe_of_several_labels_has_a_model_and_a_threshold_of_each() -> None:
    embeddings, classes = clouds(4, 120, apart=2.0)
    # The first label is that of two clouds, the second that of one, no row has the third.
    wanted = np.stack([classes < 2, classes == 3, classes > 3], axis=1).astype(np.int64)
    found = PROBES["multi"](embeddings, wanted, 3, 0).ask(embeddings)
    assert found.shape == (120, 3)
    assert ((found >= 0.5) == wanted).mean() > 0.95
    assert found[:, 2].max() < 0.5
