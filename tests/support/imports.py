"""Reads who imports whom from source files, without importing any of them."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

DYNAMIC = {"require", "import_module", "__import__", "importorskip"}


@dataclass(frozen=True)
class Import:
    """One module imports another.

    `lazy`: inside a function, so only when that runs. `typing`: for type checkers alone.
    """

    importer: str
    imported: str
    line: int
    lazy: bool
    typing: bool

    def __str__(self) -> str:
        how = " (in a function)" if self.lazy else ""
        return f"{self.importer}:{self.line} imports {self.imported}{how}"


def modules_below(folder: Path, prefix: str = "") -> dict[str, Path]:
    """Dotted name and file of each module in a folder; a package has its own name."""
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(part for part in (prefix, *parts) if part and part != "__init__")
        modules[name] = path
    return modules


def imports_of(modules: Mapping[str, Path]) -> list[Import]:
    """Every import in the modules, of each other and of anything else."""
    return [found for name, path in modules.items() for found in _read(name, path, modules)]


def _read(name: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, lazy, typing in _walk(tree, lazy=False, typing=False):
        for target in _targets(node, package, modules):
            if target != name:
                yield Import(name, target, getattr(node, "lineno", 0), lazy, typing)


def _walk(node: ast.AST, lazy: bool, typing: bool) -> Iterator[tuple[ast.AST, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, lazy, typing
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _walk(child, lazy or inside, typing or guarded)


def _targets(node: ast.AST, package: str, modules: Mapping[str, Path]) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        root = _absolute(node, package)
        below = {f"{root}.{alias.name}" for alias in node.names}
        # `from package import module` imports the module; other names are the package's own.
        inside = below & modules.keys()
        return sorted(inside) if inside == below else sorted({root, *inside})
    if isinstance(node, ast.Call) and node.args:
        called = ast.unparse(node.func).rpartition(".")[2]
        first = node.args[0]
        if called in DYNAMIC and isinstance(first, ast.Constant) and isinstance(first.value, str):
            return [first.value]
    return []


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def ring_among(imports: Iterable[Import]) -> list[str]:
    """A ring of modules that import one another, first and last the same; empty without one.

    Imports in functions count, those for type checkers do not.
    """
    graph: dict[str, set[str]] = {}
    for found in imports:
        if not found.typing:
            graph.setdefault(found.importer, set()).add(found.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
