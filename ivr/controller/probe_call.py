"""Calls of the line to itself, one a minute: through Asterisk's dialplan, the application, the flow and its audio.

One of the site's numbers is dialled on a `Local` channel. Its far half enters the dialplan as a carrier's call does;
the near half is ours, and hangs up as soon as the line has answered and is heard. No carrier's call comes on a `Local`
channel, so a call on one is a test and is recorded as one (`db.tables.Call.live`); so are those of people who try the
line.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from uuid import uuid4

import structlog

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import Channel, Event
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.call.connection import Connection
from ivr.call.inbox import Inbox
from ivr.call.services import Services
from ivr.model.call_state import CallState, StateError, decode
from ivr.model.endpoints import try_telephone_of

log = structlog.get_logger()

ENTRY = "probe"
"""The first argument with which our half enters the application."""

FIRST_AFTER_S = 2.0
ANSWER_S = 10.0
"""A line that has not answered by then counts as dead: a caller would have given up, or their carrier."""

HEARD_S = 5.0
"""A line of which nothing is heard by then, after its answer, has lost its prompts."""

_LOOK_S = 0.1

_LOCAL = "Local/"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one call.

    Attributes:
        at: POSIX seconds.
        answered_s: Seconds from dialling to the answer; None if there was none.
        fault: Why there was no answer, or no sound.
    """

    at: float
    number: str
    answered_s: float | None
    fault: str | None = None


def is_probe(channel: Channel) -> bool:
    """Return whether a call is the line's to itself: carriers' calls and telephones have other kinds of channels."""
    return channel.name.startswith(_LOCAL)


def is_test(channel: Channel) -> bool:
    """Return whether a call is not a caller's: the line's to itself, or of somebody who tries the line."""
    return is_probe(channel) or try_telephone_of(channel.name) is not None


def left_over(channels: Iterable[Channel]) -> list[Request]:
    """Return the requests that hang up an earlier controller's probe calls; the far half ends with our half."""
    return [operations.HANG_UP(channel.id) for channel in channels if leg_dialing.arguments(channel)[:1] == (ENTRY,)]


def attach(connection: Connection, report: Callable[[Result], None]) -> None:
    """Have the line call itself until the connection ends, if the site wants that."""
    services = connection.services
    if services.site.probe_s:
        numbers = [number.number for number in services.site.number]
        connection.start(Probe(services, report).run(numbers, services.site.probe_s), "probe")


class Probe:
    """Calls the numbers in turn until cancelled, and reports each result."""

    def __init__(self, services: Services, report: Callable[[Result], None]) -> None:
        self._services, self._link, self._report = services, services.link, report
        self._inbox: Inbox[Event | int] = Inbox()

    def deliver(self, item: Event, /) -> None:
        """Take an event of our half."""
        self._inbox.put(item)

    async def run(self, numbers: Sequence[str], every_s: float) -> None:
        """Call one number after the other, every `every_s` seconds, until cancelled or the connection ends."""
        with contextlib.suppress(LinkLost):
            await self._calls(numbers, every_s)

    async def _calls(self, numbers: Sequence[str], every_s: float) -> None:
        await asyncio.sleep(min(FIRST_AFTER_S, every_s))
        for number in cycle(numbers):
            result = await self._call(number)
            if result.fault is not None:
                log.error("The line does not serve its own call", number=number, fault=result.fault)
            self._report(result)
            await asyncio.sleep(every_s)

    async def _call(self, number: str) -> Result:
        channel, began = f"hatif-probe-{uuid4()}", time.monotonic()
        self._inbox.take_all()
        self._services.route(channel, self)
        try:
            await self._link.send(
                operations.CREATE(
                    endpoint=f"{_LOCAL}{number}@hatif-carrier/n", app="hatif", appArgs=ENTRY, channelId=channel
                ),
                refused=self._refused,
            )
            fault = await self._answered(channel)
            answered_s = None if fault is not None else round(time.monotonic() - began, 3)
            fault = fault or await self._heard(channel)
        finally:
            self._services.unroute(channel)
            await self._link.send(operations.HANG_UP(channel))
        return Result(time.time(), number, answered_s, fault)

    async def _answered(self, channel: str) -> str | None:
        """Wait for the answer. Returns why there was none."""
        until = asyncio.get_running_loop().time() + ANSWER_S
        while True:
            match await self._inbox.get(until):
                case None:
                    return f"no answer within {ANSWER_S:.0f} s"
                case int(status):
                    return f"Asterisk refused the call (status {status})"
                case events.StasisStart():
                    await self._link.send(operations.DIAL(channel, timeout=f"{ANSWER_S:.0f}"), refused=self._refused)
                case events.ChannelStateChange(channel=events.ChannelState(state="Up")):
                    return None
                case events.ChannelDestroyed() | events.StasisEnd():
                    return "hung up without an answer"

    async def _heard(self, channel: str) -> str | None:
        """Wait until Asterisk plays a prompt to the other half. Returns why it does not."""
        loop = asyncio.get_running_loop()
        until = loop.time() + HEARD_S
        while loop.time() < until:
            if await self._plays(f"{channel};2"):
                return None
            match await self._inbox.get(loop.time() + _LOOK_S):
                case events.ChannelDestroyed() | events.StasisEnd():
                    return "answered, and hung up before a prompt was heard"
        return f"answered, but no prompt was heard within {HEARD_S:.0f} s"

    async def _plays(self, line: str) -> bool:
        (there,) = await self._link.ask(operations.CHANNEL(line))
        try:
            state = decode(there.body["channelvars"]["HATIF"]) if there.ok else None
        except (KeyError, StateError):
            return False  # the call has not begun
        if not isinstance(state, CallState) or state.playback is None:
            return False
        (playback,) = await self._link.ask(operations.PLAYBACK(state.playback))
        # Without any audio, the call plays a tone and goes to the dialplan.
        return bool(
            playback.ok
            and playback.body["state"] == "playing"
            and str(playback.body.get("media_uri", "")).startswith("sound:")
        )

    def _refused(self, _: Request, status: int) -> None:
        self._inbox.put(status)
