"""From an operator's answer to the moment when both hear each other, on a real line."""

import asyncio
import time
from collections.abc import Mapping

from bench import media, sip
from bench.caller.listener import Listeners
from bench.callers import Call, LostCallError
from bench.floor.heard import tone
from bench.phones import Happens, Phones, Ring
from bench.udp import Udp

PHONES = "127.0.0.5"
RINGS_S, TALKS_S = 1.0, 12.0
"""How long the operator's telephone rings; when the operator hangs up, if the caller has not."""
_PATIENCE_S = 20.0
_NS = 1_000_000_000
_CALLERS_TONE, _OPERATORS_TONE = tone(1000), tone(400)


class Headsets(Phones):
    """Operators' telephones that answer, send a tone, and note when they first hear a caller's."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(PHONES, 0, server, (TALKS_S, TALKS_S), 0)
        self._ear = Udp(PHONES, 0, self._on_rtp)
        self.picks_up_s = RINGS_S
        self.on_change = self._note
        self._talking: dict[int, Ring] = {}  # by Asterisk's port
        self.answered: dict[str, int] = {}  # by operator, in ns
        self.heard: dict[str, int] = {}

    def close(self) -> None:
        self._ear.close()
        super().close()

    def speak(self) -> None:
        """Send 20 ms of the tone from every telephone in a call."""
        for port, ring in self._talking.items():
            self._ear.send(ring.voice.sound(_OPERATORS_TONE), (self._server[0], port))

    def _note(self, what: Happens, ring: Ring, at: int) -> None:
        port = sip.offered_port(ring.invite.body)
        if what == "picked_up":
            self.answered[ring.user] = at
            self._talking[port] = ring
        elif what == "over":
            self._talking.pop(port, None)

    def _on_rtp(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        ring = self._talking.get(sender[1])
        if ring is not None and data[12:] == _CALLERS_TONE:
            self.heard.setdefault(ring.user, arrived)

    def _sdp(self) -> str:
        return sip.sdp(PHONES, self._ear.port)


async def measure(
    callers: Listeners, phones: Headsets, number: str, calls: Mapping[str, tuple[str, str]]
) -> dict[str, float]:
    """Return the seconds by operator, one call after the other.

    Args:
        number: The line's.
        calls: By operator: the caller's number and the keys that lead to this operator.

    Raises:
        LostCallError: A call was not answered, or the two never heard each other.
    """
    return {
        operator: await _call(callers, phones, number, operator, caller, keys)
        for operator, (caller, keys) in calls.items()
    }


async def _call(callers: Listeners, phones: Headsets, number: str, operator: str, caller: str, keys: str) -> float:
    call, _ = await callers.dial(number, caller)
    try:
        await callers.be_heard(call)
        for key in keys:
            await callers.press(call, key)
            await asyncio.sleep(0.2)
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and not call.ended.done():
            callers.say(call)
            phones.speak()
            heard, answered = _first_heard(callers, call), phones.answered.get(operator)
            if heard is not None and operator in phones.heard and answered is not None:
                return (max(heard, phones.heard[operator]) - answered) / _NS
            await asyncio.sleep(media.PACE)
        raise LostCallError(f"the caller {caller} and the operator {operator} did not hear each other")
    finally:
        await callers.hang_up(call)
        callers.forget(call)


def _first_heard(callers: Listeners, call: Call) -> int | None:
    """Return when the caller first heard the operator's tone, in ns."""
    stream = callers.stream(call)
    place = stream.data.find(_OPERATORS_TONE)
    return None if place < 0 else int(stream.ns_of(place))
