"""The one reader and writer of rows: a table is its column names and a stream of batches.

    table.py      Table, Batch, Problem, ReadOptions: what everything here gives and takes
    reader.py     open_table: from what the user named to a Table
    sources.py    where bytes come from: file, archive, pipe, remote URL
    formats.py    which format a name stands for, read or written
    encodings.py  bytes to numbered lines of text
    dialects.py   how delimited text is written, found by reading it
    delimited.py  CSV and its kin, lines of texts
    headers.py    whether a first row names the columns
    json_rows.py  JSON and JSON Lines
    sheets.py     workbooks, read and written;  columnar.py  Parquet, likewise
    folders.py    folders of text files, and several files read as one
    values.py     what a cell is as text

    writing.py         rows as bytes of text
    outputs.py         files that grow and can be continued, and streams
    frame_writing.py   a data frame as a file

Training collects a table and prediction streams it, so both read the same rows. What cannot be
read is a `Problem` of its row, in the same words for both:

    a row of another width, a quote that never closes,   training stops there and says what to do;
    bytes of another encoding, no JSON, half an emoji    prediction keeps the row, unpredicted
    a blank line of a one-column file, an empty text     kept by both, without a text
    a header repeated in the middle                      left out by both, and said
    anything that leaves the meaning of rows open        refused by both, in one line
    (no header, two ways to read quotes, two sheets)
"""

from __future__ import annotations

from ktrain_sentiment.tables.reader import open_table, open_texts
from ktrain_sentiment.tables.table import Batch, Problem, ReadAs, ReadOptions, Record, Table

__all__ = [
    "Batch",
    "Problem",
    "ReadAs",
    "ReadOptions",
    "Record",
    "Table",
    "open_table",
    "open_texts",
]
