"""What callers who wait may do instead, in each language and in virtual time; `test_while_waiting.py` hears it."""

import pytest
from trial_calls import ANSWERS, announcements, called, languages, row, rows, steps
from trial_stage import stage

from ivr.model.floor_protocol import Wait
from ivr.trial.operators import OperatorScript
from ivr.trial.trial import Stage

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}
CALLED_BACK, MESSAGE, GUIDE = "1", "2", "3"
OFFERED = ["wait_nobody", "closed_callback", "press_1", "closed_message", "press_2", "waiting_guide", "press_3"]
LATE = OperatorScript("1003", offered_s=25, answers_s=2, talks_s=60)
"""An operator who becomes free 25 s after a caller began to wait: 5 s after the caller heard what else there is."""


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_hears_what_else_there_is_then_music_and_then_the_same_again(language: str, key: str) -> None:
    course = called(f"{key}-0")
    assert announcements(course, "queue") == [["to_operator"], OFFERED, OFFERED]
    assert languages(course, "queue") == {language}
    told = [step.at for step in steps(course, "hears", "queue")]
    music = [step.at for step in steps(course, "music")]
    assert told[1] < music[1] < told[2]
    assert told[1] - told[0] == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_request_to_be_called_back_ends_the_wait_and_keeps_its_age(language: str, key: str) -> None:
    caller = "+33624000300"
    course = called(f"{key}-0{CALLED_BACK}1", caller)
    (waiting,) = steps(course, "waiting")
    (request,) = rows(course, "callback")
    assert (request["kind"], request["number"], request["language"]) == ("waiting", caller, language)
    assert request["waiting_since"].timestamp() == pytest.approx(waiting.data["since"], abs=0.001)
    assert request["due"] <= request["wished"]
    assert languages(course, "waiting_callback") == {language}
    assert course.outcome == "callback"
    assert course.path[-3:] == ("queue", "waiting_callback", "goodbye")


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_message_ends_the_wait(language: str, key: str) -> None:
    course = called(f"{key}-0{MESSAGE}-#1h")
    assert row(course, "message")["category"] == "message"
    assert languages(course, "waiting_message") == {language}
    assert course.outcome == "message"


def test_a_caller_who_comes_back_from_a_request_waits_with_the_age_that_they_had() -> None:
    waits: list[Wait] = []
    course = called(f"2-0{CALLED_BACK}*", waits=waits)
    assert [wait.since for wait in waits] == [waits[0].since] * 2
    assert course.path[-3:] == ("queue", "waiting_callback", "queue")
    assert course.outcome == "abandoned"


def test_a_key_before_the_offers_is_no_answer_to_them() -> None:
    course = called(f"20{CALLED_BACK}", ahead=True)
    assert announcements(course, "queue")[1] == OFFERED
    assert course.path[-1] == "queue"
    assert rows(course, "callback") == []


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_an_operator_who_becomes_free_ends_the_guide_of_a_caller_who_kept_their_position(
    language: str, key: str
) -> None:
    course = called(f"{key}-0{GUIDE}1#", rungs=[LATE])
    assert announcements(course, "waiting_guide")[-1][0] == "guide_passport_documents"
    assert languages(course, "waiting_guide") == {language}
    assert len(steps(course, "waiting")) == 1
    assert ({"procedure": "passport", "step": "documents"}) in [dict(step.data) for step in steps(course, "guide")]
    assert course.outcome == "answered"
    assert course.path[course.path.index("waiting_guide") + 1] == "queue"


@pytest.mark.parametrize("key", ["*", "0"], ids=["enough of the guide", "an operator is asked for"])
def test_a_caller_who_leaves_the_guide_waits_on_with_the_age_that_they_had(key: str) -> None:
    waits: list[Wait] = []
    course = called(f"2-0{GUIDE}{key}", waits=waits)
    assert {wait.since for wait in waits} == {waits[0].since}
    assert len(steps(course, "waiting")) == 1
    assert course.path[-2:] == ("waiting_guide", "queue")
    assert announcements(course, "queue")[-1] == OFFERED


def test_a_caller_who_changes_the_language_while_waiting_keeps_their_position() -> None:
    waits: list[Wait] = []
    course = called("2-0909" + KEYS["nl"] + "9", waits=waits, rungs=[LATE] * 4)
    assert {wait.since for wait in waits} == {waits[0].since}
    assert waits[-1].steps[0].language == "nl"
    assert announcements(course, "language")[-1][0] == "language_option"
    # An operator who becomes free ends the menu.
    assert course.outcome == "answered"
    assert row(course, "call")["language"] == "nl"
    assert course.path[4:11] == ("operator", "queue", "language", "queue", "language", "queue", "language")


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_after_the_operator_hung_up_one_key_answers_the_survey(language: str, key: str) -> None:
    course = called(f"{key}-04", rungs=[ANSWERS])
    assert [prompts[0] for prompts in announcements(course, "survey")] == ["survey_question", "survey_thanks"]
    answer = row(course, "survey_answer")
    assert (answer["question"], answer["answer"], answer["language"], answer["operator_id"]) == (
        "survey_question",
        4,
        language,
        ANSWERS.operator,
    )
    assert announcements(course)[-1] == ["goodbye"]


def test_a_survey_without_an_answer_ends_the_call_with_goodbye() -> None:
    for keys in ("2-088", "2-0"):
        course = called(keys, rungs=[ANSWERS])
        assert announcements(course)[-1] == ["goodbye"]
        assert rows(course, "survey_answer") == []
        assert course.outcome == "answered"


