"""Alternatives to waiting, in each language and in virtual time; `test_while_waiting.py` tests them by telephone."""

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from every import every
from line import CACHE
from trial_calls import ANSWERS, announcements, languages, place_call, row, rows, steps
from trial_stage import OPEN, stage

from ivr.audio.audible import Audible
from ivr.model.floor_protocol import Dropped, Position, ToFloor, Wait
from ivr.queue import language_offers
from ivr.queue.wait_announcements import position_clips
from ivr.trial.operators import Floor, OperatorScript
from ivr.trial.trial import Stage, TrialResult
from prompts import manifest
from routing.estimate import Estimate, WaitClass

KEYS = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}
CALLED_BACK, MESSAGE, GUIDE = "7", "6", "2"
POSITION = ["wait"]
OFFERED = ["closed_callback", "press_7", "closed_message", "press_6", "waiting_guide", "press_2"]
LATE = OperatorScript("1003", offered_s=80, answers_s=2, talks_s=60)
"""An operator who becomes free 80 s after a caller began to wait: soon after the caller heard the alternatives."""
REFUSED = "0033899123456#"
"""A number that costs more, and is never called."""


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_waiting_caller_hears_their_position_and_the_alternatives_by_turns_with_music_between(
    language: str, key: str
) -> None:
    result = place_call(f"{key}-0", patience_s=200.0)
    assert announcements(result, "queue")[:5] == [["to_operator"], POSITION, OFFERED, POSITION, OFFERED]
    assert languages(result, "queue") == {language}
    announced = [step.at for step in steps(result, "hears", "queue")]
    music = [step.at for step in steps(result, "music")]
    # to_operator and each announcement are followed by music
    assert announced[1] < music[1] < announced[2] < music[2] < announced[3]
    assert announced[1] - announced[0] == pytest.approx(20, abs=0.1)
    assert announced[2] - music[1] == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_call_back_request_ends_the_wait_and_keeps_its_start_time(language: str, key: str) -> None:
    number = "+33624000300"
    result = place_call(f"{key}-0{CALLED_BACK}1", number)
    (waiting,) = steps(result, "waiting")
    (request,) = rows(result, "callback")
    assert (request["kind"], request["number"], request["language"]) == ("waiting", number, language)
    assert request["waiting_since"].timestamp() == pytest.approx(waiting.data["since"], abs=0.001)
    assert request["due"] <= request["wished"]
    assert languages(result, "waiting_callback") == {language}
    assert result.outcome == "callback"
    assert result.path[-3:] == ("queue", "waiting_callback", "goodbye")


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_message_ends_the_wait(language: str, key: str) -> None:
    result = place_call(f"{key}-0{MESSAGE}-#1h")
    assert row(result, "message")["category"] == "message"
    assert languages(result, "waiting_message") == {language}
    assert result.outcome == "message"


def test_a_caller_who_returns_from_a_call_back_request_keeps_their_waiting_time() -> None:
    waits: list[Wait] = []
    result = place_call(f"2-0{CALLED_BACK}*", waits=waits)
    assert [wait.since for wait in waits] == [waits[0].since] * 2
    assert result.path[-3:] == ("queue", "waiting_callback", "queue")
    assert result.outcome == "abandoned"


@every(
    ("keys", "number"),
    [
        ("", "+33624000300"),
        ("2" + 3 * REFUSED, "+33624000300"),
        ("2" + REFUSED, "+33624000300"),
        ("---", ""),
    ],
)
@every(("language", "key"), KEYS.items())
def test_a_call_back_request_without_a_number_is_not_noted_and_the_caller_waits_on_in_their_place(
    language: str, key: str, keys: str, number: str
) -> None:
    waits: list[Wait] = []
    result = place_call(f"{key}-0{CALLED_BACK}{keys}", number, waits=waits)
    assert announcements(result, "waiting_callback")[-1] == ["callback_not_noted", "place_kept"]
    assert languages(result, "waiting_callback") == {language}
    assert rows(result, "callback") == []
    assert [wait.since for wait in waits] == [waits[0].since] * 2
    assert result.path[-3:] == ("queue", "waiting_callback", "queue")
    assert result.outcome == "abandoned"


def test_a_caller_who_left_a_message_is_not_offered_that_again() -> None:
    flow = stage().version.flow
    leads_on = flow.nodes["waiting_message"].model_copy(update={"next": "queue"})
    result = place_call(f"2-0{MESSAGE}-#1-", on=_with_node("waiting_message", leads_on))
    assert len(rows(result, "message")) == 1
    assert _offered(result) == [OFFERED, ["closed_callback", "press_7", "waiting_guide", "press_2"]]


