"""Training on more and more rows: how much memory it takes, how long until it learns, and kill -9.

    python benchmarks/larger_than_memory.py
    python benchmarks/larger_than_memory.py --rows 50000 --finish

Rows are invented and written to a Parquet file: texts of 5 to 35 words, 120 bytes, label by which
words stand in them. `train` runs on them in a process of its own with a tiny encoder (two layers,
32 wide), and is killed with -9 when it has learned for a while; then it goes on with --resume, and
with --finish to its end: export, figures, report. Memory is that of the training process, looked
at twenty times a second: what it cannot give back (`anonymous` in Linux's words), and with it the
pages of files that it has mapped, which it can. Linux only. Prints a table, then one JSON line.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from frame import BenchmarkFlags, describe, print_side_by_side
from processes import memory_of

from ktrain_sentiment.commands.frame import run
from ktrain_sentiment.errors import SentimentError

WORDS, LONGEST = 20_000, 48
BATCH, CHECKPOINT = 256, 50
HELD_OUT = 2_000
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, kw_only=True)
class Flags(BenchmarkFlags):
    """What to measure."""

    rows: tuple[int, ...] = (50_000, 500_000, 5_000_000)
    """How many rows, one training after the other."""

    seconds: int = 20
    """How long to learn before the process is killed, and after it goes on."""

    finish: bool = False
    """Let the training that goes on come to its end."""

    place: Path | None = None
    """A folder for data, runs and cache, which is removed in the end; a temporary one when left
    out."""


def task(flags: Flags) -> dict[str, Any]:
    """Measure each number of rows and show them side by side."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=flags.place) as place:
        home = Path(place)
        words = invented_words()
        build_encoder(home / "encoder", words)
        for rows in flags.rows:
            figures[f"{rows:,} rows"] = found = _measure(rows, words, home, flags)
            print(f"{rows:,} rows: {found}", file=sys.stderr)
    print_side_by_side("Training on more and more rows", figures, _cell)
    return {"machine": describe(), **figures}


def _cell(value: Any) -> str:  # noqa: ANN401
    return f"{value['value']:.1%}" if isinstance(value, dict) else f"{value:,}"


def invented_words() -> list[str]:
    """Different words of two to four syllables, in a fixed order."""
    syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprstvz", "aeiou")]
    chance = np.random.default_rng(0)
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(chance.choice(syllables, chance.integers(2, 5)))] = None
    return list(words)


def write_rows(path: Path, rows: int, words: list[str]) -> None:
    """Write texts and labels, a portion at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    chance = np.random.default_rng(1)
    polar = chance.normal(size=WORDS)
    known = np.array(words)
    schema = pa.schema({"text": pa.string(), "label": pa.string()})
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, 50_000):
            counts = chance.integers(5, 36, min(50_000, rows - first))
            # Words as unequally frequent as those of a language (Zipf).
            drawn = (WORDS ** chance.random(int(counts.sum()))).astype(np.int64) - 1
            parts = np.split(drawn, np.cumsum(counts)[:-1])
            texts = [" ".join(known[part]) for part in parts]
            sums = np.array([polar[part].sum() for part in parts])
            labels = np.where(sums > 0, "positive", "negative")
            writer.write_table(pa.table([pa.array(texts), pa.array(labels)], schema=schema))


def build_encoder(home: Path, words: list[str]) -> None:
    """A tiny BERT with random weights that has a token for every word."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    from ktrain_sentiment.export.keras_files import named_arrays
    from ktrain_sentiment.export.weights import to_torch_names, write_safetensors
    from ktrain_sentiment.training.backend import open_backend, seed_everything

    home.mkdir()
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.save(str(home / "tokenizer.json"))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokens = dict(zip(names, SPECIAL, strict=True))
    settings = {**tokens, "tokenizer_class": "BertTokenizerFast"}
    (home / "tokenizer_config.json").write_text(json.dumps(settings))
    (home / "special_tokens_map.json").write_text(json.dumps(tokens))
    backend = open_backend()
    seed_everything(backend, 0)
    config = backend.transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    model = backend.transformers.TFBertForSequenceClassification(config)
    model.build_in_name_scope()
    config.save_pretrained(str(home))
    weights = to_torch_names(named_arrays(model), config.model_type)
    write_safetensors(home / "model.safetensors", weights)


