"""What ktrain, Keras, TensorFlow and transformers need put right; `backend.py` alone calls it.

Each patch names the bug, what it does to a training, and when it can go. They are made once, when
the libraries are imported, and stay: they change results for nobody who did not meet the bug.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ktrain_sentiment.errors import EncoderError

Untyped = Any
"""A module, model, layer, tensor or tokenizer of a library that publishes no types."""

GRU_DROPOUT = 0.2
"""Share of a GRU's inputs dropped in training; see `_patch_standard_gru`."""


def patch_before_ktrain() -> None:
    """Put back what ktrain still imports and NumPy 2 and Python 3.12 no longer have."""
    numpy = importlib.import_module("numpy")
    if not hasattr(numpy, "Inf"):
        # ktrain's lroptimize/triangular.py uses np.Inf, which NumPy 2 removed; fit_onecycle and
        # autofit crash without it. Can go when ktrain says np.inf.
        setattr(numpy, "Inf", numpy.inf)  # noqa: B010 - not an attribute that NumPy declares
    if sys.version_info >= (3, 12):
        # ktrain imports distutils, which Python 3.12 removed; setuptools carries a copy and puts
        # it in place on import. Can go when ktrain stops importing it.
        importlib.import_module("setuptools")


def patch_transformers(transformers: Untyped) -> None:
    """Let transformers list what its models hold once.

    When it is imported it reads all 1,300 files of its models, and remembers that by their folder;
    for `transformers.models` it asks by a file of that folder, and reads them again: 0.45 s of
    every start. Can go when it asks alike.
    """
    module = transformers.utils.import_utils
    read = module.create_import_structure_from_path

    def by_folder(path: str | os.PathLike[str]) -> Untyped:
        place = Path(path)
        return read(place.parent if place.is_file() else place)

    module.create_import_structure_from_path = by_folder


def patch_ktrain(ktrain: Untyped, transformers: Untyped) -> None:
    """Correct ktrain's preprocessor and two of its models; let no folder bring code of its own."""
    _patch_transformer_preprocessor(ktrain.text.preprocessor, transformers)
    _patch_nbsvm(ktrain.text.models)
    _patch_standard_gru(ktrain.text.models)
    # A folder whose config names Python files of its own (`auto_map`) makes transformers ask on
    # standard input whether to run them, where piped texts can answer. ktrain passes no
    # `trust_remote_code`; with no time to answer, transformers refuses.
    transformers.dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0


def _patch_transformer_preprocessor(module: Untyped, transformers: Untyped) -> None:
    """Let ktrain's Transformer look at the model's class, not load the model to look at it.

    `Transformer(...)` loads the whole model only to read the signature of its `call`, and
    `get_classifier` loads it again. Can go when ktrain reads the class.
    """
    auto = module.TFAutoModelForSequenceClassification
    original = module.TransformersPreprocessor.__init__

    class ClassOnly:
        @staticmethod
        def from_pretrained(name: str, **_: Untyped) -> Untyped:
            load = transformers.AutoConfig.from_pretrained
            config = load(name, trust_remote_code=False)
            try:
                return transformers.TF_MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
            except KeyError as error:
                raise EncoderError(
                    f"an encoder of type {config.model_type} has no TensorFlow classifier in "
                    "transformers: choose a BERT, DistilBERT, RoBERTa, ALBERT, ELECTRA, MPNet, "
                    "Longformer or GPT-2 encoder"
                ) from error

    def init(self: Untyped, *args: Untyped, **kwargs: Untyped) -> None:
        module.TFAutoModelForSequenceClassification = ClassOnly
        try:
            original(self, *args, **kwargs)
        finally:
            module.TFAutoModelForSequenceClassification = auto
        self.model_type = auto

    module.TransformersPreprocessor.__init__ = init


def _patch_nbsvm(models: Untyped) -> None:
    """Give NBSVM a weight for every feature that its preprocessor can produce.

    ktrain counts the features that are left in the training rows after they were cut to length.
    A later text can have one that was cut off everywhere, and an embedding without that row fails
    ("indices[...] is not in [0, n)"). Can go when ktrain takes the preprocessor's own number.
    """
    original = models._build_nbsvm

    def build(classes: int, maxlen: int, top: int, features: set[int], **named: Untyped) -> Untyped:
        return original(classes, maxlen, top, features | {int(top) - 1}, **named)

    models._build_nbsvm = build


def _patch_standard_gru(models: Untyped) -> None:
    """Drop a fifth of the GRUs' inputs instead of nine tenths.

    ktrain gives 0.9, which Keras reads as the share to drop, not to keep. Two epochs on SST-2's
    sentences come to 68.9 % on its dev set with 0.9 and to 78.6 % with 0.2. Can go when ktrain
    gives a share that trains.
    """
    original = models._build_standard_gru

    def build(*arguments: Untyped, **named: Untyped) -> Untyped:
        model = original(*arguments, **named)
        for layer in model.layers:
            if hasattr(layer, "cell"):
                layer.cell.dropout = GRU_DROPOUT
        return model

    models._build_standard_gru = build


def without_autotune(tf: Untyped, dataset: Untyped) -> Untyped:
    """The dataset with tf.data's autotuner switched off.

    At the end of every epoch the iterator waits for the autotuner's thread, whose sleep doubles
    each time: epochs of 26 s take 41 s, then 82 s, whatever the work (TensorFlow 2.20 and 2.21).
    Can go when TensorFlow wakes that thread.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


@contextlib.contextmanager
def own_warning_filters() -> Iterator[None]:
    """Undo what ktrain does to the process's warning filters; ignore warnings meanwhile."""
    before = warnings.filters[:]
    try:
        warnings.simplefilter("ignore")
        yield
    finally:
        warnings.filters[:] = before  # type: ignore[index]


@contextlib.contextmanager
def suppress_output() -> Iterator[None]:
    """Keep ktrain's prints off standard output, and its and Keras's advice off the screen."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        yield


@contextlib.contextmanager
def suppress_native_log() -> Iterator[None]:
    """Hold back what native libraries write to standard error, unless what they did fails.

    TensorFlow's C++ side greets the user with several lines before its own log level applies.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        except BaseException:
            sink.seek(0)
            os.write(kept, sink.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def scratch_folder() -> Iterator[None]:
    """Give ktrain a temporary folder that goes away: it never removes the weights it saves."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="ktrain-sentiment-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def wait_for_workers(count: int, seconds: float) -> None:
    """Let TensorFlow give up workers that do not come; it would wait for an hour.

    Args:
        count: How many workers there are.
        seconds: How long to wait.
    """
    # There is no public way: the strategy takes what was configured before it.
    home = "tensorflow.python.distribute.collective_all_reduce_strategy"
    strategy = importlib.import_module(home)
    job = strategy.coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=count)
    strategy.context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=int(seconds * 1000),
        # Without this each would wait in the end for those that are gone.
        shutdown_barrier_timeout_in_ms=5_000,
        coordinated_jobs=[job],
    )
