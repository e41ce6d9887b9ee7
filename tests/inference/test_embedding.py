"""Vectors of texts from a frozen encoder: what TensorFlow makes of the same weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ktrain_sentiment.errors import EncoderError
from ktrain_sentiment.inference.embedding import open_encoder_embedder

TEXTS = ["the plot was brilliant", "awful", "on the whole the cast was never dull but clumsy"]


def renamed(encoder: Path, home: Path, change: dict[str, str]) -> Path:
    """A copy whose weights are called otherwise, as other encoders on the hub are."""
    shutil.copytree(encoder, home)
    weights = load_file(home / "model.safetensors")
    for old, new in change.items():
        weights = {name.replace(old, new): array for name, array in weights.items()}
    save_file(weights, home / "model.safetensors", metadata={"format": "pt"})
    return home


@pytest.mark.parametrize("family", ["tiny_bert", "tiny_encoder"])
def test_vectors_are_the_means_of_tensorflows_token_states(family, backend, request):
    encoder = request.getfixturevalue(family)
    ours = open_encoder_embedder(encoder, 32)(TEXTS)
    tokenizer = backend.transformers.AutoTokenizer.from_pretrained(str(encoder))
    batch = tokenizer(TEXTS, padding=True, return_tensors="np")
    model = backend.transformers.TFAutoModel.from_pretrained(str(encoder))
    states = model(dict(batch)).last_hidden_state.numpy()
    mask = batch["attention_mask"][:, :, None]
    theirs = (states * mask).sum(axis=1) / mask.sum(axis=1)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_text_has_the_same_vector_alone_and_among_others(tiny_bert):
    embed = open_encoder_embedder(tiny_bert, 32)
    alone = np.concatenate([embed([text]) for text in TEXTS])
    np.testing.assert_allclose(embed(TEXTS), alone, atol=1e-5)


def test_old_names_and_prefixes_of_weights_are_understood(tiny_bert, tmp_path):
    old = renamed(
        tiny_bert, tmp_path / "old",
        {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"},
    )  # fmt: skip
    expected = open_encoder_embedder(tiny_bert, 32)(TEXTS)
    np.testing.assert_array_equal(open_encoder_embedder(old, 32)(TEXTS), expected)


def test_no_texts_give_no_vectors(tiny_bert):
    assert len(open_encoder_embedder(tiny_bert, 32)([])) == 0


def test_an_encoder_without_weights_is_refused_by_name(tiny_bert, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(tiny_bert, bare)
    (bare / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"holds no model\.safetensors"):
        open_encoder_embedder(bare, 32)
