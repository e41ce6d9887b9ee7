"""The only door to TensorFlow, ktrain and transformers.

It is also the only place that sets environment variables for them. They misbehave on current
libraries unless the process is prepared before they are imported: `open_backend` prepares it,
imports them, makes the patches of `patches.py`, picks the device and the precision, seeds every
source of randomness, and says what it runs with.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import importlib
import logging
import os
import platform
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from ktrain_sentiment.config import ComputeConfig
from ktrain_sentiment.errors import ConfigError, explain, one_line, require
from ktrain_sentiment.inference.runners import cpu_flags
from ktrain_sentiment.runs import cache_folder, forget_unused
from ktrain_sentiment.training.cluster import Cluster, Workers, meet, own_of
from ktrain_sentiment.training.patches import (
    Untyped,
    own_warning_filters,
    patch_before_ktrain,
    patch_ktrain,
    patch_transformers,
    scratch_folder,
    suppress_native_log,
    suppress_output,
    wait_for_workers,
    without_autotune,
)

log = logging.getLogger(__name__)

Logs = Mapping[str, float] | None
"""What Keras tells a callback: figures by name."""

REPORTED_VERSIONS = ("ktrain", "tensorflow", "tf_keras", "transformers", "numpy")


@dataclass(frozen=True)
class Backend:
    """The imported frameworks and how they were set up.

    Attributes:
        tf: TensorFlow.
        keras: Keras 2, as TensorFlow sees it.
        ktrain: ktrain, with its `text` module loaded.
        transformers: transformers, with its TensorFlow classes.
        device: `GPU` or `CPU`.
        precision: Of matrix products, `float32`, `bfloat16` or `float16`; all else is float32.
        versions: Name and version of the libraries that decide the result.
        workers: This process and those that train with it; None: it trains alone.
    """

    tf: Untyped
    keras: Untyped
    ktrain: Untyped
    transformers: Untyped
    device: str
    precision: str
    versions: dict[str, str] = field(default_factory=dict)
    workers: Workers | None = None

    def describe(self) -> str:
        """One line for people: device, precision, versions."""
        libraries = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"device {self.device}, precision {self.precision}, {libraries}"


_opened: dict[str, Backend] = {}
_joined: list[Cluster] = []


def join_cluster(cluster: Cluster) -> None:
    """Let the backend, when it is opened, meet the other workers.

    Raises:
        ConfigError: It is open already, and TensorFlow can meet nobody any more.
    """
    if is_opened():
        raise ConfigError(
            "several workers: TensorFlow is in use in this process already, and would have to "
            "meet them first; train in a process of its own (the command, or train())"
        )
    _joined[:] = [cluster]


def open_backend(config: ComputeConfig | None = None, seed: int = 0) -> Backend:
    """Import TensorFlow and ktrain, set up as asked; later calls only seed again.

    Threads, precision and determinism belong to the process: the first call decides them.

    Args:
        config: Device, precision and thread settings.
        seed: Seed of Python's, NumPy's and TensorFlow's randomness.

    Raises:
        ConfigError: A later call asks for another precision, or a GPU is demanded in vain.
        MissingExtraError: TensorFlow or ktrain is not installed.
    """
    config = config or ComputeConfig()
    if "backend" not in _opened:
        with nothing_to_collect():
            _opened["backend"] = _open(config)
        log.info("%s", _opened["backend"].describe())
    backend = _opened["backend"]
    seed_everything(backend, seed)
    return backend


def _open(config: ComputeConfig) -> Backend:
    prepare_environment()
    keep_freed_memory()
    with suppress_native_log():
        tf = require("tensorflow", "train")
        tf.config.list_physical_devices()
    if not tf.keras.Model.__module__.startswith("tf_keras"):
        raise ConfigError(
            "TensorFlow was imported with Keras 3 before this package could ask for Keras 2: "
            "open the backend before importing TensorFlow, or set TF_USE_LEGACY_KERAS=1"
        )
    cluster = _joined[0] if _joined else None
    threads = config.threads or (cluster.threads if cluster else None)
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    device = _choose_device(tf, config.device, cluster)
    precision = choose_precision(device, config.precision, cpu_flags(), _capability(tf, device))
    if precision == "bfloat16" and device == "CPU":
        # A rewrite of the graph that runs matrix products in bfloat16 and leaves the element-wise
        # work in float32: faster than Keras's mixed_bfloat16 policy, whose element-wise kernels
        # are slow on CPUs.
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    workers = None
    if cluster is not None:
        wait_for_workers(len(cluster.addresses), cluster.wait)
        workers = meet(tf, cluster)
    # Dropout draws from generators whose state can be saved, so that a run can be resumed.
    tf.keras.backend.experimental.enable_tf_random_generator()
    ktrain = import_ktrain()
    transformers = importlib.import_module("transformers")
    transformers.logging.set_verbosity_error()
    modules = {name: importlib.import_module(name) for name in REPORTED_VERSIONS}
    versions = {name: str(getattr(m, "__version__", "unknown")) for name, m in modules.items()}
    return Backend(tf, tf.keras, ktrain, transformers, device, precision, versions, workers)


def prepare_environment() -> None:
    """Set what must be set before anything imports TensorFlow."""
    # ktrain and transformers' TensorFlow classes are written for Keras 2. Can go when both speak
    # Keras 3, which for transformers 5 means never: it has no TensorFlow classes.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    # ktrain sets level 3 itself, but only after TensorFlow has printed its banner.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow turns oneDNN on by itself only where the CPU has AVX-512 VNNI or more
    # (tsl/util/util.cc). With AVX2 alone its products are Eigen's and its memory malloc's: 8,100
    # page faults a step instead of 400, and a quarter more processor time (benchmarks/LOG.md).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # ktrain switches matplotlib to interactive mode, which opens a window where there is a screen.
    os.environ.setdefault("MPLBACKEND", "Agg")
    # transformers would otherwise import PyTorch where it is installed, for nothing.
    os.environ.setdefault("USE_TORCH", "0")
    # The tokenizers library warns about forks that data pipelines make.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # XLA compiles the fast kernels once for each batch shape: kept on disk.
    compiled = compiled_folder(cpu_flags())
    if can_keep_code(compiled):
        cache = f"{CACHE_FLAG}={compiled}"
        os.environ["TF_XLA_FLAGS"] = with_flag(os.environ.get("TF_XLA_FLAGS", ""), cache)
    if not NVIDIA_DRIVER.exists():
        # At its highest level it takes a third longer, for code that is no faster on a CPU.
        os.environ["XLA_FLAGS"] = with_flag(os.environ.get("XLA_FLAGS", ""), LITTLE_OPTIMISED)
    forget_unused_code(compiled.parent)


def keep_freed_memory() -> None:
    """Have glibc keep what a training step frees for the next step, instead of asking Linux anew.

    A step's tensors are freed in each step. Given back, each of their pages is cleared by the
    kernel before its next use: 45 % of its time in a training (benchmarks/LOG.md); kept, they
    are 55 MB more.
    """
    if platform.system() != "Linux":
        return
    trim_threshold, top_pad = -1, -2  # malloc.h
    # Not every libc has it.
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 256 << 20)


@contextlib.contextmanager
def nothing_to_collect() -> Iterator[None]:
    """Import libraries without Python's search for garbage, which skips what they made for good.

    5,000 modules are a million objects that stay until the process ends. Searched again and again
    while they grow, and in each training after that, they take a tenth of a short run's time
    (benchmarks/LOG.md).
    """
    if not gc.isenabled():
        yield
        return
    gc.collect()  # What the caller has left is garbage still, and would be kept.
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


CACHE_FLAG = "--tf_xla_persistent_cache_directory"
LITTLE_OPTIMISED = "--xla_backend_optimization_level=1"


def compiled_folder(cpu_flags: Iterable[str]) -> Path:
    """Where what XLA compiled is kept, so that a machine compiles a shape once, not each process.

    Apart for each TensorFlow and each kind of CPU: code compiled for others might not run.

    Args:
        cpu_flags: The CPU's features.
    """
    kind = hashlib.sha256(" ".join(sorted(cpu_flags)).encode()).hexdigest()[:12]
    try:
        version = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        version = "none"  # What imports it next says how to install it.
    return cache_folder() / "compiled" / f"tensorflow-{version}-{kind}"


CODE_OF_A_TRAINING = 8_000_000
"""Bytes, more than what XLA compiles for one training."""


def can_keep_code(folder: Path) -> bool:
    """Make the folder for what XLA compiles; whether there is room in it, else a warning says why.

    Where XLA cannot write what it was told to keep, the training ends at that step.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(CODE_OF_A_TRAINING))
    except OSError as error:
        why = one_line(explain(error, folder) or error)
        log.warning("each training compiles its kernels anew, they cannot be kept: %s", why)
        return False
    return True


