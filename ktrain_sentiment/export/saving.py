"""From a trained Keras model to a predictor folder, atomically; and the engines of one made again.

    save_predictor(model, preproc, Path("runs/reviews/predictor"), facts, validation)

Neither TensorFlow nor ktrain is imported: the Keras model is asked for its named arrays, for its
configuration, and for the probabilities of some validation texts; the preprocessor is
pickled. Everything else works on arrays.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import logging
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import staged_folder
from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.export.engines import (
    EngineReport,
    Reference,
    TraceOnnx,
    warn_of_refused,
    write_engines,
)
from ktrain_sentiment.export.keras_files import (
    KerasModel,
    divide_logits,
    keras_probabilities,
    named_arrays,
    portable_name,
    save_for_ktrain,
)
from ktrain_sentiment.export.parity import INT8_LIMITS, Limits
from ktrain_sentiment.export.weights import read_safetensors, to_torch_names, write_safetensors
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.long_texts import one_row
from ktrain_sentiment.predictor.manifest import (
    Manifest,
    check_files,
    digest_files,
    read_json,
    read_manifest,
    write_manifest,
)
from ktrain_sentiment.predictor.tokenization import Encoder, TextEncoder
from ktrain_sentiment.reading_rules import LongTexts
from ktrain_sentiment.tasks import CLASSES, SCORE, Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is chosen on rows that were not trained on, once the saved predictor can be asked.

    Attributes:
        temperature: By this logits should be divided.
        half_width: How far the intervals of scores reach to either side; None: not known.
        thresholds: From which probability on a text has each of several labels.
    """

    temperature: float = 1.0
    half_width: float | None = None
    thresholds: tuple[float, ...] = ()


Calibrate = Callable[[Path], Chosen]
"""Asks a whole predictor folder about rows that were not trained on."""

_RECORDED = (
    "ktrain-sentiment",
    "ktrain",
    "tensorflow",
    "tf_keras",
    "transformers",
    "tokenizers",
    "onnx",
    "onnxruntime",
    "numpy",
)
_MOST_TEXTS = 1000
"""Enough to see one changed label in a thousand; more only cost time."""


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """What training knows and the manifest records.

    Attributes:
        encoder: The encoder as the user named it (hub name, alias, folder).
        data_fingerprint: `Splits.fingerprint`.
        metrics: Figures by name; anything that JSON can hold.
        cleaning: Names of the cleaning steps that were applied to the training texts.
        table: How the training data was read; see `Manifest`.
        task: What the labels are.
        long_texts: What is read of texts that are longer than the model reads at once.
    """

    encoder: str
    data_fingerprint: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    cleaning: tuple[str, ...] = ()
    table: Mapping[str, Any] = field(default_factory=dict)
    task: Task = CLASSES
    long_texts: LongTexts = "windows"


@dataclass(frozen=True, kw_only=True)
class ValidationTexts:
    """Real texts on which each exported engine is compared with the trained model.

    Attributes:
        texts: Validation texts, cleaned or not; a thousand are used.
        targets: Their true class indices, or scores, or which labels each has, or None.
    """

    texts: Sequence[str]
    targets: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        """Refuse an empty set and targets of another length."""
        if not self.texts:
            raise PredictorError("no validation texts: wanted at least one to compare engines on")
        if self.targets is not None and len(self.targets) != len(self.texts):
            raise PredictorError(
                f"{len(self.texts)} validation texts but {len(self.targets)} targets"
            )

    def some(self, most: int, cleaning: tuple[str, ...]) -> tuple[list[str], NDArray[Any] | None]:
        """At most so many cleaned texts, spread over all of them, and their targets."""
        # Shuffled, because files are often sorted by label.
        spread = np.linspace(0, len(self.texts) - 1, min(len(self.texts), most)).astype(np.int64)
        chosen = np.random.default_rng(0).permutation(spread)
        targets = None if self.targets is None else np.asarray(self.targets)[chosen]
        return apply_cleaning([self.texts[i] for i in chosen], cleaning), targets


@dataclass(frozen=True)
class SavedPredictor:
    """A predictor that was saved.

    Attributes:
        folder: Where it stands.
        manifest: Its manifest.
        engines: What became of each exported engine.
    """

    folder: PredictorFolder
    manifest: Manifest
    engines: tuple[EngineReport, ...]


