"""The control API's part about call-back requests. Every change is in the audit."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CallbackState, TryOutcome
from db.ids import uuid7
from db.references import is_valid, normalize
from ivr.api import models
from ivr.api.context import Actor, ControllerDep
from ivr.api.problems import ApiError, confirmed, documented, present
from ivr.api.router import make_router
from ivr.callbacks import listing
from ivr.callbacks.facts import counts_minutes
from ivr.callbacks.request_states import AT_WORK, RequestEvent, advance, end_orphaned
from ivr.controller.controller import Controller
from ivr.hours.opening import one_line
from ivr.model import clock
from ivr.model.e164 import country_of, normalise
from ivr.records.callback_records import record_audit, record_request
from ivr.site import callback_rules
from ivr.site.callback_numbers import refusal

router = make_router("callbacks", "/callbacks")

CallbackId = Annotated[
    str, Path(alias="callback", max_length=40, description="The id of the call-back request, or how it begins.")
]


class Attempt(BaseModel):
    """A number that was dialled for a call-back request."""

    model_config = ConfigDict(populate_by_name=True)

    number: int = Field(alias="try", description="Counted from 1.")
    operator: str | None = Field(description="Who was waiting for the caller; null where nobody was needed.")
    dialled: datetime
    outcome: TryOutcome | None = Field(description="Null while it is not known.")
    ended: datetime | None


class Callback(BaseModel):
    """A caller who wants to be called."""

    id: str
    kind: CallbackKind
    state: CallbackState
    number: str
    asked_by: str | None = Field(description="The caller who made it; null if withheld, or if no caller made it.")
    country: str | None
    language: str | None
    topic: str | None
    operator: str | None
    case: str | None = Field(description="The reference of the case file.")
    wished: datetime = Field(description="When it was asked for.")
    waiting_since: datetime | None = Field(description="From when on it counts as waiting, for routing.")
    due: datetime | None = Field(description="Not before.")
    tries: int
    tried: datetime | None
    reason: str | None = Field(description="What the last change was for.")
    why_not: str = Field(description="Why it is not dialled at this moment.")
    call: str | None = Field(description="The call in which it was asked for.")
    dialled_call: str | None
    ended: datetime | None
    dialled: list[Attempt]


class NewCallback(models.Request):
    """A person to be called."""

    number: str = Field(max_length=40, description="Such as +33612345678.")
    language: str | None = Field(None, max_length=3, description="Absent: the likeliest of the number's country.")
    topic: str | None = Field(None, max_length=31, pattern=r"^[a-z][a-z0-9_]*$")
    operator: str | None = Field(None, max_length=20, description="The operator who is rung, and nobody else.")
    case: str | None = Field(None, max_length=20, description="The reference of the case that it is about.")


class CallbackCaller(models.Request):
    """The operator who wants to call for a call-back request."""

    operator: str = Field(max_length=20, description="The operator who is rung, and nobody else.")


class CallbackAdded(BaseModel):
    """The new call-back request."""

    id: str


class CallbackChange(models.Request):
    """Why a call-back request ends, and who takes care of it."""

    why: str = Field("", max_length=300)
    operator: str | None = Field(None, max_length=20, description="The operator who takes it over, if it is one.")
    node_gone: bool = Field(False, description="Whether a node that is working on it is gone for good.")


class CallbackEnded(BaseModel):
    """A call-back request that is over."""

    id: str
    state: CallbackState
    reason: str | None


@router.get("", responses=documented(503))
async def callbacks(
    controller: ControllerDep,
    last: Annotated[int, Query(ge=0, le=1000, description="How many of those that are over.")] = 20,
) -> list[Callback]:
    """Return the call-back requests that are not over, and the `last` that are."""
    now, site = clock.now(), controller.site
    midnight = callback_rules.midnight(now, site.hours.timezone)
    found = await controller.repository.list_latest(last, midnight, talked=counts_minutes(site))
    requests, tries, dialled = present(found, controller.repository.why)
    floor = controller.connection.floor if controller.connection is not None else None
    queue = await floor.queue() if floor is not None else None
    places = {queued.call: place for place, queued in enumerate(queue, 1)} if queue is not None else None
    full = controller.connection is not None and controller.connection.callbacks.is_full
    rows = listing.rows(requests, tries, dialled, site, controller.opening, now, places, full=full)
    return [Callback.model_validate(row) for row in rows]


@router.post("", status_code=201, responses=documented(409, 503))
async def add(controller: ControllerDep, actor: Actor, new: NewCallback) -> CallbackAdded:
    """Add a call-back request for somebody; it is due at once."""
    site = controller.site
    number = normalise(new.number) or new.number.strip()
    language = new.language or site.language_order(country_of(number))[0]
    if (why := refusal(number, site)) is not None:
        raise ApiError(422, f"{number!r} {callback_rules.EXPLANATIONS[why]}.", why.value)
    if language not in site.languages:
        raise ApiError(422, f"{language!r} is not a language of this site; it has {', '.join(site.languages)}.")
    if new.case is not None and not is_valid(new.case):
        raise ApiError(422, f"{new.case!r} is not a reference of a case.")
    if new.operator is not None:
        _check_operator(controller, new.operator)
        if site.callbacks.trunk is None:
            sentence = "This site calls nobody: `trunk` in [callbacks] of site.toml names no carrier."
            raise ApiError(409, sentence, "no_trunk")
        if (known := await _asked_for(controller, new.operator, number)) is not None:
            return CallbackAdded(id=str(known.id))
    now = clock.now()
    kind = CallbackKind.OPERATOR if new.operator is not None else CallbackKind.CLOSED
    request = CallbackRequest(
        uuid7(), site.node, kind, CallbackState.REQUESTED.value, number, now,
        country=country_of(number), language=language, topic=new.topic, due=now, operator_id=new.operator,
        case_reference=normalize(new.case) if new.case is not None else None,
    )  # fmt: skip
    record_request(controller.recorder, request)
    record_audit(controller.recorder, request, "callback_added", actor, "")
    return CallbackAdded(id=str(request.id))


@router.post("/{callback}/call", responses=documented(404, 409, 503))
async def call(
    controller: ControllerDep, actor: Actor, callback_id: CallbackId, caller: CallbackCaller
) -> CallbackAdded:
    """Let one operator call for a request: they are rung as soon as they are ready, and nobody else is.

    The request is over, and a new one of the kind `operator` takes its place, all or nothing. 409 if somebody else
    has taken it, or the number is being called.
    """
    _check_operator(controller, caller.operator)
    request = await _find(controller, callback_id)
    _check_free(controller, request)
    if request.kind == CallbackKind.CASE:
        raise ApiError(409, "That request is about a case that has not changed; the line calls by itself.", "automatic")
    if request.kind == CallbackKind.OPERATOR and request.operator_id == caller.operator:
        return CallbackAdded(id=str(request.id))
    if request.kind == CallbackKind.OPERATOR:
        raise ApiError(409, f"{request.operator_id} has taken that call-back request.", "taken")
    now = clock.now()
    over = advance(
        request, RequestEvent.TAKEN, now, operator=caller.operator, reason=f"taken over by {caller.operator}"
    )
    new = replace(
        request, id=uuid7(), kind=CallbackKind.OPERATOR, operator_id=caller.operator, wished=now, due=now,
        waiting_since=now, tries=0, tried=None, first_due=None, dialled_call_id=None, reason=None,
    )  # fmt: skip
    if not confirmed(await controller.repository.replace(request, over, new), controller.repository):
        raise ApiError(409, "Somebody else has just taken that call-back request.", "taken")
    record_audit(controller.recorder, over, "callback_taken", actor, "")
    record_audit(controller.recorder, new, "callback_added", actor, "")
    _look(controller)
    return CallbackAdded(id=str(new.id))


@router.post("/{callback}/take", responses=documented(404, 409, 503))
async def take(
    controller: ControllerDep, actor: Actor, callback_id: CallbackId, change: CallbackChange
) -> CallbackEnded:
    """Take a call-back request over: somebody calls without Hatif, and the request is over."""
    if change.operator is not None:
        _check_operator(controller, change.operator)
    reason = f"taken over by {change.operator or actor}"
    return await _end(controller, actor, callback_id, change, RequestEvent.TAKEN, reason)


@router.post("/{callback}/cancel", responses=documented(404, 409, 503))
async def cancel(
    controller: ControllerDep, actor: Actor, callback_id: CallbackId, change: CallbackChange
) -> CallbackEnded:
    """Cancel a call-back request: nobody is called for it."""
    reason = one_line(change.why, 300) or "cancelled"
    return await _end(controller, actor, callback_id, change, RequestEvent.CANCELLED, reason)


async def _end(
    controller: Controller, actor: str, callback_id: str, change: CallbackChange, what: RequestEvent, reason: str
) -> CallbackEnded:
    request, now = await _find(controller, callback_id), clock.now()
    _check_free(controller, request, node_gone=change.node_gone)
    if request.state in AT_WORK:
        moved = end_orphaned(request, what, now, operator=change.operator, reason=reason)
    else:
        moved = advance(request, what, now, operator=change.operator, reason=reason)
    done = await controller.repository.move(request, moved, outcome=TryOutcome.LOST, at=now)
    if not confirmed(done, controller.repository):
        raise ApiError(409, "Somebody else has just changed that call-back request; look with `hatif callbacks`.")
    record_audit(controller.recorder, moved, f"callback_{what.value}", actor, one_line(change.why, 300))
    _look(controller)
    return CallbackEnded(id=str(request.id), state=CallbackState(moved.state), reason=moved.reason)


def _check_free(controller: Controller, request: CallbackRequest, *, node_gone: bool = False) -> None:
    here = controller.site.node
    if request.ended is not None:
        raise ApiError(409, f"That call-back request is over already ({request.state}); `hatif callbacks` shows it.")
    node = request.claim.node if request.claim is not None else here
    if request.state in AT_WORK and node == here:
        raise ApiError(409, f"That number is being called ({request.state}); wait until that is over.")
    if request.state in AT_WORK and not node_gone:
        found = f"The node {node[:40]!r} is working on it ({request.state}); wait until that is over."
        raise ApiError(409, f"{found} If that node is gone for good: --node-gone (`node_gone` in the control API).")


def _check_operator(controller: Controller, operator: str) -> None:
    if operator not in [entry.id for entry in controller.operators]:
        raise ApiError(422, f"There is no operator {operator!r}; `hatif operators` lists them.")


async def _asked_for(controller: Controller, operator: str, number: str) -> CallbackRequest | None:
    """Return the request that this operator has for a number already: one is enough, however often it is asked for."""
    pending = present(await controller.repository.pending(), controller.repository.why)
    wanted = (CallbackKind.OPERATOR, operator, number)
    return next((row for row in pending if (row.kind, row.operator_id, row.number) == wanted), None)


def _look(controller: Controller) -> None:
    if controller.connection is not None:
        controller.connection.callbacks.look()


async def _find(controller: Controller, callback_id: str) -> CallbackRequest:
    return present(await controller.repository.find(callback_id), controller.repository.why)
