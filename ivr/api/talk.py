"""The control API's part for conversations: what the operator's desk asks for on his behalf."""

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from ivr.api.session import connected
from ivr.model.talk_table import OperatorPlace
from ivr.talk.operator_requests import LINE_ACTS, NEED_TARGET, SENTENCES, Act, Refusal, Target
from ivr.talk.transfers import Transfer

if TYPE_CHECKING:
    from ivr.call.call import Call
    from ivr.controller.controller import Controller
    from ivr.controller.session import Session

_STATUS = {Refusal.UNKNOWN: 404, Refusal.YOURSELF: 422, Refusal.OUTSIDE: 422}
"""The others are 409: at another moment, or for another caller, it can be done."""

_PLACES = {
    OperatorPlace.TOGETHER: "together",
    OperatorPlace.HELD: "hold",
    OperatorPlace.CONSULTS: "consult",
    OperatorPlace.SWAPPED: "swap",
    OperatorPlace.ASIDE: "aside",
}


def place(call: "Call") -> str | None:
    """Where the operator is, in a word; "hold" also by the telephone's own key. None: nobody has the caller."""
    if call.state.offer is None:
        return None
    found = OperatorPlace(call.state.operator_place or "")
    return "hold" if call.on_hold and found is OperatorPlace.TOGETHER else _PLACES[found]


class Whom(BaseModel):
    """Exactly one of them, for what needs to know who; `supervisor`: any supervisor."""

    operator: str | None = Field(None, max_length=40)
    language: str | None = Field(None, max_length=3)
    topic: str | None = Field(None, max_length=40)
    supervisor: Literal[True] | None = None

    def target(self) -> Target | Refusal:
        """What is meant. A number that nobody here can have is outside."""
        if self.operator is not None and not (self.operator.isascii() and self.operator.isdigit()):
            return Refusal.OUTSIDE
        if self.operator is not None and not 3 <= len(self.operator) <= 8:
            return Refusal.OUTSIDE
        return Target(self.operator, self.language, self.topic, bool(self.supervisor))


def router(controller: "Controller") -> APIRouter:
    """`POST /calls/{id}/{act}` and `GET /calls/{id}/talk`."""
    routes = APIRouter()

    @routes.get("/calls/{identity}/talk")
    async def stands(identity: str) -> dict[str, Any]:
        """Where the conversation stands; `operator` is null while nobody has the caller."""
        _, call = _call(controller, identity)
        state, transfer = call.state, Transfer.decode(call.state.transfer)
        return {
            "call": state.id,
            "operator": state.operator,
            "place": place(call),
            "language": state.language,
            "topic": state.topic,
            "case": state.case,
            "transfers": transfer.count,
            "transfer_to": [each for each in transfer.to if each != "*"],
        }

    @routes.post("/calls/{identity}/{act}")
    async def wish(identity: str, act: str, whom: Whom | None = None) -> dict[str, Any]:
        acts = [each.value for each in Act if each not in LINE_ACTS]
        if act not in acts:
            raise HTTPException(404, f"A call takes one of {', '.join(acts)}, not {act[:20]!r}.")
        session, call = _call(controller, identity)
        target = Target()
        if Act(act) in NEED_TARGET:
            given = whom.model_dump(exclude_none=True) if whom is not None else {}
            if len(given) != 1:
                raise HTTPException(422, "Name one of operator, language, topic and supervisor.")
            meant = whom.target() if whom is not None else Refusal.UNKNOWN
            if isinstance(meant, Refusal):
                raise _refused(meant)
            target = meant
        refusal = await session.requests.ask(call, Act(act), target, way="api")
        if refusal is not None:
            raise _refused(refusal)
        return {"call": identity, "asked": act}

    return routes


def _call(controller: "Controller", identity: str) -> "tuple[Session, Call]":
    session, _ = connected(controller)
    call = next((each for each in session.calls if each.state.id == identity), None)
    if call is None:
        raise HTTPException(404, f"There is no call {identity[:40]} at this moment; it may be over: `hatif calls`.")
    return session, call


def _refused(why: Refusal) -> HTTPException:
    return HTTPException(_STATUS.get(why, 409), SENTENCES[why])
