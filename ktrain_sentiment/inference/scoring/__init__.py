"""Score files: any table in, any table out, chunk by chunk, whatever their size.

rows.py       a chunk of rows, with those that could not be read
formats.py    which format a file has
lines.py      lines of text with their numbers, one bad line at a time
delimited.py  CSV and TSV, row by row
sources.py    open any input
columns.py    which column holds the texts
sinks.py      write any output
partial.py    output that a later run can continue
scoring.py    score_file: from source to sink
"""