def test_a_caller_who_is_called_back_is_not_offered_that_again() -> None:
    leads_on = stage().version.flow.nodes["waiting_callback"].model_copy(update={"next": "queue"})
    result = place_call(f"2-0{CALLED_BACK}1{CALLED_BACK}", on=_with_node("waiting_callback", leads_on))
    assert len(rows(result, "callback")) == 1
    assert _offered(result) == [OFFERED, ["closed_message", "press_6", "waiting_guide", "press_2"]]


def _offered(result: TrialResult) -> list[list[str]]:
    """Return the announcements that offer alternatives."""
    return [prompts for prompts in announcements(result, "queue") if "waiting_guide" in prompts]


def _with_node(name: str, node: Any) -> Stage:
    normal = stage()
    flow = replace(normal.version.flow, nodes={**normal.version.flow.nodes, name: node})
    return Stage(normal.site, replace(normal.version, flow=flow))


def test_a_key_pressed_before_the_alternatives_does_not_choose_one() -> None:
    result = place_call(f"20{CALLED_BACK}", ahead=True)
    assert announcements(result, "queue")[1:3] == [POSITION, OFFERED]
    assert result.path[-1] == "queue"
    assert rows(result, "callback") == []


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_an_operator_who_becomes_free_interrupts_the_guide_of_a_caller_who_kept_their_position(
    language: str, key: str
) -> None:
    result = place_call(f"{key}-0{GUIDE}1#", operators=[LATE])
    assert announcements(result, "waiting_guide")[-1][0].startswith("guide_passport_documents_")
    assert languages(result, "waiting_guide") == {language}
    assert len(steps(result, "waiting")) == 1
    assert ({"procedure": "passport", "step": "documents_1"}) in [dict(step.data) for step in steps(result, "guide")]
    assert result.outcome == "answered"
    assert result.path[result.path.index("waiting_guide") + 1] == "queue"


def test_a_caller_who_waits_for_an_operator_is_not_offered_one_in_the_guide() -> None:
    result = place_call(f"7-0{GUIDE}1" + 4 * "-" + "h", patience_s=200.0)
    heard = [prompt for prompts in announcements(result, "waiting_guide") for prompt in prompts]
    assert "guide_keys_queue" in heard
    assert "guide_keys" not in heard


@pytest.mark.parametrize("key", ["*", "0"], ids=["back from the guide", "an operator is asked for"])
def test_a_caller_who_leaves_the_guide_keeps_their_waiting_time(key: str) -> None:
    waits: list[Wait] = []
    result = place_call(f"2-0{GUIDE}{key}", waits=waits)
    assert {wait.since for wait in waits} == {waits[0].since}
    assert len(steps(result, "waiting")) == 1
    assert result.path[-2:] == ("waiting_guide", "queue")
    assert announcements(result, "queue")[-1] == OFFERED


def test_a_caller_who_changes_the_language_while_waiting_keeps_their_position() -> None:
    waits: list[Wait] = []
    result = place_call("2-0909" + KEYS["nl"] + "9", waits=waits, operators=[LATE] * 4)
    assert {wait.since for wait in waits} == {waits[0].since}
    assert waits[-1].steps[0].language == "nl"
    assert announcements(result, "language")[-1][0] == "language_option"
    # An operator who becomes free interrupts the menu.
    assert result.outcome == "answered"
    assert row(result, "call")["language"] == "nl"
    assert result.path[4:11] == ("operator", "queue", "language", "queue", "language", "queue", "language")


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_one_key_answers_the_survey_after_the_operator_hung_up(language: str, key: str) -> None:
    result = place_call(f"{key}-04", operators=[ANSWERS])
    assert [prompts[0] for prompts in announcements(result, "survey")] == ["survey_question", "survey_thanks"]
    answer = row(result, "survey_answer")
    assert (answer["question"], answer["answer"], answer["language"], answer["operator_id"]) == (
        "survey_question",
        4,
        language,
        ANSWERS.operator,
    )
    assert announcements(result)[-1] == ["goodbye"]


def test_a_survey_without_an_answer_ends_the_call_with_goodbye() -> None:
    for keys in ("2-088", "2-0"):
        result = place_call(keys, operators=[ANSWERS])
        assert announcements(result)[-1] == ["goodbye"]
        assert rows(result, "survey_answer") == []
        assert result.outcome == "answered"


# Position and wait, and another language


