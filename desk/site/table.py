"""The site's CSV files as the pages read them: rows with line numbers, and the pieces of text that they are."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


class TableError(Exception):
    """A file that is not a table; the text is what the reader of CSV says."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its line in the file, its text as it is written, and its cells without surrounding spaces."""

    line: int
    text: str
    cells: tuple[str, ...]


def read(text: str) -> tuple[str, list[Row]]:
    """Return the separator, and all rows with the heading; what is in a table stays as it is. Raises TableError."""
    lines = text.splitlines(keepends=True)
    first = next(iter(lines), "")
    delimiter = max(",;\t", key=first.count)
    cells: list[tuple[str, ...]] = []
    ends = [0]
    try:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        for found in reader:
            cells.append(tuple(cell.strip() for cell in found))
            ends.append(reader.line_num)
    except csv.Error as error:
        raise TableError(f"{ends[-1] + 1}: {error}") from None
    return delimiter, [
        Row(start + 1, "".join(lines[start:end]), row) for row, (start, end) in zip(cells, pairwise(ends), strict=True)
    ]


def line_of(cells: Sequence[str], delimiter: str) -> str:
    """Return the text of a row."""
    quoted = [f'"{cell.replace(chr(34), chr(34) * 2)}"' if set(cell) & {delimiter, '"'} else cell for cell in cells]
    return delimiter.join(quoted) + "\n"
