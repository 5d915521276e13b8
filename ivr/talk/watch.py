"""Whether a telephone that is not registered any more is still there: its sound says so, or that it holds."""

import asyncio
import math

from ivr import messages
from ivr.ari import operations
from ivr.call import Call, Link
from routing.states import Trigger

_NOTHING_S = 1.0
"""So long nothing may come from it; a telephone sends fifty packets a second."""

_HELD = "CHANNEL(rtp,hold)"


async def holds(link: Link, leg: str) -> bool:
    """Whether the telephone has put us on hold, by what it has said last. Asterisk knows, whoever was there to hear of
    it: over a restart of ours, and of a colleague whose events nobody looks at."""
    (answer,) = await link.ask(operations.VARIABLE(leg, variable=_HELD))
    return bool(answer.ok and answer.body.get("value") == "1")


class Watch:
    """Of one conversation. `until` is of the loop's clock: then `over` knows."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._looked: dict[str, int] = {}  # by leg: its packets so far
        self._refused: dict[str, str] = {}  # by leg: the operator of whose telephone the floor has not heard
        self.lost: set[str] = set()  # legs that were hung up since nothing came from them any more
        self.until = math.inf

    async def begin(self, leg: str, gone: messages.TelephoneGone) -> None:
        """Its registration is gone, as is its connection, if it had one; or its machine refuses packets."""
        if gone.refused:
            self._refused[leg] = gone.operator
        if leg not in self._looked:
            self._looked[leg] = await self._packets(leg)
            self.until = asyncio.get_running_loop().time() + _NOTHING_S

    async def over(self) -> None:
        """Hangs up the legs from which nothing has come, though they do not hold. Refused packets alone take nobody
        from the floor: what refuses them may be on the way."""
        looked, self._looked, self.until = self._looked, {}, math.inf
        refused, self._refused = self._refused, {}
        silent = [leg for leg, before in looked.items() if await self._packets(leg) == before]
        lost = [leg for leg in silent if not await holds(self._call.services.link, leg)]
        for leg in refused.keys() & lost:
            self._call.services.to_floor(messages.State(refused[leg], Trigger.PHONE_ABSENT))
        self.lost.update(lost)
        await self._call.services.link.send(*map(operations.HANG_UP, lost))

    async def _packets(self, leg: str) -> int:
        """How many have come; -1: it is gone, or Asterisk does not say."""
        (answer,) = await self._call.services.link.ask(operations.RTP_STATISTICS(leg))
        return int(answer.body.get("rxcount", -1)) if answer.ok else -1
