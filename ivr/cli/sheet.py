"""Separated values for spreadsheets: `--csv` of the commands with many rows."""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import typer

from ivr.cli.composition import ControlError

CSV = typer.Option(False, "--csv", help="Print comma-separated values.")
SEPARATOR = typer.Option(",", "--separator", help="Separate the values of --csv by this: , ; | or tab.")
BOM = typer.Option(False, "--bom", help="Begin --csv with a byte order mark, so that Excel reads it as UTF-8.")

_SEPARATORS = {",": ",", ";": ";", "|": "|", "tab": "\t", "\\t": "\t", "\t": "\t"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The format of separated values. A text that a spreadsheet would take for a formula gets an apostrophe."""

    separator: str
    bom: bool

    @classmethod
    def from_options(cls, separator: str, bom: bool) -> "Sheet":
        """Return the format that the options ask for. Raises ControlError for an unknown separator."""
        if separator not in _SEPARATORS:
            raise ControlError(f"--separator {separator!r} is unknown; write one of , ; | or tab.")
        return cls(_SEPARATORS[separator], bom)

    def write(self, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a header and the rows to standard output. Instants are in UTC, as in JSON."""
        if self.bom:
            sys.stdout.write("\ufeff")
        writer = csv.writer(sys.stdout, delimiter=self.separator, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([cell(row[name]) for name in names] for row in rows)


def cell(value: object) -> object:
    """Return a value as it is written into a cell: instants in UTC, lists separated by spaces."""
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
    return f"'{text}" if text.startswith(_FORMULA) else text
