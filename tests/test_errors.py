"""One tree of errors, and a missing dependency names the command that installs it."""

import pickle
import sys
from pathlib import Path

import pytest

from ktrain_sentiment import errors
from ktrain_sentiment.errors import (
    DataError,
    InputError,
    MissingExtraError,
    SentimentError,
    check_installed,
    require,
    why_pip_failed,
)

OURS = {name: kind for name, kind in vars(errors).items() if name.endswith("Error")}


def test_every_error_of_the_package_is_a_sentiment_error() -> None:
    assert len(OURS) >= 7
    assert all(issubclass(kind, SentimentError) for kind in OURS.values())


def test_what_the_user_gave_and_what_training_did_are_told_apart() -> None:
    assert issubclass(errors.EncoderError, InputError)
    assert not issubclass(errors.TrainingError, InputError)


def test_the_advice_is_the_first_that_whoever_asks_can_follow() -> None:
    error = InputError("two columns", "choose one with --text-column", "rename one")
    assert str(error) == "two columns; choose one with --text-column"
    assert error.told({"text_column": "?column="}.get) == "two columns; choose one with ?column="
    assert error.told({"sheet": "?sheet="}.get) == "two columns; rename one"
    assert InputError("no text", "name the --sheet").told({}.get) == "no text"


def test_the_advice_comes_through_another_process() -> None:
    error = pickle.loads(pickle.dumps(DataError("two columns", "choose with --sheet", "join them")))
    assert str(error) == "two columns; choose with --sheet"
    assert error.told({}.get) == "two columns; join them"


def test_the_tree_in_the_documentation_is_complete() -> None:
    assert [name for name in OURS if name not in (errors.__doc__ or "")] == []


def test_a_module_that_is_installed_is_imported() -> None:
    assert require("json.decoder", "train") is sys.modules["json.decoder"]


@pytest.mark.parametrize("module", ["surely_not_there", "surely_not_there.inside"])
def test_a_missing_module_names_the_command_that_installs_it(module: str) -> None:
    with pytest.raises(MissingExtraError) as caught:
        require(module, "openvino")
    line = str(caught.value)
    assert line.startswith("surely_not_there is not installed")
    assert 'pip install "ktrain-sentiment[openvino]"' in line
    assert "\n" not in line


def test_a_module_can_be_asked_for_without_an_import() -> None:
    check_installed("tensorflow", "train")
    with pytest.raises(MissingExtraError, match=r'pip install "ktrain-sentiment\[train\]"'):
        check_installed("surely_not_there", "train")


def test_a_module_that_lacks_something_itself_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed.py").write_text("import surely_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_there") as caught:
        require("half_installed", "train")
    assert not isinstance(caught.value, MissingExtraError)


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("a\nERROR: No matching distribution\n\n", "No matching distribution"),
        ("error: no space left on device", "no space left on device"),
        ("ERROR: Exception:\nTraceback ...\n  File\nReadTimeoutError: timed out.\n",
         "ReadTimeoutError: timed out."),
        ("ERROR: \n", "ERROR:"),
        (" \n", "it gave no reason"),
    ],
)  # fmt: skip
def test_there_is_always_a_reason_why_pip_failed(stderr: str, reason: str) -> None:
    assert why_pip_failed(stderr) == reason
