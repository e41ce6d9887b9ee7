"""The wheel, installed outside the clone, does what the clone does."""

import json
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from support.process import ROOT, call_outside

PACKAGE = ROOT / "ktrain_sentiment"
FENCE = ROOT / "tests" / "support" / "fence"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to work in that has nothing to do with the clone."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment with the wheel; what it depends on is borrowed."""
    home = tmp_path_factory.mktemp("env")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    done = call_outside(
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index",
        wheel, cwd=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (site,) = home.glob("lib/python*/site-packages")
    # A line of a .pth file is put at the end of the path, and the .pth files there are not read:
    # the editable install of the clone is not found through it.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def run(programs: Path, place: Path, *arguments: str | Path) -> str:
    """What the installed command writes to standard output."""
    done = call_outside(programs / "ktrain-sentiment", *arguments, cwd=place, PYTHONPATH=str(FENCE))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == ours
    assert "ktrain_sentiment/py.typed" in packed


def test_the_installed_package_is_not_the_clone(programs: Path, place: Path) -> None:
    code = "import ktrain_sentiment; print(ktrain_sentiment.__file__)"
    found = call_outside(programs / "python", "-c", code, cwd=place).stdout.strip()
    assert Path(found).is_relative_to(programs.parent)


def test_the_command_shows_what_it_can_do(programs: Path, place: Path) -> None:
    assert "inspect-errors" in run(programs, place, "--help")
    assert "ktrain-sentiment train reviews.csv" in run(programs, place, "train", "--help")


def test_it_trains_predicts_and_exports(
    programs: Path, place: Path, tiny_bert: Path, reviews_csv: Path
) -> None:
    flags = ["--maxlen", "24", "--epochs", "1", "--learning-rate", "1e-3", "--quiet", "--json"]
    data = [reviews_csv, "--encoder", tiny_bert, "--run", "runs/mine"]
    trained = run(programs, place, "train", *data, *flags, "--adversarial-epsilon", "0")
    assert 0 <= json.loads(trained.splitlines()[-1])["accuracy"] <= 1
    assert (place / "runs" / "mine" / "report.html").read_text().count("<style") >= 1
    predicted = run(programs, place, "predict", "a superb plot")
    assert predicted.endswith("\ta superb plot\n")
    assert "as they were saved" in run(programs, place, "export", "runs/mine/predictor", "--check")
    exported = run(
        programs, place, "export", "runs/mine/predictor", "--output", "runs/again", "--json"
    )
    assert json.loads(exported.splitlines()[-1])["engines"]["fp32"]["kept"]
