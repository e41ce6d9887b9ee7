"""What the prediction workers share: answer one text, then predict sets of texts when asked.

Imports the standard library alone, because each worker runs in an environment of its own.
Arguments: a folder, a JSON file with sets of texts, then whatever the worker wants. Standard input:
one command a line, the name of a set, or `single` for one text at a time. Standard output: one
JSON object a line.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from answers import peak_mb, say

Predict = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to probabilities, in order."""

BATCH = 32


def by_length(predict: Predict) -> Predict:
    """Predict texts sorted by length, longest first, and restore the order."""

    def sorted_first(texts: Sequence[str]) -> list[Sequence[float]]:
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        rows = predict([texts[index] for index in order])
        return [row for _, row in sorted(zip(order, rows, strict=True), key=lambda pair: pair[0])]

    return sorted_first


def graph_reader(folder: Path, names: Sequence[str]) -> Callable[..., Iterator[dict[str, Any]]]:
    """What makes batches of texts, by Hugging Face's tokenizers, for a graph with such inputs."""
    import numpy as np
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    manifest = json.loads((folder / "manifest.json").read_text())
    tokenizer.enable_truncation(manifest["maxlen"])
    tokenizer.enable_padding(pad_id=manifest["padding_id"])

    def batches(texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(texts), BATCH):
            encodings = tokenizer.encode_batch_fast(list(texts[start : start + BATCH]))
            ids = np.array([encoding.ids for encoding in encodings])
            mask = np.array([encoding.attention_mask for encoding in encodings])
            full = {"input_ids": ids, "attention_mask": mask}
            yield {name: full.get(name, np.zeros_like(ids)) for name in names}

    return batches


def shares(batches: Sequence[Any]) -> list[list[float]]:
    """Probabilities in the order of the labels, of logits batch by batch."""
    import numpy as np

    logits = np.concatenate(batches)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: list[list[float]] = (raised / raised.sum(axis=1, keepdims=True)).tolist()
    return found


def serve(predict: Predict) -> None:
    """Answer one text, then commands until the input ends."""
    sets = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    predict(sets["single"][:1])
    say(ready=True, memory_mb=peak_mb())
    for command in sys.stdin:
        name = command.strip()
        (_single if name == "single" else _many)(predict, sets[name])


def _single(predict: Predict, texts: Sequence[str]) -> None:
    times = []
    for text in texts:
        begun = time.perf_counter()
        predict([text])
        times.append(time.perf_counter() - begun)
    say(times=times, peak_mb=peak_mb())


def _many(predict: Predict, texts: Sequence[str]) -> None:
    begun, processor = time.perf_counter(), time.process_time()
    rows = predict(texts)
    seconds, used = time.perf_counter() - begun, time.process_time() - processor
    say(seconds=seconds, processor=used, rows=[[float(share) for share in row] for row in rows])
