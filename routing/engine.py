"""The engine: told who waits and who is there, it says at any instant who gets whom, why, and when to ask again.

Callers are visited in the order of the policy's key; each gets the idle operator of the least price who is fit and not
kept from him. Between two decisions only what has changed can make a pair, so only that is looked at: the callers who
are new or need something else, the operators who have become idle, and those who are kept no longer. The cost of an
event depends on how many kinds of needs and of operators there are, not on how many callers and operators.

No clock: instants are POSIX seconds that are passed in. They may jump; who waits since later than now has not waited.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from routing.match import Decision, Decisions, Waiting, instant
from routing.policy import Policy
from routing.pools import Choice
from routing.queues import Queue, Queues
from routing.reasons import reason_of
from routing.staff import Staff
from routing.states import Operator

RULES = 2
"""Counts up whenever the same events and policy may give other decisions; recordings name it."""

Key = tuple[float, float, str]
"""The policy's key, then arrival, then the call's id: an order that never flickers."""


class Stretch(IntEnum):
    """Of a queue, which is in the order of arrival: who is late is at its head."""

    ALL = 0
    LATE = 1
    TIMELY = 2


class Turn(NamedTuple):
    """The first caller of a stretch. Turns sort by their keys; that of a whole queue comes before those within it."""

    key: Key
    stretch: Stretch
    queue: Queue


class Engine:
    """Holds who waits and who is there. Hearing something twice has the effect of once."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.staff = Staff(self.policy)
        self.queues = Queues(self.staff.can_meet)
        self._come: dict[str, None] = {}  # operators who have become idle since the last decision
        self._kept: dict[str, None] = {}  # idle operators who were kept from somebody, or could have been
        self._kept_until: float | None = None
        self._staff_changed = False
        self._head_starts: dict[str, float] = {}  # by language, until the staff changes
        self._now: float | None = None

    def set_operator(self, operator: Operator) -> None:
        """A new operator, or one who has changed in any way."""
        languages = set(operator.languages) | self._languages(operator.id)
        if self.staff.put(operator):
            self._changed(languages, operator.id)
        if operator.is_idle:
            self._come[operator.id] = None
        else:
            self._come.pop(operator.id, None)

    def remove_operator(self, identity: str) -> None:
        languages = self._languages(identity)
        if self.staff.remove(identity):
            self._changed(languages, identity)
        self._come.pop(identity, None)

    def wait(self, waiting: Waiting) -> None:
        """Raises ValueError for a caller who needs nothing."""
        self.queues.add(waiting)

    def leave(self, call: str) -> None:
        self.queues.remove(call)

    @property
    def waiting(self) -> list[Waiting]:
        """Who waits, in the order of the policy as it was at the last decision."""
        return sorted(self.queues.everybody(), key=self._key_of)

    def decide(self, now: float) -> Decisions:
        """All pairs that can be made now; they count as made. Between now and `look_again` time alone makes no pair."""
        self._now = now
        new = self.queues.place(now)
        candidates = self._candidates(now)
        turns = self._turns(new, candidates)
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
        self._come.clear()
        moved = tuple(call for call in self.queues.moved if self.queues.find(call) is not None)
        return Decisions(tuple(pairs), self._look_again(now), moved)

    def key(self, queue: Queue, since: float, late: bool) -> float:
        return self.policy.key(since, self.head_start(queue.step.language), queue.priority, late)

    def fronts(self, queues: Collection[Queue]) -> list[float]:
        """A key for each queue that nobody in it comes before: that of its first caller, were he not late."""
        key, starts = self.policy.key, {each.step.language: self.head_start(each.step.language) for each in queues}
        return [key(each.callers[0][0], starts[each.step.language], each.priority, False) for each in queues]

    def head_start(self, language: str) -> float:
        found = self._head_starts.get(language)
        if found is None:
            found = self.policy.head_start(self.staff.speakers.get(language, 0), self.staff.on_duty)
            self._head_starts[language] = found
        return found

    def may_yield(self, queue: Queue) -> bool:
        """Whether those who came a short time ago do without the operators who are kept: they have other helpers, no
        priority, and want nobody in particular."""
        step = queue.step
        return queue.priority <= 0 and step.operator is None and self.staff.common(step.language)

    def yields(self, queue: Queue, since: float, now: float) -> bool:
        return since > now - self.policy.hold_s and self.may_yield(queue)

    def _push(self, turns: list[Turn], queue: Queue, stretch: Stretch, now: float) -> None:
        """The turn of the first caller of the stretch, if there is one."""
        border = bisect_left(queue.callers, (now - self.policy.target_s,))
        late = stretch is Stretch.LATE
        at, end = (0, border) if late else (border, len(queue.callers))
        if at < end:
            since, call = queue.callers[at]
            heappush(turns, Turn((self.key(queue, since, late), since, call), stretch, queue))

    def _choice(self, turn: Turn, now: float) -> Choice | None:
        return self.staff.best(turn.queue.step, self.yields(turn.queue, turn.key[1], now))

    def _pair(self, turn: Turn, choice: Choice, now: float) -> Decision:
        _, _, call = turn.key
        reason = reason_of(self, turn, choice, now)
        self.queues.remove(call)
        return Decision(call, choice.operator, reason)

    def _candidates(self, now: float) -> dict[str, None]:
        """The idle operators who may serve somebody whom they could not serve at the last decision."""
        candidates = {identity: None for identity in self._come if self.staff.is_idle(identity)}
        over = self._kept_until is not None and now >= self._kept_until
        for identity in self._kept:
            if self.staff.is_idle(identity) and (
                over or self._staff_changed or not self.staff.is_kept(self.staff.operator(identity))
            ):
                candidates[identity] = None
        self._staff_changed = False
        return candidates

    def _turns(self, new: Iterable[Queue], candidates: Iterable[str]) -> list[Turn]:
        """A heap of the queues in which a pair can be made, none of whose callers comes before the key that it has."""
        queues = {id(queue): queue for queue in new if self.staff.anybody_idle(queue.step)}
        seen = set()
        for identity in candidates:
            operator = self.staff.operator(identity)
            alike = (tuple(operator.languages.items()), operator.topics)
            passed_over = identity in self.queues.passed_over
            if passed_over or alike not in seen or identity in self.queues.asked_for:
                if not passed_over:
                    seen.add(alike)  # else somebody may be there for those who are like him
                queues.update((id(queue), queue) for queue in self.queues.which(operator))
        turns = [
            Turn((key, *queue.callers[0]), Stretch.ALL, queue)
            for key, queue in zip(self.fronts(queues.values()), queues.values(), strict=True)
        ]
        heapify(turns)
        return turns

    def _look_again(self, now: float) -> float | None:
        """When a step ends or a hold does. Becoming late only changes the order, which makes no pair by itself."""
        self._kept_until = self._hold_ends(now)
        instants = [each for each in (self.queues.next_end(), self._kept_until) if each is not None]
        return min(instants, default=None)

    def _hold_ends(self, now: float) -> float | None:
        self._kept = {}
        soonest: float | None = None
        for operator in self.staff.kept():
            self._kept[operator.id] = None
            for queue in self.queues.which(operator):
                if self.may_yield(queue):
                    at = bisect_right(queue.callers, (now - self.policy.hold_s, "\U0010ffff"))
                    if at < len(queue.callers) and (soonest is None or queue.callers[at][0] < soonest):
                        soonest = queue.callers[at][0]
        return None if soonest is None else instant(soonest, self.policy.hold_s)

    def _changed(self, languages: Iterable[str], identity: str) -> None:
        self._staff_changed = True
        self._head_starts.clear()
        self.queues.staff_changed(languages, identity)

    def _languages(self, identity: str) -> set[str]:
        return set(self.staff.operator(identity).languages) if self.staff.knows(identity) else set()

    def _key_of(self, waiting: Waiting) -> Key:
        now = self._now if self._now is not None else float("-inf")
        head_start = self.head_start(self.queues.step_of(waiting, now).language)
        late = waiting.since < now - self.policy.target_s
        return self.policy.key(waiting.since, head_start, waiting.priority, late), waiting.since, waiting.call
