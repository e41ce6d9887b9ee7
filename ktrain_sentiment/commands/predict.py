"""Predict the labels of texts: from the command line, a file, or standard input.

    ktrain-sentiment predict "Not bad at all." "A waste of time."
    ktrain-sentiment predict --file reviews.csv --output scored.csv
    ktrain-sentiment predict --file reviews.parquet --output scored.xlsx --predictor runs/mine
    ktrain-sentiment predict "Not bad at all." --costs negative:positive=5
    tail -f comments.log | ktrain-sentiment predict

Reads CSV, TSV, JSON Lines, Parquet, Excel and lines of text, and writes any of them. Every input
column is kept; new are `predicted`, `probability` and `p_<label>` for each label. Files are read
and written in chunks, so their size does not matter; a run that was stopped goes on with --resume.
Needs neither TensorFlow nor PyTorch.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from tyro.conf import Positional

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.errors import ConfigError, DataError, SentimentError, printable
from ktrain_sentiment.messages import flag_of
from ktrain_sentiment.reading_rules import Engine, Format, LongTexts, WrittenFormat
from ktrain_sentiment.refusals import refuse_threshold
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.runs import RUNS

if TYPE_CHECKING:
    from tqdm import tqdm

    from ktrain_sentiment.inference.scoring import ScoreOptions, ScoreReport, TextTable
    from ktrain_sentiment.inputs import Inputs
    from ktrain_sentiment.prediction import Classifier
    from ktrain_sentiment.tables.outputs import Output
    from ktrain_sentiment.tables.writing import OutputDialect, OutputSchema

COMMON = ("file", "predictor", "output", "text_column", "overwrite", "resume", "on")
"""Flags that help shows first."""

SECTIONS = {
    "What computes": ("long_texts", "engine", "threads", "unchecked"),
    "On a cluster": ("master", "spark_conf"),
    "What is written": (
        "abstain_below",
        "costs",
        "prefix",
        "output_format",
        "output_encoding",
        "output_delimiter",
        "excel_csv",
    ),
    "How a file is read, where that is not found by itself": (
        "input_format",
        "delimiter",
        "quoting",
        "encoding",
        "columns",
        "sheet",
    ),
}
"""Titles in help, and the flags under them."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """What to predict, with what, and where the answers go."""

    texts: Positional[tuple[str, ...]] = ()
    """Texts to predict; without any and without --file, standard input is read."""

    file: str | None = None
    """A file with texts: CSV, TSV, JSON, JSON Lines, Parquet, Excel or lines of text, compressed or
    in a ZIP archive; a quoted pattern such as "exports/*.csv"; a URL such as s3://bucket/x.csv; or
    - for standard input."""

    predictor: Path | None = None
    """A predictor folder or a run folder, or its URL; the newest run's predictor when left out."""

    engine: Literal[Engine, "keras"] = "auto"
    """What computes; auto is int8, or fp32 where int8 lost too much; fastest is measured on this
    machine, once."""

    long_texts: LongTexts | None = None
    """What is read of texts longer than the model reads at once: head or tail (one end), head+tail
    (a quarter from the beginning), or windows (everything, the mean of the pieces' logits); as the
    predictor says when left out."""

    output: Path | None = None
    """Where to write: a file or a URL such as s3://bucket/scored.csv; standard output when left
    out. The suffix says the format."""

    overwrite: bool = False
    """Replace an output file that exists."""

    resume: bool = False
    """Go on where a stopped run on the same file ended."""

    text_column: str | None = None
    """Column that holds the texts; found by itself when there is one sensible choice."""

    pair: str = ""
    """The second text, such as the aspect, to each text of the command line, for a predictor that
    reads pairs."""

    abstain_below: float = 0.0
    """Leave the prediction empty where its probability is below this; of several labels where the
    confidence of the least sure decision is; with --costs where the answer is expected to cost more
    than 1 minus this, as a share of what the most careful answer can cost at most."""

    costs: tuple[str, ...] = ()
    """Answer with the least expected cost of a mistake, where they cost this: such as
    negative:positive=5; as for evaluate, which says what it gains."""

    prefix: str = ""
    """Put before the names of the new columns."""

    input_format: Format | None = None
    """Format of the input where its name does not say it; lines of text for standard input."""

    output_format: WrittenFormat | None = None
    """Format of the output where its name does not say it."""

    output_encoding: str = "utf-8"
    """Encoding of a CSV, TSV or text output, such as cp1252 or utf-16."""

    output_delimiter: str | None = None
    """Between the values of a CSV or TSV output: a character, or tab, semicolon, pipe."""

    excel_csv: bool = False
    """Write CSV for a double click: UTF-8 that Excel recognises, and texts that look like formulas
    guarded by an apostrophe."""

    columns: tuple[str, ...] = ()
    """Names for the columns of a file that has no header line, in order."""

    delimiter: str | None = None
    """Between the values of a CSV or TSV file: a character, or tab; found by itself."""

    quoting: Literal["auto", "yes", "no"] = "auto"
    """Whether double quotes hold a value of a CSV or TSV file together."""

    encoding: str | None = None
    """Encoding of a text file; found by itself."""

    sheet: str | None = None
    """Sheet of a workbook; found by itself when one sheet has texts."""

    unchecked: bool = False
    """Use a predictor that lost its manifest.json as it is."""

    threads: int = 0
    """Cores to use; 0: all. On a cluster, those of each worker; 0: one."""

    on: Literal["here", "spark", "ray"] = "here"
    """Where to compute. On Spark or Ray, --file is a Parquet file or a folder of them, and --output
    a folder, or URLs; every worker must see both."""

    master: str = ""
    """Spark's master, such as spark://host:7077, yarn or local[4]; or Ray's address, such as auto;
    when left out, what is configured, or this machine."""

    spark_conf: tuple[str, ...] = ()
    """Settings of Spark, such as spark.executor.memory=4g."""

    @property
    def local(self) -> Path | None:
        """The file to read, where it is one on this machine."""
        path = Path(self.file).expanduser() if self.file else None
        return path if path is not None and path.is_file() else None

    def __post_init__(self) -> None:
        """Refuse flags that contradict each other."""
        if self.file == "-":
            object.__setattr__(self, "file", None)
        if self.texts and self.file:
            raise ConfigError("got texts and --file: give one of them")
        if self.resume and not (self.file and self.output):
            raise ConfigError("--resume needs --file and --output: nothing else can be continued")
        if self.pair and not self.texts:
            raise ConfigError("--pair is for texts of the command line; a file has a column of it")
        refuse_threshold(self.abstain_below)
        if self.threads < 0:
            raise ConfigError(f"--threads {self.threads}: wanted 0 or more")
        if self.excel_csv and self.output_encoding != "utf-8":
            raise ConfigError("got --excel-csv and --output-encoding: give one of them")
        if self.on == "here" and (self.master or self.spark_conf):
            raise ConfigError("--master and --spark-conf are for a cluster: add --on spark or ray")


