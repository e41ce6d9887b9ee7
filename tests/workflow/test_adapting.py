"""Encoders adapted to texts, and smaller ones taught: whole, stopped, and begun again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import (
    AdaptSettings,
    ComputeConfig,
    DistilEncoderSettings,
    MaskedWordsConfig,
)
from ktrain_sentiment.encoders import resolve
from ktrain_sentiment.errors import ConfigError, DataError, EncoderError, InputError
from ktrain_sentiment.training.backend import Backend
from ktrain_sentiment.training.masked_words import open_language
from ktrain_sentiment.workflow.adapting import layers_to_keep, learn_encoder

PLAIN = ComputeConfig(accelerate=False)


def masking(**settings: Any) -> MaskedWordsConfig:
    return MaskedWordsConfig(
        **{"maxlen": 32, "epochs": 2, "batch_size": 32, "learning_rate": 3e-3, **settings}
    )


def adapting(texts: Path | str, encoder: Path | str, **settings: Any) -> AdaptSettings:
    return AdaptSettings(
        texts=str(texts), encoder=str(encoder), masking=masking(**settings), compute=PLAIN
    )


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory, deeper_bert: Path, reviews_csv: Path) -> Path:
    folder = tmp_path_factory.mktemp("encoders") / "adapted"
    learn_encoder(adapting(reviews_csv, deeper_bert), folder=folder, quiet=True)
    return folder


def test_an_adapted_encoder_is_one_and_guesses_words_better_than_before(
    adapted: Path, deeper_bert: Path
) -> None:
    assert resolve(str(adapted)) == adapted
    figures = json.loads((adapted / "training.json").read_text())
    assert not figures["had_head"]
    losses = [epoch["val_loss"] for epoch in figures["encoder_history"]]
    assert losses[-1] < figures["head_history"][-1]["val_loss"]
    assert figures["layers"] == 2
    assert not (adapted / "checkpoints").exists()
    assert (adapted / "tokenizer.json").read_bytes() == (
        deeper_bert / "tokenizer.json"
    ).read_bytes()


def test_transformers_guesses_the_same_words_by_it(
    backend: Backend, adapted: Path, reviews: list[tuple[str, str]]
) -> None:
    texts = [text for text, _ in reviews[:40]]
    language = open_language(adapted, texts, masking(), PLAIN, 32, "head")
    inputs, _ = language.rows.batch(np.arange(8))
    theirs = backend.transformers.TFAutoModelForMaskedLM.from_pretrained(str(adapted))
    read = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    every = np.asarray(theirs(read, training=False).logits)
    wanted = every.reshape(-1, every.shape[-1])[inputs["places"]]
    np.testing.assert_allclose(language.model(inputs), wanted, atol=1e-4)


def test_its_head_comes_with_it(adapted: Path, reviews_csv: Path, tmp_path: Path) -> None:
    done = learn_encoder(
        adapting(reviews_csv, adapted, epochs=1), folder=tmp_path / "further", quiet=True
    )
    assert done.figures["had_head"]
    assert "head_history" not in done.figures


def test_a_student_is_smaller_and_learns_from_its_teacher(
    adapted: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    settings = DistilEncoderSettings(
        teacher=str(adapted), texts=str(reviews_csv), masking=masking(), compute=PLAIN
    )
    done = learn_encoder(settings, folder=tmp_path / "student", quiet=True)
    teacher = json.loads((adapted / "training.json").read_text())
    assert done.figures["layers"] == 1
    assert done.figures["megabytes"] < teacher["megabytes"]
    assert done.figures["parameters"] < teacher["parameters"]
    config = json.loads((tmp_path / "student" / "config.json").read_text())
    assert (config["num_hidden_layers"], config["kept_layers"]) == (1, [0])
    history = done.figures["encoder_history"]
    assert history[-1]["val_loss"] < history[0]["val_loss"]


def test_texts_come_from_any_column_of_texts_once_each(
    tiny_bert: Path, reviews: list[tuple[str, str]], tmp_path: Path
) -> None:
    frame = pd.DataFrame(reviews[:60] + reviews[:10], columns=["said", "label"])
    frame.to_parquet(tmp_path / "texts.parquet")
    settings = adapting(tmp_path / "texts.parquet", tiny_bert, epochs=1, text_column="said")
    done = learn_encoder(settings, folder=tmp_path / "made", quiet=True)
    assert done.figures["texts"] == len({text for text, _ in reviews[:60]})


def test_what_stands_there_is_replaced_only_when_asked(
    adapted: Path, deeper_bert: Path, reviews_csv: Path
) -> None:
    settings = adapting(reviews_csv, deeper_bert)
    with pytest.raises(InputError, match="exists: choose another place, or add --overwrite"):
        learn_encoder(settings, folder=adapted, quiet=True)
    with pytest.raises(ConfigError, match=r"is finished; its figures are in training\.json"):
        learn_encoder(settings, folder=adapted, resume=True, quiet=True)


def test_bad_input_leaves_nothing_behind(tiny_bert: Path, tmp_path: Path) -> None:
    place = tmp_path / "made"
    empty = tmp_path / "empty.csv"
    empty.write_text("text\n\n")
    no_encoder = tmp_path / "none"
    no_encoder.mkdir()
    for settings, kind, said in (
        (adapting("", tiny_bert), DataError, "which texts"),
        (adapting(empty, tiny_bert), DataError, "text"),
        (adapting(empty, no_encoder), EncoderError, "not a whole encoder"),
    ):
        with pytest.raises(kind, match=said):
            learn_encoder(settings, folder=place, quiet=True)
        assert not place.exists()
    with pytest.raises(ConfigError, match=r"--resume: .* holds nothing to go on with"):
        learn_encoder(adapting(empty, tiny_bert), folder=place, resume=True)


def test_half_of_the_layers_is_the_larger_half_and_a_student_has_fewer(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 5}')
    assert layers_to_keep(tmp_path, "half") == 3
    assert layers_to_keep(tmp_path, 2) == 2
    assert layers_to_keep(tmp_path, None) is None
    with pytest.raises(ConfigError, match="--layers 5: the teacher has 5 layers"):
        layers_to_keep(tmp_path, 5)
