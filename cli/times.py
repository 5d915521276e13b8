"""Days and times as administrators write them on the command line."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from wire.errors import UserError

FIRST_YEAR, LAST_YEAR = 2000, 2098
"""The years that commands accept: calendars and time zones are known there, and the day after the last still exists."""


class TimeError(UserError):
    """A sentence that says what is wrong with a day or a time, and how to write it."""


def parse_day(text: str, option: str | None = None, sample: str = "2027-01-15", last: int = LAST_YEAR) -> date:
    """Return the day that `text` (ISO 8601, such as 2027-01-15 or 20270115) names.

    `option` begins the error's sentence, `sample` is the day that it gives as an example, `last` the last year that
    is accepted. Raises TimeError.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise TimeError(f"{_quoted(text, option)} is not a day; write it as {sample}.") from None
    _check_year(day.year, text, option, "a day", last)
    return day


def parse_instant(text: str, zone: ZoneInfo, option: str | None = None, sample: str = "2026-12-24T19:30") -> datetime:
    """Return the instant that `text` (ISO 8601) names; a day alone is its midnight.

    A time without an offset is by the clock of `zone`. `option` and `sample` are for the error's sentence, as in
    `parse_day`. Raises TimeError.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise TimeError(f"{_quoted(text, option)} is not a time; write it as {sample}.") from None
    _check_year(instant.year, text, option, "a time")
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)


def parse_bound(text: str, zone: ZoneInfo, option: str, *, end: bool = False) -> datetime:
    """Return where a period begins (or ends, with `end`) that `text`, a day or a time, bounds.

    A day is part of the period in both cases: a period begins at the day's midnight and ends at the next one. Raises
    TimeError.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return parse_instant(text, zone, option, "2027-01-15 or 2027-01-15T08:00")
    _check_year(day.year, text, option, "a day")
    return midnight(day + timedelta(days=1) if end else day, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a day begins in `zone`."""
    return datetime.combine(day, time(), zone)


def _quoted(text: str, option: str | None) -> str:
    return f"{option} {text!r}" if option else repr(text)


def _check_year(year: int, text: str, option: str | None, kind: str, last: int = LAST_YEAR) -> None:
    if not FIRST_YEAR <= year <= last:
        where = f"{option} {text}" if option else text
        raise TimeError(f"{where} is too far away; write {kind} from {FIRST_YEAR} to {last}.")
