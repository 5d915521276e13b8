"""The request for a report."""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from reports.by import TIMES, By
from reports.periods import Period, Span, days_of
from routing.figures import SHORT_S, WITHIN_S

FIRST_YEAR, LAST_YEAR = 2000, 2098


class RequestError(Exception):
    """A sentence that says why there is no such report, and what would be right."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A report to make. `first` and `last` are both included; `within` and `short` in seconds."""

    by: tuple[By, ...]
    first: date
    last: date
    period: Period
    within: float
    short: float
    tests: bool
    now: datetime

    @property
    def days(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def make_request(
    by: str,
    first: date | None,
    last: date | None,
    zone: ZoneInfo,
    now: datetime,
    *,
    span: Span | None = None,
    within: float = WITHIN_S,
    short: float = SHORT_S,
    tests: bool = False,
) -> ReportRequest:
    """Return a request; without days, for the week that ends today, or for `span`. Raises RequestError."""
    names = by.split(",")
    for name in names:
        if name not in list(By):
            raise RequestError(
                f"There is no report by {name!r}; it is one of {', '.join(By)}, or two such as day,language."
            )
    groupings = tuple(map(By, names))
    if len(groupings) > 2 or len({*groupings}) < len(groupings) or len({*groupings} & {*TIMES}) > 1:
        raise RequestError(f"{by} does not fit one table; it is one grouping, or two such as day,language.")
    for seconds in (within, short):
        if not 0 <= seconds < math.inf:
            raise RequestError(f"{seconds:g} is not a wait; it is seconds such as {WITHIN_S:g}.")
    begin, end = days_of(span or Span.LAST_7_DAYS, now.astimezone(zone).date())
    if span is None:
        end = last if last is not None else end
        begin = first if first is not None else end - timedelta(days=6)
    for day in (begin, end):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise RequestError(f"{day} is too far away; a report has days from {FIRST_YEAR} to {LAST_YEAR}.")
    if end < begin:
        raise RequestError(f"{end} is before {begin}; the first day is the earlier one.")
    return ReportRequest(groupings, begin, end, Period.of_days(begin, end, zone), within, short, tests, now)
