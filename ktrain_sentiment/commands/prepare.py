r"""Look at a data set, check it, clean it, divide it, and write it ready for training.

    ktrain-sentiment prepare reviews.csv --profile-only
    ktrain-sentiment prepare reviews.csv --encoder minilm --output prepared/reviews
    ktrain-sentiment prepare tweets.csv --columns id text label --drop-labels nocode \
        --multi-label drop --min-class-size 20 --cleaning html urls mentions

Says what was found and chosen, checks for blanks, HTML, repeats, contradictions, leaks, other
languages and give-away words, and shows classes, lengths and telling words. Writes
train.parquet, validation.parquet, test.parquet, splits.json (with a fingerprint), profile.json and
profile.html into a folder that `train` and `find-lr` take as their data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrain_sentiment.commands.flags import ScriptFlags
from ktrain_sentiment.config import DataConfig, Group, SplitConfig
from ktrain_sentiment.remote import url_of
from ktrain_sentiment.runs import data_name

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ktrain_sentiment.data import LabelledTexts, Splits
    from ktrain_sentiment.data.profile import Profile

COMMON = ("text_column", "label_column", "encoder", "profile_only", "output", "overwrite")
"""Flags that help shows first."""


@dataclass(frozen=True, kw_only=True)
class Flags(ScriptFlags):
    """What to prepare, and how."""

    source: Group[DataConfig] = field(default_factory=DataConfig)
    division: Group[SplitConfig] = field(default_factory=SplitConfig)

    encoder: str = ""
    """Count tokens as this encoder does: a name as for `train`, its folder, or a tokenizer.json;
    words are counted without."""

    maxlen: int | None = None
    """Say how many texts this length in tokens would cut (needs --encoder)."""

    output: Path | None = None
    """Folder to write; prepared/<name of the data> when not given."""

    profile_only: bool = False
    """Show the profile and write nothing."""

    overwrite: bool = False
    """Replace a prepared folder that exists."""


def task(flags: Flags) -> dict[str, Any]:
    """Read, check, divide, show and write; return what `--json` prints."""
    from ktrain_sentiment.atomic import refuse_existing
    from ktrain_sentiment.data import keep_rows, read_rows
    from ktrain_sentiment.data.labelled import MARKER
    from ktrain_sentiment.data.profile import profile

    output = flags.output or Path("prepared") / data_name(flags.source.data)
    if not flags.profile_only:
        refuse_existing(output, overwrite=flags.overwrite, marker=MARKER, remote=True)
    tokenizer = load(flags)
    read = read_rows(flags.source)
    kept = keep_rows(read)
    splits = divide(flags, kept)
    found = profile(read, kept, splits, tokenizer, flags.maxlen)
    show(found)
    if splits is not None and not flags.profile_only:
        write(flags, output, kept, splits, found)
        print(f"\nwritten to {url_of(output) or output}: splits, profile.json, profile.html")
        first = output / "fold-1" if flags.division.folds else output
        print(f"train on it with: ktrain-sentiment train {url_of(first) or first}")
    return figures(found, None if flags.profile_only else output)


def divide(flags: Flags, kept: LabelledTexts) -> Splits | None:
    """The splits; None, said on screen, where a profile is wanted of what cannot be divided."""
    from ktrain_sentiment.data import split
    from ktrain_sentiment.errors import DataError

    try:
        return split(kept, flags.division)
    except DataError as error:
        if not flags.profile_only:
            raise
        print(f"cannot be divided as it is: {error}")
        return None


def load(flags: Flags) -> Tokenizer | None:
    """The tokenizer that counts, if one is asked for."""
    from ktrain_sentiment.data.lengths import load_tokenizer
    from ktrain_sentiment.errors import ConfigError

    if not flags.encoder:
        if flags.maxlen is not None:
            raise ConfigError(f"--maxlen {flags.maxlen} counts tokens: name the --encoder too")
        return None
    place = Path(flags.encoder).expanduser()
    if not place.exists():
        from ktrain_sentiment.encoders import resolve

        place = resolve(flags.encoder)
    return load_tokenizer(place)


def show(found: Profile) -> None:
    """Print what was read, chosen and found."""
    from ktrain_sentiment.commands.process import open_console
    from ktrain_sentiment.messages import count
    from ktrain_sentiment.report import data_tables, screen

    console = open_console()
    print(f"{found.source}: {count(found.rows_read, 'row')} read, {found.rows_used:,} used")
    for note in found.notes:
        console.print(f"- {note}", markup=False, highlight=False)
    for part in screen.first_rows(data_tables.profile_classes(found)):
        console.print(part)
    console.print(data_tables.profile_lengths(found.lengths))
    number = count(len(found.findings), "finding")
    print(f"{number}, the worst first" if found.findings else "no findings")
    for text in screen.findings(found.findings):
        console.print(text)


def write(flags: Flags, output: Path, kept: LabelledTexts, splits: Splits, found: Profile) -> None:
    """Write the splits (one folder a fold where there are folds) and the profile."""
    from ktrain_sentiment.atomic import staged_folder, write_json, write_text
    from ktrain_sentiment.config.flat import to_flat, to_yaml
    from ktrain_sentiment.data import k_fold, write_splits
    from ktrain_sentiment.data.labelled import MARKER
    from ktrain_sentiment.report.page import render_profile

    with staged_folder(output, flags.overwrite, marker=MARKER) as folder:
        write_splits(splits, folder)
        if flags.division.folds:
            for number, fold in enumerate(k_fold(kept, flags.division), start=1):
                place = folder / f"fold-{number}"
                place.mkdir()
                write_splits(fold, place)
        write_json(folder / "profile.json", found.as_dict())
        write_text(folder / "profile.html", render_profile(found))
        write_text(folder / "config.yaml", to_yaml(to_flat(flags)))


def figures(found: Profile, output: Path | None) -> dict[str, Any]:
    """What `--json` prints: the profile without its words and rows."""
    return {
        "source": found.source,
        "rows_read": found.rows_read,
        "rows_used": found.rows_used,
        "rows": dict(found.sizes),
        "classes": {one.label: one.rows for one in found.classes},
        "length_unit": found.lengths.unit,
        "length_percentiles": found.lengths.percentiles,
        "suggested_maxlen": found.lengths.suggested,
        "findings": [
            {"check": one.check, "rows": one.rows, "of": one.of, "severity": one.severity}
            for one in found.findings
        ],
        "fingerprint": found.fingerprint,
        "output": output,
    }
