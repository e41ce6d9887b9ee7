"""The documentation says what the code does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def pages() -> list[Path]:
    """What people read that is not made from the code."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_flag_that_the_documentation_shows_is_known_to_its_command() -> None:
    text = "\n".join(page.read_text() for page in pages()).replace("\\\n", " ")
    calls = list(CALL.finditer(text))
    assert len(calls) > 30
    for call in calls:
        door = call["script"] and (ROOT / "scripts" / f"{call['script']}.py").read_text()
        name = re.findall(r'main\("([a-z-]+)"\)', door)[0] if door else call["name"]
        page = (ROOT / "docs" / "commands" / f"{name}.md").read_text()
        for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", call["rest"]):
            assert f" {flag}" in page, f"{name} has no {flag}"


LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def test_every_page_and_picture_that_the_documentation_links_to_exists() -> None:
    links = [(page, link) for page in pages() for link in LINK.findall(page.read_text())]
    assert len(links) > 20
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert (ROOT / "README.md").stat().st_size < 10_500


def test_the_site_builds_without_a_warning_and_asks_no_other_host(tmp_path: Path) -> None:
    # A copy: the builder takes no pages from outside its folder, and leaves a cache in it.
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    config = tmp_path / "mkdocs.yml"
    done = run_python("-m", "zensical", "build", "--strict", "--config-file", config)
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "build" / "site"
    asked = re.findall(
        r'<(?:script|link|img)[^>]*(?:src|href)="(https?://[^"]+)"',
        (site / "index.html").read_text(),
    )
    assert asked == []
    reference = (site / "reference" / "index.html").read_text()
    assert all(name in reference for name in ("find_lr", "SentimentClassifier", "Prediction"))
