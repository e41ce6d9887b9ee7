"""Predict the labels of texts: from the command line, a file, or standard input.

    ktrain-sentiment predict "Not bad at all." "A waste of time."
    ktrain-sentiment predict --file reviews.csv --output scored.csv
    ktrain-sentiment predict --file reviews.parquet --output scored.xlsx --predictor runs/mine
    tail -f comments.log | ktrain-sentiment predict

Reads CSV, TSV, JSON Lines, Parquet, Excel and lines of text, and writes any of them. Every input
column is kept; new are `predicted`, `probability` and `p_<label>` for each label. Files are read
and written in chunks, so their size does not matter. Needs neither TensorFlow nor PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from tyro.conf import Positional

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.errors import ConfigError

if TYPE_CHECKING:
    from tqdm import tqdm

    from ktrain_sentiment.inference.scoring.outputs import Output
    from ktrain_sentiment.inference.scoring.scoring import ScoreOptions, ScoreReport
    from ktrain_sentiment.inference.scoring.sources import Source
    from ktrain_sentiment.prediction import Classifier

FileFormat = Literal["csv", "tsv", "jsonl", "parquet", "excel", "txt"]

COMMON = ("file", "predictor", "output", "text_column", "overwrite", "resume")
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """What to predict, with what, and where the answers go."""

    texts: Positional[tuple[str, ...]] = ()
    """Texts to predict; without any and without --file, standard input is read."""

    file: Path | None = None
    """A file with texts: CSV, TSV, JSON Lines, Parquet, Excel or lines of text."""

    predictor: Path | None = None
    """A predictor folder or a run folder; the newest run's predictor when left out."""

    engine: Literal["auto", "int8", "fp32", "openvino", "keras"] = "auto"
    """What computes; auto is int8, or fp32 where int8 lost too much."""

    output: Path | None = None
    """Where to write; standard output when left out. The suffix says the format."""

    overwrite: bool = False
    """Replace an output file that exists."""

    resume: bool = False
    """Go on where a stopped run on the same file ended."""

    text_column: str | None = None
    """Column that holds the texts; found by itself when there is one sensible choice."""

    abstain_below: float = 0.0
    """Leave the prediction empty where its probability is below this."""

    prefix: str = ""
    """Put before the names of the new columns."""

    input_format: FileFormat | None = None
    """Format of the input where its name does not say it; lines of text for standard input."""

    output_format: FileFormat | None = None
    """Format of the output where its name does not say it."""

    delimiter: str | None = None
    """Between the values of a CSV or TSV file: a character, or tab; found by itself."""

    quoting: Literal["auto", "yes", "no"] = "auto"
    """Whether double quotes hold a value of a CSV or TSV file together."""

    encoding: str | None = None
    """Encoding of a text file; found by itself."""

    sheet: str | None = None
    """Sheet of a workbook; the first when left out."""

    threads: int = 0
    """Cores to use; 0: all."""

    def __post_init__(self) -> None:
        """Refuse flags that contradict each other."""
        if self.texts and self.file:
            raise ConfigError("got texts and --file: give one of them")
        if self.resume and not (self.file and self.output):
            raise ConfigError("--resume needs --file and --output: nothing else can be continued")
        if not 0 <= self.abstain_below <= 1:
            raise ConfigError(f"--abstain-below {self.abstain_below}: wanted 0 to 1")
        if self.threads < 0:
            raise ConfigError(f"--threads {self.threads}: wanted 0 or more")


def task(flags: Flags) -> dict[str, Any]:
    """Load the predictor, score every row, and return the figures."""
    from ktrain_sentiment.inference.loading import find_predictor
    from ktrain_sentiment.inference.scoring import scoring

    if flags.output is not None:
        _refuse_existing(flags)
    folder = find_predictor(flags.predictor)
    classifier = _load(folder, flags)
    source = _open_source(flags)
    options = scoring.ScoreOptions(abstain_below=flags.abstain_below, prefix=flags.prefix)
    names = scoring.new_columns(source, classifier.labels, options)
    output = _open_output(flags, source, names, folder)
    report = _score(source, classifier, output, options, flags)
    _say(report, flags)
    return {**scoring.figures(report), "predictor": folder, "output": flags.output}


