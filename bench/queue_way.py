"""One way of answering, driven in real time: the day's callers and the operators' telephones, in one loop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.beside import beside
from bench.blocks import cpu_s
from bench.callers import Call, Callers, LostCallError
from bench.phones import Happens, Phones, Ring
from bench.queue_day import Case, Planned, is_counted
from bench.queue_story import Story
from bench.sip import Account

CALLERS, PHONES = "127.0.0.2", "127.0.0.5"  # addresses: by the first Asterisk knows the carrier
REGISTER_S = 60.0  # between two REGISTERs of a telephone
HEARD_S = 5.0  # between two packets of silence of callers and telephones: Asterisk gives up silent ones after 120 s
SERVED_S = 600.0  # the time that callers still waiting at the end get
SETTLES_S = 1.0
FIRST = "+3361"
"""Callers' numbers are this and seven digits: a telephone recognises the caller by the number."""


@dataclass(slots=True)
class Way:
    """`server`: the Asterisk's SIP address. `numbers`: what callers of each language dial. `processes`: those whose
    processor time counts, name to pid. `cpu_s`: from the end of the warm-up to the last counted answer."""

    name: str
    server: tuple[str, int]
    accounts: tuple[Account, ...]
    numbers: Mapping[str, str]
    processes: dict[str, int]
    story: Story = field(default_factory=Story)
    cpu_s: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0  # the length of that time
    registers_lost: list[str] = field(default_factory=list)  # failed REGISTERs of registered telephones
    late_ms: list[float] = field(default_factory=list)  # delay of each call's start, caused by the generator itself


async def run(way: Way, case: Case, calls: Sequence[Planned], progress: Callable[[int], None]) -> None:
    """Run the whole day; `progress` gets the number of calls that have been answered or lost.

    Raises LostCallError if a telephone cannot register.
    """
    story, over = way.story, False
    callers = Callers(CALLERS, way.server, frozenset(), frozenset())
    phones = Phones(PHONES, 0, way.server, (0, 0), 0)
    phones.picks_up_s = case.pick_up_s
    phones.talks_s = lambda ring: calls[_caller(ring)].talk_s
    up: dict[int, Call] = {}
    settled = asyncio.Event()

    def one_more() -> None:
        progress(len(story.answered_ns) + len(story.lost))
        if all(n in story.answered_ns or n in story.lost for n, call in enumerate(calls) if is_counted(case, call)):
            settled.set()

    async def one(number: int) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            story.sent_ns[number] = time.time_ns()
            story.add(story.sent_ns[number], "waits", number)
            try:
                up[number], _ = await callers.dial(way.numbers[calls[number].language], f"{FIRST}{number:07}")
                await callers.be_heard(up[number])
                await up[number].ended
                if not over and number not in story.answered_ns:
                    raise LostCallError("hung up on before an operator answered")
            except (LostCallError, ValueError) as lost:
                if not over:
                    story.lost[number] = str(lost)
                    story.add(time.time_ns(), "gone", number)
            if (call := up.pop(number, None)) is not None:
                callers.forget(call)
            one_more()

    def seen(what: Happens, ring: Ring, ns: int) -> None:
        if not over:
            _record(story, what, ring, ns)
            if what == "picked_up":
                one_more()

    phones.on_change = seen
    loop = asyncio.get_running_loop()
    try:
        async with _all_day(phones, callers, way, up):
            start = loop.time() + 1
            tasks: list[asyncio.Task[None]] = []
            before: dict[str, float] | None = None
            try:
                for number, call in enumerate(calls):
                    if before is None and is_counted(case, call):
                        before, began = cpu_s(way.processes), loop.time()
                    await asyncio.sleep(start + call.at_s - loop.time())
                    way.late_ms.append(max(0.0, loop.time() - start - call.at_s) * 1000)
                    tasks.append(asyncio.create_task(one(number)))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(settled.wait(), SERVED_S)
                if before is not None:
                    way.cpu_s = {name: used - before[name] for name, used in cpu_s(way.processes).items()}
                    way.seconds = loop.time() - began
                for number, call in enumerate(calls):
                    if number not in story.answered_ns and is_counted(case, call):
                        story.lost.setdefault(number, "still waiting at the end")
            finally:
                # Callers hang up first: an operator who refuses or misses a call would be put on pause.
                over = True
                for item in list(up.values()):
                    with contextlib.suppress(LostCallError):
                        await callers.hang_up(item)
                await asyncio.sleep(SETTLES_S)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        phones.close()
        callers.close()


def _caller(ring: Ring) -> int:
    """Return the call of a caller's number. Raises ValueError if it is not one of ours."""
    return int(ring.invite.caller[-7:])


def _record(story: Story, what: Happens, ring: Ring, ns: int) -> None:
    call = _caller(ring)
    match what:
        case "rung" | "twice":
            story.add(ns, what, call, ring.user)
        case "picked_up":
            story.answered_ns.setdefault(call, ns)
            story.add(ns, "answered", call, ring.user)
        case "over":
            story.add(ns, "free", call, ring.user)
            if call not in story.answered_ns:
                story.refused += 1
                story.add(ns, "waits" if call not in story.lost else "gone", call)


@asynccontextmanager
async def _all_day(phones: Phones, callers: Callers, way: Way, up: Mapping[int, Call]) -> AsyncIterator[None]:
    """Keep the telephones registered, and send audio in every call now and then."""

    async def registered() -> None:
        while True:
            await asyncio.sleep(REGISTER_S)
            for account in way.accounts:  # one by one: forty at once are a burst that the way would have to wait for
                try:
                    await phones.register([account])
                except LostCallError as lost:  # it is registered for ten minutes: the next round is soon enough
                    way.registers_lost.append(str(lost))
                await asyncio.sleep(REGISTER_S / 2 / len(way.accounts))

    async def send_audio() -> None:
        while True:
            await asyncio.sleep(HEARD_S)
            phones.be_heard()
            for call in list(up.values()):
                callers.be_heard_once(call)

    await phones.register(way.accounts)
    try:
        async with beside(registered(), send_audio()):
            yield
    finally:
        with contextlib.suppress(LostCallError):
            await phones.register(way.accounts, seconds=0)
