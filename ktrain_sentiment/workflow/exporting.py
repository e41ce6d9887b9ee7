"""Export again, or turn a plain ktrain predictor into one of this package."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import ConfigError, DataError, PredictorError
from ktrain_sentiment.evaluation.predictions import truth_of
from ktrain_sentiment.export.saving import (
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    export_again,
    save_predictor,
)
from ktrain_sentiment.inference.scoring import open_text_table, texts_of
from ktrain_sentiment.inputs import Inputs
from ktrain_sentiment.predictor.manifest import read_manifest
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tasks import CLASSES, Task
from ktrain_sentiment.training.keras_classifier import load_keras_model, load_with_ktrain, tracer

logger = logging.getLogger(__name__)

_MOST_TEXTS = 1000


def export_own(
    folder: Path, output: Path, texts: Path | None, text_column: str | None, *, overwrite: bool
) -> SavedPredictor:
    """Make the ONNX engines of a predictor again.

    Args:
        folder: A predictor folder of this package.
        output: Where the result goes; may be `folder`.
        texts: A file with real texts to compare on; None: the validation rows of its run.
        text_column: The column of the texts.
        overwrite: Replace what stands in `output`.

    Raises:
        PredictorError: The folder is damaged.
        ConfigError: There are no texts to compare on, or it is one of ktrain's own classifiers.
    """
    manifest = read_manifest(folder)
    if manifest.is_ktrain_model:
        raise ConfigError(
            f"{folder} holds ktrain's own {manifest.family}, whose one engine is written when it "
            "is trained: there is nothing to export again; --check compares its files"
        )
    place = texts or _texts_of_run(folder)
    model = load_keras_model(folder)
    labels = tuple(model.config.id2label[index] for index in range(model.config.num_labels))
    # The rows of a run hold joined texts; a file of the user's has the columns they are made of.
    trained = None if texts is None else manifest.table
    validation = read_texts(place, text_column, labels, manifest.answers, trained)
    return export_again(folder, output, model, validation, trace=tracer(model), overwrite=overwrite)


def convert_ktrain(
    folder: Path, output: Path, texts: Path, text_column: str | None, *, overwrite: bool
) -> SavedPredictor:
    """Turn a predictor that plain ktrain saved into one of this package.

    This unpickles `tf_model.preproc`, which runs whatever code its maker put there: the caller
    must have asked whether it is trusted.

    Args:
        folder: A predictor folder of ktrain.
        output: Where the result goes.
        texts: A file with real texts to compare on.
        text_column: The column of the texts.
        overwrite: Replace a predictor that stands in `output`.

    Raises:
        PredictorError: ktrain cannot load it, or it is no text classifier with transformers.
    """
    predictor = load_with_ktrain(folder)
    model, preproc = predictor.model, predictor.preproc
    if not hasattr(model, "save_pretrained") or not preproc.get_classes():
        raise PredictorError(f"{folder} is no text classifier made with ktrain's Transformer")
    labels = tuple(map(str, preproc.get_classes()))
    return save_predictor(
        model,
        preproc,
        output,
        TrainingFacts(encoder=str(preproc.model_name)),
        read_texts(texts, text_column, labels),
        trace=tracer(model),
        overwrite=overwrite,
    )


def _texts_of_run(folder: Path) -> Path:
    path = RunFolder(folder.resolve().parent).split("validation")
    if not path.is_file():
        raise ConfigError(
            f"{folder} does not lie in a run with validation rows: name a file with a few hundred "
            "real texts with --texts, to compare the engines on"
        )
    return path


def read_texts(
    path: Path,
    text_column: str | None,
    labels: Sequence[str],
    task: Task = CLASSES,
    trained: Mapping[str, Any] | None = None,
) -> ValidationTexts:
    """The first thousand texts of a file, and their true labels where it has a column `label`.

    Args:
        path: The file.
        text_column: The column of the texts.
        labels: The model's labels.
        task: What they are.
        trained: How the table of the training was read: what else is read of a row.

    Raises:
        DataError: The file cannot be read, or has no texts.
    """
    source = open_text_table(path, text_column=text_column, trained=trained)
    batch = next(source.table.batches(_MOST_TEXTS), None)
    if batch is None:
        raise ConfigError(f"--texts {path}: has no rows")
    texts, _ = texts_of(batch, source.column, Inputs.of(trained or {}))
    rows = [
        (text, record.get("label"))
        for text, record in zip(texts, batch.records(), strict=True)
        if text is not None
    ]
    given, targets = [label for _, label in rows], None
    if None not in given:
        with contextlib.suppress(DataError):
            targets = truth_of(list(map(str, given)), labels, task)
    if targets is None:
        logger.info("%s has no column label with the model's labels: no accuracy", path)
    return ValidationTexts(texts=[text for text, _ in rows], targets=targets)
