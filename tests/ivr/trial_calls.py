"""A call to the example site in virtual time, and what its caller heard: for tests of what the flow decides."""

import asyncio
from collections.abc import Iterable
from typing import Any

from trial_callers import HastyCaller
from trial_stage import OPEN, Cabinet, openings, stage

from ivr.model.floor_protocol import Wait
from ivr.trial.asterisk import Asterisk, Caller
from ivr.trial.caller import ScriptedCaller
from ivr.trial.loop import VirtualLoop
from ivr.trial.operators import OperatorScript
from ivr.trial.trial import Scenario, Stage, Step, TrialResult, trial

FRENCH_NUMBER = "+33800212000"
ANSWERS = OperatorScript("1001", offered_s=8, answers_s=2, talks_s=60)
"""An operator who becomes free after 8 s and answers after 2."""


def called(
    keys: str,
    caller: str = "+33613000001",
    *,
    ahead: bool = False,
    on: Stage | None = None,
    opening: str = "plan",
    rungs: Iterable[OperatorScript] = (),
    waits: list[Wait] | None = None,
    **scenario: Any,
) -> TrialResult:
    """Return what became of a call. Fail if anything went wrong that the line would have to help itself out of.

    Args:
        keys: As `hatif try` takes them: each is pressed half a second after the next prompt began.
        ahead: All keys are pressed at once instead, before anything could be heard.
        opening: One of `trial_stage.openings`.
        rungs: The operators who are offered the caller, one after the other.
        waits: Where what the call tells the floor whenever it starts to wait is added.
        scenario: Other fields of `ivr.trial.trial.Scenario`.
    """
    there = on or stage()
    operators = iter(rungs)

    def who(wait: Wait) -> OperatorScript | None:
        if waits is not None:
            waits.append(wait)
        return next(operators, None)

    set_up = Scenario(
        caller=caller,
        dialled=scenario.pop("dialled", FRENCH_NUMBER),
        at=scenario.pop("at", OPEN),
        opening=openings()[opening],
        files=scenario.pop("files", None) or Cabinet(None),
        who=who,
        **scenario,
    )

    def person(asterisk: Asterisk) -> Caller:
        return HastyCaller([(0.0, key) for key in keys], (5.0,), asterisk) if ahead else ScriptedCaller(keys, asterisk)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        course = runner.run(trial(there, set_up, person))
    assert course.errors == []
    return course


def steps(course: TrialResult, kind: str, node: str | None = None) -> list[Step]:
    return [step for step in course.steps if step.kind == kind and node in (None, step.node)]


def announcements(course: TrialResult, node: str | None = None) -> list[list[str]]:
    """Return the prompts of each announcement; a tone alone is none."""
    said = [[clip.prompt for clip in step.data["clips"]] for step in steps(course, "hears", node)]
    return [prompts for prompts in said if prompts]


def languages(course: TrialResult, node: str) -> set[str]:
    """Return the languages of everything that was heard at a node."""
    return {clip.language for step in steps(course, "hears", node) for clip in step.data["clips"]}


def rows(course: TrialResult, table: str) -> list[dict[str, Any]]:
    """Return the records of a table, in the order in which they were written."""
    return [dict(columns) for name, columns in course.rows if name == table]


def row(course: TrialResult, table: str) -> dict[str, Any]:
    """Return all that is known in the end of the one row of a table."""
    merged: dict[str, Any] = {}
    for columns in rows(course, table):
        merged |= columns
    return merged
