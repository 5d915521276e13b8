"""The callers who wait, kept so that the next one whom an operator may serve is found without looking at all of them.

A queue holds the callers who need the same now, with the same priority, by arrival; who is late, and who may still be
held, is a stretch of it. Where a caller stands depends on the instant, so he is put there when something is decided.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from routing.match import Step, Waiting, instant, step_at
from routing.states import Operator

Place = tuple[float, str]
"""Since when he waits, and his call."""


@dataclass(slots=True, eq=False)
class Queue:
    step: Step
    priority: int
    callers: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class _Need:
    """A step that somebody has, whether anybody on duty can meet it, and who has it."""

    met: bool
    calls: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Caller:
    waiting: Waiting
    queue: Queue | None = None
    index: int = 0
    ends: float | None = None  # POSIX seconds: when his step does


class Queues:
    """`can_meet` says whether anybody on duty can meet a step."""

    def __init__(self, can_meet: Callable[[Step], bool]) -> None:
        self._can_meet = can_meet
        self._callers: dict[str, _Caller] = {}
        self._unplaced: dict[str, None] = {}
        self._needs: dict[Step, _Need] = {}
        self._needs_in: dict[str, dict[Step, None]] = defaultdict(dict)  # by language; those for one operator not
        self._needs_of: dict[str, dict[Step, None]] = defaultdict(dict)  # by the operator whom they ask for
        # Only queues with somebody in them.
        self._in: dict[str, dict[tuple[Step, int], Queue]] = defaultdict(dict)
        self._for: dict[str, dict[tuple[Step, int], Queue]] = defaultdict(dict)
        self._passed_over: dict[str, int] = {}  # operators whom that many queues are not for
        self._arrivals: dict[tuple[str, int], list[Place]] = {}  # by language and priority
        self._ends: list[tuple[float, str]] = []  # a heap; entries that no longer hold are left until they come up
        self._now: float | None = None
        self.moved: list[str] = []
        """Who was put elsewhere by the last `place`, since he needs something else than before."""

    def __len__(self) -> int:
        return len(self._callers)

    def add(self, waiting: Waiting) -> None:
        """Raises ValueError for a caller who needs nothing."""
        if not waiting.steps:
            raise ValueError(f"the caller {waiting.call} needs nothing; give him at least one step")
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
        """Somebody with these languages came, went or changed: steps that can be met, or not any more, are counted
        anew."""
        touched = [step for language in languages for step in self._needs_in.get(language, ())]
        touched += self._needs_of.get(operator, ())
        for step in touched:
            need = self._needs[step]
            if need.met != (met := self._can_meet(step)):
                need.met = met
                self._unplaced.update(need.calls)

    def place(self, now: float) -> list[Queue]:
        """Puts everybody where he stands at `now`; the queues in which somebody is new. A clock that has gone back
        costs a look at everybody."""
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
            queue = self._stand(caller, now)
            changed[id(queue)] = queue
        self._unplaced.clear()
        if len(self._ends) > 2 * len(self._callers) + 64:
            self._ends = [(each.ends, call) for call, each in self._callers.items() if each.ends is not None]
            heapify(self._ends)
        return [queue for queue in changed.values() if queue.callers]

    def next_end(self) -> float | None:
        """When the first step ends of those whom `place` has put."""
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
        """What he needs at `now`, for a caller who waits."""
        return self.step_if_since(waiting, waiting.since, now)

    def step_if_since(self, waiting: Waiting, since: float, now: float) -> Step:
        """What he would need, had he come at `since`."""
        return waiting.steps[step_at(waiting.steps, now - (since + waiting.before), self._met)[0]]

    @property
    def asked_for(self) -> Container[str]:
        """The operators whom somebody asks for by id."""
        return self._for

    @property
    def passed_over(self) -> Container[str]:
        """The operators who must not get somebody whom others like them may."""
        return self._passed_over

    def everybody(self) -> Iterator[Waiting]:
        return (each.waiting for each in self._callers.values())

    def which(self, operator: Operator) -> Iterator[Queue]:
        """The queues of those whom he may serve, each once."""
        if operator.id in self._passed_over:
            return (queue for queue in self._able(operator) if queue.step.excluded_operator != operator.id)
        return self._able(operator)

    def _able(self, operator: Operator) -> Iterator[Queue]:
        topics = operator.topics
        for language, level in operator.languages.items():
            for queue in self._in.get(language, {}).values():
                step = queue.step
                if level >= step.level and (step.topic is None or not topics or step.topic in topics):
                    yield queue
        for queue in self._for.get(operator.id, {}).values():
            step = queue.step
            if operator.languages.get(step.language, 0) >= step.level and (
                step.topic is None or not topics or step.topic in topics
            ):
                yield queue

    def arrivals(self) -> Iterator[tuple[str, int, list[Place]]]:
        """Everybody by arrival, for each language and priority."""
        return ((language, priority, places) for (language, priority), places in self._arrivals.items())

    def _met(self, step: Step) -> bool:
        return self._needs[step].met

    def _needs_like(self, step: Step) -> dict[Step, None]:
        return self._needs_in[step.language] if step.operator is None else self._needs_of[step.operator]

    def _queues_like(self, step: Step) -> dict[tuple[Step, int], Queue]:
        return self._in[step.language] if step.operator is None else self._for[step.operator]

    def _stand(self, caller: _Caller, now: float) -> Queue:
        waiting = caller.waiting
        begins = waiting.since + waiting.before
        caller.index, end = step_at(waiting.steps, now - begins, self._met)
        ends = None if end is None else instant(begins, end)
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
                self._passed_over[step.excluded_operator] = self._passed_over.get(step.excluded_operator, 0) + 1
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
                del self._for[queue.step.operator]
            if (but := queue.step.excluded_operator) is not None:
                self._passed_over[but] -= 1
                if not self._passed_over[but]:
                    del self._passed_over[but]
        everybody = self._arrivals[queue.step.language, queue.priority]
        del everybody[bisect_left(everybody, place)]
        if not everybody:
            del self._arrivals[queue.step.language, queue.priority]
