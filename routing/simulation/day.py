"""One simulated day: calls arrive, operators answer, talk, wrap up, start and end shifts; the engine routes the calls.

All events of one instant are handled before the engine decides, as on the live floor. Simulated operators change state
by the same transition table as real ones.
"""

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from heapq import heappop, heappush
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from routing.match import Decisions, Step, Waiting, may_serve, step_at
from routing.simulation.demand import Calls, Seconds
from routing.simulation.team import BEST_LEVEL, Team
from routing.states import LOGGED_OUT, Operator, OperatorState, Trigger, apply_trigger


class Routing(Protocol):
    """The part of `routing.engine.Engine` that a simulated day needs."""

    def set_operator(self, operator: Operator) -> None: ...
    def wait(self, waiting: Waiting) -> None: ...
    def leave(self, call: str) -> None: ...
    def decide(self, now: float) -> Decisions: ...


class CallOutcome(IntEnum):
    """How a call ended."""

    ANSWERED = 0
    ABANDONED = 1
    LEFT = 2  # still waiting when the day ended: nobody came on duty again


@dataclass(frozen=True, slots=True)
class Spans:
    """Periods in which operators were in a state, as columns; `operator` is an index into the team."""

    operator: NDArray[np.int64]
    state: NDArray[np.int64]  # an index into STATES
    begins: Seconds
    ends: Seconds


STATES = (OperatorState.TALKING, OperatorState.WRAPPING_UP, OperatorState.READY)
"""The states that occupancy is computed from."""


@dataclass(frozen=True, slots=True)
class Day:
    """The outcome of each call, in the order of `calls`.

    `wait_s`: until an operator answered, the caller gave up, or the day ended. `handling_s`: talk and wrap-up; 0 if not
    answered. `operator`: an index into the team; -1 for nobody. `passed_s`: how much later than this caller the latest
    caller arrived who was served first by an operator who could have served this one; 0: nobody. `mean_waiting`: the
    mean number of waiting callers until the last event.
    """

    calls: Calls
    team: Team
    outcome: NDArray[np.int64]
    wait_s: Seconds
    handling_s: Seconds
    operator: NDArray[np.int64]
    passed_s: Seconds
    spans: Spans
    until_s: float
    mean_waiting: float


class _Event(IntEnum):
    """Events, in the order in which those of one instant are handled: a shift ends before an adjacent one begins, and a
    caller who is answered just as their patience ends is answered."""

    GOES_OFF_DUTY = 0
    COMES_ON_DUTY = 1
    TALK_ENDS = 2
    WRAP_UP_ENDS = 3
    ANSWERS = 4
    GIVES_UP = 5


def simulate(calls: Calls, team: Team, engine: Routing, needs: Mapping[str, tuple[Step, ...]] | None = None) -> Day:
    """Run one day of these calls with this team.

    Args:
        engine: A new engine.
        needs: The steps of callers, by language; default: an operator who speaks the language.
    """
    steps = [(needs or {}).get(language) or (Step(language),) for language in calls.languages]
    return _DayRun(calls, team, engine, steps).run()


