"""Keys and silence in the menus of the example site, in virtual time; `test_menus.py` tests them by telephone."""

import pytest
from every import every
from trial_calls import announcements, languages, place_call, steps
from trial_stage import stage

from ivr.api.live import read_choices
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
        ("", SHARED_NUMBER, ["ar", "fr", "en"]),  # nothing known: the order of the site, English third
        ("+212612345678", SHARED_NUMBER, ["ar", "fr", "en"]),
    ],
)
def test_the_language_menu_begins_with_the_likely_languages_of_the_country(
    caller: str, dialled: str, first: list[str]
) -> None:
    who, menu, *_ = steps(place_call("--h", caller, dialled=dialled), "hears")
    assert [(clip.language, clip.prompt) for clip in who.data["clips"]] == [
        ("ar", "institution"),
        ("fr", "institution"),
    ]
    options = [clip.language for clip in menu.data["clips"] if clip.prompt == "language_option"]
    assert options[: len(first)] == first
    assert sorted(options) == sorted(KEYS.values())


@pytest.mark.parametrize(("key", "language"), KEYS.items())
def test_after_the_language_menu_every_prompt_is_in_the_chosen_language(key: str, language: str) -> None:
    result = place_call(f"{key}-#-h")
    assert announcements(result, "welcome") == [["institution"]]
    assert announcements(result, "main")[0][:4] == ["main_file", "key_1", "main_operator", "key_0"]
    assert languages(result, "welcome") == languages(result, "main") == {language}


def test_keys_typed_ahead_skip_menus() -> None:
    result = place_call("230", ahead=True)
    (waiting,) = steps(result, "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == ("fr", "urgent")
    announced = [prompt for prompts in announcements(result) for prompt in prompts]
    assert "main_file" not in announced and "language_option" not in announced
    assert announcements(result, "queue")[0] == ["to_operator"]


def test_a_wrong_key_leads_to_help_once_and_then_to_an_operator() -> None:
    result = place_call("2-66h")
    (menu, helped) = announcements(result, "main")
    assert helped == ["help_wrong_key", *menu[:-1]]  # without the key for back
    assert announcements(result, "queue")[0] == ["to_operator"]
    assert list(result.path) == ["language", "welcome", "hours", "main", "operator", "queue"]


def test_silence_means_the_countrys_language_then_help_once_then_an_operator() -> None:
    result = place_call("")
    assert [step.node for step in steps(result, "silence")] == ["language", "main", "main"]
    assert announcements(result, "main")[1:] == [["help_hold"]]
    assert languages(result, "main") == {"fr"}
    assert result.path[-1] == "queue"


def test_at_a_closed_line_help_does_not_promise_an_operator() -> None:
    result = place_call("2--2--h", opening="forced closed")
    menu, helped = announcements(result, "documents")
    assert (menu[-1], helped) == ("star_back", ["help_silence", *menu[:-1]])


@pytest.mark.parametrize("keys", ["0", "*" * 6, "8" * 6])
def test_callers_who_press_one_key_only_reach_an_operator(keys: str) -> None:
    result = place_call(keys)
    assert len(steps(result, "waiting")) == 1
    assert languages(result, "queue") == {"fr"}


def test_the_hash_key_repeats_a_menu_and_nine_changes_the_language() -> None:
    result = place_call("-#2-##9#6-h")
    (who, *menus) = announcements(result, "language")
    assert who == ["institution"] * 2
    assert [prompts[0] for prompts in menus] == ["language_option"] * 4
    assert menus[0] == menus[1]
    assert announcements(result, "main")[0] == announcements(result, "main")[1]
    assert [step.data["language"] for step in steps(result, "language")] == ["fr", "de"]
    assert [step.language for step in steps(result, "hears", "welcome")] == ["fr", "de"]


@pytest.mark.parametrize(
    ("keys", "language", "topic"),
    [
        ("0", "fr", None),
        ("6-0", "de", None),
        ("5-20", "nl", "documents"),
        ("4-50", "it", "complaint"),
        ("7-30", "en", "urgent"),
        ("3-4", "es", "appointment"),
    ],
)
def test_zero_leads_to_an_operator_from_every_menu(keys: str, language: str, topic: str | None) -> None:
    (waiting,) = steps(place_call(keys), "waiting")
    assert (waiting.data["language"], waiting.data["topic"]) == (language, topic)


@pytest.mark.parametrize("keys", ["2--h", "0--h"], ids=["the language is chosen", "an operator is asked for"])
def test_at_a_closed_line_callers_hear_so_and_do_not_wait_for_an_operator(keys: str) -> None:
    result = place_call(keys, opening="forced closed")
    announced = [prompt for prompts in announcements(result) for prompt in prompts]
    assert "force_closed" in announced
    assert steps(result, "waiting") == []
    assert result.outcome == "closed"


def test_every_option_of_the_main_menu_leads_to_its_node_in_the_flow() -> None:
    main = stage().version.flow.nodes["main"]
    assert isinstance(main, Menu)
    for option in main.options:
        result = place_call(f"2-{option.key}h")
        offered = announcements(result, "main")[0]
        assert offered[offered.index(option.text) + 1] == f"key_{option.key}"
        assert result.path[4] == option.next


@pytest.mark.parametrize(
    ("keys", "topic", "choices"),
    [
        ("2-#-2-1", "documents", ["main_documents", "documents_passport"]),
        ("2-#-4", "appointment", ["main_appointment"]),  # leads to the same node as the option for an operator
        ("2-#-0", None, ["main_operator"]),
        ("2-#", None, []),
    ],
)
def test_the_way_through_the_menus_is_the_options_that_were_chosen(
    keys: str, topic: str | None, choices: list[str]
) -> None:
    assert read_choices(stage().version.flow, place_call(f"{keys}-h").path, topic) == choices


@pytest.mark.parametrize("node", ["documents", "urgent"])
def test_a_menu_below_the_main_menu_ends_with_the_keys_for_an_operator_and_back(node: str) -> None:
    key = {"documents": "2", "urgent": "3"}[node]
    assert announcements(place_call(f"2-{key}-h"), node)[0][-1] == "operator_and_back"
    assert announcements(place_call("2--h"), "main")[0][-1] == "star_back"


@every("opening", ["plan", "forced closed", "announcement"])
@every(("key", "language"), KEYS.items())
def test_who_answers_is_heard_before_anything_else_in_the_chosen_language(
    key: str, language: str, opening: str
) -> None:
    result = place_call(f"-{key}--h", opening=opening)
    chosen = next(place for place, step in enumerate(result.steps) if step.kind == "language")
    before, after = (
        [(clip.language, clip.prompt) for step in part if step.kind == "hears" for clip in step.data["clips"]]
        for part in (result.steps[:chosen], result.steps[chosen:])
    )
    assert before[:2] == [("ar", "institution"), ("fr", "institution")]
    assert after[0] == (language, "institution")
    assert (("fr", "emergency") in before) is (opening == "announcement")
    if opening == "announcement" and language != "fr":
        assert after[1] == (language, "emergency")