# Position and time, and another language


@pytest.mark.parametrize(("language", "key"), KEYS.items())
@pytest.mark.parametrize(
    ("free_s", "time"), [(100.0, "wait_under_2"), (200.0, "wait_about_5"), (500.0, "wait_about_10")]
)
def test_a_caller_hears_their_position_and_the_time_that_is_foretold(
    language: str, key: str, free_s: float, time: str
) -> None:
    course = called(f"{key}-0", spoken=(language,), rungs=[OperatorScript("1001", free_s, answers_s=2, talks_s=60)])
    assert announcements(course, "queue")[1][:3] == ["position_1", time, "closed_callback"]
    assert languages(course, "queue") == {language}


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_whose_language_nobody_speaks_is_offered_the_next_ones_in_their_own_words_and_takes_one(
    language: str, key: str
) -> None:
    first, second, third, *_ = stage().site.fallback_chain(language)
    waits: list[Wait] = []
    course = called(f"{key}-02", spoken=(first, second, third), rungs=[LATE, ANSWERS], waits=waits)
    offer = steps(course, "hears", "queue")[1]
    assert [(clip.language, clip.prompt) for clip in offer.data["clips"]] == [
        (language, "language_nobody"),
        *(
            (other, text)
            for n, other in enumerate((first, second, third), 1)
            for text in ("language_option", f"press_{n}")
        ),
        (language, "stay_on_line"),
    ]
    assert [step.data for step in steps(course, "other_language")] == [
        {"languages": [first, second, third], "nobody": True}
    ]
    assert steps(course, "language")[-1].data == {"language": second, "instead_of": language}
    assert [wait.since for wait in waits] == [waits[0].since] * 2
    assert [wait.steps[0].language for wait in waits] == [language, second]
    assert (course.outcome, row(course, "call")["language"]) == ("answered", second)


def test_a_caller_who_presses_nothing_waits_on_in_their_language() -> None:
    waits: list[Wait] = []
    course = called("5-0", spoken=("en",), waits=waits, rungs=[LATE])
    assert len(steps(course, "other_language")) == 1
    assert {wait.steps[0].language for wait in waits} == {"nl"}
    assert (course.outcome, row(course, "call")["language"]) == ("answered", "nl")


@pytest.mark.parametrize("spoken", [("nl", "en"), ()], ids=["somebody speaks it", "nobody is there at all"])
def test_where_somebody_speaks_it_or_nobody_is_there_at_all_no_other_language_is_offered(
    spoken: tuple[str, ...],
) -> None:
    assert steps(called("5-0", spoken=spoken), "other_language") == []


def test_after_a_long_wait_another_language_is_offered_though_somebody_speaks_the_callers() -> None:
    there = stage()
    routing = there.site.routing.model_copy(update={"other_language_s": 30})
    brief = Stage(there.site.model_copy(update={"routing": routing}), there.version)
    course = called("5-0", spoken=("nl", "en"), on=brief)
    (offer,) = steps(course, "other_language")
    (waiting,) = steps(course, "waiting")
    assert offer.data == {"languages": ["en"], "nobody": False}
    assert offer.at - waiting.at >= 30
    assert ["language_busy", "language_option", "press_1", "stay_on_line"] in announcements(course, "queue")


# Operators who do not take the call


@pytest.mark.parametrize(
    ("cause", "state"), [(17, "refused"), (21, "refused"), (19, "no_answer"), (20, "unreachable"), (27, "unreachable")]
)
def test_how_a_leg_ends_says_why_its_operator_did_not_take_the_call_and_the_next_one_serves(
    cause: int, state: str
) -> None:
    course = called("2-0", rungs=[OperatorScript("1002", offered_s=8, answers_s=2, talks_s=0, cause=cause), ANSWERS])
    ended = [(offer["state"], offer.get("operator_id")) for offer in rows(course, "offer") if "ended" in offer]
    assert [each for each, _ in ended] == [state, "accepted"]
    assert len(steps(course, "waiting")) == 1
    assert (course.outcome, row(course, "call")["operator_id"]) == ("answered", ANSWERS.operator)


# Consent to a recording


@pytest.mark.parametrize(("language", "key"), KEYS.items())
@pytest.mark.parametrize(("answer", "agreed"), [("1", True), ("2", False), ("5", False), ("-", False)])
def test_a_conversation_is_recorded_only_after_a_yes_to_the_question_in_the_callers_language(
    language: str, key: str, answer: str, agreed: bool
) -> None:
    course = called(f"{key}-0{answer}", on=stage(records_conversations=True), rungs=[ANSWERS])
    said = announcements(course, "queue")
    assert said[0][0] == "consent_question" and ["to_operator"] in said
    assert languages(course, "queue") == {language}
    assert [step.data["agreed"] for step in steps(course, "consent")] == [agreed]
    assert (rows(course, "recording") != []) is agreed
    assert course.outcome == "answered"


def test_a_yes_that_was_pressed_before_the_question_is_no_consent() -> None:
    course = called("201", on=stage(records_conversations=True), rungs=[ANSWERS], ahead=True)
    assert announcements(course, "queue")[0][0] == "consent_question"
    assert rows(course, "recording") == []


def test_nobody_is_asked_where_the_site_records_nothing() -> None:
    course = called("2-01", rungs=[ANSWERS])
    assert steps(course, "consent") == []
    assert announcements(course, "queue")[0] == ["to_operator"]
