"""Calls to the example site in virtual time, and what their callers hear, for tests of the flow's decisions."""

import asyncio
from collections.abc import Iterable
from typing import Any

from trial_callers import HastyCaller
from trial_stage import OPEN, Cabinet, openings, stage

from ivr.model.floor_protocol import Wait
from ivr.trial.asterisk import Asterisk, Caller
from ivr.trial.caller import PATIENCE_S, ScriptedCaller
from ivr.trial.loop import VirtualLoop
from ivr.trial.operators import OperatorScript
from ivr.trial.trial import Scenario, Stage, Step, TrialResult, trial

FRENCH_NUMBER = "+33800212000"
ANSWERS = OperatorScript("1001", offered_s=8, answers_s=2, talks_s=60)
"""An operator who becomes free after 8 s and answers 2 s later."""


def place_call(
    keys: str,
    caller: str = "+33613000001",
    *,
    ahead: bool = False,
    patience_s: float = PATIENCE_S,
    on: Stage | None = None,
    opening: str = "plan",
    operators: Iterable[OperatorScript] = (),
    waits: list[Wait] | None = None,
    **fields: Any,
) -> TrialResult:
    """Place a call and return its result. Fail if the trial reports an error.

    Args:
        keys: As for `hatif try`: each is pressed half a second after the next prompt begins.
        ahead: Press all keys at once instead, before any prompt can be heard.
        patience_s: How long the caller waits for an operator, unless `ahead`.
        opening: One of `trial_stage.openings`.
        operators: The operators to whom the caller is offered, one after the other.
        waits: A list to which each `Wait` that the call sends to the floor is added.
        fields: Other fields of `ivr.trial.trial.Scenario`.
    """
    chosen = on or stage()
    offered = iter(operators)

    def pick_operator(wait: Wait) -> OperatorScript | None:
        if waits is not None:
            waits.append(wait)
        return next(offered, None)

    scenario = Scenario(
        caller=caller,
        dialled=fields.pop("dialled", FRENCH_NUMBER),
        at=fields.pop("at", OPEN),
        opening=openings()[opening],
        files=fields.pop("files", None) or Cabinet(None),
        spoken=fields.pop("spoken", chosen.site.languages),
        who=pick_operator,
        **fields,
    )

    def person(asterisk: Asterisk) -> Caller:
        if ahead:
            return HastyCaller([(0.0, key) for key in keys], (5.0,), asterisk)
        return ScriptedCaller(keys, asterisk, patience_s)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(trial(chosen, scenario, person))
    assert result.errors == []
    return result


def steps(result: TrialResult, kind: str, node: str | None = None) -> list[Step]:
    return [step for step in result.steps if step.kind == kind and node in (None, step.node)]


def announcements(result: TrialResult, node: str | None = None) -> list[list[str]]:
    """Return the prompts of each announcement; a tone alone is not one."""
    announced = [[clip.prompt for clip in step.data["clips"]] for step in steps(result, "hears", node)]
    return [prompts for prompts in announced if prompts]


def languages(result: TrialResult, node: str) -> set[str]:
    """Return the languages of all prompts at a node."""
    return {clip.language for step in steps(result, "hears", node) for clip in step.data["clips"]}


def rows(result: TrialResult, table: str) -> list[dict[str, Any]]:
    """Return the records of a table, in the order they were written."""
    return [dict(columns) for name, columns in result.rows if name == table]


def row(result: TrialResult, table: str) -> dict[str, Any]:
    """Return the only row of a table, with the columns of all its records."""
    merged: dict[str, Any] = {}
    for columns in rows(result, table):
        merged |= columns
    return merged