MOST_COMPILED = 50 * CODE_OF_A_TRAINING
"""Bytes of compiled code that are kept."""


def forget_unused_code(folder: Path, most: int = MOST_COMPILED) -> None:
    """Remove what XLA compiled and nobody used for longest; XLA itself never removes anything.

    Each new length of texts, width, kind of CPU or version of TensorFlow adds to it. What another
    process would have used next is compiled again.

    Args:
        folder: Where compiled code of all versions and CPUs lies.
        most: How many bytes may stay.
    """
    for path in folder.glob("*/*.pb"):
        with contextlib.suppress(OSError):
            if not path.stat().st_size:
                path.unlink()  # Of a machine that lost its power; XLA would end a training at it.
    forget_unused(folder.glob("*/*"), most)


def with_flag(flags: str, flag: str) -> str:
    """A variable's value with one flag more, unless it has one of that name."""
    return flags if flag.split("=")[0] in flags else f"{flags} {flag}".strip()


def import_ktrain() -> Untyped:
    """Import ktrain with the patches that it needs on current libraries.

    Raises:
        MissingExtraError: ktrain is not installed.
    """
    patch_before_ktrain()
    with own_warning_filters():
        transformers = require("transformers", "train")
        patch_transformers(transformers)
        ktrain = require("ktrain", "train")
        for part in ("ktrain.core", "ktrain.dataset", "ktrain.text"):
            importlib.import_module(part)
    patch_ktrain(ktrain, transformers)
    return ktrain


