"""What a caller may use up, in virtual time: time in the menus, messages, call-back requests."""

import shutil
import time
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from datetime import time as clock_time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from trial_calls import ANSWERS, announcements, languages, place_call, rows, steps
from trial_stage import NIGHT, stage

from db.caller_limits import RequestOfCaller, RequestsOfCaller
from db.ids import call_id, uuid7
from ivr.call import menu_time
from ivr.call.call import Call
from ivr.call.first_state import first_state
from ivr.records.caller_limits import CallerLimits
from ivr.records.limit_counts import Limit
from ivr.records.voicemail import Mailbox
from ivr.trial.asterisk import Asterisk
from ivr.trial.trial import Stage

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}


def limited(**limits: object) -> Stage:
    """Return the example site with other `[limits]`."""
    chosen = stage()
    return replace(chosen, site=chosen.site.model_copy(update={"limits": chosen.site.limits.model_copy(update=limits)}))


@pytest.fixture
def a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give callers a minute in the menus: half an hour would take thousands of keys."""
    monkeypatch.setattr(menu_time, "MOST_S", 60.0)


@pytest.mark.usefixtures("a_minute")
@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_who_stays_in_the_menus_for_too_long_is_told_so_and_the_call_ends(language: str, key: str) -> None:
    result = place_call(key + 300 * "#")
    assert announcements(result)[-1] == ["menus_over"]
    assert languages(result, "main") == {language}
    assert 60 < result.seconds < 60 + 40
    assert (result.outcome, result.ended_by) == ("left_menu", "service")


@pytest.mark.usefixtures("a_minute")
def test_the_wait_for_an_operator_and_the_conversation_do_not_count_as_time_in_the_menus() -> None:
    waits = place_call("20", patience_s=300)
    assert waits.outcome == "abandoned" and waits.seconds > 300
    reads = place_call("203" + 80 * "#", patience_s=300)  # the guide, while waiting
    assert steps(reads, "menus_over") == [] and reads.seconds > 60
    talks = place_call("20", operators=[replace(ANSWERS, talks_s=300)])
    assert announcements(talks)[-1] == ["goodbye"] and talks.outcome == "answered"


@pytest.mark.usefixtures("a_minute")
def test_a_message_is_kept_if_the_time_in_the_menus_ends_before_it_is_sent() -> None:
    result = place_call("2--6" + 40 * "-2", opening="forced closed")
    assert announcements(result)[-1] == ["menus_over"]
    assert len(rows(result, "message")) == 1
    assert result.outcome == "message"


@pytest.mark.parametrize(("waited", "used_s"), [(None, 1200), (1.0, 0)])
def test_a_restart_gives_a_caller_no_new_time_in_the_menus_unless_they_had_waited(
    waited: float | None, used_s: int
) -> None:
    chosen, call = stage(), str(call_id("node1", "channel", 1000 * int(time.time() - 1200)))
    state = first_state(chosen.site, chosen.version, call, "+33800212000", "+33613000001").replace(since=waited)
    services: Any = SimpleNamespace(site=chosen.site, workers=None)
    found: Call = Call(services, "channel", state, chosen.version, answered=True)
    found.resume()
    assert found.menu_time.used == pytest.approx(used_s, abs=5)


class UsedUp:
    """What callers have recorded before; None: the database is away."""

    def __init__(self, messages: int | None = 0, *requests: RequestOfCaller) -> None:
        self.messages, self.requests = messages, requests

    async def messages_of(self, caller: str, since: datetime, most: int) -> list[UUID] | None:
        assert since == datetime.combine(NIGHT, clock_time(), ZoneInfo(stage().site.hours.timezone))
        return [uuid7() for _ in range(min(most, self.messages))] if self.messages is not None else None

    async def requests_of(
        self, number: str, caller: str, denied_since: datetime, known: Collection[UUID]
    ) -> RequestsOfCaller | None:
        return RequestsOfCaller(self.requests, frozenset())


CALLER, OTHER = "+33613000001", "+31612345678"


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_who_has_left_too_many_messages_today_hears_so_and_goes_back(language: str, key: str) -> None:
    result = place_call(key + "--6-h", CALLER, at=NIGHT, used_up=UsedUp(10))
    assert announcements(result, "leave_message") == [["message_too_many"]]
    assert languages(result, "leave_message") == {language}
    assert announcements(result)[-1][0] == "main_urgent"
    assert rows(result, "message") == rows(result, "case_file") == []
    (refused,) = steps(result, "message_refused")
    assert refused.data == {"why": "messages_by_number"}


@pytest.mark.parametrize(("caller", "before"), [("", 10), (CALLER, 9), (CALLER, None)])
def test_a_caller_may_leave_a_message_below_the_limit_without_a_number_or_while_the_database_is_away(
    caller: str, before: int | None
) -> None:
    assert len(rows(place_call("2--6-#1h", caller, at=NIGHT, used_up=UsedUp(before)), "message")) == 1


def test_messages_that_the_database_does_not_have_yet_count_too() -> None:
    result = place_call("2--" + "6-#1*" + "6-#1*" + "6h", CALLER, at=NIGHT, on=limited(messages_by_number=2))
    assert len(rows(result, "message")) == 2
    assert announcements(result, "leave_message")[-1] == ["message_too_many"]


def test_without_room_on_the_disk_callers_hear_that_no_message_can_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asterisk, "has_room", lambda _: False)
    result = place_call("2--6h", CALLER, at=NIGHT)
    assert announcements(result, "leave_message") == [["message_no_room"]]


def test_the_disk_has_room_as_long_as_so_much_stays_free(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert Mailbox(tmp_path, tmp_path, free // 2).has_room()
    assert not Mailbox(tmp_path, tmp_path, 2 * free).has_room()
    assert not Mailbox(tmp_path / "none", tmp_path, 1).has_room()


def request(number: str, asked_by: str | None, *, not_asked: bool = False) -> RequestOfCaller:
    return RequestOfCaller(uuid7(), number, asked_by, not_asked)


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_number_with_an_open_request_gets_no_second_one_and_the_caller_hears_that_it_is_noted(
    language: str, key: str
) -> None:
    result = place_call(key + "--71h", CALLER, at=NIGHT, used_up=UsedUp(0, request(CALLER, None)))
    assert announcements(result, "callback")[-1] == ["callback_open"]
    assert languages(result, "callback") == {language}
    assert (rows(result, "callback"), result.outcome) == ([], "callback")


TO_OTHER = "72" + "0031612345678#" + "1h"
"""Asks for a call to `OTHER`."""


@pytest.mark.parametrize(
    ("before", "keys", "text"),
    [
        (request(OTHER, None), TO_OTHER, "callback_open"),
        (request(CALLER, CALLER), TO_OTHER, "callback_other_open"),
        (request(OTHER, None, not_asked=True), TO_OTHER, "callback_unwanted"),
        (request("+33699999999", CALLER, not_asked=True), TO_OTHER, "callback_unwanted"),
        (request("+33699999999", CALLER, not_asked=True), "71h", "callback_noted"),
        (request(CALLER, OTHER, not_asked=True), "71h", "callback_unwanted"),
        (request("+33699999999", None), TO_OTHER, "callback_noted"),
    ],
)
def test_a_request_is_refused_if_its_caller_has_one_or_a_person_has_denied_one(
    before: RequestOfCaller, keys: str, text: str
) -> None:
    result = place_call("2--" + keys, CALLER, at=NIGHT, used_up=UsedUp(0, before))
    assert announcements(result, "callback")[-1] == [text]
    noted = rows(result, "callback")
    assert [row["asked_by"] for row in noted] == ([CALLER] if text == "callback_noted" else [])
    refused = steps(result, "callback_refused")
    assert len(refused) == (text != "callback_noted")


def test_a_caller_who_is_refused_a_call_back_keeps_waiting_with_their_place() -> None:
    before = UsedUp(0, request("+33699999999", CALLER))
    result = place_call("20-" + TO_OTHER[:-1], CALLER, used_up=before, patience_s=200)
    assert announcements(result, "waiting_callback")[-1] == ["callback_other_open"]
    assert result.path[-1] == "queue" and result.outcome == "abandoned"


async def test_a_request_that_the_database_does_not_have_yet_counts_until_it_has_it() -> None:
    used_up, noted = UsedUp(), uuid7()
    limits = CallerLimits(used_up, stage().site)
    limits.callback_requested(noted, OTHER, CALLER)
    assert await limits.why_no_callback(OTHER, "") is Limit.CALLBACKS_OF_NUMBER
    assert await limits.why_no_callback(CALLER, CALLER) is Limit.CALLBACKS_OF_CALLER
    assert await limits.why_no_callback(CALLER, "") is None

    async def written(*_: object) -> RequestsOfCaller:
        return RequestsOfCaller((), frozenset([noted]))

    cast(Any, used_up).requests_of = written
    assert await limits.why_no_callback(OTHER, CALLER) is None  # it has ended since
