"""Every error this package raises on purpose, and the check for optional dependencies.

    SentimentError
    ├── InputError            what was given cannot be used: exit code 2
    │   ├── ConfigError       flags or configuration that contradict each other
    │   ├── DataError         a data file, its columns, its labels or its texts
    │   ├── EncoderError      an encoder that cannot be found, fetched or verified
    │   ├── PredictorError    a predictor folder that is missing, damaged or not ours
    │   └── MissingExtraError an optional dependency that is not installed
    └── TrainingError         training itself went wrong (the loss diverged, the disk is full)

Each message is one line that says what was given, what was wanted, and what to do.
"""

from __future__ import annotations

import importlib
from types import ModuleType


class SentimentError(Exception):
    """Base of all errors raised on purpose; its message is meant for the user."""


class InputError(SentimentError):
    """What the user gave cannot be used."""


class ConfigError(InputError):
    """Flags or configuration that contradict each other."""


class DataError(InputError):
    """A data file, its columns, its labels or its texts cannot be used."""


class EncoderError(InputError):
    """An encoder cannot be found, fetched or verified."""


class PredictorError(InputError):
    """A predictor folder is missing, damaged, unsafe or from a newer version."""


class MissingExtraError(InputError):
    """An optional dependency is not installed."""


class TrainingError(SentimentError):
    """Training went wrong in a way that is not the input's fault alone."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which pip command installs it.

    Args:
        module: Dotted name of the module to import.
        extra: The extra of this package that installs it.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtraError(
            f"{module} is not installed, and this needs it: "
            f'run  pip install "ktrain-sentiment[{extra}]"'
        ) from error
