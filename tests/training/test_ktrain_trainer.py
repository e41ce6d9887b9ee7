"""ktrain's own classifiers train, answer in order, and load in plain ktrain."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import ComputeConfig, DataConfig, ModelConfig, SplitConfig
from ktrain_sentiment.config import TrainConfig as Training
from ktrain_sentiment.data import Splits, read_labelled, split
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training import ktrain_trainer
from ktrain_sentiment.training.backend import open_backend, suppress_output
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.ktrain_features import make_feature_preprocessor
from ktrain_sentiment.training.trainer import Trainer
from support.reviews import BLAME, PRAISE

COMPUTE = ComputeConfig(precision="float32")

RATES = {"nbsvm": 1.0, "fasttext": 0.01, "logreg": 1.0, "bigru": 0.01, "standard_gru": 0.003}

BFLOAT16 = 5e-3
"""Rounding of probabilities when an earlier test opened the backend with bfloat16 products."""


@pytest.fixture(scope="module")
def splits(reviews_csv: Path) -> Splits:
    return split(read_labelled(DataConfig(data=str(reviews_csv))), SplitConfig())


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors twenty wide that know praise from blame, and nothing of the other words."""
    chance = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    with path.open("w", encoding="utf-8") as file:
        for word, side in [*((w, 0.5) for w in PRAISE), *((w, -0.5) for w in BLAME)]:
            numbers = chance.normal(side, 0.3, 20)
            file.write(f"{word} {' '.join(f'{number:.4f}' for number in numbers)}\n")
    return path


def trained(
    splits: Splits, name: str, place: Path, vectors: Path | None = None, epochs: int = 4
) -> Trainer:
    config = ModelConfig(model=name, vectors=vectors)
    trainer = ktrain_trainer.open_ktrain_trainer(splits, config, Training(epochs=epochs), COMPUTE)
    trainer.fit(RATES[name], Checkpoints(place / name), quiet=True)
    return trainer


def accuracy(trainer: Trainer, frame: pd.DataFrame) -> float:
    answers = trainer.predict_proba(frame).argmax(axis=1)
    return float((np.array(trainer.preprocessor.labels)[answers] == frame["label"]).mean())


@pytest.mark.parametrize(
    ("name", "wanted"),
    # Single words cannot tell "never dull" from "dull": a linear model of them gets two thirds.
    [("nbsvm", 0.75), ("logreg", 0.6), ("bigru", 0.75)],
)
def test_a_ktrain_model_learns(
    name: str, wanted: float, splits: Splits, vectors: Path, tmp_path: Path
) -> None:
    trainer = trained(splits, name, tmp_path, vectors if name == "bigru" else None)
    assert accuracy(trainer, splits.train) > wanted
    rows = trainer.predict_proba(splits.test)
    assert rows.shape == (len(splits.test), 2)
    assert np.allclose(rows.sum(axis=1), 1, atol=BFLOAT16)


@pytest.mark.parametrize("name", ["fasttext", "standard_gru"])
def test_the_loss_of_a_slow_learner_falls(name: str, splits: Splits, tmp_path: Path) -> None:
    config = ModelConfig(model=name, vocab_size=200)
    trainer = ktrain_trainer.open_ktrain_trainer(splits, config, Training(epochs=2), COMPUTE)
    fitted = trainer.fit(RATES[name], Checkpoints(tmp_path), quiet=True)
    assert fitted.history["loss"].iloc[-1] < fitted.history["loss"].iloc[0]


def test_answers_keep_the_order_of_the_texts(splits: Splits, tmp_path: Path) -> None:
    trainer = trained(splits, "nbsvm", tmp_path, epochs=1)
    frame = splits.test.head(7)
    backwards = frame.iloc[::-1]
    there, back = (trainer.predict_proba(rows) for rows in (frame, backwards))
    assert np.allclose(there, back[::-1])


def test_the_same_seed_gives_the_same_weights(splits: Splits, tmp_path: Path) -> None:
    first, second = (trained(splits, "logreg", tmp_path / n, epochs=1) for n in ("a", "b"))
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_rows_are_as_wide_as_the_longest_text_and_no_wider(splits: Splits) -> None:
    backend = open_backend(COMPUTE)
    config = ModelConfig(model="logreg")
    _, rows = make_feature_preprocessor(backend, splits.train, splits.labels, config)
    assert rows.ids.shape[1] == splits.train["text"].str.split().str.len().max()
    assert rows.ids[:, 0].any()


def test_a_feature_that_was_cut_off_in_every_training_row_is_no_fault(splits: Splits) -> None:
    """The last n-gram occurs nowhere in the cut rows; ktrain's own NBSVM has no weight for it."""
    long = "alpha beta " + "gamma delta " * 3
    frame = pd.DataFrame(
        {"text": [f"{long}good", f"{long}bad"] * 4, "label": ["positive", "negative"] * 4}
    )
    backend = open_backend(COMPUTE)
    config = ModelConfig(model="nbsvm", max_features=3, vocab_size=50)
    preprocessor, rows = make_feature_preprocessor(backend, frame, splits.labels, config)
    with suppress_output():
        model = ktrain_trainer.build_model(backend, preprocessor, rows, config)
    top = preprocessor.ktrain_preprocessor.max_features - 1
    assert rows.ids.max() < top
    assert np.isfinite(model(np.array([[0, 0, top]], np.int32)).numpy()).all()


def test_texts_of_one_word_each_have_no_ngrams_and_still_train(splits: Splits) -> None:
    frame = pd.DataFrame({"text": ["awful", "lovely"] * 3, "label": ["negative", "positive"] * 3})
    config = ModelConfig(model="nbsvm")
    _, rows = make_feature_preprocessor(open_backend(), frame, splits.labels, config)
    assert rows.ids.tolist() == [[1], [2]] * 3


def test_texts_without_a_single_word_are_refused(splits: Splits) -> None:
    frame = pd.DataFrame({"text": ["!!", "?"], "label": ["negative", "positive"]})
    with pytest.raises(ConfigError, match="no training text has a word in it"):
        make_feature_preprocessor(open_backend(), frame, splits.labels, ModelConfig(model="nbsvm"))


def test_ktrain_prints_nothing_on_standard_output(
    splits: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = trained(splits, "logreg", tmp_path, epochs=1)
    ktrain_trainer.save_for_ktrain(trainer, tmp_path / "predictor")
    assert capsys.readouterr().out == ""


def test_a_gru_reads_fewer_words_of_a_long_text_than_the_others(splits: Splits) -> None:
    frame = splits.train.assign(text="good bad " * 1_500)
    backend = open_backend(COMPUTE)
    for config, width in (
        (ModelConfig(model="standard_gru"), 400),
        (ModelConfig(model="logreg"), 2_000),
        (ModelConfig(model="standard_gru", max_features=500), 500),
    ):
        _, rows = make_feature_preprocessor(backend, frame, splits.labels, config)
        assert rows.ids.shape == (len(frame), width)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"model": "bigru"}, "bigru needs --vectors FILE"),
        ({"model": "bigru", "vectors": Path("v"), "ngrams": 2}, "--ngrams 2: bigru reads single"),
        ({"vocab_size": 1}, "--vocab-size 1"),
        ({"max_features": 0}, "--max-features 0"),
        ({"ngrams": 0}, "--ngrams 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        ModelConfig(**values)
