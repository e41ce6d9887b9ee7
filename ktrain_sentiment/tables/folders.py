"""Many files as one table: text files by class, a file a split, all that a pattern matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ktrain_sentiment.errors import DataError
from ktrain_sentiment.messages import count
from ktrain_sentiment.remote import at
from ktrain_sentiment.tables.encodings import survey
from ktrain_sentiment.tables.formats import FORMATS, bare_suffix
from ktrain_sentiment.tables.sources import opened
from ktrain_sentiment.tables.table import (
    Batch,
    ReadAs,
    Row,
    RowStream,
    Table,
    free_name,
    scan_types,
    table_of_rows,
)

SPLIT_NAMES = ("train", "validation", "test")
_SPELLINGS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
_UNLABELLED = {"unsup", "unlabeled", "unlabelled"}
_SPELLED_OUT = {"pos": "positive", "neg": "negative", "neu": "neutral"}


def split_name(name: str) -> str | None:
    """The split that a folder, a file or a cell names; None when it names none."""
    return _SPELLINGS.get(name.strip().casefold())


def open_class_folders(folder: Path, encoding: str | None = None) -> Table:
    """Open `folder/<class>/*.txt`, or `folder/<split>/<class>/*.txt`, as IMDB reviews come.

    Columns: `text`, `label` (the name of the subfolder; pos, neg and neu are spelled out), `file`,
    and `split` where the subfolders are splits.

    Raises:
        DataError: The folder holds no such files, or one of them is not text.
    """
    splits = {path: name for path in _subfolders(folder) if (name := split_name(path.name))}
    found = {name: _classes(path) for path, name in splits.items()}
    if not any(found.values()):
        found = {"": _classes(folder)}
    files = [
        (split, label, file)
        for split, classes in found.items()
        for label, paths in classes.items()
        for file in paths
    ]
    if not files:
        raise DataError(_no_classes(folder))
    is_split = "" not in found
    others: dict[str, Path] = {}

    def rows() -> RowStream:
        for place, (split, label, file) in enumerate(files, start=1):
            text, name = _read_text(file, encoding)
            if name != "utf-8" and encoding is None:
                others.setdefault(name, file)
            own = {"text": text, "label": label, "file": str(file.relative_to(folder))}
            yield Row(place, {**own, "split": split} if is_split else own)

    columns = ("text", "label", "file", *(("split",) if is_split else ()))
    table = table_of_rows(
        rows, str(folder), columns, ReadAs(format="folder", header=False),
        end=len(files), unit="row", made={name: name for name in columns[2:]},
        files=[file for _, _, file in files],
    )  # fmt: skip
    notes = [f"some files are {name.upper()}, such as {file.name}" for name, file in others.items()]
    return table.with_notes(f"{len(files):,} text files, a folder for each class", *notes)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The text files of each class, those of unlabelled texts left out."""
    classes: dict[str, list[Path]] = {}
    for subfolder in _subfolders(folder):
        if subfolder.name.casefold() not in _UNLABELLED:
            label = _SPELLED_OUT.get(subfolder.name.casefold(), subfolder.name)
            files = sorted(path for path in subfolder.iterdir() if _is_text_file(path))
            if files:
                classes[label] = files
    return classes


def _is_text_file(path: Path) -> bool:
    """Text files end in .txt, or in nothing (20 Newsgroups)."""
    named = bare_suffix(path) in {".txt", ""} or path.name.isdigit()
    return named and path.is_file() and not path.name.startswith(".")


def _read_text(path: Path, encoding: str | None) -> tuple[str, str]:
    with opened(path) as stream:
        name = survey(stream.read, encoding, str(path)).name
    with opened(path) as stream:
        content = stream.read()
    try:
        return content.decode(name).removeprefix("\ufeff"), name
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not valid {name}; name the right --encoding") from error


def _no_classes(folder: Path) -> str:
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    suffixes = sorted({path.suffix for path in files if path.suffix})
    if suffixes:
        return (
            f"{folder}: is a folder without a subfolder of text files for each class; to read "
            f'its files as one table, write "{folder}/*{suffixes[0]}" with the quotes'
        )
    return f"{folder}: is a folder without a subfolder of text files for each class"


