"""The control API's way to hear a conversation: the supervisor's telephone is rung. docs/supervision.md."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from db.ids import uuid7
from ivr.api.session import connected
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari.link import LinkLost
from ivr.codes.spy_channel import Mode
from ivr.codes.supervision_rules import SENTENCES, Refusal, why_not
from ivr.records import floor_records

if TYPE_CHECKING:
    from ivr.controller.controller import Controller

_STATUS = {Refusal.UNKNOWN: 404, Refusal.NOT_TALKING: 409}
"""The others are 422: he may not, whenever he asks."""


class Supervision(BaseModel):
    """Who wants to hear whom."""

    supervisor: str = Field(max_length=20)
    operator: str = Field(max_length=20)
    mode: Mode = Mode.LISTEN


def router(controller: "Controller") -> APIRouter:
    routes = APIRouter()

    @routes.post("/supervision")
    async def supervise(asked: Supervision) -> dict[str, Any]:
        """Rings the supervisor's telephone; what he hears and may do then is as after the code. 404: there is no such
        operator; 409: not at this moment; 422: he may not."""
        session, floor = connected(controller)
        supervisor = next((each for each in session.people if each.id == asked.supervisor), None)
        if supervisor is None:
            raise HTTPException(404, f"There is no supervisor {asked.supervisor[:20]!r}; `hatif operators` lists them.")
        channel = str(uuid7())
        why = why_not(session.people, floor.operators, supervisor, asked.operator)
        if why is not None:
            use = floor_records.Supervision(channel, supervisor.id, asked.operator, asked.mode.value, None)
            floor_records.supervision_refused(controller.journal, use, why.value)
            raise HTTPException(_STATUS.get(why, 422), SENTENCES[why])
        create = leg_dialing.create(
            channel,
            leg_dialing.CODE,
            asked.mode.value,
            supervisor.id,
            asked.operator,
            endpoint=session.services.address(supervisor.id),
            shown=f'"{asked.mode.value}" <{asked.operator}>',
            ring_s=session.services.site.operators.ring_s,
        )
        try:
            (answer,) = await session.services.link.ask(create)
        except (LinkLost, TimeoutError):
            raise HTTPException(503, "Asterisk does not answer; try again.") from None
        if not answer.ok:
            raise HTTPException(409, f"The telephone of {supervisor.id} cannot be rung; is it registered?")
        return {"rings": supervisor.id, "operator": asked.operator, "mode": asked.mode.value, "channel": channel}

    return routes
