"""The form of the page: which report somebody asks for."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Query

from desk.page.texts import N_
from reports.by import TIMES, By
from reports.periods import Span, days_of
from reports.request import FIRST_YEAR, LAST_YEAR, ReportRequest, make_request

SPANS = {
    Span.TODAY: N_("Today"),
    Span.YESTERDAY: N_("Yesterday"),
    Span.LAST_7_DAYS: N_("The last 7 days"),
    Span.THIS_WEEK: N_("This week"),
    Span.LAST_WEEK: N_("Last week"),
    Span.THIS_MONTH: N_("This month"),
    Span.LAST_MONTH: N_("Last month"),
    Span.THIS_YEAR: N_("This year"),
    Span.LAST_YEAR: N_("Last year"),
}
CHOSEN = "days"
"""Instead of a span: the days that are chosen."""

_NO_DAY = N_("Choose the first and the last day.")
_REVERSED = N_("The last day is before the first one.")
_FAR_AWAY = N_("Choose days from %(first)s to %(last)s.")
_DOES_NOT_FIT = N_("Both groupings are times, or the same; choose another one.")


@dataclass(frozen=True, slots=True)
class Asked:
    """The values of the form. `second`: the second grouping, empty for none."""

    span: str
    first: str
    last: str
    by: By
    second: str
    tests: bool

    def days(self, today: date) -> tuple[date, date] | None:
        """Return the days that are asked for; None unless both are days."""
        if self.span != CHOSEN:
            return days_of(Span(self.span), today)
        try:
            return date.fromisoformat(self.first), date.fromisoformat(self.last)
        except ValueError:
            return None

    def problem(self, today: date) -> tuple[str, dict[str, object]] | None:
        """Return what is wrong, as a text and what fills its gaps; None if nothing is."""
        days = self.days(today)
        if days is None:
            return _NO_DAY, {}
        if days[1] < days[0]:
            return _REVERSED, {}
        if not all(FIRST_YEAR <= day.year <= LAST_YEAR for day in days):
            return _FAR_AWAY, {"first": FIRST_YEAR, "last": LAST_YEAR}
        if self.second and (self.second == self.by or (self.by in TIMES and self.second in TIMES)):
            return _DOES_NOT_FIT, {}
        return None

    def request(self, zone: str, now: datetime) -> ReportRequest:
        """Return the request; only if there is no problem."""
        days = self.days(now.astimezone(ZoneInfo(zone)).date())
        assert days is not None, "there is a problem"
        by = f"{self.by},{self.second}" if self.second else self.by.value
        return make_request(by, *days, ZoneInfo(zone), now, tests=self.tests)

    @property
    def query(self) -> str:
        """The same as a part of an address."""
        fields: dict[str, Any] = {"span": self.span, "first": self.first, "last": self.last, "by": self.by.value}
        fields |= {"second": self.second, "tests": "1" if self.tests else ""}
        return urlencode({name: value for name, value in fields.items() if value})


Day = Annotated[str, Query(max_length=10)]


async def _asked(
    span: Literal[tuple(span.value for span in Span)] | Literal["days"] = Span.LAST_7_DAYS.value,  # type: ignore[valid-type]
    first: Day = "",
    last: Day = "",
    by: By = By.DAY,
    second: By | Literal[""] = "",
    tests: bool = False,
) -> Asked:
    return Asked(str(span), first, last, by, str(second), tests)


AskedDep = Annotated[Asked, Depends(_asked)]