def split_files(folder: Path) -> dict[str, Path]:
    """The tables of a folder that has one for each split, `train.csv` and others, by split."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    tables = [path for path in files if bare_suffix(path) in FORMATS]
    named = [(split_name(path.name.partition(".")[0]), path) for path in tables]
    found = {name: path for name, path in named if name is not None}
    # Two files of one split, or none to learn from: what is meant is for the user to say.
    once = len(found) == sum(name is not None for name, _ in named)
    return found if once and "train" in found and len(found) > 1 else {}


def open_split_files(folder: Path, open_one: Callable[[Path], Table]) -> Table:
    """Open what `split_files` finds as one table, whose column `split` says where rows belong.

    Raises:
        DataError: One cannot be read, or their columns differ.
    """
    tables = {name: open_one(path) for name, path in split_files(folder).items()}
    joined = join_tables(list(tables.values()), str(folder))
    splits = {table.name: name for name, table in tables.items()}
    file, own = joined.made["file"], free_name("split", joined.columns)

    def batches(size: int) -> Iterator[Batch]:
        for batch in joined.batches(size):
            rows = [{**record, own: splits[record[file]]} for record in batch.records()]
            yield replace(batch, rows=rows)

    return replace(
        joined, columns=(*joined.columns, own), start=batches, made={**joined.made, "split": own}
    )


def open_pattern(pattern: str, open_one: Callable[[Path], Table]) -> Table:
    """Open all files that a pattern such as `exports/*.csv` matches, as one table.

    Raises:
        DataError: None matches, or one cannot be read.
    """
    anchor = Path(pattern).anchor
    found = Path(anchor).glob(pattern.removeprefix(anchor))
    paths = sorted(path for path in found if path.is_file())
    if not paths:
        raise DataError(f"{pattern}: no file matches; quote the pattern, and check the folder")
    return join_tables([open_one(path) for path in paths], pattern)


def open_urls(pattern: str, open_one: Callable[[str], Table]) -> Table:
    """Open all remote files that a pattern such as `s3://bucket/*.csv` matches, as one table.

    Raises:
        DataError: None matches, or one cannot be read.
    """
    found = at(pattern).matches()
    if not found:
        raise DataError(f"{pattern}: no file matches; quote the pattern, and check the folder")
    return join_tables([open_one(url) for url in found], pattern)


def join_tables(tables: Sequence[Table], name: str) -> Table:
    """One table of several, with columns that say where each row came from (`Table.made`).

    Raises:
        DataError: Their columns differ.
    """
    first = tables[0]
    for table in tables[1:]:
        odd = sorted(set(first.columns) ^ set(table.columns))
        if odd:
            raise DataError(
                f"{table.name}: its columns differ from those of {first.name} "
                f"({', '.join(odd)}); give all files the same columns"
            )
    file, file_row = (free_name(name, first.columns) for name in ("file", "file_row"))

    def batches(size: int) -> Iterator[Batch]:
        place = 1
        for table in tables:
            for batch in table.batches(size):
                records = [
                    {**record, file: table.name, file_row: own}
                    for own, record in zip(batch.places, batch.records(), strict=True)
                ]
                yield Batch(
                    range(place, place + len(records)), records, batch.problems, batch.raw
                )  # fmt: skip
                place += len(records)

    head = [record for table in tables for record in table.head]
    _, types = scan_types(head)
    notes = [count(len(tables), "file")]
    notes += [f"{table.name}: {note}" for table in tables for note in table.notes]
    repeated = frozenset().union(*(table.repeated for table in tables))
    return Table(
        name, (*first.columns, file, file_row), replace(first.read_as), batches, head,
        tuple(notes), repeated, unit="row", types={**types, file: str, file_row: int},
        made={"file": file, "file_row": file_row},
        files=[path for table in tables for path in table.files],
    )  # fmt: skip
