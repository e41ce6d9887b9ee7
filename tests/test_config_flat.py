"""Settings files become configurations of the declared types, and back."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from ktrain_sentiment import config
from ktrain_sentiment.config import RENAMED, Group, SplitConfig, TrainConfig, TrainingSettings
from ktrain_sentiment.config.flat import (
    Config,
    from_flat,
    parse_yaml,
    read_settings,
    to_flat,
    to_yaml,
)
from ktrain_sentiment.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner(Config):
    """A group."""

    rate: float | None = None
    """A rate."""

    names: tuple[str, ...] = ()
    """Names."""


@dataclass(frozen=True, kw_only=True)
class Outer(Config):
    """Every type that a field can have."""

    count: int = 1
    """A count."""

    exact: bool = False
    """A switch."""

    kind: Literal["fast", "slow"] = "fast"
    """A choice."""

    place: Path | None = None
    """A path."""

    share: float | str = 0.1
    """A share or a file."""

    threshold: str | float = 0.5
    """A number, or auto."""

    inner: Group[Inner] = field(default_factory=Inner)


def test_flat_values_find_their_groups_and_types() -> None:
    values = {"count": 3, "rate": "5e-5", "names": ["a", "b"], "place": "runs/x", "kind": "slow"}
    assert from_flat(Outer, values, "c.yaml") == Outer(
        count=3, kind="slow", place=Path("runs/x"), inner=Inner(rate=5e-5, names=("a", "b"))
    )


def test_hyphens_and_underscores_are_the_same() -> None:
    assert from_flat(TrainConfig, {"batch-size": 8}, "c") == TrainConfig(batch_size=8)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rate: 5e-5", Outer(inner=Inner(rate=5e-5))),
        ("rate: 1", Outer(inner=Inner(rate=1.0))),
        ("rate: null", Outer()),
        ("count: 1e3", Outer(count=1000)),
        ("count: 20.0", Outer(count=20)),
        ("exact: yes", Outer(exact=True)),
        ("share: 0.2", Outer(share=0.2)),
        ("share: 1e-1", Outer(share=0.1)),
        ("share: dev.csv", Outer(share="dev.csv")),
        ("threshold: 5e-1", Outer(threshold=0.5)),
        ("threshold: auto", Outer(threshold="auto")),
        ("names: alone", Outer(inner=Inner(names=("alone",)))),
        ("names: [1, two]", Outer(inner=Inner(names=("1", "two")))),
        ("names: []", Outer()),
    ],
)
def test_what_yaml_gives_is_read_as_declared(text: str, wanted: Outer) -> None:
    assert from_flat(Outer, parse_yaml(text), "c.yaml") == wanted


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("count: two", "count: wanted a whole number, got 'two'"),
        ("count: 1.5", "count: wanted a whole number, got 1.5"),
        ("count: true", "count: wanted a whole number, got True"),
        ("count: null", "count: wanted a whole number, got None"),
        ("exact: 1", "exact: wanted true or false, got 1"),
        ("exact: 'no'", "exact: wanted true or false, got 'no'"),
        ("kind: medium", "kind: wanted one of fast, slow, got 'medium'"),
        ("rate: quick", "rate: wanted a number or null, got 'quick'"),
        ("rate: [1]", "rate: wanted a number or null, got [1]"),
        ("place: 3", "place: wanted a path or null, got 3"),
        ("names: [true]", "names: wanted a list, each text, got [True]"),
        ("names: {a: 1}", "names: wanted a list, each text, got {'a': 1}"),
    ],
)
def test_a_value_of_another_type_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_flat(Outer, parse_yaml(text), "c.yaml")
    assert str(caught.value) == f"c.yaml: {complaint}"


def test_a_mistyped_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"^c: unknown setting epoch; did you mean epochs\?$"):
        from_flat(TrainingSettings, {"epoch": 3}, "c")


def test_a_name_like_no_other_gets_the_list() -> None:
    with pytest.raises(ConfigError) as caught:
        from_flat(Outer, {"zzz": 3}, "c")
    assert str(caught.value).endswith(
        "; known: count, exact, kind, names, place, rate, share, threshold"
    )


def test_the_name_of_a_group_is_no_setting() -> None:
    with pytest.raises(ConfigError, match="unknown setting inner"):
        from_flat(Outer, {"inner": {"rate": 1}}, "c")


def test_values_that_contradict_each_other_are_refused_by_the_configuration() -> None:
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        from_flat(SplitConfig, {"validation": 0.5, "test": 0.5}, "c")


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_configuration_survives_a_file(suffix: str, tmp_path: Path) -> None:
    before = from_flat(
        TrainingSettings,
        {
            "data": "é.csv",
            "learning_rate": 5e-5,
            "vectors": "v.txt",
            "cleaning": ["html"],
            "test": 20,
        },
        "c",
    )
    write = json.dumps if suffix == ".json" else to_yaml
    path = tmp_path / f"config{suffix}"
    path.write_text(write(to_flat(before)), encoding="utf-8")
    assert from_flat(TrainingSettings, read_settings(path), str(path)) == before


def test_settings_are_written_in_their_order_and_with_their_letters() -> None:
    assert to_yaml({"data": "é.csv", "count": 1}) == "data: é.csv\ncount: 1\n"


def test_flat_values_are_what_yaml_can_write() -> None:
    flat = to_flat(Outer(place=Path("a/b"), inner=Inner(names=("x",))))
    assert flat == {
        "count": 1, "exact": False, "kind": "fast", "place": "a/b", "share": 0.1,
        "threshold": 0.5, "rate": None, "names": ["x"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.yaml", b"a: [1", "cannot be read as YAML or JSON"),
        ("a.json", b"{", "cannot be read as YAML or JSON"),
        ("a.yaml", b"\xff\xfe\x00", "cannot be read as YAML or JSON"),
        ("a.yaml", b"a: &a [1]\nb: *a", "aliases are not taken, got *a"),
        ("a.yaml", b"[" * 10_000, "cannot be read as YAML or JSON"),
        ("a.json", b"[" * 100_000, "cannot be read as YAML or JSON"),
        ("a.yaml", b"#" * 1_000_001, "wanted a file of settings, got more than 1 MB"),
        ("a.yaml", b"- 1\n- 2", "wanted 'name: value' lines, got list"),
        ("a.yaml", b"", "wanted 'name: value' lines, got NoneType"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(
    name: str, content: bytes, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path / name)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        read_settings(tmp_path / "none.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfepochs: 2")
    read: dict[str, Any] = read_settings(tmp_path / "a.yaml")
    assert read == {"epochs": 2}


def test_an_old_name_is_taken_and_the_new_one_said(caplog: pytest.LogCaptureFixture) -> None:
    old = {"average": 0.5, "adversarial": 0.1, "words": 300, "features": 50}
    read = from_flat(TrainingSettings, old, "c.yaml")
    assert read.training == TrainConfig(ema_decay=0.5, adversarial_epsilon=0.1)
    assert (read.model.vocab_size, read.model.max_features) == (300, 50)
    assert "c.yaml: the setting average is called ema_decay now" in caplog.messages


def test_every_renamed_setting_is_one_that_exists() -> None:
    known = {
        entry.name
        for kind in vars(config).values()
        if dataclasses.is_dataclass(kind)
        for entry in dataclasses.fields(kind)
    }
    assert set(RENAMED.values()) <= known
    assert not set(RENAMED) & known


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"epochs": "two"}, "epochs: wanted a whole number or null, got 'two'"),
        ({"epochs": 2.5}, "epochs: wanted a whole number or null, got 2.5"),
        (
            {"policy": "twocycle"},
            "policy: wanted one of onecycle, triangular, sgdr, constant, linear",
        ),
        ({"stratified_batches": 1}, "stratified_batches: wanted true or false, got 1"),
        ({"teacher": 3}, "teacher: wanted a path or null, got 3"),
    ],
)
def test_a_value_of_another_type_from_python_is_refused_by_its_name(
    values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**values)
    assert str(caught.value).startswith(complaint)


def test_python_gives_lists_texts_and_numpys_numbers_where_they_mean_the_same() -> None:
    made = Outer(count=np.int64(3), place="runs/x", inner=Inner(names=["a", "b"]))  # type: ignore[arg-type]
    assert made == Outer(count=3, place=Path("runs/x"), inner=Inner(names=("a", "b")))
    assert type(made.count) is int


def test_a_group_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="inner: wanted Inner, got 3"):
        Outer(inner=3)  # type: ignore[arg-type]
