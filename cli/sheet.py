"""Separated values for spreadsheets: `--csv` of the commands with many rows."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from cli.composition import ControlError
from reports.sheet import SEPARATORS, to_csv

CSV = typer.Option(False, "--csv", help="Print comma-separated values.")
SEPARATOR = typer.Option(",", "--separator", help="Separate the values of --csv by this: , ; | or tab.")
BOM = typer.Option(False, "--bom", help="Begin --csv with a byte order mark, so that Excel reads it as UTF-8.")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The format of separated values. A text that a spreadsheet would take for a formula gets an apostrophe."""

    separator: str
    bom: bool

    @classmethod
    def from_options(cls, separator: str, bom: bool) -> "Sheet":
        """Return the format that the options ask for. Raises ControlError for an unknown separator."""
        if separator not in SEPARATORS:
            raise ControlError(f"--separator {separator!r} is unknown; write one of , ; | or tab.")
        return cls(SEPARATORS[separator], bom)

    def write(self, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a header and the rows to standard output. Instants are in UTC, as in JSON."""
        sys.stdout.write(to_csv(names, rows, self.separator, bom=self.bom))
