"""Absences of operators in the site's roster, and what is left of it without an operator."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from desk.site import table
from desk.site.site_toml import Edit

FILE = "roster.csv"
_COLUMNS = ("operators", "days", "from", "to", "valid_from", "valid_until", "what")


@dataclass(frozen=True, slots=True)
class Absence:
    """A line of the roster that says when an operator is away. `key`: the line as it is written."""

    line: int
    key: str
    first: str
    last: str
    days: str
    times: str
    is_over: bool


def of_operator(text: str, operator: str, today: date) -> list[Absence]:
    """Return an operator's absences, those that are over last; none if the roster cannot be read."""
    try:
        _, rows = table.read(text)
    except table.TableError:
        return []
    found = []
    for row in rows[1:]:
        if len(row.cells) != len(_COLUMNS) or row.cells[6] != "absent" or operator not in row.cells[0].split():
            continue
        _, days, begins, ends, first, last, _ = row.cells
        if days[:1].isdigit():
            first, last, days = days, days, ""
        elif days == "daily":
            days = ""
        times = f"{begins}–{ends}" if begins else ""
        is_over = bool(last) and last < today.isoformat()
        found.append(Absence(row.line, row.text.rstrip("\n"), first, last, days, times, is_over))
    return sorted(found, key=lambda one: (one.is_over, one.first))


def away_on(text: str, day: date) -> set[str]:
    """Return the operators with an absence of this whole day."""
    try:
        _, rows = table.read(text)
    except table.TableError:
        return set()
    found: set[str] = set()
    for row in rows[1:]:
        if len(row.cells) != len(_COLUMNS) or row.cells[6] != "absent" or row.cells[2]:
            continue
        operators, days, _, _, first, last, _ = row.cells
        if days == day.isoformat() or (days == "daily" and first <= day.isoformat() <= (last or "9")):
            found.update(operators.split())
    return found


def with_absence(text: str, operator: str, first: date, last: date) -> Edit:
    """Return the edit that adds an absence of whole days to a roster. Raises TableError."""
    delimiter, _ = table.read(text)
    cells = (
        (operator, first.isoformat(), "", "", "", "", "absent")
        if first == last
        else (operator, "daily", "", "", first.isoformat(), last.isoformat(), "absent")
    )
    return _edit(None, table.line_of(cells, delimiter))


def without_absence(text: str, operator: str, key: str) -> list[Edit]:
    """Return the edits that take an operator's absence out; none if there is no such line. Raises TableError."""
    return _without(text, {operator}, key)


def without_operators(text: str, operators: Collection[str]) -> list[Edit]:
    """Return the edits that take operators out of a roster. Raises TableError."""
    return _without(text, operators, None)


def _without(text: str, operators: Collection[str], key: str | None) -> list[Edit]:
    delimiter, rows = table.read(text)
    edits: list[Edit] = []
    for row in rows[1:]:
        line = row.text.rstrip("\n")
        if not row.cells or row.cells[0].startswith("#") or (key is not None and line != key):
            continue
        ids = row.cells[0].split()
        left = [identity for identity in ids if identity not in operators]
        if left != ids:
            edits.append(_edit(line, table.line_of((" ".join(left), *row.cells[1:]), delimiter) if left else None))
    return edits[:1] if key is not None else edits


def _edit(line: str | None, new: str | None) -> Edit:
    return {"kind": "line", "file": FILE, "line": line, "new": new.rstrip("\n") if new is not None else None}
