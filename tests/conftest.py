"""Fixtures that all tests share, and the walls around them: own home, own caches, no network."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# The same examples every time, however busy the machine: a test that fails must fail again.
settings.register_profile("same-every-time", derandomize=True, database=None, deadline=None)
settings.load_profile("same-every-time")

# Whoever starts the tests in the background, by a shell or nohup, lets them ignore these, and
# with them the commands that they start and stop.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

# Set before anything is imported that reads them: huggingface_hub, matplotlib and ktrain look
# when they are imported.
_HOME = Path(tempfile.mkdtemp(prefix="ktrain-sentiment-tests-"))
_ROOT = Path(__file__).resolve().parents[1]
_FENCE = _ROOT / "tests" / "support" / "fence"
_KEPT = "HF_", "TRANSFORMERS_", "KTRAIN_SENTIMENT_", "XDG_"
for _name in [name for name in os.environ if name.startswith(_KEPT)]:
    del os.environ[_name]
# Else each of some two hundred processes compiles this package anew, as no user's does.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.update(
    HOME=str(_HOME),
    XDG_CACHE_HOME=str(_HOME / "cache"),
    XDG_CONFIG_HOME=str(_HOME / "config"),
    HF_HOME=str(_HOME / "huggingface"),
    KTRAIN_SENTIMENT_CACHE=str(_HOME / "ktrain-sentiment"),
    MPLBACKEND="Agg",
    MPLCONFIGDIR=str(Path(tempfile.gettempdir()) / "ktrain-sentiment-tests-matplotlib"),
    NO_COLOR="1",
    PIP_NO_INDEX="1",
    PYTHONPATH=os.pathsep.join([str(_FENCE), str(_ROOT)]),
    TF_CPP_MIN_LOG_LEVEL="3",
    TF_USE_LEGACY_KERAS="1",
)

from support.fence.network_fence import raise_fence  # noqa: E402 - the walls go up first
from support.hub import Hub  # noqa: E402
from support.process import run_python  # noqa: E402
from support.reviews import (  # noqa: E402
    COLUMNS,
    make_aspects,
    make_label_sets,
    make_reviews,
    make_scores,
    write_csv,
)
from support.s3 import S3, running_s3  # noqa: E402
from support.shared import made_once  # noqa: E402
from support.tiny import build_bert, build_distilbert  # noqa: E402

if TYPE_CHECKING:
    from ktrain_sentiment.data import LabelledTexts
    from ktrain_sentiment.training.backend import Backend

raise_fence()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The page of docs that a test run makes, and how much more is tried than usual."""
    parser.addoption(
        "--write-table", action="store_true", help="write docs/architectures.md from this run"
    )
    parser.addoption(
        "--requests", type=int, default=200, help="made-up requests that a server must withstand"
    )
    parser.addoption(
        "--debian",
        type=Path,
        help="a fresh Debian root in which the Dockerfile is followed by hand",
    )


SLOWEST = (
    "test_architectures.py", "commands/test_train.py", "commands/test_adapt.py",
    "scale/test_ray.py", "training/test_kernels.py", "test_api.py", "training/test_checkpoints.py",
    "workflow/test_models.py", "workflow/test_folding.py", "training/test_data_parallel.py",
    "scale/test_spark.py", "test_notebook.py", "commands/test_compare.py",
    "training/test_trainer.py", "workflow/test_encoder_race.py", "training/test_ktrain_trainer.py",
    "training/test_adversarial.py", "test_sklearn.py", "export/test_saving.py",
    "commands/test_predict.py", "workflow/test_several_workers.py", "commands/test_dispatch.py",
    "workflow/test_adapting.py", "commands/test_find_lr.py", "workflow/test_processes.py",
    "install/test_wheel.py", "commands/test_demo.py", "install/test_lean_install.py",
    "workflow/test_paired_runs.py", "serve/test_try_page.py", "workflow/test_lessons.py",
    "commands/test_search.py", "commands/test_inspect_errors.py", "commands/test_evaluate.py",
)  # fmt: skip
"""Files that take longest, which are begun first: a worker that came to one of them last would let
the other wait for it (with `--no-loadscope-reorder`, which `make test` gives)."""


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name no test after bytes: archives hold the time at which they were made, and workers that
    collected in different seconds would not have the same tests."""
    return "bytes" if isinstance(val, bytes) else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, each in one piece; the others stay as they were shuffled."""
    rank = {_ROOT / "tests" / name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: rank.get(item.path, len(SLOWEST)))


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of the given content and return its path."""

    def write_file(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file


@pytest.fixture
def read() -> Callable[..., "LabelledTexts"]:
    """Read labelled texts from a path, with flags by name."""
    from ktrain_sentiment.config import DataConfig
    from ktrain_sentiment.data import read_labelled

    return lambda path, **flags: read_labelled(DataConfig(data=str(path), **flags))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny DistilBERT that can learn, as a folder in the hub's layout. Do not write to it."""
    return made_once(tmp_path_factory, "tiny-distilbert", build_distilbert)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT that can learn, as a folder in the hub's layout. Do not write to it."""
    return made_once(tmp_path_factory, "tiny-bert", build_bert)


