"""The load generator, in its own process: reads one block of calls as JSON, prints its measurements as JSON.

Times are taken before a packet is sent, and by the kernel when Asterisk's packet arrives, so the speed at which this
program reads does not count. RTP is sent only where needed: before and during a key press.
"""

import asyncio
import contextlib
import gc
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
import uvloop

from bench.callers import AUDIO_FIRST, PATIENCE, Call, Callers, LostCallError, in_time
from bench.media import PACE, frames, only_next
from bench.phones import Phones
from bench.sip import Account

SETTLES = 0.5  # s for the operators' last calls to end
NO_MORE = "no ring within the block's time"
REGISTER_S = 200.0  # the interval at which telephones register again; Asterisk forgets them after 600
HEARD_S = 3.0  # the interval at which telephones send a packet; Asterisk gives up silent ones after 10
HELD = 5 * PACE  # s that a key is held, as Voice.key does


@dataclass(frozen=True, slots=True)
class MenuBlock:
    """Calls that hear a menu, press one key and hear the next prompt."""

    number: str
    address: str  # the callers': Asterisk knows the carrier by it
    server: tuple[str, int]
    first: tuple[str, ...]  # .alaw files of the menu's prompt
    following: tuple[str, ...]  # and of the prompt that the key leads to
    calls: int
    rate: float  # calls/s
    listens: float  # s from the answer to the release of the key
    key: str = "1"


@dataclass(frozen=True, slots=True)
class RingBlock:
    """Callers who wait all the time; operators answer, talk, hang up, and are rung again."""

    number: str
    address: str
    server: tuple[str, int]
    phones_address: str
    phones_port: int
    accounts: tuple[tuple[str, str], ...]  # user, password; an empty password: a static contact, no registration
    rings: int  # the number of measured rings
    waiting: int  # callers kept waiting
    talk: tuple[float, float]  # s, shortest and longest
    keys: str = ""  # the keys that lead a caller from the menu to the queue
    seconds: float = 120.0  # after this the block ends with the results so far


@dataclass(slots=True)
class Measured:
    """The results of a block. Times in ms; `lost`: counts by sentence."""

    answer_ms: list[float] = field(default_factory=list)
    key_ms: list[float] = field(default_factory=list)
    ring_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)  # delay of each call's start, caused by the generator itself
    lost: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    load_cpu_s: float = 0.0

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Run one call; a lost call is counted and does not end the block."""
        try:
            yield
        except (LostCallError, ValueError) as lost:
            self.lose(str(lost))

    def lose(self, why: str, times: int = 1) -> None:
        self.lost[why] = self.lost.get(why, 0) + times

    def add(self, block: "Measured") -> None:
        """Add another block's figures."""
        self.answer_ms += block.answer_ms
        self.key_ms += block.key_ms
        self.ring_ms += block.ring_ms
        self.late_ms += block.late_ms
        self.seconds += block.seconds
        self.load_cpu_s += block.load_cpu_s
        for why, times in block.lost.items():
            self.lose(why, times)


async def menu(block: MenuBlock) -> Measured:
    first, following = [Path(name) for name in block.first], [Path(name) for name in block.following]
    callers = Callers(block.address, block.server, frames(first), only_next(first, following))
    measured = Measured()
    dice = random.Random(1)

    async def one() -> None:
        with measured.counting():
            call, answer_ns = await callers.dial(block.number)
            try:
                measured.answer_ms.append(answer_ns / 1e6)
                # A release at any moment of Asterisk's 20 ms, not always at the same one.
                await asyncio.sleep(block.listens - AUDIO_FIRST * PACE - HELD + dice.uniform(0, PACE))
                await callers.be_heard(call)
                measured.key_ms.append(await _key(callers, call, block.key))
                await asyncio.sleep(3 * PACE)
            finally:
                await callers.hang_up(call)
                callers.forget(call)

    loop = asyncio.get_running_loop()
    start = loop.time() + 0.1
    async with asyncio.TaskGroup() as calls:
        for n in range(block.calls):
            await asyncio.sleep(start + n / block.rate - loop.time())
            measured.late_ms.append(max(0.0, loop.time() - start - n / block.rate) * 1000)
            calls.create_task(one())
    callers.close()
    return measured


async def _key(callers: Callers, call: Call, key: str) -> float:
    """Return the ms from the release of the key to the first packet of the next prompt."""
    if call.next_sound.done():
        raise LostCallError("the next prompt came before the key")
    released = await callers.press(call, key)
    arrived = await in_time(call.next_sound, f"no next prompt after the key {key}")
    if not call.heard_first:
        raise LostCallError("the menu's own prompt was not heard")
    if arrived < released:
        raise LostCallError("the next prompt came before the key was released")
    return (arrived - released) / 1e6


async def ring(block: RingBlock) -> Measured:
    callers = Callers(block.address, block.server, frozenset(), frozenset())
    phones = Phones(block.phones_address, block.phones_port, block.server, block.talk, block.rings)
    measured = Measured()
    accounts = [Account(user, password) for user, password in block.accounts]
    up: list[Call] = []
    over = False

    async def one() -> None:
        with measured.counting():
            call, _ = await callers.dial(block.number)
            if over:
                await callers.hang_up(call)
                return
            up.append(call)
            try:
                for key in block.keys:
                    await callers.be_heard(call)
                    await callers.press(call, key)
                await in_time(call.ended, "still waiting at the end of the block", block.seconds + PATIENCE)
            finally:
                up.remove(call)
                callers.forget(call)

    await phones.register(accounts)
    async with asyncio.TaskGroup() as calls:

        def replace_caller() -> None:
            if not over:
                calls.create_task(one())

        phones.connected = replace_caller
        for _ in range(block.waiting):
            calls.create_task(one())
            await asyncio.sleep(PACE)
        loop = asyncio.get_running_loop()
        until, next_registration = loop.time() + block.seconds, loop.time() + REGISTER_S
        while (left := until - loop.time()) > 0 and not phones.enough.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(phones.enough.wait(), min(left, HEARD_S))
            phones.be_heard()
            if loop.time() > next_registration and not phones.enough.is_set():
                await phones.register(accounts)
                next_registration += REGISTER_S
        # Callers hang up first: an operator who refuses or misses a call would be put on pause.
        over = True
        for call in list(up):
            await callers.hang_up(call)
        await asyncio.sleep(SETTLES)
    await phones.register(accounts, seconds=0)
    measured.ring_ms = [ns / 1e6 for ns in phones.rings[: block.rings]]
    if phones.twice:
        measured.lose("an operator was rung while in a call", phones.twice)
    if missing := block.rings - len(measured.ring_ms):
        measured.lose(NO_MORE, missing)
    phones.close()
    callers.close()
    return measured


def main() -> None:
    given = orjson.loads(sys.stdin.buffer.read())
    kind = given.pop("kind")
    for name in ("server", "talk"):
        if name in given:
            given[name] = tuple(given[name])
    gc.collect()
    gc.freeze()
    gc.disable()  # a block is short
    started, cpu = time.monotonic(), time.process_time()
    try:
        measured = uvloop.run(menu(MenuBlock(**given)) if kind == "menu" else ring(RingBlock(**given)))
    except (LostCallError, ValueError, OSError) as error:
        raise SystemExit(str(error)) from None
    measured.seconds, measured.load_cpu_s = time.monotonic() - started, time.process_time() - cpu
    sys.stdout.buffer.write(orjson.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
