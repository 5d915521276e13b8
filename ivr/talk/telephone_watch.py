"""Checks whether an unregistered telephone is still in its call: it sends audio, or has put the call on hold."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.protocol import Link
from ivr.call.call import Call
from ivr.model import floor_protocol
from ivr.model.endpoints import is_web
from routing.states import Trigger

_NOTHING_S = 1.0
"""A telephone that sends no packet for this long is gone; it normally sends fifty per second."""

_PAGE_NOTHING_S = 0.5
"""The same for a browser whose connection is gone: its page has ended its audio before."""

_LAST_PACKETS = 5
"""So many packets of a page that is gone may still have been on their way."""

_LATE_PACKETS = 25
"""A telephone that sent fewer in `_NOTHING_S` is looked at once more: a busy Asterisk reads a dead one's last packets
late."""

_MOVED_S = 0.4
"""A telephone that registered again and sends no packet for this long may have moved. Shorter than `_NOTHING_S`, so
that it does not count as gone."""

_LOOKS = 3
"""How often to look whether it has moved: sound from before may still come in, and its router may change the port of
the sound after that of the registration."""

_REQUESTS = 3
"""How often the session is renegotiated at most: a busy telephone may refuse the request, or answer it late."""

_LEARNED_S = 1.0
"""The time in which a renegotiation shows its effect; it takes a fifth of a second."""

_HELD = "CHANNEL(rtp,hold)"


async def is_holding(link: Link, leg: str) -> bool:
    """Return whether the telephone has put us on hold.

    Asterisk knows, even across a restart of the controller, and for a colleague whose events nobody processes.
    """
    (answer,) = await link.ask(operations.VARIABLE(leg, variable=_HELD))
    return bool(answer.ok and answer.body.get("value") == "1")


async def count_packets(link: Link, leg: str) -> int:
    """Return how many audio packets have arrived; -1: the leg is gone, or Asterisk does not tell."""
    (answer,) = await link.ask(operations.RTP_STATISTICS(leg))
    return int(answer.body.get("rxcount", -1)) if answer.ok else -1


async def relearn_address(link: Link, leg: str, renegotiate: Callable[[str], Awaitable[None]]) -> None:
    """Make Asterisk learn a telephone's media address again if no audio arrives although it is not on hold.

    Asterisk accepts audio from a single port once it has learned it, until the session is renegotiated. A telephone
    behind a router that changed its ports registers again, and would be silent from then on.
    """
    packets = await count_packets(link, leg)
    for _ in range(_LOOKS):
        await asyncio.sleep(_MOVED_S)
        before, packets = packets, await count_packets(link, leg)
        if before < 0 or packets < 0:
            return
        if packets == before:
            break
    else:
        return
    for _ in range(_REQUESTS):
        if await is_holding(link, leg):
            return
        await renegotiate(leg)
        await asyncio.sleep(_LEARNED_S)
        if await count_packets(link, leg) != packets:
            return


class TelephoneWatch:
    """Watches the telephones of one conversation. At `until` (loop's clock), call `finish`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._packets: dict[str, int] = {}  # by leg, at the start of the watch
        self._in_browser: set[str] = set()  # legs
        self._refused: dict[str, str] = {}  # by leg: an operator whose telephone the floor still takes for present
        self._looked: set[str] = set()  # legs that are looked at for the second time
        self.lost: set[str] = set()  # legs hung up because no audio came from them
        self.until = math.inf

    async def add(self, leg: str, news: floor_protocol.TelephoneGone | floor_protocol.TelephoneBack) -> None:
        """Start to watch a leg whose registration and connection are gone, or whose machine refuses packets.

        Also a browser's leg whose page has registered again: it may have lost its audio, as when the computer has
        another address. Asterisk may not have noticed that the former connection is dead.
        """
        is_back = isinstance(news, floor_protocol.TelephoneBack)
        if isinstance(news, floor_protocol.TelephoneGone) and news.refused:
            self._refused[leg] = news.operator
        if leg not in self._packets:
            link = self._call.services.link
            packets = await count_packets(link, leg)
            (channel,) = await link.ask(operations.CHANNEL(leg))
            if channel.ok and is_web(channel.body.get("name", "")):
                self._in_browser.add(leg)
            elif is_back:
                return
            self._watch(leg, packets, _PAGE_NOTHING_S if leg in self._in_browser and not is_back else _NOTHING_S)

    def _watch(self, leg: str, packets: int, nothing_s: float) -> None:
        self._packets[leg] = packets
        until = asyncio.get_running_loop().time() + nothing_s
        self.until = until if self.until == math.inf else max(self.until, until)  # long enough for each of them

    async def finish(self) -> list[str]:
        """Hang up the legs that sent nothing and are not on hold; return those of browsers, which may come back.

        A telephone that sent little is watched again. Refused packets alone do not make an operator absent for the
        floor: the refusal may come from a machine on the way.
        """
        link = self._call.services.link
        former, self._packets, self.until = self._packets, {}, math.inf
        browsers, self._in_browser = self._in_browser, set()
        refused, self._refused = self._refused, {}
        looked, self._looked = self._looked, set()
        silent = []
        for leg, before in former.items():
            packets = await count_packets(link, leg)
            came = packets - before
            if came == 0 or (leg in browsers and 0 <= came < _LAST_PACKETS):
                silent.append(leg)
            elif 0 < came < _LATE_PACKETS and leg not in looked:
                self._looked.add(leg)
                self._in_browser |= browsers & {leg}
                if (operator := refused.pop(leg, None)) is not None:
                    self._refused[leg] = operator
                self._watch(leg, packets, _NOTHING_S)
        lost = [leg for leg in silent if not await is_holding(link, leg)]
        for leg in refused.keys() & lost:
            self._call.services.to_floor(floor_protocol.OperatorEvent(refused[leg], Trigger.PHONE_ABSENT))
        ended = [leg for leg in lost if leg not in browsers]
        self.lost.update(ended)
        await link.send(*map(operations.HANG_UP, ended))
        return [leg for leg in lost if leg in browsers]
