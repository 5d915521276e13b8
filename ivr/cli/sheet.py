"""Lines of separated values for spreadsheets: `--csv` of the commands that have many rows."""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import typer

from ivr.cli.composition import ControlError

CSV = typer.Option(False, "--csv", help="Lines of comma-separated values on standard output.")
SEPARATOR = typer.Option(",", "--separator", help="What stands between two values of --csv: , ; | or tab.")
BOM = typer.Option(False, "--bom", help="Begin --csv with a byte order mark, by which Excel knows that it is UTF-8.")

_SEPARATORS = {",": ",", ";": ";", "|": "|", "tab": "\t", "\\t": "\t", "\t": "\t"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Sheet:
    """How lines are written. A text that a spreadsheet would take for a formula has an apostrophe before it."""

    separator: str
    bom: bool

    @classmethod
    def asked(cls, separator: str, bom: bool) -> "Sheet":
        """Raise ControlError for a separator that is none."""
        if separator not in _SEPARATORS:
            raise ControlError(f"--separator {separator!r} is none; write one of , ; | or tab.")
        return cls(_SEPARATORS[separator], bom)

    def write(self, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a header and the rows to standard output. Instants are UTC, as in JSON."""
        if self.bom:
            sys.stdout.write("\ufeff")
        writer = csv.writer(sys.stdout, delimiter=self.separator, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([cell(row[name]) for name in names] for row in rows)


def cell(value: object) -> object:
    """Return what stands for a value."""
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