def _choose_device(tf: Untyped, wanted: str, cluster: Cluster | None = None) -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise ConfigError(f"--device gpu: {unseen_gpu()}, or use --device auto or cpu")
    if wanted == "auto" and not gpus and NVIDIA_DRIVER.exists():
        log.warning("training on the CPU: %s", unseen_gpu())
    if wanted == "cpu" or not gpus:
        tf.config.set_visible_devices([], "GPU")
        return "CPU"
    if cluster is not None:
        gpus = [own_of(gpus, cluster)]
        tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        # Without this TensorFlow takes the whole memory of every GPU at once.
        tf.config.experimental.set_memory_growth(gpu, True)
    # By default GPUs multiply float32 with 10 bits of its 23. A model so asked differs by 0.0004
    # from itself on a CPU, and its fast engine was refused for it; the products that are worth
    # rounding are those of training (`precision`).
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return "GPU"


NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
"""There where Linux runs NVIDIA's driver, whatever TensorFlow has."""


def unseen_gpu() -> str:
    """Why TensorFlow sees no GPU, as far as can be told, and what to do about it."""
    if not NVIDIA_DRIVER.exists():
        return "TensorFlow sees no GPU, and no NVIDIA driver runs here: install one"
    return (
        "this machine runs NVIDIA's driver, and TensorFlow sees no GPU, usually for want of CUDA's "
        "libraries: pip install 'tensorflow[and-cuda]'"
    )


def _capability(tf: Untyped, device: str) -> tuple[int, int]:
    """The compute capability of the least of the GPUs in use; (0, 0) where there is none."""
    gpus = tf.config.get_visible_devices("GPU") if device == "GPU" else []
    found = (tf.config.experimental.get_device_details(gpu) for gpu in gpus)
    return min((one.get("compute_capability", (0, 0)) for one in found), default=(0, 0))


def choose_precision(
    device: str,
    wanted: str,
    flags: frozenset[str],
    capability: tuple[int, int] = (0, 0),
) -> str:
    """The precision to train with: as asked, or the fastest that is safe on this machine.

    Args:
        device: `GPU` or `CPU`.
        wanted: `auto`, `float32`, `bfloat16` or `float16`.
        flags: The CPU's feature flags.
        capability: The GPU's compute capability: from 8.0 on (A100, RTX 30) tensor cores multiply
            bfloat16. Those of 7.0 and 7.5 (V100, T4) multiply float16, which no training has been
            seen to end with (docs/train.md), so that it is left to those who ask.

    Raises:
        ConfigError: float16 was asked for on a CPU, which has no products of it.
    """
    if wanted == "float16" and device == "CPU":
        raise ConfigError("--precision float16 needs a GPU: use auto, bfloat16 or float32")
    if wanted != "auto":
        return wanted
    if device == "GPU":
        return "bfloat16" if capability >= (8, 0) else "float32"
    return "bfloat16" if {"avx512_bf16", "amx_bf16"} & flags else "float32"


def seed_everything(backend: Backend, seed: int) -> None:
    """Seed Python's, NumPy's and TensorFlow's randomness, and the language detector's."""
    backend.keras.utils.set_random_seed(seed)
    # ktrain guesses the language of the training texts with langdetect, which rolls dice.
    importlib.import_module("langdetect").DetectorFactory.seed = seed


def is_opened() -> bool:
    """Whether this process has already imported TensorFlow through `open_backend`."""
    return "backend" in _opened


__all__ = [
    "Backend",
    "Logs",
    "Untyped",
    "choose_precision",
    "compiled_folder",
    "forget_unused_code",
    "import_ktrain",
    "is_opened",
    "join_cluster",
    "open_backend",
    "prepare_environment",
    "scratch_folder",
    "seed_everything",
    "suppress_native_log",
    "suppress_output",
    "without_autotune",
]
