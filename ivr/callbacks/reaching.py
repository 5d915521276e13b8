"""Whether a person answers who is called back: a key tells them from an answering machine."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from db.enums import TryOutcome
from ivr.asterisk import leg_dialing
from ivr.audio.audible import Clip
from ivr.call.items import Deadline, RequestFailed
from ivr.callbacks.call_legs import CalledGone, CallLeg, CallLegs, Item, NotAsked, OperatorGone

YES, NO = "1", "2"
_TRY = {17: TryOutcome.BUSY, 21: TryOutcome.BUSY, 18: TryOutcome.NO_ANSWER, 19: TryOutcome.NO_ANSWER}
"""ITU-T Q.850 causes of a call that was not answered; all others mean that the telephone was not reached."""


_BY_SERVER = frozenset({27, 29, 34, 38, 41, 102})
"""Causes that Asterisk makes of a carrier's answer 5xx, or of a connection that it could not make."""
_LATE_S = 2.0
_SILENT = 18
"""That of no answer at all within `silence.answer_s`, but also of a carrier's own 408."""


async def reach_person(
    legs: CallLegs,
    hello: Sequence[Clip],
    ring_s: float,
    *,
    may_deny: bool,
    answer_s: float,
    ring_elsewhere: Callable[[], Awaitable[CallLeg | None]],
) -> TryOutcome:
    """Wait until the caller answers and presses a key.

    Args:
        answer_s: How long Asterisk waits for a server's first answer.
        ring_elsewhere: Makes `legs.called` a call by the carrier's next server and returns it; None if there is none.

    Raises:
        OperatorGone: The operator has hung up before.
        NotAsked: The person says that they had not asked for the call.
    """
    called, loop = legs.called, asyncio.get_running_loop()
    assert called is not None
    began = loop.time()
    until = began + ring_s
    while not called.answered:
        item = await legs.next(until)
        refused = was_refused(item, called)
        failed = _is_the_servers(called, loop.time() - began, answer_s) if called.gone else refused
        waits = legs.leg is None or not legs.leg.gone
        if failed and waits and (other := await ring_elsewhere()) is not None:
            called, began = other, loop.time()
            until = began + ring_s
            continue
        if called.gone:
            return _TRY.get(called.cause or 0, TryOutcome.UNREACHABLE)
        if refused:
            return TryOutcome.UNREACHABLE
        if legs.leg is not None and legs.leg.gone and not called.answered:
            raise OperatorGone
        if isinstance(item, Deadline) and not called.answered:
            await legs.hang_up(called)
            return TryOutcome.NO_ANSWER
    try:
        key = await called.choose(YES + NO if may_deny else YES, *hello)
    except CalledGone:
        return TryOutcome.NO_KEY
    if key == NO:
        raise NotAsked
    return TryOutcome.REACHED if key is not None else TryOutcome.NO_KEY


def _is_the_servers(called: CallLeg, seconds: float, answer_s: float) -> bool:
    """Return whether a call that took this long has failed at the carrier's server, and rang nobody."""
    in_vain = called.cause == _SILENT and answer_s <= seconds < answer_s + _LATE_S
    return not called.rang and (called.cause in _BY_SERVER or in_vain)


def was_refused(item: Item | Deadline, leg: CallLeg) -> bool:
    """Return whether Asterisk refused to ring the leg."""
    return isinstance(item, RequestFailed) and leg_dialing.failed(item.request, item.status, leg.channel)
