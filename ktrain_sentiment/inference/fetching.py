"""Predictors at URLs: fetched once into the cache, and again where what is there has changed.

What comes is data, checked as that of a local folder is. A store is asked for its list of files
each time; what it says of them (size, etag, time) names the copy. Where it cannot be reached, the
newest copy answers, and that is said.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ktrain_sentiment.encoders import model_hub
from ktrain_sentiment.errors import InputError, PredictorError
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import digest, read_manifest
from ktrain_sentiment.reading_rules import Engine
from ktrain_sentiment.remote import fingerprint, is_unreachable, store
from ktrain_sentiment.runs import cache_folder

logger = logging.getLogger(__name__)

_PLACE = PredictorFolder(Path())
_MANIFEST, _INSIDE = _PLACE.manifest.name, "predictor/"
_TRAINING = {".h5", ".preproc", ".safetensors", ".bin", ".msgpack", ".pt", ".pth", ".ckpt"}
"""What training and other tools read, and prediction does not, where there is a graph."""


def fetch_predictor(url: str, engine: Engine | None = None) -> Path:
    """The local copy of a predictor, or of the one in a run.

    Args:
        url: Of a predictor folder or a run folder in a store; `hf://org/name`, with `@revision` and
            a folder in it where wanted.
        engine: Fetch what this engine needs alone; everything when None.

    Returns:
        A folder in the cache; do not write to it.

    Raises:
        PredictorError: There is no predictor, or it cannot be fetched.
        MissingExtraError: The library for such URLs is not installed.
    """
    if url.lower().startswith("hf://"):
        return _from_hub(url, engine)
    place = store(url, PredictorError)
    home = cache_folder() / "predictors" / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        found = place.files()
    except PredictorError as error:
        kept = _newest(home)
        if kept is None or not is_unreachable(error):
            raise
        logger.warning("%s; using the copy in the cache, %s", error, kept)
        return kept
    inside = _inside(found)
    listed = {n.removeprefix(inside): info for n, info in found.items() if n.startswith(inside)}
    names = needed(list(listed), engine)
    if not names:
        raise PredictorError(f"{url}: {_lack(list(found))}")
    # The last part of the name is what a report calls the predictor.
    folder = home / fingerprint(listed) / PurePosixPath(url).name
    place = place.below(inside.rstrip("/")) if inside else place
    missing = [name for name in names if not _is_there(folder / name, listed[name])]
    if missing:
        logger.info("fetching %s into %s", url, folder)
    # The manifest last: a copy that has it is whole.
    place.fetch_files(sorted(missing, key=lambda name: name == _MANIFEST), folder)
    place.fetch_files(_changed(folder, names), folder)
    os.utime(folder)
    return folder


def needed(names: Sequence[str], engine: Engine | None = None) -> list[str]:
    """Which of a predictor's files are fetched; none where they are not those of a predictor.

    Args:
        names: Of all files of the folder, relative.
        engine: As for `fetch_predictor`.
    """
    if not {_MANIFEST, _PLACE.config.name} & set(names):
        return []
    here = [name for name in names if PurePosixPath(name).parent.name in {"", "onnx"}]
    graphs = [name for name in here if name.endswith(".onnx")]
    if engine is None or not graphs:
        return here
    int8 = [name for name in graphs if "quantized" in name or "int8" in name]
    if engine == "fastest":
        chosen = graphs
    else:
        chosen = int8 if int8 and engine in {"auto", "int8"} else sorted({*graphs} - {*int8})
    return [
        name
        for name in here
        if (name in chosen or name not in graphs) and PurePosixPath(name).suffix not in _TRAINING
    ]


def _inside(names: Collection[str]) -> str:
    """Where in a folder the predictor lies: that of a run has a folder of its own."""
    return _INSIDE if _MANIFEST not in names and _INSIDE + _MANIFEST in names else ""


def _lack(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return f"is no predictor: there is no manifest.json and no config.json, but {shown}"


def _is_there(path: Path, info: Mapping[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == info.get("size")


def _changed(folder: Path, names: Collection[str]) -> list[str]:
    """Files of a copy that are not those of its manifest: damaged here, or in the store."""
    if _MANIFEST not in names:
        return []
    known = read_manifest(folder).files
    return [name for name in names if name in known and digest(folder / name) != known[name]]


def _newest(home: Path) -> Path | None:
    copies = [one for one in home.glob("*/*") if (one / _MANIFEST).is_file()]
    return max(copies, key=lambda one: one.stat().st_mtime, default=None)


def _from_hub(url: str, engine: Engine | None) -> Path:
    org, _, rest = url.partition("://")[2].strip("/").partition("/")
    name, _, below = rest.partition("/")
    if org in {"datasets", "spaces"}:
        raise PredictorError(f"{url}: holds {org}, wanted a model, such as hf://org/name")
    base = f"{below}/" if below else ""

    def chosen(names: Collection[str]) -> list[str]:
        found = [one.removeprefix(base) for one in names if one.startswith(base)]
        inside = _inside(found)
        own = [one.removeprefix(inside) for one in found if one.startswith(inside)]
        return [base + inside + one for one in needed(own, engine)]

    def is_whole(place: Path) -> bool:
        here = _below(place, below)
        if not (here / _MANIFEST).is_file():
            return bool(needed([p.name for p in here.glob("*")])) and engine is not None
        wanted = needed([*read_manifest(here).files, _MANIFEST], engine)
        return all((here / one).is_file() for one in wanted)

    purpose = model_hub.Purpose(
        word="hf://", error=PredictorError, needed=chosen, is_whole=is_whole,
        check=lambda _place, _shown: None,
        lack=lambda shown, names: "" if chosen(names) else f"hf://{shown}: {_lack(names)}",
        instead="check the network and HF_ENDPOINT, or give a local folder", extra="hf",
    )  # fmt: skip
    try:
        return _below(model_hub.fetch(f"{org}/{name}", purpose), below)
    except InputError as error:
        raise type(error)(str(error).replace(f"hf://{org}/{name}", url.rstrip("/"))) from error


def _below(snapshot: Path, below: str) -> Path:
    """The folder of the predictor in a copy of a repository, or of a folder of it."""
    here = snapshot / below
    return here / _inside([n for n in (_MANIFEST, _INSIDE + _MANIFEST) if (here / n).is_file()])
