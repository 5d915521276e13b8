"""What a closed line says and takes in each language, in virtual time; `test_closed.py` hears it by telephone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from trial_calls import announcements, called, languages, row, rows, steps
from trial_stage import HOLIDAY, NIGHT, stage

from ivr.audio import spoken

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}
ZONE = ZoneInfo(stage().site.hours.timezone)
OPENS = datetime(2026, 11, 26, 8, tzinfo=ZONE)
"""After `NIGHT`."""


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_closed_line_says_when_it_opens_next(language: str, key: str) -> None:
    course = called(f"{key}-h", at=NIGHT)
    words = [prompt for _, prompt in spoken.opening_clips(language, OPENS, NIGHT, ZONE)]
    assert announcements(course, "hours") == [["closed", *words]]
    assert announcements(course, "closed")[0][:2] == ["closed_message", "press_1"]
    assert languages(course, "hours") == languages(course, "closed") == {language}
    assert course.outcome == "closed"


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_on_a_holiday_callers_hear_that_it_is_one_and_when_it_opens(language: str, key: str) -> None:
    course = called(f"{key}-h", at=HOLIDAY)
    assert announcements(course, "hours") == [["closed_holiday", "opens_again", "opens_tomorrow", "at_0800"]]
    assert languages(course, "hours") == {language}


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_message_that_is_left_when_the_line_is_closed_becomes_a_file(language: str, key: str) -> None:
    course = called(f"{key}1-#1h", opening="forced closed")
    said = announcements(course, "leave_message")
    assert [prompts[0] for prompts in said] == ["record_how", "record_send", "record_thanks"]
    assert languages(course, "leave_message") == {language}
    file, message = row(course, "case_file"), row(course, "message")
    assert (file["kind"], message["category"], message["case_reference"]) == ("message", "message", file["reference"])
    assert course.outcome == "message"


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_request_to_be_called_back_is_stored_with_the_time_at_which_the_line_opens(language: str, key: str) -> None:
    caller = "+33618000030"
    course = called(f"{key}21h", caller, at=NIGHT)
    assert [prompts[0] for prompts in announcements(course)[-2:]] == ["callback_this_number", "callback_noted"]
    assert languages(course, "callback") == {language}
    (request,) = rows(course, "callback")
    assert {name: request[name] for name in ("number", "language", "country", "kind")} == {
        "number": caller,
        "language": language,
        "country": "FR",
        "kind": "closed",
    }
    assert request["due"] == OPENS
    assert course.outcome == "callback"


def test_another_number_is_asked_for_until_it_can_be_called_then_confirmed_and_stored() -> None:
    course = called("222" + "0033899123456#" + "0031612345678#" + "1h", opening="forced closed")
    said = announcements(course, "callback")
    assert said[1] == ["callback_ask_number"]
    assert said[2][:2] == ["callback_number_wrong", "callback_why_kind"]  # a number that costs more
    assert said[3][:4] == ["callback_number_is", "digit_0", "digit_0", "digit_3"]
    (request,) = rows(course, "callback")
    assert (request["number"], request["country"]) == ("+31612345678", "NL")


def test_a_caller_without_a_number_is_asked_for_one_and_star_leads_back() -> None:
    course = called("22*h", "", opening="forced closed")
    assert announcements(course, "callback") == [["callback_ask_number"]]
    assert announcements(course, "closed")[-1][0] == "closed_message"
    assert rows(course, "callback") == []


def test_a_caller_who_stays_silent_or_presses_wrong_keys_at_a_closed_line_hears_goodbye() -> None:
    for keys in ("2888", "2"):
        course = called(keys, opening="forced closed")
        assert announcements(course)[-1] == ["goodbye"]
        assert steps(course, "waiting") == []
        assert (course.outcome, course.ended_by) == ("closed", "service")
