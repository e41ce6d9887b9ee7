"""Python environments for the tools that this project is measured beside, made with plain pip."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HOME = Path("~/.cache/ktrain-sentiment")
"""Where they are made unless a script is told otherwise."""

PACKAGES = {
    "torch": ("torch==2.13.0", "transformers==5.23.0", "accelerate==1.15.0"),
    "torch-server": (
        "torch==2.13.0",
        "transformers==5.23.0",
        "fastapi==0.165.0",
        "uvicorn[standard]==0.54.0",
    ),
    "openvino": ("openvino==2026.4.1", "nncf==3.4.0", "tokenizers==0.21.4"),
    "transformers4": ("tensorflow==2.21.0", "tf_keras==2.21.0", "transformers==4.54.1"),
    "ktrain": ("ktrain==0.41.4", "tensorflow==2.21.0", "tf_keras==2.21.0", "transformers==4.54.1"),
    "setfit": ("setfit==1.2.0", "torch==2.13.0"),
    "onnxruntime": ("onnxruntime==1.31.1", "onnx==1.23.1", "tokenizers==0.21.4"),
}
"""What each environment has."""


def interpreter(name: str, home: Path = HOME) -> Path:
    """The Python of an environment, which is made when it is missing or has other packages.

    Args:
        name: One of `PACKAGES`.
        home: Folder that holds the environments.
    """
    place = home.expanduser() / f"{name}-environment"
    python, stamp, packages = place / "bin" / "python", place / "complete", PACKAGES[name]
    wanted = "\n".join(packages)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making an environment with {', '.join(packages)} in {place}", file=sys.stderr)
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", *packages], check=True)
        stamp.write_text(wanted)
    return python
