"""The control API's part about calls: what is up, who waits, and what an operator does with their caller."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit, connected
from ivr.api.live import read_call, read_calls, read_queue
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.call.call import Call as LiveCall
from ivr.controller.connection import Connection
from ivr.controller.controller import Controller
from ivr.talk.grants import topics_of
from ivr.talk.operator_requests import LINE_ACTS, NEED_OPERATOR, NEED_TARGET, SENTENCES, Act, Refusal, Target
from routing.states import OperatorState
from wire.live import Call, QueueEntry

router = make_router("calls")

_STATUS = {Refusal.UNKNOWN: 404, Refusal.YOURSELF: 422, Refusal.OUTSIDE: 422}
"""The others are 409: at another moment, or for another caller, it could be done."""

_SUMMARIES = {
    Act.HOLD: "Put the caller on hold.",
    Act.UNHOLD: "Bring the caller back from hold.",
    Act.TRANSFER: "Hand the caller on to somebody else.",
    Act.CONSULT: "Call somebody while the caller waits.",
    Act.INTERPRETER: "Bring somebody into the conversation.",
    Act.COMPLETE: "Leave the caller to the colleague who was called.",
    Act.CANCEL: "Let the colleague go and return to the caller.",
    Act.SWAP: "Change between the caller and the colleague.",
    Act.HANG_UP: "Hang up the operator's telephone, as if they did so themselves.",
    Act.PAUSE_RECORDING: "Pause the recording of the conversation, so that nothing said from now on is kept.",
    Act.RESUME_RECORDING: "Go on with the recording of the conversation.",
}
_PATHS = {Act.PAUSE_RECORDING: "recording/pause", Act.RESUME_RECORDING: "recording/resume"}
"""Of requests whose path is not their name."""

CallId = Annotated[str, Path(alias="call", max_length=40, description="The id of the call.")]


class TransferTarget(models.Request):
    """The person or group that the operator asks for: exactly one of the members."""

    operator: str | None = Field(None, max_length=40, description="An operator's id.")
    language: str | None = Field(None, max_length=3, description="Anybody who speaks this language of the site.")
    topic: str | None = Field(None, max_length=40, description="Anybody who serves this topic of the flow.")
    supervisor: Literal[True] | None = Field(None, description="Any supervisor.")

    def target(self) -> Target | Refusal:
        """Return what is meant. A number that no operator can have is outside."""
        if self.operator is not None and not (self.operator.isascii() and self.operator.isdigit()):
            return Refusal.OUTSIDE
        if self.operator is not None and not 3 <= len(self.operator) <= 8:
            return Refusal.OUTSIDE
        return Target(self.operator, self.language, self.topic, bool(self.supervisor))


class MoveTarget(models.Request):
    """Where a waiting caller is moved: exactly one of the members."""

    front: Literal[True] | None = None
    operator: str | None = Field(None, max_length=20, description="An operator's id.")
    language: str | None = Field(None, max_length=3, description="Operators who speak this language of the site.")
    topic: str | None = Field(None, max_length=40, description="Operators of this topic of the flow.")


class OperatorOfCall(models.Request):
    """The operator who asks. They must have the caller at this moment."""

    operator: str = Field(max_length=20, description="The id of the operator.")


class RequestAccepted(BaseModel):
    """A request that was carried out, or has begun to be."""

    call: str
    asked: str


class AudioReport(models.Request):
    """Figures of the audio that an operator's browser received during some seconds."""

    operator: str = Field(max_length=20, description="The id of the operator.")
    loss: float = Field(ge=0, le=1, description="The share of packets that were lost.")
    jitter_s: float = Field(ge=0, le=60)
    delay_s: float = Field(0, ge=0, le=60, description="There and back; 0 if it is not known.")


class AudioNoted(BaseModel):
    """The call with which it is kept."""

    call: str


@router.get("/calls")
async def calls(controller: ControllerDep) -> list[Call]:
    """Return the calls that are up."""
    return read_calls(controller)


@router.get("/queue", responses=documented(503))
async def queue(controller: ControllerDep) -> list[QueueEntry]:
    """Return who waits for an operator, the next one first."""
    return await read_queue(controller)


@router.get("/calls/{call}", responses=documented(404, 503))
async def call(controller: ControllerDep, call_id: CallId) -> Call:
    """Return one call that is up."""
    return read_call(_find(controller, call_id)[1])


@router.post("/calls/{call}/audio", responses=documented(404, 503))
async def note_audio(controller: ControllerDep, actor: Actor, call_id: CallId, report: AudioReport) -> AudioNoted:
    """Keep with a call that an operator hears it badly."""
    _, live = _find(controller, call_id)
    live.event(
        "bad_audio", operator=report.operator, loss=report.loss, jitter_s=report.jitter_s, delay_s=report.delay_s
    )
    return AudioNoted(call=call_id)


