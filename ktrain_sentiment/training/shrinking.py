"""Encoders with fewer layers than they were pre-trained with: small students for distillation.

The layers that stay are spread evenly over the stack, first and last among them, and keep their
weights. So was DistilBERT begun from BERT (Sanh et al. 2019, arXiv:1910.01108).
"""

from __future__ import annotations

import copy
import logging
import re

import numpy as np

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.backend import Untyped

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"(?<=/layer_\._)\d+(?=/)")
_SHARES_LAYERS = "albert"


def spread_layers(total: int, count: int) -> tuple[int, ...]:
    """Which of `total` layers stay, from 0: `count` of them, as evenly spaced as can be.

    Of twelve, six are 0, 2, 4, 7, 9, 11; of six, three are 0, 2, 5.
    """
    return tuple(int(number) for number in np.linspace(0, total - 1, count).round())


def keep_layers(model: Untyped, count: int) -> Untyped:
    """A smaller model of the same class: some of a model's layers, and all its other weights.

    Its configuration says how many layers it has, and in `kept_layers` which ones they were. ALBERT
    has one set of weights for all layers; there the set stays and is run fewer times.

    Args:
        model: A built transformers TensorFlow classifier; it is not changed.
        count: How many layers to keep.

    Raises:
        ConfigError: The model has fewer layers, or no plain stack of them.
    """
    total = int(model.config.num_hidden_layers)
    if count > total:
        raise ConfigError(f"--layers {count}: the encoder has {total} layers")
    kept = spread_layers(total, count)
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = count
    config.kept_layers = list(kept)
    if isinstance(windows := getattr(config, "attention_window", None), list):
        config.attention_window = [windows[number] for number in kept]
    smaller = type(model)(config)
    smaller.build_in_name_scope()
    _copy_weights(model, smaller, kept)
    log.info("keeping layers %s of %d", ", ".join(str(number + 1) for number in kept), total)
    return smaller


def _copy_weights(model: Untyped, smaller: Untyped, kept: tuple[int, ...]) -> None:
    weights = {_below_the_model(variable.name): variable for variable in model.weights}
    _refuse_other_stacks(model, weights)
    for variable in smaller.weights:
        name = _below_the_model(variable.name)
        variable.assign(weights[_NUMBER.sub(lambda found: str(kept[int(found[0])]), name)])


def _below_the_model(name: str) -> str:
    """A variable's name without the model's own, which Keras numbers: `bert/encoder/...`."""
    return name.partition("/")[2]


def _refuse_other_stacks(model: Untyped, weights: dict[str, Untyped]) -> None:
    config = model.config
    numbers = {found[0] for name in weights if (found := _NUMBER.search(name))}
    shared = config.model_type == _SHARES_LAYERS and not numbers
    if not shared and numbers != {str(number) for number in range(config.num_hidden_layers)}:
        raise ConfigError(
            f"--layers: an encoder of type {config.model_type} is no plain stack of layers; leave "
            "it out, or choose a BERT, DistilBERT, RoBERTa, ALBERT, ELECTRA or MPNet encoder"
        )
