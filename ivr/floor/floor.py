"""The floor: it knows who waits and who is free, and offers calls to operators. One coroutine that could be a process.

It is reached by messages only (`tell`, see `ivr.model.floor_protocol`), lets `routing` decide at once, and publishes
offers; it holds no reference to a call. It outlives connections to Asterisk: at the start of each, `Begin` tells it
what is up.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from db.ids import uuid7
from ivr.model import floor_protocol
from routing.callers_ahead import callers_ahead
from routing.engine import Engine
from routing.estimate import Estimates
from routing.match import Step, Waiting, step_at
from routing.policy import Policy
from routing.states import OfferState, Operator, OperatorState, Trigger, apply_trigger
from routing.waits import WaitReason, explain_wait

log = structlog.get_logger()

_TRIGGER = {
    OfferState.REFUSED: Trigger.REFUSED,
    OfferState.NO_ANSWER: Trigger.NO_ANSWER,
    OfferState.UNREACHABLE: Trigger.UNREACHABLE,
    OfferState.WITHDRAWN: Trigger.WITHDRAWN,
}


_JUMP_S = 1.0
"""A clock that moves by this much was set; smaller steps are how clocks are kept accurate."""


class Floor:
    """The floor of a controller.

    None of its callbacks may block.

    Args:
        ring_s: How long an operator's telephone rings, in seconds.
        wrap_up_s: How long a wrap-up lasts.
        wrap_up_more_s: How much longer one extension makes it.
        wrap_up_longest_s: The limit of a wrap-up with its extensions.
        publish: Brings a message to its call.
        changed: Called with an operator's new state, and with the call that it is about, to keep it.
        decided: Called with each decision, to keep it.
        waits: Called with a call and why it waits, or waits on, to keep it.
        missed: Called with an operator and trigger when an offer ended without being taken.
        answer: Brings a message to the `FloorClient`.
        clock: Returns POSIX seconds.
    """

    def __init__(
        self,
        operators: Iterable[Operator],
        *,
        ring_s: float,
        wrap_up_s: float,
        wrap_up_more_s: float = 60.0,
        wrap_up_longest_s: float = 300.0,
        publish: Callable[[floor_protocol.ToCall], None],
        changed: Callable[[Operator, str | None], None],
        decided: Callable[..., None],
        waits: Callable[[str, WaitReason], None] = lambda *_: None,
        missed: Callable[[Operator, Trigger], None] = lambda *_: None,
        answer: Callable[[floor_protocol.ToClient], None] = lambda _: None,
        policy: Policy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._at, self._steady = clock(), time.monotonic()
        self._ring_s = ring_s
        self._wrap_up_s, self._more_s, self._longest_s = wrap_up_s, wrap_up_more_s, wrap_up_longest_s
        self._publish, self._changed, self._decided, self._waits = publish, changed, decided, waits
        self._missed, self._answer = missed, answer
        self._policy = policy
        self._inbox: asyncio.Queue[floor_protocol.ToFloor | None] = asyncio.Queue()
        self._alarm: asyncio.TimerHandle | None = None
        self._reset(operators)

    def _reset(self, operators: Iterable[Operator]) -> None:
        """Know these operators, and nothing else."""
        self._operators = {operator.id: operator for operator in operators}
        self._engine = Engine(self._policy) if self._policy is not None else Engine()
        self._estimates = Estimates()
        for operator in self._operators.values():
            self._engine.set_operator(operator)
            self._estimates.set_operator(operator, self._at)
        self._waiting: dict[str, Waiting] = {}  # as the engine knows them
        self._silent: set[str] = set()  # calls that get no offers now; they need not be waiting
        self._unexplained: dict[str, None] = {}  # calls without a record of why they wait, or wait on
        self._asked: list[floor_protocol.AskPosition] = []  # answered after the next decision
        self._offered: dict[str, str] = {}  # offer to call
        self._handed_on: dict[str, floor_protocol.Wait] = {}  # by call, of transferred callers who may come back
        self._wraps_up: dict[str, str] = {}  # by operator: the last call that ended for them
        self._being_offered: dict[str, Waiting] = {}  # by offer: keeps the position
        self._epoch = 0

    def tell(self, message: floor_protocol.ToFloor) -> None:
        """Send a message to the floor."""
        self._inbox.put_nowait(message)

    @property
    def operators(self) -> Mapping[str, Operator]:
        """All operators by id."""
        return self._operators

    @property
    def waiting(self) -> list[Waiting]:
        """The callers who wait for an offer, the next one first; those who are silent come last."""
        return [*self._engine.waiting, *(waiting for call, waiting in self._waiting.items() if call in self._silent)]

    def _queue(self, identity: str, now: float) -> floor_protocol.Queue:
        """Return the queue. If nobody on duty meets any step, the step is the one that would apply otherwise."""
        calls = []
        for waiting in self.waiting:
            step, silent = self._step_of(waiting, now), waiting.call in self._silent
            calls.append(floor_protocol.QueuedCall(waiting.call, waiting.since, step.language, step.topic, silent))
        return floor_protocol.Queue(identity, tuple(calls))

    def _step_of(self, waiting: Waiting, now: float) -> Step:
        step = self._engine.queues.step_of(waiting, now)
        if self._engine.staff.can_meet(step):
            return step
        return waiting.steps[step_at(waiting.steps, now - waiting.since - waiting.before)[0]]

    async def run(self) -> None:
        """Handle messages until cancelled."""
        try:
            while True:
                message = await self._inbox.get()
                if message is not None:
                    self._take(message, self._now())
                # All messages that have come are taken before a decision is made: one decision knows more than two.
                if self._inbox.empty():
                    await self._explain(self._decide())
        finally:
            if self._alarm is not None:
                self._alarm.cancel()

    def _now(self) -> float:
        """Return POSIX seconds. If the clock was set, move all instants with it: no wait or wrap-up gets longer."""
        before, now, steady = time.monotonic(), self._clock(), time.monotonic()
        if steady - before > _JUMP_S / 2:
            return now  # the process was held up in between; this is not a jump
        jump = now - self._at - (steady - self._steady)
        self._at, self._steady = now, steady
        if abs(jump) >= _JUMP_S:
            log.warning("The clock was set; waiting times are unchanged", by_s=round(jump, 3))
            self._move(jump)
        return now

    def _move(self, by: float) -> None:
        for waiting in list(self._waiting.values()):
            self._wait(replace(waiting, since=waiting.since + by))
        for offer, waiting in self._being_offered.items():
            self._being_offered[offer] = replace(waiting, since=waiting.since + by)
        for operator in list(self._operators.values()):
            until = operator.until + by if operator.until is not None else None
            self._show(replace(operator, since=operator.since + by, until=until))

    def _take(self, message: floor_protocol.ToFloor, now: float) -> None:
        match message:
            case floor_protocol.Begin(epoch, operators, offers):
                self._reset(operators)
                self._epoch = epoch
                for opened in offers:
                    self._take(opened, now)
            case floor_protocol.ConnectionLost():
                self._reset(())
            case floor_protocol.Change(identity, asked, until):
                if until < now or asked.operator not in self._operators:
                    return
                self._take(asked, now)
                self._answer(floor_protocol.ChangeDone(identity, self._operators[asked.operator]))
            case floor_protocol.AskQueue(identity):
                self._answer(self._queue(identity, now))
            case floor_protocol.Wait(call, steps, since, priority, before, back):
                if back is not None:
                    self._handed_on[call] = message
                else:
                    self._handed_on.pop(call, None)
                waiting = Waiting(call, steps, min(since, now), priority, before)
                self._estimates.wait(call, steps[0].language, now, callback=message.callback)
                open_offer = next((offer for offer, offered in self._offered.items() if offered == call), None)
                if open_offer is None:
                    self._unexplained[call] = None
                    self._wait(waiting)
                else:
                    self._being_offered[open_offer] = waiting
            case floor_protocol.Leave(call):
                self._leave(call)
                self._silent.discard(call)
                self._estimates.leave(call, now)
                for offer in [offer for offer, offered in self._offered.items() if offered == call]:
                    self._being_offered.pop(offer, None)
            case floor_protocol.AskPosition():
                self._asked.append(message)
            case floor_protocol.AskWhoIsFree(call, operators):
                self._publish(self._who_is_free(call, operators))
            case floor_protocol.Invite(call, operator, role):
                self._invite(call, operator, role, now)
            case floor_protocol.OperatorEvent(operator, trigger, reason):
                self._operator(operator, trigger, now, reason=reason)
            case floor_protocol.ColleagueCall(operator, offer, talking):
                claimed = self._operators.get(operator)
                if claimed is not None and (claimed.is_idle or claimed.offer == offer):
                    state = OperatorState.TALKING if talking else OperatorState.OFFERED
                    self._set(replace(claimed, state=state, reason="", since=now, offer=offer, until=None), None)
            case floor_protocol.DutyRoster(operators):
                on_duty = frozenset(operators or ())
                for identity, was in self._operators.items():
                    planned = operators is None or identity in on_duty
                    if was.planned != planned:
                        # This is not a state: it is not kept.
                        self._show(replace(was, planned=planned))
            case floor_protocol.OnOtherCall(operator, on_line):
                if operator in self._operators:  # not a state either
                    self._show(replace(self._operators[operator], on_line=on_line))
            case floor_protocol.CallerSilence(call, silent):
                (self._silent.add if silent else self._silent.discard)(call)
                if call in self._waiting:
                    self._wait(self._waiting[call])
            case floor_protocol.OpenOffer(offer, call, operator, talking):
                self._offered[offer] = call
                known = self._operators.get(operator)
                if known is not None:
                    state = OperatorState.TALKING if talking else OperatorState.OFFERED
                    if known.state is not state:
                        self._set(replace(known, state=state, since=now, offer=offer, until=None), call)
            case floor_protocol.Accepted(offer, call, operator):
                if self._offered.get(offer) != call:
                    return  # that offer is over; the caller waits for another one
                self._leave(call)
                self._estimates.accept(call, operator, now)
                self._being_offered.pop(offer, None)
                self._operator(operator, Trigger.ACCEPTED, now, offer=offer, call=call)
            case floor_protocol.Refused(offer, call, operator, state):
                if self._talks(operator, offer):
                    if state is OfferState.WITHDRAWN:  # the leg was gone when a controller started
                        self._take(floor_protocol.Ended(offer, call, operator), now)
                    return  # the first final state of an offer wins
                self._offered.pop(offer, None)
                placed = self._being_offered.pop(offer, None)
                if placed is not None:
                    self._unexplained[call] = None
                    self._wait(placed)
                self._operator(operator, _TRIGGER[state], now, offer=offer)
            case floor_protocol.Ended(offer, call, operator):
                if (ends := self._operators.get(operator)) is not None and ends.offer == offer:
                    self._wraps_up[operator] = call
                self._offered.pop(offer, None)
                self._being_offered.pop(offer, None)
                self._operator(operator, Trigger.ENDED, now, offer=offer)

    def _talks(self, operator: str, offer: str) -> bool:
        known = self._operators.get(operator)
        return known is not None and known.offer == offer and known.state is OperatorState.TALKING

    def _who_is_free(self, call: str, operators: tuple[str, ...]) -> floor_protocol.WhoIsFree:
        known = [self._operators[identity] for identity in operators if identity in self._operators]
        ready = sorted((operator for operator in known if operator.is_idle), key=lambda operator: operator.since)
        busy = (OperatorState.READY, OperatorState.OFFERED, OperatorState.TALKING, OperatorState.WRAPPING_UP)
        free_later = [
            operator.id
            for operator in known
            if operator.state in busy and not operator.is_idle and operator.pause_after is None
        ]
        return floor_protocol.WhoIsFree(call, tuple(operator.id for operator in ready), tuple(free_later))

    def _invite(self, call: str, operator: str, role: str, now: float) -> None:
        known = self._operators.get(operator)
        if known is None or not known.is_idle:
            self._publish(floor_protocol.Declined(call, operator))
            return
        offer = floor_protocol.Offer(str(uuid7()), self._epoch, call, operator, self._ring_s, None, role)
        self._offered[offer.id] = call
        self._publish(offer)
        self._set(replace(apply_trigger(known, Trigger.OFFER, now), offer=offer.id), call)

    def _wait(self, waiting: Waiting) -> None:
        self._waiting[waiting.call] = waiting
        if waiting.call in self._silent:
            self._engine.leave(waiting.call)
        else:
            self._engine.wait(waiting)

    def _leave(self, call: str) -> None:
        self._waiting.pop(call, None)
        self._handed_on.pop(call, None)
        self._engine.leave(call)

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
        """Apply a trigger to an operator. One about an offer that they do not, or no longer, have changes nothing."""
        operator = self._operators.get(identity)
        if operator is None or (offer is not None and operator.offer != offer):
            return
        lasts = self._more_s if trigger is Trigger.WRAP_UP_MORE else self._wrap_up_s
        longest = max(self._longest_s, self._wrap_up_s)
        moved = apply_trigger(operator, trigger, now, reason=reason, wrap_up_s=lasts, longest_s=longest)
        self._set(moved, call)
        if trigger in (Trigger.NO_ANSWER, Trigger.UNREACHABLE) and moved is not operator:
            self._missed(moved, trigger)

    def _set(self, operator: Operator, call: str | None) -> None:
        before = self._operators[operator.id]
        self._show(operator)
        self._estimates.set_operator(operator, self._at)
        if operator != before:
            self._changed(operator, call)

    def _show(self, operator: Operator) -> None:
        self._operators[operator.id] = operator
        self._engine.set_operator(operator)
        self._answer(floor_protocol.OperatorChanged(operator))

    def _decide(self) -> float:
        now = self._now()
        for operator in list(self._operators.values()):
            if operator.until is not None and operator.until <= now:
                self._operator(operator.id, Trigger.WRAP_UP_OVER, now)
        for call, wait in self._handed_on.items():
            if wait.back is not None and self._comes_back(call, wait, now):
                self._operator(wait.back, Trigger.WRAP_UP_OVER, now)
        decisions = self._engine.decide(now)
        for pair in decisions.pairs:
            offer = floor_protocol.Offer(str(uuid7()), self._epoch, pair.call, pair.operator, self._ring_s, pair.reason)
            self._offered[offer.id] = pair.call
            self._being_offered[offer.id] = self._waiting.pop(pair.call)
            operator = apply_trigger(self._operators[pair.operator], Trigger.OFFER, now)
            self._publish(offer)
            self._set(replace(operator, offer=offer.id), pair.call)
            self._decided(pair)
        self._unexplained.update(dict.fromkeys(decisions.moved))
        for ask in self._asked:
            if ask.call in self._waiting and ask.call not in self._silent:  # otherwise offered, gone or silent
                language, before = callers_ahead(self._engine.ranking, ask.call, now)
                place = self._estimates.locate(ask.call, language, before, now, aloud=ask.aloud)
                self._publish(
                    floor_protocol.Position(ask.call, place.position, place.estimate, self._engine.staff.spoken)
                )
        self._asked.clear()
        self._set_alarm(decisions.look_again, now)
        return now

    async def _explain(self, now: float) -> None:
        """Keep why the callers wait, or wait on, whom the decision of `now` left waiting. No message was taken since.

        An explanation costs more than a decision and can wait. So other tasks go first, such as a call that takes its
        offer, before each caller; if a message has come by then, the remaining callers follow the next decision.
        """
        while self._unexplained:
            await asyncio.sleep(0)
            call = next(iter(self._unexplained))
            del self._unexplained[call]
            wait = self._handed_on.get(call)
            handed_on = (wait.back, wait.handed_on) if wait is not None else ()
            if (why := explain_wait(self._engine, call, now, *handed_on)) is not None:
                self._waits(call, why)
            if not self._inbox.empty():
                return

    def _comes_back(self, call: str, wait: floor_protocol.Wait, now: float) -> bool:
        """Return whether a transferred caller may now return to the operator who is wrapping up after this very call.

        After a restart nobody knows which call a wrap-up follows.
        """
        waiting = self._waiting.get(call)
        if waiting is None or call in self._silent or wait.back is None or self._wraps_up.get(wait.back, call) != call:
            return False
        step = self._engine.queues.step_of(waiting, now)
        return step.operator == wait.back and step in wait.steps[: wait.handed_on]

    def _set_alarm(self, decision: float | None, now: float) -> None:
        """Wake up at the next instant that changes something by itself: a step, a hold or a wrap-up ends."""
        instants = [operator.until for operator in self._operators.values() if operator.until is not None]
        if decision is not None:
            instants.append(decision)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if instants:
            delay = max(0.0, min(instants) - now)
            self._alarm = asyncio.get_running_loop().call_later(delay, self._inbox.put_nowait, None)
