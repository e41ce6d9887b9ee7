"""A predictor on the Keras model it was trained as: slow, and the baseline of other engines.

The weights are read from model.safetensors or tf_model.h5 by transformers; nothing is unpickled.

`trace_onnx` writes such a model as an ONNX graph by tracing it: the general road, for families
outside BERT's. It takes half a minute instead of a second, and ONNX Runtime can optimise the graph
less than the one that `export/` builds.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ktrain_sentiment.cleaning import apply_cleaning
from ktrain_sentiment.errors import PredictorError, one_line, require
from ktrain_sentiment.prediction import Prediction, Probabilities, softmax, to_predictions
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, check_files, read_manifest
from ktrain_sentiment.predictor.tokenization import EncodedTexts, TextEncoder, pad
from ktrain_sentiment.training.backend import Untyped, open_backend

_BATCH = 32
_OPSET = 17


@dataclass(frozen=True)
class KerasClassifier:
    """A `Classifier` on TensorFlow.

    Attributes:
        model: A transformers `TF…ForSequenceClassification`.
        encoder: Turns texts into token ids.
        manifest: What the predictor says about itself.
    """

    model: Untyped
    encoder: TextEncoder
    manifest: Manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self.manifest.labels

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Class probabilities, float32 of shape (len(texts), len(labels)), in the texts' order."""
        return self._score(self._encode(texts))

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One `Prediction` a text, in the texts' order."""
        encoded = self._encode(texts)
        return to_predictions(self._score(encoded), self.labels, encoded.truncated.tolist())

    def _encode(self, texts: Sequence[str]) -> EncodedTexts:
        return self.encoder.encode(apply_cleaning(texts, self.manifest.cleaning))

    def _score(self, encoded: EncodedTexts) -> Probabilities:
        logits = np.empty((len(encoded), len(self.labels)), dtype=np.float32)
        # The longest first: what does not fit into memory fails at once and not after an hour.
        order = np.argsort(-encoded.lengths, kind="stable")
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            ids, mask = pad([encoded.ids[row] for row in rows], self.encoder.padding_id)
            feeds = {"input_ids": ids.astype(np.int32), "attention_mask": mask.astype(np.int32)}
            logits[rows] = self.model(feeds, training=False).logits
        return softmax(logits, self.manifest.temperature)


def load_keras(folder: Path) -> KerasClassifier:
    """Open a predictor on TensorFlow, every file checked that is used.

    Args:
        folder: A predictor folder of this package.

    Raises:
        PredictorError: The folder is missing, damaged or of a newer format, or its model cannot
            be loaded.
        MissingExtraError: TensorFlow is not installed.
    """
    manifest = read_manifest(folder)
    if manifest.is_ktrain_model:
        raise PredictorError(
            f"{folder} holds ktrain's own {manifest.family}, whose Keras model only ktrain itself "
            "opens, with the pickle beside it: choose another engine"
        )
    place = PredictorFolder(folder)
    names = (place.config, place.tokenizer, place.torch_weights)
    check_files(place, manifest.files, [path.name for path in names])
    return KerasClassifier(
        model=load_keras_model(folder),
        encoder=TextEncoder(place.tokenizer.read_bytes(), manifest.maxlen, manifest.padding_id),
        manifest=manifest,
    )


def load_keras_model(folder: Path) -> Untyped:
    """The Keras model in a folder that transformers wrote.

    Raises:
        PredictorError: transformers cannot load it.
        MissingExtraError: TensorFlow is not installed.
    """
    loader = open_backend().transformers.TFAutoModelForSequenceClassification
    try:
        # transformers' Longformer makes some weights twice, and Keras mentions it.
        with warnings.catch_warnings(action="ignore"):
            return loader.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, ImportError) as error:
        raise PredictorError(
            f"{folder}: transformers cannot load the model: {one_line(error)}"
        ) from error


def load_with_ktrain(folder: Path) -> Untyped:
    """The predictor that plain ktrain saved in a folder: this unpickles, and so may run any code.

    Raises:
        PredictorError: ktrain cannot load it.
        MissingExtraError: ktrain is not installed.
    """
    ktrain = open_backend().ktrain
    try:
        return ktrain.load_predictor(str(folder))
    except Exception as error:  # ktrain raises the bare class.
        raise PredictorError(f"{folder}: ktrain cannot load it: {one_line(error)}") from error


def tracer(model: Untyped) -> Callable[[Path], None]:
    """What writes the ONNX graph of a model to a path; `save_predictor` takes it as `trace`."""
    return lambda path: trace_onnx(model, path)


def trace_onnx(model: Untyped, path: Path) -> None:
    """Write a Keras model as ONNX: dynamic batch and length, output `logits`.

    Args:
        model: A transformers `TF…ForSequenceClassification`.
        path: Where the file goes.

    Raises:
        PredictorError: tf2onnx cannot convert it.
    """
    tf = open_backend().tf
    tf2onnx = require("tf2onnx", "train")
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    names = ["input_ids", "attention_mask"]
    signature = [tf.TensorSpec((None, None), tf.int64, name=name) for name in names]

    def logits(input_ids: Untyped, attention_mask: Untyped) -> dict[str, Untyped]:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        return {"logits": model(inputs, training=False).logits}

    try:
        tf2onnx.convert.from_function(
            tf.function(logits, input_signature=signature),
            input_signature=signature,
            opset=_OPSET,
            custom_op_handlers={"Erfc": (_write_erfc, [])},
            output_path=str(path),
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise PredictorError(f"the model cannot be traced to ONNX: {one_line(error)}") from error


def _write_erfc(context: Untyped, node: Untyped, _name: str, _arguments: Any) -> None:  # noqa: ANN401
    """`1 - Erf(x)`: tf2onnx 1.17 writes an operator `Erfc`, which ONNX does not have."""
    numpy = require("numpy", "train")
    data_type = context.get_dtype(node.output[0])
    shape = context.get_shape(node.output[0])
    source, output = node.input[0], node.output[0]
    context.remove_node(node.name)
    erf = context.make_node("Erf", [source], dtypes=[data_type], shapes=[shape])
    one = context.make_const(node.name + "_one", numpy.ones((), numpy.float32))
    context.make_node(
        "Sub", [one.output[0], erf.output[0]], outputs=[output], dtypes=[data_type], shapes=[shape]
    )
