"""The smallest change that would have served a waiting caller: an earlier arrival, an idle operator, or both.

Changes in time alone come first, because time brings them by itself; then changes of one operator. Only certain changes
are given: their effect on other callers is taken into account, and if it cannot be determined, there is no result.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from routing.match import Step, Waiting, may_serve, seconds_since, step_at
from routing.queues import Queue
from routing.ranking import Key, Ranking
from routing.reasons import heads
from routing.states import Operator, OperatorState

LOOKED_AT = 24
"""The number of operators that are looked at, whatever the size of the floor."""

_MOST_CALLERS = 1000
"""With more waiting callers, away operators are not considered, because that takes a look at every caller."""

_RESOLUTION_S = 0.001
"""Changes are given in milliseconds, rounded up beyond what is needed."""

_BY_NEARNESS = ("ready", "wrapping_up", "offered", "talking", "paused", "away")
_NEARNESS = {OperatorState(state): rank for rank, state in enumerate(_BY_NEARNESS)}
"""The states by how close they are to idle; `ready` is idle."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that would have served the caller: the caller arrives `earlier_s` earlier, and the operator has been
    idle for `state_s` seconds instead of in `state` (`ready`: they are idle already)."""

    operator: str
    state: OperatorState
    state_s: float | None  # None: unknown
    earlier_s: float


def nearest_change(ranking: Ranking, call: str, now: float) -> Change | None:
    """Return the smallest change that would have served a call that still waits after this instant's decision.

    None if no change of arrival time and one operator would have been enough for certain.
    """
    waiting = ranking.queues.waiting(call)
    return _earlier_arrival(ranking, waiting, now) or _idle_operator(ranking, waiting, now)


def _earlier_arrival(ranking: Ranking, waiting: Waiting, now: float) -> Change | None:
    """Return the earlier arrival after which the hold or a step would be over. The idle operator is not reserved then,
    and no caller ahead could have got them, because none has."""
    staff, queues = ranking.staff, ranking.queues
    waited, ends = now - waiting.since, {ranking.policy.hold_s}
    if len(waiting.steps) > 1:
        end = step_at(waiting.steps, waited - waiting.before, staff.can_meet)[1]
        while end is not None:
            ends.add(end + waiting.before)
            end = step_at(waiting.steps, end, staff.can_meet)[1]
    for later in sorted(ends):
        earlier = _round_up(later - waited)
        if later <= waited or not earlier < math.inf:
            continue
        moved = waiting.since - earlier
        step = queues.step_if_since(waiting, moved, now)
        if not staff.anybody_idle(step):
            continue
        choice = staff.best(step, _yields(ranking, waiting, step, moved, now))
        if choice is not None:
            return Change(choice.operator, OperatorState.READY, seconds_since(choice.since, now), earlier)
    return None


def _idle_operator(ranking: Ranking, waiting: Waiting, now: float) -> Change | None:
    """Return the qualified operator who would have served the caller if idle, and whom no other caller would have got.
    Of operators with the same skills only the one nearest to idle is examined: the change is the same for all."""
    staff, queues = ranking.staff, ranking.queues
    step = queues.step_of(waiting, now)
    met = staff.can_meet(step)  # if not, nobody on duty meets any other step either: all who qualify are away
    steps = [step] if met else dict.fromkeys(waiting.steps)
    qualified = {operator.id: operator for step in steps for operator in staff.not_idle(step, LOOKED_AT)}
    ranked = sorted(
        (_NEARNESS[staff.state(operator.id)], operator.since, at, operator)
        for at, operator in enumerate(qualified.values())
    )
    idle = _IfIdle(ranking, waiting, now) if met else None
    named = {step.operator for step in waiting.steps}
    best: Change | None = None
    seen: set[object] = set()
    for rank, since, _, operator in ranked:
        if met and rank == _NEARNESS[OperatorState.AWAY]:
            break
        identity = operator.id
        apart = identity in named or identity in queues.requested or identity in queues.excluded
        alone = identity if apart else None
        alike = (tuple(operator.languages.items()), operator.topics, operator.planned, alone)
        if alike in seen:
            continue
        seen.add(alike)
        hypothesis = idle or _IfOnDuty(ranking, waiting, now, operator)
        earlier = hypothesis.earlier(operator, best.earlier_s if best is not None else math.inf)
        if earlier is not None:
            best = Change(identity, staff.state(identity), seconds_since(since, now), earlier)
            if not earlier:
                break
    return best


class _IfIdle:
    """The caller's situation if a busy operator on duty were idle. What does not depend on the operator is computed
    once."""

    def __init__(self, ranking: Ranking, waiting: Waiting, now: float) -> None:
        self.ranking, self.waiting, self.now = ranking, waiting, now
        self.border = now - ranking.policy.target_s
        self._firsts: dict[Queue, tuple[Key | None, Key | None]] = {}
        self.step = self.step_if_since(waiting.since)
        if self.step is not None:
            self.mine = self.place(self.step, waiting.since)

    def earlier(self, operator: Operator, under: float) -> float | None:
        """Return how many seconds earlier the caller must arrive to get this operator; None if it is not certain, or
        not less than `under`."""
        step = self.step
        if step is None or not self.certain(operator):
            return None
        reserved = self.reserved(operator)
        if reserved and self.yields(step):
            return None
        first = min(self.rivals(operator, reserved), default=self.mine)
        needed = 0.0 if self.mine <= first else _round_up(self.mine[0] - first[0])
        # Arriving that early the caller may be late, and yield.
        for earlier in (needed, needed + self.ranking.policy.passing):
            if not (rounded := round(earlier, 3)) < under:
                return None
            moved = self.waiting.since - earlier
            if self.step_if_since(moved) == step and self.place(step, moved) <= first:
                return rounded
        return None

    def certain(self, operator: Operator) -> bool:
        return self.ranking.staff.cover.reserves_as_many_with(operator.languages)

    def reserved(self, operator: Operator) -> bool:
        return self.ranking.staff.cover.would_be_reserved(operator.languages)

    def step_if_since(self, since: float) -> Step | None:
        return self.ranking.queues.step_if_since(self.waiting, since, self.now)

    def yields(self, step: Step) -> bool:
        return _yields(self.ranking, self.waiting, step, self.waiting.since, self.now)

    def place(self, step: Step, since: float) -> Key:
        late = since < self.border
        key = self.ranking.policy.key(since, self.head_start(step.language), self.waiting.priority, late)
        return key, since, self.waiting.call

    def head_start(self, language: str) -> float:
        return self.ranking.head_start(language)

    def rivals(self, operator: Operator, reserved: bool) -> Iterator[Key]:
        """Yield the keys of callers who would have got the operator if they are ahead of this caller."""
        for queue in self.ranking.queues.servable_by(operator):
            firsts = self._firsts.get(queue)
            if firsts is None:
                firsts = self._firsts[queue] = self._first(queue)
            if (first := firsts[reserved]) is not None:
                yield first

    def _first(self, queue: Queue) -> tuple[Key | None, Key | None]:
        """Return the first key in a queue other than the caller's own; and the first among callers who do not yield a
        reserved operator."""
        ranking = self.ranking
        places = [
            ((ranking.key(queue, since, late), since, call), ranking.yields(queue, since, self.now))
            for (since, call), late in heads(queue.callers, self.waiting.call, self.border)
        ]
        return min((place for place, _ in places), default=None), min(
            (p for p, held in places if not held), default=None
        )


class _IfOnDuty(_IfIdle):
    """The caller's situation if this away operator were on duty and idle.

    Used only if nobody on duty can serve the caller: then no other operator is better for them, and the steps of others
    matter only for who is first.
    """

    def __init__(self, ranking: Ranking, waiting: Waiting, now: float, operator: Operator) -> None:
        staff, policy = ranking.staff, ranking.policy
        self.operator, self.on_duty = operator, staff.cover.on_duty + 1
        self.able = [step for step in waiting.steps if may_serve(operator, step)]
        rare = [other for other in operator.languages if policy.rare(self._speakers(ranking, other), self.on_duty)]
        self._reserved = any(staff.cover.free[language] < policy.spare for language in rare)
        super().__init__(ranking, waiting, now)

    def certain(self, operator: Operator) -> bool:
        # A caller with steps in several languages might be at another step if this operator were on duty.
        queues = self.ranking.queues
        return len(queues) <= _MOST_CALLERS and all(
            len(other.steps) == 1 or len({step.language for step in other.steps}) == 1 for other in queues.all_waiting()
        )

    def reserved(self, operator: Operator) -> bool:
        return self._reserved

    def step_if_since(self, since: float) -> Step | None:
        if not self.able:
            return None
        begins = since + self.waiting.before
        return self.waiting.steps[step_at(self.waiting.steps, self.now - begins, self.able.__contains__)[0]]

    def yields(self, step: Step) -> bool:
        policy, since = self.ranking.policy, self.waiting.since
        common = not policy.rare(self._speakers(self.ranking, step.language), self.on_duty)
        return _in_hold(self.ranking, self.waiting, step, since, self.now) and common

    def head_start(self, language: str) -> float:
        return self.ranking.policy.head_start(self._speakers(self.ranking, language), self.on_duty)

    def rivals(self, operator: Operator, reserved: bool) -> Iterator[Key]:
        """Yield the keys of all callers in one of the operator's languages, whatever their steps."""
        policy = self.ranking.policy
        for language, priority, places in self.ranking.queues.arrivals():
            if language not in operator.languages:
                continue
            for (since, call), late in heads(places, self.waiting.call, self.border):
                yield policy.key(since, self.head_start(language), priority, late), since, call

    def _speakers(self, ranking: Ranking, language: str) -> int:
        return ranking.staff.cover.speakers[language] + (language in self.operator.languages)


def _yields(ranking: Ranking, waiting: Waiting, step: Step, since: float, now: float) -> bool:
    """Return whether the caller would do without reserved operators, at `step` and having arrived at `since`."""
    return _in_hold(ranking, waiting, step, since, now) and ranking.staff.cover.is_common(step.language)


def _in_hold(ranking: Ranking, waiting: Waiting, step: Step, since: float, now: float) -> bool:
    return since > now - ranking.policy.hold_s and waiting.priority <= 0 and step.operator is None


def _round_up(seconds: float) -> float:
    return round(math.ceil(seconds / _RESOLUTION_S + 1) * _RESOLUTION_S, 3) if seconds < math.inf else math.inf
