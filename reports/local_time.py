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
    `names[codes[i]]`. The last one ends with the period. Names are in their order of appearance."""

    begins: Whole
    codes: Whole
    names: list[str]

    def at(self, instants: Whole) -> Whole:
        """Return the codes of instants within the period."""
        return self.codes[np.searchsorted(self.begins, instants, side="right") - 1]

    def spread(self, since: Whole, until: Whole) -> tuple[Whole, Whole, Whole]:
        """Divide spans of time, none of them empty, where one stretch ends and the next begins.

        Returns of each part the place of its span, the code of its stretch, and its length.
        """
        first = np.searchsorted(self.begins, since, side="right") - 1
        parts = np.searchsorted(self.begins, until, side="left") - first
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
        codes, found = [], dict[str, int]()
        for number, again, quarter in zip(
            unit[starts].tolist(), fold[starts].tolist(), self._quarters[starts].tolist(), strict=True
        ):
            name = _name(number, length, of_day=of_day)
            if again and length != DAY and not of_day:
                name = f"{name} ({self._at(quarter):%z})"
            codes.append(found.setdefault(name, len(found)))
        return Stretches(self._quarters[starts] * QUARTER_US, np.array(codes, np.int64), [*found])

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


def _name(number: int, length: int, *, of_day: bool) -> str:
    per_day = DAY // length
    day, time = divmod(number, per_day)
    clock = f"{time * length // HOUR:02}:{time * length % HOUR * 15:02}"
    if of_day:
        return clock
    name = (_FIRST + timedelta(days=day)).isoformat()
    return name if length == DAY else f"{name} {clock}"
