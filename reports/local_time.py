"""Local time by quarters of an hour since 1970, as whole numbers: a year has 35,000 of them."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

QUARTER_S = 900
"""Since 2000 every time zone's offset is a multiple of this, so no hour or day begins within a quarter."""

_DAY = 96
_FIRST = date(1970, 1, 1)


class LocalTime:
    """The clock of a zone. What it has looked up for a day, it keeps."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._names: dict[int, str] = {}
        self._days: dict[int, tuple[list[int], list[tuple[int, int]]]] = {}

    def day(self, quarter: int) -> str:
        """Return the day of a quarter, as 2026-11-25."""
        number = self._local(quarter)[0] // _DAY
        name = self._names.get(number)
        if name is None:
            name = self._names[number] = (_FIRST + timedelta(days=number)).isoformat()
        return name

    def hour_of_day(self, quarter: int) -> int:
        """Return the hour by the clock, 0 to 23."""
        return self._local(quarter)[0] % _DAY // 4

    def minute(self, quarter: int) -> int:
        """Return the minute by the clock."""
        return self._local(quarter)[0] % 4 * 15

    def again(self, quarter: int) -> str:
        """Return the offset, such as +0100, if the clock shows this time for the second time; nothing otherwise."""
        fold = self._local(quarter)[1]
        return f"{self._at(quarter):%z}" if fold else ""

    def _local(self, quarter: int) -> tuple[int, int]:
        """Return a quarter since 1970 by the local clock, and 1 if it shows this time for the second time."""
        number = quarter // _DAY
        found = self._days.get(number)
        if found is None:
            found = self._days[number] = self._look_up(number * _DAY)
        starts, values = found
        offset, fold = values[bisect_right(starts, quarter) - 1]
        return quarter + offset, fold

    def _look_up(self, first: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the quarters of a day of UTC from which on there is another offset or fold, and those."""
        ends = self._value(first), self._value(first + _DAY - 1)
        if ends[0] == ends[1]:  # a clock is not set twice within a day
            return [first], [ends[0]]
        starts, values = [first], [ends[0]]
        for quarter in range(first + 1, first + _DAY):
            if (value := self._value(quarter)) != values[-1]:
                starts.append(quarter)
                values.append(value)
        return starts, values

    def _value(self, quarter: int) -> tuple[int, int]:
        local = self._at(quarter)
        offset = local.utcoffset() or timedelta()
        return round(offset.total_seconds()) // QUARTER_S, local.fold

    def _at(self, quarter: int) -> datetime:
        return datetime.fromtimestamp(quarter * QUARTER_S, UTC).astimezone(self._zone)
