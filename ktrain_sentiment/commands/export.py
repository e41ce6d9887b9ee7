"""Export a predictor again, check its files, or turn a plain ktrain predictor into one of ours.

    ktrain-sentiment export runs/reviews/predictor --overwrite
    ktrain-sentiment export runs/reviews/predictor --check
    ktrain-sentiment export runs/reviews --onnx-only --output to-the-server
    ktrain-sentiment export old_predictor --output new_predictor --texts reviews.csv --trust-pickle

Writes model.safetensors (PyTorch layout), onnx/model.onnx and onnx/model_quantized.onnx. Each
engine is compared with the Keras model on real texts, and kept only if it agrees. With --onnx-only
nothing is made again: what prediction and serving need is copied, without TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.errors import ConfigError, PredictorError
from ktrain_sentiment.remote import url_of

if TYPE_CHECKING:
    from ktrain_sentiment.export.saving import SavedPredictor

COMMON = ("check", "onnx_only", "output", "overwrite")
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """Which predictor to export, and where to."""

    predictor: Positional[Path] = Path()
    """A predictor folder of this package, or of plain ktrain; or a run folder."""

    output: Path | None = None
    """Where the result goes; the folder itself when left out, which needs --overwrite. With
    --onnx-only also a URL such as s3://bucket/predictor."""

    overwrite: bool = False
    """Replace a predictor that stands there."""

    texts: Path | None = None
    """A file with real texts to compare engines on; the run's validation rows when left out."""

    text_column: str | None = None
    """Column of --texts that holds the texts; found by itself when there is one sensible choice."""

    check: bool = False
    """Only compare every file with its sha256 in the manifest; README.md may have been edited."""

    onnx_only: bool = False
    """Copy to --output what prediction and serving need, and nothing of training: no weights of
    TensorFlow or PyTorch, no pickle."""

    engine: Literal["auto", "int8", "fp32", "all"] = "auto"
    """Graphs of an --onnx-only folder; auto: the one that answers by default."""

    trust_pickle: bool = False
    """Unpickle a plain ktrain predictor, which runs the code of whoever made it."""

    def __post_init__(self) -> None:
        """Refuse a missing folder, and flags that contradict each other."""
        if self.predictor == Path():
            raise ConfigError("which predictor? name a folder: ktrain-sentiment export FOLDER")
        if self.onnx_only and (self.output is None or self.check):
            raise ConfigError("--onnx-only: wanted --output FOLDER with it, and no --check")
        if self.engine != "auto" and not self.onnx_only:
            raise ConfigError("--engine: only for --onnx-only; without it all engines are made")


def task(flags: Flags) -> dict[str, Any]:
    """Check or export, show what was kept, and return the figures."""
    from ktrain_sentiment.inference.loading import check_is_folder, did_you_mean, find_predictor
    from ktrain_sentiment.predictor.layout import PredictorFolder

    source = flags.predictor
    flags = replace(flags, predictor=find_predictor(source))
    check_is_folder(flags.predictor)
    place = PredictorFolder(flags.predictor)
    if not place.manifest.is_file() and not place.ktrain_preproc.is_file():
        raise PredictorError(
            f"{place.path} is no predictor: it has neither manifest.json nor ktrain's "
            f"tf_model.preproc{did_you_mean(place.path)}"
        )
    if flags.check:
        return _check(flags.predictor)
    if flags.onnx_only:
        return _bundle(flags)
    if url := url_of(flags.output or source):
        raise ConfigError(
            f"{url}: engines are made on this machine: leave out --output or name a folder, and "
            f"send that with  ktrain-sentiment export FOLDER --onnx-only --output {url}"
        )
    saved = _export(flags)
    _show(saved)
    return {
        "predictor": saved.folder.path,
        "engines": {report.engine: report.to_json() for report in saved.engines},
    }


def _check(folder: Path) -> dict[str, Any]:
    from ktrain_sentiment.export.saving import check_folder
    from ktrain_sentiment.predictor.layout import PredictorFolder
    from ktrain_sentiment.predictor.manifest import digest

    manifest, card = check_folder(folder), PredictorFolder(folder).card
    files = len(manifest.files)
    saved = manifest.files.get(card.name)
    edited = saved is not None and (not card.is_file() or digest(card) != saved)
    if edited:
        print(
            f"{folder}: {card.name} was edited or removed; the other {files - 1} files are as saved"
        )
    else:
        print(f"{folder}: all {files} files are as they were saved")
    return {"predictor": folder, "files": files, "card_edited": edited}


def _bundle(flags: Flags) -> dict[str, Any]:
    from ktrain_sentiment.inference.bundling import write_bundle

    assert flags.output is not None
    made = write_bundle(flags.predictor, flags.output, flags.engine, overwrite=flags.overwrite)
    place = url_of(made.path) or made.path
    print(f"predictor: {place} ({made.size / 1e6:,.1f} of {made.whole / 1e6:,.1f} MB)")
    return {"predictor": made.path, "files": made.files, "bytes": made.size}


def _export(flags: Flags) -> SavedPredictor:
    from ktrain_sentiment.atomic import refuse_existing
    from ktrain_sentiment.predictor.layout import PredictorFolder

    output = flags.output or flags.predictor
    is_own = PredictorFolder(flags.predictor).manifest.is_file()
    if not is_own:
        _ask_for_trust(flags)
    refuse_existing(output, overwrite=flags.overwrite, marker="manifest.json")

    from ktrain_sentiment.workflow import exporting

    if is_own:
        return exporting.export_own(
            flags.predictor, output, flags.texts, flags.text_column, overwrite=flags.overwrite
        )
    assert flags.texts is not None
    return exporting.convert_ktrain(
        flags.predictor, output, flags.texts, flags.text_column, overwrite=flags.overwrite
    )


def _ask_for_trust(flags: Flags) -> None:
    """What turning a plain ktrain predictor into ours needs.

    Raises:
        ConfigError: A flag is missing.
    """
    folder = flags.predictor
    if not flags.trust_pickle:
        raise ConfigError(
            f"{folder} is a plain ktrain predictor, whose labels and settings are in a pickle "
            "(tf_model.preproc); reading it runs whatever code its maker put there: add "
            "--trust-pickle if you made it or trust who did"
        )
    if flags.output is None or flags.texts is None:
        raise ConfigError(
            "turning a plain ktrain predictor into one of ours needs --output FOLDER and --texts "
            "FILE, a few hundred real texts to compare the engines on"
        )


def _show(saved: SavedPredictor) -> None:
    for report in saved.engines:
        if not report.kept:
            print(f"{report.engine}: not kept: {report.reason}")
        elif report.parity is not None:
            print(f"{report.engine}: kept; {report.parity.differs_from(report.compared_with)}")
    print(f"predictor: {saved.folder.path}")
