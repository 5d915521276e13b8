"""Periods by their names, and what a request may ask for."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from reports.periods import Span, days_of
from reports.request import RequestError, make_request

CASABLANCA = ZoneInfo("Africa/Casablanca")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        (Span.TODAY, "2026-03-01", "2026-03-01"),
        (Span.YESTERDAY, "2026-02-28", "2026-02-28"),
        (Span.LAST_7_DAYS, "2026-02-23", "2026-03-01"),
        (Span.THIS_WEEK, "2026-02-23", "2026-03-01"),
        (Span.LAST_WEEK, "2026-02-16", "2026-02-22"),
        (Span.THIS_MONTH, "2026-03-01", "2026-03-01"),
        (Span.LAST_MONTH, "2026-02-01", "2026-02-28"),
        (Span.THIS_YEAR, "2026-01-01", "2026-03-01"),
        (Span.LAST_YEAR, "2025-01-01", "2025-12-31"),
    ],
)
def test_a_span_has_its_days(span: Span, first: str, last: str) -> None:
    assert days_of(span, NOW.date()) == (date.fromisoformat(first), date.fromisoformat(last))


def test_today_is_the_sites() -> None:
    late = datetime(2026, 7, 10, 23, 30, tzinfo=UTC)
    assert make_request("day", None, None, CASABLANCA, late, span=Span.TODAY).first == date(2026, 7, 11)


@pytest.mark.parametrize("by", ["", "day,", "day,day", "day,hour", "day,language,topic", "weather"])
def test_a_grouping_that_fits_no_table_is_refused(by: str) -> None:
    with pytest.raises(RequestError):
        make_request(by, None, None, CASABLANCA, NOW)


@pytest.mark.parametrize(("first", "last"), [("2026-03-02", "2026-03-01"), ("1999-12-31", "2026-01-01")])
def test_days_that_are_reversed_or_too_far_away_are_refused(first: str, last: str) -> None:
    with pytest.raises(RequestError):
        make_request("day", date.fromisoformat(first), date.fromisoformat(last), CASABLANCA, NOW)