def task(flags: Flags) -> dict[str, Any]:
    """Load the predictor, score every row, and return the figures."""
    from ktrain_sentiment.inference import scoring
    from ktrain_sentiment.inference.loading import find_predictor

    if flags.on != "here":
        return _on_cluster(flags)
    _check_input(flags)
    form = _check_output(flags)
    needed = None if flags.engine == "keras" else flags.engine
    folder = find_predictor(flags.predictor, engine=needed)
    if flags.predictor is None and not flags.quiet:
        others = len(list(RUNS.glob("*/predictor/manifest.json"))) - 1
        among = f" (the newest of {others + 1} runs; --predictor names another)" if others else ""
        print(f"predictor: {folder}{among}", file=sys.stderr)
    classifier = _load(folder, flags)
    source = _open_source(flags, folder)
    options = scoring.ScoreOptions(abstain_below=flags.abstain_below, prefix=flags.prefix)
    task = scoring.task_of(classifier)
    names = scoring.new_columns(source.table, classifier.labels, options, task)
    schema = scoring.output_schema(source, names, task)
    output = _open_output(flags, form, schema, _identity(flags, form, source, names, folder))
    report = _score(source, classifier, output, options, flags)
    _say(report, flags)
    shown = url_of(flags.predictor) or folder
    return {**scoring.figures(report), "predictor": shown, "output": flags.output}


