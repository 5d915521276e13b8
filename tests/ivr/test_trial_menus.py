"""What the menus of the example site do with keys and silence, in virtual time; `test_menus.py` hears them."""

import pytest
from trial_calls import announcements, called, languages, steps
from trial_stage import stage

from ivr.flow.nodes.menu import Menu

KEYS = {"1": "ar", "2": "fr", "3": "es", "4": "it", "5": "nl", "6": "de", "7": "en"}
SHARED_NUMBER, GERMAN_NUMBER = "+80000212000", "+49800212003"


@pytest.mark.parametrize(
    ("caller", "dialled", "first"),
    [
        ("+33613000011", "+33800212000", ["fr", "ar"]),
        ("+33613000012", GERMAN_NUMBER, ["de"]),  # the number's country counts, not the caller's
        ("+34613000013", SHARED_NUMBER, ["es"]),  # where it has none: the caller's prefix
        ("+447400123456", SHARED_NUMBER, ["en"]),
        ("", SHARED_NUMBER, ["ar"]),  # nothing known: the order of the site
    ],
)
def test_the_language_menu_begins_with_what_is_likely_in_the_country(
    caller: str, dialled: str, first: list[str]
) -> None:
    menu = steps(called("h", caller, dialled=dialled), "hears")[0]
    options = [clip.language for clip in menu.data["clips"] if clip.prompt == "language_option"]
    assert options[: len(first)] == first
    assert sorted(options) == sorted(KEYS.values())


@pytest.mark.parametrize(("key", "language"), KEYS.items())
def test_after_the_language_menu_everything_is_heard_in_the_chosen_language(key: str, language: str) -> None:
    course = called(f"{key}-#-h")
    assert announcements(course, "welcome") == [["welcome"]]
    assert announcements(course, "main")[0][:2] == ["main_file", "press_1"]
    assert languages(course, "welcome") == languages(course, "main") == {language}


def test_keys_pressed_ahead_lead_through_menus_that_are_not_said() -> None:
    course = called("230", ahead=True)
    (waiting,) = steps(course, "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == ("fr", "travel")
    said = [prompt for prompts in announcements(course) for prompt in prompts]
    assert "main_file" not in said and "welcome" not in said
    assert announcements(course, "queue")[0] == ["to_operator"]


def test_a_wrong_key_is_met_twice_with_help_then_with_an_operator() -> None:
    course = called("2-888h")
    assert [prompts[0] for prompts in announcements(course, "main")] == [
        "main_file",
        "help_wrong_key",
        "help_wrong_key",
    ]
    assert announcements(course, "queue")[0] == ["to_operator"]
    assert list(course.path) == ["language", "hours", "welcome", "main", "operator", "queue"]


def test_silence_means_the_countrys_language_then_twice_help_then_an_operator() -> None:
    course = called("")
    assert [step.node for step in steps(course, "silence")] == ["language", "main", "main", "main"]
    assert [prompts[0] for prompts in announcements(course, "main")] == ["main_file", "help_silence", "help_silence"]
    assert languages(course, "main") == {"fr"}
    assert course.path[-1] == "queue"


def test_a_square_repeats_a_menu_and_nine_changes_the_language() -> None:
    course = called("#2-##9#6h")
    menus = announcements(course, "language")
    assert [prompts[0] for prompts in menus] == ["language_option"] * 4
    assert menus[0] == menus[1]
    assert announcements(course, "main")[0] == announcements(course, "main")[1]
    assert [step.data["language"] for step in steps(course, "language")] == ["fr", "de"]
    assert [step.language for step in steps(course, "hears", "welcome")] == ["fr", "de"]


@pytest.mark.parametrize(
    ("keys", "language", "topic"),
    [("0", "fr", None), ("6-0", "de", None), ("5-20", "nl", "documents"), ("4-40", "it", "complaint")],
)
def test_zero_asks_for_an_operator_in_every_menu(keys: str, language: str, topic: str | None) -> None:
    (waiting,) = steps(called(keys), "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == (language, topic)


@pytest.mark.parametrize("keys", ["2h", "0h"], ids=["the language is chosen", "an operator is asked for"])
def test_a_closed_line_says_so_and_nobody_is_waited_for(keys: str) -> None:
    course = called(keys, opening="forced closed")
    assert "force_closed" in announcements(course)[1]
    assert steps(course, "waiting") == []
    assert course.outcome == "closed"


def test_every_option_of_the_main_menu_leads_where_the_flow_says() -> None:
    main = stage().version.flow.nodes["main"]
    assert isinstance(main, Menu)
    for option in main.options:
        course = called(f"2-{option.key}h")
        offered = announcements(course, "main")[0]
        assert offered[offered.index(option.text) + 1] == f"press_{option.key}"
        assert course.path[4] == option.next
