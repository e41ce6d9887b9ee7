"""Which of a predictor's engines is the fastest on this machine: measured once, then remembered.

`auto` goes by the folder alone, so that a predictor answers alike wherever it runs. Speed does
not: 8-bit products are fast where the CPU has them built in and no gain where it has not, and
OpenVINO has 16-bit ones where the CPU has those. Whoever asks for `fastest` takes the answers of
any engine that passed its test at export.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import math
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.errors import InputError
from ktrain_sentiment.inference.runners import cpu_flags, usable_cores
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, kept_graphs, read_manifest
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.runs import cache_folder

if TYPE_CHECKING:
    from ktrain_sentiment.inference.classifier import TextClassifier

logger = logging.getLogger(__name__)

_SENTENCE = "a film that is long and dull where the book was short and a joy to read "
_ROUNDS = 3
_PACKAGES = {"int8": "onnxruntime", "fp32": "onnxruntime", "openvino": "openvino"}
_KEPT = 200
"""So many measurements are remembered; the oldest goes first."""


def fastest(
    place: PredictorFolder, threads: int, open_engine: Callable[[Engine], TextClassifier]
) -> Engine:
    """The fastest of a predictor's engines on this machine, remembered or measured now.

    Args:
        place: The predictor folder; without a manifest, and with it engines that passed a test, it
            is opened as for `auto`.
        threads: Cores to use; 0: all.
        open_engine: Opens the predictor with an engine.

    Raises:
        PredictorError: The manifest cannot be read.
    """
    if not place.manifest.is_file():
        return "auto"
    manifest = read_manifest(place.path)
    names = _candidates(place, manifest)
    if len(names) == 1:
        return names[0]
    key, memory = _key(manifest, names, threads), cache_folder() / "fastest.json"
    known = _read(memory)
    for name in names:
        if name == known.get(key):
            return name
    logger.info("measuring the engines of %s on this machine, once", place.path)
    seconds = measure({name: _work(open_engine(name)) for name in names})
    chosen = min(names, key=lambda name: seconds[name])
    told = ", ".join(f"{name} {seconds[name] / seconds[chosen]:.2f}" for name in names)
    logger.info("%s is the fastest (seconds, beside its own: %s)", chosen, told)
    with contextlib.suppress(OSError, InputError):  # It works without being remembered.
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, {**dict([*known.items()][1 - _KEPT :]), key: chosen})
    return chosen


def _candidates(place: PredictorFolder, manifest: Manifest) -> list[Engine]:
    """The engines that the folder has and this machine can run."""
    written: tuple[Engine, ...] = ("int8", "fp32")
    graphs = kept_graphs(place, manifest)
    found = [name for name in written if name in graphs]
    if "fp32" in found and util.find_spec("openvino"):
        found.append("openvino")
    return found or ["auto"]


def measure(work: Mapping[str, Sequence[Callable[[], object]]]) -> dict[str, float]:
    """Seconds of each, over kinds of work: their geometric mean, so that no kind outweighs others.

    They take turns, so that what else runs on the machine hits all of them; the median of the
    rounds counts, after one that counts for nothing.

    Args:
        work: By name, the same kinds of work in the same order.
    """
    taken: dict[str, list[list[float]]] = {name: [[] for _ in jobs] for name, jobs in work.items()}
    for turn in range(_ROUNDS + 1):
        for name, jobs in work.items():
            for kind, job in enumerate(jobs):
                begun = time.perf_counter()
                job()
                if turn:
                    taken[name][kind].append(time.perf_counter() - begun)
    return {
        name: math.exp(statistics.fmean(math.log(statistics.median(times)) for times in kinds))
        for name, kinds in taken.items()
    }


def _work(classifier: TextClassifier) -> list[Callable[[], object]]:
    """Many short texts, some that fill the model, and one alone; all encoded already."""
    words = _SENTENCE.split()
    long = " ".join(words[place % len(words)] for place in range(classifier.maxlen))
    others = classifier.inputs.others
    work: list[Callable[[], object]] = []
    for text, count in ((_SENTENCE, 32), (long, 4), (_SENTENCE, 1)):
        joined = classifier.inputs.join(text, [text] * len(others)) or ""
        encoded = classifier.encode([joined] * count)
        work.append(functools.partial(classifier.logits, encoded))
    return work


def _key(manifest: Manifest, names: Sequence[str], threads: int) -> str:
    """What a measurement holds for: this CPU, as many cores, these files, these libraries."""
    libraries = [f"{name} {metadata.version(_PACKAGES[name])}" for name in names]
    machine = [platform.machine(), *sorted(cpu_flags()), str(threads or usable_cores())]
    told = [*machine, *libraries, repr(sorted(manifest.files.items()))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _read(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
