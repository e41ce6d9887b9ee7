"""How long a text an encoder can read: as many tokens as it has positions for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import ConfigError

_COUNTED_FROM_PADDING = frozenset(
    {"roberta", "roberta-prelayernorm", "xlm-roberta", "camembert", "mpnet", "longformer"}
)
"""Families that count positions from their padding id + 1: RoBERTa's 514 hold 512 tokens."""

_UNBOUNDED = frozenset({"xlnet", "transfo-xl", "funnel"})
"""Families that know relative positions alone; what their configuration says is no limit."""


def most_tokens(config: Mapping[str, Any]) -> int | None:
    """The longest text in tokens, special tokens included; None where there is no limit.

    Args:
        config: The contents of config.json.
    """
    family = config.get("model_type")
    if family in _UNBOUNDED or config.get("position_biased_input") is False:
        return None
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    if not isinstance(positions, int) or positions < 1:
        return None
    if family not in _COUNTED_FROM_PADDING:
        return positions
    padding = config.get("pad_token_id")
    return positions - 1 - (padding if isinstance(padding, int) else 1)


def check_maxlen(encoder: Path, maxlen: int) -> None:
    """Refuse texts longer than an encoder can read, before anything is computed.

    Args:
        encoder: A verified encoder folder.
        maxlen: Longest text in tokens, special tokens included.

    Raises:
        ConfigError: The encoder has fewer positions; the message says how many.
    """
    config = json.loads((encoder / "config.json").read_text("utf-8"))
    limit = most_tokens(config)
    if limit is not None and maxlen > limit:
        raise ConfigError(
            f"--maxlen {maxlen}: this encoder ({config.get('model_type')}) has positions for "
            f"{limit:,} tokens: give --maxlen {limit} or less, or for longer texts an encoder such "
            "as allenai/longformer-base-4096"
        )
