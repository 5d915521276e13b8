"""The control API's way to hear a conversation: the supervisor's telephone is rung. docs/supervision.md."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from db.ids import uuid7
from ivr import records_floor, rung
from ivr.ari.link import LinkLost
from ivr.codes.run import ENTRY
from ivr.ringing import DIAL_MARGIN_S
from ivr.supervision.allowed import WRITTEN, why_not
from ivr.supervision.spy import Mode

if TYPE_CHECKING:
    from ivr.controller import Controller

_MISSING = ("supervision_unknown",)
_NOW = ("supervision_not_talking",)


class Wish(BaseModel):
    supervisor: str = Field(max_length=20)
    operator: str = Field(max_length=20)
    mode: Mode = Mode.LISTEN


def router(controller: "Controller") -> APIRouter:
    routes = APIRouter()

    @routes.post("/supervision")
    async def supervise(wish: Wish) -> dict[str, Any]:
        """Rings the supervisor's telephone; what he hears and may do then is as after the code. 404: there is no such
        operator; 409: not at this moment; 422: he may not."""
        session = controller.session
        if session is None or session.floor is None:
            raise HTTPException(503, "The controller is not connected to Asterisk.")
        supervisor = next((each for each in session.people if each.id == wish.supervisor), None)
        if supervisor is None:
            raise HTTPException(404, f"There is no supervisor {wish.supervisor[:20]!r}; `hatif operators` lists them.")
        channel = str(uuid7())
        why = why_not(session.people, session.floor.operators, supervisor, wish.operator)
        if why is not None:
            use = records_floor.Supervision(channel, supervisor.id, wish.operator, wish.mode.value, None)
            records_floor.supervision_refused(controller.journal, use, why)
            raise HTTPException(404 if why in _MISSING else 409 if why in _NOW else 422, WRITTEN[why])
        create = rung.create(
            channel,
            ENTRY,
            wish.mode.value,
            supervisor.id,
            wish.operator,
            endpoint=session.services.address(supervisor.id),
            shown=f'"{wish.mode.value}" <{wish.operator}>',
            ring_s=int(session.services.site.operators.ring_s) + DIAL_MARGIN_S,
        )
        try:
            (answer,) = await session.services.link.ask(create)
        except (LinkLost, TimeoutError):
            raise HTTPException(503, "Asterisk does not answer; try again.") from None
        if not answer.ok:
            raise HTTPException(409, f"The telephone of {supervisor.id} cannot be rung; is it registered?")
        return {"rings": supervisor.id, "operator": wish.operator, "mode": wish.mode.value, "channel": channel}

    return routes
