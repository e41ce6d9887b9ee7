"""Write the parts of the documentation that repeat the code: command help and the tree.

python docs/generate.py          write docs/commands/ and the tree in README.md
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
BEGIN, END = "<!-- tree: made by docs/generate.py -->", "<!-- end of tree -->"
MADE = "<!-- Made by `make docs` from the commands' own help; do not edit. -->"
WIDTH = 100

FOLDERS = ("ktrain_sentiment", "scripts", "benchmarks")
OTHERS = {
    "data/README.md": "data card of the named corpora",
    "docs/commands/": "help of every command, generated",
    "docs/architectures.md": "which encoders go the whole way, made by the tests",
    "requirements.txt": "pinned direct dependencies of a training install",
    "requirements.lock": "the whole environment with hashes",
    "tests/": "mirror the modules; offline",
    ".ci/run": "what CI runs",
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


def tree() -> str:
    """Every source file with the first sentence of its docstring."""
    lines = ["```text"]
    for folder in FOLDERS:
        lines += _lines_of(ROOT / folder, 0)
    lines += [f"{name:<34}{what}" for name, what in OTHERS.items()]
    return "\n".join([*lines, "```"])


def _lines_of(folder: Path, depth: int) -> list[str]:
    indent = "  " * depth
    head = _first_sentence(folder / "__init__.py") if (folder / "__init__.py").exists() else ""
    lines = [f"{indent}{folder.name + '/':<{34 - len(indent)}}{head}".rstrip()]
    for path in sorted(folder.iterdir(), key=lambda p: (p.is_dir(), p.name)):
        if path.is_dir() and any(path.glob("*.py")):
            lines += _lines_of(path, depth + 1)
        elif path.suffix == ".py" and path.name != "__init__.py":
            name = f"{indent}  {path.name}"
            lines.append(f"{name:<34}{_first_sentence(path)}".rstrip())
    return lines


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".")


def readme_with_tree() -> str:
    """README.md with its tree made anew."""
    text = README.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tree()}\n{END}{after}"


def main() -> int:
    """Write, or check, every document; pages of commands that are gone count as stale too."""
    pages = dict(command_pages())
    stale = [path for path in COMMANDS.glob("*.md") if path not in pages]
    for path, text in (*pages.items(), (README, readme_with_tree())):
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path)
    if "--check" in sys.argv and stale:
        names = ", ".join(sorted(str(path.relative_to(ROOT)) for path in stale))
        sys.stderr.write(f"out of date: {names}; run: make docs\n")
        return 1
    for path in stale:
        if path in pages or path == README:
            path.parent.mkdir(exist_ok=True)
            path.write_text(pages.get(path) or readme_with_tree(), "utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
