"""Separated values for spreadsheets, in which no cell becomes a formula."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

SEPARATORS = {",": ",", ";": ";", "|": "|", "tab": "\t", "\\t": "\t", "\t": "\t"}
"""Separators by the names that people give them."""

BOM = "\ufeff"

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_FORMULA_INSIDE = re.compile(r'([,;|\t\r\n]["\s]*)(?=[=+\-@])')
"""A spreadsheet that expects another separator splits lines there, quotes or not, and each line is a row: behind any of
them, `=cmd` would be a cell."""


def cell(value: object) -> object:
    """Return a value as it is written into a cell: instants in UTC, lists separated by spaces.

    What a spreadsheet would take for a formula gets an apostrophe, spaces before it or not, whether it separates cells
    by commas, semicolons, bars or tabs.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case list() | tuple():
            text = " ".join(map(str, value))
        case _:
            text = str(value)
    text = _FORMULA_INSIDE.sub(r"\1'", text)
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def to_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]], separator: str = ",", *, bom: bool = False) -> str:
    """Return a header and the rows, every cell in quotes.

    Args:
        bom: Begin with a byte order mark, so that Excel reads it as UTF-8.
    """
    file = StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    writer.writerows([cell(row[name]) for name in names] for row in rows)
    return (BOM if bom else "") + file.getvalue()
