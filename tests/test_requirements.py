"""One list of pins, and a lock that follows it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LISTS = ("requirements.txt", "requirements/dev.txt", "requirements/build.txt")


def pins(path: Path) -> set[str]:
    """`name==version` of every line that has one, without extras and markers."""
    found = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([\w.+-]+)", path.read_text(), re.MULTILINE)
    return {f"{name.lower().replace('_', '-')}=={version}" for name, version in found}


def test_the_lock_holds_every_pin_of_the_requirements() -> None:
    wanted = set().union(*(pins(ROOT / name) for name in LISTS))
    assert wanted
    assert sorted(wanted - pins(ROOT / "requirements.lock")) == [], "run: make lock"
