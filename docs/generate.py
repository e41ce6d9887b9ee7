"""Write the parts of the documentation that repeat the code: command help and the tree.

python docs/generate.py          write docs/commands.md and the tree in README.md
python docs/generate.py --check  only say whether they are up to date (exit code 1 if not)

A test calls the second form, so neither can drift from the code.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ROOT / "docs" / "commands.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- tree: made by docs/generate.py -->", "<!-- end of tree -->"

FOLDERS = ("ktrain_sentiment", "scripts", "benchmarks")
OTHERS = {
    "data/README.md": "data card of the named corpora",
    "docs/commands.md": "help of every script, generated",
    "docs/architectures.md": "which encoders go the whole way, made by the tests",
    "requirements.txt": "pinned direct dependencies of a training install",
    "requirements.lock": "the whole environment with hashes",
    "tests/": "mirror the modules; offline",
    ".ci/run": "what CI runs",
}


def commands_page() -> str:
    """The help of every script, as it prints it, on one page."""
    head = "# Commands\n\nMade by `make docs` from the scripts' own help; do not edit.\n"
    scripts = sorted((ROOT / "scripts").glob("*.py"))
    return "\n".join(
        [head, *(f"## scripts/{s.name}\n\n```text\n{help_of(s)}\n```\n" for s in scripts)]
    )


def help_of(script: Path) -> str:
    """What a script prints for --help, 100 columns wide, without colours."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(
        [sys.executable, f"scripts/{script.name}", "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())


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
    """Write, or check, both documents."""
    stale = []
    for path, text in ((COMMANDS, commands_page()), (README, readme_with_tree())):
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    if "--check" in sys.argv and stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run: make docs\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
