"""The roster `roster.csv`: who is planned to be on duty when. docs/roster.md has the format.

Being off duty logs nobody out, and nobody is rung because he is planned: routing only prefers those who are.
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
"""Of the days that a roster may name."""

Time = tuple[datetime, datetime]
"""From its first instant to before its last; both in UTC."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the roster. `days`: 0 is Monday. `begins` and `ends` on the wall of the site, `ends` on the next day if
    it is not later; an absence without them takes away the shifts that begin on its days. `first` and `last`: both
    counted, None: without a limit."""

    operators: tuple[str, ...]
    days: frozenset[int]
    begins: time | None
    ends: time | None
    first: date | None
    last: date | None
    absent: bool

    def is_on(self, day: date) -> bool:
        in_time = (self.first is None or self.first <= day) and (self.last is None or day <= self.last)
        return in_time and day.weekday() in self.days


@dataclass(frozen=True, slots=True, order=True)
class Shift:
    """`operator` is planned to be on duty from `begins` to before `ends`, in UTC."""

    begins: datetime
    ends: datetime
    operator: str


@dataclass(frozen=True, slots=True)
class Roster:
    rows: tuple[Row, ...]
    zone: ZoneInfo

    def shifts(self, first: date, last: date) -> list[Shift]:
        """Those that begin on these days of the site (both counted), by their beginning. What overlaps or touches on
        one day is one shift; where clocks change, one lasts as long as it does on the wall."""
        days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
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
            for begins, ends in without(joined(times), self._absences(operator, day)):
                yield Shift(begins, ends, operator)

    def _absences(self, operator: str, day: date) -> list[Time]:
        """For some hours; also those of the days beside, which a shift over midnight reaches."""
        return [
            self._time(row, each)
            for row in self.rows
            if row.absent and row.begins is not None and operator in row.operators
            for each in (day - _ONE_DAY, day, day + _ONE_DAY)
            if row.is_on(each)
        ]

    def _time(self, row: Row, day: date) -> Time:
        assert row.begins is not None and row.ends is not None
        until = day if row.ends > row.begins else day + _ONE_DAY
        begins, ends = (
            at_wall(datetime.combine(on, wall, self.zone)).astimezone(UTC)
            for on, wall in ((day, row.begins), (until, row.ends))
        )
        return begins, ends


def joined(times: Iterable[Time]) -> list[Time]:
    """In order; what overlaps or touches is one."""
    found: list[Time] = []
    for begins, ends in sorted(times):
        if begins >= ends:
            continue  # where clocks change nothing is left of it
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(ends, found[-1][1])
        else:
            found.append((begins, ends))
    return found


def without(times: Iterable[Time], others: Iterable[Time]) -> list[Time]:
    """What is left of the times, in order."""
    left = joined(times)
    for taken, until in joined(others):
        parts = [part for begins, ends in left for part in ((begins, min(ends, taken)), (max(begins, until), ends))]
        left = [(begins, ends) for begins, ends in parts if begins < ends]
    return left


def load(folder: Path, operators: Collection[str], zone: ZoneInfo) -> Roster | None:
    """The roster of the site in `folder`; None: it has none. `operators`: the ids that there are.

    Raises SiteError with a line for each mistake.
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
            problems.append(Finding.told("E_ROSTER_ROW", str(path), number, str(error)))
    if problems:
        raise SiteError(*problems)
    return Roster(tuple(rows), zone)


def _row(cells: list[str], known: Collection[str]) -> Row:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"has {len(cells)} cells; it must have {len(COLUMNS)}: {','.join(COLUMNS)}")
    who, days, begins, ends, valid_from, valid_until, what = cells
    if what not in ("", "duty", "absent"):
        raise ValueError(f"what is {what!r}; write duty (or nothing) or absent")
    if not who:
        raise ValueError("names nobody; write the ids of operators, separated by blanks")
    for identity in who.split():
        if identity not in known:
            raise ValueError(f"the operator {identity!r} is not in operators.csv; write ids that are, or add him there")
    first, last = _date("valid_from", valid_from), _date("valid_until", valid_until)
    if first is not None and last is not None and last < first:
        raise ValueError(f"valid_until {last} lies before valid_from {first}; exchange them")
    weekdays = frozenset(range(7))
    if days[:1].isdigit():
        if first is not None or last is not None:
            raise ValueError(f"the day {days} is one day; leave valid_from and valid_until empty")
        first = last = _date("days", days)
    else:
        weekdays = _weekdays(days)
    whole = not begins and not ends
    if whole and what != "absent":
        raise ValueError("has no times; write from and to, such as 08:00 and 14:00 (only absent may be without)")
    if not whole and not (begins and ends):
        raise ValueError("has one time only; write both from and to")
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
        raise ValueError(f"{column} is {text!r}, which is no day; write it as 2027-01-15") from None
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise ValueError(f"{column} is {text}, which is too far away; write a day from {YEARS[0]} to {YEARS[1]}")
    return day


def _time(text: str) -> time:
    if not _TIME.fullmatch(text):
        raise ValueError(f"the time {text!r} is not right; write it as 08:00 (the end of a day as 24:00)")
    return time.fromisoformat(text)


def _weekdays(text: str) -> frozenset[int]:
    """`daily`, or weekdays and spans of them, such as `mon-thu sat`."""
    if text == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for word in text.split():
        begins, dash, ends = word.partition("-")
        if begins not in _DAY or (dash and ends not in _DAY):
            raise ValueError(
                f"the day {word!r} is not right; write daily, weekdays such as mon or mon-fri, or one day as 2026-12-24"
            )
        first, last = _DAY[begins], _DAY[ends or begins]
        found |= {each % 7 for each in range(first, last + 1 + (7 if last < first else 0))}
    if not found:
        raise ValueError("names no days; write daily, weekdays such as mon-fri, or one day as 2026-12-24")
    return frozenset(found)