def save_predictor(
    model: KerasModel,
    preproc: Any,  # noqa: ANN401
    folder: Path,
    facts: TrainingFacts,
    validation: ValidationTexts,
    *,
    calibrate: Calibrate | None = None,
    limits: Limits = INT8_LIMITS,
    trace: TraceOnnx | None = None,
    overwrite: bool = False,
) -> SavedPredictor:
    """Save a trained classifier for ktrain, transformers 4 and 5, ONNX Runtime and this package.

    An engine that disagrees with the model is not kept, with a warning and a note in the
    manifest; the training is never lost for it.

    A temperature is folded into the last layer, so that every tool finds it in the weights. It
    should be that of the engine that will answer, which is known only once there is one: the
    folder is written, asked, and written again.

    Args:
        model: A transformers `TF…ForSequenceClassification` in 32-bit floats. It is called
            eagerly, so a bf16 rewrite of graphs does not blur the comparison. With `calibrate` its
            last layer is changed.
        preproc: The `ktrain.text.Transformer` it was trained with; gives labels, maxlen and
            tokenizer. It is not changed: what is pickled is a copy without this machine's paths.
        folder: Where the predictor will stand.
        facts: What the manifest records.
        validation: Real texts to compare engines on.
        calibrate: Finds the temperature, the interval of scores or the thresholds of labels; None:
            the model stays as it is.
        limits: How far the int8 engine may be from the model.
        trace: Writes `onnx/model.onnx` of an architecture that is not of BERT's family
            (`ktrain_sentiment.training.tracing.tracer(model, ...)`); None: those have no ONNX.
        overwrite: Replace a predictor that stands there.

    Raises:
        InputError: The folder exists and may not be replaced.
        PredictorError: The preprocessor has no fast tokenizer or no labels, or plain ktrain could
            not load it.
    """
    # ktrain knows a preprocessor for scores by its having no classes.
    labels = tuple(map(str, preproc.get_classes())) or (SCORE,)
    maxlen = int(preproc.maxlen)
    with staged_folder(folder, overwrite, marker="manifest.json") as staged:
        place = PredictorFolder(staged)

        def write(
            against: Reference | None = None, folded: float = 1.0
        ) -> tuple[SavedPredictor, Reference]:
            """Write all files as the model is now."""
            config = save_for_ktrain(model, preproc, place, labels, facts.encoder)
            weights = to_torch_names(named_arrays(model), config["model_type"])
            write_safetensors(place.torch_weights, weights)
            pairs = bool(Inputs.of(facts.table).pair)
            encoder = TextEncoder.from_folder(place, maxlen, pairs=pairs)
            against = against or make_reference(
                model, encoder, validation, facts.cleaning, facts.long_texts, facts.task
            )
            engines = write_engines(place, weights, config, against, trace=trace, limits=limits)
            family = str(config["model_type"])
            manifest = make_manifest(place, family, labels, encoder, facts, engines)
            manifest = dataclasses.replace(manifest, folded_temperature=folded)
            write_manifest(staged, manifest)
            return SavedPredictor(PredictorFolder(folder), manifest, tuple(engines)), against

        saved, reference = write()
        found = Chosen() if calibrate is None else calibrate(staged)
        if found.half_width is not None or found.thresholds:
            manifest = dataclasses.replace(
                saved.manifest, half_width=found.half_width, thresholds=found.thresholds
            )
            write_manifest(staged, manifest)
            saved = dataclasses.replace(saved, manifest=manifest)
        temperature = found.temperature
        if temperature != 1.0:
            if divide_logits(model, temperature, reference.encoded, reference.padding_id):
                saved, _ = write(reference.softened(temperature), temperature)
            else:
                logger.warning(
                    "the last layer of %s is not known: the temperature stays in manifest.json, "
                    "and only this package applies it",
                    type(model).__name__,
                )
                manifest = dataclasses.replace(saved.manifest, temperature=temperature)
                write_manifest(staged, manifest)
                saved = dataclasses.replace(saved, manifest=manifest)
    warn_of_refused(saved.engines)
    return saved


