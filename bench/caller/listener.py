"""Callers on a real line who hear every packet: each clip is found in what arrived, by its bytes.

Asterisk sends the `.alaw` files as they are, so the loudest fifth of a second of a clip identifies it, and tells to the
packet when the clip began.
"""

import asyncio
import contextlib
import time
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench import media, sip
from bench.caller.journeys import HANGS_UP, Act, Clip, Predicted
from bench.callers import Call, Callers, LostCallError
from bench.floor.heard import tone
from prompts import g711, manifest

ALAW_S = 8000
"""Bytes of a second."""
_WINDOW = ALAW_S // 5
_NS = 1_000_000_000
_KEY_S = 0.1
"""From the first packet of a key to its release, which counts."""
_LATE_S = 5.0
"""A clip that is not heard within this after its time is lost."""
_LOOK_S = 0.02
TONE = tone(1000)
"""What these callers send: a tone, so that they have said something in a message."""


@dataclass(slots=True)
class Stream:
    """What one caller was sent, without the gaps between packets."""

    data: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)  # of each packet in `data`
    arrived: list[int] = field(default_factory=list)  # ns of CLOCK_REALTIME

    def add(self, payload: bytes, arrived: int) -> None:
        self.starts.append(len(self.data))
        self.arrived.append(arrived)
        self.data += payload

    def ns_of(self, offset: int) -> float:
        """Return when the byte at `offset` was played, in ns."""
        packet = bisect_right(self.starts, offset) - 1
        return self.arrived[packet] + (offset - self.starts[packet]) * _NS / ALAW_S


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip of the prediction, and when it began on the line, in seconds from the answer; None: it was not heard."""

    clip: Clip
    at: float | None

    @property
    def off_s(self) -> float | None:
        return None if self.at is None else self.at - self.clip.at


@dataclass(frozen=True, slots=True)
class Made:
    """A call on the line. `ended_at`: when the line hung up; None: the caller did, or the call was lost."""

    predicted: Predicted
    heard: tuple[Heard, ...]
    ended_at: float | None
    lost: str = ""

    @property
    def worst_s(self) -> float | None:
        """The largest difference between line and prediction in seconds; None if something was not heard."""
        offs = [item.off_s for item in self.heard]
        if self.predicted.ends_at is not None:
            offs.append(None if self.ended_at is None else self.ended_at - self.predicted.ends_at)
        known = [abs(off) for off in offs if off is not None]
        return max(known) if len(known) == len(offs) and known else None


class Listeners(Callers):
    """Callers at `address` who make predicted calls to the Asterisk at `server`. `sounds`: the folder of its audio."""

    def __init__(self, address: str, server: tuple[str, int], sounds: Path) -> None:
        super().__init__(address, server, frozenset(), frozenset())
        self.patience_s = 10.0
        self._sounds = sounds
        self._streams: dict[int, Stream] = defaultdict(Stream)  # by Asterisk's port

    async def make(self, predicted: Predicted) -> Made:
        """Make a call from beginning to end."""
        call = self.invite(predicted.dialled, predicted.caller)
        try:
            answered = await self.established(call)
        except LostCallError as error:
            self.forget(call)
            return Made(predicted, tuple(Heard(clip, None) for clip in predicted.clips), None, str(error))
        listening = _Listening(self, call, predicted, self._streams[call.port], answered, self._sounds)
        try:
            return await listening.run()
        finally:
            with contextlib.suppress(LostCallError):
                await self.hang_up(call)
            self.forget(call)
            self._streams.pop(call.port, None)

    def stream(self, call: Call) -> Stream:
        """Return what a call has been sent so far."""
        return self._streams[call.port]

    def say(self, call: Call) -> None:
        """Send 20 ms of the tone."""
        self._rtp.send(call.voice.sound(TONE), (self._server[0], call.port))

    def _on_rtp(self, data: bytes, sender: tuple[str, int], arrived: int) -> None:
        if data[1] & 0x7F == sip.ALAW:
            self._streams[sender[1]].add(data[12:], arrived)


class _Listening:
    """One call."""

    def __init__(
        self, callers: Listeners, call: Call, predicted: Predicted, stream: Stream, answered: int, sounds: Path
    ) -> None:
        self._callers, self._call, self._predicted, self._stream = callers, call, predicted, stream
        self._answered, self._sounds = answered, sounds
        self._from = 0  # where the next clip is looked for
        self._heard: list[Heard] = []
        self._ended_at: float | None = None
        self._keying = False

    async def run(self) -> Made:
        acts = list(self._predicted.acts)
        speaks = asyncio.ensure_future(self._speak())
        ends = asyncio.ensure_future(self._note_end())
        lost = ""
        try:
            for clip in self._predicted.clips:
                while acts and acts[0].at <= clip.at:
                    await self._do(acts.pop(0))
                await self._hear(clip)
            for act in acts:
                await self._do(act)
            if self._predicted.ends_at is not None:
                wait_s = self._predicted.ends_at + self._shift - self._now() + _LATE_S
                await asyncio.wait([ends], timeout=max(0.0, wait_s))
        except LostCallError as error:
            lost = str(error)
        finally:
            speaks.cancel()
            ends.cancel()
            await asyncio.gather(speaks, ends, return_exceptions=True)
        return Made(self._predicted, tuple(self._heard), self._ended_at, lost)

    @property
    def _shift(self) -> float:
        """By how much the line is behind the prediction now, in seconds."""
        return next((heard.off_s for heard in reversed(self._heard) if heard.off_s is not None), 0.0)

    def _now(self) -> float:
        return (time.time_ns() - self._answered) / _NS

    async def _hear(self, clip: Clip) -> None:
        """Wait until a clip has been heard; it counts as lost if it does not come."""
        window, place = self._window(clip)
        while (found := self._stream.data.find(window, self._from)) < 0:
            if self._now() > clip.until + self._shift + _LATE_S or self._call.ended.done():
                self._heard.append(Heard(clip, None))
                return
            await asyncio.sleep(_LOOK_S)
        self._from = found + len(window)
        at = (self._stream.ns_of(found) - self._answered) / _NS - place / ALAW_S
        self._heard.append(Heard(clip, at))

    def _window(self, clip: Clip) -> tuple[bytes, int]:
        """Return the loudest part of what is heard of a clip, and its place in the clip, in bytes."""
        path = next(path for path in manifest.paths(self._sounds, clip.file) if path.suffix == ".alaw")
        content = path.read_bytes()[: max(1, int((clip.until - clip.at - 0.05) * ALAW_S))]
        power = np.cumsum(np.concatenate(([0.0], np.asarray(g711.from_alaw(content), dtype=np.float64) ** 2)))
        size = min(_WINDOW, len(content))
        place = int(np.argmax(power[size:] - power[:-size]))
        return content[place : place + size], place

    async def _do(self, act: Act) -> None:
        """Press a key, or hang up, at its time after the last clip that was heard."""
        released = act.at + self._shift - (0 if act.key == HANGS_UP else _KEY_S)
        await asyncio.sleep(max(0.0, released - self._now()))
        if self._call.ended.done():
            raise LostCallError(f"the line hung up before {act.key} at {act.at:.1f} s")
        if act.key == HANGS_UP:
            await self._callers.hang_up(self._call)
            return
        self._keying = True
        try:
            await self._callers.press(self._call, act.key)
        finally:
            self._keying = False

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if not self._keying:
                self._callers.say(self._call)
            due = max(due + media.PACE, loop.time() - 1)
            await asyncio.sleep(due - loop.time())

    async def _note_end(self) -> None:
        await asyncio.shield(self._call.ended)  # cancelling this must not cancel the call
        self._ended_at = self._now()
