"""Callers: they choose their language, ask for an operator, wait or give up, talk, and hang up."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import media
from bench.callers import Call, Callers, LostCallError
from bench.floor.heard import Meter
from bench.floor.line import CARRIER, NUMBER
from bench.floor.phones import TONE, Fleet
from bench.floor.story import Story
from bench.queue_day import Planned
from bench.reference_case import LANGUAGES

ANSWER_S = 20.0  # without a controller the dialplan answers, after a while
HEARD_S = 1.0  # between two packets of a caller
AGREES_S = 1.5  # after the question began: keys pressed before it are not an answer
TONE_S = 1.0  # until the tone is over
GIVES_UP = 0.12  # the share of waiting callers who give up
COMPLAIN = "55"  # the key of the main menu; the second one cuts the instructions short
FIRST = "+3361"


def number_of(call: int) -> str:
    return f"{FIRST}{call:07}"


class Measured(Callers):
    """Callers of whom each has a meter of what they hear. Times of meters are ns of CLOCK_REALTIME."""

    def __init__(self, server: tuple[str, int], fleet: Fleet, story: Story) -> None:
        super().__init__(CARRIER, server, frozenset(), frozenset())
        self.patience_s = ANSWER_S
        self.meters: dict[str, Meter] = {}  # by number, of answered callers
        self.up: dict[str, Call] = {}
        self._fleet, self._story = fleet, story
        self._heard: dict[int, Meter] = {}  # by Asterisk's port
        self._cut: set[str] = set()  # callers whose call ended when Asterisk was killed

    @asynccontextmanager
    async def measured(self, number: str, call: Call, meter: Meter) -> AsyncIterator[None]:
        """Measure what the caller hears, from the answer until the call is over."""
        self.up[number] = call
        self.meters[number] = self._heard[call.port] = meter
        try:
            yield
        finally:
            meter.end(time.time_ns())
            self._heard.pop(call.port, None)
            self.up.pop(number, None)
            self.forget(call)

    async def leave(self, number: str) -> None:
        """Hang the caller up."""
        if (call := self.up.get(number)) is not None:
            self.meters[number].end(time.time_ns())
            try:
                await self.hang_up(call)
            except LostCallError as lost:
                self._story.fault(f"{number} hung up: {lost}")
                if not call.ended.done():
                    call.ended.set_result(None)

    def cut_off(self) -> None:
        """Mark all calls as cut off: Asterisk was killed, and no call ends with a BYE."""
        for number, call in self.up.items():
            self._cut.add(number)
            self.meters[number].end(time.time_ns())
            if not call.ended.done():
                call.ended.set_result(None)
        self._fleet.cut_off()

    def speak(self, number: str, call: Call) -> None:
        """Send 20 ms of a tone, as a caller who speaks and expects to hear nothing."""
        self._rtp.send(call.voice.sound(TONE), (self._server[0], call.port))
        self.meters[number].speaks(time.time_ns())

    def _on_rtp(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        meter = self._heard.get(sender[1])
        if meter is not None and data[1] & 0x7F == 8:
            meter.packet(data[12:], arrived)


class Crowd(Measured):
    """All callers of a day."""

    def __init__(
        self,
        server: tuple[str, int],
        fleet: Fleet,
        story: Story,
        draw: random.Random,
        messages: float = 0.0,
        recorded: bool = False,
    ) -> None:
        """`messages`: the share of callers who leave one; `recorded`: callers are asked for consent, and give it."""
        super().__init__(server, fleet, story)
        self._draw = draw
        self._connected: set[str] = set()
        self._finished: dict[str, float] = {}  # by number: when the caller's operator hung up
        self._closing = False
        self._messages, self._recorded = messages, recorded

    def connected(self, number: str) -> None:
        """Note that an operator has answered the caller."""
        self._connected.add(number)
        self._finished.pop(number, None)

    def finished(self, number: str) -> None:
        """Note that the caller's operator has hung up."""
        self._finished[number] = time.monotonic()

    async def everybody_leaves(self) -> None:
        self._closing = True
        await asyncio.gather(*(self.leave(number) for number in list(self.up)))

    async def one(self, number: str, planned: Planned) -> None:
        """Run a call from its beginning to its end."""
        self._story.dialled += 1
        try:
            call, _ = await self.dial(NUMBER, number)
        except (LostCallError, ValueError) as lost:
            self._story.fault(f"{number} called and was not answered: {lost}")
            return
        self._story.answered += 1
        async with self.measured(number, call, Meter(time.time_ns())):
            ends = await self._call(number, call, planned)
            if number in self._cut:
                ends = "cut off when Asterisk was killed"
            self._story.callers[ends] += 1

    async def _call(self, number: str, call: Call, planned: Planned) -> str:
        draw = self._draw
        await self.be_heard(call)
        await asyncio.sleep(draw.uniform(0.5, 3.0))
        await self.press(call, str(LANGUAGES.index(planned.language) + 1))
        await asyncio.sleep(draw.uniform(0.3, 2.0))
        if draw.random() < self._messages:
            return await self._message(number, call)
        await self.press(call, "0")
        if self._recorded:
            await asyncio.sleep(AGREES_S)
            await self.press(call, "1")
        asked = time.monotonic()
        patience = draw.uniform(2.0, 40.0) if draw.random() < GIVES_UP else None
        stays = draw.uniform(1.0, 25.0)  # after the operator has hung up: a question is asked then
        while not call.ended.done():
            await asyncio.wait([call.ended], timeout=HEARD_S)
            if call.ended.done():
                break
            if self._closing:  # answered when all others had hung up
                await self.leave(number)
                break
            self.be_heard_once(call)
            now = time.monotonic()
            if patience is not None and number not in self._connected and now - asked > patience:
                await self.leave(number)
                return "gave up"
            finished = self._finished.get(number)
            if finished is not None and now - finished > stays:
                if not any(leg.about == number for leg in self._fleet.legs()):
                    await self.leave(number)
                    return "hung up after the operator"
                self._finished.pop(number)
        if self.meters[number].over or self._closing or number in self._cut:
            return "hung up"
        if number not in self._connected:
            self._story.fault(f"{number} was hung up on before an operator answered")
            return "hung up on before an operator answered"
        if number not in self._finished:
            self._story.fault(f"{number} was hung up on though the operator had not hung up")
            return "hung up on during the conversation"
        return "heard the end"

    async def _message(self, number: str, call: Call) -> str:
        """Choose to complain, speak after the tone, then send the message, or hang up as many callers do."""
        draw = self._draw
        for key in COMPLAIN:
            await self.press(call, key)
            await asyncio.sleep(draw.uniform(0.4, 1.0))
        await asyncio.sleep(TONE_S)
        until = time.monotonic() + draw.uniform(3.0, 8.0)
        while time.monotonic() < until and not call.ended.done():
            self.speak(number, call)
            await asyncio.sleep(media.PACE)
        if draw.random() < 0.7:
            await self.press(call, "#")
            await asyncio.sleep(draw.uniform(1.0, 2.0))
            await self.press(call, "1")
            await asyncio.wait([call.ended], timeout=draw.uniform(2.0, 12.0))
        await self.leave(number)
        return "left a message"
