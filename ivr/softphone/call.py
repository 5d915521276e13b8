"""One call of a test telephone: its state, its keys and its sound."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine
from dataclasses import dataclass

import baresip
from baresip import Event, StackEvent
from baresip.errors import StaleHandleError, split_status

from ivr.softphone.recording import HalfRateStream, Sound
from ivr.softphone.sound import RATE, Match, Samples, find, tone, tone_share

KEY_DELAY_S = 0.15
"""An exchange learns the source of a call's sound from its first packet; a key before that is lost."""

_LOOK_S = 0.1  # between two looks for a prompt or a tone


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended.

    `status` is the SIP status of a refusal, 200 for a call that was answered, and None if there was no answer (`reason`
    then has the stack's text). `by_us` says that this telephone hung up; `cause` is the Q.850 cause that the other side
    gave.
    """

    status: int | None
    reason: str
    by_us: bool
    cause: int | None = None


class CallEndedError(Exception):
    """The call is over, so that the operation is not possible; `end` says how it ended."""

    def __init__(self, end: End) -> None:
        super().__init__(f"the call has ended: {end.status or 'no status'} {end.reason}")
        self.end = end


class Call:
    """A call, made or received. Times (`began`, `answered`, `over`) are of the monotonic clock, None until then."""

    def __init__(self, native: baresip.Call, *, incoming: bool, peer: str, wide: bool = False) -> None:
        self.peer = peer
        """The number that we dialled, or the address in the incoming call's `From`."""
        self.incoming = incoming
        self.began = time.monotonic()
        self.ringing: float | None = self.began if incoming else None
        self.answered: float | None = None
        self.over: float | None = None
        self.end: End | None = None
        self.keys = ""
        """The keys that the other side has pressed so far."""
        self._native = native
        self._sound = Sound(HalfRateStream(native.audio) if wide else native.audio)
        self._hung_up = False
        self._refusal: int | None = None
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Call {'from' if self.incoming else 'to'} {self.peer}: {self.state}>"

    @property
    def state(self) -> str:
        """`"ringing"`, `"talking"` or `"ended"`."""
        return "ended" if self.end else "talking" if self.answered is not None else "ringing"

    @property
    def status(self) -> int | None:
        """200 once answered, a refusal's SIP status, None as long as nothing is known."""
        return 200 if self.answered is not None else self.end.status if self.end else None

    async def established(self, timeout_s: float = 10.0) -> None:
        """Until the call is answered. CallEndedError if it ends before; TimeoutError if nothing happens."""
        await _within(self._settled.wait(), timeout_s, "was not answered")
        if self.answered is None and self.end is not None:
            raise CallEndedError(self.end)

    async def ended(self, timeout_s: float = 10.0) -> End:
        """Wait until the call is over. Raises TimeoutError if it is not in time."""
        await _within(self._ended.wait(), timeout_s, "did not end")
        assert self.end is not None
        return self.end

    async def answer(self) -> None:
        """Answer a call that rings here. No effect if it has stopped ringing."""
        # "With video" adds no video if none is offered; without it the stack renegotiates every call at once.
        with contextlib.suppress(StaleHandleError):
            await self._native.answer(video=True)

    async def hangup(self) -> None:
        """End the call, in any state; to refuse a ringing one with a status use `Operator.refuse`."""
        if self.end is None:
            self._hung_up = True
            with contextlib.suppress(StaleHandleError):
                await self._native.hangup()

    async def press(self, keys: str, apart_s: float = 0.12) -> None:
        """Press and release each of `keys` (`0-9 A-D * #`), 100 ms each and `apart_s` apart, as RTP events (RFC 4733).

        Returns when the last is released. A cancelled press releases its key first: a key that is held counts when the
        next is pressed. Raises ValueError for other characters, CallEndedError if the call ends before.
        """
        await self.established()
        assert self.answered is not None
        await asyncio.sleep(max(0.0, self.answered + KEY_DELAY_S - time.monotonic()))
        try:
            for place, key in enumerate(keys):
                if place:
                    await asyncio.sleep(apart_s)
                await _completed(self._native.send_dtmf(key))
        except StaleHandleError:
            raise CallEndedError(await self.ended()) from None

    async def hold(self) -> None:
        """Put the other side on hold, as a telephone's key does: a re-INVITE."""
        await self._native.hold()

    async def resume(self) -> None:
        """Take the other side off hold."""
        await self._native.resume()

    async def transfer(self, uri: str) -> None:
        """Ask the exchange to connect its side with `uri` instead (REFER). Raises TransferFailed if it refuses."""
        await self._native.transfer(uri)

    async def transfer_to(self, consulted: "Call") -> None:
        """Ask the exchange to connect its side with that of another call of this telephone (REFER with Replaces)."""
        await self._native.attended_transfer(consulted._native)  # noqa: SLF001 - another object of this class

    def tone(self, frequency_hz: float) -> None:
        """Send a tone from now on. Use one above 1,000 Hz: below that, waiting music can look like a tone."""
        self._sound.speaker.play(tone(round(frequency_hz), 1.0), again=True)

    def play(self, samples: Samples) -> None:
        """Send `samples` once from now on, then silence."""
        self._sound.speaker.play(samples, again=False)

    def silence(self) -> None:
        """Send silence from now on; packets go on."""
        self._sound.speaker.play(tone(0, 0.0), again=False)

    @property
    def clock(self) -> float:
        """Seconds since the answer (or the first sound before it), until now or the end of the call."""
        return self._sound.recording.clock(time.monotonic())

    def heard(self, since_s: float | None = None, until_s: float | None = None) -> Samples:
        """Return what was received from `since_s` of `clock` on (None: the beginning), zeros where nothing arrived."""
        return self._sound.recording.heard(since_s or 0.0, until_s, time.monotonic())

    async def hears(self, reference: Samples, timeout_s: float = 10.0, since_s: float = 0.0) -> Match:
        """Wait until the whole `reference` has been heard after `since_s`; the offset is on `clock`.

        Raises TimeoutError, with the best score, if it is not heard in time or before the call's end.
        """
        best = Match(0.0, 0.0)
        # A long reference may have stalled, and is longer then.
        before_s = len(reference) / RATE + (1.0 if len(reference) >= 2 * RATE else 0.3)
        async for heard, start_s in self._looks(timeout_s, since_s, before_s):
            match = find(heard, reference)
            match = Match(match.offset_s + start_s, match.score)
            if match.same:
                return match
            best = max(best, match, key=lambda found: found.score)
        raise TimeoutError(
            f"the prompt was not heard; best score {best.score:.2f} at {best.offset_s:.1f} s{self._over}"
        )

    async def hears_tone(self, frequency_hz: float, timeout_s: float = 10.0, share: float = 0.5) -> float:
        """Wait until half a second of a tone has been heard from now on; return its share of the energy.

        Raises TimeoutError if it is not heard in time or before the call's end.
        """
        best = 0.0
        async for heard, _ in self._looks(timeout_s, self.clock, 0.5):
            if len(heard) >= RATE // 2:
                best = max(best, tone_share(heard[-RATE // 2 :], frequency_hz))
            if best >= share:
                return best
        raise TimeoutError(
            f"the tone of {frequency_hz:g} Hz was not heard; at most {best:.2f} of the energy{self._over}"
        )

    @property
    def _over(self) -> str:
        """Return how the call has ended, for an error."""
        return "" if self.end is None else f"; the call has ended ({self.end.reason})"

    async def _looks(self, timeout_s: float, since_s: float, length_s: float) -> AsyncIterator[tuple[Samples, float]]:
        """Yield what was heard since `since_s`, then again what is new with `length_s` before it, and its start."""
        deadline = time.monotonic() + timeout_s
        start_s = since_s
        while True:
            is_last = self._ended.is_set() or time.monotonic() >= deadline
            until_s = self.clock
            yield self.heard(start_s, until_s), start_s
            if is_last:
                return
            start_s = max(since_s, until_s - length_s)
            await asyncio.sleep(_LOOK_S)

    # For `telephone`.

    @property
    def sound(self) -> Sound:
        return self._sound

    @property
    def handle(self) -> int:
        return int(self._native.handle)

    async def refuse(self, status: int) -> None:
        self._hung_up, self._refusal = True, status
        with contextlib.suppress(StaleHandleError):
            await self._native.reject()

    def handle_event(self, event: StackEvent) -> None:
        """Handle an event of the stack about this call."""
        now = time.monotonic()
        match event.event:
            case Event.CALL_RINGING if self.ringing is None:
                self.ringing = now
            case Event.CALL_ESTABLISHED if self.answered is None:
                self.answered = now
                self._sound.recording.begin(now)
                self._settled.set()
            case Event.CALL_DTMF_START if event.text:
                self.keys += event.text
            case Event.CALL_CLOSED if self.end is None:
                self.over = now
                self.end = self._how_ended(event.text or "")
                self._sound.recording.finish(now)
                self._settled.set()
                self._ended.set()

    def _how_ended(self, text: str) -> End:
        text, _, more = text.partition(",Q.850;cause=")
        status, reason = split_status(text)
        if self.answered is not None:
            status = 200
        elif self._hung_up or self.incoming:
            status = self._refusal
        if self._hung_up:
            reason = "hung up here" if self._refusal is None else "refused here"
        elif text.startswith("Connection reset by peer"):  # the stack's text for BYE and CANCEL
            reason = "hung up by the other side"
        return End(status, reason, self._hung_up, int(more) if more.isdigit() else None)


async def _completed(work: Coroutine[object, object, None]) -> None:
    """Await `work` to its end even if this is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(StaleHandleError):
            await task
        raise


async def _within(event: Awaitable[object], timeout_s: float, what: str) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event
    except TimeoutError:
        raise TimeoutError(f"the call {what} within {timeout_s:g} s") from None
