"""Whether a person answers who is called back: a key tells them from an answering machine."""

import asyncio
from collections.abc import Sequence

from db.enums import TryOutcome
from ivr.asterisk import leg_dialing
from ivr.audio.audible import Clip
from ivr.call.call import Deadline, RequestFailed
from ivr.callbacks.call_leg import CallLeg
from ivr.callbacks.call_legs import CalledGone, CallLegs, Item, NotAsked, OperatorGone, over

YES, NO = "1", "2"
_TRY = {17: TryOutcome.BUSY, 21: TryOutcome.BUSY, 18: TryOutcome.NO_ANSWER, 19: TryOutcome.NO_ANSWER}
"""ITU-T Q.850 causes of a call that was not answered; all others mean that the telephone was not reached."""


async def reach_person(legs: CallLegs, hello: Sequence[Clip], ring_s: float, *, may_deny: bool) -> TryOutcome:
    """Wait until the caller answers and presses a key.

    Raises:
        OperatorGone: The operator has hung up before.
        NotAsked: The person says that they had not asked for the call.
    """
    called, loop = legs.called, asyncio.get_running_loop()
    assert called is not None
    until = loop.time() + ring_s
    while not called.answered:
        item = await legs.next(until)
        if called.gone:
            return _TRY.get(called.cause or 0, TryOutcome.UNREACHABLE)
        if was_refused(item, called):
            return TryOutcome.UNREACHABLE
        if legs.leg is not None and legs.leg.gone and not called.answered:
            raise OperatorGone
        if isinstance(item, Deadline) and over(until) and not called.answered:
            await legs.hang_up(called)
            return TryOutcome.NO_ANSWER
    try:
        key = await legs.ask(called, hello, YES + NO if may_deny else YES)
    except CalledGone:
        return TryOutcome.NO_KEY
    if key == NO:
        raise NotAsked
    return TryOutcome.REACHED if key is not None else TryOutcome.NO_KEY


def was_refused(item: Item | Deadline, leg: CallLeg) -> bool:
    """Return whether Asterisk refused to ring the leg."""
    return isinstance(item, RequestFailed) and leg_dialing.failed(item.request, item.status, leg.channel)
