"""An encoder that cannot be trained is refused in one line; one may lack little, or shed layers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ktrain_sentiment.config import EncoderConfig, TrainConfig
from ktrain_sentiment.data.labelled import Splits
from ktrain_sentiment.errors import ConfigError, EncoderError
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.training.backend import Backend, open_backend
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.encoder_trainer import (
    TextPreprocessor,
    keep_layers,
    make_preprocessor,
    spread_layers,
)
from support.architectures import ARCHITECTURES, build_encoder
from support.families import FAMILIES, IDS, SHAPE, build


def change(path: Path, **settings: Any) -> None:
    """Set entries of a JSON file; None takes one out."""
    content = json.loads(path.read_text()) | settings
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


@pytest.fixture
def gpt2(tmp_path: Path) -> Path:
    return build_encoder(tmp_path / "gpt2", ARCHITECTURES["GPT-2"])


def pipeline_of(encoder: Path, splits: Splits, maxlen: int = 16) -> TextPreprocessor:
    return make_preprocessor(open_backend(), encoder, splits, EncoderConfig(maxlen=maxlen))


def test_a_long_text_is_one_row_to_learn_from_and_several_to_answer(
    tiny_bert: Path, splits: Splits
) -> None:
    preprocessor = pipeline_of(tiny_bert, splits, maxlen=16)
    frame = pd.DataFrame({"text": ["a dull film. " * 20, "great"], "label": ["negative"] * 2})
    learned, asked = preprocessor.encode(frame), preprocessor.encode_to_ask(frame)
    assert learned.targets.shape == (2, 2)
    assert learned.tokens.longer.tolist() == [True, False]
    assert asked.tokens.windows.tolist() == [len(asked.tokens) - 1, 1]
    assert len(asked.targets) == len(asked.tokens) > 3


def test_the_windows_of_a_text_are_pooled_by_their_logits(tiny_bert: Path, splits: Splits) -> None:
    preprocessor = pipeline_of(tiny_bert, splits, maxlen=16)
    frame = pd.DataFrame({"text": ["great", "a dull film. " * 20]})
    rows = preprocessor.encode_to_ask(frame)
    data = preprocessor.dataset(open_backend(), rows, TrainConfig())
    logits = np.random.default_rng(0).normal(size=(len(rows.tokens), 2)).astype(np.float32)
    found = preprocessor.probabilities(data, logits[data.order])
    wanted = softmax(np.stack([logits[0], logits[1:].mean(axis=0)]))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_end_of_text_token_pads_where_there_is_no_other(gpt2: Path, splits: Splits) -> None:
    preprocessor = pipeline_of(gpt2, splits)
    assert preprocessor.ktrain_preprocessor.get_tokenizer().pad_token == "<|endoftext|>"
    assert preprocessor.ktrain_preprocessor.config.pad_token_id == preprocessor.pad_id == 0


def test_the_models_padding_id_counts_where_the_tokenizer_has_another(
    gpt2: Path, splits: Splits
) -> None:
    change(gpt2 / "config.json", pad_token_id=5)
    preprocessor = pipeline_of(gpt2, splits)
    assert preprocessor.pad_id == preprocessor.ktrain_preprocessor.get_tokenizer().pad_token_id == 5


def test_an_encoder_with_nothing_to_pad_with_is_refused(gpt2: Path, splits: Splits) -> None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        change(gpt2 / name, eos_token=None, bos_token=None, unk_token=None)
    # The class GPT2Tokenizer would bring an end-of-text token of its own.
    change(gpt2 / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    with pytest.raises(EncoderError, match="neither a padding nor an end-of-text token"):
        pipeline_of(gpt2, splits)


def test_a_padding_token_without_an_embedding_is_refused(gpt2: Path, splits: Splits) -> None:
    change(gpt2 / "tokenizer_config.json", pad_token="[PAD]")
    with pytest.raises(EncoderError, match=r"\[PAD\] has the id 400, and the model embeds 400"):
        pipeline_of(gpt2, splits)


def test_a_tokenizer_that_cannot_be_loaded_is_refused(gpt2: Path, splits: Splits) -> None:
    (gpt2 / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderError, match="transformers cannot load its tokenizer"):
        pipeline_of(gpt2, splits)


@pytest.mark.parametrize(
    ("name", "limit"), [("GPT-2", 64), ("BERT", 64), ("RoBERTa", 64), ("Longformer", 1024)]
)
def test_texts_longer_than_the_positions_are_refused_with_the_limit(
    tmp_path: Path, splits: Splits, name: str, limit: int
) -> None:
    encoder = build_encoder(tmp_path / "encoder", ARCHITECTURES[name])
    with pytest.raises(ConfigError) as caught:
        pipeline_of(encoder, splits, maxlen=limit + 1)
    line = str(caught.value)
    assert line.startswith(f"--maxlen {limit + 1}: ")
    assert f"has positions for {limit:,} tokens: give --maxlen {limit} or less" in line
    assert "\n" not in line


@pytest.fixture(scope="module")
def backend() -> Backend:
    return open_backend()


def logits(model: Any) -> np.ndarray:
    return np.asarray(model(IDS, training=False).logits)


@pytest.mark.parametrize(
    ("total", "count", "kept"),
    [
        (12, 6, (0, 2, 4, 7, 9, 11)),
        (6, 3, (0, 2, 5)),
        (6, 6, (0, 1, 2, 3, 4, 5)),
        (6, 2, (0, 5)),
        (6, 1, (0,)),
    ],
)
def test_layers_that_stay_are_spread_evenly(total: int, count: int, kept: tuple[int, ...]) -> None:
    assert spread_layers(total, count) == kept


@pytest.mark.parametrize("total", range(1, 25))
def test_no_layer_is_taken_twice(total: int) -> None:
    for count in range(1, total + 1):
        assert len(set(spread_layers(total, count))) == count


@pytest.mark.parametrize("family", FAMILIES)
def test_a_smaller_model_computes_with_the_layers_that_stay(backend: Backend, family: str) -> None:
    whole = build(backend, family)
    smaller = keep_layers(whole, 2)
    assert smaller.config.num_hidden_layers == 2
    assert smaller.config.to_dict()["kept_layers"] == [0, 3]
    stack = next(part for part in whole.submodules if hasattr(part, "layer"))
    stack.layer = [stack.layer[0], stack.layer[3]]
    np.testing.assert_allclose(logits(smaller), logits(whole), atol=1e-6)


def test_albert_runs_its_one_layer_fewer_times(backend: Backend) -> None:
    whole = build(backend, "Albert", **SHAPE, embedding_size=8)
    smaller = keep_layers(whole, 2)
    assert len(smaller.weights) == len(whole.weights)
    assert np.abs(logits(smaller) - logits(whole)).max() > 1e-6
    whole.albert.encoder.num_hidden_layers = 2
    whole.albert.encoder.config.num_hidden_layers = 2
    np.testing.assert_allclose(logits(smaller), logits(whole), atol=1e-6)


def test_more_layers_than_there_are_are_refused(backend: Backend) -> None:
    with pytest.raises(ConfigError, match="--layers 9: the encoder has 4 layers"):
        keep_layers(build(backend, "Bert"), 9)


def test_an_encoder_that_is_no_plain_stack_is_refused(backend: Backend) -> None:
    shape = {"vocab_size": 60, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24}
    model = build(backend, "GPT2", **shape, pad_token_id=0)
    with pytest.raises(ConfigError, match="type gpt2 is no plain stack of layers"):
        keep_layers(model, 1)


def test_a_session_trains_the_layers_that_stay(
    open_tiny: Callable[..., Any], splits: Splits, tmp_path: Path
) -> None:
    trainer = open_tiny(epochs=4, layers=1, deeper=True)
    assert trainer.model.config.num_hidden_layers == 1
    assert trainer.preprocessor.ktrain_preprocessor.config.num_hidden_layers == 1
    trainer.fit(2e-3, Checkpoints(tmp_path), quiet=True)
    predicted = trainer.predict_proba(splits.test).argmax(axis=1)
    truth = [splits.labels.index(label) for label in splits.test["label"]]
    assert (predicted == truth).mean() > 0.7
