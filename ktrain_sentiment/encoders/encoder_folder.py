"""What a folder must hold to be an encoder, and how long a text it can read.

The layout is that of Hugging Face transformers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import ConfigError, EncoderError, one_line

TOKENIZERS: tuple[frozenset[str], ...] = (
    frozenset({"tokenizer.json"}),
    frozenset({"vocab.txt"}),
    frozenset({"vocab.json", "merges.txt"}),
    frozenset({"spiece.model"}),
    frozenset({"sentencepiece.bpe.model"}),
    frozenset({"tokenizer.model"}),
)
"""Sets of files of which one must be there whole for a tokenizer to load."""

SIDE_FILES = frozenset(
    {
        "config.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        # How a sentence encoder pools its token vectors.
        "modules.json",
        "1_Pooling/config.json",
    }
)
"""Small files worth having beside the weights, where they exist."""

SAFETENSORS = "model.safetensors"
SAFETENSORS_INDEX = "model.safetensors.index.json"
TF_WEIGHTS = "tf_model.h5"
PICKLED_WEIGHTS = "pytorch_model.bin"

_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_LARGEST_HEADER = 100_000_000
"""Bytes of a safetensors header that are read at most, as the format's own reader has it."""


def weights_among(names: Collection[str]) -> list[str]:
    """The weight files to load, best format first; empty when there are none worth loading.

    `pytorch_model.bin` comes last: it is a pickle, which `conversion.py` reads without running it.
    """
    if SAFETENSORS in names:
        return [SAFETENSORS]
    if SAFETENSORS_INDEX in names:
        return [SAFETENSORS_INDEX, *sorted(name for name in names if _SHARD.fullmatch(name))]
    return [name for name in (TF_WEIGHTS, PICKLED_WEIGHTS) if name in names][:1]


def needed(names: Iterable[str]) -> list[str]:
    """Those of a repository's files that an encoder needs, with one set of weights."""
    there = set(names)
    tokenizer = frozenset().union(*TOKENIZERS)
    return sorted(there & (SIDE_FILES | tokenizer)) + weights_among(there)


def missing(names: Collection[str]) -> list[str]:
    """What an encoder lacks, in words that name the files; empty when nothing does."""
    lacks = []
    if "config.json" not in names:
        lacks.append("config.json")
    if not any(files.issubset(names) for files in TOKENIZERS):
        lacks.append("a tokenizer (tokenizer.json or vocab.txt)")
    if not weights_among(names):
        lacks.append(f"weights ({SAFETENSORS} or {TF_WEIGHTS})")
    return lacks


def file_names(place: Path) -> set[str]:
    """Names of the files in a folder; a link whose target is gone does not count."""
    return {entry.name for entry in place.iterdir() if entry.is_file()}


def check(place: Path, shown: str) -> None:
    """Check that a folder holds a whole encoder.

    Args:
        place: The folder.
        shown: What the user called it, for the error message.

    Raises:
        EncoderError: A part is missing or visibly damaged; the message names it.
    """
    names = file_names(place)
    if missing(names):
        raise EncoderError(lack_message(shown, names))
    for name in ("config.json", "tokenizer_config.json"):
        if name in names:
            _check_config(place / name, shown)
    for name in weights_among(names):
        if name.endswith(".safetensors"):
            _check_safetensors(place / name, shown)


def lack_message(shown: str, names: Collection[str]) -> str:
    """One line that says what an encoder with these files lacks, and what to do."""
    line = f"encoder {shown}: not a whole encoder, it lacks {' and '.join(missing(names))}"
    return f"{line}; a model and its tokenizer, each saved with save_pretrained(), make one"


def _check_config(path: Path, shown: str) -> None:
    config = read_json(path, shown)
    if path.name == "config.json" and not isinstance(config.get("model_type"), str):
        raise EncoderError(
            f"encoder {shown}: config.json has no model_type, so it is not a transformers model"
        )
    # transformers would run that code where it does not know the type, and where it knows it load
    # weights of another architecture into its own, without a word.
    if config.get("auto_map"):
        raise EncoderError(
            f"encoder {shown}: {path.name} names Python code of its own (auto_map), which is never "
            "run: choose an encoder that transformers knows by itself"
        )


def read_json(path: Path, shown: str) -> dict[str, Any]:
    """The object in a JSON file of an encoder.

    Raises:
        EncoderError: The file cannot be read, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderError(
            f"encoder {shown}: {path.name} cannot be read: {one_line(error)}"
        ) from error
    if not isinstance(value, dict):
        raise EncoderError(
            f"encoder {shown}: {path.name} holds a {type(value).__name__}, wanted a JSON object"
        )
    return value


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The tensors that a safetensors file lists, by name, and where their bytes begin.

    Layout: eight bytes with the header's length, the header (JSON), then the tensors' bytes;
    see https://github.com/huggingface/safetensors#format.

    Raises:
        ValueError: It does not begin with a header in JSON whose tensors lie side by side.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = dict(json.loads(file.read(min(length, _LARGEST_HEADER))))
            header.pop("__metadata__", None)
            spans = sorted(tuple(entry["data_offsets"]) for entry in header.values())
            kinds = {type(entry["dtype"]) for entry in header.values()}
            shapes = [entry["shape"] for entry in header.values()]
            numbers = {type(number) for row in [*spans, *shapes] for number in row}
        except (TypeError, KeyError, RecursionError) as error:
            raise ValueError(one_line(error)) from error
    if not (kinds <= {str} and numbers <= {int}):
        raise ValueError("its table of tensors holds values of other types")
    starts = [0, *(end for _, end in spans)][: len(spans)]
    if starts != [begin for begin, _ in spans] or any(begin > end for begin, end in spans):
        raise ValueError("its tensors overlap")
    return header, 8 + length


def _check_safetensors(path: Path, shown: str) -> None:
    """Compare the file's size with what its header promises: finds cut-off files, LFS pointers."""
    size = path.stat().st_size
    try:
        tensors, begin = read_header(path)
        ends = (entry["data_offsets"][1] for entry in tensors.values())
        promised = begin + max(ends, default=0)
    except ValueError as error:
        raise EncoderError(
            f"encoder {shown}: {path.name} is not a safetensors file ({size:,} bytes); "
            "if it is a Git LFS pointer, run  git lfs pull"
        ) from error
    if promised != size:
        raise EncoderError(
            f"encoder {shown}: {path.name} is damaged: its header promises {promised:,} bytes, "
            f"the file has {size:,}; copy or download it again"
        )


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
    family = str(config.get("model_type"))
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
    config = read_json(encoder / "config.json", encoder.name)
    limit = most_tokens(config)
    if limit is not None and maxlen > limit:
        raise ConfigError(
            f"--maxlen {maxlen}: this encoder ({config.get('model_type')}) has positions for "
            f"{limit:,} tokens: give --maxlen {limit} or less, or for longer texts an encoder such "
            "as allenai/longformer-base-4096"
        )
