"""The floor: it knows who waits and who is free, and offers calls to operators. One coroutine that could be a process.

It is reached by messages only (`tell`, see `ivr.model.floor_protocol`), lets `routing` decide at once, and publishes
offers; it holds no reference to a call. It outlives connections to Asterisk: at the start of each, `Begin` tells it
what is up.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import structlog

from db.ids import uuid7
from ivr.floor import answers
from ivr.floor.list_changes import duty_changes, language_change, list_changes
from ivr.floor.open_offers import OpenOffers
from ivr.floor.wall_clock import WallClock
from ivr.model import floor_protocol
from routing.engine import Engine
from routing.estimate import Estimates
from routing.match import Waiting
from routing.policy import Policy
from routing.states import OfferState, Operator, OperatorState, Trigger, apply_trigger, train
from routing.waits import WaitReason, explain_wait

log = structlog.get_logger()

_TRIGGER = {
    OfferState.REFUSED: Trigger.REFUSED,
    OfferState.NO_ANSWER: Trigger.NO_ANSWER,
    OfferState.UNREACHABLE: Trigger.UNREACHABLE,
    OfferState.WITHDRAWN: Trigger.WITHDRAWN,
}


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
        self._clock = WallClock(clock)
        self._ring_s = ring_s
        self._wrap_up_s, self._more_s, self._longest_s = wrap_up_s, wrap_up_more_s, wrap_up_longest_s
        self._publish, self._changed, self._decided, self._waits = publish, changed, decided, waits
        self._missed, self._answer = missed, answer
        self._policy = policy
        self._inbox: asyncio.Queue[floor_protocol.ToFloor | None] = asyncio.Queue()
        self._alarm: asyncio.TimerHandle | None = None
        self.turns = 0
        """How often it has handled a message or decided: a number that must go on after `wake`."""
        self._reset(operators)

    def _reset(self, operators: Iterable[Operator]) -> None:
        """Know these operators, and nothing else."""
        self._operators = {operator.id: operator for operator in operators}
        self._engine = Engine(self._policy) if self._policy is not None else Engine()
        self._estimates = Estimates()
        for operator in self._operators.values():
            self._engine.set_operator(operator)
            self._estimates.set_operator(operator, self._clock.at)
        self._waiting: dict[str, Waiting] = {}  # as the engine knows them
        self._silent: set[str] = set()  # calls that get no offers now; they need not be waiting
        self._unexplained: dict[str, None] = {}  # calls without a record of why they wait, or wait on
        self._asked: list[floor_protocol.AskPosition] = []  # answered after the next decision
        self._undecided: list[floor_protocol.ToFloor] = []  # messages about calls since the last decision
        self._offers = OpenOffers()
        self._handed_on: dict[str, floor_protocol.Wait] = {}  # by call, of transferred callers who may come back
        self._leaving: set[str] = set()  # operators who are not in the list any more, until their call is over
        self._wraps_up: dict[str, str] = {}  # by operator: the last call that ended for them
        self._epoch = 0

    def tell(self, message: floor_protocol.ToFloor) -> None:
        """Send a message to the floor."""
        self._inbox.put_nowait(message)

    def wake(self) -> None:
        """Have the floor decide, even if nothing has happened."""
        self._inbox.put_nowait(None)

    @property
    def operators(self) -> Mapping[str, Operator]:
        """All operators by id."""
        return self._operators

    @property
    def waiting(self) -> list[Waiting]:
        """The callers who wait for an offer, the next one first; those who are silent come last."""
        return [*self._engine.waiting, *(waiting for call, waiting in self._waiting.items() if call in self._silent)]

    async def run(self) -> None:
        """Handle messages until cancelled. A failure about one call, operator or question affects nobody else.

        Raises:
            Exception: Nobody in particular is at fault. The floor may be run again, and must then get a `Begin`.
        """
        try:
            while True:
                message = await self._inbox.get()
                if isinstance(message, floor_protocol.Begin):
                    self._take(message, self._now())
                elif message is not None:
                    self._undecided.append(message)
                    with self._contained(message):
                        self._take(message, self._now())
                # All messages that have come are taken before a decision is made: one decision knows more than two.
                if self._inbox.empty():
                    await self._explain(self._decide_without_faults())
                self.turns += 1
        finally:
            if self._alarm is not None:
                self._alarm.cancel()

    @contextlib.contextmanager
    def _contained(self, message: floor_protocol.ToFloor) -> Iterator[None]:
        """Keep a failure to what the message is about: a caller goes on without the floor, others notice nothing."""
        try:
            yield
        except Exception:
            call = getattr(message, "call", None)
            log.exception("The floor could not handle a message; it goes on", kind=type(message).__name__, call=call)
            if call is not None:
                self._drop(call, waits=isinstance(message, floor_protocol.Wait | floor_protocol.Refused))

    def _drop(self, call: str, *, waits: bool) -> None:
        """Forget a call that the floor cannot handle, and tell it, if its caller waits."""
        waits = self._waiting.pop(call, None) is not None or waits
        self._handed_on.pop(call, None)
        self._unexplained.pop(call, None)
        self._silent.discard(call)
        for forget in (self._engine.leave, self._offers.leave, partial(self._estimates.leave, now=self._clock.at)):
            with contextlib.suppress(Exception):  # what it cannot handle may be this very call
                forget(call)
        if waits:
            self._publish(floor_protocol.Dropped(call))

    def _now(self) -> float:
        """Return POSIX seconds. If the clock was set, move all instants with it: no wait or wrap-up gets longer."""
        now, jump = self._clock.read()
        if jump:
            log.warning("The clock was set; waiting times are unchanged", by_s=round(jump, 3))
            self._move(jump)
        return now

    def _move(self, by: float) -> None:
        for waiting in list(self._waiting.values()):
            self._wait(replace(waiting, since=waiting.since + by))
        self._offers.move(by)
        for operator in list(self._operators.values()):
            until = operator.until + by if operator.until is not None else None
            since = operator.since + by if operator.since else operator.since
            self._show(replace(operator, since=since, until=until))

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
                if until >= now and asked.operator in self._operators:
                    self._take(asked, now)
                    self._answer(floor_protocol.ChangeDone(identity, self._operators[asked.operator]))
            case floor_protocol.AskQueue(identity):
                self._answer(answers.queue(identity, self._engine, self.waiting, self._silent, now))
            case floor_protocol.AskOutlook(identity, languages):
                self._answer(answers.outlook(identity, languages, self._engine, self._estimates, self.waiting, now))
            case floor_protocol.AskPosition():
                self._asked.append(message)
            case floor_protocol.AskWhoIsFree(call, operators):
                self._publish(answers.who_is_free(call, operators, self._operators))
            case floor_protocol.Wait():
                self._begin_wait(message, now)
            case floor_protocol.Leave(call):
                self._end_wait(call, now)
            case floor_protocol.CallerSilence(call, silent):
                self._set_silent(call, silent=silent)
            case floor_protocol.Invite(call, operator, role, training):
                self._invite(call, operator, role, now, training=training)
            case floor_protocol.OpenOffer(offer, call, operator, talking):
                self._open_offer(offer, call, operator, now, talking=talking)
            case floor_protocol.Accepted(offer, call, operator):
                self._accept(offer, call, operator, now)
            case floor_protocol.Refused(offer, call, operator, state):
                self._refuse(offer, call, operator, state, now)
            case floor_protocol.Ended(offer, call, operator):
                self._end(offer, call, operator, now)
            case floor_protocol.OperatorEvent(operator, trigger, reason):
                self._operator(operator, trigger, now, reason=reason)
            case floor_protocol.OperatorLanguages(operator, languages):
                if (changed := language_change(self._operators.get(operator), languages)) is not None:
                    self._show(changed)
                    self._estimates.set_operator(changed, now)
            case floor_protocol.ColleagueCall(operator, offer, talking):
                self._claim(operator, offer, now, talking=talking)
            case floor_protocol.DutyRoster(operators):
                for changed in duty_changes(self._operators, operators):
                    self._show(changed)
            case floor_protocol.OperatorList(listed):
                for changed in list_changes(self._operators, listed):
                    self._show(changed)
                    self._estimates.set_operator(changed.for_others, now)
                self._leaving = self._operators.keys() - {operator.id for operator in listed}
            case floor_protocol.OnOtherCall(operator, on_line):
                if operator in self._operators:  # not a state: it is not kept
                    self._show(replace(self._operators[operator], on_line=on_line))

    # Callers

    def _begin_wait(self, message: floor_protocol.Wait, now: float) -> None:
        call = message.call
        if message.back is not None:
            self._handed_on[call] = message
        else:
            self._handed_on.pop(call, None)

        waiting = Waiting(call, message.steps, min(message.since, now), message.priority, message.before)
        self._estimates.wait(call, message.steps[0].language, now, callback=message.callback)
        if not self._offers.update_position(waiting):
            self._unexplained[call] = None
            self._wait(waiting)

    def _end_wait(self, call: str, now: float) -> None:
        self._leave(call)
        self._silent.discard(call)
        self._estimates.leave(call, now)
        self._offers.leave(call)

    def _set_silent(self, call: str, *, silent: bool) -> None:
        (self._silent.add if silent else self._silent.discard)(call)
        if call in self._waiting:
            self._wait(self._waiting[call])

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

    # Offers

    def _invite(self, call: str, operator: str, role: str, now: float, *, training: bool) -> None:
        known = self._operators.get(operator)
        if known is None or not (known.can_train if training else known.is_idle):
            self._publish(floor_protocol.Declined(call, operator))
            return

        offer = floor_protocol.Offer(str(uuid7()), self._epoch, call, operator, self._ring_s, None, role)
        self._offers.open(offer.id, call)
        self._publish(offer)
        usual = replace(apply_trigger(known, Trigger.OFFER, now), offer=offer.id)
        self._set(train(known, offer.id, now) if training else usual, call)

    def _open_offer(self, offer: str, call: str, operator: str, now: float, *, talking: bool) -> None:
        self._offers.open(offer, call)
        known, state = self._operators.get(operator), _busy(talking=talking)
        if known is not None and known.state is not state:
            self._set(replace(known, state=state, since=now, offer=offer, until=None), call)

    def _accept(self, offer: str, call: str, operator: str, now: float) -> None:
        if self._offers.call_of(offer) != call:
            return  # that offer is over; the caller waits for another one

        self._leave(call)
        self._estimates.accept(call, operator, now)
        self._offers.accept(offer)
        self._operator(operator, Trigger.ACCEPTED, now, offer=offer, call=call)

    def _refuse(self, offer: str, call: str, operator: str, state: OfferState, now: float) -> None:
        if self._talks(operator, offer):
            if state is OfferState.WITHDRAWN:  # the leg was gone when a controller started
                self._end(offer, call, operator, now)
            return  # the first final state of an offer wins

        position = self._offers.close(offer)
        if position is not None:
            self._unexplained[call] = None
            self._wait(position)
        self._operator(operator, _TRIGGER[state], now, offer=offer)

    def _end(self, offer: str, call: str, operator: str, now: float) -> None:
        known = self._operators.get(operator)
        if known is not None and known.offer == offer:
            self._wraps_up[operator] = call
        self._offers.close(offer)
        self._operator(operator, Trigger.ENDED, now, offer=offer)

    # Operators

    def _talks(self, operator: str, offer: str) -> bool:
        known = self._operators.get(operator)
        return known is not None and known.offer == offer and known.state is OperatorState.TALKING

    def _claim(self, operator: str, offer: str, now: float, *, talking: bool) -> None:
        """Mark an operator as busy with a colleague's call, if they are idle or busy with it already."""
        known = self._operators.get(operator)
        if known is not None and (known.is_idle or known.offer == offer):
            state = _busy(talking=talking)
            self._set(replace(known, state=state, reason="", since=now, offer=offer, until=None), None)

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
        if trigger in (Trigger.NO_ANSWER, Trigger.UNREACHABLE) and moved is not operator and not operator.training:
            self._missed(moved, trigger)

    def _set(self, operator: Operator, call: str | None) -> None:
        before = self._operators[operator.id]
        self._show(operator)
        self._estimates.set_operator(operator.for_others, self._clock.at)
        if operator != before:
            self._changed(operator, call)

    def _show(self, operator: Operator) -> None:
        self._operators[operator.id] = operator
        self._engine.set_operator(operator.for_others)
        self._answer(floor_protocol.OperatorChanged(operator))

    def _let_go(self, now: float) -> None:
        """Forget the operators who are not in the list any more, and are in no call."""
        for identity in sorted(self._leaving):
            if self._operators[identity].offer is not None:
                continue
            self._operator(identity, Trigger.LOG_OUT, now)
            self._leaving.discard(identity)
            del self._operators[identity]
            self._engine.remove_operator(identity)
            self._estimates.remove_operator(identity, now)
            self._answer(floor_protocol.OperatorGone(identity))

    # Decisions

    def _decide_without_faults(self) -> float:
        """Decide. If that fails, decide without the callers about whom something has come since the last decision."""
        news, self._undecided = self._undecided, []
        try:
            return self._decide()
        except Exception as error:
            calls = {call for message in news if (call := getattr(message, "call", None)) in self._waiting}
            if not calls:
                raise
            log.error("The floor could not decide; these callers go on without it", calls=calls, exc_info=error)
            for call in calls:
                self._drop(call, waits=True)
            return self._decide()

    def _decide(self) -> float:
        now = self._now()
        for operator in list(self._operators.values()):
            if operator.until is not None and operator.until <= now:
                self._operator(operator.id, Trigger.WRAP_UP_OVER, now)
        for call, wait in self._handed_on.items():
            if wait.back is not None and self._comes_back(call, wait, now):
                self._operator(wait.back, Trigger.WRAP_UP_OVER, now)
        self._let_go(now)
        decisions = self._engine.decide(now)
        for pair in decisions.pairs:
            offer = floor_protocol.Offer(str(uuid7()), self._epoch, pair.call, pair.operator, self._ring_s, pair.reason)
            self._offers.open(offer.id, pair.call, self._waiting.pop(pair.call))
            operator = apply_trigger(self._operators[pair.operator], Trigger.OFFER, now)
            self._publish(offer)
            self._set(replace(operator, offer=offer.id), pair.call)
            self._decided(pair)
        self._unexplained.update(dict.fromkeys(decisions.moved))
        asked, self._asked = self._asked, []
        for ask in asked:
            with self._contained(ask):
                if ask.call in self._waiting and ask.call not in self._silent:  # otherwise offered, gone or silent
                    self._publish(answers.position(ask, self._engine, self._estimates, now))
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
            try:
                why = explain_wait(self._engine, call, now, *handed_on)
            except Exception:
                log.exception("The floor could not explain why a caller waits; they wait on", call=call)
                continue
            if why is not None:
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


def _busy(*, talking: bool) -> OperatorState:
    return OperatorState.TALKING if talking else OperatorState.OFFERED
