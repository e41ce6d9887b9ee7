"""What is asked of a Keras model, and the files that ktrain reads beside the weights.

Nothing here imports TensorFlow. `ktrain.load_predictor` unpickles `tf_model.preproc`, and that must
work on another machine, without this package and after the folder was moved. ktrain keeps the
encoder's path in the pickled preprocessor (`model_name`) and in its configuration
(`_name_or_path`); the copy that is pickled here has a plain name in both. ktrain then takes
tokenizer and weights from the folder that it was given: `get_model(fpath)` loads the tokenizer from
`fpath` before `model_name` could matter.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import pickletools
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.long_texts import apart
from ktrain_sentiment.predictor.tokenization import EncodedTexts, Ids, pad
from ktrain_sentiment.tasks import CLASSES, Task

_REFERENCE_TOKENS = 6_000
"""The Keras model, called eagerly, manages some thousands of tokens a second."""

_BATCH = 16


class KerasModel(Protocol):
    """A transformers `TF…ForSequenceClassification`."""

    config: Any

    @property
    def weights(self) -> Sequence[Any]:
        """Variables with `.name` and `.numpy()`."""
        ...

    def __call__(self, inputs: Any, *, training: bool) -> Any:  # noqa: ANN401
        """Compute an output that has `.logits`."""
        ...


def named_arrays(model: KerasModel) -> dict[str, NDArray[Any]]:
    """The model's variables by name, as NumPy arrays."""
    return {variable.name: np.asarray(variable.numpy()) for variable in model.weights}


def keras_probabilities(
    model: KerasModel, encoded: EncodedTexts, padding_id: int, task: Task = CLASSES
) -> NDArray[np.float32]:
    """What the model says about the first texts, as many as take a second or two.

    Returns:
        Probabilities, float32 of shape (first texts, classes); scores, (first texts, 1).
    """
    return task.answers(keras_logits(model, encoded, padding_id))


def keras_feeds(model: KerasModel, ids: Ids, mask: Ids) -> dict[str, NDArray[np.int32]]:
    """What a Keras model is given for a padded batch: types where it has several of them."""
    plain, types = apart(ids)
    feeds = {"input_ids": plain, "attention_mask": mask}
    if has_types(model.config):
        feeds["token_type_ids"] = types
    return {name: array.astype(np.int32) for name, array in feeds.items()}


def has_types(config: Any) -> bool:  # noqa: ANN401 - of transformers
    """Whether a model tells the second text of a pair by the type of its tokens."""
    return int(getattr(config, "type_vocab_size", 0) or 0) > 1


def keras_logits(model: KerasModel, encoded: EncodedTexts, padding_id: int) -> NDArray[np.float32]:
    """The logits of the first texts, as many as take a second or two.

    The call is eager on purpose: graph rewrites such as bf16 do not reach it, so this is what the
    weights say in 32-bit floats.

    Returns:
        float32 of shape (first texts, classes).
    """
    parts, spent = [], 0
    for start in range(0, len(encoded), _BATCH):
        ids, mask = pad(encoded.ids[start : start + _BATCH], padding_id)
        feeds = keras_feeds(model, ids, mask)
        parts.append(np.asarray(model(feeds, training=False).logits, dtype=np.float32))
        spent += ids.size
        if spent >= _REFERENCE_TOKENS:
            break
    return np.concatenate(parts)


_LAST_LAYER = re.compile(
    r"/(classifier|score|logits_proj|(classifier|classification_head)/out_proj)"
    r"/(kernel|bias|weight)(:\d+)?$"
)
"""Variables that turn a state into logits, as the families of transformers call them."""


def last_layer(model: KerasModel) -> list[Any]:
    """The variables that turn a state into a number a label; none where the family is not known."""
    outputs = int(model.config.num_labels)
    return [
        variable
        for variable in model.weights
        if _LAST_LAYER.search(variable.name) and variable.shape[-1] == outputs
    ]


def rescale_logits(
    model: KerasModel, factor: float, shift: float, ask: Callable[[], NDArray[np.float32]]
) -> bool:
    """Multiply a model's outputs by a factor and add to them, in the weights of its last layer.

    The model is changed; it is left as it was if that cannot be done.

    Args:
        model: The model.
        factor: What its outputs are multiplied by.
        shift: What is added to them afterwards.
        ask: Gives the outputs of a few texts, which show whether they changed as they should.

    Returns:
        Whether it could be done.
    """
    last = [(variable, variable.numpy()) for variable in last_layer(model)]
    before = ask()
    for variable, array in last:
        moved = shift if "/bias" in variable.name else 0.0
        variable.assign(array * np.float32(factor) + np.float32(moved))
    # Asked and not assumed: a family may name another layer so.
    if last and np.allclose(
        ask(), before * factor + shift, rtol=1e-3, atol=1e-4 * max(1.0, abs(factor), abs(shift))
    ):
        return True
    for variable, array in last:
        variable.assign(array)
    return False


