"""Keys and silence in the menus of the example site, in virtual time; `test_menus.py` tests them by telephone."""

import pytest
from trial_calls import announcements, languages, place_call, steps
from trial_stage import stage

from ivr.flow.nodes.menu import Menu

KEYS = {"1": "ar", "2": "fr", "3": "es", "4": "it", "5": "nl", "6": "de", "7": "en"}
SHARED_NUMBER, GERMAN_NUMBER = "+80000212000", "+49800212003"


@pytest.mark.parametrize(
    ("caller", "dialled", "first"),
    [
        ("+33613000011", "+33800212000", ["fr", "ar"]),
        ("+33613000012", GERMAN_NUMBER, ["de"]),  # the number's country counts, not the caller's
        ("+34613000013", SHARED_NUMBER, ["es"]),  # without one: the caller's prefix
        ("+447400123456", SHARED_NUMBER, ["en"]),
        ("", SHARED_NUMBER, ["ar"]),  # nothing known: the order of the site
    ],
)
def test_the_language_menu_begins_with_the_likely_languages_of_the_country(
    caller: str, dialled: str, first: list[str]
) -> None:
    menu = steps(place_call("h", caller, dialled=dialled), "hears")[0]
    options = [clip.language for clip in menu.data["clips"] if clip.prompt == "language_option"]
    assert options[: len(first)] == first
    assert sorted(options) == sorted(KEYS.values())


@pytest.mark.parametrize(("key", "language"), KEYS.items())
def test_after_the_language_menu_every_prompt_is_in_the_chosen_language(key: str, language: str) -> None:
    result = place_call(f"{key}-#-h")
    assert announcements(result, "welcome") == [["welcome"]]
    assert announcements(result, "main")[0][:2] == ["main_file", "press_1"]
    assert languages(result, "welcome") == languages(result, "main") == {language}


def test_keys_typed_ahead_skip_menus() -> None:
    result = place_call("230", ahead=True)
    (waiting,) = steps(result, "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == ("fr", "travel")
    announced = [prompt for prompts in announcements(result) for prompt in prompts]
    assert "main_file" not in announced and "welcome" not in announced
    assert announcements(result, "queue")[0] == ["to_operator"]


def test_a_wrong_key_leads_to_help_twice_and_then_to_an_operator() -> None:
    result = place_call("2-888h")
    assert [prompts[0] for prompts in announcements(result, "main")] == [
        "main_file",
        "help_wrong_key",
        "help_wrong_key",
    ]
    assert announcements(result, "queue")[0] == ["to_operator"]
    assert list(result.path) == ["language", "hours", "welcome", "main", "operator", "queue"]


def test_silence_means_the_countrys_language_then_help_twice_then_an_operator() -> None:
    result = place_call("")
    assert [step.node for step in steps(result, "silence")] == ["language", "main", "main", "main"]
    assert [prompts[0] for prompts in announcements(result, "main")] == ["main_file", "help_silence", "help_silence"]
    assert languages(result, "main") == {"fr"}
    assert result.path[-1] == "queue"


def test_the_hash_key_repeats_a_menu_and_nine_changes_the_language() -> None:
    result = place_call("#2-##9#6h")
    menus = announcements(result, "language")
    assert [prompts[0] for prompts in menus] == ["language_option"] * 4
    assert menus[0] == menus[1]
    assert announcements(result, "main")[0] == announcements(result, "main")[1]
    assert [step.data["language"] for step in steps(result, "language")] == ["fr", "de"]
    assert [step.language for step in steps(result, "hears", "welcome")] == ["fr", "de"]


@pytest.mark.parametrize(
    ("keys", "language", "topic"),
    [("0", "fr", None), ("6-0", "de", None), ("5-20", "nl", "documents"), ("4-40", "it", "complaint")],
)
def test_zero_leads_to_an_operator_from_every_menu(keys: str, language: str, topic: str | None) -> None:
    (waiting,) = steps(place_call(keys), "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == (language, topic)


@pytest.mark.parametrize("keys", ["2h", "0h"], ids=["the language is chosen", "an operator is asked for"])
def test_at_a_closed_line_callers_hear_so_and_do_not_wait_for_an_operator(keys: str) -> None:
    result = place_call(keys, opening="forced closed")
    assert "force_closed" in announcements(result)[1]
    assert steps(result, "waiting") == []
    assert result.outcome == "closed"


def test_every_option_of_the_main_menu_leads_to_its_node_in_the_flow() -> None:
    main = stage().version.flow.nodes["main"]
    assert isinstance(main, Menu)
    for option in main.options:
        result = place_call(f"2-{option.key}h")
        offered = announcements(result, "main")[0]
        assert offered[offered.index(option.text) + 1] == f"press_{option.key}"
        assert result.path[4] == option.next