@pytest.fixture(scope="session")
def deeper_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny BERT with two layers. Do not write to it."""
    return made_once(tmp_path_factory, "deeper-bert", lambda home: build_bert(home, layers=2))


@pytest.fixture(scope="session")
def reviews() -> list[tuple[str, str]]:
    """Six hundred made-up (text, label) pairs that a tiny encoder learns in a few epochs."""
    return make_reviews(600)


@pytest.fixture(scope="session")
def reviews_csv(tmp_path_factory: pytest.TempPathFactory, reviews: list[tuple[str, str]]) -> Path:
    """The made-up reviews as a CSV with the columns text and label. Do not write to it."""
    return made_once(tmp_path_factory, "reviews.csv", lambda path: write_csv(path, reviews))


@pytest.fixture(scope="session")
def backend() -> "Backend":
    """TensorFlow and ktrain, imported once."""
    from ktrain_sentiment.training.backend import open_backend

    return open_backend()


@pytest.fixture(scope="session")
def predictor(tmp_path_factory: pytest.TempPathFactory, deeper_bert: Path) -> Path:
    """A whole predictor folder, its head fitted to the made-up reviews. Do not write to it."""
    from support.predictors import build_predictor

    return made_once(
        tmp_path_factory, "predictor", lambda place: build_predictor(deeper_bert, place)
    )


@pytest.fixture(scope="session")
def columns_predictor(tmp_path_factory: pytest.TempPathFactory, deeper_bert: Path) -> Path:
    """The same, reading the columns price and category besides. Do not write to it."""
    from support.predictors import build_predictor

    table = {"text_column": "text", "also": ["price", "category"]}
    return made_once(
        tmp_path_factory, "columns", lambda place: build_predictor(deeper_bert, place, table=table)
    )


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A model hub on this machine, empty; see `support.hub`."""
    with Hub() as running:
        yield running


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """A running S3 server; use `s3`."""
    with running_s3() as running:
        yield running


@pytest.fixture
def s3(s3_server: S3) -> Iterator[S3]:
    """An S3 server on this machine, its bucket empty; see `support.s3`."""
    yield s3_server
    s3_server.clear()


def _train(folder: Path, data: Path, encoder: Path, **changes: object) -> None:
    """A finished run of train.py in a folder, and in it what the command said."""
    settings = {
        "encoder": encoder, "run": folder, "test": 0.25, "maxlen": 32, "epochs": 5,
        # It begins with random numbers, and hardly learns from words that are moved as well.
        "batch-size": 16, "learning-rate": 2e-3, "adversarial-epsilon": 0, **changes,
    }  # fmt: skip
    flags = [f"--{name}={value}" for name, value in settings.items()]
    done = run_python("scripts/train.py", data, *flags, "--no-accelerate", "--json")
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout, "utf-8")


@pytest.fixture(scope="session")
def trained_run(
    tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, reviews_csv: Path
) -> Path:
    """The folder of a finished run of train.py on the made-up reviews. Do not write to it."""
    return made_once(tmp_path_factory, "reviews", lambda run: _train(run, reviews_csv, tiny_bert))


@pytest.fixture(scope="session")
def scored_run(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """The folder of a finished run on made-up reviews with scores. Do not write to it."""
    data = write_csv(tmp_path_factory.mktemp("scores") / "scores.csv", make_scores(400))
    return made_once(tmp_path_factory, "scored", lambda run: _train(run, data, tiny_bert))


@pytest.fixture(scope="session")
def paired_run(tmp_path_factory: pytest.TempPathFactory, deeper_bert: Path) -> Path:
    """The folder of a finished run on made-up sentences with aspects. Do not write to it."""
    place = tmp_path_factory.mktemp("aspects") / "aspects.csv"
    data = write_csv(place, make_aspects(), COLUMNS)
    own = {"pair-column": "aspect", "duplicates": "keep", "maxlen": 24}
    return made_once(tmp_path_factory, "paired", lambda run: _train(run, data, deeper_bert, **own))


@pytest.fixture(scope="session")
def multi_run(tmp_path_factory: pytest.TempPathFactory, deeper_bert: Path) -> Path:
    """The folder of a finished run on reviews with several labels each. Do not write to it."""
    data = write_csv(tmp_path_factory.mktemp("sets") / "sets.csv", make_label_sets(300))
    own = {"task": "multi", "epochs": 6, "batch-size": 8, "learning-rate": 3e-3}
    return made_once(tmp_path_factory, "multi", lambda run: _train(run, data, deeper_bert, **own))


@pytest.fixture(scope="session")
def ktrain_folder(
    backend: "Backend", trained_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The predictor of `trained_run` as plain ktrain would have saved it. Do not write to it."""
    predictor = trained_run / "predictor"

    def convert(folder: Path) -> None:
        model = backend.transformers.TFAutoModelForSequenceClassification
        model.from_pretrained(str(predictor)).save_pretrained(str(folder))
        assert (folder / "tf_model.h5").is_file()
        for name in ("tf_model.preproc", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
                     "special_tokens_map.json"):  # fmt: skip
            shutil.copy(predictor / name, folder / name)

    return made_once(tmp_path_factory, "plain-ktrain", convert)
