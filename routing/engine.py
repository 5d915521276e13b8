"""The routing engine: pairs waiting callers with idle operators and gives the reason for each pair.

Callers are visited in the order of the policy's key. Each one gets the qualified idle operator with the lowest price,
except operators who are reserved for rare languages. Between two decisions only a change can make a new pair, so the
engine looks at changes only: callers who are new or have reached another step, operators who have become idle, and
operators who are no longer reserved. The cost of an event depends on the number of kinds of needs and of operators, not
on the number of callers and operators.

No clock: instants are POSIX seconds, passed in as arguments. They may jump; a caller whose wait starts in the future
has waited zero seconds.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from routing.match import UNEXPLAINED, Decision, Decisions, Waiting, deadline
from routing.policy import Policy
from routing.pools import Choice
from routing.queues import Queue, Queues
from routing.ranking import Key, Ranking, Stretch, Turn
from routing.reasons import reason_of
from routing.staff import Staff
from routing.states import Operator

_NOTHING = Decisions((), None)


class Engine:
    """The waiting callers and the operators on the floor. All updates are idempotent.

    `explains`: whether decisions have reasons in figures, which are half of the work; a simulation needs none.
    """

    def __init__(self, policy: Policy | None = None, *, explains: bool = True) -> None:
        self.policy = policy or Policy()
        self._explains = explains
        self.staff = Staff(self.policy)
        self.queues = Queues(self.staff.can_meet)
        self.ranking = Ranking(self.policy, self.staff, self.queues)
        self._newly_idle: dict[str, None] = {}  # operators who have become idle since the last decision
        self._reserved: dict[str, None] = {}  # idle operators who were, or could have been, withheld from a caller
        self._reserved_until: float | None = None
        self._staff_changed = False
        self._now: float | None = None
        self._settled_until = -math.inf  # until then nothing is to be decided, unless something changes

    def set_operator(self, operator: Operator) -> None:
        """Add an operator, or replace one who has changed in any way."""
        identity = operator.id
        before = self.staff.find(identity)
        if operator.is_idle:
            self._newly_idle[identity] = None
            self._settled_until = -math.inf
        elif self.staff.is_idle(identity):
            self._newly_idle.pop(identity, None)
            self._settled_until = -math.inf
        if self.staff.put(operator):
            self._changed({*operator.languages, *(before.languages if before is not None else ())}, identity)

    def remove_operator(self, identity: str) -> None:
        before = self.staff.find(identity)
        if before is not None and self.staff.remove(identity):
            self._changed(before.languages, identity)
        self._newly_idle.pop(identity, None)
        self._settled_until = -math.inf

    def wait(self, waiting: Waiting) -> None:
        """Add a waiting caller. Raises ValueError if the caller has no steps."""
        self.queues.add(waiting)
        self._settled_until = -math.inf

    def leave(self, call: str) -> None:
        self.queues.remove(call)
        self._settled_until = -math.inf

    @property
    def waiting(self) -> list[Waiting]:
        """Waiting callers in the policy's order at the last decision."""
        return sorted(self.queues.all_waiting(), key=self._key_of)

    def decide(self, now: float) -> Decisions:
        """Make all pairs that are possible now and return them. Until `look_again` no pair becomes possible by the
        passing of time alone."""
        if self._now is not None and self._now <= now < self._settled_until:
            self._now = now
            return _NOTHING if self._settled_until == math.inf else Decisions((), self._settled_until)
        self._now = now
        if not self.queues:
            return self._nobody_waits()
        new = self.queues.place(now)
        # If everybody waits in a queue with new callers, all operators are considered for all of them anyway.
        all_new = sum(len(queue.callers) for queue in new) == len(self.queues)
        candidates = {} if all_new else self._candidates(now)
        self._staff_changed = False
        turns = self._turns(new, candidates, now)
        fresh = {id(queue) for queue in new}
        pairs: list[Decision] = []
        while turns:
            turn = heappop(turns)
            if not candidates:
                if not fresh:
                    break
                if id(turn.queue) not in fresh:
                    continue
            if turn.stretch is Stretch.ALL:
                for stretch in (Stretch.LATE, Stretch.TIMELY):
                    self._push(turns, turn.queue, stretch, now)
            elif (choice := self._choice(turn, now)) is not None:
                pairs.append(self._pair(turn, choice, now))
                candidates.pop(choice.operator, None)
                self._push(turns, turn.queue, turn.stretch, now)
        self._newly_idle.clear()
        moved = tuple(call for call in self.queues.moved if self.queues.find(call) is not None)
        again = self._look_again(now)
        self._settled_until = math.inf if again is None else again
        return Decisions(tuple(pairs), again, moved)

    def _nobody_waits(self) -> Decisions:
        """Return that nothing is to be decided: whoever comes is offered to all idle operators."""
        self._newly_idle.clear()
        self._reserved, self._reserved_until, self._staff_changed = {}, None, False
        self._settled_until = math.inf
        return _NOTHING

    def _push(self, turns: list[Turn], queue: Queue, stretch: Stretch, now: float) -> None:
        """Push the turn of the stretch's first caller, if the stretch is not empty."""
        if not queue.callers:
            return
        border = bisect_left(queue.callers, (now - self.policy.target_s,))
        late = stretch is Stretch.LATE
        at, end = (0, border) if late else (border, len(queue.callers))
        if at < end:
            since, call = queue.callers[at]
            heappush(turns, Turn((self.ranking.key(queue, since, late), since, call), stretch, queue))

    def _choice(self, turn: Turn, now: float) -> Choice | None:
        return self.staff.best(turn.queue.step, self.ranking.yields(turn.queue, turn.key[1], now))

    def _pair(self, turn: Turn, choice: Choice, now: float) -> Decision:
        _, _, call = turn.key
        if self._explains:
            reason = reason_of(self.ranking, turn, choice, now)
        else:
            reason = UNEXPLAINED
            self.staff.take(choice.operator)
        self.queues.remove(call)
        return Decision(call, choice.operator, reason)

    def _candidates(self, now: float) -> dict[str, None]:
        """Return the idle operators who may now serve a caller that they could not serve at the last decision."""
        candidates = {identity: None for identity in self._newly_idle if self.staff.is_idle(identity)}
        over = self._reserved_until is not None and now >= self._reserved_until
        for identity in self._reserved:
            if self.staff.is_idle(identity) and (
                over or self._staff_changed or not self.staff.is_reserved(self.staff.operator(identity))
            ):
                candidates[identity] = None
        return candidates

    def _turns(self, new: Iterable[Queue], candidates: Iterable[str], now: float) -> list[Turn]:
        """Return a heap of the queues in which a pair is possible, each with a lower bound on its callers' keys."""
        queues = {id(queue): queue for queue in new if self.staff.anybody_idle(queue.step)}
        seen = set()
        for identity in candidates:
            operator = self.staff.operator(identity)
            alike = (tuple(operator.languages.items()), operator.topics)
            excluded = identity in self.queues.excluded
            if excluded or alike not in seen or identity in self.queues.requested:
                if not excluded:
                    seen.add(alike)  # an operator excluded by a caller does not stand for others with the same skills
                queues.update((id(queue), queue) for queue in self.queues.servable_by(operator))
        turns, border = [], now - self.policy.target_s
        for key, queue in zip(self.ranking.fronts(queues.values()), queues.values(), strict=True):
            since, call = queue.callers[0]
            # If nobody in the queue is late, the lower bound is the first caller's key.
            turns.append(Turn((key, since, call), Stretch.ALL if since < border else Stretch.TIMELY, queue))
        heapify(turns)
        return turns

    def _look_again(self, now: float) -> float | None:
        """Return when the next step or hold ends. Becoming late only changes the order, which by itself makes no
        pair."""
        if not self.queues:
            self._reserved, self._reserved_until = {}, None
            return None
        self._reserved_until = self._hold_ends(now)
        return min((end for end in (self.queues.next_end(), self._reserved_until) if end is not None), default=None)

    def _hold_ends(self, now: float) -> float | None:
        self._reserved = {}
        soonest: float | None = None
        for operator in self.staff.reserved():
            self._reserved[operator.id] = None
            for queue in self.queues.servable_by(operator):
                if self.ranking.may_yield(queue):
                    at = bisect_right(queue.callers, (now - self.policy.hold_s, "\U0010ffff"))
                    if at < len(queue.callers) and (soonest is None or queue.callers[at][0] < soonest):
                        soonest = queue.callers[at][0]
        return None if soonest is None else deadline(soonest, self.policy.hold_s)

    def _changed(self, languages: Iterable[str], identity: str) -> None:
        self._staff_changed = True
        self._settled_until = -math.inf
        self.ranking.staff_changed()
        self.queues.staff_changed(languages, identity)

    def _key_of(self, waiting: Waiting) -> Key:
        now = self._now if self._now is not None else float("-inf")
        head_start = self.ranking.head_start(self.queues.step_of(waiting, now).language)
        late = waiting.since < now - self.policy.target_s
        return self.policy.key(waiting.since, head_start, waiting.priority, late), waiting.since, waiting.call
