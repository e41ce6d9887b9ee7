"""One file through both doors: as training reads it, and as prediction does."""

from dataclasses import dataclass, field
from pathlib import Path

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data.columns import choose_text_column
from ktrain_sentiment.data.frames import to_strings
from ktrain_sentiment.data.reading import read_source
from ktrain_sentiment.errors import SentimentError
from ktrain_sentiment.inference.scoring import open_text_table, texts_of
from ktrain_sentiment.tables import ReadOptions
from ktrain_sentiment.words import is_blank

Rows = list[tuple[int, str | None]]


@dataclass
class Side:
    """What one side made of a file.

    Attributes:
        rows: Place and text of each row; None where there is no text.
        refusal: The message with which it was refused, or empty.
        problems: Unit, place and reason of rows that could not be read (prediction alone).
        notes: What was said.
    """

    rows: Rows = field(default_factory=list)
    refusal: str = ""
    problems: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str | None]:
        return [text for _, text in self.rows]


def trained(source: str | Path, **flags: object) -> Side:
    """The texts of a file as training reads them, whether or not it has labels."""
    config = DataConfig(data=str(source), **flags)
    try:
        table = read_source(config)
        texts, _ = to_strings(table, choose_text_column(table, config.text_column), "text")
    except SentimentError as error:
        return Side(refusal=str(error))
    said = [text if isinstance(text, str) and not is_blank(text) else None for text in texts]
    return Side(list(zip(table.rows.tolist(), said, strict=True)), notes=table.notes)


def predicted(
    source: str | Path, text_column: str | None = None, size: int = 7, **flags: object
) -> Side:  # fmt: skip
    """The texts of a file as prediction reads them, in batches of a size."""
    side = Side()
    try:
        opened = open_text_table(source, ReadOptions(**flags), text_column)
        side.notes = opened.table.notes
        for batch in opened.table.batches(size):
            texts, problems = texts_of(batch, opened.column)
            side.rows += zip(batch.places, texts, strict=True)
            bad = {k: f"{opened.table.unit} {batch.places[k]} {p}" for k, p in problems.items()}
            side.problems |= {batch.places[k]: bad[k] for k in batch.problems}
    except SentimentError as error:
        return Side(refusal=str(error))
    return side


def agree(training: Side, prediction: Side) -> bool:
    """The same rows, or the same refusal; training may refuse for a row that prediction keeps."""
    # Nothing to predict is no mistake, nothing to train on is one.
    if "there are no rows" in training.refusal:
        return not prediction.rows
    if training.refusal and not prediction.refusal:
        first = next(iter(prediction.problems.values()), None)
        return first is not None and first in training.refusal
    return training.refusal == prediction.refusal and training.rows == prediction.rows
