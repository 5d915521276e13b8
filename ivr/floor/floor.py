"""The floor: who waits, who is free, who is offered what. One coroutine that could be a process.

It is reached by messages only (`tell`, see `ivr.model.floor_protocol`), asks `routing` at once, and publishes offers;
it holds no reference to a call. It outlives connections to Asterisk: `Begin` tells it what is up at the start of each.
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
"""A clock that is set by so much has jumped; less is how clocks are kept right."""


class Floor:
    """The floor of a controller.

    None of the functions that it is given may block: `publish(message)` brings a message to its call, `answer(message)`
    one to the `FloorClient`, `changed(operator, call)` keeps an operator's new state, `decided(decision)` keeps a
    decision, `waits(call, why)` keeps why a caller waits or waits on, and `missed(operator, trigger)` is called for an
    offer that nobody took.
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
        self._waiting: dict[str, Waiting] = {}  # as told to the engine
        self._silent: set[str] = set()  # calls that are offered to nobody now; they may not wait at all
        self._come: dict[str, None] = {}  # calls of which it is not told yet why they wait, or wait on
        self._asked: list[floor_protocol.AskPosition] = []  # answered after it
        self._offered: dict[str, str] = {}  # offer to call
        self._handed_on: dict[str, floor_protocol.Wait] = {}  # by call: those who may come back to who handed them on
        self._wraps_up: dict[str, str] = {}  # by operator: the call that ended last for him
        self._being_offered: dict[str, Waiting] = {}  # by offer: keeps his place until somebody answers
        self._epoch = 0

    def tell(self, message: floor_protocol.ToFloor) -> None:
        self._inbox.put_nowait(message)

    @property
    def operators(self) -> Mapping[str, Operator]:
        return self._operators

    @property
    def waiting(self) -> list[Waiting]:
        """Those who wait for an offer, the next one first."""
        return [*self._engine.waiting, *(each for call, each in self._waiting.items() if call in self._silent)]

    def _queue(self, identity: str, now: float) -> floor_protocol.Queue:
        """Where nobody on duty can meet any step, the step is the one that would apply if somebody could."""
        calls = []
        for waiting in self.waiting:
            step, silent = self._step_of(waiting, now), waiting.call in self._silent
            calls.append(floor_protocol.Queued(waiting.call, waiting.since, step.language, step.topic, silent))
        return floor_protocol.Queue(identity, tuple(calls))

    def _step_of(self, waiting: Waiting, now: float) -> Step:
        step = self._engine.queues.step_of(waiting, now)
        if self._engine.staff.can_meet(step):
            return step
        return waiting.steps[step_at(waiting.steps, now - waiting.since - waiting.before)[0]]

    async def run(self) -> None:
        try:
            while True:
                message = await self._inbox.get()
                if message is not None:
                    self._take(message, self._now())
                # All that has come is taken before anything is decided: one decision knows more than two.
                if self._inbox.empty():
                    await self._explain(self._decide())
        finally:
            if self._alarm is not None:
                self._alarm.cancel()

    def _now(self) -> float:
        """POSIX seconds. Where the clock was set, what is held moves with it: a wait or a wrap-up lasts no longer."""
        before, now, steady = time.monotonic(), self._clock(), time.monotonic()
        if steady - before > _JUMP_S / 2:
            return now  # held up between the two, which is no jump
        jump = now - self._at - (steady - self._steady)
        self._at, self._steady = now, steady
        if abs(jump) >= _JUMP_S:
            log.warning("The clock was set; waiting times go on as they were", by_s=round(jump, 3))
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
                standing = next((offer for offer, offered in self._offered.items() if offered == call), None)
                if standing is None:
                    self._come[call] = None
                    self._wait(waiting)
                else:
                    self._being_offered[standing] = waiting
            case floor_protocol.Leave(call):
                self._leave(call)
                self._silent.discard(call)
                self._estimates.leave(call, now)
                for offer in [offer for offer, offered in self._offered.items() if offered == call]:
                    self._being_offered.pop(offer, None)
            case floor_protocol.AskPosition():
                self._asked.append(message)
            case floor_protocol.AskWhoIsFree(call, operators):
                self._publish(self._seen(call, operators))
            case floor_protocol.Invite(call, operator, role):
                self._invite(call, operator, role, now)
            case floor_protocol.OperatorEvent(operator, trigger, reason):
                self._operator(operator, trigger, now, reason=reason)
            case floor_protocol.ColleagueCall(operator, offer, talking):
                claimed = self._operators.get(operator)
                if claimed is not None and (claimed.is_idle or claimed.offer == offer):
                    state = OperatorState.TALKING if talking else OperatorState.OFFERED
                    self._set(replace(claimed, state=state, reason="", since=now, offer=offer, until=None), None)
            case floor_protocol.Planned(operators):
                on_duty = frozenset(operators or ())
                for identity, was in self._operators.items():
                    planned = operators is None or identity in on_duty
                    if was.planned != planned:
                        # Not a state: nothing that is kept.
                        self._show(replace(was, planned=planned))
            case floor_protocol.OnOtherCall(operator, on_line):
                if operator in self._operators:  # not a state either
                    self._show(replace(self._operators[operator], on_line=on_line))
            case floor_protocol.Silent(call, silent):
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
                    return  # that offer is over; he waits for another one
                self._leave(call)
                self._estimates.accept(call, operator, now)
                self._being_offered.pop(offer, None)
                self._operator(operator, Trigger.ACCEPTED, now, offer=offer, call=call)
            case floor_protocol.Refused(offer, call, operator, state):
                if self._talks(operator, offer):
                    if state is OfferState.WITHDRAWN:  # his leg was gone when a controller began
                        self._take(floor_protocol.Ended(offer, call, operator), now)
                    return  # the first final state of an offer wins
                self._offered.pop(offer, None)
                placed = self._being_offered.pop(offer, None)
                if placed is not None:
                    self._come[call] = None
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

    def _seen(self, call: str, operators: tuple[str, ...]) -> floor_protocol.WhoIsFree:
        known = [self._operators[each] for each in operators if each in self._operators]
        ready = sorted((each for each in known if each.is_idle), key=lambda each: each.since)
        busy = (OperatorState.READY, OperatorState.OFFERED, OperatorState.TALKING, OperatorState.WRAPPING_UP)
        waited_for = [each.id for each in known if each.state in busy and not each.is_idle and each.pause_after is None]
        return floor_protocol.WhoIsFree(call, tuple(each.id for each in ready), tuple(waited_for))

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
        """A message about an offer that the operator has not, or not any more, changes nothing."""
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
        for call, told in self._handed_on.items():
            if told.back is not None and self._comes_back(call, told, now):
                self._operator(told.back, Trigger.WRAP_UP_OVER, now)
        decisions = self._engine.decide(now)
        for pair in decisions.pairs:
            offer = floor_protocol.Offer(str(uuid7()), self._epoch, pair.call, pair.operator, self._ring_s, pair.reason)
            self._offered[offer.id] = pair.call
            self._being_offered[offer.id] = self._waiting.pop(pair.call)
            operator = apply_trigger(self._operators[pair.operator], Trigger.OFFER, now)
            self._publish(offer)
            self._set(replace(operator, offer=offer.id), pair.call)
            self._decided(pair)
        self._come.update(dict.fromkeys(decisions.moved))
        for ask in self._asked:
            if ask.call in self._waiting and ask.call not in self._silent:  # else offered, gone or silent
                language, before = callers_ahead(self._engine, ask.call, now)
                place = self._estimates.locate(ask.call, language, before, now, aloud=ask.aloud)
                self._publish(
                    floor_protocol.Position(ask.call, place.position, place.estimate, self._engine.staff.spoken)
                )
        self._asked.clear()
        self._look_again(decisions.look_again, now)
        return now

    async def _explain(self, now: float) -> None:
        """Why those wait, or wait on, whom the decision of `now` left waiting; nothing has been taken since then.

        It costs more than a decision, and can wait. So what is ready goes first, such as a call that takes its offer,
        and again after each caller; if a message has come by then, of the others it is told after the next decision.
        """
        while self._come:
            await asyncio.sleep(0)
            call = next(iter(self._come))
            del self._come[call]
            told = self._handed_on.get(call)
            handed_on = (told.back, told.handed_on) if told is not None else ()
            if (why := explain_wait(self._engine, call, now, *handed_on)) is not None:
                self._waits(call, why)
            if not self._inbox.empty():
                return

    def _comes_back(self, call: str, told: floor_protocol.Wait, now: float) -> bool:
        """Whether it is the turn of who handed him on, who wraps up after this very call; of which call it is after a
        restart nobody knows."""
        waiting = self._waiting.get(call)
        if waiting is None or call in self._silent or told.back is None or self._wraps_up.get(told.back, call) != call:
            return False
        step = self._engine.queues.step_of(waiting, now)
        return step.operator == told.back and step in told.steps[: told.handed_on]

    def _look_again(self, decision: float | None, now: float) -> None:
        """Wakes at the next instant that changes something by itself: a step, a hold or a wrap-up ends."""
        instants = [o.until for o in self._operators.values() if o.until is not None]
        if decision is not None:
            instants.append(decision)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if instants:
            wait = max(0.0, min(instants) - now)
            self._alarm = asyncio.get_running_loop().call_later(wait, self._inbox.put_nowait, None)
