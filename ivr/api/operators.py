"""The control API's part about operators: their states, and changes that somebody else makes."""

import time
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit, connected
from ivr.api.live import read_operator, read_operators
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.floor.client import FloorClient
from ivr.hours.opening import one_line
from ivr.model.floor_protocol import OperatorEvent
from routing.states import OperatorState, Trigger
from wire.live import Operator

router = make_router("operators", "/operators")

SettableState = Literal["ready", "paused", "away"]
_TRIGGERS: dict[SettableState, Trigger] = {
    "ready": Trigger.RESUME,
    "paused": Trigger.PAUSE,
    "away": Trigger.LOG_OUT,
}
"""The floor's state for each state that can be requested."""

OperatorId = Annotated[str, Path(alias="operator", max_length=20, description="The operator's id.")]


class StateChange(models.Request):
    """The state that an operator is to be in."""

    state: SettableState
    reason: str = Field("", max_length=30, pattern=r"^[a-z0-9_]*$", description="Of a pause: one of the site's.")


class StateAsked(BaseModel):
    """The state that was asked for. During a call it takes effect at the call's end."""

    asked: SettableState


class WrapUpChange(models.Request):
    """A change of a wrap-up."""

    change: Literal["end", "more"] = Field(description="`more` adds what the site allows at a time.")


class LanguagesChange(models.Request):
    """The languages that an operator is to have."""

    languages: dict[str, Annotated[int, Field(ge=1, le=5)]] | None = Field(
        min_length=1,
        max_length=50,
        description="Code to level; the first is the operator's own. Null: as in the list.",
    )


class HelpRequest(models.Request):
    """Why an operator asks for help."""

    why: str = Field("", max_length=300)


class HelpSettled(BaseModel):
    """The operator whose request for help is settled."""

    settled: str


@router.get("")
async def operators(controller: ControllerDep) -> list[Operator]:
    """Return all operators of the site, in the order of its list."""
    return read_operators(controller)


@router.get("/{operator}", responses=documented(404))
async def operator(controller: ControllerDep, operator_id: OperatorId) -> Operator:
    """Return one operator."""
    return _read(controller, operator_id)


@router.post("/{operator}/state", responses=documented(404, 503))
async def change_state(
    controller: ControllerDep, actor: Actor, operator_id: OperatorId, change: StateChange
) -> StateAsked:
    """Make an operator ready, paused or away. During a call it takes effect at the call's end."""
    connection, _ = connected(controller)
    floor = _floor_with(controller, operator_id)
    pauses = controller.site.operators.pauses
    if change.state == "paused" and change.reason and change.reason not in pauses:
        raise ApiError(422, f"{change.reason!r} is not a reason of this site; write one of {', '.join(pauses)}.")
    if change.state == "ready":
        connection.telephones.is_there(
            operator_id
        )  # by what Asterisk says now, not by what was noticed of the telephone before
    floor.tell(OperatorEvent(operator_id, _TRIGGERS[change.state], change.reason))
    audit(controller, actor, "operator_state", f"operator:{operator_id}", reason=change.reason, state=change.state)
    return StateAsked(asked=change.state)


@router.post("/{operator}/wrap_up", responses=documented(404, 409, 503))
async def change_wrap_up(
    controller: ControllerDep, actor: Actor, operator_id: OperatorId, change: WrapUpChange
) -> Operator:
    """End an operator's wrap-up or extend it.

    409 if they are not wrapping up, or, with `code` `longest`, if it is as long as the site allows.
    """
    floor = _floor_with(controller, operator_id)
    before = floor.operators[operator_id]
    if before.state is not OperatorState.WRAPPING_UP:
        found = f"Operator {operator_id} is not wrapping up: they are {before.state.value}."
        raise ApiError(409, f"{found} `hatif operators set` changes their state.")
    ends = change.change == "end"
    now = await floor.change(OperatorEvent(operator_id, Trigger.WRAP_UP_OVER if ends else Trigger.WRAP_UP_MORE))
    if not ends and now.until == before.until:
        longest = controller.site.operators.wrap_up_longest_s
        found = f"The wrap-up of operator {operator_id} is as long as the site allows ({longest:g} s)"
        raise ApiError(409, f"{found}; wrap_up_longest_s in site.toml sets that.", "longest")
    audit(controller, actor, f"wrap_up_{change.change}", f"operator:{operator_id}")
    return _read(controller, operator_id)


@router.put("/{operator}/languages", responses=documented(404, 503))
async def change_languages(
    controller: ControllerDep, actor: Actor, operator_id: OperatorId, change: LanguagesChange
) -> Operator:
    """Change an operator's languages from now on, also over restarts: until it is taken back, or the operator's line in
    operators.csv has other languages. Null: as in the list. Calls in progress go on. Without a controller, the dialplan
    goes by the list.
    """
    _floor_with(controller, operator_id)
    unknown = (change.languages or {}).keys() - set(controller.site.languages)
    if unknown:
        known = ", ".join(controller.site.languages)
        raise ApiError(422, f"{', '.join(sorted(unknown))} is not a language of this site; write some of {known}.")
    controller.language_changes.set(operator_id, change.languages, actor, time.time())
    spoken = " ".join(f"{code}:{level}" for code, level in (change.languages or {}).items())
    audit(controller, actor, "operator_languages", f"operator:{operator_id}", languages=spoken or None)
    return _read(controller, operator_id)


@router.post("/{operator}/help", responses=documented(404, 409, 503))
async def ask_for_help(
    controller: ControllerDep, actor: Actor, operator_id: OperatorId, request: HelpRequest
) -> Operator:
    """Ask all supervisors for help, with a reason; nobody is rung. Asked again, the reason is replaced. 409
    (`in_training`): the operator has a scripted caller."""
    floor = _floor_with(controller, operator_id)
    if floor.operators[operator_id].training:
        detail = f"Operator {operator_id} is in training: no supervisor is asked to help with a scripted caller."
        raise ApiError(409, detail, "in_training")
    connection, _ = connected(controller)
    leg = floor.operators[operator_id].offer
    call = connection.call_on(leg) if leg is not None else None
    identity = call.state.id if call is not None else None
    controller.supervisor_alerts.help_wanted(operator_id, identity, one_line(request.why, 300))
    controller.changed.set()
    return _read(controller, operator_id)


@router.delete("/{operator}/help", responses=documented(404, 409, 503))
async def settle_help(controller: ControllerDep, actor: Actor, operator_id: OperatorId) -> HelpSettled:
    """Note that an operator who asked for help, when no supervisor was free, has had it. 409 if they asked for none."""
    _floor_with(controller, operator_id)
    if not controller.supervisor_alerts.help_settled(operator_id, actor):
        raise ApiError(409, f"Operator {operator_id} is not waiting for help.")
    controller.changed.set()
    return HelpSettled(settled=operator_id)


def _read(controller: Controller, operator_id: str) -> Operator:
    entry = next((entry for entry in controller.operators if entry.id == operator_id), None)
    if entry is None:
        raise _unknown(operator_id)
    return read_operator(controller, entry)


def _floor_with(controller: Controller, operator_id: str) -> FloorClient:
    _, floor = connected(controller)
    if operator_id not in floor.operators:
        raise _unknown(operator_id)
    return floor


def _unknown(operator_id: str) -> ApiError:
    return ApiError(404, f"There is no operator {operator_id!r}; `hatif operators` lists them.")
