"""A day in events: calls come, operators answer, talk, wrap up, come and go; the engine decides who gets whom.

Events of one instant are all taken before the engine is asked, as the floor does it. An operator changes by the same
table of transitions as a real one.
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
from routing.states import LOGGED_OUT, Operator, OperatorState, Trigger, after


class Routing(Protocol):
    """What the day needs of `routing.engine.Engine`."""

    def set_operator(self, operator: Operator) -> None: ...
    def wait(self, waiting: Waiting) -> None: ...
    def leave(self, call: str) -> None: ...
    def decide(self, now: float) -> Decisions: ...


class Ended(IntEnum):
    ANSWERED = 0
    ABANDONED = 1
    LEFT = 2  # still waiting when nothing more could happen: nobody came on duty again


@dataclass(frozen=True, slots=True)
class Spans:
    """What operators did from when to when, a column for each; `operator` is an index into the team."""

    operator: NDArray[np.int64]
    state: NDArray[np.int64]  # an index into STATES
    begins: Seconds
    ends: Seconds


STATES = (OperatorState.TALKING, OperatorState.WRAPPING_UP, OperatorState.READY)
"""Those of which occupancy is made."""


@dataclass(frozen=True, slots=True)
class Day:
    """What became of each call, in the order of `calls`.

    `wait_s`: until an operator answered, or until the caller gave up or was left. `handling_s`: talk and wrap-up, 0 for
    who was not answered. `operator`: an index into the team, -1 for nobody. `passed_s`: by how much the latest-coming
    caller came after him whom an operator took before him, though that operator could have served him; 0: nobody.
    `mean_waiting`: callers who wait, over the time until the last event.
    """

    calls: Calls
    team: Team
    ended: NDArray[np.int64]
    wait_s: Seconds
    handling_s: Seconds
    operator: NDArray[np.int64]
    passed_s: Seconds
    spans: Spans
    until_s: float
    mean_waiting: float


class _Event(IntEnum):
    """In the order in which they are taken at one instant: of two shifts that touch the first one ends before the other
    begins, and who is answered just as his patience ends is answered."""

    GOES_OFF_DUTY = 0
    COMES_ON_DUTY = 1
    TALK_ENDS = 2
    WRAP_UP_ENDS = 3
    ANSWERS = 4
    GIVES_UP = 5


def simulate(calls: Calls, team: Team, engine: Routing, needs: Mapping[str, tuple[Step, ...]] | None = None) -> Day:
    """The day of these calls with this team, routed by `engine`, which must be new. `needs`: what callers of a language
    need, step by step; absent: an operator who speaks it."""
    steps = [(needs or {}).get(each) or (Step(each),) for each in calls.languages]
    return _Running(calls, team, engine, steps).run()


class _Running:
    """What is going on. Calls and operators are known by their index; the engine knows them by name."""

    def __init__(self, calls: Calls, team: Team, engine: Routing, steps: list[tuple[Step, ...]]) -> None:
        self.calls, self.team, self.engine = calls, team, engine
        count = len(calls)
        self.arrival, self.patience = calls.arrival.tolist(), calls.patience_s.tolist()
        self.talk, self.language = calls.talk_s.tolist(), calls.language.tolist()
        self.steps = steps
        self.ended = [Ended.LEFT] * count
        self.wait = [math.nan] * count
        self.handling = [0.0] * count
        self.served_by = [-1] * count
        self.passed = [0.0] * count
        self.waiting: dict[int, None] = {}  # without an offer, in the order of their coming
        self.ringing: dict[int, int] = {}  # call to operator
        self.operators = list(team.operators)
        self.last_call = [-1] * len(team.operators)
        self.place = {each.id: at for at, each in enumerate(team.operators)}
        self.events: list[tuple[float, int, int, int]] = []  # instant, kind, operator or call, call
        self.people, self.states, self.begins, self.ends = array("q"), array("q"), array("d"), array("d")
        self.area = 0.0  # callers who wait times seconds
        self.now = 0.0

    def run(self) -> Day:
        for at, operator in enumerate(self.team.operators):
            shifts = self.team.shifts.get(operator.id)
            away = after(_away(operator), Trigger.LOG_OUT, 0.0)
            self._set(at, away)
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
                self._take(kind, first, call)
            while coming < count and arrival[coming] == instant:
                self._arrives(coming)
                coming += 1
            look = self._decide()
        return self._day()

    def _arrives(self, call: int) -> None:
        self.waiting[call] = None
        self.engine.wait(Waiting(str(call), self.steps[self.language[call]], self.now))
        if self.patience[call] < math.inf:
            heappush(self.events, (self.now + self.patience[call], _Event.GIVES_UP, call, -1))

    def _take(self, kind: int, first: int, call: int) -> None:
        if kind == _Event.TALK_ENDS:
            self._change(first, Trigger.ENDED)
            if self.team.wrap_up_s > 0:
                heappush(self.events, (self.now + self.team.wrap_up_s, _Event.WRAP_UP_ENDS, first, call))
            else:
                self._change(first, Trigger.WRAP_UP_OVER)
            self._tell(first)
        elif kind == _Event.WRAP_UP_ENDS:
            if self.last_call[first] == call:  # else he went home during that wrap-up, and has had another call since
                self._change(first, Trigger.WRAP_UP_OVER)
                self._tell(first)
        elif kind == _Event.ANSWERS:
            if self.ringing.get(call) == first:
                self._answered(call, first)
        elif kind == _Event.GIVES_UP:
            self._gives_up(first)
        elif kind == _Event.COMES_ON_DUTY:
            self._change(first, Trigger.RESUME)
            self._tell(first)
        else:
            self._change(first, Trigger.LOG_OUT)
            self._tell(first)

    def _gives_up(self, call: int) -> None:
        if call in self.ringing:
            operator = self.ringing.pop(call)
            self._change(operator, Trigger.WITHDRAWN)
            self._tell(operator)
        elif call in self.waiting:
            del self.waiting[call]
            self.engine.leave(str(call))
        else:
            return  # he was answered
        self.ended[call], self.wait[call] = Ended.ABANDONED, self.now - self.arrival[call]

    def _decide(self) -> float:
        """Makes all pairs that can be made; when to look again."""
        decisions = self.engine.decide(self.now)
        pairs = [(int(each.call), self.place[each.operator]) for each in decisions.pairs]
        for call, operator in pairs:
            del self.waiting[call]
            self.ringing[call] = operator
            self._change(operator, Trigger.OFFER)
        for call, operator in pairs:
            self._note_passed(call, self.operators[operator])
            if self.team.ring_s > 0:
                heappush(self.events, (self.now + self.team.ring_s, _Event.ANSWERS, operator, call))
            else:
                self._answered(call, operator)
        if decisions.look_again is None:
            return math.inf
        if decisions.look_again <= self.now:
            raise RuntimeError(f"at {self.now} the engine wants to look again at {decisions.look_again}")
        return decisions.look_again

    def _note_passed(self, taken: int, operator: Operator) -> None:
        """Who came before the taken caller, still waits, and could have been served by the operator, was passed."""
        for call in self.waiting:
            if call > taken:
                break
            steps = self.steps[self.language[call]]
            step = steps[0] if len(steps) == 1 else steps[step_at(steps, self.now - self.arrival[call], self._met)[0]]
            if may_serve(operator, step):
                self.passed[call] = max(self.passed[call], self.arrival[taken] - self.arrival[call])

    def _met(self, step: Step) -> bool:
        return any(each.state is not OperatorState.AWAY and may_serve(each, step) for each in self.operators)

    def _answered(self, call: int, at: int) -> None:
        del self.ringing[call]
        operator = self._change(at, Trigger.ACCEPTED)
        level = operator.languages.get(self.calls.languages[self.language[call]], BEST_LEVEL)
        talk = self.talk[call] * (1 + self.team.slower_per_level * (BEST_LEVEL - level))
        self.ended[call], self.wait[call] = Ended.ANSWERED, self.now - self.arrival[call]
        self.handling[call] = talk + self.team.wrap_up_s
        self.served_by[call], self.last_call[at] = at, call
        heappush(self.events, (self.now + talk, _Event.TALK_ENDS, at, call))
        self._tell(at)

    def _change(self, at: int, trigger: Trigger) -> Operator:
        """The engine is told by `_tell`, once for all that happens to an operator at one instant."""
        before = self.operators[at]
        changed = after(before, trigger, self.now, wrap_up_s=self.team.wrap_up_s)
        if changed.state is not before.state:
            self._note(at)
        self.operators[at] = changed
        return changed

    def _tell(self, at: int) -> None:
        self.engine.set_operator(self.operators[at])

    def _set(self, at: int, operator: Operator) -> None:
        self.operators[at] = operator
        self._tell(at)

    def _note(self, at: int) -> None:
        operator = self.operators[at]
        state = _PLACE.get(operator.state)
        if state is not None and operator.since < self.now:
            self.people.append(at)
            self.states.append(state)
            self.begins.append(operator.since)
            self.ends.append(self.now)

    def _day(self) -> Day:
        for at in range(len(self.operators)):
            self._note(at)
        for call in range(len(self.wait)):
            if self.ended[call] is Ended.LEFT:
                self.wait[call] = self.now - self.arrival[call]
        return Day(
            calls=self.calls,
            team=self.team,
            ended=np.array(self.ended, dtype=np.int64),
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


_PLACE = {state: at for at, state in enumerate(STATES)}


def _away(operator: Operator) -> Operator:
    """At home, with his telephone there: coming on duty makes him ready."""
    return Operator(operator.id, operator.languages, operator.topics, OperatorState.AWAY, LOGGED_OUT, present=True)