def _refuse_existing(flags: Flags) -> None:
    from ktrain_sentiment.atomic import refuse_existing
    from ktrain_sentiment.tables.formats import output_format

    assert flags.output is not None
    output_format(flags.output, flags.output_format)
    if flags.file and flags.output.resolve() == flags.file.resolve():
        raise ConfigError(f"--output {flags.output}: is the input; choose another name")
    if flags.output.is_dir():
        raise ConfigError(f"--output {flags.output}: is a folder; name a file in it")
    refuse_existing(flags.output, overwrite=flags.overwrite)


def _load(folder: Path, flags: Flags) -> Classifier:
    if flags.engine == "keras":
        from ktrain_sentiment.training.keras_classifier import load_keras

        return load_keras(folder)
    from ktrain_sentiment.inference import load

    return load(folder, flags.engine, threads=flags.threads)


def _open_source(flags: Flags) -> Source:
    from ktrain_sentiment.inference.scoring import openers, sources
    from ktrain_sentiment.tables import formats

    options = sources.ReadOptions(
        text_column=flags.text_column,
        delimiter=flags.delimiter,
        quoting=flags.quoting,
        encoding=flags.encoding,
        sheet=flags.sheet,
    )
    if flags.texts:
        return sources.open_texts(flags.texts)
    if flags.file:
        form = formats.input_format(flags.file, flags.input_format)
        return openers.open_file(flags.file, form, options)
    if sys.stdin.isatty():
        print("type texts, one a line; Ctrl-D ends", file=sys.stderr)
    return sources.open_pipe(sys.stdin.buffer, flags.input_format or "txt", options)


def _open_output(flags: Flags, source: Source, names: Sequence[str], folder: Path) -> Output:
    from ktrain_sentiment.inference.scoring import outputs
    from ktrain_sentiment.tables import formats

    if flags.output is None:
        form = flags.output_format or _pipe_format(flags)
        return outputs.PipeOutput(sys.stdout.buffer, form, source, names)
    form = formats.output_format(flags.output, flags.output_format)
    identity = outputs.identify(flags.file, folder, names, {
        "engine": flags.engine, "text column": source.text_column,
        "--abstain-below": flags.abstain_below, "format": form,
    })  # fmt: skip
    return outputs.open_output(flags.output, form, source, names, identity, resume=flags.resume)


def _pipe_format(flags: Flags) -> FileFormat:
    """The format of standard output: that of the input, as far as it is text."""
    from ktrain_sentiment.tables import formats

    if flags.texts:
        return "txt"
    form = flags.input_format or (formats.input_format(flags.file, None) if flags.file else "txt")
    if form in {"parquet", "excel"}:
        return "csv"
    return "jsonl" if form == "json" else form


def _score(
    source: Source,
    classifier: Classifier,
    output: Output,
    options: ScoreOptions,
    flags: Flags,
) -> ScoreReport:
    from tqdm import tqdm

    from ktrain_sentiment.inference.scoring.scoring import score

    shown = None if flags.file and not flags.quiet else True
    with tqdm(total=source.lines, unit=" lines", initial=output.done, disable=shown) as bar:
        try:
            return score(source, classifier, output, options, lambda line: _move(bar, line))
        except KeyboardInterrupt:
            again = "; add --resume to go on from there" if flags.file and flags.output else ""
            raise KeyboardInterrupt(f"stopped after line {bar.n}{again}") from None


def _move(bar: tqdm[NoReturn], line: int) -> None:
    bar.update(line - bar.n)


def _say(report: ScoreReport, flags: Flags) -> None:
    """What happened, on standard error: standard output may be the output."""
    if flags.quiet or not (flags.file or flags.output):
        return
    counts = ", ".join(f"{count:,} {label}" for label, count in report.labels.most_common())
    notes = {
        "abstained from": report.abstained,
        "longer than the model reads": report.truncated,
        "bad, kept without a prediction": report.bad,
    }
    told = [f"{report.rows:,} rows", counts, *(f"{n:,} {what}" for what, n in notes.items() if n)]
    speed = f"{report.texts_per_second:,.0f} texts a second"
    print("; ".join(filter(None, [*told, speed])), file=sys.stderr)
