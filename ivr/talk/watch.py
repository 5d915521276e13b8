"""Whether a telephone that is not registered any more is still there: its sound says so, or that it holds."""

import asyncio
import math

from ivr.ari import operations
from ivr.call import Call, Link

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
        self.until = math.inf

    async def begin(self, leg: str) -> None:
        """Its registration is gone, as is its connection, if it had one."""
        if leg not in self._looked:
            self._looked[leg] = await self._packets(leg)
            self.until = asyncio.get_running_loop().time() + _NOTHING_S

    async def over(self) -> list[str]:
        """The legs from which nothing has come, though they do not hold."""
        looked, self._looked, self.until = self._looked, {}, math.inf
        silent = [leg for leg, before in looked.items() if await self._packets(leg) == before]
        return [leg for leg in silent if not await holds(self._call.services.link, leg)]

    async def _packets(self, leg: str) -> int:
        """How many have come; -1: it is gone, or Asterisk does not say."""
        (answer,) = await self._call.services.link.ask(operations.RTP_STATISTICS(leg))
        return int(answer.body.get("rxcount", -1)) if answer.ok else -1
