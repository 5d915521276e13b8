"""Callers: each call is a coroutine, all on one SIP and one RTP socket (Asterisk's ports tell the calls apart)."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import TypeVar

from bench import media, sip
from bench.udp import Udp

T = TypeVar("T")
PATIENCE = 5.0  # s for an answer or for the next prompt; then the call counts as lost
AUDIO_FIRST = 6  # packets of silence before a key: strict RTP learns the source from audio only


class LostCallError(Exception):
    """Something that was waited for and did not come, as a sentence."""


class Call:
    """The incoming events of one call. Times are ns of CLOCK_REALTIME."""

    def __init__(self, dialog: sip.Dialog) -> None:
        loop = asyncio.get_running_loop()
        self.dialog = dialog
        self.answered: asyncio.Future[tuple[sip.Message, int]] = loop.create_future()
        self.next_sound: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.heard_first = False
        self.port = 0
        self.invite = b""
        self.voice = media.Voice(random.getrandbits(32))


class Callers:
    """Callers at `address` who call numbers of the Asterisk at `server` (host, SIP port)."""

    def __init__(self, address: str, server: tuple[str, int], first: frozenset[bytes], following: frozenset[bytes]):
        self._address, self._server, self._first, self._following = address, server, first, following
        self._sip = Udp(address, 0, self._on_sip)
        self._rtp = Udp(address, 0, self._on_rtp)
        self._calls: dict[str, Call] = {}
        self._by_port: dict[int, Call] = {}
        self.patience_s = PATIENCE  # for an answer
        self.got_rtp: Callable[[bytes], None] = lambda _: None  # called with each packet, whatever its content

    def close(self) -> None:
        self._sip.close()
        self._rtp.close()

    async def dial(self, number: str, caller: str = "+33612345678") -> tuple[Call, int]:
        """Call until answered; return the call and the ns from INVITE to 200. Raises LostCallError."""
        sent = time.time_ns()
        call = self.invite(number, caller)
        arrived = await self.established(call)
        return call, arrived - sent

    def invite(self, number: str, caller: str) -> Call:
        """Send only the INVITE."""
        here = f"{caller}@{self._address}:{self._sip.port}"
        call = Call(sip.Dialog.to(f"sip:{number}@{self._server[0]}:{self._server[1]}", here))
        self._calls[call.dialog.call_id] = call
        call.invite = call.dialog.request("INVITE", sip.sdp(self._address, self._rtp.port))
        self._sip.send(call.invite, self._server)
        return call

    async def established(self, call: Call) -> int:
        """Acknowledge the answer and return the ns of its arrival. Raises LostCallError, also for a refusal."""
        answer, arrived = await in_time(call.answered, "no answer to the INVITE", self.patience_s)
        self._sip.send(call.dialog.ack(answer), self._server)
        if answer.status != 200:
            raise LostCallError(f"refused: {answer.start}")
        call.port = sip.audio_port(answer.body)
        self._by_port[call.port] = call
        return arrived

    def cancel(self, call: Call) -> None:
        """Send a CANCEL. It may cross with the answer: see `established`."""
        self._sip.send(call.dialog.cancel(), self._server)

    async def press(self, call: Call, key: str) -> int:
        """Send audio, press a key and release it; return the ns at which its release was sent."""
        held, released = call.voice.key(key)
        to = (self._server[0], call.port)
        due = asyncio.get_running_loop().time()
        for packet in held:
            due += media.PACE
            self._rtp.send(packet, to)
            await _until(due)
        sent = time.time_ns()
        for packet in released:
            self._rtp.send(packet, to)
        return sent

    async def be_heard(self, call: Call) -> None:
        due = asyncio.get_running_loop().time()
        for _ in range(AUDIO_FIRST):
            self._rtp.send(call.voice.silence(), (self._server[0], call.port))
            due += media.PACE
            await _until(due)

    def be_heard_once(self, call: Call) -> None:
        """Send one packet of silence: Asterisk gives up callers who send nothing for long."""
        self._rtp.send(call.voice.silence(), (self._server[0], call.port))

    async def hang_up(self, call: Call) -> None:
        if not call.ended.done():
            self._sip.send(call.dialog.request("BYE"), self._server)
            await in_time(call.ended, "no answer to the BYE")

    def forget(self, call: Call) -> None:
        self._calls.pop(call.dialog.call_id, None)
        self._by_port.pop(call.port, None)

    def _on_sip(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        try:
            message = sip.parse(data)
        except ValueError:
            return
        call = self._calls.get(message.call_id)
        if not message.status:
            if message.method != "ACK":
                body = sip.sdp(self._address, self._rtp.port) if message.method == "INVITE" else ""
                here = call.dialog.here if call else f"{self._address}:{self._sip.port}"
                self._sip.send(sip.response(message, "200 OK", here, "bench", body), sender)
            if message.method == "BYE" and call and not call.ended.done():
                call.ended.set_result(None)
        elif call and message.method == "BYE" and not call.ended.done():
            call.ended.set_result(None)
        elif call and message.method == "INVITE" and message.status >= 200:
            if call.answered.done():  # a retransmission: the ACK was lost
                self._sip.send(call.dialog.ack(message), sender)
            else:
                call.answered.set_result((message, arrived))

    def _on_rtp(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        self.got_rtp(data)
        call = self._by_port.get(sender[1])
        if call is None or data[1] & 0x7F != sip.ALAW:
            return
        payload = data[12:]
        if payload in self._following:
            if not call.next_sound.done():
                call.next_sound.set_result(arrived)
        elif not call.heard_first and payload in self._first:
            call.heard_first = True


async def in_time(future: "asyncio.Future[T]", otherwise: str, seconds: float = PATIENCE) -> T:
    # Not cancelled: an answer may still come while the caller gives up.
    done, _ = await asyncio.wait({future}, timeout=seconds)
    if not done:
        raise LostCallError(otherwise)
    return future.result()


async def _until(due: float) -> None:
    await asyncio.sleep(due - asyncio.get_running_loop().time())
