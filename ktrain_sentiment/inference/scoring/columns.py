"""Which column holds the texts, and which columns a table will have."""

from __future__ import annotations

from collections.abc import Sequence

from ktrain_sentiment.errors import ConfigError, DataError
from ktrain_sentiment.inference.scoring.rows import BadRow, Record


def text_column(
    columns: Sequence[str], sample: Sequence[Record | BadRow], given: str | None, source: str
) -> str:
    """The column of the texts: the given one, the only one, `text`, or what looks like texts.

    Args:
        columns: All columns.
        sample: Some of the first rows.
        given: The user's choice.
        source: The input's name, for messages.

    Raises:
        DataError: The given column does not exist, or there is no single sensible choice.
    """
    if given in columns:
        return str(given)
    if given is None and (len(columns) == 1 or "text" in columns):
        return columns[0] if len(columns) == 1 else "text"
    # The search by content needs pandas, which takes a third of a second to import.
    from ktrain_sentiment.data.columns import choose_text_column
    from ktrain_sentiment.tables import ReadAs, Table

    records = [row for row in sample if not isinstance(row, BadRow)]
    if not records:
        raise DataError(f"{source}: there are no readable rows; wanted a column of texts")
    table = Table(source, tuple(columns), ReadAs(format=""), lambda _: iter(()), records)
    return choose_text_column(table, given)


def added_columns(labels: Sequence[str], prefix: str) -> tuple[str, ...]:
    """The columns that scoring adds: `predicted`, `probability`, one `p_<label>` a class."""
    names = ("predicted", "probability", *(f"p_{label}" for label in labels))
    return tuple(prefix + name for name in names)


def refuse_collisions(columns: Sequence[str], added: Sequence[str], source: str) -> None:
    """Complain about input columns that scoring would overwrite.

    Raises:
        ConfigError: There are some.
    """
    taken = [name for name in added if name in set(columns)]
    if taken:
        raise ConfigError(
            f"{source}: has a column {taken[0]!r} already, perhaps from an earlier scoring; "
            "name the new columns otherwise with --prefix, such as --prefix new_"
        )
