"""The house keeps its order: imports point down, no rings, one door to TensorFlow."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from support.imports import Import, imports_of, modules_below, ring_among
from support.process import ROOT, run_code

PACKAGE = "ktrain_sentiment"

LAYERS = {
    "errors": 0, "messages": 0, "reading_rules": 0, "version": 0, "words": 0,
    "cleaning": 1, "config": 1, "inputs": 1, "prediction": 1, "refusals": 1,
    "remote": 1, "runs": 1,
    "atomic": 2,
    "diskarrays": 3, "tables": 3, "tasks": 3, "templates": 3,
    "data": 4, "encoders": 4, "evaluation": 4, "predictor": 4,
    "export": 5, "report": 5,
    "inference": 6,
    "training": 7,
    "workflow": 8,
    "api": 9, "scale": 9, "serve": 9,
    "sklearn": 10,
    "commands": 11, "__main__": 12,
}  # fmt: skip
"""The layer of each part of the package; a part may import parts of lower layers alone."""

DOOR = f"{PACKAGE}.training.backend"
BEHIND_THE_DOOR = {"tensorflow", "tf_keras", "keras", "ktrain", "transformers", "torch"}

ADAPTERS = {
    "onnx": {"export.onnx_writer"},
    "onnxruntime": {"predictor.onnx_session"},
    "openvino": {"inference.runners"},
    "safetensors": {"export.weights"},
    "tf2onnx": {"training.keras_classifier"},
    "tokenizers": {"predictor.tokenization", "data.lengths"},
}
"""Which modules speak to a library of models, so that its traps are known in one place."""

NEVER_AT_IMPORT = sorted(BEHIND_THE_DOOR | {"onnxruntime", "sklearn", "matplotlib", "openvino"})


def part_of(module: str) -> str:
    """The part of the package to which a module belongs; empty for the package itself."""
    return [*module.split("."), ""][1]


def points_up(found: Import) -> str | None:
    """What is wrong with an import inside the package, if something is."""
    importer, imported = part_of(found.importer), part_of(found.imported)
    if importer == imported:
        return None
    if not importer:
        lowest = imported == "version"
        ok = lowest or found.lazy or found.typing
        return None if ok else f"{found}: the front door opens other parts only when asked"
    if not imported:
        return f"{found}: the front door is for users, name the part"
    if LAYERS[imported] >= LAYERS[importer]:
        return f"{found}: layer {LAYERS[importer]} may import lower layers, not {LAYERS[imported]}"
    return None


def layer_problems(modules: Mapping[str, Path]) -> list[str]:
    """Imports that point up or sideways, and parts that have no layer yet."""
    unknown = sorted({part_of(name) for name in modules} - LAYERS.keys() - {""})
    if unknown:
        return [f"{part} has no layer: give it one in the design and in LAYERS" for part in unknown]
    inside = [found for found in imports_of(modules) if found.imported.split(".")[0] == PACKAGE]
    return [problem for found in inside if (problem := points_up(found))]


def door_problems(modules: Mapping[str, Path]) -> list[str]:
    """Imports of TensorFlow and its kin that do not go through the one door."""
    return [
        f"{found}: only {DOOR} may"
        for found in imports_of(modules)
        if found.imported.split(".")[0] in BEHIND_THE_DOOR
        and found.importer != DOOR
        and not found.typing
    ]


def adapter_problems(modules: Mapping[str, Path]) -> list[str]:
    """Imports of a library of models outside of its adapter."""
    return [
        f"{found}: only {', '.join(sorted(ADAPTERS[library]))} may"
        for found in imports_of(modules)
        if (library := found.imported.split(".")[0]) in ADAPTERS
        and found.importer.removeprefix(f"{PACKAGE}.") not in ADAPTERS[library]
        and not found.typing
    ]


def script_problems(modules: Mapping[str, Path]) -> list[str]:
    """Imports of one script by another."""
    return [
        f"{found}: scripts never import each other"
        for found in imports_of(modules)
        if found.imported in modules or found.imported.split(".")[0] == "scripts"
    ]


def ring_in(modules: Mapping[str, Path]) -> list[str]:
    """A ring of imports inside the package, its front door left out."""
    inside = [found for found in imports_of(modules) if found.imported in modules]
    # The front door opens everything, lazily; a ring through it is found by `points_up`.
    return ring_among(found for found in inside if PACKAGE not in (found.importer, found.imported))


@pytest.fixture(scope="module")
def ours() -> dict[str, Path]:
    return modules_below(ROOT / PACKAGE, PACKAGE)


# The package as it is


def test_imports_point_down(ours: dict[str, Path]) -> None:
    assert layer_problems(ours) == []


def test_no_modules_import_each_other_in_a_ring(ours: dict[str, Path]) -> None:
    assert ring_in(ours) == []


def test_tensorflow_and_ktrain_have_one_door(ours: dict[str, Path]) -> None:
    assert door_problems(ours) == []


def test_the_patches_of_the_libraries_are_made_by_the_door_alone(ours: dict[str, Path]) -> None:
    patches = DOOR.replace("backend", "patches")
    importers = {found.importer for found in imports_of(ours) if found.imported == patches}
    assert importers == {DOOR}


def test_a_file_name_in_a_traceback_names_one_file(ours: dict[str, Path]) -> None:
    names = Counter(path.name for path in ours.values() if path.name != "__init__.py")
    assert [name for name, times in names.items() if times > 1] == []


def test_libraries_of_models_have_their_adapters(ours: dict[str, Path]) -> None:
    assert adapter_problems(ours) == []


def test_every_file_of_the_project_that_another_one_names_is_there() -> None:
    folders = ("ktrain_sentiment", "tests", "scripts", "benchmarks", "docs", "examples", "data")
    named = re.compile(rf"\b(?:{'|'.join(folders)})/[\w./-]+\.(?:py|md|ya?ml)\b")
    kinds = {".md", ".py", ".toml", ".yaml", ".yml"}
    everything = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    files = [path for path in everything if "node_modules" not in path.parts]  # npm's, not ours.
    written = [path for path in [*files, *ROOT.iterdir()] if path.suffix in kinds]
    found = {(path, name) for path in written for name in named.findall(path.read_text("utf-8"))}
    assert len(found) > 100
    assert [(path.name, name) for path, name in found if not (ROOT / name).exists()] == []


def test_scripts_never_import_each_other() -> None:
    assert script_problems(modules_below(ROOT / "scripts")) == []


def test_no_script_shadows_a_standard_module() -> None:
    names = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert names & (sys.stdlib_module_names | {"tokenizers", "datasets", "evaluate"}) <= {
        "evaluate"
    }


def brought_in(imported: Iterable[str], watched: Iterable[str]) -> list[str]:
    """Which of the watched modules a fresh process has after importing."""
    done = run_code(
        f"""
        import importlib, json, sys
        for name in {list(imported)!r}:
            importlib.import_module(name)
        print(json.dumps([name for name in {list(watched)!r} if name in sys.modules]))
        """
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_importing_the_package_is_cheap() -> None:
    heavy = [*NEVER_AT_IMPORT, "numpy", "pandas", "pyarrow", "tokenizers", "tyro", "rich", "yaml"]
    assert brought_in([PACKAGE], heavy) == []


def test_no_module_brings_tensorflow_in_when_it_is_imported(ours: dict[str, Path]) -> None:
    # These derive from classes of scikit-learn and pyspark, and are the doors to them alone.
    estimator, stage = f"{PACKAGE}.sklearn", f"{PACKAGE}.scale.spark_stage"
    rest = ours.keys() - {estimator, stage}
    assert brought_in(sorted(rest), [*NEVER_AT_IMPORT, "pyspark", "ray"]) == []
    assert brought_in([*rest, estimator], BEHIND_THE_DOOR) == []


def test_inference_and_what_it_stands_on_never_name_tensorflow(ours: dict[str, Path]) -> None:
    named = [
        str(found)
        for found in imports_of(ours)
        if part_of(found.importer) in {"inference", "prediction", "predictor"}
        and found.imported.split(".")[0] in BEHIND_THE_DOOR
    ]
    assert named == []


# The checks can fail: trees that break each rule


@pytest.fixture
def tree(tmp_path: Path):
    """Writes modules, given as name and source, and lists them."""

    def grow(**sources: str) -> dict[str, Path]:
        for name, source in sources.items():
            path = tmp_path.joinpath(PACKAGE, *name.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        for folder in (tmp_path / PACKAGE).rglob("*"):
            if folder.is_dir():
                (folder / "__init__.py").touch()
        (tmp_path / PACKAGE / "__init__.py").touch()
        return modules_below(tmp_path / PACKAGE, PACKAGE)

    return grow


def test_an_import_of_a_higher_layer_is_found(tree) -> None:
    modules = tree(errors="from ktrain_sentiment import config", config="")
    assert layer_problems(modules) == [
        "ktrain_sentiment.errors:1 imports ktrain_sentiment.config: "
        "layer 0 may import lower layers, not 1"
    ]


def test_an_import_of_a_neighbour_in_the_same_layer_is_found(tree) -> None:
    modules = tree(data__reading="from ktrain_sentiment.encoders import resolve", encoders__hub="")
    assert len(layer_problems(modules)) == 1


def test_an_import_that_points_up_inside_a_function_is_found_and_told_apart(tree) -> None:
    modules = tree(
        data__reading="def f():\n    import ktrain_sentiment.training.backend",
        training__backend="",
    )
    (problem,) = layer_problems(modules)
    assert "data.reading:2 imports ktrain_sentiment.training.backend (in a function)" in problem


def test_a_relative_import_that_points_up_is_found(tree) -> None:
    modules = tree(data__reading="from ..training import backend", training__backend="")
    assert len(layer_problems(modules)) == 1


def test_an_import_that_points_down_is_fine(tree) -> None:
    modules = tree(
        training__backend="from ktrain_sentiment.data.reading import x\nfrom . import tokens",
        training__tokens="import numpy",
        data__reading="from ktrain_sentiment import errors",
        errors="",
    )
    assert layer_problems(modules) == []
    assert ring_in(modules) == []


def test_an_import_through_the_front_door_is_found(tree) -> None:
    modules = tree(training__backend="from ktrain_sentiment import load")
    assert "the front door is for users" in layer_problems(modules)[0]


def test_a_part_without_a_layer_is_found(tree) -> None:
    assert "utils has no layer" in layer_problems(tree(utils=""))[0]


def test_a_ring_is_found(tree) -> None:
    modules = tree(
        data__a="from ktrain_sentiment.data import b",
        data__b="from ktrain_sentiment.data.c import x",
        data__c="import ktrain_sentiment.data.a",
        data__d="from ktrain_sentiment.data import a",
    )
    assert set(ring_in(modules)) == {f"ktrain_sentiment.data.{letter}" for letter in "abc"}


def test_a_ring_that_a_function_closes_is_found(tree) -> None:
    modules = tree(
        data__a="from ktrain_sentiment.data import b",
        data__b="def f():\n    from ktrain_sentiment.data import a",
    )
    assert ring_in(modules)


def test_an_import_for_type_checkers_makes_no_ring(tree) -> None:
    modules = tree(
        data__a="from ktrain_sentiment.data import b",
        data__b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from ktrain_sentiment.data import a",
    )
    assert ring_in(modules) == []


@pytest.mark.parametrize(
    "source",
    [
        "import tensorflow as tf",
        "def f():\n    from tensorflow.keras import layers",
        "import importlib\ndef f():\n    return importlib.import_module('ktrain.text')",
        "from ktrain_sentiment.errors import require\ndef f():\n    require('transformers', 'x')",
    ],
)
def test_another_door_to_tensorflow_is_found(tree, source: str) -> None:
    assert len(door_problems(tree(inference__engine=source))) == 1


@pytest.mark.parametrize("library", sorted(ADAPTERS))
def test_a_library_used_beside_its_adapter_is_found(tree, library: str) -> None:
    modules = tree(workflow__jobs=f"def f():\n    from {library} import anything")
    assert len(adapter_problems(modules)) == 1


def test_a_script_that_imports_a_script_is_found(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("from find_lr import main")
    (tmp_path / "find_lr.py").write_text("import scripts.train")
    assert len(script_problems(modules_below(tmp_path))) == 2


def test_a_heavy_import_is_noticed_in_a_process() -> None:
    assert brought_in(["json", "yaml"], ["yaml", "tensorflow"]) == ["yaml"]
