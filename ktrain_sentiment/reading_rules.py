"""Names that every `--help` needs, apart from what they stand for: NumPy, the reader of tables."""

from __future__ import annotations

from typing import Literal

LongTexts = Literal["head", "tail", "head+tail", "windows"]
"""What is read of a text that is longer than a model reads at once (`predictor/long_texts.py`)."""

Engine = Literal["auto", "int8", "fp32", "openvino", "fastest"]
"""What computes predictions: auto takes int8, and fp32 where int8 was not kept; fastest what is
measured to be so on this machine (`inference/fastest.py`)."""

BY_ORDER = {"distance": 1, "squared": 2}
"""What mistakes in stars may cost, by name, and the power of their distance that this is."""

BETWEEN_LABELS = "|"
"""Between the labels of one text, where they are one string."""

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "excel", "txt"]
WrittenFormat = Literal["csv", "tsv", "jsonl", "parquet", "excel", "txt"]
"""What a table is kept in, when read and when written (`tables/formats.py`)."""
