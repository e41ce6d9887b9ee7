"""The documentation says what the code does."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_generated_documentation_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_line_of_help_is_filled_before_the_next_begins() -> None:
    lines = (ROOT / "docs" / "commands.md").read_text().splitlines()
    early = [
        line
        for line, following in itertools.pairwise(lines)
        if line.startswith("│  ") and following.startswith("│  ") and following.strip("│ ")
        and len(line.rstrip("│ ")) + 1 + len(following.split()[1]) <= len(line) - 2
    ]  # fmt: skip
    assert early == []


def test_every_script_the_readme_names_exists() -> None:
    named = set(re.findall(r"(?:scripts|benchmarks)/\w+\.py", (ROOT / "README.md").read_text()))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_every_flag_the_readme_shows_is_known_to_its_script() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = (ROOT / "docs" / "commands.md").read_text()
    for script, rest in re.findall(r"python (scripts/\w+\.py)([^\n]*)", readme):
        section = commands.split(f"## {script}", 1)[1].split("\n## ", 1)[0]
        for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest.split("|")[0]):
            assert flag in section, f"{script} has no {flag}"


def test_every_picture_the_readme_shows_exists() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert pictures
    assert [name for name in pictures if not (ROOT / name).is_file()] == []
