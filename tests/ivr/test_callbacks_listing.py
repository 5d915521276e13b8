"""Why a request is not dialled now, in words."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.callbacks import open_by_plan
from cli.composition import Composition
from db.callback_requests import CallbackRequest, Claim, DialCounts
from db.ids import uuid7
from ivr.home.settings import CHECKOUT
from ivr.site import site
from ivr.site.callback_facts import language_of
from ivr.site.callbacks import Callbacks
from office.callback_reasons import LineNow, explain

SITE = site.load(CHECKOUT / "sites" / "consulate").model_copy(update={"callbacks": Callbacks(trunk="one")})
NIGHT = datetime(2026, 11, 25, 21, 30, tzinfo=UTC)  # 22:30 in Paris, 21:30 in Rabat
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


OPEN = LineNow(lambda _: True)


def new_request(**other: Any) -> CallbackRequest:
    row = {"id": uuid7(), "node": "n", "kind": "closed", "state": "wished", "number": "+33612345678", "wished": NOON}
    return CallbackRequest(**{**row, "due": NOON, **other})


def why_not(request: CallbackRequest, at: datetime, in_: site.Site = SITE) -> str:
    return explain([request], DialCounts({}, 0), in_, OPEN, at)[request.id]


def test_at_night_the_list_shows_when_a_number_may_be_called_again() -> None:
    reason = why_not(new_request(), NIGHT)
    assert reason.startswith("it is not an allowed hour in every possible time zone of the number")
    assert reason.endswith("before Thursday 2026-11-26 07:00")  # 08:00 in Paris, by the clock of Rabat
    assert "allowed hour" not in why_not(new_request(), NOON)
    assert why_not(new_request(state="ringing_caller", tries=1), NIGHT) == "the number is being rung"


def test_a_request_behind_another_one_of_its_number_shows_its_id_and_node() -> None:
    stale = new_request(state="connected", tries=1, claim=Claim("gone7", uuid7()))
    first, second = new_request(), new_request()
    for others, reason in (
        ([], "another request of the same number goes first"),
        ([stale], f"another request of the same number is at work ({stale.id}, by the node gone7)"),
    ):
        reasons = explain([second, first, *others], DialCounts({}, 0), SITE, OPEN, NOON)
        assert reasons[second.id] == reason
        assert (reasons[first.id] == reason) is bool(others)


def test_a_number_whose_time_zones_have_no_common_hour_is_shown_as_never_allowed() -> None:
    short = Callbacks(trunk="one", hours=("08:00-08:30",))  # Spain has two zones, an hour apart
    reason = why_not(new_request(number="+34612345678"), NOON, SITE.model_copy(update={"callbacks": short}))
    assert reason.endswith("never is: the hours in [callbacks] of site.toml are too few")


def test_the_plan_without_a_controller_is_closed_on_a_holiday(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_HOME", str(tmp_path))
    monkeypatch.setenv("HATIF_SITE", str(CHECKOUT / "sites" / "consulate"))
    parts = Composition()
    assert open_by_plan(parts, datetime(2026, 7, 29, 12, tzinfo=UTC))(None)  # a Wednesday
    throne_day = open_by_plan(parts, datetime(2026, 7, 30, 12, tzinfo=UTC))
    assert not throne_day(None) and not throne_day("fr")


@pytest.mark.parametrize(
    ("language", "country", "heard"),
    [("nl", "FR", "nl"), (None, "FR", "fr"), ("xx", "NL", "nl"), (None, None, SITE.language_order(None)[0])],
)
def test_a_caller_is_called_back_in_their_language_or_the_likeliest_of_their_country(
    language: str | None, country: str | None, heard: str
) -> None:
    assert language_of(SITE, new_request(language=language, country=country)) == heard
