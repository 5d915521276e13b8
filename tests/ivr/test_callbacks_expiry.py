"""The expiry of requests: after the site's hours of open line, and never before a request had its chance."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.callback_requests import CallbackRequest
from db.ids import uuid7
from db.journal import Journal
from db.references import ReferenceAllocator
from ivr.callbacks.expiry import Chances, is_too_late
from ivr.home.settings import CHECKOUT
from ivr.hours.opening import Opening
from ivr.records.recorder import Recorder
from ivr.site import site
from ivr.site.callbacks import Callbacks
from ivr.trial.opening import planned_hours
from routing.hours import Force, Override

WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
CONSULATE = site.load(CHECKOUT / "sites" / "consulate")
HOURS = CONSULATE.hours.model_copy(
    update={
        "week": dict.fromkeys(WORKDAYS, ("09:00-18:00",)),
        "language": {"nl": {"monday": ("10:00-12:00",)}},
    }
)
SITE = CONSULATE.model_copy(update={"hours": HOURS, "callbacks": Callbacks(trunk="one", give_up_h=18)})
"""Two days of nine hours; Rabat is on UTC in these months."""
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


FRIDAY_EVENING, MONDAY, TUESDAY = utc("2026-11-27T17:59"), utc("2026-11-30T09:00"), utc("2026-12-01T17:59")


@pytest.fixture
def opening(tmp_path: Path) -> Any:
    journal = Journal(tmp_path / "journal", "node1")
    yield planned_hours(SITE, Recorder(journal, ReferenceAllocator(tmp_path / "references", 1)))
    journal.close()


def new_request(due: datetime | None, **other: Any) -> CallbackRequest:
    return CallbackRequest(uuid7(), "n", "closed", "wished", "+33612345678", due or FRIDAY_EVENING, due=due, **other)


def too_late(opening: Opening, request: CallbackRequest, now: datetime, within: site.Site = SITE) -> bool:
    """Return whether a request that had its chance is too late."""
    return is_too_late(request, now - timedelta(hours=1), now, within, opening)


def test_closed_weekends_and_holidays_do_not_count_towards_expiry(opening: Opening) -> None:
    request = new_request(FRIDAY_EVENING)
    for now in (MONDAY, MONDAY + MINUTE, TUESDAY - MINUTE):
        assert not too_late(opening, request, now), now
    assert too_late(opening, request, TUESDAY)
    opening.add_holiday(date(2026, 11, 30), "a day off", "administrator")
    assert not too_late(opening, request, TUESDAY)
    assert too_late(opening, request, TUESDAY + timedelta(days=1))


def test_the_hours_of_the_requests_language_count_since_it_was_first_due(opening: Opening) -> None:
    dutch = new_request(FRIDAY_EVENING, language="nl")  # two hours a week, and none on the holiday of 11 January
    assert not too_late(opening, dutch, MONDAY + timedelta(weeks=9, hours=2))
    assert too_late(opening, dutch, MONDAY + timedelta(weeks=9, hours=3))
    declined = new_request(TUESDAY + timedelta(hours=1), first_due=FRIDAY_EVENING)
    assert too_late(opening, declined, TUESDAY)
    assert not too_late(opening, new_request(None), TUESDAY + timedelta(days=999))  # its file has not changed


def test_forcing_the_line_open_or_closed_does_not_change_past_hours(opening: Opening) -> None:
    opening.force(Override(Force.OPEN))
    assert not too_late(opening, new_request(FRIDAY_EVENING), TUESDAY - MINUTE)
    opening.force(Override(Force.CLOSED))
    assert too_late(opening, new_request(FRIDAY_EVENING), TUESDAY)


def test_a_year_after_it_was_due_a_request_is_too_late_even_if_the_line_was_seldom_open(opening: Opening) -> None:
    long = SITE.model_copy(update={"callbacks": Callbacks(trunk="one", give_up_h=1440)})
    dutch = new_request(FRIDAY_EVENING, language="nl")
    assert not too_late(opening, dutch, FRIDAY_EVENING + timedelta(days=365), long)
    assert too_late(opening, dutch, FRIDAY_EVENING + timedelta(days=366), long)
    assert too_late(opening, new_request(utc("1990-01-01")), TUESDAY)


def test_a_request_that_nobody_looked_at_for_long_can_be_taken_for_ten_minutes_first(opening: Opening) -> None:
    request, now = new_request(FRIDAY_EVENING - timedelta(days=90)), MONDAY
    chances = Chances()
    began = now
    while not is_too_late(request, chance(chances, request, now), now, SITE, opening):
        now += MINUTE
    assert now - began == timedelta(minutes=10)
    short = SITE.model_copy(update={"callbacks": Callbacks(trunk="one", give_up_h=0.1)})
    assert [is_too_late(request, now - minutes * MINUTE, now, short, opening) for minutes in (0.5, 0.6)] == [
        False,
        True,
    ]
    assert not is_too_late(request, None, now, SITE, opening)  # closed now


def chance(chances: Chances, *requests: CallbackRequest | datetime, is_open: bool = True) -> datetime | None:
    """Return the chance of the first request after a look at them all; the last argument is the instant."""
    *them, now = requests
    assert isinstance(now, datetime)
    chances.look([item for item in them if isinstance(item, CallbackRequest)], now)
    found = [chances.since(item, now, is_open=is_open) for item in them if isinstance(item, CallbackRequest)]
    return found[0]


def test_a_chance_starts_anew_when_the_line_was_closed_or_nobody_looked_for_a_while() -> None:
    one, other, chances, now = new_request(MONDAY), new_request(MONDAY), Chances(), MONDAY
    assert chance(chances, one, other, now) == MONDAY
    assert chance(chances, other, one, now + MINUTE) == MONDAY
    chances.look([one, other], now + 2 * MINUTE)  # both are being worked on: their chance goes on
    assert chance(chances, one, now + 7 * MINUTE) == MONDAY
    assert chance(chances, other, now + 8 * MINUTE) == now + 8 * MINUTE  # was missing in one look
    assert chance(chances, other, now + 9 * MINUTE, is_open=False) is None
    assert chance(chances, other, now + 10 * MINUTE) == now + 10 * MINUTE
    assert chance(chances, other, now + 15 * MINUTE) == now + 10 * MINUTE
    late = now + 21 * MINUTE  # no look for six minutes
    assert chance(chances, other, late) == late