@router.post("/calls/{call}/move", responses=documented(404, 409, 422, 503))
async def move(controller: ControllerDep, actor: Actor, call_id: CallId, target: MoveTarget) -> RequestAccepted:
    """Move a waiting caller; what they hear goes on, in their own language.

    To the front; to operators who speak another language; to those of another topic; or to one operator, for two
    minutes. 409 (`not_waiting`) if they do not wait, 409 (`away`) if that operator is not on shift.
    """
    wanted = target.model_dump(exclude_none=True)
    if len(wanted) != 1:
        raise ApiError(422, "Name exactly one of front, operator, language and topic.")
    connection, live = _find(controller, call_id)
    if (why := _why_not_moved(controller, connection, target)) is not None:
        raise why
    if live.wait is None or live.state.offer is not None:
        raise ApiError(409, "The caller does not wait for an operator at this moment.", "not_waiting")
    live.wait.move(
        front=bool(target.front), language=target.language, topic=target.topic, operator=target.operator, by=actor
    )
    controller.changed.set()
    audit(controller, actor, "call_moved", f"call:{call_id}", call=call_id, **wanted)
    return RequestAccepted(call=call_id, asked="move")


def _why_not_moved(controller: Controller, connection: Connection, target: MoveTarget) -> ApiError | None:
    """Return why nobody can be moved there; None if it is possible."""
    if target.language is not None and target.language not in controller.site.languages:
        return ApiError(422, f"{target.language!r} is not a language of this site.", "unknown")
    if target.topic is not None and target.topic not in topics_of(controller.flows.current.flow):
        return ApiError(422, f"{target.topic!r} is not a topic of the flow.", "unknown")
    if target.operator is None:
        return None
    known = connection.floor.operators.get(target.operator) if connection.floor is not None else None
    if known is None:
        return ApiError(422, f"There is no operator {target.operator!r}; `hatif operators` lists them.", "unknown")
    if known.state is OperatorState.AWAY:
        return ApiError(409, f"Operator {target.operator} is not on shift.", "away")
    return None


def _add(act: Act) -> None:
    """Add the operation for one request of an operator."""

    async def ask(controller: ControllerDep, actor: Actor, call_id: CallId) -> RequestAccepted:
        return await _ask(controller, actor, call_id, act, Target())

    async def ask_for(
        controller: ControllerDep, actor: Actor, call_id: CallId, target: TransferTarget
    ) -> RequestAccepted:
        if len(target.model_dump(exclude_none=True)) != 1:
            raise ApiError(422, "Name exactly one of operator, language, topic and supervisor.")
        parsed = target.target()
        if isinstance(parsed, Refusal):
            raise _refused(parsed)
        return await _ask(controller, actor, call_id, act, parsed)

    async def ask_as(
        controller: ControllerDep, actor: Actor, call_id: CallId, asking: OperatorOfCall
    ) -> RequestAccepted:
        return await _ask(controller, actor, call_id, act, Target(), by=asking.operator)

    router.add_api_route(
        f"/calls/{{call}}/{_PATHS.get(act, act.value)}",
        ask_for if act in NEED_TARGET else ask_as if act in NEED_OPERATOR else ask,
        methods=["POST"],
        name=f"{act.value} call",
        description=f"{_SUMMARIES[act]} 409 if that cannot be done now; `code` says why.",
        responses=documented(404, 409, 422, 503),
    )


for _act in Act:
    if _act not in LINE_ACTS:
        _add(_act)


async def _ask(
    controller: Controller, actor: str, call_id: str, act: Act, target: Target, *, by: str | None = None
) -> RequestAccepted:
    connection, live = _find(controller, call_id)
    refusal = await connection.requests.ask(live, act, target, way="api", by=by)
    if refusal is not None:
        raise _refused(refusal)
    audit(controller, actor, f"call_{act.value}", f"call:{call_id}", call=call_id, to=str(target) or None)
    return RequestAccepted(call=call_id, asked=act.value)


def _find(controller: Controller, call_id: str) -> tuple[Connection, LiveCall]:
    connection, _ = connected(controller)
    live = next((call for call in connection.calls if call.state.id == call_id), None)
    if live is None:
        raise ApiError(404, f"There is no call {call_id!r} at this moment; it may be over: `hatif calls`.")
    return connection, live


def _refused(why: Refusal) -> ApiError:
    return ApiError(_STATUS.get(why, 409), SENTENCES[why], why.value.removeprefix("talk_"))
