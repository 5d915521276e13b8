"""The period of a report: days of the site's time zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `begins` up to, not including, `ends`; days and hours are in `zone`."""

    begins: datetime
    ends: datetime
    zone: ZoneInfo

    @classmethod
    def of_days(cls, first: date, last: date, zone: ZoneInfo) -> "Period":
        """Return the period from the first day to the last, both included."""
        return cls(midnight(first, zone), midnight(last + timedelta(days=1), zone), zone)


class Span(StrEnum):
    """A period by its name, relative to today. Weeks begin on Monday; those that go on end today."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    LAST_7_DAYS = "last-7-days"
    THIS_WEEK = "this-week"
    LAST_WEEK = "last-week"
    THIS_MONTH = "this-month"
    LAST_MONTH = "last-month"
    THIS_YEAR = "this-year"
    LAST_YEAR = "last-year"


def days_of(span: Span, today: date) -> tuple[date, date]:
    """Return the first and the last day of a span."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    match span:
        case Span.TODAY:
            return today, today
        case Span.YESTERDAY:
            return today - timedelta(days=1), today - timedelta(days=1)
        case Span.LAST_7_DAYS:
            return today - timedelta(days=6), today
        case Span.THIS_WEEK:
            return monday, today
        case Span.LAST_WEEK:
            return monday - _WEEK, monday - timedelta(days=1)
        case Span.THIS_MONTH:
            return first, today
        case Span.LAST_MONTH:
            last = first - timedelta(days=1)
            return last.replace(day=1), last
        case Span.THIS_YEAR:
            return today.replace(month=1, day=1), today
        case Span.LAST_YEAR:
            return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a day begins in a zone."""
    return datetime.combine(day, time(), zone)
