"""Callers and operators' telephones that have fallen silent: each is asked whether it is still there.

A telephone that is muted or on hold may send nothing for any length of time. One whose machine or network died looks
the same. So a telephone that sends neither sound (RTP) nor reports on it (RTCP) for a while gets a session refresh (a
re-INVITE). Any answer but 408 and 481 shows that the call is there, and it is asked again later. Without an answer the
channel is hung up after `answer_s`; docs/decisions/0022-silent-callers.md has the measurements.

The telephone of an operator who talks has no reason to be silent, and is not asked: it is hung up after `_VANISHED_S`.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from ivr.asterisk.ami import AmiError
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.sip_copies import SipCopies
from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.call.services import Services
from ivr.model.floor_protocol import CallerSilence
from ivr.talk.telephone_watch import is_holding

log = structlog.get_logger()

_LOOKS = 4
"""How many times a channel is looked at within the time after which it counts as silent."""

_VANISHED_S = 10.0
"""An operator's telephone that sends no sound for this long, and is not on hold, is gone. Asterisk's own `rtp_timeout`
comes later, since it counts the time in which Asterisk itself was stopped."""

_BATCH = 20
"""How many channels are asked about at once, so that no call waits for all of them."""

_LOST = "27"
"""ITU-T Q.850: destination out of order."""

_CALL_ID, _CODECS = "CHANNEL(pjsip,call-id)", "CHANNEL(audionativeformat)"
_UNUSED_CODEC = "lpc10"
"""Asterisk sends no refresh that changes nothing. So besides the call's own codecs one is offered that no telephone
accepts."""


@dataclass(slots=True)
class _Heard:
    """The sound measured on one channel; instants are on the monotonic clock."""

    packets: int
    at: float  # when it last gave a sign of life
    sound_due: float  # since when it should have sent sound, if it is an operator's
    asked: float | None = None  # since when an answer is awaited
    again: float = 0.0  # when it may be asked next
    call_id: str = ""


class SilenceMonitor:
    """Watches the channels of one connection.

    Args:
        routes: Who receives the events of each channel.
        refresh: Sends a session refresh on a channel, with these codecs; AmiError if it cannot.
        start: Starts work that ends with the connection.
    """

    def __init__(
        self,
        services: Services,
        routes: Mapping[str, Receiver],
        copies: SipCopies,
        refresh: Callable[[str, str], Awaitable[None]],
        start: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        self._services, self._routes, self._copies = services, routes, copies
        self._link, self._limits = services.link, services.site.silence
        self._refresh, self._start = refresh, start
        self._channels: dict[str, _Heard] = {}
        self._calls: dict[str, str] = {}  # by channel, of callers who are asked whether they are there

    async def run(self) -> None:
        """Watch all channels of ours, until the connection to Asterisk ends."""
        self._copies.forget_all()
        with contextlib.suppress(LinkLost, TimeoutError):
            while True:
                await self.look(self._routes.keys())
                await asyncio.sleep(min(self._limits.silent_s, _VANISHED_S) / _LOOKS)

    async def look(self, channels: Collection[str]) -> None:
        """Look at these channels once, and forget all others."""
        for gone in self._channels.keys() - set(channels):
            self._copies.forget(self._channels.pop(gone).call_id)
            self._silent(gone, False)
        names = list(channels)
        for first in range(0, len(names), _BATCH):
            batch = names[first : first + _BATCH]
            answers = await self._link.ask(*map(operations.RTP_STATISTICS, batch))
            for channel, answer in zip(batch, answers, strict=True):
                if answer.ok:  # otherwise it has no RTP, or is gone
                    await self._look_at(channel, int(answer.body.get("rxcount", 0)), time.monotonic())

    async def _look_at(self, channel: str, packets: int, now: float) -> None:
        heard = self._channels.setdefault(channel, _Heard(packets, now, now))
        if packets != heard.packets:
            heard.packets, heard.sound_due = packets, now
            self._is_there(channel, heard, now)
        elif self._is_operators(channel) and await self._has_vanished(channel, heard):
            log.info("No sound comes from an operator's telephone; it is hung up", channel=channel, seconds=_VANISHED_S)
            await self._hang_up(channel)
        elif self._is_due(heard, now):
            await self._ask(channel, heard)

    def _is_operators(self, channel: str) -> bool:
        call = self._routes.get(channel)
        return isinstance(call, Call) and call.channel != channel

    async def _has_vanished(self, channel: str, heard: _Heard) -> bool:
        (there,) = await self._link.ask(operations.CHANNEL(channel))
        now = time.monotonic()
        if not there.ok or there.body["state"] != "Up" or await is_holding(self._link, channel):
            heard.sound_due = now
        return now >= heard.sound_due + _VANISHED_S

    def report(self, channel: str) -> None:
        """Take a report on sound (RTCP) of a channel as a sign of life."""
        if (heard := self._channels.get(channel)) is not None:
            self._is_there(channel, heard, time.monotonic())

    def _is_due(self, heard: _Heard, now: float) -> bool:
        limits = self._limits
        waits = heard.asked is not None and now < heard.asked + limits.answer_s + limits.silent_s / _LOOKS
        return not waits and now >= heard.again and now >= heard.at + limits.silent_s

    def _is_there(self, channel: str, heard: _Heard, now: float) -> None:
        heard.at = now
        if heard.asked is not None:
            heard.asked = None
            self._copies.forget(heard.call_id)
            self._silent(channel, False)

    async def _ask(self, channel: str, heard: _Heard) -> None:
        asks = (operations.VARIABLE(channel, variable=name) for name in (_CALL_ID, _CODECS))
        there, call_id, codecs = await self._link.ask(operations.CHANNEL(channel), *asks)
        now = time.monotonic()
        if not (there.ok and call_id.ok and codecs.ok) or there.body["state"] != "Up":
            heard.at = now  # a ringing telephone need not send anything
            return
        heard.asked, heard.again, heard.call_id = now, now + self._limits.again_s, str(call_id.body["value"])
        if self._copies.heard:
            self._silent(channel, True)
        self._copies.expect(heard.call_id, partial(self._answered, channel))
        try:
            await self._refresh(channel, _offer(str(codecs.body["value"])))
        except AmiError as error:
            log.warning("A silent caller could not be asked whether they are there", channel=channel, error=str(error))
            self._answered(channel, True)

    async def renegotiate(self, channel: str) -> None:
        """Send a session refresh and wait for no answer: Asterisk then learns again where sound comes from."""
        (codecs,) = await self._link.ask(operations.VARIABLE(channel, variable=_CODECS))
        if codecs.ok:
            with contextlib.suppress(AmiError):
                await self._refresh(channel, _offer(str(codecs.body["value"])))

    def _answered(self, channel: str, alive: bool) -> None:
        heard = self._channels.get(channel)
        if heard is None or heard.asked is None:
            return
        heard.asked = None
        self._copies.forget(heard.call_id)
        if alive:
            self._silent(channel, False)
            return
        log.info("A silent caller or telephone no longer answers; the channel is hung up", channel=channel)
        self._start(self._hang_up(channel), "hang up")

    def _silent(self, channel: str, silent: bool) -> None:
        """Tell the floor of a caller who is asked whether they are there, or who has answered or gone."""
        call = self._routes.get(channel)
        if silent and isinstance(call, Call) and call.channel == channel:
            self._calls[channel] = call.state.id
        asked = self._calls.get(channel) if silent else self._calls.pop(channel, None)
        if asked is not None:
            self._services.to_floor(CallerSilence(asked, silent))

    async def _hang_up(self, channel: str) -> None:
        """Hang up at once. Asterisk has begun to, but would wait as long again for an answer to its BYE."""
        with contextlib.suppress(LinkLost):
            await self._link.send(operations.HANG_UP(channel, reason_code=_LOST))


def _offer(codecs: str) -> str:
    """Return the codecs that a refresh offers, from Asterisk's own list such as `(alaw|ulaw)`."""
    own = codecs.strip("()").replace("|", ",")
    return f"{own},{_UNUSED_CODEC}"
