"""How long the checks take, and how much memory, on a million rows.

    python benchmarks/data_checks.py
    python benchmarks/data_checks.py --rows 100000

Makes rows out of halves of real sentences (the named corpora), with known shares of exact, near
and similar repeats, and says how many of them were found. Prints a table, then one JSON line.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flags import BenchmarkFlags

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import CORPORA, LabelledTexts, corpus_path, split
from ktrain_sentiment.data.checks import check_rows
from ktrain_sentiment.data.repeats import check_repeats, check_splits

if TYPE_CHECKING:
    import pandas as pd

    from ktrain_sentiment.data import Splits


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    rows: int = 1_000_000
    """Rows to make."""


def make_rows(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of which 2 % repeat others exactly, 2 % but for case and links, 2 % but for a word."""
    import pandas as pd

    rng = random.Random(seed)  # noqa: S311
    sentences = [
        text.split()
        for name in CORPORA
        for text in pd.read_parquet(corpus_path(name))["text"]
        if text.count(" ") >= 7
    ]
    copies = {0: _exact, 1: _near, 2: _similar}
    texts: list[str] = []
    for number in range(rows):
        copy = copies.get(number % 50) if texts else None
        earlier = texts[rng.randrange(number)] if copy else ""
        texts.append(copy(earlier, rng) if copy else _new(sentences, rng))
    labels = [rng.choice(("negative", "positive")) for _ in texts]
    return pd.DataFrame({"text": texts, "label": labels, "row": range(1, rows + 1)})


def _new(sentences: list[list[str]], rng: random.Random) -> str:
    one, other = rng.choice(sentences), rng.choice(sentences)
    return " ".join([*one[: len(one) // 2], *other[len(other) // 2 :]])


def _exact(text: str, _rng: random.Random) -> str:
    return text


def _near(text: str, rng: random.Random) -> str:
    return f"{text.upper()}  https://t.co/{rng.randrange(1 << 30):x}"


def _similar(text: str, _rng: random.Random) -> str:
    return f"{text} indeed"


def peak_megabytes() -> float:
    """The most memory that this process has had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)


def measured(name: str, work: Callable[[], Any], figures: dict[str, Any]) -> Any:  # noqa: ANN401
    """Do the work, note its time and the peak of memory after it, and show both."""
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    figures[name] = {"seconds": round(seconds, 1), "peak_mb": round(peak_megabytes())}
    print(f"{name:<44}{seconds:>8.1f} s{peak_megabytes():>10,.0f} MB")
    return result


def task(flags: Flags) -> dict[str, Any]:
    """Measure each step and return the figures."""
    figures: dict[str, Any] = {"rows": flags.rows}
    print(f"{flags.rows:,} rows{'':<30}{'time':>10}{'peak memory':>13}")
    frame = measured("making them", lambda: make_rows(flags.rows), figures)
    texts = LabelledTexts(frame, "benchmark", "text", "label", config=DataConfig(data="benchmark"))
    repeats = measured("repeats: exact, near, similar, contradicting",
                       lambda: check_repeats(frame), figures)  # fmt: skip
    splits: Splits = measured("splitting, near repeats together",
                              lambda: split(texts, SplitConfig()), figures)  # fmt: skip
    measured("leaks across splits, near and similar", lambda: check_splits(splits), figures)
    measured("all checks", lambda: check_rows(texts), figures)
    figures["found"] = {finding.check: finding.rows for finding in repeats}
    for finding in repeats:
        print(f"  {finding.summary}")
    return figures


if __name__ == "__main__":
    run(Flags, task, __doc__)
