"""What prediction and serving need of a predictor folder, as a folder of its own.

Weights of TensorFlow and PyTorch and ktrain's pickle stay behind: they are for training on, are
most of the bytes, and a server that lacks them cannot be made to open them.
"""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ktrain_sentiment.atomic import staged_folder
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.inference.loading import choose_engine
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import (
    Manifest,
    check_files,
    kept_graphs,
    read_manifest,
    write_manifest,
)
from ktrain_sentiment.remote import url_of

Engines = Literal["auto", "int8", "fp32", "all"]
"""Which graphs a bundle holds; auto: the one that answers by default."""

_LEFT_OUT = "it was left out of this folder, which holds what serving needs (--onnx-only)"


@dataclass(frozen=True)
class Bundle:
    """A folder that was made.

    Attributes:
        path: The folder.
        files: Its files but the manifest, as sorted relative POSIX paths.
        size: Bytes of all of them.
        whole: Bytes of the predictor that it was made from.
    """

    path: Path
    files: tuple[str, ...]
    size: int
    whole: int


def write_bundle(
    folder: Path, output: Path, engines: Engines = "auto", *, overwrite: bool = False
) -> Bundle:
    """Copy what `load` reads, and the two files more that transformers.js does.

    The copy answers as its source does, by the same bytes, and its manifest says what was left out.

    Args:
        folder: A predictor folder of this package.
        output: Where the copy will stand; or a URL, to which it is sent, manifest.json last.
        engines: Which graphs it holds.
        overwrite: Replace a predictor that stands in `output`.

    Raises:
        PredictorError: The folder is no predictor, is damaged, or has no such engine.
        ConfigError: The output is the folder itself.
        InputError: The output exists and may not be replaced.
    """
    manifest, source = read_manifest(folder), PredictorFolder(folder)
    if not url_of(output) and output.resolve() == folder.resolve():
        raise ConfigError(f"--output {output} is the predictor itself: choose another folder")
    chosen = _graphs(source, manifest, engines)
    text_files = (source.config, source.tokenizer, source.tokenizer_config, source.features)
    named = [path.relative_to(folder).as_posix() for path in (*text_files, *chosen.values())]
    names = tuple(sorted(name for name in named if name in manifest.files))
    with staged_folder(output, overwrite, marker="manifest.json") as staged:
        place = PredictorFolder(staged)
        for name in names:
            (staged / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(folder / name, staged / name)
        # After copying: what was checked is what is there.
        check_files(place, manifest.files, names)
        reports = {
            name: dict(report) if name in chosen else {**report, "kept": False, "reason": _LEFT_OUT}
            for name, report in manifest.engines.items()
        }
        files = {name: manifest.files[name] for name in names}
        write_manifest(staged, dataclasses.replace(manifest, engines=reports, files=files))
        size = _size(place)
    return Bundle(output, names, size, _size(source))


def _graphs(source: PredictorFolder, manifest: Manifest, engines: Engines) -> dict[str, Path]:
    if engines != "all":
        return dict([choose_engine(source, manifest, engines)])
    return kept_graphs(source, manifest)


def _size(place: PredictorFolder) -> int:
    return sum((place.path / name).stat().st_size for name in (*place.files(), place.manifest.name))
