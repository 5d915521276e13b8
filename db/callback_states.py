"""The states of a call-back request and the events that move it from one to the next, in one table. Pure; does not
import SQLAlchemy.

    wished ──claimed──► ringing_operator ──dialled──► ringing_caller ──reached──► connected ──finished──► done
       ▲ ◄──released, declined──┘                           │ missed
       ├───────────── first time ───────────────────────────┤
       │                                                    └─ second time ──► failed
       ├─ cancelled, taken ──► cancelled, done
       └─ expired ──► failed

A request whose caller says that they had not asked for it is cancelled: `ringing_caller ──not_asked──► cancelled`.
A request to hear about a case file needs no operator and is dialled at once: `wished ──dialled──► ringing_caller`. An
event that comes late, twice, or from a controller that does not (or no longer) hold the claim changes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from db.callback_requests import CUT_OFF, CallbackRequest, Claim
from db.enums import CallbackKind, CallbackState
from db.ids import call_id

MOST_TRIES = 2


class RequestEvent(StrEnum):
    """Events that move a request from one state to the next."""

    CLAIMED = "claimed"  # an operator is reserved and will be rung
    RELEASED = "released"  # that operator did not take it; another one may
    DECLINED = "declined"  # an operator does not want it now, and gave a reason
    DIALLED = "dialled"
    MISSED = "missed"  # the caller did not press a key
    REACHED = "reached"
    NOT_ASKED = "not_asked"  # whoever answered had not asked for it
    FINISHED = "finished"
    TAKEN = "taken"  # a person makes the call themselves
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # due for too long to be called any more


_S = CallbackState

TRANSITIONS: Mapping[tuple[CallbackState, RequestEvent], CallbackState] = {
    (_S.REQUESTED, RequestEvent.CLAIMED): _S.RINGING_OPERATOR,
    (_S.REQUESTED, RequestEvent.DIALLED): _S.RINGING_CALLER,  # only to hear about a case file
    (_S.REQUESTED, RequestEvent.TAKEN): _S.DONE,
    (_S.REQUESTED, RequestEvent.CANCELLED): _S.CANCELLED,
    (_S.REQUESTED, RequestEvent.EXPIRED): _S.FAILED,
    (_S.RINGING_OPERATOR, RequestEvent.RELEASED): _S.REQUESTED,
    (_S.RINGING_OPERATOR, RequestEvent.DECLINED): _S.REQUESTED,
    (_S.RINGING_OPERATOR, RequestEvent.CANCELLED): _S.CANCELLED,
    (_S.RINGING_OPERATOR, RequestEvent.DIALLED): _S.RINGING_CALLER,
    (_S.RINGING_CALLER, RequestEvent.MISSED): _S.REQUESTED,  # or failed
    (_S.RINGING_CALLER, RequestEvent.REACHED): _S.CONNECTED,
    (_S.RINGING_CALLER, RequestEvent.NOT_ASKED): _S.CANCELLED,
    (_S.CONNECTED, RequestEvent.FINISHED): _S.DONE,
}
"""State and event to the next state; a pair that is not listed changes nothing."""

FINAL = (_S.DONE, _S.FAILED, _S.CANCELLED)
AT_WORK = (_S.RINGING_OPERATOR, _S.RINGING_CALLER, _S.CONNECTED)
"""States in which a controller holds the request; nothing else may move it."""


def advance(
    request: CallbackRequest,
    event: RequestEvent,
    now: datetime,
    *,
    by: Claim | None = None,
    wait: timedelta = timedelta(0),
    operator: str | None = None,
    reason: str | None = None,
) -> CallbackRequest:
    """Return the request after `event`; the same object if that changes nothing.

    Args:
        by: The controller that reports the event; None for a person, who moves only what no controller holds.
        wait: Time until the request is due again, if it will be.
        operator: The operator who is rung, who declined, or who took it over.
        reason: Replaces the request's reason, unless None.
    """
    state = TRANSITIONS.get((CallbackState(request.state), event))
    if state is None or request.claim != (None if request.state == _S.REQUESTED else by):
        return request
    if event is RequestEvent.DIALLED:
        about_case = request.kind == CallbackKind.CASE
        if request.tries >= MOST_TRIES or by is None or about_case is not (request.state == _S.REQUESTED):
            return request
        return replace(
            request,
            state=state.value,
            tries=request.tries + 1,
            tried=now,
            dialled_call_id=call_of(request),
            claim=by,
            reason=CUT_OFF if request.cut_off else None,
        )
    if event is RequestEvent.CLAIMED:
        about_case = request.kind == CallbackKind.CASE
        return request if by is None or about_case else replace(request, state=state.value, claim=by)
    if event is RequestEvent.MISSED:
        due = next_try(request.tried or now, wait, request.tries)
        state = _S.REQUESTED if due is not None else _S.FAILED
        request = _put_off(request, due) if due is not None else request
    if event is RequestEvent.DECLINED:
        request = _put_off(request, now + wait)
    if reason is not None and request.cut_off and state == _S.REQUESTED:
        reason = f"{CUT_OFF}; {reason}"  # it stays one that nobody has made
    if event is RequestEvent.TAKEN:
        request = replace(request, operator_id=operator or request.operator_id)
    return replace(
        request,
        state=state.value,
        claim=by if state in AT_WORK else None,
        reason=reason if reason is not None else request.reason,
        ended=now if state in FINAL else None,
    )


def next_try(tried: datetime, after: timedelta, tries: int) -> datetime | None:
    """Return when a number that was not reached is due again; None after the last try."""
    return tried + after if tries < MOST_TRIES else None


def _put_off(request: CallbackRequest, due: datetime) -> CallbackRequest:
    return replace(request, due=due, first_due=request.first_due or request.due or request.tried)


def end_orphaned(
    request: CallbackRequest, event: RequestEvent, now: datetime, *, operator: str | None = None, reason: str
) -> CallbackRequest:
    """Return a request held by a node that is gone for good, cancelled or taken over by a person.

    If that node still exists after all, it can no longer move the request. Returns the same object for a request that
    no controller holds.
    """
    if request.state not in AT_WORK:
        return request
    free = replace(request, state=CallbackState.REQUESTED.value, claim=None)
    return advance(free, event, now, operator=operator, reason=reason)


def call_of(request: CallbackRequest) -> UUID:
    """Return the id of the call that the next try leads to, under which the request waits for an operator.

    It is the same after a restart.
    """
    return call_id("callback", f"{request.id}-{request.tries + 1}", int(request.wished.timestamp() * 1000))


def routing_age(request: CallbackRequest) -> datetime:
    """Return since when the caller counts as waiting.

    A caller who has waited in the queue keeps their age; all others wait from the instant at which they are due.
    """
    if request.kind == CallbackKind.WAITING and request.waiting_since is not None:
        return request.waiting_since
    return max(request.due or request.wished, request.wished)


def due_of(request: CallbackRequest) -> datetime | None:
    """Return when a request is due; None if it is not due yet.

    A request about a case file is due once the file's state has changed since the request was made, unless it was due
    then.
    """
    if request.kind != CallbackKind.CASE or request.tries or request.due is not None:
        return request.due
    return request.file_changed if request.file_changed is not None and request.file_changed > request.wished else None


def ended_by_new_pin(request: CallbackRequest) -> bool:
    """Return whether a request about a case file was made with a PIN that another one has replaced."""
    asked_before = request.pin_given is not None and request.pin_given > request.wished
    return request.kind == CallbackKind.CASE and asked_before


def first_due_of(request: CallbackRequest) -> datetime | None:
    """Return when a request was due before it was put off; None if it has not been due yet."""
    return request.first_due or due_of(request)


def describe_holder(request: CallbackRequest, here: str) -> str:
    """Return the id of a request that is being worked on and its node, so that a person finds it.

    The node is `here` if none has claimed the request yet.
    """
    return f"{request.id}, by the node {request.claim.node if request.claim is not None else here}"
