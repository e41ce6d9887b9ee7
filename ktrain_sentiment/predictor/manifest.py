"""What a predictor folder says about itself (manifest.json), and sha256 of its other files.

Read strictly, written atomically; files are measured when saved and checked when used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from ktrain_sentiment.atomic import sha256_of, write_text
from ktrain_sentiment.errors import InputError, PredictorError, one_line
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.tasks import CLASSES, SCORES, SEVERAL, TASKS, Task

_EXPORT = "make it again with ktrain-sentiment export, or fetch the folder again"


@dataclass(frozen=True)
class FileDigest:
    """What a file must be.

    Attributes:
        sha256: Its sha256, 64 lower-case hex digits.
        size: Its length in bytes.
    """

    sha256: str
    size: int


def digest(path: Path) -> FileDigest:
    """Measure a file."""
    return FileDigest(sha256_of(path), path.stat().st_size)


def digest_files(folder: PredictorFolder) -> dict[str, FileDigest]:
    """The digest of each file in the folder but the manifest, by relative path."""
    return {name: digest(folder.path / name) for name in folder.files()}


def read_checked(folder: PredictorFolder, expected: Mapping[str, FileDigest], name: str) -> bytes:
    """Read a file whole and compare what was read with the manifest's digest.

    What is returned is what was checked: nobody can exchange the file in between.

    Args:
        folder: The predictor folder.
        expected: The manifest's digests, by relative path.
        name: The file's relative path.

    Raises:
        PredictorError: The file is missing, changed, or not in the manifest; the message names it.
    """
    path = _path_of(folder, expected, name)
    try:
        contents = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or one_line(error)).lower()
        raise PredictorError(f"{folder.path}: {name} cannot be read: {reason}") from error
    if hashlib.sha256(contents).hexdigest() != expected[name].sha256:
        raise PredictorError(_changed(folder, name, "its sha256 is not the one"))
    return contents


def check_files(
    folder: PredictorFolder, expected: Mapping[str, FileDigest], names: Iterable[str]
) -> None:
    """Compare files with the manifest's digests without keeping them.

    Args:
        folder: The predictor folder.
        expected: The manifest's digests, by relative path.
        names: The relative paths to check.

    Raises:
        PredictorError: A file is missing, changed, or not in the manifest; the message names it.
    """
    for name in names:
        if sha256_of(_path_of(folder, expected, name)) != expected[name].sha256:
            raise PredictorError(_changed(folder, name, "its sha256 is not the one"))


def _path_of(folder: PredictorFolder, expected: Mapping[str, FileDigest], name: str) -> Path:
    """A file that is there, is named in the manifest, and has the size that it has there."""
    path = folder.path / name
    if not path.is_file():
        raise PredictorError(f"{folder.path}: {name} is missing; {_EXPORT}")
    if name not in expected:
        raise PredictorError(
            f"{folder.path}: {name} is not in manifest.json, so it was added later and is not "
            f"trusted; {_EXPORT}"
        )
    size, saved = path.stat().st_size, expected[name].size
    if size != saved:
        raise PredictorError(_changed(folder, name, f"{size:,} bytes, not the {saved:,}"))
    return path


def _changed(folder: PredictorFolder, name: str, what: str) -> str:
    return (
        f"{folder.path}: {name} is not the file that was saved ({what} in manifest.json); {_EXPORT}"
    )


FORMAT = "ktrain-sentiment predictor"
FORMAT_VERSION = 2
_LARGEST = 16 * 1024 * 1024
"""Bytes; with figures for a hundred labels a manifest has some hundred thousand."""
_COLDEST = 1e-6
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a predictor folder says about itself.

    Attributes:
        labels: The labels, in the order of the model's outputs.
        maxlen: Most tokens read at once, special tokens included. For ktrain's
            own classifiers the most words and n-grams, of which the last are kept.
        padding_id: The token id that fills short rows of a batch.
        encoder: The encoder that was fine-tuned, as the user named it; ktrain's name of its
            own classifiers.
        family: The architecture, as config.json's `model_type` (bert, distilbert, ...), or ktrain's
            name of its own classifiers (nbsvm, ...).
        temperature: The logits are still to be divided by it before the softmax (Guo et al. 2017,
            "On Calibration of Modern Neural Networks"); 1 changes nothing.
        folded_temperature: What the weights of the last layer were divided by when the folder was
            made, in every file of it: nothing is left to do, and every tool that loads the folder
            gives the same probabilities. Folders of earlier releases have `temperature` instead.
        long_texts: What is read of texts longer than `maxlen`: head, tail, head+tail or windows
            (`predictor/long_texts.py`). Folders of earlier releases do not say it; windows serve
            them. ktrain's own classifiers always read the tail.
        cleaning: Names of the cleaning steps that training applied to texts, in order.
        table: How the training data was read (`text_column`, `label_column`, `also` where further
            columns are read, `columns`, and where known the fields of `tables.ReadAs`): tables to
            predict are read like it.
        data_fingerprint: sha256 of the training data, as `Splits.fingerprint` has it.
        metrics: The figures of the training run, by name.
        versions: The versions of Python and the libraries that made the folder.
        created: When, ISO 8601 with time zone.
        task: What the labels are: `classes`, `stars`, which have an order, or `score`, a number.
        half_width: How far the interval around a score reaches to either side; None where that is
            not known, or there is no score.
        stars: The star that each label stands for, in the order of `labels`; empty for classes.
        engines: For each exported engine (fp32, int8) how it compares with the Keras model,
            and whether it was kept: `EngineReport` as a dictionary.
        files: The digest of each file, by relative POSIX path.
        format_version: Version of this format.
    """

    labels: tuple[str, ...]
    maxlen: int
    encoder: str
    family: str
    padding_id: int = 0
    temperature: float = 1.0
    folded_temperature: float = 1.0
    long_texts: LongTexts = "windows"
    cleaning: tuple[str, ...] = ()
    table: Mapping[str, Any] = field(default_factory=dict)
    data_fingerprint: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    task: str = "classes"
    stars: tuple[float, ...] = ()
    half_width: float | None = None
    thresholds: tuple[float, ...] = ()
    engines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, FileDigest] = field(default_factory=dict)
    format_version: int = 1

    def __post_init__(self) -> None:
        """Refuse facts that no predictor can have."""
        if len(self.labels) < 2 and self.task != "score":
            raise PredictorError(f"labels {list(self.labels)}: wanted two or more, all different")
        if len(set(self.labels)) != len(self.labels):
            raise PredictorError(f"labels {list(self.labels)}: wanted two or more, all different")
        if not all(label.strip() for label in self.labels):
            # What could not be predicted has an empty label.
            raise PredictorError(f"labels {list(self.labels)}: one is empty; give it a name")
        if self.maxlen < 1:
            raise PredictorError(f"maxlen {self.maxlen}: wanted at least 1 token")
        # Beyond these 32-bit logits overflow, or all labels get the same probability.
        for name in ("temperature", "folded_temperature"):
            given = getattr(self, name)
            if not _COLDEST <= given <= 1 / _COLDEST:
                raise PredictorError(
                    f"{name} {given!s:.20}: wanted a number above 0, from {_COLDEST:g} to "
                    f"{1 / _COLDEST:g}"
                )
        self._check_task()
        for engine, report in self.engines.items():
            if type(kept := report.get("kept", False)) is not bool:
                raise PredictorError(f"engine {engine}: kept is {kept!r:.40}, wanted true or false")
        if self.long_texts not in get_args(LongTexts):
            wanted = ", ".join(get_args(LongTexts))
            raise PredictorError(f"long_texts {self.long_texts!r:.20}: wanted one of {wanted}")
        self._check_names()

    @property
    def inputs(self) -> Inputs:
        """What of a row the model reads."""
        try:
            return Inputs.of(self.table)
        except InputError as error:
            raise PredictorError(f"table: {error}") from error

    def _check_names(self) -> None:
        if self.inputs:
            # Releases that know texts alone would read these as if the other columns were empty.
            object.__setattr__(self, "format_version", FORMAT_VERSION)
        for name in self.files:
            path = PurePosixPath(name)
            if not name or "\\" in name or path.is_absolute() or ".." in path.parts:
                raise PredictorError(f"file name {name!r} leaves the predictor folder")

    def _check_task(self) -> None:
        if self.task not in TASKS or len(self.stars) != len(self.labels) * (self.task == "stars"):
            raise PredictorError(
                f"task {self.task!r:.40} with {len(self.stars)} stars: wanted classes, score, "
                f"multi, or stars and one for each of {len(self.labels)} labels"
            )
        if self.task == "score" and len(self.labels) != 1:
            raise PredictorError(f"task score with {len(self.labels)} labels: wanted one")
        cuts = self.thresholds
        wrong = [cut for cut in cuts if not 0 <= cut <= 1]
        if cuts and (self.task != "multi" or len(cuts) != len(self.labels) or wrong):
            raise PredictorError(
                f"thresholds {list(cuts)!s:.60}: wanted one for each of {len(self.labels)} labels "
                "of task multi, from 0 to 1"
            )
        if self.half_width is not None and not 0 <= self.half_width < float("inf"):
            raise PredictorError(f"half_width {self.half_width!s:.20}: wanted a number from 0")

    @property
    def answers(self) -> Task:
        """What the model answers with."""
        if self.task == "score":
            return SCORES.within(self.half_width)
        if self.task == "multi":
            return SEVERAL.cut_at(self.thresholds)
        return Task("stars", self.stars) if self.task == "stars" else CLASSES

    @property
    def kept(self) -> tuple[str, ...]:
        """The engines that agreed with the trained model at export."""
        return tuple(name for name, report in self.engines.items() if report.get("kept"))

    @property
    def reads(self) -> LongTexts:
        """What is read of long texts."""
        return "tail" if self.is_ktrain_model else self.long_texts

    @property
    def is_ktrain_model(self) -> bool:
        """Whether it is one of ktrain's own classifiers, which read words and n-grams."""
        return PredictorFolder(Path()).features.name in self.files


