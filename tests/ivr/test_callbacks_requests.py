"""Making requests: what a caller hears of a number that cannot be called, and asking for a call about a case file."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from trial_stage import NIGHT, OPEN, PIN, REFERENCE, Cabinet, OneFile, openings, stage

from db.enums import CaseState
from ivr.callbacks.prompts import TEXTS
from ivr.trial.caller import ScriptedCaller
from ivr.trial.loop import VirtualLoop
from ivr.trial.trial import Scenario, Stage, TrialResult, trial


def tries(keys: str, on: Stage | None = None, **scenario: Any) -> TrialResult:
    usual: dict[str, Any] = {"caller": "+447400123456", "dialled": "+44800212007", "at": OPEN}
    usual |= {"opening": openings()["plan"], "files": Cabinet(OneFile(CaseState.IN_PROGRESS)), "who": lambda wait: None}
    scene = Scenario(**{**usual, **scenario})
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(trial(on or stage(), scene, lambda asterisk: ScriptedCaller(keys, asterisk)))


def heard(found: TrialResult) -> list[str]:
    return [clip.prompt for step in found.steps if step.kind == "hears" for clip in step.data["clips"]]


def requests(found: TrialResult) -> list[dict[str, Any]]:
    return [dict(columns) for table, columns in found.rows if table == "callback"]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("0033899123456", "callback_why_kind"),
        ("0012125551234", "callback_why_country"),
        ("0033012345678", "callback_why_nobody"),
        (
            "0612345678",
            "callback_why_nobody",
        ),  # a national number of the caller's country, the United Kingdom
        ("123456", None),
    ],
)
def test_a_caller_hears_why_a_number_cannot_be_called(number: str, why: str | None) -> None:
    found = tries(f"7--72{number}#", at=NIGHT)
    prompts = heard(found)
    place = prompts.index("callback_number_wrong")
    reasons = [prompt for prompt in prompts[place + 1 :] if prompt.startswith("callback_why")]
    assert reasons == ([why] if why is not None else [])
    assert requests(found) == []


@pytest.mark.parametrize(
    ("caller", "why"),
    [
        ("+12025550123", ["told_refused", "callback_why_country"]),
        ("+33899123456", ["told_refused", "callback_why_kind"]),
        ("", []),  # of a hidden number nobody knows a country
    ],
)
@pytest.mark.parametrize("key", "1234567")
def test_a_caller_whose_own_number_is_not_called_hears_so_before_they_enter_one(
    key: str, caller: str, why: list[str]
) -> None:
    found = tries(f"{key}--7", at=NIGHT, caller=caller)
    said = [step.data["clips"] for step in found.steps if (step.kind, step.node) == ("hears", "callback")]
    assert [clip.prompt for clip in said[0]] == [*why, "callback_ask_number"]
    assert [clip.prompt for clip in said[1]] == ["help_no_digits", "callback_ask_number"]
    assert len({clip.language for clips in said for clip in clips}) == 1 and requests(found) == []


def test_a_caller_may_enter_a_national_number_of_their_country() -> None:
    (request,) = requests(tries("7--7207400123457#1h", at=NIGHT))
    assert request["number"] == "+447400123457"


def test_a_caller_can_ask_to_be_called_when_the_state_of_their_file_changes() -> None:
    found = tries(f"71{REFERENCE}{PIN}33h")
    assert "told_noted" in heard(found)
    (request,) = requests(found)  # it is not offered twice
    assert (request["kind"], request["case_reference"], request["number"]) == ("case", REFERENCE, "+447400123456")
    assert "due" not in request  # not before the state changes
    assert "case_file" not in [table for table, _ in found.rows]  # the file is not touched


def after_three_wrong_pins(entered: str, caller: str, **scenario: Any) -> TrialResult:
    """Return a call that shows the applicant's number, in which they, or somebody who forges it, go on after a lock."""
    wrong, files = f"{REFERENCE}999999", Cabinet(OneFile(CaseState.IN_PROGRESS, applicant=caller))
    return tries(f"71{wrong}{wrong}{wrong}*1{REFERENCE}{entered}h", caller=caller, files=files, **scenario)


def test_at_a_locked_file_the_applicants_number_hears_the_same_whatever_the_pin_and_a_right_one_has_it_called() -> None:
    number = "+447400123456"
    guessed, right = (after_three_wrong_pins(entered, number) for entered in ("888888", PIN))
    assert heard(guessed) == heard(right) and heard(right)[-3:] == ["case_locked_call", "case_operator", "key_0"]
    times = [[step.at for step in found.steps if step.kind == "hears"] for found in (guessed, right)]
    assert times[0] == times[1]
    assert requests(guessed) == []
    (request,) = requests(right)
    assert (request["kind"], request["case_reference"], request["number"]) == ("case", REFERENCE, number)
    assert request["due"] == request["wished"]


@pytest.mark.parametrize("caller", ["+33899123456", "+447400123456"])
def test_an_applicant_who_cannot_be_called_hears_that_the_service_is_locked(caller: str) -> None:
    site = stage().site
    nobody = site.callbacks.model_copy(update={"trunk": None})
    on = None if caller.startswith("+338") else replace(stage(), site=site.model_copy(update={"callbacks": nobody}))
    found = after_three_wrong_pins(PIN, caller, on=on)
    assert heard(found)[-3:] == ["case_locked", "case_operator", "key_0"] and requests(found) == []


@pytest.mark.parametrize("caller", ["", "+33899123456", "+12125551234"])
def test_a_caller_from_a_number_that_cannot_be_called_hears_so(caller: str) -> None:
    found = tries(f"71{REFERENCE}{PIN}3h", caller=caller)
    assert "told_refused" in heard(found)
    assert requests(found) == []


def test_without_a_trunk_no_caller_is_offered_a_call_about_changes() -> None:
    usual = stage()
    nobody = usual.site.callbacks.model_copy(update={"trunk": None})
    found = tries(f"71{REFERENCE}{PIN}3h", Stage(usual.site.model_copy(update={"callbacks": nobody}), usual.version))
    assert not {"told_option", "told_noted"} & set(heard(found))
    assert requests(found) == []


def test_every_prompt_of_a_call_back_has_audio_in_every_language() -> None:
    site, sounds = stage().site, stage().version.sounds
    missing = [(language, text) for language in site.languages for text in TEXTS if not sounds.file(language, text)]
    assert missing == []
