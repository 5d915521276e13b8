"""Why a wish is not dialled now, as people read it."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from db.callback_requests import CallbackRequest, Claim, Dialled
from db.ids import uuid7
from ivr.callbacks import listing
from ivr.callbacks.facts import language_of
from ivr.cli.callbacks import plan_of
from ivr.cli.composition import Composition
from ivr.home.settings import CHECKOUT
from ivr.site import site
from ivr.site.callbacks import Callbacks
from routing import hours

SITE = site.load(CHECKOUT / "sites" / "consulate").model_copy(update={"callbacks": Callbacks(trunk="one")})
NIGHT = datetime(2026, 11, 25, 21, 30, tzinfo=UTC)  # 22:30 in Paris, 21:30 in Rabat
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Always:
    def answer(self, at: datetime, *, line: str | None = None, language: str | None = None) -> hours.Answer:
        day = {weekday: ((time(0), time.max),) for weekday in range(7)}
        return hours.answer(hours.Plan(SITE.hours.plan().zone, day), at)


def wished(**other: Any) -> CallbackRequest:
    row = {"id": uuid7(), "node": "n", "kind": "closed", "state": "wished", "number": "+33612345678", "wished": NOON}
    return CallbackRequest(**{**row, "due": NOON, **other})


def why_not(wish: CallbackRequest, at: datetime, in_: site.Site = SITE) -> str:
    opening: Any = Always()
    (row,) = listing.rows([wish], {}, Dialled({}, 0), in_, opening, at)
    return str(row["why_not"])


def test_at_night_it_is_said_when_a_number_may_be_called_again() -> None:
    said = why_not(wished(), NIGHT)
    assert said.startswith("it is not an allowed hour in every time zone")
    assert said.endswith("before Thursday 2026-11-26 07:00")  # 08:00 in Paris, by the clock of Rabat
    assert "allowed hour" not in why_not(wished(), NOON)
    assert why_not(wished(state="ringing_caller", tries=1), NIGHT) == "the number is being rung"


def test_behind_a_wish_of_the_number_that_is_at_work_its_id_and_node_are_said() -> None:
    stale = wished(state="connected", tries=1, claim=Claim("gone7", uuid7()))
    first, second = wished(), wished()
    opening: Any = Always()
    for others, said in (
        ([], "another request of the same number goes first"),
        ([stale], f"another request of the same number is at work ({stale.id}, by the node gone7)"),
    ):
        rows = listing.rows([second, first, *others], {}, Dialled({}, 0), SITE, opening, NOON)
        assert [row["why_not"] for row in rows if row["id"] == str(second.id)] == [said]
        assert [row["why_not"] == said for row in rows if row["id"] == str(first.id)] == [bool(others)]


def test_where_the_zones_of_a_number_have_no_hour_in_common_it_is_never_and_that_is_said() -> None:
    short = Callbacks(trunk="one", hours=("08:00-08:30",))  # Spain has two zones, an hour apart
    said = why_not(wished(number="+34612345678"), NOON, SITE.model_copy(update={"callbacks": short}))
    assert said.endswith("never is: the hours in [callbacks] of site.toml are too few")


def test_without_a_controller_a_line_is_closed_on_a_holiday(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_HOME", str(tmp_path))
    monkeypatch.setenv("HATIF_SITE", str(CHECKOUT / "sites" / "consulate"))
    plan = plan_of(Composition())
    assert plan.answer(datetime(2026, 7, 29, 12, tzinfo=UTC)).open  # a Wednesday
    assert not plan.answer(datetime(2026, 7, 30, 12, tzinfo=UTC)).open  # the Throne Day
    assert not plan.answer(datetime(2026, 7, 30, 12, tzinfo=UTC), language="fr").open


@pytest.mark.parametrize(
    ("language", "country", "heard"),
    [("nl", "FR", "nl"), (None, "FR", "fr"), ("xx", "NL", "nl"), (None, None, SITE.language_order(None)[0])],
)
def test_the_called_hears_his_language_or_the_likeliest_of_his_country(
    language: str | None, country: str | None, heard: str
) -> None:
    assert language_of(SITE, wished(language=language, country=country)) == heard
