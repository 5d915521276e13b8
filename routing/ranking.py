"""The order in which waiting callers are served, as used by the engine and in the reasons of its decisions."""

from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple

from routing.policy import Policy
from routing.queues import Queue, Queues
from routing.staff import Staff

Key = tuple[float, float, str]
"""The policy's key, then arrival, then the call's id: a total, stable order."""


class Stretch(IntEnum):
    """A part of a queue. Queues are ordered by arrival, so late callers are at the head."""

    ALL = 0
    LATE = 1
    TIMELY = 2


class Turn(NamedTuple):
    """The first caller of a stretch. Turns sort by key; the turn of a whole queue sorts before the turns within it."""

    key: Key
    stretch: Stretch
    queue: Queue


class Ranking:
    """The order of the waiting callers under the policy, and who leaves reserved operators to others."""

    def __init__(self, policy: Policy, staff: Staff, queues: Queues) -> None:
        self.policy = policy
        self.staff = staff
        self.queues = queues
        self._head_starts: dict[str, float] = {}  # by language, until the staff changes

    def staff_changed(self) -> None:
        """Forget the head starts, which depend on how many operators speak a language."""
        self._head_starts.clear()

    def key(self, queue: Queue, since: float, late: bool) -> float:
        """Return the policy's key of a caller in this queue who arrived at `since`; the lowest is served first."""
        return self.policy.key(since, self.head_start(queue.step.language), queue.priority, late)

    def fronts(self, queues: Collection[Queue]) -> list[float]:
        """Return a lower bound on the keys in each queue: the key of its first caller as if they were not late."""
        key, starts = self.policy.key, {queue.step.language: self.head_start(queue.step.language) for queue in queues}
        return [key(queue.callers[0][0], starts[queue.step.language], queue.priority, False) for queue in queues]

    def head_start(self, language: str) -> float:
        """Return by how many seconds callers in this language come earlier in the order."""
        found = self._head_starts.get(language)
        if found is None:
            found = self.policy.head_start(self.staff.cover.speakers.get(language, 0), self.staff.cover.on_duty)
            self._head_starts[language] = found
        return found

    def may_yield(self, queue: Queue) -> bool:
        """Return whether new callers in this queue do without reserved operators for the hold time: other operators
        can serve them, and they have neither priority nor a preferred operator."""
        step = queue.step
        return queue.priority <= 0 and step.operator is None and self.staff.cover.is_common(step.language)

    def yields(self, queue: Queue, since: float, now: float) -> bool:
        """Return whether a caller in this queue who arrived at `since` does without reserved operators now."""
        return since > now - self.policy.hold_s and self.may_yield(queue)
