"""The floor: who waits, who is free, who is offered what. One coroutine that could be a process.

It is told what happens (`tell`), asks `routing` at once, and publishes offers; it holds no reference to a call. All
that it knows can be rebuilt: callers and offers from the channels, operators from Asterisk's own database.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from db.ids import uuid7
from ivr import messages
from routing.match import Waiting, decide, order
from routing.states import OfferState, Operator, OperatorState, Trigger, after

log = structlog.get_logger()

_TRIGGER = {
    OfferState.REFUSED: Trigger.REFUSED,
    OfferState.NO_ANSWER: Trigger.NO_ANSWER,
    OfferState.UNREACHABLE: Trigger.UNREACHABLE,
    OfferState.WITHDRAWN: Trigger.WITHDRAWN,
}


class Floor:
    """`publish(offer)` brings an offer to its call; `changed(operator, call)` keeps an operator's new state;
    `decided(decision)` keeps a decision. None of them blocks."""

    def __init__(
        self,
        operators: Iterable[Operator],
        *,
        ring_s: float,
        wrap_up_s: float,
        publish: Callable[[messages.Offer], None],
        changed: Callable[[Operator, str | None], None],
        decided: Callable[..., None],
    ) -> None:
        self._operators = {operator.id: operator for operator in operators}
        self._ring_s, self._wrap_up_s = ring_s, wrap_up_s
        self._publish, self._changed, self._decided = publish, changed, decided
        self._waiting: dict[str, Waiting] = {}
        self._offered: dict[str, str] = {}  # offer to call
        self._being_offered: dict[str, Waiting] = {}  # by offer: keeps his place until somebody answers
        self._inbox: asyncio.Queue[messages.ToFloor | None] = asyncio.Queue()
        # A controller refuses an epoch lower than the highest that it has seen; a later start is a higher one.
        self._epoch = time.time_ns() // 1_000_000
        self._alarm: asyncio.TimerHandle | None = None

    def tell(self, message: messages.ToFloor) -> None:
        self._inbox.put_nowait(message)

    @property
    def operators(self) -> Mapping[str, Operator]:
        return self._operators

    @property
    def waiting(self) -> list[Waiting]:
        """Those who wait for an offer, the next one first."""
        return order(self._waiting.values())

    async def run(self) -> None:
        try:
            while True:
                message = await self._inbox.get()
                if message is not None:
                    self._take(message, time.time())
                # All that has come is taken before anything is decided: one decision knows more than two.
                if self._inbox.empty():
                    self._decide()
        finally:
            if self._alarm is not None:
                self._alarm.cancel()

    def _take(self, message: messages.ToFloor, now: float) -> None:
        match message:
            case messages.Wait(call, steps, since, priority):
                waiting = Waiting(call, steps, since, priority)
                standing = next((offer for offer, offered in self._offered.items() if offered == call), None)
                if standing is None:
                    self._waiting[call] = waiting
                else:
                    self._being_offered[standing] = waiting
            case messages.Leave(call):
                self._waiting.pop(call, None)
                for offer in [offer for offer, offered in self._offered.items() if offered == call]:
                    self._being_offered.pop(offer, None)
            case messages.State(operator, trigger, reason):
                self._operator(operator, trigger, now, reason=reason)
            case messages.Standing(offer, call, operator, talking):
                self._offered[offer] = call
                known = self._operators.get(operator)
                if known is not None:
                    state = OperatorState.TALKING if talking else OperatorState.OFFERED
                    if known.state is not state:
                        self._set(replace(known, state=state, since=now, offer=offer, until=None), call)
            case messages.Accepted(offer, call, operator):
                if self._offered.get(offer) != call:
                    return  # that offer is over; he waits for another one
                self._waiting.pop(call, None)
                self._being_offered.pop(offer, None)
                self._operator(operator, Trigger.ACCEPTED, now, offer=offer, call=call)
            case messages.Refused(offer, call, operator, state):
                self._offered.pop(offer, None)
                placed = self._being_offered.pop(offer, None)
                if placed is not None:
                    self._waiting[call] = placed
                self._operator(operator, _TRIGGER[state], now, offer=offer)
            case messages.Ended(offer, _, operator):
                self._offered.pop(offer, None)
                self._operator(operator, Trigger.ENDED, now, offer=offer)

    def _operator(
        self,
        identity: str,
        trigger: Trigger,
        now: float,
        *,
        reason: str = "",
        offer: str | None = None,
        call: str | None = None,
    ) -> None:
        """A message about an offer that the operator has not, or not any more, changes nothing."""
        operator = self._operators.get(identity)
        if operator is None or (offer is not None and operator.offer != offer):
            return
        self._set(after(operator, trigger, now, reason=reason, wrap_up_s=self._wrap_up_s), call)

    def _set(self, operator: Operator, call: str | None) -> None:
        before = self._operators[operator.id]
        self._operators[operator.id] = operator
        if operator != before:
            self._changed(operator, call)

    def _decide(self) -> None:
        now = time.time()
        for operator in list(self._operators.values()):
            if operator.until is not None and operator.until <= now:
                self._operator(operator.id, Trigger.WRAP_UP_OVER, now)
        decisions = decide(self._waiting.values(), self._operators.values(), now)
        for pair in decisions.pairs:
            offer = messages.Offer(str(uuid7()), self._epoch, pair.call, pair.operator, self._ring_s, pair.reason)
            self._offered[offer.id] = pair.call
            self._being_offered[offer.id] = self._waiting.pop(pair.call)
            operator = after(self._operators[pair.operator], Trigger.OFFER, now)
            self._publish(offer)
            self._set(replace(operator, offer=offer.id), pair.call)
            self._decided(pair)
        self._look_again(decisions.look_again, now)

    def _look_again(self, decision: float | None, now: float) -> None:
        """Wakes at the next instant that changes something by itself: a step or a wrap-up ends."""
        instants = [o.until for o in self._operators.values() if o.until is not None]
        if decision is not None:
            instants.append(decision)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if instants:
            wait = max(0.0, min(instants) - now)
            self._alarm = asyncio.get_running_loop().call_later(wait, self._inbox.put_nowait, None)
