"""Flags and settings of the release before are still understood, with a line that says the name."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.commands.frame import parse
from ktrain_sentiment.config import RENAMED, Group


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """A group of flags."""

    ema_decay: float = 0.99
    """How slowly the average follows."""

    keep: bool = True
    """A switch."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """What a command takes."""

    averaging: Group[Averaging] = Averaging()
    words: int = 3
    """A field that has the old name of another command's."""


@pytest.fixture(autouse=True)
def renamed_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"average": "ema_decay", "hold": "keep", "words": "vocab_size"}
    for old, new in table.items():
        monkeypatch.setitem(RENAMED, old, new)


@pytest.mark.parametrize(
    "arguments", [["--average", "0.5"], ["--average=0.5"], ["--ema-decay", "0.5"]]
)
def test_an_old_flag_means_the_new_one(arguments: list[str]) -> None:
    assert parse(Flags, arguments, "x").averaging.ema_decay == 0.5


def test_an_old_switch_can_be_turned_off() -> None:
    assert not parse(Flags, ["--no-hold"], "x").averaging.keep


def test_an_old_flag_is_said_with_its_new_name(caplog: pytest.LogCaptureFixture) -> None:
    parse(Flags, ["--average", "0.5"], "x")
    assert caplog.messages == ["--average is called --ema-decay now"]


def test_a_name_that_is_a_flag_here_means_that_flag(caplog: pytest.LogCaptureFixture) -> None:
    assert parse(Flags, ["--words", "5"], "x").words == 5
    assert caplog.messages == []


def test_an_old_key_of_a_settings_file_means_the_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "old.yaml"
    path.write_text("average: 0.25\n")
    assert parse(Flags, ["--config", str(path)], "x").averaging.ema_decay == 0.25
    assert caplog.messages == [f"{path}: the setting average is called ema_decay now"]
