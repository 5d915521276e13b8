"""The roster `roster.csv`: the planned shifts of operators; docs/roster.md has the format.

The end of a shift does not log out an operator, and a shift does not make a telephone ring: routing only prefers
operators who are on shift.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.site import table_file
from ivr.site.findings import Finding, SiteError
from routing.hours import WEEKDAYS, at_wall

FILE = "roster.csv"
COLUMNS = ("operators", "days", "from", "to", "valid_from", "valid_until", "what")

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DAY = {name: day for day, full in enumerate(WEEKDAYS) for name in (full, full[:3])}
_ONE_DAY = timedelta(days=1)
YEARS = (2000, 2098)
"""First and last year of the days in a roster."""

Time = tuple[datetime, datetime]
"""Beginning (included) and end (excluded), both in UTC."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the roster.

    `days`: 0 is Monday. `begins` and `ends` are local times of the site; `ends` is on the next day if it is not later
    than `begins`. An absence without times removes the shifts that begin on its days. `first` and `last` are included;
    None means no limit.
    """

    operators: tuple[str, ...]
    days: frozenset[int]
    begins: time | None
    ends: time | None
    first: date | None
    last: date | None
    absent: bool

    def is_on(self, day: date) -> bool:
        """Return whether the line applies to a day."""
        in_time = (self.first is None or self.first <= day) and (self.last is None or day <= self.last)
        return in_time and day.weekday() in self.days


@dataclass(frozen=True, slots=True, order=True)
class Shift:
    """A planned shift of `operator` from `begins` (included) to `ends` (excluded), in UTC."""

    begins: datetime
    ends: datetime
    operator: str


@dataclass(frozen=True, slots=True)
class Roster:
    """The lines of a roster in the time zone of the site."""

    rows: tuple[Row, ...]
    zone: ZoneInfo

    def shifts(self, first: date, last: date) -> list[Shift]:
        """Return the shifts that begin on these days of the site (both included), sorted by beginning.

        Shifts of one day that overlap or touch become one. When the clocks change, begin and end stay local times.
        """
        days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        return sorted(shift for day in days for shift in self._of_day(day))

    def _of_day(self, day: date) -> Iterator[Shift]:
        off = {
            operator
            for row in self.rows
            if row.absent and row.begins is None and row.is_on(day)
            for operator in row.operators
        }
        planned: dict[str, list[Time]] = {}
        for row in self.rows:
            if not row.absent and row.is_on(day):
                for operator in row.operators:
                    if operator not in off:
                        planned.setdefault(operator, []).append(self._time(row, day))
        for operator, times in planned.items():
            for begins, ends in subtract(merge(times), self._absences(operator, day)):
                yield Shift(begins, ends, operator)

    def _absences(self, operator: str, day: date) -> list[Time]:
        """Return absences of some hours, also those of adjacent days, which a shift over midnight may reach."""
        return [
            self._time(row, other)
            for row in self.rows
            if row.absent and row.begins is not None and operator in row.operators
            for other in (day - _ONE_DAY, day, day + _ONE_DAY)
            if row.is_on(other)
        ]

    def _time(self, row: Row, day: date) -> Time:
        assert row.begins is not None and row.ends is not None
        until = day if row.ends > row.begins else day + _ONE_DAY
        begins, ends = (
            at_wall(datetime.combine(on, wall, self.zone)).astimezone(UTC)
            for on, wall in ((day, row.begins), (until, row.ends))
        )
        return begins, ends


def merge(times: Iterable[Time]) -> list[Time]:
    """Return the times in order, with overlapping or touching ones merged."""
    found: list[Time] = []
    for begins, ends in sorted(times):
        if begins >= ends:
            continue  # nothing is left of it when the clocks change
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(ends, found[-1][1])
        else:
            found.append((begins, ends))
    return found


def subtract(times: Iterable[Time], others: Iterable[Time]) -> list[Time]:
    """Return the times without the others, in order."""
    left = merge(times)
    for taken, until in merge(others):
        parts = [part for begins, ends in left for part in ((begins, min(ends, taken)), (max(begins, until), ends))]
        left = [(begins, ends) for begins, ends in parts if begins < ends]
    return left


def load(folder: Path, operators: Collection[str], zone: ZoneInfo) -> Roster | None:
    """Return the roster of the site in `folder`; None if it has none.

    Args:
        operators: The ids of all operators.

    Raises:
        SiteError: The file has mistakes; one line for each.
    """
    path = folder / FILE
    try:
        lines = table_file.rows(path, COLUMNS, "E_ROSTER_FILE")
    except FileNotFoundError:
        return None
    rows: list[Row] = []
    problems: list[Finding] = []
    for number, cells in lines:
        if cells[0].startswith("#"):
            continue
        try:
            rows.append(_row(cells, operators))
        except ValueError as error:
            problems.append(Finding.from_sentence("E_ROSTER_ROW", str(path), number, str(error)))
    if problems:
        raise SiteError(*problems)
    return Roster(tuple(rows), zone)


def _row(cells: list[str], known: Collection[str]) -> Row:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"has {len(cells)} columns; it must have {len(COLUMNS)}: {','.join(COLUMNS)}")
    who, days, begins, ends, valid_from, valid_until, what = cells
    if what not in ("", "duty", "absent"):
        raise ValueError(f"what is {what!r}; write duty (or nothing) or absent")
    if not who:
        raise ValueError("has no operators; write their ids, separated by spaces")
    for identity in who.split():
        if identity not in known:
            raise ValueError(
                f"the operator {identity!r} is not in operators.csv; write an existing id, or add the operator there"
            )
    first, last = _date("valid_from", valid_from), _date("valid_until", valid_until)
    if first is not None and last is not None and last < first:
        raise ValueError(f"valid_until {last} is before valid_from {first}; swap them")
    weekdays = frozenset(range(7))
    if days[:1].isdigit():
        if first is not None or last is not None:
            raise ValueError(f"days is the single day {days}; leave valid_from and valid_until empty")
        first = last = _date("days", days)
    else:
        weekdays = _weekdays(days)
    whole = not begins and not ends
    if whole and what != "absent":
        raise ValueError("has no times; write from and to, such as 08:00 and 14:00 (only absent may omit them)")
    if not whole and not (begins and ends):
        raise ValueError("has only one time; write both from and to")
    start, end = (None, None) if whole else (_time(begins), _time("00:00" if ends == "24:00" else ends))
    if not whole and start == end and ends != "24:00":
        raise ValueError(f"from and to are both {begins}; for a whole day write 00:00 and 24:00")
    return Row(tuple(dict.fromkeys(who.split())), weekdays, start, end, first, last, what == "absent")


def _date(column: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, which is not a date; write it as 2027-01-15") from None
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise ValueError(f"{column} is {text}, which is too far away; write a date from {YEARS[0]} to {YEARS[1]}")
    return day


def _time(text: str) -> time:
    if not _TIME.fullmatch(text):
        raise ValueError(f"the time {text!r} is not valid; write it as 08:00 (the end of a day as 24:00)")
    return time.fromisoformat(text)


def _weekdays(text: str) -> frozenset[int]:
    """Parse `daily`, or weekdays and ranges of them, such as `mon-thu sat`."""
    if text == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for word in text.split():
        begins, dash, ends = word.partition("-")
        if begins not in _DAY or (dash and ends not in _DAY):
            raise ValueError(
                f"the day {word!r} is not valid; write daily, weekdays such as mon or mon-fri, or a date as 2026-12-24"
            )
        first, last = _DAY[begins], _DAY[ends or begins]
        found |= {day % 7 for day in range(first, last + 1 + (7 if last < first else 0))}
    if not found:
        raise ValueError("has no days; write daily, weekdays such as mon-fri, or a date as 2026-12-24")
    return frozenset(found)
