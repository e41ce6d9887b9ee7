"""The mean of token states, as one more layer of a transformer, and a linear head on it.

Sentence encoders are read by the mean of a text's token states; classifiers of transformers read
the first token alone. One more layer, whose attention looks at all tokens alike and whose other
maps do nothing, puts the mean there. So what is saved is an ordinary model of its family, which
every loader of such models computes alike.
"""

from __future__ import annotations

import copy
import math
import re

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import Untyped
from ktrain_sentiment.training.probe import LinearProbe

Floats = NDArray[np.float32]

FAMILIES = frozenset(
    {"bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert", "mpnet"}
)
"""Encoders, by config.json's `model_type`, that can be given one more layer: plain post-norm stacks
with a layer's own weights each."""

_MEAN_TO_RESIDUAL = 1000.0
"""How often the mean outweighs the first token's own state, which the layer's residual adds to it;
the normalisation behind it takes the scale out again."""
_TANH_SCALE, _SHIFT = 0.01, 30.0
"""Where a head's first activation is a straight line: tanh near 0, ReLU and GELU far above it. No
entry of a normalised state is below -sqrt(width)."""
_HEADS_FIRST = re.compile(r"(pooler/dense|pre_classifier|classifier/dense)/(kernel|bias)(:\d+)?$")
_HEADS_LAST = re.compile(r"classifier(/out_proj)?/(kernel|bias)(:\d+)?$")
_LAYER = re.compile(r"(?<=/layer_\._)\d+(?=/)")


def add_mean_layer(model: Untyped) -> Untyped:
    """A model of the same class with one more layer, whose first token is the mean of all.

    MPNet's attention is biased by distance, the same in all layers: its mean weighs near and far
    tokens a little differently, and leaves the first out.

    Args:
        model: A built transformers TensorFlow classifier; it is not changed.

    Raises:
        ConfigError: The encoder is not one that a layer can be added to.
    """
    kind = model.config.model_type
    if kind not in FAMILIES:
        raise ConfigError(
            f"--few-labels: an encoder of type {kind} cannot be read by its mean; wanted one of "
            f"{', '.join(sorted(FAMILIES))}, or --few-labels full"
        )
    config = copy.deepcopy(model.config)
    count = int(config.num_hidden_layers)
    config.num_hidden_layers = count + 1
    config.mean_layer = count
    larger = type(model)(config)
    larger.build_in_name_scope()
    known = {below_the_model(variable.name): variable for variable in model.weights}
    for variable in larger.weights:
        name = below_the_model(variable.name)
        found = _LAYER.search(name)
        if found and int(found[0]) == count:
            variable.assign(_of_mean_layer(name, tuple(variable.shape)))
        else:
            variable.assign(known[name])
    last = _stack(larger)[-1]
    last.trainable = False
    for part in last.submodules:
        if type(part).__name__ == "Dropout":
            part.rate = 0.0
    return larger


def _of_mean_layer(name: str, shape: tuple[int, ...]) -> Floats:
    """A weight of the layer: what is not named here is zero, so that all tokens count alike."""
    name = name.split(":")[0]
    if name.endswith("gamma"):
        return np.ones(shape, np.float32)
    if re.search(r"/(value|v|v_lin)/kernel$", name):
        return np.eye(shape[0], dtype=np.float32)
    if re.search(r"/attention/(output/dense|attn/o|out_lin)/kernel$", name):
        return np.eye(shape[0], dtype=np.float32) * np.float32(_MEAN_TO_RESIDUAL)
    return np.zeros(shape, np.float32)


def below_the_model(name: str) -> str:
    """A variable's name without the model's own, which Keras numbers: `bert/encoder/...`."""
    return name.partition("/")[2]


def _stack(model: Untyped) -> list[Untyped]:
    """The blocks of the encoder, first to last."""
    base = getattr(model, model.base_model_prefix)
    return list((getattr(base, "encoder", None) or base.transformer).layer)


def fold_head(model: Untyped, probe: LinearProbe) -> None:
    """Make a probe on normalised vectors the head of a model with a mean layer.

    The head's first map becomes the identity, within the straight part of its activation.
    """
    width = int(model.config.hidden_size)
    bent = model.config.model_type not in ("distilbert", "electra")
    scale, shift = (_TANH_SCALE, 0.0) if bent else (1.0, _SHIFT)
    # A normalised state is sqrt(width) long, what the probe was fitted on is 1.
    weights = probe.weights / np.float32(math.sqrt(width) * scale)
    bias = probe.bias - shift * weights.sum(axis=0)
    for variable in model.weights:
        name = variable.name
        # The order counts: DistilBERT's first map is called pre_classifier.
        if _HEADS_FIRST.search(name):
            square = np.eye(width, dtype=np.float32) * np.float32(scale)
            variable.assign(square if "kernel" in name else np.full(width, shift, np.float32))
        elif _HEADS_LAST.search(name):
            variable.assign(weights if "kernel" in name else bias)


def encoder_variables(model: Untyped) -> list[Untyped]:
    """The trainable variables below the head."""
    heads = (_HEADS_FIRST, _HEADS_LAST)
    return [
        one for one in model.trainable_variables if not any(head.search(one.name) for head in heads)
    ]
