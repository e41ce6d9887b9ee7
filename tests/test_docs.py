"""The documentation says what the code does."""

import re
import subprocess
import sys

from support.process import ROOT, run_python


def test_generated_documentation_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_page_has_what_the_command_prints() -> None:
    code = """
import sys
from ktrain_sentiment.commands.dispatch import main
sys.argv = ["ktrain-sentiment", "train", "--help"]
main()
"""
    shown = run_python("-c", code, environment={"COLUMNS": "100"}).stdout
    page = (ROOT / "docs" / "commands" / "train.md").read_text()
    assert page.endswith(f"# ktrain-sentiment train\n\n```text\n{shown}```\n")


def test_every_script_the_readme_names_exists() -> None:
    named = set(re.findall(r"(?:scripts|benchmarks)/\w+\.py", (ROOT / "README.md").read_text()))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


CALL = re.compile(
    r"(?:python scripts/(?P<script>\w+)\.py|ktrain-sentiment (?P<name>[a-z-]+)) (?P<rest>[^|\n]*)"
)


def test_every_flag_the_readme_shows_is_known_to_its_command() -> None:
    readme = (ROOT / "README.md").read_text().replace("\\\n", " ")
    calls = list(CALL.finditer(readme))
    assert len(calls) > 10
    for call in calls:
        door = call["script"] and (ROOT / "scripts" / f"{call['script']}.py").read_text()
        name = re.findall(r'main\("([a-z-]+)"\)', door)[0] if door else call["name"]
        page = (ROOT / "docs" / "commands" / f"{name}.md").read_text()
        for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", call["rest"]):
            assert f" {flag}" in page, f"{name} has no {flag}"


def test_every_picture_the_readme_shows_exists() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert pictures
    assert [name for name in pictures if not (ROOT / name).is_file()] == []