@every(("language", "key"), KEYS.items())
@every(("free_s", "time"), [(100.0, "wait_under_2"), (200.0, "wait_about_5"), (500.0, "wait_about_10")])
def test_a_caller_hears_their_position_and_the_estimated_wait(
    language: str, key: str, free_s: float, time: str
) -> None:
    result = place_call(
        f"{key}-0", spoken=(language,), operators=[OperatorScript("1001", free_s, answers_s=2, talks_s=60)]
    )
    assert announcements(result, "queue")[1] == ["position_1", time]
    assert languages(result, "queue") == {language}


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_whose_language_nobody_speaks_is_offered_others_in_those_languages_and_takes_one(
    language: str, key: str
) -> None:
    first, second, *_ = stage().site.fallback_chain(language)
    waits: list[Wait] = []
    result = place_call(
        f"{key}-02", spoken=stage().site.fallback_chain(language), operators=[LATE, ANSWERS], waits=waits
    )
    offer = steps(result, "hears", "queue")[1]
    assert [(clip.language, clip.prompt) for clip in offer.data["clips"]] == [
        (language, "language_nobody"),
        *((other, text) for n, other in enumerate((first, second), 1) for text in ("language_option", f"key_{n}")),
    ]
    assert [step.data for step in steps(result, "other_language")] == [{"languages": [first, second], "nobody": True}]
    assert steps(result, "language")[-1].data == {"language": second, "instead_of": language}
    assert [wait.since for wait in waits] == [waits[0].since] * 2
    assert [wait.steps[0].language for wait in waits] == [language, second]
    assert (result.outcome, row(result, "call")["language"]) == ("answered", second)


def test_a_caller_who_presses_nothing_waits_on_in_their_own_language() -> None:
    waits: list[Wait] = []
    result = place_call("5-0", spoken=("en",), waits=waits, operators=[LATE])
    assert len(steps(result, "other_language")) == 1
    assert {wait.steps[0].language for wait in waits} == {"nl"}
    assert (result.outcome, row(result, "call")["language"]) == ("answered", "nl")


@pytest.mark.parametrize("spoken", [("nl", "en"), ()], ids=["somebody speaks it", "nobody is on duty"])
def test_no_language_is_offered_if_somebody_speaks_the_callers_or_nobody_is_on_duty(
    spoken: tuple[str, ...],
) -> None:
    assert steps(place_call("5-0", spoken=spoken), "other_language") == []


@pytest.mark.parametrize(("language", "key"), KEYS.items())
def test_a_caller_for_whom_nobody_is_on_duty_hears_at_once_when_somebody_will_be_and_what_they_can_do(
    language: str, key: str
) -> None:
    result = place_call(f"{key}-0", spoken=(), next_shift=OPEN + timedelta(hours=20))
    to_operator, told, *later = steps(result, "hears", "queue")
    assert [clip.prompt for clip in told.data["clips"]] == [
        *("duty_nobody", "duty_again", "opens_tomorrow", "at_0800"),
        *("closed_callback", "press_7", "closed_message", "press_6"),
    ]
    assert told.at - to_operator.at < 1, "they do not hear first that they are being connected"
    assert [clip.prompt for clip in later[0].data["clips"]] == ["wait_nobody"]
    assert languages(result, "queue") == {language}
    assert announcements(place_call(f"{key}-0", spoken=()), "queue")[1][:2] == ["duty_nobody", "closed_callback"]


def test_what_a_caller_for_whom_nobody_is_on_duty_hears_at_once_is_before_the_keys() -> None:
    ahead = place_call("207", spoken=(), ahead=True)
    assert (ahead.path[-1], rows(ahead, "callback")) == ("queue", [])
    early = place_call("2-0-7h", spoken=())
    assert early.path[-1] == "queue", "the key comes before they have heard that nobody is there"
    assert announcements(early, "queue")[1][0] == "duty_nobody"


def test_a_caller_who_is_offered_other_languages_hears_next_what_else_they_can_do() -> None:
    result = place_call("5-0", spoken=("en",))
    assert [prompts[0] for prompts in announcements(result, "queue")[1:3]] == ["language_nobody", "closed_callback"]


def test_after_a_long_wait_another_language_is_offered_even_if_somebody_speaks_the_callers() -> None:
    normal = stage()
    routing = normal.site.routing.model_copy(update={"other_language_s": 30})
    brief = Stage(normal.site.model_copy(update={"routing": routing}), normal.version)
    result = place_call("5-0", spoken=("nl", "en"), on=brief)
    (offer,) = steps(result, "other_language")
    (waiting,) = steps(result, "waiting")
    assert offer.data == {"languages": ["en"], "nobody": False}
    assert offer.at - waiting.at >= 30
    assert ["language_busy", "language_option", "key_1"] in announcements(result, "queue")


# Operators who do not answer


