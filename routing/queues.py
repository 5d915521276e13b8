"""Waiting callers, indexed so that an operator's next caller is found without looking at all of them.

A queue holds callers with the same current step and the same priority, by arrival. Late callers and callers on hold for
reserved operators are each a stretch of it. A caller's step depends on the time, so callers are moved to their queues
at each decision.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from routing.match import Step, Waiting, deadline, step_at
from routing.states import Operator

Place = tuple[float, str]
"""A place in the order of arrival: (waiting since, call)."""


@dataclass(slots=True, eq=False)
class Queue:
    step: Step
    priority: int
    callers: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class _Need:
    """A step, whether anybody on duty can meet it, and the calls that have it."""

    met: bool
    calls: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Caller:
    waiting: Waiting
    queue: Queue | None = None
    index: int = 0
    ends: float | None = None  # when the current step ends, POSIX seconds


class Queues:
    """All queues. `can_meet(step)` tells whether anybody on duty can meet a step."""

    def __init__(self, can_meet: Callable[[Step], bool]) -> None:
        self._can_meet = can_meet
        self._callers: dict[str, _Caller] = {}
        self._unplaced: dict[str, None] = {}
        self._needs: dict[Step, _Need] = {}
        self._needs_by_language: dict[str, dict[Step, None]] = defaultdict(dict)  # steps without a particular operator
        self._needs_by_operator: dict[str, dict[Step, None]] = defaultdict(dict)
        # Queues that are not empty.
        self._queues_by_language: dict[str, dict[tuple[Step, int], Queue]] = defaultdict(dict)
        self._queues_by_operator: dict[str, dict[tuple[Step, int], Queue]] = defaultdict(dict)
        self._excluded: dict[str, int] = {}  # operators, with the number of queues that exclude them
        self._arrivals: dict[tuple[str, int], list[Place]] = {}  # by language and priority
        self._ends: list[tuple[float, str]] = []  # a heap; outdated entries stay until they come up
        self._now: float | None = None
        self.moved: list[str] = []
        """The calls that the last `place` moved to another queue because they reached another step."""

    def __len__(self) -> int:
        return len(self._callers)

    def add(self, waiting: Waiting) -> None:
        """Add or replace a caller. Raises ValueError if they have no steps."""
        if not waiting.steps:
            raise ValueError(f"call {waiting.call} has no steps; give it at least one")
        known = self._callers.get(waiting.call)
        if known is not None:
            if known.waiting == waiting:
                return
            self.remove(waiting.call)
        self._callers[waiting.call] = _Caller(waiting)
        self._unplaced[waiting.call] = None
        for step in waiting.steps:
            need = self._needs.get(step)
            if need is None:
                need = self._needs[step] = _Need(self._can_meet(step))
                self._needs_like(step)[step] = None
            need.calls[waiting.call] = None

    def remove(self, call: str) -> Waiting | None:
        caller = self._callers.pop(call, None)
        if caller is None:
            return None
        self._unplaced.pop(call, None)
        self._take_out(caller)
        for step in set(caller.waiting.steps):
            need = self._needs[step]
            del need.calls[call]
            if not need.calls:
                del self._needs[step]
                del self._needs_like(step)[step]
        return caller.waiting

    def staff_changed(self, languages: Iterable[str], operator: str) -> None:
        """Update which steps can be met, after an operator with these languages was added, changed or removed."""
        affected = [step for language in languages for step in self._needs_by_language.get(language, ())]
        affected += self._needs_by_operator.get(operator, ())
        for step in affected:
            need = self._needs[step]
            if need.met != (met := self._can_meet(step)):
                need.met = met
                self._unplaced.update(need.calls)

    def place(self, now: float) -> list[Queue]:
        """Move all callers to the queues of their steps at `now`, and return the queues with new callers. If the clock
        has gone back, this takes a look at every caller."""
        if self._now is not None and now < self._now:
            self._unplaced.update(dict.fromkeys(self._callers))
        self._now = now
        while self._ends and self._ends[0][0] <= now:
            ends, call = heappop(self._ends)
            caller = self._callers.get(call)
            if caller is not None and caller.ends == ends:
                self._unplaced[call] = None
        changed: dict[int, Queue] = {}
        self.moved = []
        for call in self._unplaced:
            caller = self._callers[call]
            queue = self._put(caller, now)
            changed[id(queue)] = queue
        self._unplaced.clear()
        if len(self._ends) > 2 * len(self._callers) + 64:
            self._ends = [(caller.ends, call) for call, caller in self._callers.items() if caller.ends is not None]
            heapify(self._ends)
        return [queue for queue in changed.values() if queue.callers]

    def next_end(self) -> float | None:
        """Return when the next step ends; None if none does."""
        while self._ends:
            ends, call = self._ends[0]
            caller = self._callers.get(call)
            if caller is not None and caller.ends == ends:
                return ends
            heappop(self._ends)
        return None

    def waiting(self, call: str) -> Waiting:
        return self._callers[call].waiting

    def find(self, call: str) -> Waiting | None:
        caller = self._callers.get(call)
        return caller.waiting if caller is not None else None

    def index(self, call: str) -> int:
        return self._callers[call].index

    def step_of(self, waiting: Waiting, now: float) -> Step:
        """Return the step that applies to a caller at `now`, also to one who is in none of these queues."""
        return self.step_if_since(waiting, waiting.since, now)

    def step_if_since(self, waiting: Waiting, since: float, now: float) -> Step:
        """Return the step that would apply to a waiting caller if they had arrived at `since`."""
        return waiting.steps[step_at(waiting.steps, now - (since + waiting.before), self._met)[0]]

    @property
    def requested(self) -> Container[str]:
        """The operators that a current step asks for by id."""
        return self._queues_by_operator

    @property
    def excluded(self) -> Container[str]:
        """The operators that a current step excludes, although others with the same skills may serve it."""
        return self._excluded

    def all_waiting(self) -> Iterator[Waiting]:
        return (caller.waiting for caller in self._callers.values())

    def servable_by(self, operator: Operator) -> Iterator[Queue]:
        """Yield the queues whose callers the operator may serve, each once."""
        if operator.id in self._excluded:
            return (queue for queue in self._matching(operator) if queue.step.excluded_operator != operator.id)
        return self._matching(operator)

    def _matching(self, operator: Operator) -> Iterator[Queue]:
        topics = operator.topics
        for language, level in operator.languages.items():
            for queue in self._queues_by_language.get(language, {}).values():
                step = queue.step
                if level >= step.level and (step.topic is None or not topics or step.topic in topics):
                    yield queue
        for queue in self._queues_by_operator.get(operator.id, {}).values():
            step = queue.step
            if operator.languages.get(step.language, 0) >= step.level and (
                step.topic is None or not topics or step.topic in topics
            ):
                yield queue

    def arrivals(self) -> Iterator[tuple[str, int, list[Place]]]:
        """Yield each language and priority with all its callers by arrival."""
        return ((language, priority, places) for (language, priority), places in self._arrivals.items())

    def _met(self, step: Step) -> bool:
        need = self._needs.get(step)  # none for a step that no caller in these queues has
        return need.met if need is not None else self._can_meet(step)

    def _needs_like(self, step: Step) -> dict[Step, None]:
        if step.operator is None:
            return self._needs_by_language[step.language]
        return self._needs_by_operator[step.operator]

    def _queues_like(self, step: Step) -> dict[tuple[Step, int], Queue]:
        if step.operator is None:
            return self._queues_by_language[step.language]
        return self._queues_by_operator[step.operator]

    def _put(self, caller: _Caller, now: float) -> Queue:
        waiting = caller.waiting
        begins = waiting.since + waiting.before
        caller.index, end = step_at(waiting.steps, now - begins, self._met)
        ends = None if end is None else deadline(begins, end)
        if ends is not None and ends != caller.ends:
            heappush(self._ends, (ends, waiting.call))
        caller.ends = ends
        step = waiting.steps[caller.index]
        if caller.queue is not None:
            if caller.queue.step == step:
                return caller.queue
            self._take_out(caller)
            self.moved.append(waiting.call)
        queues = self._queues_like(step)
        queue = queues.get((step, waiting.priority))
        if queue is None:
            queue = queues[step, waiting.priority] = Queue(step, waiting.priority)
            if step.excluded_operator is not None:
                self._excluded[step.excluded_operator] = self._excluded.get(step.excluded_operator, 0) + 1
        caller.queue = queue
        place = (waiting.since, waiting.call)
        insort(queue.callers, place)
        insort(self._arrivals.setdefault((step.language, waiting.priority), []), place)
        return queue

    def _take_out(self, caller: _Caller) -> None:
        queue = caller.queue
        if queue is None:
            return
        caller.queue = None
        place = (caller.waiting.since, caller.waiting.call)
        del queue.callers[bisect_left(queue.callers, place)]
        if not queue.callers:
            queues = self._queues_like(queue.step)
            del queues[queue.step, queue.priority]
            if not queues and queue.step.operator is not None:
                del self._queues_by_operator[queue.step.operator]
            if (excluded := queue.step.excluded_operator) is not None:
                self._excluded[excluded] -= 1
                if not self._excluded[excluded]:
                    del self._excluded[excluded]
        arrivals = self._arrivals[queue.step.language, queue.priority]
        del arrivals[bisect_left(arrivals, place)]
        if not arrivals:
            del self._arrivals[queue.step.language, queue.priority]
