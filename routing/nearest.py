"""The nearest change that would have served a caller who waits: that he had come earlier, that an operator had been
idle, or both.

Changes of time alone come first, since time brings them by itself; then those of one operator. Only what is certain is
told: what a change would do to others is counted, and where that cannot be said, nothing is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.match import Step, Waiting, may_serve, step_at
from routing.reasons import heads
from routing.states import OperatorState

if TYPE_CHECKING:
    from routing.engine import Engine
    from routing.pools import Choice

LOOKED_AT = 24
"""So many operators at most are looked at, whatever the size of the floor."""

_ASKED = 1000
"""Of an operator who is away nothing is said where more callers wait: all of them are looked at for it."""

_CLEARLY_S = 0.001
"""Changes are told to the millisecond, a little more than what is needed."""

_NEARNESS = tuple(OperatorState(each) for each in ("ready", "wrapping_up", "offered", "talking", "paused", "away"))
"""Whoever is nearest to being idle first; `ready` is idle."""


@dataclass(frozen=True, slots=True)
class Change:
    """Had the caller come `earlier_s` earlier, and the operator been idle since `state_s` seconds ago instead of in his
    `state` (`ready`: he is idle), the operator would have got the caller."""

    operator: str
    state: OperatorState
    state_s: float
    earlier_s: float


def nearest(engine: "Engine", call: str, now: float) -> Change | None:
    """For a caller who waits after the decision of this instant. None: nothing as small as that would have."""
    waiting = engine.queues.waiting(call)
    return _earlier(engine, waiting, now) or _an_operator(engine, waiting, now)


def _earlier(engine: "Engine", waiting: Waiting, now: float) -> Change | None:
    """He had come before: the hold is over, or a step. The idle operator is not kept from him then; nobody before him
    could have had him, since nobody has."""
    staff, queues = engine.staff, engine.queues
    waited, found = now - waiting.since, set()
    end = step_at(waiting.steps, waited, staff.can_meet)[1]
    while end is not None:
        found.add(end)
        end = step_at(waiting.steps, end, staff.can_meet)[1]
    found.add(engine.policy.hold_s)
    for later in sorted(found):
        earlier = _clearly(later - waited)
        if later <= waited or not earlier < math.inf:
            continue
        moved = waiting.since - earlier
        step = queues.step_if_since(waiting, moved, now)
        got = staff.best(step, _yields(engine, waiting, step, moved, now))
        if got is not None:
            return Change(got.operator, OperatorState.READY, _ago(now, got.since), earlier)
    return None


def _an_operator(engine: "Engine", waiting: Waiting, now: float) -> Change | None:
    """One who is fit and not idle had been, and nobody else had got him."""
    staff = engine.staff
    step = engine.queues.step_of(waiting, now)
    steps = [step] if staff.can_meet(step) else dict.fromkeys(waiting.steps)
    best: tuple[float, int, float, Change] | None = None
    for each in steps:
        for choice in staff.not_idle(each, LOOKED_AT):
            change = _had_been_idle(engine, waiting, choice, now)
            if change is not None:
                rank = (change.earlier_s, _NEARNESS.index(change.state), choice.since, change)
                best = rank if best is None or rank[:3] < best[:3] else best
    return best[3] if best is not None else None


def _had_been_idle(engine: "Engine", waiting: Waiting, choice: "Choice", now: float) -> Change | None:
    state = engine.staff.state(choice.operator)
    world = _Comes(engine, choice.operator) if state is OperatorState.AWAY else _Idle(engine, choice.operator)
    if not world.certain:
        return None
    step = world.step(waiting, waiting.since, now)
    if step is None or (world.kept and world.yields(waiting, step, waiting.since, now)):
        return None
    mine = world.place(waiting, step, waiting.since, now)
    first = min(world.rivals(waiting, now), default=mine)
    needed = 0.0 if mine <= first else _clearly(mine[0] - first[0])
    for earlier in (needed, needed + engine.policy.passing):  # coming so early he may be late, and yield
        moved = waiting.since - earlier
        if world.step(waiting, moved, now) == step and world.place(waiting, step, moved, now) <= first:
            return Change(choice.operator, state, _ago(now, choice.since), round(earlier, 3))
    return None


class _Idle:
    """How it would be, had an operator on duty who is not idle been it."""

    def __init__(self, engine: "Engine", operator: str) -> None:
        self.engine, self.operator = engine, engine.staff.operator(operator)
        self.certain = engine.staff.keeps_as_many_beside(self.operator)
        self.kept = engine.staff.would_be_kept(self.operator)

    def step(self, waiting: Waiting, since: float, now: float) -> Step | None:
        return self.engine.queues.step_if_since(waiting, since, now)

    def yields(self, waiting: Waiting, step: Step, since: float, now: float) -> bool:
        return _yields(self.engine, waiting, step, since, now)

    def place(self, waiting: Waiting, step: Step, since: float, now: float) -> tuple[float, float, str]:
        late = since < now - self.engine.policy.target_s
        key = self.engine.policy.key(since, self.head_start(step.language), waiting.priority, late)
        return key, since, waiting.call

    def head_start(self, language: str) -> float:
        return self.engine.head_start(language)

    def rivals(self, waiting: Waiting, now: float) -> Iterator[tuple[float, float, str]]:
        """The places of those who would have got him first, if they are before the caller."""
        engine, border = self.engine, now - self.engine.policy.target_s
        for queue in engine.queues.which(self.operator):
            for (since, call), late in heads(queue.callers, waiting.call, border):
                if not (self.kept and engine.yields(queue, since, now)):
                    yield engine.key(queue, since, late), since, call


class _Comes(_Idle):
    """How it would be, had an operator who is away been on duty and idle. Certain only for who waits since nobody on
    duty can help him: then nobody else is better for him, and no step of others matters but for who is first."""

    def __init__(self, engine: "Engine", operator: str) -> None:
        self.engine, self.operator = engine, engine.staff.operator(operator)
        staff, policy = engine.staff, engine.policy
        self.on_duty = staff.on_duty + 1
        rare = [each for each in self.operator.languages if policy.rare(self.speakers(each), self.on_duty)]
        self.kept = any(staff.free[each] < policy.spare for each in rare)
        # Who has steps in several languages may need another one, were he on duty.
        few = len(engine.queues) <= _ASKED
        self.certain = few and all(len({each.language for each in one.steps}) == 1 for one in engine.queues.everybody())

    def speakers(self, language: str) -> int:
        return self.engine.staff.speakers[language] + (language in self.operator.languages)

    def head_start(self, language: str) -> float:
        return self.engine.policy.head_start(self.speakers(language), self.on_duty)

    def step(self, waiting: Waiting, since: float, now: float) -> Step | None:
        able = [each for each in waiting.steps if may_serve(self.operator, each)]
        if not able or any(map(self.engine.staff.can_meet, waiting.steps)):
            return None
        return waiting.steps[step_at(waiting.steps, now - since, able.__contains__)[0]]

    def yields(self, waiting: Waiting, step: Step, since: float, now: float) -> bool:
        engine = self.engine
        common = not engine.policy.rare(self.speakers(step.language), self.on_duty)
        return _in_hold(engine, waiting, step, since, now) and common

    def rivals(self, waiting: Waiting, now: float) -> Iterator[tuple[float, float, str]]:
        """Everybody who speaks one of his languages, whatever he needs."""
        engine, border = self.engine, now - self.engine.policy.target_s
        for language, priority, places in engine.queues.arrivals():
            if language not in self.operator.languages:
                continue
            for (since, call), late in heads(places, waiting.call, border):
                yield engine.policy.key(since, self.head_start(language), priority, late), since, call


def _yields(engine: "Engine", waiting: Waiting, step: Step, since: float, now: float) -> bool:
    """Whether he does without those who are kept, were `step` what he needs and had he come at `since`."""
    return _in_hold(engine, waiting, step, since, now) and engine.staff.common(step.language)


def _in_hold(engine: "Engine", waiting: Waiting, step: Step, since: float, now: float) -> bool:
    return since > now - engine.policy.hold_s and waiting.priority <= 0 and step.operator is None


def _clearly(seconds: float) -> float:
    return round(math.ceil(seconds / _CLEARLY_S + 1) * _CLEARLY_S, 3) if seconds < math.inf else math.inf


def _ago(now: float, since: float) -> float:
    return round(now - since, 3)
