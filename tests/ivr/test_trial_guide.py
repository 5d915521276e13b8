"""Keys and silence in the guide, in virtual time; `test_guide.py` tests it by telephone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from trial_calls import ANSWERS, announcements, languages, place_call, row, rows, steps
from trial_stage import CONSULATE, stage

from ivr.trial.trial import TrialResult
from prompts import sources
from prompts.manifest import Manifest
from prompts.sources import guide_steps

PASSPORT, PAPERS = "21", "25"
"""Keys from the main menu to a guide with a single procedure, and to one with four."""
LIFE_PAPERS = "3"
"""The certificates in the second one, whose documents are two texts."""
SEVEN = {"ar": "1", "fr": "2", "es": "3", "it": "4", "nl": "5", "de": "6", "en": "7"}
"""The keys of the language menu."""


def heard_steps(result: TrialResult) -> list[tuple[str, str]]:
    return [(step.data["procedure"], step.data["step"]) for step in steps(result, "guide")]


def steps_of(procedure: str, *steps: str) -> list[list[str]]:
    """Return the announcements of these steps."""
    return [[f"guide_{procedure}_{step}"] for step in steps]


def test_a_procedure_goes_on_by_itself_with_the_documents_first_and_its_keys_after_them_once() -> None:
    announced = announcements(place_call(f"7-{PAPERS}{LIFE_PAPERS}" + 20 * "-"), "papers")
    first, *rest = steps_of("certificates", "documents_1", "documents_2", "fee", "duration", "where")
    assert announced[1:8] == [["guide_notice", *first], rest[0], ["guide_keys"], *rest[1:], ["guide_end"]]
    assert announced[8] == announced[0]


@pytest.mark.parametrize(
    ("caller", "dialled", "key", "procedure", "remark"),
    [
        ("+33624000001", "+33800212000", "1", "legalisation", "fr"),
        ("+31614000002", "+31800212002", "4", "nationality", "nl"),
        ("+4915140000003", "+80000212000", "1", "legalisation", "de"),
        ("+44770000004", "+44800212000", "1", "legalisation", None),
    ],
)
def test_the_remark_for_the_callers_country_follows_the_documents(
    caller: str, dialled: str, key: str, procedure: str, remark: str | None
) -> None:
    result = place_call(f"7-{PAPERS}{key}" + 8 * "-" + "h", caller, dialled=dialled)
    announced = [prompt for prompts in announcements(result, "papers") for prompt in prompts]
    remarks = [f"guide_{procedure}_remark_{remark}"] if remark else []
    keys = announced.index("guide_keys")
    assert announced[keys - 1] == f"guide_{procedure}_documents_2"
    assert announced[keys + 1 : keys + 2 + len(remarks)] == [*remarks, f"guide_{procedure}_fee"]
    assert ((procedure, "remark") in heard_steps(result)) is bool(remarks)
    assert not any("issuer" in prompt or "legal_basis" in prompt for prompt in announced)
    assert result.outcome == "self_served"


@pytest.mark.parametrize("language", SEVEN)
def test_a_caller_of_each_language_has_a_procedure_sent_and_hears_the_rest(language: str) -> None:
    result = place_call(f"{SEVEN[language]}-{PASSPORT}5-h")
    request = row(result, "guide_request")
    assert (request["procedure"], request["number"], request["language"]) == ("passport", "+33613000001", language)
    assert request["due"] - request["requested"] == timedelta(hours=48)
    (event,) = steps(result, "guide_request")
    assert event.data["number"] == "+33613000001"
    assert languages(result, "passport") == {language}
    # The step that the key has cut short is heard again, and the notice is not.
    assert announcements(result, "passport")[-2:] == [["guide_noted"], ["guide_passport_documents_1"]]


def test_two_takes_the_caller_to_the_law_and_back_to_the_step_that_it_cut_short() -> None:
    announced = announcements(place_call(f"7-{PASSPORT}2-h"), "passport")
    assert announced[-2:] == [
        ["guide_passport_issuer", "guide_passport_legal_basis"],
        ["guide_passport_documents_1"],
    ]


def test_a_key_while_the_keys_are_explained_leads_on_after_it() -> None:
    announced = announcements(place_call(f"7-{PAPERS}31-2-h"), "papers")
    assert announced[-4:] == [
        ["guide_certificates_documents_2"],
        ["guide_keys"],
        ["guide_certificates_issuer", "guide_certificates_legal_basis"],
        ["guide_certificates_fee"],
    ]


def test_the_same_procedure_asked_for_twice_is_one_request() -> None:
    result = place_call(f"7-{PASSPORT}555h")
    assert len({request["id"] for request in rows(result, "guide_request")}) == 1
    assert announcements(result, "passport").count(["guide_noted"]) == 3


def test_a_caller_who_withholds_their_number_enters_one_and_confirms_it() -> None:
    result = place_call(f"7-{PASSPORT}5" + "0033613000002#1" + "h", "anonymous")
    assert row(result, "guide_request")["number"] == "+33613000002"
    assert ["callback_ask_number"] in announcements(result, "passport")


@pytest.mark.parametrize("keys", ["*", "0033613000002#*", "----"])
def test_a_caller_who_enters_no_number_goes_on_in_the_guide_and_nothing_is_noted(keys: str) -> None:
    result = place_call(f"7-{PASSPORT}5{keys}h", "anonymous")
    assert rows(result, "guide_request") == []
    assert announcements(result, "passport")[-1][0].startswith("guide_passport_documents")


def test_star_leads_from_the_first_step_to_the_list_and_from_there_to_the_previous_menu() -> None:
    result = place_call(f"7-{PAPERS}1**h")
    steps_and_lists = announcements(result, "papers")
    assert steps_and_lists[0] == steps_and_lists[2]
    assert result.path[-2:] == ("papers", "documents")


def test_a_single_procedure_begins_at_once_and_star_leads_from_its_first_step_to_the_previous_menu() -> None:
    result = place_call(f"7-{PASSPORT}*h")
    assert announcements(result, "passport")[0][0] == "guide_notice"
    assert result.path[-2:] == ("passport", "documents")


def test_keys_typed_ahead_skip_steps_which_do_not_count_as_heard() -> None:
    result = place_call(f"7{PASSPORT}{8 * '1'}", ahead=True)
    assert announcements(result, "passport")[0] == ["guide_end"]
    assert heard_steps(result) == []


def test_a_procedure_without_audio_leads_to_an_operator_and_not_to_silence() -> None:
    whole = stage()
    left_out = guide_steps(sources.load(CONSULATE))
    sounds = {
        language: {prompt: audio for prompt, audio in prompts.items() if prompt not in left_out}
        for language, prompts in whole.version.sounds.prompts.items()
    }
    silent = replace(whole, version=replace(whole.version, sounds=Manifest(sounds)))
    result = place_call(f"2{PASSPORT}", on=silent, operators=[ANSWERS])
    assert [step.data for step in steps(result, "guide_silent")] == [{"procedure": "passport"}]
    assert heard_steps(result) == []
    assert result.outcome == "answered"


@pytest.mark.parametrize("key", ["*", "#"])
def test_at_the_end_star_and_hash_repeat_the_last_step(key: str) -> None:
    result = place_call(f"7-{PASSPORT}{8 * '1'}{key}h")
    assert announcements(result, "passport")[-2:] == [["guide_end"], ["guide_passport_where"]]


def test_a_key_at_the_end_counts_for_the_list() -> None:
    announced = announcements(place_call(f"7-{PAPERS}{LIFE_PAPERS}{5 * '1'}21h"), "papers")
    assert announced[-3:] == [
        ["guide_end"],
        ["guide_notice", "guide_power_of_attorney_documents_1"],
        ["guide_power_of_attorney_documents_2"],
    ]


def test_nine_changes_the_language_in_the_middle_of_a_step() -> None:
    result = place_call(f"7-{PASSPORT}9" + "5-221h")
    assert (languages(result, "passport"), languages(result, "passport_renewal")) == ({"en"}, {"nl"})
    last = steps(result, "hears")[-1]
    assert (last.language, last.data["clips"][0].prompt) == ("nl", "guide_passport_renewal_documents_2")


@pytest.mark.parametrize(("keys", "topic"), [(f"{PASSPORT}10", "documents"), ("2610", "travel"), ("310", "urgent")])
def test_zero_calls_an_operator_about_the_topic_of_the_menu_or_of_the_guide(keys: str, topic: str) -> None:
    result = place_call(f"7-{keys}")
    (waiting,) = steps(result, "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == ("en", topic)
    assert announcements(result, "queue")[0] == ["to_operator"]
    # A caller who then leaves the queue does not count as served by what they heard before.
    assert result.outcome == "abandoned"


def test_a_caller_who_goes_from_the_guide_to_an_operator_counts_as_answered() -> None:
    result = place_call(f"7-{PASSPORT}0", operators=[ANSWERS])
    assert (result.outcome, row(result, "call")["operator_id"]) == ("answered", ANSWERS.operator)
    assert row(result, "case_file")["topic"] == "documents"


def test_wrong_keys_are_answered_with_the_keys_and_then_with_an_operator() -> None:
    result = place_call(f"7-{PAPERS}38" + 4 * "8")
    announced = announcements(result, "papers")
    assert ["help_wrong_key", "guide_keys"] in announced
    (waiting,) = steps(result, "waiting")
    assert waiting.data["topic"] == "documents"


def test_the_guide_is_available_while_the_line_is_closed_and_zero_leads_to_nobody() -> None:
    result = place_call("7--21110h", opening="forced closed")
    assert "guide_passport_documents_2" in [
        prompt for prompts in announcements(result, "passport") for prompt in prompts
    ]
    assert announcements(result)[-1][0] == "force_closed"
    assert steps(result, "waiting") == []
    assert "main" not in result.path


def test_from_the_guide_of_a_closed_line_star_leads_back_to_the_options_of_a_closed_line() -> None:
    result = place_call("2--31**h", opening="forced closed")
    assert announcements(result)[-1][:2] == ["main_urgent", "key_3"]
    assert "main" not in result.path
