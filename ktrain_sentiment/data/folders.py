"""Folders of text files with a subfolder for each class, as IMDB reviews are published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ktrain_sentiment.data import encodings
from ktrain_sentiment.data.opening import bare_suffix, opened
from ktrain_sentiment.data.splitnames import split_name
from ktrain_sentiment.data.table import Table
from ktrain_sentiment.errors import DataError

_UNLABELLED = {"unsup", "unlabeled", "unlabelled"}
_SPELLED_OUT = {"pos": "positive", "neg": "negative", "neu": "neutral"}


def read_class_folders(folder: Path, encoding: str | None = None) -> Table:
    """Read `folder/<class>/*.txt`, or `folder/<split>/<class>/*.txt`.

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
    notes: set[str] = set()
    texts = [_read_text(file, encoding, notes) for _, _, file in files]
    columns: dict[str, list[object]] = {
        "text": list(texts),
        "label": [label for _, label, _ in files],
        "file": [str(file.relative_to(folder)) for _, _, file in files],
    }
    if "" not in found:
        columns["split"] = [split for split, _, _ in files]
    return _table(columns, folder, sorted(notes))


def _table(columns: dict[str, list[object]], folder: Path, notes: list[str]) -> Table:
    rows = range(1, len(columns["text"]) + 1)
    table = Table.from_columns(list(columns), list(columns.values()), list(rows), str(folder))
    table = table.with_notes(f"{len(rows):,} text files, a folder for each class", *notes)
    return replace(table, is_split="split" in columns)


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


def _read_text(path: Path, encoding: str | None, notes: set[str]) -> str:
    with opened(path) as stream:
        content = stream.read()
    name = encoding
    if name is None:
        found = encodings.detect(content.split(b"\n"), str(path))
        name = found.name
        if found.note:
            notes.add(f"some files are {name.upper()}, such as {path.name}")
    try:
        return content.decode(name)
    except (UnicodeDecodeError, LookupError) as error:
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
