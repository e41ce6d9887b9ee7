"""Write the parts of the documentation that repeat the code: command help and the tree.

python docs/generate.py          write docs/commands/, and the trees in README.md and docs/house.md
python docs/generate.py --check  only say whether they are up to date (exit code 1 if not)

A test calls the second form, so neither can drift from the code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ROOT / "docs" / "commands"
README = ROOT / "README.md"
HOUSE = ROOT / "docs" / "house.md"
BEGIN, END = "<!-- tree: made by docs/generate.py -->", "<!-- end of tree -->"
MADE = "<!-- Made by `make docs` from the commands' own help; do not edit. -->"
WIDTH = 100

FOLDERS = ("ktrain_sentiment", "scripts", "benchmarks")
OTHERS = {
    "data/": "data card of the named corpora",
    "docs/": "one page a task, a page a command; `make site`",
    "examples/": "a notebook, a page that needs no server, and what servers run with",
    "requirements/": "lists of pins; requirements.lock has the hashes",
    "tests/": "mirror the modules; offline",
    "Dockerfile, compose.yaml": "a server, and Prometheus beside it",
    ".ci/run": "what CI runs",
}

SAID = {
    "scripts": "doors of a few lines to the commands: `python scripts/train.py`",
    "benchmarks": "every figure of the documentation, with the peers in the same run",
    "workers": "one process a peer",
}

INDEX = """
A command is called as `ktrain-sentiment train`, as `python -m ktrain_sentiment train` or, from a
clone, as `python scripts/train.py`.

{table}

With `--json`, the last line of standard output is one JSON object with the figures; messages and
progress go to standard error. `--config FILE` reads flags from a YAML or JSON file first, such as
the `config.yaml` of a run.

| exit code | meaning |
|---:|---|
| 0 | done |
| 1 | training failed, disk or memory is full (one line); an internal error (with a traceback) |
| 2 | the input or the flags are wrong: one line says what was given, what was wanted, what to do |
| 130 | interrupted with Ctrl-C; 143 and 129 after the signals TERM and HUP |
| 141 | whoever read the output went away |
"""


def command_pages() -> Iterator[tuple[Path, str]]:
    """A page for each command with what it prints for --help, and one that lists them."""
    from ktrain_sentiment.commands.dispatch import COMMANDS as ABOUT
    from ktrain_sentiment.commands.dispatch import PROGRAM, help_of

    rows = [f"| [{name}]({name}.md) | {about} |" for name, about in ABOUT.items()]
    table = "\n".join(["| command | what it does |", "|---|---|", *rows])
    yield COMMANDS / "index.md", f"{MADE}\n\n# Commands\n{INDEX.format(table=table)}"
    for name in ABOUT:
        title = f"{PROGRAM} {name}"
        text = help_of(name, title, width=WIDTH).rstrip()
        yield COMMANDS / f"{name}.md", f"{MADE}\n\n# {title}\n\n```text\n{text}\n```\n"


def folders() -> str:
    """The folders, a line each: what fits on one screen of the README."""
    package = ROOT / FOLDERS[0]
    parts = sorted(folder for folder in package.iterdir() if (folder / "__init__.py").exists())
    lines = [_line(package.name + "/", 0, _first_sentence(package / "__init__.py"))]
    lines += [_line(f"{p.name}/", 1, _first_sentence(p / "__init__.py")) for p in parts]
    lines += [_line(name + "/", 0, _first_sentence(ROOT / name / "__init__.py"))
              for name in FOLDERS[1:]]  # fmt: skip
    lines += [_line(name, 0, about) for name, about in OTHERS.items()]
    return "\n".join(["```text", *lines, "```"])


def tree() -> str:
    """Every module of the package and every benchmark with the first sentence of its docstring."""
    found = [line for name in FOLDERS for line in _lines_of(ROOT / name, 0)]
    return "\n".join(["```text", *found, "```"])


def _lines_of(folder: Path, depth: int) -> list[str]:
    lines = [_line(folder.name + "/", depth, _first_sentence(folder / "__init__.py"))]
    for path in sorted(folder.iterdir(), key=lambda p: (p.is_dir(), p.name)):
        if path.is_dir() and any(path.glob("*.py")):
            lines += _lines_of(path, depth + 1)
        elif path.suffix == ".py" and path.name != "__init__.py":
            lines.append(_line(path.name, depth + 1, _first_sentence(path)))
    return lines


def _line(name: str, depth: int, about: str) -> str:
    return f"{'  ' * depth + name:<30}{about}".rstrip()


def _first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring; of a folder without one, nothing is said."""
    if not path.exists():
        return SAID.get(path.parent.name, "")
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".")


def with_part(path: Path, part: str) -> str:
    """A page with the part between its marks made anew."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{part}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write, or check, every document; pages of commands that are gone count as stale too."""
    pages = dict(command_pages())
    stale = [path for path in COMMANDS.glob("*.md") if path not in pages]
    pages |= {README: with_part(README, folders()), HOUSE: with_part(HOUSE, tree())}
    for path, text in pages.items():
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path)
    if "--check" in sys.argv and stale:
        names = ", ".join(sorted(str(path.relative_to(ROOT)) for path in stale))
        sys.stderr.write(f"out of date: {names}; run: make docs\n")
        return 1
    for path in stale:
        if path in pages:
            path.parent.mkdir(exist_ok=True)
            path.write_text(pages[path], "utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