def kept_graphs(place: PredictorFolder, manifest: Manifest) -> dict[str, Path]:
    """The ONNX files of a folder's kept engines, int8 and fp32, as far as they are there."""
    paths = {"int8": place.onnx_int8, "fp32": place.onnx}
    return {name: path for name, path in paths.items() if name in manifest.kept and path.is_file()}


def read_manifest(folder: Path) -> Manifest:
    """Read manifest.json; nothing else in the folder is touched.

    Raises:
        PredictorError: The folder or the manifest is missing, damaged, or of a newer format.
    """
    place = PredictorFolder(folder)
    if not folder.is_dir():
        raise PredictorError(f"{folder}: no such folder; wanted a predictor folder")
    if not place.manifest.is_file() and place.is_ours:
        raise PredictorError(f"{folder} lost its manifest.json: fetch the whole folder again")
    if not place.manifest.is_file():
        raise PredictorError(
            f"{folder} has no manifest.json, so it is not a predictor of this package; "
            "turn a ktrain predictor into one with ktrain-sentiment export"
        )
    value = read_json(place.manifest)
    try:
        return from_json(value)
    except PredictorError as error:
        raise PredictorError(f"{place.manifest}: {error}") from error


def read_json(path: Path, largest: int = _LARGEST) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: The file.
        largest: Bytes that are read at most.

    Raises:
        PredictorError: It is larger, cannot be read, or holds something else.
    """
    try:
        size = path.stat().st_size
        if size > largest:
            raise PredictorError(f"{path} has {size:,} bytes, wanted at most {largest:,}")
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or one_line(error)).lower()
        raise PredictorError(f"{path} cannot be read: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise PredictorError(
            f"{path} cannot be read as JSON: {one_line(error)}; copy it again"
        ) from error
    if not isinstance(value, dict):
        raise PredictorError(f"{path}: wanted a JSON object, got {type(value).__name__}")
    return value


def from_json(value: Mapping[str, Any]) -> Manifest:
    """Build a manifest from its JSON object; fields of later releases are ignored.

    Raises:
        PredictorError: The object is not a manifest, is of a newer format, or lacks a field.
    """
    version = value.get("format_version")
    if value.get("format") != FORMAT or not isinstance(version, int):
        raise PredictorError(f"is not the manifest of a {FORMAT} (field format)")
    if version > FORMAT_VERSION:
        raise PredictorError(
            f"was written by a newer release (format {version}; this one reads up to "
            f"{FORMAT_VERSION}): run  pip install -U ktrain-sentiment"
        )
    known = {f.name: value[f.name] for f in dataclasses.fields(Manifest) if f.name in value}
    for name, (kind, wanted) in _FIELDS.items():
        got = known.get(name)
        if name not in known and name not in _REQUIRED:
            continue
        if not isinstance(got, kind) or isinstance(got, bool):
            raise PredictorError(f"field {name} is {got!r:.40}, wanted {wanted}")
    for name, (entry_kind, wanted) in _ENTRIES.items():
        entries = known.get(name, ())
        inside = entries.values() if isinstance(entries, dict) else entries
        if not all(isinstance(entry, entry_kind) for entry in inside):
            raise PredictorError(f"field {name} holds something else than {wanted}")
    digests = {}
    for name, entry in known["files"].items():
        match entry:
            case {"sha256": str(sha256), "size": int(size)} if _SHA256.fullmatch(sha256):
                digests[name] = FileDigest(sha256, size)
            case _:
                raise PredictorError(f"file {name!r}: wanted a sha256 (64 hex digits) and a size")
    known |= {
        "labels": tuple(known["labels"]),
        "cleaning": tuple(known.get("cleaning", ())),
        **{name: _floats(name, known.get(name, ())) for name in ("stars", "thresholds")},
        "half_width": next(iter(_floats("half_width", [known.get("half_width")])), None),
        "files": digests,
    }
    return Manifest(**known)


def _floats(name: str, numbers: Iterable[float | None]) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in numbers if number is not None)
    except OverflowError as error:  # JSON's whole numbers have no end.
        raise PredictorError(f"a number of {name} is too large") from error


_FIELDS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "labels": (list, "a list"),
    "maxlen": (int, "a whole number"),
    "encoder": (str, "a text"),
    "family": (str, "a text"),
    "padding_id": (int, "a whole number"),
    "temperature": ((int, float), "a number"),
    "folded_temperature": ((int, float), "a number"),
    "long_texts": (str, "a text"),
    "cleaning": (list, "a list"),
    "task": (str, "a text"),
    "stars": (list, "a list"),
    "thresholds": (list, "a list"),
    "half_width": ((int, float, type(None)), "a number"),
    "data_fingerprint": (str, "a text"),
    "metrics": (dict, "an object"),
    "table": (dict, "an object"),
    "versions": (dict, "an object"),
    "created": (str, "a text"),
    "engines": (dict, "an object"),
    "files": (dict, "an object"),
}
_ENTRIES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "labels": (str, "texts"),
    "cleaning": (str, "texts"),
    "stars": ((int, float), "numbers"),
    "thresholds": ((int, float), "numbers"),
    "versions": (str, "texts"),
    "engines": (dict, "objects"),
}
_REQUIRED = {"labels", "maxlen", "encoder", "family", "files"}


def trained_table(folder: Path) -> Mapping[str, Any]:
    """How the training data of a predictor was read, and as which `task`; empty if not known."""
    if not PredictorFolder(folder).manifest.is_file():
        return {}
    manifest = read_manifest(folder)
    return {**manifest.table, "task": manifest.task}


def to_json(manifest: Manifest) -> dict[str, Any]:
    """The JSON object of a manifest."""
    return {"format": FORMAT, **dataclasses.asdict(manifest)}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, replacing the one there is.

    Raises:
        PredictorError: The metrics hold something that JSON cannot (NaN included).
    """
    try:
        text = json.dumps(to_json(manifest), indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PredictorError(f"manifest of {folder} cannot be written as JSON: {error}") from error
    write_text(PredictorFolder(folder).manifest, text + "\n")


def update_predictor(folder: Path, *, card: str | None = None, **changes: Any) -> Manifest:  # noqa: ANN401
    """Change facts of a saved predictor, or write its model card, and keep its manifest true.

        update_predictor(folder, metrics={"accuracy": 0.91})
        update_predictor(folder, card=text)

    Args:
        folder: A predictor folder.
        card: New contents of README.md.
        **changes: Fields of `Manifest` and their new values.

    Returns:
        The manifest as it now stands.

    Raises:
        PredictorError: The folder is no predictor of ours, or a value is refused.
    """
    place = PredictorFolder(folder)
    manifest = dataclasses.replace(read_manifest(folder), **changes)
    if card is not None:
        write_text(place.card, card)
        files = {**manifest.files, place.card.name: digest(place.card)}
        manifest = dataclasses.replace(manifest, files=files)
    write_manifest(folder, manifest)
    return manifest
