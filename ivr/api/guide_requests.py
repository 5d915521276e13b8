"""The control API's part about requests for a procedure of the guide in writing. Every change is in the audit."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from db.enums import GuideOutcome
from db.guide_request_data import GuideRequest
from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, confirmed, documented, present
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.hours.opening import one_line
from ivr.model import clock
from ivr.records.guide_requests import record_guide_audit

router = make_router("guide requests", "/guide-requests")

GuideRequestId = Annotated[
    str, Path(alias="request", max_length=40, description="The id of the request, or how it begins.")
]


class GuideRequestRow(BaseModel):
    """A caller who wants a procedure of the guide in writing. People send it; nothing is sent by itself."""

    id: str
    number: str = Field(description="Where it is to be sent: the caller's number, or the one that they entered.")
    country: str | None = Field(description="Of the number.")
    language: str | None
    topic: str | None
    procedure: str = Field(description="The id of the procedure, as in `hatif guide`.")
    requested: datetime
    due: datetime = Field(description="The caller was told that they get it by then.")
    outcome: GuideOutcome | None = Field(description="Null while it has not ended.")
    reason: str | None
    ended: datetime | None
    ended_by: str | None
    call: str = Field(description="The call in which it was asked for.")
    taken: datetime | None
    taken_by: str | None = Field(description="Who works on it.")
    test: bool = Field(description="Whether it was asked for in a test call.")


class WorkRelease(models.Request):
    """Work that somebody gives back."""

    whoever: bool = Field(False, description="Also if somebody else than the actor has it.")


class GuideRequestEnd(models.Request):
    """How a request for a procedure in writing ended."""

    outcome: GuideOutcome = GuideOutcome.SENT
    why: str = Field("", max_length=300)


@router.get("", responses=documented(503))
async def guide_requests(
    controller: ControllerDep,
    last: Annotated[int, Query(ge=0, le=1000, description="How many of those that have ended.")] = 0,
) -> list[GuideRequestRow]:
    """Return the requests that have not ended, the first due first, and the `last` that have."""
    found = await controller.guide_requests.list_latest(last)
    return [_row(request) for request in present(found, controller.guide_requests.why)]


@router.post("/{request}/take", responses=documented(404, 409, 503))
async def take(controller: ControllerDep, actor: Actor, request_id: GuideRequestId) -> GuideRequestRow:
    """Take a request to work on it. 409 (`taken`) if somebody else has it, or it has ended."""
    request, now = await _find(controller, request_id), clock.now()
    taken = await controller.guide_requests.take(request, actor, now)
    since = request.taken if request.taken_by == actor else None
    after = replace(request, taken=since or now, taken_by=actor)
    return await _changed(controller, actor, taken, after, "guide_request_taken")


@router.post("/{request}/release", responses=documented(404, 409, 503))
async def release(
    controller: ControllerDep, actor: Actor, request_id: GuideRequestId, released: WorkRelease | None = None
) -> GuideRequestRow:
    """Let others take a request again. 409 (`taken`) if the actor does not have it."""
    by = None if released is not None and released.whoever else actor
    request = await _find(controller, request_id)
    free = await controller.guide_requests.release(request, by)
    after = replace(request, taken=None, taken_by=None)
    return await _changed(controller, actor, free, after, "guide_request_released")


@router.post("/{request}/end", responses=documented(404, 409, 503))
async def end(
    controller: ControllerDep, actor: Actor, request_id: GuideRequestId, ended: GuideRequestEnd
) -> GuideRequestRow:
    """End a request: somebody has sent the procedure, or it cannot be sent, or the caller no longer wants it."""
    request = await _find(controller, request_id)
    now, why = clock.now(), one_line(ended.why, 300)
    changed = await controller.guide_requests.end(request, ended.outcome, actor, why, now)
    if not confirmed(changed, controller.guide_requests):
        raise ApiError(409, "That request has ended already; `hatif waiting --last 20` shows how.")
    record_guide_audit(controller.recorder, request, ended.outcome, actor, why)
    over = {"outcome": ended.outcome, "reason": why or None, "ended": now, "ended_by": actor}
    return _row(request).model_copy(update=over)


async def _find(controller: Controller, beginning: str) -> GuideRequest:
    return present(await controller.guide_requests.find(beginning), controller.guide_requests.why)


async def _changed(
    controller: Controller, actor: str, changed: bool | None, after: GuideRequest, act: str
) -> GuideRequestRow:
    """Return a request as it is `after` the change. It is not read again: the database may be away by now."""
    if not confirmed(changed, controller.guide_requests):
        found = await _find(controller, str(after.id))
        who = found.ended_by or found.taken_by or "Nobody"
        raise ApiError(409, f"{who} has {'ended' if found.ended else 'taken'} that request.", "taken")
    audit(controller, actor, act, f"guide_request:{after.id}")
    return _row(after)


def _row(request: GuideRequest) -> GuideRequestRow:
    return GuideRequestRow(
        id=str(request.id),
        number=request.number,
        country=request.country,
        language=request.language,
        topic=request.topic,
        procedure=request.procedure,
        requested=request.requested,
        due=request.due,
        outcome=GuideOutcome(request.outcome) if request.outcome is not None else None,
        reason=request.reason,
        ended=request.ended,
        ended_by=request.ended_by,
        call=str(request.call_id),
        taken=request.taken,
        taken_by=request.taken_by,
        test=request.test,
    )
