"""The control API's part about training: scripted callers who call one operator."""

import asyncio
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit, connected
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.model.floor_protocol import OperatorEvent
from ivr.site import training
from ivr.site.training import Script
from ivr.training.scripted_caller import LONGEST_S, ScriptedCaller
from ivr.training.trainings import MOST
from prompts.training_sounds import sound_of
from routing.states import TRAINING, OperatorState, Trigger

router = make_router("training")

OperatorId = Annotated[str, Path(alias="operator", max_length=20, description="The operator's id.")]


class TrainingScript(BaseModel):
    """A scripted caller of the site."""

    name: str
    title: dict[str, str] = Field(description="What the caller wants, by the language of pages.")
    language: str
    country: str
    caller: str = Field(description="Their made-up number; empty if they withhold it.")
    sentences: int = Field(description="How many sentences they say.")


class TrainingCaller(BaseModel):
    """A scripted caller who calls an operator."""

    operator: str
    script: str
    since: float
    ends: float = Field(description="When they hang up at the latest.")
    call: str | None = Field(description="The id of the call, once the line has it.")


class TrainingState(BaseModel):
    """The scripted callers of the site, and those who call now."""

    scripts: list[TrainingScript]
    callers: list[TrainingCaller]


class TrainingRequest(models.Request):
    """Which scripted caller is to call."""

    script: str = Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")


class TrainingEnded(BaseModel):
    """The operator whose scripted caller hangs up."""

    operator: str


@router.get("/training", responses=documented(404, 503))
async def read_training(controller: ControllerDep) -> TrainingState:
    """Return the scripted callers of the site, and whom they call now."""
    scripts = await _scripts(controller)
    connection, _ = connected(controller)
    return TrainingState(
        scripts=[
            TrainingScript(
                name=script.name,
                title=script.title,
                language=script.language,
                country=script.country,
                caller=script.caller,
                sentences=len(script.say),
            )
            for script in scripts.values()
        ],
        callers=[_caller(caller) for caller in connection.trainings.callers.values()],
    )


@router.post("/operators/{operator}/training", responses=documented(404, 409, 503))
async def begin_training(
    controller: ControllerDep, actor: Actor, operator_id: OperatorId, body: TrainingRequest
) -> TrainingCaller:
    """Have a scripted caller call an operator, and nobody else, through the line.

    The operator is paused (`training`), so they are offered no caller, and stay so afterwards until they are ready
    again. It is a test call, and for all figures the operator is in their pause. 409: the operator is in a call
    (`busy`), has a scripted caller already (`already`) or no telephone (`no_telephone`); the caller has no audio
    (`no_audio`). 503 (`all_in_use`) while as many scripted callers call as may.
    """
    script = (await _scripts(controller)).get(body.script)
    if script is None:
        raise ApiError(404, f"The site has no scripted caller {body.script!r}; `GET /v1/training` lists them.")
    sounds = [sound_of(controller.settings.training_sounds, sentence) for sentence in script.sentences]
    said = [str(sound) for sound in sounds if sound is not None]
    if len(said) < len(sounds):
        raise ApiError(409, "What this caller says has no audio yet; run `hatif prompts build`.", "no_audio")
    connection, floor = connected(controller)
    known, trainings = floor.operators.get(operator_id), connection.trainings
    if known is None:
        raise ApiError(404, f"There is no operator {operator_id!r}; `hatif operators` lists them.")
    if operator_id in trainings.callers:
        raise ApiError(409, f"A scripted caller calls operator {operator_id} already.", "already")
    if not known.present:
        raise ApiError(409, f"The telephone of operator {operator_id} is not there.", "no_telephone")
    if known.on_line or known.state in (OperatorState.OFFERED, OperatorState.TALKING):
        raise ApiError(409, f"Operator {operator_id} is in a call; try again afterwards.", "busy")
    if len(trainings.callers) >= MOST:
        raise ApiError(503, f"{MOST} scripted callers call at the moment; try again in some minutes.", "all_in_use")
    caller = ScriptedCaller(operator_id, script, said)
    trainings.reserve(caller)
    try:
        paused = await floor.change(OperatorEvent(operator_id, Trigger.PAUSE, TRAINING))
        if not paused.can_train:  # they were offered a caller in this moment
            raise ApiError(409, f"Operator {operator_id} is in a call; try again afterwards.", "busy")
    except BaseException:
        trainings.release(caller)
        raise
    trainings.begin(caller)
    audit(controller, actor, "training_started", f"operator:{operator_id}", script=script.name)
    return _caller(caller)


@router.delete("/operators/{operator}/training", responses=documented(404, 503))
async def end_training(controller: ControllerDep, actor: Actor, operator_id: OperatorId) -> TrainingEnded:
    """Have an operator's scripted caller hang up. 404 if there is none."""
    connection, _ = connected(controller)
    if not await connection.trainings.end(operator_id):
        raise ApiError(404, f"No scripted caller calls operator {operator_id}.")
    audit(controller, actor, "training_ended", f"operator:{operator_id}")
    return TrainingEnded(operator=operator_id)


async def _scripts(controller: Controller) -> dict[str, Script]:
    """Return the site's scripted callers as their files are now. Raises ApiError: the site has no such page."""
    if not controller.site.desk.has_try:
        raise ApiError(404, "On this site nobody can try the line: write try = true in [desk] of site.toml.")
    return await asyncio.to_thread(training.load, controller.settings.site, controller.site)


def _caller(caller: ScriptedCaller) -> TrainingCaller:
    return TrainingCaller(
        operator=caller.operator,
        script=caller.script.name,
        since=caller.began,
        ends=caller.began + LONGEST_S,
        call=caller.call.state.id if caller.call is not None else None,
    )