def divide_logits(
    model: KerasModel, temperature: float, encoded: EncodedTexts, padding_id: int
) -> bool:
    """Divide a model's logits by a temperature, in the weights of its last layer.

    The model is changed; it is left as it was if that cannot be done.

    Args:
        model: The model.
        temperature: What its logits are divided by.
        encoded: Real texts, of which a few show whether the logits changed as they should.
        padding_id: The id that fills short rows.

    Returns:
        Whether it could be done.
    """
    few = encoded[:_BATCH]
    return rescale_logits(model, 1 / temperature, 0.0, lambda: keras_logits(model, few, padding_id))


_NOT_ELSEWHERE = ("ktrain_sentiment", "__main__", "__mp_main__")


def save_for_ktrain(
    model: KerasModel,
    preproc: Any,  # noqa: ANN401
    place: PredictorFolder,
    labels: tuple[str, ...],
    encoder: str,
) -> dict[str, Any]:
    """Write config.json, the tokenizer's files and tf_model.preproc.

    There is no tf_model.h5: of a folder that holds model.safetensors as well, transformers 4 reads
    that one, with TensorFlow too, and ktrain's `from_pretrained` is transformers'.

    Args:
        model: The trained model; its configuration gets the label names.
        preproc: The `ktrain.text.Transformer` it was trained with.
        place: An empty folder.
        labels: The labels in the order of the outputs.
        encoder: The encoder as the user named it.

    Returns:
        The contents of config.json.

    Raises:
        PredictorError: There is no fast tokenizer, or plain ktrain could not load the pickle.
    """
    model.config.save_pretrained(str(place.path))
    preproc.get_tokenizer().save_pretrained(str(place.path))
    if not place.tokenizer.is_file():
        raise PredictorError(
            f"encoder {encoder} has no fast tokenizer (tokenizer.json), and prediction needs one: "
            "choose an encoder that has"
        )
    place.ktrain_preproc.write_bytes(pickle_preproc(preproc, portable_name(encoder)))
    # Other tools are to cut texts where training did, and not to pad to what was used last.
    wrapper = json.loads(place.tokenizer_config.read_text(encoding="utf-8"))
    wrapper.pop("name_or_path", None)
    write_json(place.tokenizer_config, wrapper | {"model_max_length": int(preproc.maxlen)})
    tokenizer = json.loads(place.tokenizer.read_text(encoding="utf-8"))
    write_json(place.tokenizer, tokenizer | {"truncation": None, "padding": None})
    # The real label names and the class name that PyTorch knows go in, our paths come out.
    config: dict[str, Any] = json.loads(place.config.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    config |= {
        "architectures": [type(model).__name__.removeprefix("TF")],
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }
    usual = "single_label_classification" if len(labels) > 1 else "regression"
    config["problem_type"] = config.get("problem_type") or usual
    write_json(place.config, config)
    return config


def portable_name(encoder: str) -> str:
    """An encoder's name without a folder of this machine."""
    is_path = PurePath(encoder).is_absolute() or PureWindowsPath(encoder).is_absolute()
    if is_path or Path(encoder).is_dir() or encoder.startswith((".", "~")):
        return PureWindowsPath(encoder).name or "local"
    return encoder


def pickle_preproc(preproc: Any, encoder: str) -> bytes:  # noqa: ANN401
    """Pickle a copy of ktrain's preprocessor that names no folder of this machine.

    Raises:
        PredictorError: It refers to classes that plain ktrain does not have.
    """
    portable = copy.copy(preproc)
    portable.config = copy.deepcopy(preproc.config)
    portable.config._name_or_path = ""
    portable.model_name = encoder
    if os.sep in str(portable.name):
        portable.name = (
            "auto"  # ktrain compares it with a few families, else it asks AutoTokenizer.
        )
    try:
        contents = pickle.dumps(portable, protocol=4)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise PredictorError(f"ktrain's preprocessor cannot be pickled: {error}") from error
    foreign = sorted(m for m in pickled_modules(contents) if m.split(".")[0] in _NOT_ELSEWHERE)
    if foreign:
        raise PredictorError(
            f"ktrain's preprocessor holds objects of {', '.join(foreign)}, which plain ktrain "
            "could not load"
        )
    return contents


def pickled_modules(contents: bytes) -> set[str]:
    """The modules that a pickle would import, read without unpickling."""
    modules: set[str] = set()
    recent: list[str] = []
    memo: dict[int, str] = {}
    for opcode, argument, _ in pickletools.genops(contents):
        if opcode.name == "GLOBAL":
            modules.add(str(argument).split()[0])
        elif opcode.name == "STACK_GLOBAL" and len(recent) >= 2:
            modules.add(recent[-2])
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = recent[-1] if recent else ""
        elif opcode.name in {"BINGET", "LONG_BINGET"} and isinstance(argument, int):
            recent.append(memo.get(argument, ""))
        elif isinstance(argument, str):
            recent.append(argument)
    return modules