def make_reference(
    model: KerasModel,
    encoder: TextEncoder,
    validation: ValidationTexts,
    cleaning: tuple[str, ...] = (),
    long_texts: LongTexts = "head",
    task: Task = CLASSES,
) -> Reference:
    """What the model says about a thousand validation texts or fewer, one row of each."""
    texts, targets = validation.some(_MOST_TEXTS, cleaning)
    encoded = encoder.encode(texts, one_row(long_texts))
    probabilities = keras_probabilities(model, encoded, encoder.padding_id, task)
    return Reference(encoded, encoder.padding_id, probabilities, targets, task=task)


def make_manifest(
    place: PredictorFolder,
    family: str,
    labels: tuple[str, ...],
    encoder: Encoder,
    facts: TrainingFacts,
    engines: Sequence[EngineReport],
) -> Manifest:
    """The manifest of a folder whose other files are all written."""
    return Manifest(
        labels=labels,
        maxlen=encoder.maxlen,
        padding_id=encoder.padding_id,
        encoder=portable_name(facts.encoder),
        family=family,
        long_texts=facts.long_texts,
        cleaning=facts.cleaning,
        table=facts.table,
        task=facts.task.kind,
        stars=facts.task.stars,
        data_fingerprint=facts.data_fingerprint,
        metrics=facts.metrics,
        versions=installed_versions(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        engines={report.engine: report.to_json() for report in engines},
        files=digest_files(place),
    )


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that matter, those that are installed."""
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def check_folder(folder: Path) -> Manifest:
    """Compare every file of a predictor with its manifest, but for the card, which people edit.

    Raises:
        PredictorError: A file is missing or changed; the message names it.
    """
    manifest = read_manifest(folder)
    place = PredictorFolder(folder)
    check_files(place, manifest.files, [n for n in manifest.files if n != place.card.name])
    return manifest


def export_again(
    folder: Path,
    output: Path,
    model: KerasModel,
    validation: ValidationTexts,
    *,
    trace: TraceOnnx | None = None,
    overwrite: bool = False,
) -> SavedPredictor:
    """Write the ONNX engines of a predictor again, and keep those that agree with its model.

    Args:
        folder: A predictor folder of this package; every file in it is checked first.
        output: Where the result goes; may be `folder` itself.
        model: The Keras model in it.
        validation: Real texts to compare engines on.
        trace: See `save_predictor`.
        overwrite: Replace a predictor that stands in `output`.

    Raises:
        PredictorError: The folder is damaged.
        InputError: The output exists and may not be replaced.
    """
    manifest = check_folder(folder)
    with staged_folder(output, overwrite, marker="manifest.json") as staged:
        place = PredictorFolder(staged)
        # Earlier releases wrote tf_model.h5, which nothing reads beside model.safetensors.
        left = shutil.ignore_patterns("onnx", "manifest.json", "tf_model.h5")

        def ignored(at: str, names: list[str]) -> set[str]:
            """What stays behind, and links that the manifest does not vouch for: to anything."""
            links = [name for name in names if (Path(at) / name).is_symlink()]
            inside = Path(at).relative_to(folder)
            strange = {name for name in links if (inside / name).as_posix() not in manifest.files}
            return strange | set(left(at, names))

        shutil.copytree(folder, staged, ignore=ignored, dirs_exist_ok=True)
        config = read_json(place.config)
        weights = read_safetensors(place.torch_weights)
        tokenizer = place.tokenizer.read_bytes()
        pairs = bool(manifest.inputs.pair)
        encoder = TextEncoder(tokenizer, manifest.maxlen, manifest.padding_id, pairs=pairs)
        reference = make_reference(
            model, encoder, validation, manifest.cleaning, manifest.long_texts, manifest.answers
        )
        engines = write_engines(place, weights, config, reference, trace=trace)
        manifest = dataclasses.replace(
            manifest,
            versions={**manifest.versions, **installed_versions()},
            engines={report.engine: report.to_json() for report in engines},
            # The engines are new; of the others those that were checked.
            files={
                name: found
                for name, found in digest_files(place).items()
                if name in manifest.files or name.startswith("onnx/")
            },
        )
        write_manifest(staged, manifest)
    warn_of_refused(engines)
    return SavedPredictor(PredictorFolder(output), manifest, tuple(engines))
