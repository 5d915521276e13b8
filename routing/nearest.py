"""The nearest change that would have served a caller who waits: that he had come earlier, that an operator had been
idle, or both.

Changes of time alone come first, since time brings them by itself; then those of one operator. Only what is certain is
told: what a change would do to others is counted, and where that cannot be said, nothing is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.match import Step, Waiting, ago, may_serve, step_at
from routing.queues import Queue
from routing.reasons import heads
from routing.states import Operator, OperatorState

if TYPE_CHECKING:
    from routing.engine import Engine, Key

LOOKED_AT = 24
"""So many operators at most are looked at, whatever the size of the floor."""

_ASKED = 1000
"""Of an operator who is away nothing is said where more callers wait: all of them are looked at for it."""

_CLEARLY_S = 0.001
"""Changes are told to the millisecond, a little more than what is needed."""

_BY_NEARNESS = ("ready", "wrapping_up", "offered", "talking", "paused", "away")
_NEARNESS = {OperatorState(each): rank for rank, each in enumerate(_BY_NEARNESS)}
"""Whoever is nearest to being idle first; `ready` is idle."""


@dataclass(frozen=True, slots=True)
class Change:
    """Had the caller come `earlier_s` earlier, and the operator been idle since `state_s` seconds ago instead of in his
    `state` (`ready`: he is idle), the operator would have got the caller."""

    operator: str
    state: OperatorState
    state_s: float | None  # None: nobody knows
    earlier_s: float


def nearest(engine: "Engine", call: str, now: float) -> Change | None:
    """For a caller who waits after the decision of this instant. None: nothing as small as that would have."""
    waiting = engine.queues.waiting(call)
    return _earlier(engine, waiting, now) or _an_operator(engine, waiting, now)


def _earlier(engine: "Engine", waiting: Waiting, now: float) -> Change | None:
    """He had come before: the hold is over, or a step. The idle operator is not kept from him then; nobody before him
    could have had him, since nobody has."""
    staff, queues = engine.staff, engine.queues
    waited, found = now - waiting.since, {engine.policy.hold_s}
    if len(waiting.steps) > 1:
        end = step_at(waiting.steps, waited - waiting.before, staff.can_meet)[1]
        while end is not None:
            found.add(end + waiting.before)
            end = step_at(waiting.steps, end, staff.can_meet)[1]
    for later in sorted(found):
        earlier = _clearly(later - waited)
        if later <= waited or not earlier < math.inf:
            continue
        moved = waiting.since - earlier
        step = queues.step_if_since(waiting, moved, now)
        if not staff.anybody_idle(step):
            continue
        got = staff.best(step, _yields(engine, waiting, step, moved, now))
        if got is not None:
            return Change(got.operator, OperatorState.READY, ago(now, got.since), earlier)
    return None


def _an_operator(engine: "Engine", waiting: Waiting, now: float) -> Change | None:
    """One who is fit and not idle had been, and nobody else had got him. Operators who are alike would have got him by
    the same change: the nearest of them is asked about."""
    staff, queues = engine.staff, engine.queues
    step = queues.step_of(waiting, now)
    met = staff.can_meet(step)  # if not: no other step of his is, and all who are fit are away
    steps = [step] if met else dict.fromkeys(waiting.steps)
    fit = {one.id: one for each in steps for one in staff.not_idle(each, LOOKED_AT)}
    ranked = sorted((_NEARNESS[staff.state(one.id)], one.since, at, one) for at, one in enumerate(fit.values()))
    idle = _Idle(engine, waiting, now) if met else None
    named = {each.operator for each in waiting.steps}
    best: Change | None = None
    asked: set[object] = set()
    for rank, since, _, operator in ranked:
        if met and rank == _NEARNESS[OperatorState.AWAY]:
            break
        identity = operator.id
        apart = identity in named or identity in queues.asked_for or identity in queues.passed_over
        alone = identity if apart else None
        alike = (tuple(operator.languages.items()), operator.topics, operator.planned, alone)
        if alike in asked:
            continue
        asked.add(alike)
        world = idle or _Comes(engine, waiting, now, operator)
        earlier = world.earlier(operator, best.earlier_s if best is not None else math.inf)
        if earlier is not None:
            best = Change(identity, staff.state(identity), ago(now, since), earlier)
            if not earlier:
                break
    return best


class _Idle:
    """How it would be for the caller, had an operator on duty who is not idle been it. What is the same whoever that
    is, is found once."""

    def __init__(self, engine: "Engine", waiting: Waiting, now: float) -> None:
        self.engine, self.waiting, self.now = engine, waiting, now
        self.border = now - engine.policy.target_s
        self._firsts: dict[Queue, tuple[Key | None, Key | None]] = {}
        self.step = self.step_if_since(waiting.since)
        if self.step is not None:
            self.mine = self.place(self.step, waiting.since)

    def earlier(self, operator: Operator, under: float) -> float | None:
        """By how many seconds earlier he had to come to get this operator; None: it is not certain, or no less than
        `under`."""
        step = self.step
        if step is None or not self.certain(operator):
            return None
        kept = self.kept(operator)
        if kept and self.yields(step):
            return None
        first = min(self.rivals(operator, kept), default=self.mine)
        needed = 0.0 if self.mine <= first else _clearly(self.mine[0] - first[0])
        for earlier in (needed, needed + self.engine.policy.passing):  # coming so early he may be late, and yield
            if not (told := round(earlier, 3)) < under:
                return None
            moved = self.waiting.since - earlier
            if self.step_if_since(moved) == step and self.place(step, moved) <= first:
                return told
        return None

    def certain(self, operator: Operator) -> bool:
        return self.engine.staff.keeps_as_many_beside(operator)

    def kept(self, operator: Operator) -> bool:
        return self.engine.staff.would_be_kept(operator)

    def step_if_since(self, since: float) -> Step | None:
        return self.engine.queues.step_if_since(self.waiting, since, self.now)

    def yields(self, step: Step) -> bool:
        return _yields(self.engine, self.waiting, step, self.waiting.since, self.now)

    def place(self, step: Step, since: float) -> "Key":
        late = since < self.border
        key = self.engine.policy.key(since, self.head_start(step.language), self.waiting.priority, late)
        return key, since, self.waiting.call

    def head_start(self, language: str) -> float:
        return self.engine.head_start(language)

    def rivals(self, operator: Operator, kept: bool) -> "Iterator[Key]":
        """The places of those who would have got him first, if they are before the caller."""
        for queue in self.engine.queues.which(operator):
            firsts = self._firsts.get(queue)
            if firsts is None:
                firsts = self._firsts[queue] = self._first(queue)
            if (first := firsts[kept]) is not None:
                yield first

    def _first(self, queue: Queue) -> "tuple[Key | None, Key | None]":
        """The first place in a queue, but for his own; and that of those who do not yield an operator who is kept."""
        engine = self.engine
        places = [
            ((engine.key(queue, since, late), since, call), engine.yields(queue, since, self.now))
            for (since, call), late in heads(queue.callers, self.waiting.call, self.border)
        ]
        return min((place for place, _ in places), default=None), min(
            (p for p, held in places if not held), default=None
        )


class _Comes(_Idle):
    """How it would be, had this operator who is away been on duty and idle. Certain only for who waits since nobody on
    duty can help him: then nobody else is better for him, and no step of others matters but for who is first."""

    def __init__(self, engine: "Engine", waiting: Waiting, now: float, operator: Operator) -> None:
        staff, policy = engine.staff, engine.policy
        self.operator, self.on_duty = operator, staff.on_duty + 1
        self.able = [each for each in waiting.steps if may_serve(operator, each)]
        rare = [each for each in operator.languages if policy.rare(self._speakers(engine, each), self.on_duty)]
        self._kept = any(staff.free[each] < policy.spare for each in rare)
        super().__init__(engine, waiting, now)

    def certain(self, operator: Operator) -> bool:
        # Who has steps in several languages may need another one, were he on duty.
        queues = self.engine.queues
        return len(queues) <= _ASKED and all(
            len(one.steps) == 1 or len({each.language for each in one.steps}) == 1 for one in queues.everybody()
        )

    def kept(self, operator: Operator) -> bool:
        return self._kept

    def step_if_since(self, since: float) -> Step | None:
        if not self.able:
            return None
        begins = since + self.waiting.before
        return self.waiting.steps[step_at(self.waiting.steps, self.now - begins, self.able.__contains__)[0]]

    def yields(self, step: Step) -> bool:
        policy, since = self.engine.policy, self.waiting.since
        common = not policy.rare(self._speakers(self.engine, step.language), self.on_duty)
        return _in_hold(self.engine, self.waiting, step, since, self.now) and common

    def head_start(self, language: str) -> float:
        return self.engine.policy.head_start(self._speakers(self.engine, language), self.on_duty)

    def rivals(self, operator: Operator, kept: bool) -> "Iterator[Key]":
        """Everybody who speaks one of his languages, whatever he needs."""
        policy = self.engine.policy
        for language, priority, places in self.engine.queues.arrivals():
            if language not in operator.languages:
                continue
            for (since, call), late in heads(places, self.waiting.call, self.border):
                yield policy.key(since, self.head_start(language), priority, late), since, call

    def _speakers(self, engine: "Engine", language: str) -> int:
        return engine.staff.speakers[language] + (language in self.operator.languages)


def _yields(engine: "Engine", waiting: Waiting, step: Step, since: float, now: float) -> bool:
    """Whether he does without those who are kept, were `step` what he needs and had he come at `since`."""
    return _in_hold(engine, waiting, step, since, now) and engine.staff.common(step.language)


def _in_hold(engine: "Engine", waiting: Waiting, step: Step, since: float, now: float) -> bool:
    return since > now - engine.policy.hold_s and waiting.priority <= 0 and step.operator is None


def _clearly(seconds: float) -> float:
    return round(math.ceil(seconds / _CLEARLY_S + 1) * _CLEARLY_S, 3) if seconds < math.inf else math.inf