@pytest.mark.parametrize(
    ("cause", "state"), [(17, "refused"), (21, "refused"), (19, "no_answer"), (20, "unreachable"), (27, "unreachable")]
)
def test_the_cause_of_a_legs_end_decides_the_state_of_its_offer_and_the_next_operator_gets_the_call(
    cause: int, state: str
) -> None:
    result = place_call(
        "2-0", operators=[OperatorScript("1002", offered_s=8, answers_s=2, talks_s=0, cause=cause), ANSWERS]
    )
    ended = [(offer["state"], offer.get("operator_id")) for offer in rows(result, "offer") if "ended" in offer]
    assert [offer_state for offer_state, _ in ended] == [state, "accepted"]
    assert len(steps(result, "waiting")) == 1
    assert (result.outcome, row(result, "call")["operator_id"]) == ("answered", ANSWERS.operator)


@pytest.mark.parametrize(("in_browser", "after_s"), [(True, 2.0), (False, 15.0)])
def test_a_browser_that_does_not_ring_within_two_seconds_loses_the_offer(in_browser: bool, after_s: float) -> None:
    dead = OperatorScript("1002", offered_s=8, answers_s=2, talks_s=0, rings=False, in_browser=in_browser)
    result = place_call("2-0", operators=[dead, ANSWERS])
    ended = [(offer["state"], offer.get("operator_id")) for offer in rows(result, "offer") if "ended" in offer]
    assert [offer_state for offer_state, _ in ended] == ["unreachable", "accepted"]
    first, over = steps(result, "offered")[0], steps(result, "offer_ended")[0]
    assert over.at - first.at == pytest.approx(after_s, abs=0.1)


def test_a_browser_that_rings_has_as_long_as_any_telephone() -> None:
    slow = OperatorScript("1002", offered_s=8, answers_s=12, talks_s=60, in_browser=True)
    result = place_call("2-0", operators=[slow])
    assert (result.outcome, row(result, "call")["operator_id"]) == ("answered", "1002")


# Consent to a recording


@every(("language", "key"), KEYS.items())
@every(("answer", "agreed"), [("1", True), ("2", False), ("5", False), ("-", False)])
def test_a_conversation_is_recorded_only_after_consent_in_the_callers_language(
    language: str, key: str, answer: str, agreed: bool
) -> None:
    result = place_call(f"{key}-0{answer}", on=stage(records_conversations=True), operators=[ANSWERS])
    announced = announcements(result, "queue")
    assert announced[0][0] == "consent_question" and ["to_operator"] in announced
    assert languages(result, "queue") == {language}
    assert [step.data["agreed"] for step in steps(result, "consent")] == [agreed]
    assert (rows(result, "recording") != []) is agreed
    assert result.outcome == "answered"


def test_a_key_pressed_before_the_question_is_not_consent() -> None:
    result = place_call("201", on=stage(records_conversations=True), operators=[ANSWERS], ahead=True)
    assert announcements(result, "queue")[0][0] == "consent_question"
    assert rows(result, "recording") == []


def test_a_caller_who_is_asked_for_consent_may_choose_another_language_instead() -> None:
    result = place_call("2-09", on=stage(records_conversations=True))
    assert result.path[result.path.index("queue") + 1] == "language"


def test_nobody_is_asked_for_consent_if_the_site_does_not_record() -> None:
    result = place_call("2-01", operators=[ANSWERS])
    assert steps(result, "consent") == []
    assert announcements(result, "queue")[0] == ["to_operator"]


# How long it takes

FIRST_S = 10.0


def test_the_first_announcement_of_the_built_audio_takes_at_most_ten_seconds_in_every_language() -> None:
    site, made = stage().site, manifest.load(CACHE / "sounds" / manifest.FILE)
    audible = Audible(CACHE / "sounds", site.fallback_chain)
    estimates = [Estimate(), *(Estimate(1.0, wait, earned=True) for wait in WaitClass)]
    for language in site.languages:
        for position, estimate in itertools.product(range(1, 13), estimates):
            for spoken in ((language,), ()):
                clips = position_clips(language, Position("", position, estimate, spoken))
                assert audible.media(made, clips).seconds <= FIRST_S, clips
        others = language_offers.languages(site, language, site.languages)
        offer = language_offers.clips(language, others, nobody=True)
        assert audible.media(made, offer).seconds <= FIRST_S, offer


def test_a_caller_whom_the_floor_cannot_handle_goes_on_in_the_queue_and_then_in_the_dialplan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[Wait] = []

    def drop(floor: Floor, message: ToFloor) -> None:
        if isinstance(message, Wait):
            waits.append(message)
            floor._publish(Dropped(message.call))

    monkeypatch.setattr(Floor, "tell", drop)
    with pytest.raises(AssertionError):  # the trial's error: two nodes failed, the dialplan has the caller
        place_call("2-0")
    assert [wait.steps for wait in waits] == [waits[0].steps] * 2
