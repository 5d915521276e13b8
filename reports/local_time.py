"""Local time: the days and hours of a period by the clock of its zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reports.periods import Period

QUARTER_S = 900
"""Since 2000 every time zone's offset is a multiple of this, so no hour or day begins within a quarter."""

QUARTER_US = QUARTER_S * 1_000_000
DAY, HOUR, HALF_HOUR = 96, 4, 2
"""Lengths in quarters of an hour."""

Whole = NDArray[np.int64]

_FIRST = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Stretches:
    """Times without a gap: stretch i begins at `begins[i]`, in microseconds since 1970, and has the name
    `names[codes[i]]`. The last one ends with the period. Names are in their order of appearance. Of quarter q after the
    first one, which has the number `first`, the stretch is `of_quarters[q]`."""

    begins: Whole
    codes: Whole
    names: list[str]
    first: int
    of_quarters: Whole

    def at(self, instants: Whole) -> Whole:
        """Return the codes of instants within the period."""
        return self.codes[self._stretch_at(instants)]

    def _stretch_at(self, instants: Whole) -> Whole:
        return self.of_quarters[instants // QUARTER_US - self.first]

    def spread(self, since: Whole, until: Whole) -> tuple[Whole, Whole, Whole]:
        """Divide spans of time, none of them empty, where one stretch ends and the next begins.

        Returns of each part the place of its span, the code of its stretch, and its length.
        """
        first = self._stretch_at(since)
        parts = self._stretch_at(until - 1) - first + 1
        span = np.repeat(np.arange(len(since)), parts)
        stretch = np.arange(len(span)) - np.repeat(np.cumsum(parts) - parts, parts) + first[span]
        ends = np.append(self.begins[1:], np.iinfo(np.int64).max)
        length = np.minimum(until[span], ends[stretch]) - np.maximum(since[span], self.begins[stretch])
        return span, self.codes[stretch], length


class LocalTime:
    """The clock in a period."""

    def __init__(self, period: Period) -> None:
        self._zone = period.zone
        begins, ends = (round(at.timestamp()) for at in (period.begins, period.ends))
        self._quarters = np.arange(begins // QUARTER_S, -(-ends // QUARTER_S))

    def stretches(self, length: int, *, of_day: bool = False) -> Stretches:
        """Return the days (`DAY`), hours or half hours of the period, named as 2026-11-25 or 2026-11-25 08:30.
        `of_day`: hours as 08:00, whatever the day.

        If the clock shows a time for the second time, its name has the offset from UTC, such as (+0100).
        """
        local, fold = self._local
        unit = local // length
        new = unit[1:] != unit[:-1]
        if length != DAY and not of_day:
            new |= fold[1:] != fold[:-1]
        starts = np.concatenate([[0], np.flatnonzero(new) + 1])
        names = _names(unit[starts], length, of_day=of_day)
        if length != DAY and not of_day:
            for place in np.flatnonzero(fold[starts]).tolist():
                names[place] += f" ({self._at(int(self._quarters[starts[place]])):%z})"
        found = dict[str, int]()
        codes = np.array([found.setdefault(name, len(found)) for name in names], np.int64)
        lengths = np.diff(starts, append=len(unit))
        of_quarters = np.repeat(np.arange(len(starts)), lengths)
        return Stretches(self._quarters[starts] * QUARTER_US, codes, [*found], int(self._quarters[0]), of_quarters)

    @cached_property
    def _local(self) -> tuple[Whole, Whole]:
        """The quarters by the local clock, and 1 for each in which it shows its time for the second time."""
        starts, values = list[int](), list[tuple[int, int]]()
        for day in range(int(self._quarters[0]) // DAY, int(self._quarters[-1]) // DAY + 1):
            first = day * DAY
            ends = self._value(first), self._value(first + DAY - 1)
            # A clock is not set twice within a day.
            for quarter in range(first, first + DAY) if ends[0] != ends[1] else (first,):
                value = self._value(quarter)
                if not values or value != values[-1]:
                    starts.append(quarter)
                    values.append(value)
        place = np.searchsorted(np.array(starts), self._quarters, side="right") - 1
        offsets, folds = (np.array(some, np.int64)[place] for some in zip(*values, strict=True))
        return self._quarters + offsets, folds

    def _value(self, quarter: int) -> tuple[int, int]:
        local = self._at(quarter)
        offset = local.utcoffset() or timedelta()
        return round(offset.total_seconds()) // QUARTER_S, local.fold

    def _at(self, quarter: int) -> datetime:
        return datetime.fromtimestamp(quarter * QUARTER_S, UTC).astimezone(self._zone)


def _names(units: Whole, length: int, *, of_day: bool) -> list[str]:
    """Return the names of days, hours or half hours, by their numbers since 1970."""
    days, times = (part.tolist() for part in np.divmod(units, DAY // length))
    clocks = [f"{time // HOUR:02}:{time % HOUR * 15:02}" for time in range(0, DAY, length)]
    if of_day:
        return [clocks[time] for time in times]
    dates = {day: (_FIRST + timedelta(days=day)).isoformat() for day in dict.fromkeys(days)}
    if length == DAY:
        return [dates[day] for day in days]
    return [f"{dates[day]} {clocks[time]}" for day, time in zip(days, times, strict=True)]