def _on_cluster(flags: Flags) -> dict[str, Any]:
    """Have Spark or Ray score a folder of Parquet files, and return the figures."""
    from ktrain_sentiment.inference import scoring
    from ktrain_sentiment.inference.loading import find_predictor
    from ktrain_sentiment.scale.jobs import Job, run_job

    if flags.on == "here" or flags.engine == "keras":
        raise ConfigError("--engine keras: computes here alone; leave out --on")
    if not flags.file or flags.output is None:
        raise ConfigError(f"--on {flags.on}: wanted --file and --output, a folder each")
    if flags.long_texts is not None:
        raise ConfigError(f"--on {flags.on}: workers read as the predictor says; leave out "
                          "--long-texts")  # fmt: skip
    usual = Flags(file=flags.file)
    reading = (
        "input_format", "output_format", "output_encoding", "output_delimiter", "excel_csv",
        "columns", "delimiter", "quoting", "encoding", "sheet",
    )  # fmt: skip
    reasons = {
        "overwrite": "what stands in --output stays; name another folder, and",
        "unchecked": "workers open predictors that were checked;",
    } | dict.fromkeys(reading, "Parquet comes in and goes out;")
    for name, reason in reasons.items():
        if getattr(flags, name) != getattr(usual, name):
            raise ConfigError(f"--on {flags.on}: {reason} leave out {flag_of(name)}")
    folder = find_predictor(flags.predictor, engine=flags.engine)
    job = Job(
        source=Path(flags.file), target=flags.output, predictor=folder, column=flags.text_column,
        engine=flags.engine, prefix=flags.prefix, abstain_below=flags.abstain_below,
        costs=flags.costs, cores=flags.threads or 1, master=flags.master, settings=flags.spark_conf,
        resume=flags.resume,
    )  # fmt: skip
    report, errors = run_job(flags.on, job)
    _say(report, flags)
    for error in errors:
        print(printable(error), file=sys.stderr)
    if errors:
        raise DataError(f"{len(errors)} of the files could not be scored, see above")
    return {**scoring.figures(report), "predictor": folder, "output": flags.output}


def _check_input(flags: Flags) -> None:
    """Find out what is wrong before the predictor is loaded."""
    for text in flags.texts:
        if what := _names_file(text):
            raise ConfigError(f"{text} {what} A text of that name can be piped in")
    if flags.texts and not any(map(str.strip, flags.texts)):
        raise ConfigError("the text is empty: write one between the quotes")
    if flags.texts or flags.file:
        return
    if sys.stdin is None:
        raise ConfigError("standard input is closed: give texts, or --file")


def _names_file(text: str) -> str:
    """What is wrong with a text that is rather the path of a file or folder; or nothing."""
    from ktrain_sentiment.tables.formats import FORMATS, bare_suffix
    from ktrain_sentiment.tables.sources import near_name

    if not any(letter.isalnum() for letter in text):
        return ""
    place = Path(text)
    if url_of(text) and bare_suffix(text.partition("?")[0]) in FORMATS:
        return f"is a table's URL: did you mean --file {text}?"
    try:
        if place.is_file():
            return f"is a file: did you mean --file {text}?"
        if place.is_dir():
            return f"is a folder: did you mean --predictor {text}, or --file {text}?"
    except (OSError, ValueError):  # Too long for a name, or with a NUL in it.
        return ""
    like_a_path = len(text.split()) == 1 or "/" in text
    if like_a_path and bare_suffix(text) in FORMATS:
        near = near_name(place)
        end = "" if near.endswith("?") else "."
        return f"is the name of a file, and no such file is there{near}{end}"
    return ""


