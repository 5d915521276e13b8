"""The live events of a line: what changed, kept in a bounded ring for all readers.

While it has readers, the hub looks at the line right after a change, but not again within `TOGETHER_S`, and at least
every `EVERY_S`. It compares that with what it saw before, and appends the differences to the ring. Each reader follows
the ring at their own pace, and nothing waits for a reader: one who falls behind the beginning of the ring is cut, and
gets a snapshot when they come back.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from itertools import islice
from uuid import UUID

import msgspec
import structlog

from wire.live import Alarm, Call, Gone, Operator, Queue, Snapshot

log = structlog.get_logger()

READERS = 32
"""Connections at once."""

RING_EVENTS = 4096
RING_BYTES = 4 * 2**20
"""How much a reader can catch up on."""

EVERY_S = 0.5
"""Between two looks at the line while nothing says that it has changed."""

SETTLES_S = 0.01
"""From a change to the look: an operator's state and their call change one after the other."""

TOGETHER_S = 0.1
"""Least time between two looks because of changes. After the last of them, another one follows in any case: what
belongs to a change and says nothing of it, such as the beginning of a recording, must not wait for `EVERY_S`."""

LINGER_S = 60.0
"""How long the hub goes on after its last reader has left, so that they can resume."""

HEARTBEAT_S = 1.0
"""After this time without an event a reader gets a comment. It says that the line has been looked at since, and is as
it was: while looks fail or hang, none comes."""

BATCH = 100
"""Events that are sent together."""

HEARTBEAT = b": heartbeat\n\n"


