"""Whether a telephone that is not registered any more is still there: its sound says so, or that it holds."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from ivr.asterisk.ari import operations
from ivr.call.call import Call, Link
from ivr.model import floor_protocol
from routing.states import Trigger

_NOTHING_S = 1.0
"""So long nothing may come from it; a telephone sends fifty packets a second."""

_MOVED_S = 0.4
"""After so long without a packet a telephone that has registered anew may have moved: before `_NOTHING_S` is over, so
that it is not taken for gone."""

_HELD = "CHANNEL(rtp,hold)"


async def holds(link: Link, leg: str) -> bool:
    """Whether the telephone has put us on hold, by what it has said last. Asterisk knows, whoever was there to hear of
    it: over a restart of ours, and of a colleague whose events nobody looks at."""
    (answer,) = await link.ask(operations.VARIABLE(leg, variable=_HELD))
    return bool(answer.ok and answer.body.get("value") == "1")


async def packets(link: Link, leg: str) -> int:
    """How many packets of sound have come; -1: the leg is gone, or Asterisk does not say."""
    (answer,) = await link.ask(operations.RTP_STATISTICS(leg))
    return int(answer.body.get("rxcount", -1)) if answer.ok else -1


async def follow(link: Link, leg: str, renegotiate: Callable[[str], Awaitable[None]]) -> None:
    """Have Asterisk learn anew where a telephone's sound comes from, if none arrives though it does not hold.

    Asterisk takes sound from one port only once it has learned it, until the session is negotiated again. A telephone
    behind a router that has changed its ports registers anew, and would be silent from then on.
    """
    before = await packets(link, leg)
    await asyncio.sleep(_MOVED_S)
    if before >= 0 and await packets(link, leg) == before and not await holds(link, leg):
        await renegotiate(leg)


class Watch:
    """Of one conversation. `until` is of the loop's clock: then `over` knows."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._looked: dict[str, int] = {}  # by leg: its packets so far
        self._refused: dict[str, str] = {}  # by leg: the operator of whose telephone the floor has not heard
        self.lost: set[str] = set()  # legs that were hung up since nothing came from them any more
        self.until = math.inf

    async def begin(self, leg: str, gone: floor_protocol.TelephoneGone) -> None:
        """Its registration is gone, as is its connection, if it had one; or its machine refuses packets."""
        if gone.refused:
            self._refused[leg] = gone.operator
        if leg not in self._looked:
            self._looked[leg] = await packets(self._call.services.link, leg)
            self.until = asyncio.get_running_loop().time() + _NOTHING_S

    async def over(self) -> None:
        """Hangs up the legs from which nothing has come, though they do not hold. Refused packets alone take nobody
        from the floor: what refuses them may be on the way."""
        looked, self._looked, self.until = self._looked, {}, math.inf
        refused, self._refused = self._refused, {}
        silent = [leg for leg, before in looked.items() if await packets(self._call.services.link, leg) == before]
        lost = [leg for leg in silent if not await holds(self._call.services.link, leg)]
        for leg in refused.keys() & lost:
            self._call.services.to_floor(floor_protocol.OperatorEvent(refused[leg], Trigger.PHONE_ABSENT))
        self.lost.update(lost)
        await self._call.services.link.send(*map(operations.HANG_UP, lost))
