"""Cases by reference and PIN, the language of the last call, and messages, in virtual time.

`test_case.py`, `test_memory.py` and `test_voicemail.py` test them by telephone.
"""

from datetime import date

import pytest
from every import every
from trial_calls import ANSWERS, announcements, languages, place_call, row, rows, steps
from trial_stage import OTHER_REFERENCE, PIN, REFERENCE, Cabinet, OneFile, stage

from db.enums import CaseState
from ivr.trial.trial import Stage, TrialResult

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}
ENTERED, WRONG = f"{REFERENCE}#{PIN}#", f"{REFERENCE}#999999#"
READY = OneFile(CaseState.READY)


def results(result: TrialResult) -> list[tuple[str, str]]:
    return [(step.data["reference"], step.data["result"]) for step in steps(result, "case")]


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_hears_the_state_of_their_case_in_their_language(language: str, key: str) -> None:
    case = OneFile(CaseState.INCOMPLETE, "photograph,fee", date(2026, 12, 31))
    result = place_call(f"{key}-1{ENTERED}1h", files=Cabinet(case))
    texts = ["case_state_incomplete", "case_missing", "missing_photograph", "missing_fee"]
    texts += ["case_expected", "on_day_31", "in_month_12", "hear_again", "key_1"]
    asked, pin, *heard = announcements(result, "file")
    assert (asked, pin) == (["case_ask_reference"], ["case_ask_pin"])
    assert [prompts[: len(texts)] for prompts in heard] == [texts, texts]  # 1 repeats the state
    assert languages(result, "file") == {language}
    assert results(result) == [(REFERENCE, "told")]
    assert (result.outcome, row(result, "call")["case_reference"]) == ("self_served", REFERENCE)


def test_another_case_can_be_asked_for_and_star_leads_back_to_the_menu() -> None:
    result = place_call(f"2-1{ENTERED}2{OTHER_REFERENCE}#{PIN}#*h", files=Cabinet(READY))
    assert results(result) == [(REFERENCE, "told"), (OTHER_REFERENCE, "no_match")]
    assert result.path[-2:] == ("menu", "main")


@pytest.mark.parametrize("language", KEYS)
def test_a_caller_who_is_silent_once_they_know_the_state_is_thanked_and_the_call_ends(language: str) -> None:
    result = place_call(f"{KEYS[language]}1{ENTERED}", files=Cabinet(READY))
    assert announcements(result, "file")[-1][0] == "case_state_ready"
    assert announcements(result)[-1] == ["goodbye"]
    assert (result.outcome, result.ended_by, steps(result, "waiting")) == ("self_served", "service", [])


def test_a_caller_who_is_to_be_told_of_a_change_is_not_offered_that_again() -> None:
    result = place_call(f"2-1{ENTERED}3*1{ENTERED}2{OTHER_REFERENCE}#{PIN}#", files=Cabinet(READY))
    before, after, again = (prompts for prompts in announcements(result, "file") if "case_other" in prompts)
    assert "told_option" in before
    assert after[0] == "told_noted"
    assert "told_option" not in after + again
    assert [(row["kind"], row["case_reference"]) for row in rows(result, "callback")] == [("case", REFERENCE)]


def test_everything_can_be_entered_ahead_of_the_questions() -> None:
    result = place_call(f"21{ENTERED}", files=Cabinet(READY), ahead=True)
    assert announcements(result, "file")[0][0] == "case_state_ready"


@pytest.mark.parametrize(
    ("entered", "case"),
    [(REFERENCE, READY), (REFERENCE, OneFile(CaseState.READY, has_pin=False)), (OTHER_REFERENCE, READY)],
    ids=["a wrong PIN", "no PIN", "no case"],
)
def test_a_wrong_pin_no_pin_and_no_case_get_the_same_answer(entered: str, case: OneFile) -> None:
    result = place_call(f"2-1{entered}#999999#h", files=Cabinet(case))
    assert results(result) == [(entered, "no_match")]
    assert announcements(result, "file")[-1] == ["case_no_match", "case_ask_reference"]


def test_after_three_wrong_pins_a_right_one_is_refused_and_an_operator_is_offered() -> None:
    result = place_call(f"2-1{WRONG}{WRONG}{WRONG}*1{ENTERED}h", files=Cabinet(READY))
    assert results(result) == [(REFERENCE, "no_match")] * 3 + [(REFERENCE, "locked")]
    assert [prompts for prompts in announcements(result, "file") if "case_locked" in prompts] == [
        ["case_no_match", "case_locked", "case_operator", "key_0"],
        ["case_locked", "case_operator", "key_0"],
    ]