class EventHub:
    """The events of one controller. `look` reads the line, `changed` is set when it may have changed."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Snapshot]],
        boot: UUID,
        changed: asyncio.Event,
        *,
        readers: int = READERS,
        ring_events: int = RING_EVENTS,
        ring_bytes: int = RING_BYTES,
        every_s: float = EVERY_S,
        linger_s: float = LINGER_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._look, self._boot, self._changed = look, boot.hex, changed
        self._most_readers, self._ring_events, self._ring_bytes = readers, ring_events, ring_bytes
        self._every_s, self._linger_s, self._heartbeat_s = every_s, linger_s, heartbeat_s
        self._seen: Snapshot | None = None  # as far as it is in the ring; None: nobody reads
        self._first_look = asyncio.Lock()
        self._looked = -math.inf  # when it looked because of a change, on the loop's clock
        self._saw = -math.inf  # when a look last succeeded, on the same clock
        self._looks_again = False  # after the last of them
        self._ring: deque[bytes] = deque()
        self._bytes = 0
        self._seq = 0  # of the last event; it never goes back while the controller lives
        self._readers = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()  # set, and replaced, with each event
        self._closed = False

    @contextlib.contextmanager
    def place(self) -> Iterator[bool]:
        """Take one of the places for readers while the context lasts; False if all are taken."""
        if self._readers >= self._most_readers or self._closed:
            yield False
            return
        self._readers += 1
        try:
            yield True
        finally:
            self._readers -= 1

    def close(self) -> None:
        """End the stream of every reader: the controller is being stopped."""
        self._closed = True
        self._wake()

    async def run(self) -> None:
        """Follow the line while somebody reads. Runs until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wanted.wait()
            until = loop.time() + self._linger_s
            while self._readers or loop.time() < until:
                if self._readers:
                    until = loop.time() + self._linger_s
                await self._pause()
                self._take(await self._look())
                self._saw = loop.time()
            self._forget()

    async def frames(self, last_id: str | None = None) -> AsyncGenerator[bytes]:
        """Yield a snapshot, then what changes, as server-sent events.

        A reader whose `last_id` is still in the ring gets what came after it, and no snapshot. Ends for a reader who
        has fallen behind, and when the hub is closed.
        """
        loop = asyncio.get_running_loop()
        seen, at = await self._begin(), self._resumes_after(last_id)
        if at is None:
            at = self._seq
            yield self._frame(at, "snapshot", seen)
        else:
            yield HEARTBEAT
        while not self._closed:
            news, first = self._news, self._seq - len(self._ring)
            if at < first:
                log.warning("A reader of the control API's events was too slow; their connection is cut")
                return
            if batch := list(islice(self._ring, at - first, at - first + BATCH)):
                at += len(batch)
                yield b"".join(batch)
                continue
            waits_since = loop.time()
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await news.wait()
            except TimeoutError:
                if self._saw > waits_since:
                    yield HEARTBEAT

    async def _begin(self) -> Snapshot:
        """Return what the ring leads up to; where nobody was reading, look and begin to follow."""
        async with self._first_look:  # two readers at once must begin with the same
            if self._seen is None:
                self._seen = await self._look()
                self._saw = asyncio.get_running_loop().time()
                self._wanted.set()
        return self._seen

    async def _pause(self) -> None:
        """Wait until it is time for the next look."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TOGETHER_S if self._looks_again else self._every_s):
                await self._changed.wait()
        except TimeoutError:
            self._looks_again = False
            return
        await asyncio.sleep(max(SETTLES_S, self._looked + TOGETHER_S - loop.time()))
        self._changed.clear()
        self._looked, self._looks_again = loop.time(), True

    def _resumes_after(self, last_id: str | None) -> int | None:
        """Return the sequence number in `last_id` if all that came after it is in the ring."""
        boot, _, text = (last_id or "").rpartition("-")
        if boot != self._boot or not (text.isascii() and text.isdigit() and len(text) < 20):
            return None
        seq = int(text)
        return seq if self._seq - len(self._ring) <= seq <= self._seq else None

    def _take(self, now: Snapshot) -> None:
        """Append how `now` differs from what was seen before."""
        before, last = self._seen, self._seq
        self._seen = now
        if before is None:
            return
        for name, event in _differences(before, now):
            self._seq += 1
            frame = self._frame(self._seq, name, event)
            self._ring.append(frame)
            self._bytes += len(frame)
        while len(self._ring) > self._ring_events or self._bytes > self._ring_bytes:
            self._bytes -= len(self._ring.popleft())
        if self._seq != last:  # else readers wait on, and their heartbeat comes in time
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _forget(self) -> None:
        """Stop following: what changes from now on is missed, so nobody can resume before it."""
        self._wanted.clear()
        self._seen = None
        self._ring.clear()
        self._bytes = 0
        self._seq += 1

    def _frame(self, seq: int, name: str, event: object) -> bytes:
        # JSON has no line breaks of its own: one line of data is enough.
        return f"id: {self._boot}-{seq}\nevent: {name}\ndata: {msgspec.json.encode(event).decode()}\n\n".encode()


def _differences(before: Snapshot, now: Snapshot) -> Iterator[tuple[str, object]]:
    """Yield the events that lead from one to the other, each with its name."""
    if [row.id for row in before.operators] != [row.id for row in now.operators]:  # the list itself is another one
        yield "snapshot", now
        return
    yield from _gone("call_ended", before.calls, now.calls)
    yield from _changed("call", before.calls, now.calls)
    if before.queue != now.queue:
        yield "queue", Queue(queue=now.queue)
    yield from _changed("operator", before.operators, now.operators)
    yield from _gone("alarm_cleared", before.alarms, now.alarms)
    yield from _changed("alarm", before.alarms, now.alarms)


Rows = Sequence[Call | Operator | Alarm]


def _changed(name: str, before: Rows, now: Rows) -> Iterator[tuple[str, object]]:
    former = {row.id: row for row in before}
    return ((name, row) for row in now if (old := former.get(row.id)) is not row and old != row)


def _gone(name: str, before: Rows, now: Rows) -> Iterator[tuple[str, object]]:
    present = {row.id for row in now}
    return ((name, Gone(id=row.id)) for row in before if row.id not in present)