class _DayRun:
    """A day in progress. Calls and operators are known by index here, and by name in the engine."""

    def __init__(self, calls: Calls, team: Team, engine: Routing, steps: list[tuple[Step, ...]]) -> None:
        self.calls, self.team, self.engine = calls, team, engine
        count = len(calls)
        self.arrival, self.patience = calls.arrival.tolist(), calls.patience_s.tolist()
        self.talk, self.language = calls.talk_s.tolist(), calls.language.tolist()
        self.steps = steps
        self.outcome = [CallOutcome.LEFT] * count
        self.wait = [math.nan] * count
        self.handling = [0.0] * count
        self.served_by = [-1] * count
        self.passed = [0.0] * count
        self.waiting: dict[int, None] = {}  # without an offer, by arrival
        self.ringing: dict[int, int] = {}  # call to operator
        self.operators = list(team.operators)
        self.last_call = [-1] * len(team.operators)
        self.index = {operator.id: at for at, operator in enumerate(team.operators)}
        self.events: list[tuple[float, int, int, int]] = []  # instant, kind, operator or call, call
        # The columns of `Spans`.
        self.people, self.states, self.begins, self.ends = array("q"), array("q"), array("d"), array("d")
        self.area = 0.0  # the integral of the number of waiting callers over time
        self.now = 0.0

    def run(self) -> Day:
        for at, operator in enumerate(self.team.operators):
            shifts = self.team.shifts.get(operator.id)
            self._set(at, apply_trigger(_off_duty(operator), Trigger.LOG_OUT, 0.0))
            for begins, ends in shifts if shifts is not None else ((0.0, math.inf),):
                heappush(self.events, (begins, _Event.COMES_ON_DUTY, at, -1))
                if ends < math.inf:
                    heappush(self.events, (ends, _Event.GOES_OFF_DUTY, at, -1))
        arrival, events, count = self.arrival, self.events, len(self.arrival)
        coming, look = 0, math.inf
        while True:
            instant = min(arrival[coming] if coming < count else math.inf, events[0][0] if events else math.inf, look)
            if instant == math.inf:
                break
            self.area += (len(self.waiting) + len(self.ringing)) * (instant - self.now)
            self.now = instant
            while events and events[0][0] == instant:
                _, kind, first, call = heappop(events)
                self._handle(kind, first, call)
            while coming < count and arrival[coming] == instant:
                self._arrive(coming)
                coming += 1
            look = self._decide()
        return self._day()

    def _arrive(self, call: int) -> None:
        self.waiting[call] = None
        self.engine.wait(Waiting(str(call), self.steps[self.language[call]], self.now))
        if self.patience[call] < math.inf:
            heappush(self.events, (self.now + self.patience[call], _Event.GIVES_UP, call, -1))

    def _handle(self, kind: int, first: int, call: int) -> None:
        if kind == _Event.TALK_ENDS:
            self._change(first, Trigger.ENDED)
            if self.team.wrap_up_s > 0:
                heappush(self.events, (self.now + self.team.wrap_up_s, _Event.WRAP_UP_ENDS, first, call))
            else:
                self._change(first, Trigger.WRAP_UP_OVER)
            self._tell(first)
        elif kind == _Event.WRAP_UP_ENDS:
            # Otherwise the shift ended during that wrap-up, and the operator has had another call since.
            if self.last_call[first] == call:
                self._change(first, Trigger.WRAP_UP_OVER)
                self._tell(first)
        elif kind == _Event.ANSWERS:
            if self.ringing.get(call) == first:
                self._answer(call, first)
        elif kind == _Event.GIVES_UP:
            self._give_up(first)
        elif kind == _Event.COMES_ON_DUTY:
            self._change(first, Trigger.RESUME)
            self._tell(first)
        else:
            self._change(first, Trigger.LOG_OUT)
            self._tell(first)

    def _give_up(self, call: int) -> None:
        if call in self.ringing:
            operator = self.ringing.pop(call)
            self._change(operator, Trigger.WITHDRAWN)
            self._tell(operator)
        elif call in self.waiting:
            del self.waiting[call]
            self.engine.leave(str(call))
        else:
            return  # answered already
        self.outcome[call], self.wait[call] = CallOutcome.ABANDONED, self.now - self.arrival[call]

    def _decide(self) -> float:
        """Make all pairs that can be made; return when to look again."""
        decisions = self.engine.decide(self.now)
        pairs = [(int(pair.call), self.index[pair.operator]) for pair in decisions.pairs]
        for call, operator in pairs:
            del self.waiting[call]
            self.ringing[call] = operator
            self._change(operator, Trigger.OFFER)
        for call, operator in pairs:
            self._record_passed(call, self.operators[operator])
            if self.team.ring_s > 0:
                heappush(self.events, (self.now + self.team.ring_s, _Event.ANSWERS, operator, call))
            else:
                self._answer(call, operator)
        if decisions.look_again is None:
            return math.inf
        if decisions.look_again <= self.now:
            raise RuntimeError(f"at {self.now} the engine wants to look again at {decisions.look_again}")
        return decisions.look_again

    def _record_passed(self, taken: int, operator: Operator) -> None:
        """Record the waiting callers who arrived before the taken one and could have been served by the operator."""
        for call in self.waiting:
            if call > taken:
                break
            steps = self.steps[self.language[call]]
            step = steps[0] if len(steps) == 1 else steps[step_at(steps, self.now - self.arrival[call], self._met)[0]]
            if may_serve(operator, step):
                self.passed[call] = max(self.passed[call], self.arrival[taken] - self.arrival[call])

    def _met(self, step: Step) -> bool:
        return any(
            operator.state is not OperatorState.AWAY and may_serve(operator, step) for operator in self.operators
        )

    def _answer(self, call: int, at: int) -> None:
        del self.ringing[call]
        operator = self._change(at, Trigger.ACCEPTED)
        level = operator.languages.get(self.calls.languages[self.language[call]], BEST_LEVEL)
        talk = self.talk[call] * (1 + self.team.slower_per_level * (BEST_LEVEL - level))
        self.outcome[call], self.wait[call] = CallOutcome.ANSWERED, self.now - self.arrival[call]
        self.handling[call] = talk + self.team.wrap_up_s
        self.served_by[call], self.last_call[at] = at, call
        heappush(self.events, (self.now + talk, _Event.TALK_ENDS, at, call))
        self._tell(at)

    def _change(self, at: int, trigger: Trigger) -> Operator:
        """Change an operator. `_tell` reports it to the engine, once for all changes of an operator at one instant."""
        before = self.operators[at]
        changed = apply_trigger(before, trigger, self.now, wrap_up_s=self.team.wrap_up_s)
        if changed.state is not before.state:
            self._record_span(at)
        self.operators[at] = changed
        return changed

    def _tell(self, at: int) -> None:
        self.engine.set_operator(self.operators[at])

    def _set(self, at: int, operator: Operator) -> None:
        self.operators[at] = operator
        self._tell(at)

    def _record_span(self, at: int) -> None:
        operator = self.operators[at]
        state = _STATE_INDEX.get(operator.state)
        if state is not None and operator.since < self.now:
            self.people.append(at)
            self.states.append(state)
            self.begins.append(operator.since)
            self.ends.append(self.now)

    def _day(self) -> Day:
        for at in range(len(self.operators)):
            self._record_span(at)
        for call in range(len(self.wait)):
            if self.outcome[call] is CallOutcome.LEFT:
                self.wait[call] = self.now - self.arrival[call]
        return Day(
            calls=self.calls,
            team=self.team,
            outcome=np.array(self.outcome, dtype=np.int64),
            wait_s=np.array(self.wait, dtype=np.float64),
            handling_s=np.array(self.handling, dtype=np.float64),
            operator=np.array(self.served_by, dtype=np.int64),
            passed_s=np.array(self.passed, dtype=np.float64),
            spans=Spans(
                np.array(self.people, dtype=np.int64),
                np.array(self.states, dtype=np.int64),
                np.array(self.begins, dtype=np.float64),
                np.array(self.ends, dtype=np.float64),
            ),
            until_s=self.now,
            mean_waiting=self.area / self.now if self.now else 0.0,
        )


_STATE_INDEX = {state: at for at, state in enumerate(STATES)}


def _off_duty(operator: Operator) -> Operator:
    """Return the operator logged out with the telephone registered, so that coming on duty makes them ready."""
    return Operator(operator.id, operator.languages, operator.topics, OperatorState.AWAY, LOGGED_OUT, present=True)
