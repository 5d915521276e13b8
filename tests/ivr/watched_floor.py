"""A running floor that a test tells and watches, and the messages that a call sends to it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from ivr.floor.client import FloorClient
from ivr.floor.floor import Floor
from ivr.model.floor_protocol import (
    Accepted,
    Begin,
    Dropped,
    Ended,
    Offer,
    Position,
    Refused,
    ToCall,
    ToFloor,
    Wait,
)
from routing.match import Decision, Step
from routing.states import OfferState, Operator, OperatorState
from routing.waits import WaitReason

RING_S, SHORT_S, LONG_S = 15.0, 0.05, 3600.0
NO_ANSWER, WITHDRAWN, UNREACHABLE = OfferState.NO_ANSWER, OfferState.WITHDRAWN, OfferState.UNREACHABLE


class Watched:
    """A running floor, and all that it has published."""

    def __init__(self, operators: Sequence[Operator], wrap_up_s: float) -> None:
        self.offers: list[Offer] = []
        self.positions: list[Position] = []
        self.dropped: list[str] = []
        self.changes: list[tuple[str, OperatorState, str | None]] = []
        self.decisions: list[Decision] = []
        self.why: list[tuple[str, WaitReason]] = []
        self.set_by_s = 0.0  # by how much the clock was set
        self.floor = Floor(
            operators,
            ring_s=RING_S,
            wrap_up_s=wrap_up_s,
            publish=self._published,
            changed=lambda operator, call: self.changes.append((operator.id, operator.state, call)),
            decided=self.decisions.append,
            waits=lambda call, why: self.why.append((call, why)),
            answer=lambda message: self.client.deliver(message),
            clock=lambda: time.time() + self.set_by_s,
        )
        self.client = FloorClient(self.floor.tell, Begin(1, tuple(operators), ()))

    def _published(self, message: ToCall) -> None:
        if isinstance(message, Offer):
            self.offers.append(message)
        elif isinstance(message, Position):
            self.positions.append(message)
        elif isinstance(message, Dropped):
            self.dropped.append(message.call)

    async def send(self, *messages: ToFloor) -> None:
        """Send messages to the floor at once, and wait until it has handled them."""
        for message in messages:
            self.floor.tell(message)
        for _ in range(5):
            await asyncio.sleep(0)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(2):
            while not true():  # noqa: ASYNC110 - nothing signals the end of a change
                await asyncio.sleep(0.005)

    @property
    def offer(self) -> Offer:
        """The latest offer."""
        return self.offers[-1]

    def state(self, operator: str = "1001") -> tuple[OperatorState, str]:
        known = self.floor.operators[operator]
        return known.state, known.reason

    @property
    def waiting(self) -> list[str]:
        return [waiting.call for waiting in self.floor.waiting]

    @property
    def offered(self) -> list[tuple[str, str]]:
        return [(offer.call, offer.operator) for offer in self.offers]


@contextlib.asynccontextmanager
async def a_floor(*operators: Operator, wrap_up_s: float = LONG_S) -> AsyncIterator[Watched]:
    watched = Watched(operators, wrap_up_s)
    task = asyncio.create_task(watched.floor.run())
    try:
        yield watched
        assert not task.done(), task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def ready(identity: str = "1001", idle_s: float = 10, **changes: object) -> Operator:
    operator = Operator(
        identity, {"fr": 5}, state=OperatorState.READY, reason="", since=time.time() - idle_s, present=True
    )
    return replace(operator, **changes)  # type: ignore[arg-type]


def wait(call: str, waited_s: float, *steps: Step) -> Wait:
    return Wait(call, steps or (Step("fr"),), time.time() - waited_s)


def accepted(offer: Offer) -> Accepted:
    return Accepted(offer.id, offer.call, offer.operator)


def refused(offer: Offer, state: OfferState) -> Refused:
    return Refused(offer.id, offer.call, offer.operator, state)


def ended(offer: Offer) -> Ended:
    return Ended(offer.id, offer.call, offer.operator)