class Watched:
    """A training in a process of its own, and the most memory that it has had.

    Args:
        arguments: What `train` is given.
        home: Where its cache and its log lie.
    """

    def __init__(self, arguments: list[str], home: Path) -> None:
        """Start it."""
        command = [sys.executable, "-m", "ktrain_sentiment", "train", *arguments]
        environment = {**os.environ, "KTRAIN_SENTIMENT_CACHE": str(home / "cache")}
        self.log, self.begun = home / "log.txt", time.monotonic()
        self.peaks = {"RssAnon": 0, "VmRSS": 0}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self.begun

    def until(self, done: Any) -> None:  # noqa: ANN401 - any question without arguments
        """Look on until something is so, or the process ends."""
        while self.process.poll() is None and not done():
            self._look()
            time.sleep(0.05)

    def _look(self) -> None:
        # Both grow and shrink; the system's own high-water mark knows VmRSS alone.
        for name, held in memory_of(self.process.pid).items():
            self.peaks[name] = max(self.peaks[name], held)

    def must_run(self) -> None:
        """Refuse a training that ended before its time.

        Raises:
            SentimentError: It did.
        """
        if self.process.poll() is not None:
            raise SentimentError(f"the training ended: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def _measure(rows: int, words: list[str], home: Path, flags: Flags) -> dict[str, Any]:
    data, place = home / "data.parquet", home / "run"
    write_rows(data, rows, words)
    arguments = [
        str(data), "--encoder", str(home / "encoder"), "--run", str(place), "--epochs", "1",
        "--learning-rate", "1e-3", "--batch-size", str(BATCH), "--maxlen", str(LONGEST),
        "--validation", str(HELD_OUT), "--test", str(HELD_OUT),
        "--checkpoint-every", str(CHECKPOINT),
    ]  # fmt: skip
    kept = place / "checkpoints"
    found: dict[str, Any] = {"text on disk, MB": round(data.stat().st_size / 1e6)}

    def newest() -> float:
        files = [file for file in kept.rglob("*") if file.is_file()] if kept.is_dir() else []
        return max((file.stat().st_mtime for file in files), default=0.0)

    first = Watched(arguments, home)
    first.until(lambda: newest() > 0)
    first.must_run()
    found[f"s until {CHECKPOINT} steps are kept"] = round(first.seconds, 1)
    found["MB until then"] = round(first.peaks["RssAnon"] / 1024)
    end = first.seconds + flags.seconds
    first.until(lambda: first.seconds > end)
    first.must_run()
    first.kill()
    before = newest()
    again = Watched([*arguments, "--resume"], home)
    again.until(lambda: newest() > before)
    again.must_run()
    found["s until it goes on"] = round(again.seconds, 1)
    found["MB until it goes on"] = round(again.peaks["RssAnon"] / 1024)
    end = again.seconds + flags.seconds
    again.until(lambda: again.seconds > end)
    found["MB while learning"] = round(max(one.peaks["RssAnon"] for one in (first, again)) / 1024)
    if flags.finish:
        again.until(lambda: False)
        if again.process.returncode:
            raise SentimentError(f"the training failed: {again.log.read_text()[-2000:]}")
        found["MB to the end"] = round(again.peaks["RssAnon"] / 1024)
        found["s from resuming to the end"] = round(again.seconds)
        record = json.loads((place / "metrics.json").read_text())
        found["accuracy"] = record["test"]["accuracy"]
    else:
        again.kill()
    both = max(one.peaks["VmRSS"] for one in (first, again))
    found["MB with pages of files"] = round(both / 1024)
    shutil.rmtree(place)
    data.unlink()
    return found


if __name__ == "__main__":
    run(Flags, task, __doc__)
