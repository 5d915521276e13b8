"""The control API's way to hear a conversation: it rings the supervisor's telephone. See docs/supervision.md."""

from pydantic import BaseModel, Field

from db.ids import uuid7
from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit, connected
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.asterisk import leg_dialing
from ivr.asterisk.ari.link import LinkLost
from ivr.codes.spy_channel import Mode
from ivr.codes.supervision_rules import SENTENCES, Refusal, why_not
from ivr.records import floor_records
from routing.states import OperatorState

router = make_router("supervision", "/supervision")

_STATUS = {Refusal.UNKNOWN: 404, Refusal.NOT_TALKING: 409}
"""The others are 422: the supervisor may not do it at any time."""


class SupervisionRequest(models.Request):
    """A supervisor's request to listen to an operator."""

    supervisor: str = Field(max_length=20, description="The id of the supervisor.")
    operator: str = Field(max_length=20, description="The id of the operator whose conversation it is.")
    mode: Mode = Mode.LISTEN
    answers: bool = Field(
        False,
        description="Whether the telephone is asked to answer by itself, as the one of the desk's page does.",
    )


class SupervisionBegun(BaseModel):
    """The supervisor's telephone is ringing."""

    rings: str = Field(description="The supervisor's id.")
    operator: str
    mode: Mode
    channel: str = Field(description="Asterisk's channel of the supervisor's telephone.")


@router.post("", responses=documented(404, 409, 503))
async def supervise(controller: ControllerDep, actor: Actor, body: SupervisionRequest) -> SupervisionBegun:
    """Ring a supervisor's telephone; once they answer, they hear an operator's conversation, as after the code.

    404: there is no such supervisor or operator. 409: it cannot be done at this moment. 422: the supervisor may not.
    """
    connection, floor = connected(controller)
    supervisor = next((entry for entry in connection.services.operators if entry.id == body.supervisor), None)
    if supervisor is None:
        raise ApiError(404, f"There is no supervisor {body.supervisor!r}; `hatif operators` lists them.")
    own = floor.operators.get(supervisor.id)
    busy = own is not None and (own.on_line or own.state in (OperatorState.OFFERED, OperatorState.TALKING))
    if body.answers and busy:
        raise ApiError(409, "The supervisor's telephone has a call; end it first.", "supervisor_busy")
    channel = str(uuid7())
    why = why_not(connection.services.operators, floor.operators, supervisor, body.operator)
    if why is not None:
        use = floor_records.Supervision(channel, supervisor.id, body.operator, body.mode.value, None)
        floor_records.supervision_refused(controller.journal, use, why.value)
        raise ApiError(_STATUS.get(why, 422), SENTENCES[why], why.value.removeprefix("supervision_"))
    create = leg_dialing.create(
        channel,
        leg_dialing.CODE,
        body.mode.value,
        supervisor.id,
        body.operator,
        endpoint=connection.services.address(supervisor.id),
        shown=f'"{body.mode.value}" <{body.operator}>',
        ring_s=connection.services.site.operators.ring_s,
        variables=leg_dialing.ANSWER_AT_ONCE if body.answers else None,
    )
    try:
        (answer,) = await connection.services.link.ask(create)
    except (LinkLost, TimeoutError):
        raise ApiError(503, "Asterisk does not answer; try again.") from None
    if not answer.ok:
        raise ApiError(409, f"The telephone of {supervisor.id} cannot be rung; is it registered?", "not_registered")
    # What happens on the telephone is the supervisor's own act; that it rang is the actor's.
    about = f"operator:{body.operator}"
    audit(controller, actor, "supervision_asked", about, supervisor=supervisor.id, mode=body.mode.value)
    return SupervisionBegun(rings=supervisor.id, operator=body.operator, mode=body.mode, channel=channel)
