"""Ranges for those who install, pins of what was tested, and a lock: the three agree."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
RUN = [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["data"], *EXTRAS["remote"]]
RUN += [*EXTRAS["s3"], *EXTRAS["serve"], *EXTRAS["search"]]
LISTS = {"requirements.txt": RUN, "requirements/dev.txt": EXTRAS["dev"]}
NEVER_LOCKED = {"datasets", "openvino", "gs", "az"}
"""Extras that are heavy or like one that is locked, and that the tests stand in for."""
ADDED = {"spark", "ray"}
"""Extras that are heavy, and that `make scale` adds from a list of its own."""


def pins(name: str) -> dict[str, str]:
    """The version of every line that pins one."""
    lines = (ROOT / name).read_text().splitlines()
    found = (re.match(r"([\w.-]+)==([\w.+-]+)", line) for line in lines)
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def ranges(listed: list[str]) -> dict[str, Requirement]:
    """Requirements by name, without those that name another extra of this package."""
    found = {canonicalize_name(one.name): one for one in map(Requirement, listed)}
    found.pop(canonicalize_name(PROJECT["name"]), None)
    return found


@pytest.mark.parametrize("name", LISTS)
def test_every_line_of_a_list_pins_one_version(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line.strip(" ")]
    assert [
        line for line in lines if not re.fullmatch(r"#.*|[\w-]+==[\w.]+( ; sys_platform .*)?", line)
    ] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_range_has_a_pin_and_every_pin_a_range(name: str) -> None:
    assert sorted(ranges(LISTS[name])) == sorted(pins(name))


@pytest.mark.parametrize("name", LISTS)
def test_every_pin_lies_in_its_range(name: str) -> None:
    wanted = ranges(LISTS[name])
    pinned = pins(name)
    assert pinned
    assert [n for n, version in pinned.items() if version not in wanted[n].specifier] == []


def test_what_installs_all_the_rest_is_itself_known_by_its_digests() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    version = re.search(r"^UV_VERSION := (.+)$", makefile, re.MULTILINE)
    assert version is not None
    listed = (ROOT / "requirements/uv.txt").read_text()
    assert pins("requirements/uv.txt") == {"uv": version[1]}
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", listed)) > 1
    installs = re.findall(r"pip install\b.*", makefile)
    assert len(installs) > 1
    assert [one for one in installs if "--require-hashes" not in one and "-e ." not in one] == []


def test_a_range_pins_nothing() -> None:
    everything = [one for listed in [RUN, *EXTRAS.values()] for one in listed]
    assert [one for one in everything if "==" in one] == []


def test_every_extra_is_locked_or_named_as_one_that_is_not() -> None:
    locked = {"train", "data", "remote", "s3", "hf", "serve", "search", "dev"}
    assert set(EXTRAS) == locked | ADDED | NEVER_LOCKED


def test_what_is_added_for_clusters_changes_nothing_that_is_there() -> None:
    added, locked = pins("requirements/scale.txt"), pins("requirements.lock")
    wanted = ranges([one for extra in ADDED for one in EXTRAS[extra]])
    assert [n for n, one in wanted.items() if added.get(n, "0") not in one.specifier] == []
    assert [n for n in added.keys() & locked.keys() if added[n] != locked[n]] == []


def test_the_lock_holds_every_pin() -> None:
    wanted = {item for name in LISTS for item in pins(name).items()}
    assert sorted(wanted - pins("requirements.lock").items()) == [], "run: make lock"
