"""Rows of CSV files: one is changed, added or removed, and all other lines stay as they are."""

import csv
import io
from collections.abc import Mapping
from itertools import pairwise

from ivr.site_changes.edits import EditError


def set_row(file: str, text: str, row: str, cells: Mapping[str, str] | None) -> str:
    """Return the table with the row whose first cell is `row` changed; None removes it. Raises EditError."""
    lines = text.splitlines(keepends=True)
    first = next(iter(lines), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        reader = csv.reader(lines, delimiter=delimiter)
        read, ends = [], [0]
        for found in reader:
            read.append([cell.strip() for cell in found])
            ends.append(reader.line_num)
    except csv.Error as error:
        raise EditError(f"{file} is not a CSV file that can be changed ({error}).") from None
    if not read:
        raise EditError(f"{file} is empty; its first line must name the columns.")
    columns, pieces = read[0], ["".join(lines[start:end]) for start, end in pairwise(ends)]
    at = next((n for n, found in enumerate(read[1:], start=1) if found and found[0] == row), None)
    if cells is None:
        if at is None:
            raise EditError(f"{file} has no row {row!r}.")
        return "".join(pieces[:at] + pieces[at + 1 :])
    if unknown := [name for name in cells if name not in columns]:
        raise EditError(f"{file} has no column {unknown[0]!r}; its columns are {', '.join(columns)}.")
    if any(character in value for value in (row, *cells.values()) for character in "\n\r\0"):
        raise EditError(f"A cell of the row {row!r} has more than one line.")
    before = read[at] if at is not None else []
    former = dict(zip(columns, before, strict=False))
    wanted = {columns[0]: row, **{name: former.get(name, "") for name in columns[1:]}, **cells}
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow([wanted[name] for name in columns])
    if at is not None:
        return "".join([*pieces[:at], out.getvalue(), *pieces[at + 1 :]])
    whole = "".join(pieces)
    return f"{whole}{'' if whole.endswith(chr(10)) else chr(10)}{out.getvalue()}"


def set_line(file: str, text: str, line: str | None, new: str | None) -> str:
    """Return the table with the first such line replaced, or removed, or with one more at its end. Raises EditError."""
    if any(character in part for part in (line, new) if part is not None for character in "\n\r\0"):
        raise EditError(f"A line of {file} is one line.")
    if line is None:
        if new is None:
            raise EditError("Name a line, or a new one.")
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{new}\n"
    lines = text.splitlines(keepends=True)
    at = next((number for number, found in enumerate(lines) if number and found.rstrip("\n") == line), None)
    if at is None:
        raise EditError(f"{file} has no line {line[:200]!r} any more.")
    return "".join([*lines[:at], *([f"{new}\n"] if new is not None else []), *lines[at + 1 :]])
