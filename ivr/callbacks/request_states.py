"""The states of a wish, and what moves it from one to the next: one table. Pure.

    wished ──claimed──► ringing_operator ──dialled──► ringing_caller ──reached──► connected ──finished──► done
       ▲ ◄──released, declined──┘                           │ missed
       ├───────────── first time ───────────────────────────┤
       │                                                    └─ second time ──► failed
       ├─ cancelled, taken ──► cancelled, done
       └─ expired ──► failed

Who only is to be told about a file is dialled at once: `wished ──dialled──► ringing_caller`. What comes late, twice, or
from a controller that is not at it (any more) changes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from db.callback_requests import CallbackRequest, Claim
from db.enums import CallbackKind, CallbackState
from db.ids import call_id
from ivr.site.callback_rules import MOST_TRIES, next_try


class Happening(StrEnum):
    CLAIMED = "claimed"  # an operator is his and will be rung
    RELEASED = "released"  # that operator did not take it; another one may
    DECLINED = "declined"  # an operator does not want it now, and said why
    DIALLED = "dialled"
    MISSED = "missed"  # nobody pressed a key
    REACHED = "reached"
    FINISHED = "finished"
    TAKEN = "taken"  # somebody does it by hand
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # due for so long that nobody will be called for it any more


_S = CallbackState

TRANSITIONS: Mapping[tuple[CallbackState, Happening], CallbackState] = {
    (_S.REQUESTED, Happening.CLAIMED): _S.RINGING_OPERATOR,
    (_S.REQUESTED, Happening.DIALLED): _S.RINGING_CALLER,  # only to be told about a file
    (_S.REQUESTED, Happening.TAKEN): _S.DONE,
    (_S.REQUESTED, Happening.CANCELLED): _S.CANCELLED,
    (_S.REQUESTED, Happening.EXPIRED): _S.FAILED,
    (_S.RINGING_OPERATOR, Happening.RELEASED): _S.REQUESTED,
    (_S.RINGING_OPERATOR, Happening.DECLINED): _S.REQUESTED,
    (_S.RINGING_OPERATOR, Happening.CANCELLED): _S.CANCELLED,
    (_S.RINGING_OPERATOR, Happening.DIALLED): _S.RINGING_CALLER,
    (_S.RINGING_CALLER, Happening.MISSED): _S.REQUESTED,  # or failed
    (_S.RINGING_CALLER, Happening.REACHED): _S.CONNECTED,
    (_S.CONNECTED, Happening.FINISHED): _S.DONE,
}
"""A pair that is not here changes nothing."""

FINAL = (_S.DONE, _S.FAILED, _S.CANCELLED)
AT_WORK = (_S.RINGING_OPERATOR, _S.RINGING_CALLER, _S.CONNECTED)
"""States in which a controller is at it; nobody else may move it."""


def after(
    wish: CallbackRequest,
    what: Happening,
    now: datetime,
    *,
    by: Claim | None = None,
    wait: timedelta = timedelta(0),
    operator: str | None = None,
    reason: str | None = None,
) -> CallbackRequest:
    """The wish after it; the same object where that changes nothing.

    `by`: the controller that says so; None: a person, who moves only what no controller is at. `wait`: until it is due
    again, should it be; `operator`: who is rung, declined, or took it over.
    """
    state = TRANSITIONS.get((CallbackState(wish.state), what))
    if state is None or wish.claim != (None if wish.state == _S.REQUESTED else by):
        return wish
    if what is Happening.DIALLED:
        told = wish.kind == CallbackKind.CASE
        if wish.tries >= MOST_TRIES or by is None or told is not (wish.state == _S.REQUESTED):
            return wish
        return replace(
            wish,
            state=state.value,
            tries=wish.tries + 1,
            tried=now,
            dialled_call_id=call_of(wish),
            claim=by,
            reason=None,
        )
    if what is Happening.CLAIMED:
        told = wish.kind == CallbackKind.CASE
        return wish if by is None or told else replace(wish, state=state.value, claim=by)
    if what is Happening.MISSED:
        due = next_try(wish.tried or now, wait, wish.tries)
        state = _S.REQUESTED if due is not None else _S.FAILED
        wish = _put_off(wish, due) if due is not None else wish
    if what is Happening.DECLINED:
        wish = _put_off(wish, now + wait)
    if what is Happening.TAKEN:
        wish = replace(wish, operator_id=operator or wish.operator_id)
    return replace(
        wish,
        state=state.value,
        claim=by if state in AT_WORK else None,
        reason=reason if reason is not None else wish.reason,
        ended=now if state in FINAL else None,
    )


def _put_off(wish: CallbackRequest, due: datetime) -> CallbackRequest:
    return replace(wish, due=due, first_due=wish.first_due or wish.due or wish.tried)


def given_up(
    wish: CallbackRequest, what: Happening, now: datetime, *, operator: str | None = None, reason: str
) -> CallbackRequest:
    """A wish that a node is at which is gone for good: cancelled or taken, as a person says. Should that node be there
    all the same, it moves nothing any more. The same object for a wish that nobody is at."""
    if wish.state not in AT_WORK:
        return wish
    free = replace(wish, state=CallbackState.REQUESTED.value, claim=None)
    return after(free, what, now, operator=operator, reason=reason)


def call_of(wish: CallbackRequest) -> UUID:
    """The id of the call that the next try leads to; with it he waits for an operator. The same after a restart."""
    return call_id("callback", f"{wish.id}-{wish.tries + 1}", int(wish.wished.timestamp() * 1000))


def channel_of(wish: CallbackRequest) -> str:
    """The channel of the try that is going on: Asterisk answers 409 to whoever wants to make it once more."""
    return f"callback-{wish.id}-{wish.tries}"


def routing_age(wish: CallbackRequest) -> datetime:
    """Since when he counts as waiting: who has waited keeps his age; others wait from the instant they are due."""
    if wish.kind == CallbackKind.WAITING and wish.waiting_since is not None:
        return wish.waiting_since
    return max(wish.due or wish.wished, wish.wished)
