"""What all benchmarks have in common: a flag, the machine, and figures of several as one table."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.inference.runners import cpu_flags


@dataclass(frozen=True, kw_only=True)
class BenchmarkFlags(ScriptFlags):
    """Flags that every benchmark has."""

    json: bool = True
    """End standard output with one JSON line that holds the figures."""


def print_side_by_side(
    title: str, figures: Mapping[str, Mapping[str, Any]], cell: Callable[[Any], str]
) -> None:
    """Print a column a contender and a row a figure, in the order of the first contender's."""
    table = Table(title=title)
    table.add_column("")
    for name in figures:
        table.add_column(name, justify="right")
    for key in next(iter(figures.values())):
        table.add_row(key.replace("_", " "), *(cell(found[key]) for found in figures.values()))
    Console(width=140).print(table)


SAYING = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8")
"""Features that decide which precision is fast, by the names of Linux."""

AVX2_ALONE = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
"""Environment in which TensorFlow and PyTorch use nothing above AVX2. ONNX Runtime and OpenVINO
have no such switch, so that prediction cannot be emulated."""

TENSORFLOW_ALONE = {"TF_ENABLE_ONEDNN_OPTS": "0"}
"""What TensorFlow decides for itself where the CPU has no AVX-512 VNNI (`tsl/util/util.cc`); it
looks at the real CPU, so that an emulation must say it."""


def describe(emulated: bool = False) -> str:
    """The GPU, if any; the number of cores and the features that count, for a table's title."""
    if emulated:
        return f"{os.cpu_count()} cores, AVX2 alone (emulated)"
    found = [name for name in SAYING if name in cpu_flags()]
    return f"{_gpus()}{os.cpu_count()} cores, {' '.join(found) or 'none of ' + ' '.join(SAYING)}"


def _gpus() -> str:
    """The names of NVIDIA's GPUs, each followed by a comma."""
    if not shutil.which("nvidia-smi"):
        return ""
    asked = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    named = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return "".join(f"{name}, " for name in named.splitlines())
