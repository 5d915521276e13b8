"""The control API's part about operators: their states, and changes of them by somebody else's hand."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from ivr.api.session import connected
from ivr.api.talk import place
from ivr.model.floor_protocol import OperatorEvent
from ivr.telephones.replacements import Replacement
from routing.states import Operator, OperatorState, Trigger

if TYPE_CHECKING:
    from ivr.call.call import Call
    from ivr.controller.controller import Controller
    from ivr.floor.client import FloorClient
    from ivr.telephones.devices import Telephone

BY_HAND = {"ready": Trigger.RESUME, "paused": Trigger.PAUSE, "away": Trigger.LOG_OUT}
"""What a person may ask for, and what that is on the floor."""


class StateChange(BaseModel):
    state: str
    reason: str = Field("", max_length=30, pattern=r"^[a-z0-9_]*$")


class WrapUpChange(BaseModel):
    wish: Literal["end", "more"]


def operator_row(
    operator: Operator,
    call: "Call | None" = None,
    help_since: float | None = None,
    replaced: Replacement | None = None,
    telephone: "Telephone | None" = None,
) -> dict[str, Any]:
    """`call`: that they are offered, or talk in; `planned`: by the roster; `on_line`: the telephone has a call that is
    no caller's, such as a code; `help_since`: since when they wait for a supervisor's help; `replaced`: the telephone
    took another one's place lately; `device`: what the telephone is and where. All instants are POSIX seconds."""
    return {
        "state": operator.state.value,
        "reason": operator.reason or None,
        "since": operator.since,
        "until": operator.until,
        "telephone": operator.present,
        "on_line": operator.on_line,
        "device": telephone.document if telephone is not None else None,
        "pause_after": operator.pause_after,
        "planned": operator.planned,
        "call": _call(operator, call) if call else None,
        "help_since": help_since,
        "telephone_replaced": asdict(replaced) if replaced is not None else None,
    }


def _call(operator: Operator, call: "Call") -> dict[str, Any]:
    """`place`: as `GET /calls/ID/talk` has it; null for who is not the caller's operator."""
    state = call.state
    where = place(call) if state.offer == operator.offer else None
    return {"id": state.id, "language": state.language, "caller": state.caller, "place": where}


def operator_rows(controller: "Controller") -> dict[str, dict[str, Any]]:
    """All operators by id; nobody while the controller has no floor."""
    session = controller.connection
    if session is None or session.floor is None:
        return {}
    wanted, telephones = controller.supervisor_alerts.help_is_wanted, controller.devices.by_operator
    return {
        each.id: operator_row(
            each,
            session.call_on(each.offer) if each.offer else None,
            wanted.get(each.id),
            controller.replacements.last(each.id),
            telephones.get(each.id),
        )
        for each in session.floor.operators.values()
    }


def router(controller: "Controller") -> APIRouter:
    api = APIRouter()

    def floor_with(identity: str) -> "FloorClient":
        _, floor = connected(controller)
        if identity not in floor.operators:
            raise HTTPException(404, f"There is no operator {identity[:20]}; `hatif operators` lists them.")
        return floor

    @api.get("/operators")
    async def operators() -> dict[str, Any]:
        return operator_rows(controller)

    @api.delete("/operators/{identity}/help")
    async def help_settled(identity: str, by: str = Query("administrator", max_length=60)) -> dict[str, Any]:
        """Somebody has seen to it that no supervisor was free; 409 if he asked for none."""
        floor_with(identity)
        if not controller.supervisor_alerts.help_settled(identity, by):
            raise HTTPException(409, f"Operator {identity} does not wait for help.")
        return {"settled": identity}

    @api.post("/operators/{identity}/state")
    async def operator_state(identity: str, change: StateChange) -> dict[str, Any]:
        session, _ = connected(controller)
        floor = floor_with(identity)
        if change.state not in BY_HAND:
            raise HTTPException(422, f"The state is one of {', '.join(BY_HAND)}.")
        pauses = controller.site.operators.pauses
        if change.state == "paused" and change.reason and change.reason not in pauses:
            raise HTTPException(422, f"{change.reason!r} is no reason of this site; write one of {', '.join(pauses)}.")
        if change.state == "ready":
            session.telephones.is_there(identity)  # as Asterisk says, whatever was noticed of the telephone before
        floor.tell(OperatorEvent(identity, BY_HAND[change.state], change.reason))
        return {"asked": change.state}

    @api.post("/operators/{identity}/wrap_up")
    async def wrap_up(identity: str, change: WrapUpChange) -> dict[str, Any]:
        """Ends it, or makes it longer by what the site gives; 409 for who has nothing to wrap up, or no more time."""
        floor = floor_with(identity)
        before = floor.operators[identity]
        if before.state is not OperatorState.WRAPPING_UP:
            found = f"Operator {identity} wraps up nothing: he is {before.state.value}."
            raise HTTPException(409, f"{found} `hatif operators set` changes his state.")
        ends = change.wish == "end"
        now = await floor.change(OperatorEvent(identity, Trigger.WRAP_UP_OVER if ends else Trigger.WRAP_UP_MORE))
        if not ends and now.until == before.until:
            longest = controller.site.operators.wrap_up_longest_s
            found = f"The wrap-up of operator {identity} is as long as the site allows ({longest:g} s)"
            raise HTTPException(409, f"{found}; wrap_up_longest_s in site.toml says so.")
        return operator_row(now)

    return api