def test_an_impossible_reference_is_asked_for_again_and_then_leads_to_an_operator() -> None:
    mistyped = f"{REFERENCE[:-1]}{(int(REFERENCE[-1]) + 1) % 10}"
    result = place_call(f"2-1{mistyped}#12#{mistyped}#", files=Cabinet(READY))
    assert announcements(result, "file")[1:] == [
        ["case_reference_wrong", "case_ask_reference"],
        ["help_digits", "case_ask_reference"],
    ]
    (waiting,) = steps(result, "waiting")
    assert waiting.data["topic"] == "file"
    assert results(result) == []


def test_a_caller_who_enters_no_digit_hears_that_none_came() -> None:
    result = place_call("2-1#-", files=Cabinet(READY))
    assert announcements(result, "file")[1:3] == [["help_no_digits", "case_ask_reference"]] * 2


@pytest.mark.parametrize(("keys", "known"), [(f"{ENTERED}0", True), (f"{WRONG}*0", False)])
def test_an_operator_gets_the_case_only_if_it_was_disclosed(keys: str, known: bool) -> None:
    result = place_call(f"2-1{keys}", files=Cabinet(READY), operators=[ANSWERS])
    call = row(result, "call")
    assert (result.outcome, call["topic"]) == ("answered", "file")
    assert (call["case_reference"] == REFERENCE) is known
    assert (row(result, "case_file") == {}) is known  # otherwise a new one is opened


def test_without_the_database_a_caller_hears_so_and_can_speak_to_an_operator() -> None:
    result = place_call(f"2-1{ENTERED}0", files=Cabinet(None))
    assert announcements(result, "file")[-1] == ["case_unavailable", "case_operator", "key_0"]
    (waiting,) = steps(result, "waiting")
    assert waiting.data["topic"] == "file"


# The language of the last call


@every("language", KEYS)
@every("keys", ["-1-h", "---h"])
def test_a_returning_caller_keeps_their_language_by_one_key_or_by_silence(language: str, keys: str) -> None:
    result = place_call(keys, last_language=language)
    who, asked = steps(result, "hears", "language")
    clips = [(clip.language, clip.prompt) for step in (who, asked) for clip in step.data["clips"]]
    assert clips[:3] == [(language, "institution"), (language, "go_on_in_language"), (language, "key_1")]
    assert (language, "another_language") in clips
    assert "welcome" not in result.path
    assert languages(result, "main") == {language}


def test_nine_leads_to_the_menu_and_a_key_of_the_menu_counts_at_once() -> None:
    by_menu, at_once = place_call("94-h", last_language="es"), place_call("7h", last_language="it")
    assert [prompts[0] for prompts in announcements(by_menu, "language")] == ["institution", "language_option"]
    assert (languages(by_menu, "welcome"), languages(at_once, "welcome")) == ({"it"}, {"en"})
    assert row(by_menu, "caller")["language"] == "it"


@pytest.mark.parametrize(
    ("caller", "on"),
    [("", stage()), ("+33619000041", stage(remembers=False))],
    ids=["a withheld number", "a site that does not remember"],
)
def test_a_caller_who_is_not_remembered_hears_the_menu(caller: str, on: Stage) -> None:
    result = place_call("3h", caller, on=on, last_language="es")
    assert [prompts[0] for prompts in announcements(result, "language")] == ["institution"]
    assert rows(result, "caller") == []
    assert languages(result, "welcome") == {"es"}


# Messages


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_message_opens_a_case_whose_reference_is_spoken_and_can_be_repeated(language: str, key: str) -> None:
    result = place_call(f"{key}-5-#2-11h")
    node = "complaint"
    case, message = row(result, "case_file"), row(result, "message")
    assert (case["kind"], case["language"]) == ("complaint", language)
    assert (message["category"], message["case_reference"]) == ("complaint", case["reference"])
    assert [step.data["seconds"] for step in steps(result, "hears_himself", node)] == [pytest.approx(5.0)]
    reference = ["reference_is", *(f"digit_{digit}" for digit in case["reference"]), "hear_again", "key_1"]
    first, again = announcements(result, node)[-2:]
    assert first[: 1 + len(reference)] == ["record_thanks", *reference]
    assert again[: len(reference)] == reference
    assert languages(result, node) == {language}
    assert (result.outcome, row(result, "call")["case_reference"]) == ("message", case["reference"])


def test_a_caller_with_a_complaint_hears_one_short_line_before_the_tone() -> None:
    assert announcements(place_call("2-5-h"), "complaint")[0] == ["record_how"]


@pytest.mark.parametrize("language", KEYS)
def test_a_failed_recording_ends_with_an_apology(language: str) -> None:
    result = place_call(f"{KEYS[language]}-5-*h", disk_full=True)
    assert any(prompts[0] == "record_failed" for prompts in announcements(result, "complaint"))
    assert languages(result, "complaint") == {language}
    assert steps(result, "recording_failed") != []