def _check_output(flags: Flags) -> WrittenFormat:
    """The format of the output, whose place and dialect will do."""
    from ktrain_sentiment.atomic import is_stream, refuse_existing
    from ktrain_sentiment.tables.formats import output_format

    place = flags.output
    if place is None and sys.stdout is None:
        raise ConfigError("standard output is closed: name a file with --output")
    if place is None or (is_stream(place) and not place.suffix):
        form = flags.output_format or _pipe_format(flags)
    else:
        form = output_format(place, flags.output_format)
    _dialect(flags).check(form)
    if place is None or is_stream(place):
        return form
    if url_of(place):
        refuse_existing(place, overwrite=flags.overwrite, remote=True)
        return form
    if flags.local and place.exists() and place.samefile(flags.local):
        raise ConfigError(f"--output {place}: is the input; choose another name")
    if place.is_dir():
        raise ConfigError(f"--output {place}: is a folder; name a file in it")
    refuse_existing(place, overwrite=flags.overwrite)
    return form


def _dialect(flags: Flags) -> OutputDialect:
    from ktrain_sentiment.tables.writing import OutputDialect

    encoding = "utf-8-sig" if flags.excel_csv else flags.output_encoding
    return OutputDialect(
        encoding=encoding, delimiter=flags.output_delimiter, guarded=flags.excel_csv
    )


def _load(folder: Path, flags: Flags) -> Classifier:
    if flags.engine == "keras":
        from ktrain_sentiment.training.keras_classifier import load_keras

        opened = load_keras(folder)
    else:
        from ktrain_sentiment.inference import load

        opened = load(folder, flags.engine, threads=flags.threads, unchecked=flags.unchecked)
    if flags.long_texts is not None:
        opened = opened.reading(flags.long_texts)
    opened = opened.weighing(flags.costs)
    # Of a file the last line tells it, with everything else that was counted.
    return opened.silent() if flags.quiet or flags.file or flags.output else opened


def _open_source(flags: Flags, folder: Path) -> TextTable:
    """The table to score, read like that of the training where nothing else is said."""
    from ktrain_sentiment.inference.scoring import open_text_table
    from ktrain_sentiment.inputs import Inputs
    from ktrain_sentiment.predictor.manifest import trained_table
    from ktrain_sentiment.tables import ReadOptions

    trained = trained_table(folder)
    if flags.texts:
        return _given_texts(flags, Inputs.of(trained))
    if not flags.file and sys.stdin.isatty():
        print("type texts, one a line; Ctrl-D ends", file=sys.stderr)
    options = ReadOptions(
        format=flags.input_format,
        columns=flags.columns,
        delimiter=flags.delimiter,
        quoting=flags.quoting,
        encoding=flags.encoding,
        sheet=flags.sheet,
    )
    place = flags.file or sys.stdin.buffer
    source = open_text_table(place, options, flags.text_column, trained)
    if not flags.quiet:
        for note in source.table.notes:
            print(printable(f"{source.table.name}: {note}"), file=sys.stderr)
    return source


def _given_texts(flags: Flags, inputs: Inputs) -> TextTable:
    """The texts of the command line, each with the second text where pairs are read."""
    from ktrain_sentiment.inference.scoring import TextTable
    from ktrain_sentiment.tables import ReadOptions, open_table, open_texts

    said = f"the predictor reads {inputs.told}"
    if flags.pair and not inputs.pair:
        raise ConfigError(f"--pair {flags.pair}: {said}; leave it out")
    if inputs.also or (inputs.pair and not flags.pair.strip()):
        how = "name the second text with --pair, or " if inputs.pair and not inputs.also else ""
        raise ConfigError(f"got texts, and {said}: {how}score a table that has them, with --file")
    if not inputs.pair:
        return TextTable(open_texts(flags.texts), "text")
    rows = [json.dumps({"text": text, inputs.pair: flags.pair}) for text in flags.texts]
    lines = io.BytesIO("\n".join(rows).encode())
    return TextTable(open_table(lines, ReadOptions(format="json")), "text", inputs.others)


