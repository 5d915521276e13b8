"""How commands answer: a table for people, or one JSON document on standard output."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

# Where it is no terminal, lines are not broken at 80 letters: a table is read by `grep` then.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 250)
errors = Console(stderr=True, highlight=False)

JSON = typer.Option(False, "--json", help="One JSON document on standard output.")


_zone: ZoneInfo | None = None


def times_in(zone: str) -> None:
    """Show instants to people by the clock of this zone: the site's. Documents (JSON, CSV) have UTC."""
    global _zone
    _zone = ZoneInfo(zone)


def local(at: datetime) -> datetime:
    """Return an instant by the clock that people are shown; in UTC where no site is known."""
    return at.astimezone(_zone or UTC)


def zone_shown() -> str:
    """Return the name of the clock that people are shown."""
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
    raise TypeError(f"{type(value)} is not for JSON")


def as_json(data: object) -> None:
    sys.stdout.write(json.dumps(data, default=_plain, ensure_ascii=False, indent=1) + "\n")


_COPIED = ("id", "call", "caller", "number", "reference")


def as_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "none") -> None:
    """Every cell is shown as it is: what came from outside may not colour the screen. Where there are instants, the
    title says by which clock."""
    rows = [tuple(row) for row in rows]
    if any(isinstance(each, datetime) for row in rows for each in row):
        title = f"{title} (times: {zone_shown()})"
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        # What is copied into the next command is never cut; on a narrow terminal the others are wrapped.
        table.add_column(column, no_wrap=column in _COPIED)
    count = 0
    for row in rows:
        table.add_row(*(escape(cell(each)) for each in row))
        count += 1
    if count:
        console.print(title, style="table.title", markup=False, soft_wrap=True)  # not broken where the table is narrow
        console.print(table)
    else:
        console.print(f"{title}: {empty}")


def cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        at = local(value) if value.tzinfo is not None else value
        again = f" ({at:%z})" if at.fold else ""  # when clocks are set back, an hour comes twice
        return f"{at:%Y-%m-%d %H:%M:%S}{again}"
    return "".join(each if each.isprintable() else "?" for each in str(value))


class Bar:
    """Progress on the terminal: a line a step, a bar for what is counted; plain lines where there is no terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

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
