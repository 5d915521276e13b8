"""The output of commands: a table for people, or one JSON document on standard output."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

# Without a terminal, lines do not wrap at 80 columns, so that `grep` works on tables.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 250)
errors = Console(stderr=True, highlight=False)

JSON = typer.Option(False, "--json", help="Print one JSON document.")


_zone: ZoneInfo | None = None


def times_in(zone: str) -> None:
    """Show instants in tables in this time zone, the site's. Documents (JSON, CSV) use UTC."""
    global _zone
    _zone = ZoneInfo(zone)


def local(at: datetime) -> datetime:
    """Return an instant in the time zone of tables; UTC where no site is known."""
    return at.astimezone(_zone or UTC)


def zone_shown() -> str:
    """Return the name of the time zone of tables."""
    return _zone.key if _zone is not None else "UTC"


def _plain(value: object) -> object:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError(f"{type(value)} cannot be written as JSON")


_AS_JSON = orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


def as_json(data: object) -> None:
    """Print `data` as one JSON document; instants in UTC."""
    sys.stdout.write(orjson.dumps(data, _plain, _AS_JSON).decode())


def say(text: str) -> None:
    """Print a line as it is."""
    sys.stdout.write(f"{text}\n")


def working(text: str) -> AbstractContextManager[object]:
    """Show on a terminal that a command works, until the end of the block."""
    return errors.status(text) if sys.stderr.isatty() else nullcontext()


_MANY = 200
"""Rows from which on a table is not laid out by rich, which takes milliseconds for each."""
_GAP = 2  # between two columns
_COPIED = ("id", "call", "caller", "number", "reference")


def as_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "none") -> None:
    """Print a table; if it is empty, the title and `empty`. With instants, the title names their time zone.

    Cells are escaped: data from outside must not control the terminal.
    """
    rows = [tuple(row) for row in rows]
    if any(isinstance(value, datetime) for row in rows for value in row):
        title = f"{title} (times: {zone_shown()})"
    if len(rows) > _MANY and _print_many(title, columns, [[cell(value) for value in row] for row in rows]):
        return
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        # Values that are copied into the next command never wrap; on a narrow terminal the others do.
        table.add_column(column, no_wrap=column in _COPIED)
    count = 0
    for row in rows:
        table.add_row(*(escape(cell(value)) for value in row))
        count += 1
    if count:
        console.print(
            title, style="table.title", markup=False, soft_wrap=True
        )  # does not wrap where the table is narrow
        console.print(table)
    else:
        console.print(f"{title}: {empty}")


def _print_many(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Print a table as `as_table` does, in a hundredth of the time; False if a row does not fit into a line."""
    # Without the cache of `cell_len`, which ASCII does not need.
    lengths = [[len(text) if text.isascii() else cell_len(text) for text in row] for row in rows]
    headers = [max(map(len, column.split("\n"))) for column in columns]
    widths = [max(header, *own) for header, own in zip(headers, zip(*lengths, strict=True), strict=True)]
    if sum(widths) + _GAP * (len(widths) - 1) > console.width:
        return False
    header = Table(header_style="bold", box=None, pad_edge=False)
    for column, width in zip(columns, widths, strict=True):
        header.add_column(column, width=width)
    console.print(title, style="table.title", markup=False, soft_wrap=True)
    console.print(header)
    for row, own in zip(rows, lengths, strict=True):
        padded = (text + " " * (width - length) for text, width, length in zip(row, widths, own, strict=True))
        console.file.write((" " * _GAP).join(padded) + "\n")
    return True


def cell(value: object) -> str:
    """Return a value as a table's cell, without unprintable characters."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        at = local(value) if value.tzinfo is not None else value
        again = f" ({at:%z})" if at.fold else ""  # when clocks are set back, an hour occurs twice
        return f"{at:%Y-%m-%d %H:%M:%S}{again}"
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))


class Bar:
    """Progress on the terminal: a line per step, a bar for counted steps; plain lines without a terminal."""

    def __init__(self, display: Progress | None = None) -> None:
        """`display`: of a bar that is above this one."""
        self._task: TaskID | None = None
        self._is_first = display is None
        if display is not None:
            self._progress = display
            return
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> "Bar":
        if self._is_first:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        if self._is_first:
            self._progress.stop()

    def beside(self) -> "Bar":
        """Return a bar below this one, for what another thread does meanwhile."""
        return Bar(self._progress)

    def step(self, text: str) -> None:
        self._end()
        console.print(f"  {escape(text)}")
        self._task = self._progress.add_task("", total=None)

    def update(self, done: int, total: int) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