def _open_output(
    flags: Flags, form: WrittenFormat, schema: OutputSchema, identity: Mapping[str, Any]
) -> Output:
    from ktrain_sentiment.tables.outputs import open_output, stream_output

    dialect = _dialect(flags)
    if flags.output is None:
        return stream_output(sys.stdout.buffer, form, schema, dialect)
    return open_output(
        flags.output, form, schema, identity,
        resume=flags.resume, overwrite=flags.overwrite, dialect=dialect,
    )  # fmt: skip


def _identity(
    flags: Flags, form: WrittenFormat, source: TextTable, names: Sequence[str], folder: Path
) -> Mapping[str, Any]:
    """What decides the output, by the name that a message gives it."""
    from ktrain_sentiment.predictor.layout import PredictorFolder

    manifest = PredictorFolder(folder).manifest
    stamp = manifest if manifest.is_file() else folder
    return {
        "input": source.table.stamp(),
        "predictor": [str(folder.resolve()), stamp.stat().st_mtime_ns],
        "new columns": list(names),
        "engine": flags.engine,
        "--long-texts": flags.long_texts,
        "text column": source.column,
        "--abstain-below": flags.abstain_below,
        "--costs": list(flags.costs),
        "format": form,
        "columns": list(source.table.columns),
        "reading": [
            flags.columns,
            flags.delimiter,
            flags.quoting,
            flags.encoding,
            flags.sheet,
            flags.input_format,
        ],
        "way of writing": [flags.output_encoding, flags.output_delimiter, flags.excel_csv],
    }


def _pipe_format(flags: Flags) -> WrittenFormat:
    """The format of standard output: that of the input, as far as it is text."""
    from ktrain_sentiment.tables import formats

    if flags.texts:
        return "txt"
    if flags.file and flags.file.endswith(formats.ARCHIVE):
        return "csv"
    given = Path(flags.file.partition("?")[0]) if flags.file else Path("texts.txt")
    form = formats.input_format(given, flags.input_format)
    if form in {"parquet", "excel"}:
        return "csv"
    return "jsonl" if form == "json" else form


def _score(
    source: TextTable,
    classifier: Classifier,
    output: Output,
    options: ScoreOptions,
    flags: Flags,
) -> ScoreReport:
    """Score every row; say where a stopped run stands, and how to go on."""
    resumable = bool(flags.file and output.resumable)
    try:
        from tqdm import tqdm

        from ktrain_sentiment.inference.scoring import score

        hidden = None if flags.file and not flags.quiet else True
        table, done = source.table, output.done
        unit = f" {table.unit}s"
        with tqdm(total=table.end, unit=unit, initial=done, disable=hidden) as bar:
            return score(source, classifier, output, options, lambda line: _move(bar, line))
    except KeyboardInterrupt:
        output.stop()
        again = "; add --resume to go on from there" if resumable else ""
        at = f"{source.table.unit} {output.done}"
        raise KeyboardInterrupt(f"stopped after {at}{again}") from None
    except SentimentError as error:
        if type(error) is not SentimentError or not resumable or not output.done:
            raise
        at = f"{source.table.unit} {output.done}"
        kept = f"what is done up to {at} is kept: add --resume to go on"
        raise SentimentError(f"{error}; {kept}") from error


def _move(bar: tqdm[NoReturn], line: int) -> None:
    bar.update(line - bar.n)


def _say(report: ScoreReport, flags: Flags) -> None:
    """What happened, on standard error: standard output may be the output."""
    if flags.quiet or not (flags.file or flags.output):
        return
    from ktrain_sentiment.messages import count

    counts = report.counts()
    if flags.costs:
        # The likeliest labels would be others, and their counts too.
        counts += f" by least expected cost (--costs {' '.join(flags.costs)})"
    notes = {
        "abstained from": report.abstained,
        "without a word that the model knows, left without a label": report.unknown,
        "longer than the model reads at once, read in windows": report.windowed,
        "longer than the model reads, of which a part was not read": report.truncated,
        "bad, kept without a prediction": report.bad,
    }
    told = [count(report.rows, "row"), counts, *(f"{n:,} {what}" for what, n in notes.items() if n)]
    speed = f"{report.texts_per_second:,.0f} texts a second"
    print(printable("; ".join(filter(None, [*told, speed]))), file=sys.stderr)
