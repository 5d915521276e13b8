"""What an open question leads to, in virtual time; `test_speech_menus.py` answers one by telephone."""

import shutil
from pathlib import Path

import pytest
from trial_calls import announcements, languages, place_call, steps
from trial_stage import CONSULATE, stage

from ivr.trial.trial import Stage, TrialResult

QUESTION = ["say_it_question"]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The example site, whose open hours begin with the question, as docs/speech.md has it."""
    folder = tmp_path_factory.mktemp("say_it") / "consulate"
    shutil.copytree(CONSULATE, folder)
    flow = (folder / "flow.yaml").read_text(encoding="utf-8")
    flow = flow.replace(
        "  hours:\n    kind: hours\n    open: main\n", "  hours:\n    kind: hours\n    open: say_it\n", 1
    )
    node = "nodes:\n  say_it: {kind: say_it, next: main, back: language}\n"
    (folder / "flow.yaml").write_text(flow.replace("nodes:\n", node, 1), encoding="utf-8")
    return stage(folder=folder)


def after_the_question(result: TrialResult) -> str:
    """Return the node that came after the question."""
    return result.path[result.path.index("say_it") + 1]


def test_what_a_caller_says_it_is_about_is_confirmed_and_read_to_them(asked: Stage) -> None:
    result = place_call("2--1" + 3 * "-" + "h", on=asked, says=(("visa",),))
    heard = announcements(result, "say_it")
    assert heard[:2] == [QUESTION, ["guide_visa_title", "speech_right"]]
    assert heard[2][0] == "guide_notice" and heard[2][1].startswith("guide_visa_documents")
    assert languages(result, "say_it") == {"fr"}
    (spoken,) = steps(result, "spoken")
    assert spoken.data["found"] == ["visa"] and result.outcome == "self_served"


def test_who_says_no_to_what_was_understood_hears_the_menu(asked: Stage) -> None:
    result = place_call("2--2-h", on=asked, says=(("visa",),))
    assert announcements(result, "say_it") == [QUESTION, ["guide_visa_title", "speech_right"]]
    assert announcements(result, "main")[0][0] == "main_file"


def test_of_two_that_are_about_as_likely_the_caller_chooses_by_key(asked: Stage) -> None:
    two = (("birth", "registration"),)
    result = place_call("2--2" + 2 * "-" + "h", on=asked, says=two)
    offer = ["guide_birth_title", "press_1", "guide_registration_title", "press_2", "say_it_neither", "press_3"]
    heard = announcements(result, "say_it")
    assert heard[1] == offer and heard[2][1].startswith("guide_registration_documents")
    for keys in ("2--3-h", "2--*-h", "2---h"):  # something else, back, silence
        result = place_call(keys, on=asked, says=two)
        assert announcements(result, "say_it") == [QUESTION, offer]
        assert after_the_question(result) == ("language" if "*" in keys else "main")


def test_who_is_not_understood_is_asked_once_more_and_then_hears_the_menu(asked: Stage) -> None:
    result = place_call("2" + 5 * "-" + "h", on=asked, says=((), ()))
    assert announcements(result, "say_it") == [QUESTION, ["speech_again"]]
    assert announcements(result, "main")[0][0] == "main_file"
    result = place_call("2---1" + 2 * "-" + "h", on=asked, says=((), ("visa",)))
    assert announcements(result, "say_it")[:3] == [QUESTION, ["speech_again"], ["guide_visa_title", "speech_right"]]


def test_keys_count_for_the_menu_or_as_everywhere(asked: Stage) -> None:
    said = (("visa",),)
    result = place_call("2-22", on=asked, says=said)
    assert "documents" in result.path and announcements(result, "say_it") == [QUESTION]
    for key, node in (("0", "operator"), ("9", "language"), ("*", "language"), ("#", "main")):
        assert after_the_question(place_call(f"2-{key}-h", on=asked, says=said)) == node


def test_callers_whom_nobody_hears_have_the_menu_at_once(asked: Stage) -> None:
    result = place_call("2-h", on=asked)
    assert not announcements(result, "say_it") and after_the_question(result) == "main"
    assert not any(step.kind == "failed" for step in result.steps)


def test_a_key_pressed_ahead_is_for_the_menu(asked: Stage) -> None:
    result = place_call("222", on=asked, ahead=True, says=(("visa",),))
    assert not announcements(result, "say_it") and "documents" in result.path


def test_a_procedure_that_is_not_in_the_callers_version_counts_as_not_understood(asked: Stage) -> None:
    result = place_call("2" + 5 * "-" + "h", on=asked, says=(("removed",), ("removed", "visa")))
    assert announcements(result, "say_it")[:3] == [QUESTION, ["speech_again"], ["guide_visa_title", "speech_right"]]


def test_the_example_site_asks_nothing_openly() -> None:
    assert "kind: say_it" not in Path(CONSULATE, "flow.yaml").read_text(encoding="utf-8")
