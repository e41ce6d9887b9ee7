"""Every error this package raises on purpose, and the check for optional dependencies.

    SentimentError
    ├── InputError            what was given cannot be used: exit code 2
    │   ├── ConfigError       flags or configuration that contradict each other
    │   ├── DataError         a data file, its columns, its labels or its texts
    │   ├── EncoderError      an encoder that cannot be found, fetched or verified
    │   ├── PredictorError    a predictor folder that is missing, damaged or not ours
    │   └── MissingExtraError an optional dependency that is not installed
    └── TrainingError         training itself went wrong (the loss diverged, the disk is full)

Each message is one line that says what was given, what was wanted, and what to do. What to do
depends on who asks: a command has flags, Python keyword arguments, and a request to the server
hardly any setting. Messages are written for the command line; `respelled` has their flags as
whoever asks gives them, and an error that a request can meet names several ways out
(`InputError.told`).
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import itertools
import os
import re
from collections.abc import Callable
from types import ModuleType

_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""Modules whose package has another name."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_BARRED = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
    errno.ENAMETOOLONG, errno.ENXIO, errno.EBADF, errno.EBUSY,
}  # fmt: skip
_CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"
} | {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""What moves a terminal's cursor, colours or reading direction, as it is written in Python."""

_FLAG = re.compile(r"ktrain-sentiment [^;]*|--([a-z][a-z-]*)")
"""A flag, but not one of a command that the message names."""


def respelled(said: str, spelled: Callable[[str], str | None]) -> str:
    """A message of the command line with its flags as whoever asks has them.

    Args:
        said: The message.
        spelled: How they give a setting, by its name (`text_column`); None for one that they have
            not got, which stays a flag.
    """

    def one(found: re.Match[str]) -> str:
        return (spelled(found[1].replace("-", "_")) if found[1] else None) or found[0]

    return _FLAG.sub(one, said)


class SentimentError(Exception):
    """Base of all errors raised on purpose; its message is meant for the user."""


class InputError(SentimentError):
    """What the user gave cannot be used.

    Args:
        message: What was given, and what was wanted.
        *ways: What to do about it, the best way first: not everyone who asks has each of the
            flags in them.
    """

    def __init__(self, message: str = "", *ways: str) -> None:
        self._message, self._ways = message, ways
        super().__init__("; ".join((message, *ways[:1])))

    def told(self, spelled: Callable[[str], str | None]) -> str:
        """The message with the first way out that is open to whoever asks.

        Args:
            spelled: As for `respelled`.
        """
        open_ways = (
            way
            for way in self._ways
            if all(spelled(flag.replace("-", "_")) for flag in _FLAG.findall(way) if flag)
        )
        return respelled("; ".join((self._message, *itertools.islice(open_ways, 1))), spelled)


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


def one_line(error: BaseException) -> str:
    """The beginning of a library's message on one line, or the kind of error where it has none."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def why_pip_failed(stderr: str) -> str:
    """The reason that pip or uv gave on standard error, on one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    found = (re.match(r"error:?\s*(.+)", line, re.IGNORECASE) for line in lines)
    # Where pip itself broke down, as on a timeout, it says "ERROR: Exception:" and a traceback.
    reasons = [one[1] for one in found if one and not one[1].endswith(":")]
    return (reasons or lines or ["it gave no reason"])[-1]


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
        raise MissingExtraError(_install_line(module, extra)) from error


def check_installed(module: str, extra: str) -> None:
    """Refuse at once what would need an optional dependency later; imports nothing.

    Args:
        module: Name of the module, without dots.
        extra: The extra of this package that installs it.

    Raises:
        MissingExtraError: The module is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(_install_line(module, extra))


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """What to install where an optional dependency was imported without asking first.

    Returns:
        The error for the user; None where no extra of this package installs the module.
    """
    from importlib import metadata  # Costs more than all the rest of this module.

    module = (error.name or "").split(".")[0]
    wanted = _DISTRIBUTIONS.get(module, module).lower().replace("_", "-")
    try:
        listed = metadata.requires("ktrain-sentiment") or []
    except metadata.PackageNotFoundError:
        return None
    for line in listed:
        found = re.match(r"([\w.-]+).*;.*extra == ['\"]([\w-]+)['\"]", line)
        if found and found[1].lower().replace("_", "-") == wanted:
            return MissingExtraError(_install_line(module, found[2]))
    return None


def _install_line(module: str, extra: str) -> str:
    return (
        f"{module.split('.')[0]} is not installed, and this needs it: "
        f'run  pip install "ktrain-sentiment[{extra}]"'
    )


def explain(error: BaseException, place: object, what: str = "written") -> SentimentError | None:
    """What the system's refusal to write means, in one line; None for any other error.

    Args:
        error: What was raised.
        place: What was to be written.
        what: What could not be done with it, where that is not known as well.

    Returns:
        An `InputError` where another place would do; a plain `SentimentError` for a full disk.
    """
    number = getattr(error, "errno", None)
    # Libraries that write through C often keep the reason in the message alone.
    if number == errno.EFBIG:
        return SentimentError(f"{place}: may not grow further; raise the limit, see ulimit -f")
    if number in _FULL or "No space left on device" in str(error):
        reason = os.strerror(number or errno.ENOSPC)
        return SentimentError(
            f"{place}: the disk is full ({reason}); free some space or choose another place"
        )
    if number in _BARRED:
        advice = "; choose another place" if what == "written" else ""
        return InputError(f"{place} cannot be {what}: {os.strerror(number or 0).lower()}{advice}")
    return None


def is_failure(error: BaseException) -> bool:
    """Whether a library failed, and is not to be stopped: panics of Rust are no `Exception`."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def printable(text: str) -> str:
    """A text that a terminal shows and does not obey: control characters become escapes.

    Texts and labels come from anywhere: one with an escape sequence could rename the user's window.
    """
    return text.translate(_CONTROLS)
