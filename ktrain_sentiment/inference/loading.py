"""A predictor folder → a classifier. Nothing in the folder is executed or unpickled.

Read are manifest.json, tokenizer.json or features.json, and one ONNX file: data formats that hold
no code. Each is read once, compared with the manifest's sha256, and used from memory, so what was
checked is what runs. This guards against damage and against files that were exchanged; a folder
whose manifest was rewritten with them is as trustworthy as whoever gave it to you, and still runs
no code.

Folders from elsewhere have no manifest. They are what optimum and the hub hand out, with an ONNX
file or with PyTorch-layout weights, from which the graph is then written in memory. Labels, length
limit and padding come from the files that transformers reads; the files are unverified, and a
warning says so.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from ktrain_sentiment.cleaning import check_steps
from ktrain_sentiment.errors import ConfigError, PredictorError, one_line
from ktrain_sentiment.inference.classifier import ClassifierParts, TextClassifier
from ktrain_sentiment.inference.fastest import fastest
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, read_checked, read_json, read_manifest
from ktrain_sentiment.predictor.tokenization import LONGEST, configured_padding_id
from ktrain_sentiment.reading_rules import Engine, LongTexts
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.runs import RUNS, RunFolder
from ktrain_sentiment.tasks import SCORE, SCORES, SEVERAL, Task, look_like_stars

logger = logging.getLogger(__name__)

_INT8 = ("onnx/model_quantized.onnx", "onnx/model_int8.onnx", "model_quantized.onnx")
_FP32 = ("onnx/model.onnx", "model.onnx")
_LARGEST = 2**31
_LARGEST_JSON = 2**27

_PROBE = ("good", "neither good nor bad \u2603")
"""Two lengths, so that one is padded, and a sign that no vocabulary of words holds."""


def load(
    folder: str | os.PathLike[str],
    engine: Engine = "auto",
    *,
    threads: int = 0,
    unchecked: bool = False,
    long_texts: LongTexts | None = None,
) -> TextClassifier:
    """Open a predictor for prediction; needs neither TensorFlow nor transformers.

    Two short texts go through it before it is handed out, so that a folder whose parts do not fit
    together is refused here and not in the midst of a file.

    Args:
        folder: A predictor folder, or the run that it lies in; or a folder from elsewhere with
            config.json, tokenizer.json and an ONNX file (which is then used unchecked, with a
            warning); or the URL of one (s3://, gs://, az://, hf://), fetched once into the cache.
        engine: auto, int8, fp32 or openvino; or fastest, whichever of them is on this machine. That
            is measured once for each predictor, in seconds, and remembered in the cache.
        threads: Cores to use; 0: all that this process may use.
        unchecked: Take a folder of this package that lost its manifest.json, too: its files are
            used unchecked, its texts are not cleaned, and its probabilities may be others.
        long_texts: What to read of texts longer than the model reads at once: head, tail, head+tail
            or windows; what the folder says when None, windows where it says nothing.

    Returns:
        A classifier; see `TextClassifier`.

    Raises:
        PredictorError: The folder is missing, incomplete, damaged or of a newer format, or its
            model does not give one probability a label.
        ConfigError: The engine or the rule for long texts is unknown, or the number of threads can
            be none.
        MissingExtraError: The engine is not installed.
    """
    if engine not in get_args(Engine):
        raise ConfigError(f"engine {engine!r}: wanted one of {', '.join(get_args(Engine))}")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 0:
        raise ConfigError(f"threads {threads!r}: wanted a number of cores, or 0 for all of them")
    if not isinstance(folder, str | os.PathLike):
        raise ConfigError(f"folder: wanted a path, got {folder!r}")
    place = PredictorFolder(find_predictor(Path(folder), engine=engine).absolute())
    try:
        if engine == "fastest":
            engine = fastest(place, threads, lambda name: load(place.path, name, threads=threads))
        parts = _read_parts(place, engine, unchecked=unchecked)
        reread = functools.partial(_reread, place, engine, _without_files(parts))
        classifier = TextClassifier.from_parts(parts, threads, reread)
        if long_texts is not None:
            classifier = classifier.reading(long_texts)
        inputs = classifier.inputs
        probe = [inputs.join(text, [text] * len(inputs.others)) or "" for text in _PROBE]
        classifier.probabilities(classifier.logits(classifier.encode(probe)))
    except PredictorError as error:
        said = str(error) if str(place.path) in str(error) else f"{place.path}: {error}"
        named = url_of(Path(folder)) or str(place.path)
        raise PredictorError(said.replace(str(place.path), named)) from error
    return classifier


def _without_files(parts: ClassifierParts) -> ClassifierParts:
    """All that decides the answers, of the files their stamp."""
    return dataclasses.replace(parts, graph=b"", vocabulary=b"")


def _reread(place: PredictorFolder, engine: Engine, opened: ClassifierParts) -> ClassifierParts:
    # Whoever has it open was asked for trust then.
    parts = _read_parts(place, engine, unchecked=True)
    if _without_files(parts) != opened:
        raise PredictorError(f"{place.path} was changed since it was opened: load it again")
    return parts


def _read_parts(place: PredictorFolder, engine: Engine, *, unchecked: bool) -> ClassifierParts:
    check_is_folder(place.path)
    if not place.manifest.is_file():
        if not unchecked and place.is_ours:
            raise PredictorError(
                f"{place.path} lost its manifest.json, without which its texts are not cleaned and "
                "its probabilities not tempered as in training: fetch the whole folder again, or "
                "take it as it is with unchecked=True (predict and evaluate have --unchecked)"
            )
        return _read_unverified(place, engine)
    manifest = read_manifest(place.path)
    check_steps(manifest.cleaning)
    _check_length(place, manifest)
    chosen, path = choose_engine(place, manifest, engine)
    vocabulary = place.features if manifest.is_ktrain_model else place.tokenizer
    if chosen == "int8" and not path.is_file() and place.onnx.is_file():
        raise PredictorError(
            f"{place.path}: {path.relative_to(place.path)} is missing; take the exact model with "
            "--engine fp32, or make the file again with ktrain-sentiment export"
        )
    names = (path.relative_to(place.path).as_posix(), vocabulary.name)
    graph, words = (read_checked(place, manifest.files, name) for name in names)
    return ClassifierParts(
        labels=manifest.labels,
        engine=chosen,
        graph=graph,
        vocabulary=words,
        counts_words=manifest.is_ktrain_model,
        maxlen=manifest.maxlen,
        padding_id=manifest.padding_id,
        temperature=manifest.temperature,
        cleaning=manifest.cleaning,
        task=manifest.answers,
        long_texts=manifest.reads,
        stamp=repr([manifest.files[name] for name in names]),
        inputs=manifest.inputs,
    )


def _check_length(place: PredictorFolder, manifest: Manifest) -> None:
    """Refuse texts longer than the model has positions for: one would stop a file in its middle."""
    from ktrain_sentiment.encoders.encoder_folder import most_tokens

    if manifest.is_ktrain_model or not place.config.is_file():
        return
    limit = most_tokens(read_json(place.config, _LARGEST_JSON))
    if limit is not None and manifest.maxlen > limit:
        raise PredictorError(
            f"{place.path}: maxlen is {manifest.maxlen:,} in manifest.json, and the model of "
            f"config.json has positions for {limit:,} tokens; write {limit} or less, or fetch the "
            "folder again"
        )


def choose_engine(place: PredictorFolder, manifest: Manifest, engine: Engine) -> tuple[str, Path]:
    """The engine and the file it runs.

    Raises:
        PredictorError: The engine's file is not there, with the reason where one is recorded.
    """
    files = {"int8": place.onnx_int8, "fp32": place.onnx, "openvino": place.onnx}
    if engine == "auto":
        engine = "int8" if "int8" in manifest.kept else "fp32"
    needed = "int8" if engine == "int8" else "fp32"
    if needed not in manifest.kept and not files[engine].is_file():
        reason = manifest.engines.get(needed, {}).get("reason") or "it was never exported"
        raise PredictorError(
            f"{place.path} has no {needed} engine: {reason}; choose another engine, or make it "
            "again with ktrain-sentiment export"
        )
    return engine, files[engine]


def _read_unverified(place: PredictorFolder, engine: Engine) -> ClassifierParts:
    """The parts of a folder that has no manifest.

    Raises:
        PredictorError: A needed file is missing or cannot be used; the message lists all missing.
    """
    config = read_json(place.config, _LARGEST_JSON) if place.config.is_file() else {}
    sources = (place.config, place.tokenizer, place.torch_weights)
    has_graph = any((place.path / name).is_file() for name in (*_INT8, *_FP32))
    if not has_graph and all(path.is_file() for path in sources):
        chosen, graph = _write_graph(place, engine, config)
    else:
        chosen, path = _find_graph(place, engine)
        graph = _read(path, _LARGEST)
    logger.warning("%s has no manifest.json: its files are used unchecked", place.path)
    labels, words = _labels(place, config), _read(place.tokenizer, _LARGEST_JSON)
    return ClassifierParts(
        labels=labels,
        task=_task_of(labels, config),
        engine=chosen,
        graph=graph,
        vocabulary=words,
        maxlen=_length_limit(place, config),
        padding_id=configured_padding_id(config),
        stamp=repr([hashlib.sha256(contents).hexdigest() for contents in (graph, words)]),
    )


def _write_graph(
    place: PredictorFolder, engine: Engine, config: Mapping[str, Any]
) -> tuple[str, bytes]:
    """The engine and the bytes of its graph, from the PyTorch weights."""
    logger.info("%s has no ONNX file: writing its graph from model.safetensors", place.path)
    # Imported here: writing a graph needs libraries that predicting does not.
    from ktrain_sentiment.export.onnx_graph import build_graph
    from ktrain_sentiment.export.onnx_writer import GraphWriter
    from ktrain_sentiment.export.quantization import DynamicInt8Writer
    from ktrain_sentiment.export.transformer_spec import describe
    from ktrain_sentiment.export.weights import read_safetensors

    weights = read_safetensors(place.torch_weights)
    # Without the model's own word on how much 8 bits may cost, auto means exact here.
    writer = DynamicInt8Writer() if engine == "int8" else GraphWriter()
    try:
        graph = build_graph(describe(weights, config), writer).SerializeToString()
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise PredictorError(
            f"{place.path}: config.json does not fit model.safetensors: {one_line(error)}"
        ) from error
    return "fp32" if engine == "auto" else engine, graph


def _find_graph(place: PredictorFolder, engine: Engine) -> tuple[str, Path]:
    """The engine and its ONNX file; complains about everything that is missing at once."""
    wanted = {"int8": _INT8, "fp32": _FP32, "openvino": _FP32, "auto": (*_INT8, *_FP32)}[engine]
    found = next((name for name in wanted if (place.path / name).is_file()), None)
    present = {
        "config.json": place.config.is_file(),
        "tokenizer.json": place.tokenizer.is_file(),
        " or ".join(wanted): found is not None,
    }
    missing = [name for name, there in present.items() if not there]
    if found is None or missing:
        if meant := did_you_mean(place.path):
            raise PredictorError(f"{place.path} is no predictor{meant}")
        if RunFolder(place.path).config.is_file():
            raise PredictorError(
                f"{place.path} is a run without a predictor: its training was stopped; go on with "
                f"ktrain-sentiment train --config {RunFolder(place.path).config} --resume"
            )
        raise PredictorError(
            f"{place.path} is no predictor: it has no manifest.json, and also lacks "
            f"{', '.join(missing)}; make a predictor of a ktrain or Keras model with "
            "ktrain-sentiment export"
        )
    if engine == "auto":
        engine = "int8" if found in _INT8 else "fp32"
    return engine, place.path / found


def answers_of(folder: Path) -> tuple[Task, tuple[str, ...]] | None:
    """What the labels of a predictor folder are, and their names, before it is opened.

    Returns:
        As its manifest says, or config.json in a folder from elsewhere; None where neither is.

    Raises:
        PredictorError: The file is damaged, or names no labels.
    """
    place = PredictorFolder(folder)
    if place.manifest.is_file():
        manifest = read_manifest(folder)
        return manifest.answers, manifest.labels
    if not place.config.is_file():
        return None
    config = read_json(place.config, _LARGEST_JSON)
    labels = _labels(place, config)
    return _task_of(labels, config), labels


def _task_of(labels: tuple[str, ...], config: Mapping[str, Any]) -> Task:
    """What the labels of a folder from elsewhere are, as far as they and config.json tell."""
    if len(labels) == 1:
        return SCORES
    if config.get("problem_type") == "multi_label_classification":
        return SEVERAL
    return Task.of("stars" if look_like_stars(labels) else "classes", labels)


def _labels(place: PredictorFolder, config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("id2label")
    if isinstance(names, dict) and len(names) == 1 and config.get("problem_type") == "regression":
        return (SCORE,)
    if not isinstance(names, dict) or len(set(map(str, names.values()))) != max(len(names), 2):
        raise PredictorError(
            f"{place.config} has no id2label with at least two labels, all different"
        )
    try:
        return tuple(str(names[str(index)]) for index in range(len(names)))
    except KeyError as error:
        raise PredictorError(f"{place.config}: id2label lacks the label {error}") from error


def _length_limit(place: PredictorFolder, config: Mapping[str, Any]) -> int:
    from ktrain_sentiment.encoders.encoder_folder import most_tokens

    path = place.tokenizer_config
    own = read_json(path, _LARGEST_JSON) if path.is_file() else {}
    # transformers writes a huge model_max_length for "no limit".
    limits = (own.get("model_max_length"), most_tokens(config))
    known = [limit for limit in limits if type(limit) is int and limit < LONGEST]
    return min(known, default=512)


def _read(path: Path, largest: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > largest:
            raise PredictorError(f"{path} has {size:,} bytes, wanted at most {largest:,}")
        return path.read_bytes()
    except OSError as error:
        raise PredictorError(f"{path} cannot be read: {error.strerror}") from error


def find_predictor(given: Path | None, runs: Path = RUNS, *, engine: Engine | None = None) -> Path:
    """The folder to load.

    Args:
        given: A predictor folder or a run folder, or the URL of one, which is fetched into the
            cache; None: the newest run's.
        runs: Where the runs are.
        engine: Of what is at a URL, fetch what this engine needs alone; everything when None.

    Raises:
        PredictorError: None is given, and there is no run with a predictor; or a URL has none.
    """
    if url := url_of(given):
        from ktrain_sentiment.inference.fetching import fetch_predictor

        return fetch_predictor(url, engine)
    if given is not None:
        inside = PredictorFolder(RunFolder(given).predictor)
        return inside.path if inside.manifest.is_file() or inside.is_ours else given
    manifests = list(runs.glob("*/predictor/manifest.json"))
    if not manifests:
        raise PredictorError(
            f"there is no predictor in {runs}/: train one with ktrain-sentiment train, or name a "
            "folder with --predictor"
        )
    return max(manifests, key=lambda path: path.stat().st_mtime).parent


def check_is_folder(given: Path) -> None:
    """Refuse a path where no folder is, with the predictor that was perhaps meant.

    Raises:
        PredictorError: A file or nothing is there.
    """
    if not given.is_dir():
        what = "is a file" if given.is_file() else "no such folder"
        raise PredictorError(f"{given}: {what}; wanted a predictor folder{did_you_mean(given)}")


def did_you_mean(given: Path) -> str:
    """The end of a message that names predictors in, around or beside a wrong path; or nothing."""
    near = [*given.glob("predictor"), *given.glob("*/predictor"), *given.glob("*")]
    near += [given.parent, given.parent.parent]
    if not given.is_dir() and given.parent.is_dir():
        beside = {path.name: path for path in given.parent.iterdir() if path.is_dir()}
        alike = [beside[name] for name in difflib.get_close_matches(given.name, beside)]
        near = [*alike, *(RunFolder(path).predictor for path in alike), *near]
    found = [str(path) for path in near if PredictorFolder(path).manifest.is_file()]
    return f"; did you mean {' or '.join(found[:3])}?" if found else ""
