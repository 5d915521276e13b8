"""A closed line in each language, in virtual time; `test_closed.py` tests it by telephone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from every import every
from trial_calls import announcements, languages, place_call, row, rows, steps
from trial_stage import HOLIDAY, NIGHT, stage

from ivr.call.call import Call

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}
OPENS = datetime(2026, 11, 26, 8, tzinfo=ZoneInfo(stage().site.hours.timezone))
"""After `NIGHT`."""


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_closed_line_says_when_it_opens_next(language: str, key: str) -> None:
    result = place_call(f"{key}--h", at=NIGHT)
    assert announcements(result, "hours") == [["closed", "opens_again", "opens_tomorrow", "at_0900"]]  # in Paris
    assert announcements(result, "closed")[0][:4] == ["main_urgent", "key_3", "main_file", "key_1"]
    assert languages(result, "hours") == languages(result, "closed") == {language}
    assert result.outcome == "closed"


@every(
    ("caller", "at", "texts"),
    [
        ("+33613000001", NIGHT, ["opens_tomorrow", "at_0900"]),
        ("+447400123456", NIGHT, ["opens_tomorrow", "at_0800"]),
        ("+35799123456", NIGHT, ["opens_today", "at_1000"]),  # after midnight in Cyprus
        ("+351912345678", NIGHT, ["opens_tomorrow", "at_0800"]),  # in Lisbon, not on the Azores
        ("+212612345678", NIGHT, ["opens_tomorrow", "at_0800"]),
        ("", NIGHT, ["opens_tomorrow", "at_0800", "site_time"]),
        ("+12025550123", NIGHT, ["opens_tomorrow", "at_0800", "site_time"]),
        ("+33613000001", datetime(2026, 3, 1, 22, tzinfo=UTC), ["opens_tomorrow", "at_0900"]),  # Ramadan
        ("+33613000001", datetime(2026, 5, 5, 22, tzinfo=UTC), ["opens_today", "at_0900"]),
        ("+33613000001", datetime(2027, 7, 1, 21, 30, tzinfo=UTC), ["opens_tomorrow", "at_1000"]),
        ("+33613000001", datetime(2027, 7, 1, 22, tzinfo=UTC), ["opens_today", "at_1000"]),  # midnight in Paris
    ],
)
@every(("language", "key"), KEYS.items())
def test_the_next_opening_is_announced_by_the_clock_of_the_callers_country(
    language: str, key: str, caller: str, at: datetime, texts: list[str]
) -> None:
    shared = "+80000212000"  # a number for all countries, so that the caller's own number tells the country
    result = place_call(f"{key}-h", caller, dialled=shared, at=at)
    assert announcements(result, "hours") == [["closed", "opens_again", *texts]]
    assert languages(result, "hours") == {language}


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_keys_pressed_ahead_do_not_skip_that_the_line_is_closed_and_mean_what_they_mean_while_it_is_open(
    language: str, key: str
) -> None:
    closed = place_call(f"{key}21", at=NIGHT, ahead=True)
    assert announcements(closed, "hours")[0] == ["closed", "opens_again", "opens_tomorrow", "at_0900"]
    assert languages(closed, "hours") == {language}
    says, goes = steps(closed, "hears", "hours")[0], steps(closed, "node", "documents")[0]
    assert goes.at - says.at > 2, "it is heard to its end"
    is_open = place_call(f"{key}21", ahead=True)
    assert closed.path[2:6] == ("hours", "closed", "documents", "passport")
    assert is_open.path[2:6] == ("hours", "main", "documents", "passport")
    assert rows(closed, "callback") == rows(closed, "message") == []


def test_no_call_back_comes_from_keys_pressed_ahead() -> None:
    result = place_call("2711", at=NIGHT, ahead=True)
    assert announcements(result, "callback")[0][0] == "callback_this_number"
    assert (announcements(result, "callback")[-1], rows(result, "callback")) == (["callback_not_noted"], [])


@pytest.mark.parametrize(("key", "node"), [("6", "leave_message"), ("5", "complaint")])
def test_keys_pressed_ahead_neither_skip_what_to_say_nor_send_a_message(key: str, node: str) -> None:
    result = place_call(f"2{key}11", at=NIGHT, ahead=True)
    how, speaks = steps(result, "hears", node)[0], steps(result, "speaks", node)[0]
    assert speaks.at - how.at > 2, "the caller hears it to its end before they speak"
    assert steps(result, "key", node) == []


def test_a_complaint_can_be_made_while_the_line_is_closed() -> None:
    result = place_call("2--5-#1h", at=NIGHT)
    assert (row(result, "case_file")["kind"], result.outcome) == ("complaint", "message")
    assert place_call("2--5*h", at=NIGHT).path[-1] == "closed"


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_on_a_holiday_callers_hear_so_and_when_the_line_opens(language: str, key: str) -> None:
    result = place_call(f"{key}--h", at=HOLIDAY)
    assert announcements(result, "hours") == [["closed_holiday", "opens_again", "opens_tomorrow", "at_0900"]]
    assert languages(result, "hours") == {language}


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_message_left_while_the_line_is_closed_opens_a_case(language: str, key: str) -> None:
    result = place_call(f"{key}--6-#1h", opening="forced closed")
    announced = announcements(result, "leave_message")
    assert [prompts[0] for prompts in announced] == ["record_how", "record_send", "record_thanks"]
    assert languages(result, "leave_message") == {language}
    file, message = row(result, "case_file"), row(result, "message")
    assert (file["kind"], message["category"], message["case_reference"]) == ("message", "message", file["reference"])
    assert result.outcome == "message"


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_call_back_request_is_due_when_the_line_opens(language: str, key: str) -> None:
    caller = "+33618000030"
    result = place_call(f"{key}--71h", caller, at=NIGHT)
    assert [prompts[0] for prompts in announcements(result)[-2:]] == ["callback_this_number", "callback_noted"]
    assert languages(result, "callback") == {language}
    (request,) = rows(result, "callback")
    assert {name: request[name] for name in ("number", "language", "country", "kind")} == {
        "number": caller,
        "language": language,
        "country": "FR",
        "kind": "closed",
    }
    assert request["due"] == OPENS
    assert result.outcome == "callback"


def test_somebody_who_tries_the_line_hears_the_same_and_nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Call, "is_test", True)
    result = place_call("2--71h", "+33618000030", at=NIGHT)
    assert announcements(result)[-1][0] == "callback_noted"
    assert rows(result, "callback") == []


def test_another_number_is_asked_for_until_it_can_be_called_and_is_then_confirmed_and_stored() -> None:
    result = place_call("2--72" + "0033899123456#" + "0031612345678#" + "1h", opening="forced closed")
    announced = announcements(result, "callback")
    assert announced[1] == ["callback_ask_number"]
    assert announced[2][:2] == ["callback_number_wrong", "callback_why_kind"]  # a number that costs more
    assert announced[3][:4] == ["callback_number_is", "digit_0", "digit_0", "digit_3"]
    (request,) = rows(result, "callback")
    assert (request["number"], request["country"]) == ("+31612345678", "NL")


@every(("keys", "number"), [("", "+33618000031"), ("-", "")])
@every(("language", "key"), KEYS.items())
def test_a_call_back_request_without_a_number_is_not_noted_and_leads_back_to_the_menu_of_the_closed_line(
    language: str, key: str, keys: str, number: str
) -> None:
    result = place_call(f"{key}--7{keys}", number, opening="forced closed")
    assert announcements(result, "callback")[-1] == ["callback_not_noted"]
    assert languages(result, "callback") == {language}
    assert rows(result, "callback") == []
    assert result.path[-3:] == ("callback", "closed", "goodbye")
    assert (result.outcome, result.ended_by) == ("closed", "service")


def test_a_caller_with_a_hidden_number_is_asked_for_one_and_star_leads_back() -> None:
    result = place_call("2--7*h", "", opening="forced closed")
    assert announcements(result, "callback") == [["callback_ask_number"]]
    assert announcements(result, "closed")[-1][0] == "main_urgent"
    assert rows(result, "callback") == []


def test_a_caller_who_stays_silent_or_presses_wrong_keys_at_a_closed_line_hears_goodbye() -> None:
    for keys in ("2--444", "2"):
        result = place_call(keys, opening="forced closed")
        assert announcements(result)[-1] == ["goodbye"]
        assert steps(result, "waiting") == []
        assert (result.outcome, result.ended_by) == ("closed", "service")
