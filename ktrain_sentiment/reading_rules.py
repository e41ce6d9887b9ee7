"""The names of the rules for texts longer than a model reads at once.

Apart from the rules themselves (`predictor/long_texts.py`), because every `--help` needs the names
and must not wait for NumPy.
"""

from __future__ import annotations

from typing import Literal

LongTexts = Literal["head", "tail", "head+tail", "windows"]
"""What is read of a text that is longer than a model reads at once."""
