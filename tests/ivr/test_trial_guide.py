"""Keys and silence in the guide, in virtual time; `test_guide.py` tests it by telephone."""

import pytest
from trial_calls import ANSWERS, announcements, languages, place_call, row, steps

from ivr.trial.trial import TrialResult

IDENTITY, PAPERS = "21", "23"
"""Keys from the main menu to two of its guides."""
STEPS = ["documents", "where", "issuer", "duration", "fee", "legal_basis"]


def heard_steps(result: TrialResult) -> list[tuple[str, str]]:
    return [(step.data["procedure"], step.data["step"]) for step in steps(result, "guide")]


def test_a_complete_step_ends_with_its_keys_and_the_first_one_begins_with_the_notice() -> None:
    announced = announcements(place_call(f"7-{PAPERS}31*h"), "papers")
    documents = "guide_certificates_documents"
    assert announced[1:] == [
        ["guide_notice", documents, "guide_next", "guide_keys"],
        ["guide_certificates_where", "guide_next"],
        [documents, "guide_next", "guide_keys"],
    ]


@pytest.mark.parametrize(
    ("caller", "dialled", "key", "procedure", "remark", "elsewhere"),
    [
        ("+33624000001", "+33800212000", "1", "legalisation", "fr", "de"),
        ("+31614000002", "+31800212002", "4", "nationality", "nl", "de"),
        ("+4915140000003", "+80000212000", "1", "legalisation", "de", "fr"),
    ],
)
def test_all_steps_of_a_procedure_are_followed_by_the_remark_for_the_callers_country_and_the_list(
    caller: str, dialled: str, key: str, procedure: str, remark: str, elsewhere: str
) -> None:
    result = place_call(f"7-{PAPERS}{key}{6 * '1'}---h", caller, dialled=dialled)
    first, *announced = announcements(result, "papers")
    assert [f"guide_{procedure}_{name}" in prompts for name, prompts in zip(STEPS, announced, strict=False)] == [
        True
    ] * 6
    assert announced[6:9] == [[f"guide_{procedure}_remark_{remark}"], ["guide_end"], first]
    assert not any(f"guide_{procedure}_remark_{elsewhere}" in prompts for prompts in announced)
    assert (procedure, "remark") in heard_steps(result)
    assert result.outcome == "self_served"


def test_star_leads_from_the_first_step_to_the_list_and_from_there_to_the_previous_menu() -> None:
    result = place_call(f"7-{IDENTITY}1**h")
    steps_and_lists = announcements(result, "identity")
    assert steps_and_lists[0] == steps_and_lists[2]
    assert result.path[-2:] == ("identity", "documents")


def test_keys_typed_ahead_skip_steps_which_do_not_count_as_heard() -> None:
    result = place_call(f"7{IDENTITY}1{7 * '1'}", ahead=True)
    assert announcements(result, "identity")[0] == ["guide_end"]
    assert heard_steps(result) == []


@pytest.mark.parametrize("key", ["*", "#"])
def test_at_the_end_star_and_hash_repeat_the_last_step(key: str) -> None:
    result = place_call(f"7-{IDENTITY}1{7 * '1'}{key}h")
    assert announcements(result, "identity")[-2:] == [["guide_end"], ["guide_passport_remark_fr"]]


def test_a_key_at_the_end_counts_for_the_list() -> None:
    announced = announcements(place_call(f"7-{IDENTITY}1{7 * '1'}21h"), "identity")
    assert announced[-3:-1] == [
        ["guide_end"],
        ["guide_notice", "guide_passport_renewal_documents", "guide_next", "guide_keys"],
    ]
    assert announced[-1] == ["guide_passport_renewal_where", "guide_next"]


def test_nine_changes_the_language_in_the_middle_of_a_step() -> None:
    result = place_call(f"7-{IDENTITY}19" + f"5-{IDENTITY}21h")
    assert languages(result, "identity") == {"en", "nl"}
    last = steps(result, "hears")[-1]
    assert (last.language, last.data["clips"][0].prompt) == ("nl", "guide_passport_renewal_where")


@pytest.mark.parametrize(("keys", "topic"), [(f"{IDENTITY}110", "documents"), ("310", "travel")])
def test_zero_calls_an_operator_about_the_topic_of_the_menu_or_of_the_guide(keys: str, topic: str) -> None:
    result = place_call(f"7-{keys}")
    (waiting,) = steps(result, "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == ("en", topic)
    assert announcements(result, "queue")[0] == ["to_operator"]
    # A caller who then leaves the queue does not count as served by what they heard before.
    assert result.outcome == "abandoned"


def test_a_caller_who_goes_from_the_guide_to_an_operator_counts_as_answered() -> None:
    result = place_call(f"7-{IDENTITY}10", operators=[ANSWERS])
    assert (result.outcome, row(result, "call")["operator_id"]) == ("answered", ANSWERS.operator)
    assert row(result, "case_file")["topic"] == "documents"


@pytest.mark.parametrize(
    ("keys", "helps"), [("85-", ["help_wrong_key", "help_wrong_key"]), ("-22", ["help_silence", "help_wrong_key"])]
)
def test_wrong_keys_and_silence_lead_to_help_twice_and_then_to_an_operator(keys: str, helps: list[str]) -> None:
    result = place_call(f"7-{PAPERS}3111{keys}")
    # After the help: the keys, not the whole step again.
    assert announcements(result, "papers")[-2:] == [[text, "guide_next", "guide_keys"] for text in helps]
    (waiting,) = steps(result, "waiting")
    assert waiting.data["topic"] == "documents"


def test_the_guide_is_available_while_the_line_is_closed_and_zero_leads_to_nobody() -> None:
    result = place_call("7411110h", opening="forced closed")
    assert ["guide_passport_where", "guide_next"] in announcements(result, "identity")
    assert announcements(result)[-1][0] == "force_closed"
    assert steps(result, "waiting") == []
    assert "main" not in result.path


def test_from_the_guide_of_a_closed_line_star_leads_back_to_the_options_of_a_closed_line() -> None:
    result = place_call("251**h", opening="forced closed")
    assert announcements(result)[-1][:2] == ["closed_message", "press_1"]
    assert "main" not in result.path
