"""How calls move through a dialplan: steps nobody reaches, endless loops, subroutines that do not return."""

from collections import deque
from collections.abc import Iterable, Iterator

from dialplan.arguments import Jump, branches, inner_step, jumps
from dialplan.findings import Finding
from dialplan.parse import Dialplan, Step
from dialplan.places import Places

_ENDS = frozenset(("hangup", "busy", "congestion", "incomplete", "raiseexception", "macroexit"))
_INSTANT = {
    *("set", "mset", "importvar", "dbdel", "dbdeltree", "clearhash", "noop", "log", "verbose", "userevent"),
    *("celgenuserevent", "resetcdr", "execif", "execiftime", "goto", "gotoif", "gotoiftime", "gosub", "gosubif"),
    *("return", "stackpop", "while", "endwhile", "exitwhile", "continuewhile"),
}
"""Applications that take no time, so that a loop of them alone keeps a processor busy for ever."""

_ALWAYS = frozenset(("1", "$[1]", "true", "yes"))


class Flow:
    """The steps of a dialplan, and where each may lead; steps are known by their identity."""

    def __init__(self, plan: Dialplan, places: Places) -> None:
        self.plan, self.places = plan, places
        self.steps: list[Step] = []
        self._place: dict[int, tuple[str, str]] = {}
        self._after: dict[int, list[Step]] = {}  # the steps that may follow in the same call
        self._calls: dict[int, list[Step]] = {}  # the first steps of subroutines
        self._unknown: dict[int, list[Jump]] = {}  # jumps whose place only a call decides
        for context, extensions in plan.contexts.items():
            for name, steps in extensions.items():
                self.steps += steps
                self._place.update((id(step), (context, name)) for step in steps)
        for context, extensions in plan.contexts.items():
            for name, steps in extensions.items():
                self._connect(context, name, steps)

    def _connect(self, context: str, name: str, steps: list[Step]) -> None:
        by_priority = {step.priority: step for step in reversed(steps)}
        ordered = [by_priority[priority] for priority in sorted(by_priority)]
        whiles = _whiles(ordered)
        for step in steps:
            kind, key = step.application.lower(), id(step)
            after, calls, unknown = self._after.setdefault(key, []), self._calls.setdefault(key, []), []
            following = by_priority.get(step.priority + 1)
            if following is None and not name.startswith("_"):
                found = self.places.find(context, name)
                following = next((other for other in found if other.priority == step.priority + 1), None)
            if following is not None and self._goes_on(step):
                after.append(following)
            for jump in jumps(step):
                leads = self.places.lead(jump, context, name)
                if leads is None:
                    unknown.append(jump)
                else:
                    (calls if jump.returns else after).extend(leads)
            self._unknown[key] = unknown
            start, end = whiles.get(key, (None, None))
            leaves = kind == "exitwhile" or (kind == "while" and step.data.strip().lower() not in _ALWAYS)
            if leaves and end is not None:
                after += _following(ordered, end)
            elif kind in ("endwhile", "continuewhile") and start is not None:
                after.append(start)

    @staticmethod
    def _goes_on(step: Step) -> bool:
        """Return whether the next priority may follow."""
        kind = step.application.lower()
        if kind in ("gotoif", "gotoiftime"):
            return not all(branch.strip() for branch in branches(step.data)[1:])
        return kind not in _ENDS | {"goto", "return", "endwhile", "continuewhile", "exitwhile"}

    def findings(self) -> Iterator[Finding]:
        """Yield all findings; `E_PRIORITY` for a gap whose other side nothing reaches."""
        reached = self._reached()
        for extensions in self.plan.contexts.values():
            for name, steps in extensions.items():
                yield from _gaps(name, steps, reached)
        yield from self._loops()
        yield from self._subroutines()

    def _reached(self) -> set[int]:
        # An extension for some callers only (`100/_49X`) may go on where another one for other callers begins.
        starts = [step for step in self.steps if step.priority == 1 or "/" in self._place[id(step)][1]]
        waiting, reached = deque(starts), {id(step) for step in starts}
        looked: set[tuple[str, str]] = set()
        while waiting:
            step = waiting.popleft()
            key = id(step)
            more: Iterable[Step] = (*self._after[key], *self._calls[key])
            for jump in self._unknown[key]:
                wanted = (jump.context or self._place[key][0], jump.priority)
                kind = ("$" if "$" in wanted[0] else wanted[0], "$" if "$" in wanted[1] else wanted[1])
                if kind not in looked:
                    looked.add(kind)
                    more = (*more, *self._possible(*kind))
            for other in more:
                if id(other) not in reached:
                    reached.add(id(other))
                    waiting.append(other)
        return reached

    def _possible(self, context: str, priority: str) -> Iterator[Step]:
        """Yield the steps to which a jump may lead in some call; a computed priority may be any label."""
        contexts = self.plan.contexts if context == "$" else self.places.closure(context)
        for name in contexts:
            for steps in self.plan.contexts.get(name, {}).values():
                for step in steps:
                    if step.label if priority == "$" else priority in (step.label, str(step.priority)):
                        yield step

    def _loops(self) -> Iterator[Finding]:
        """Yield a finding for each loop that nothing leaves and that takes no time."""
        stops = self._leading_to({id(step) for step in self.steps if self._stops(step)}, through_calls=True)
        returns = {id(step) for step in self.steps if step.application.lower() == "return"}
        leaves = self._leading_to(stops | returns, through_calls=False)
        seen: set[int] = set()
        for start in self.steps:
            walked: list[Step] = []
            step = start
            while id(step) not in leaves and id(step) not in seen:
                seen.add(id(step))
                walked.append(step)
                step = next(other for other in self._after[id(step)] if id(other) not in leaves)
            at = next((number for number, other in enumerate(walked) if other is step), None)
            if at is not None:
                first = min(walked[at:], key=lambda other: (other.file, other.line))
                sentence = "begins a loop that nothing ends and in which nothing takes time; add a way out"
                yield Finding("E_LOOP", first.line, sentence, first.file)

    def _stops(self, step: Step) -> bool:
        """Return whether a call may stay at a step for some time, end there, or leave what is known."""
        kind, key = step.application.lower(), id(step)
        inner = [inner_step(step, call) for call in branches(step.data)[1:]] if kind.startswith("execif") else []
        if kind not in _INSTANT or any(other and other.application.lower() not in _INSTANT for other in inner):
            return True
        return bool(self._unknown[key]) or (kind != "return" and not self._after[key])

    def _leading_to(self, targets: set[int], *, through_calls: bool) -> set[int]:
        """Return the steps from which a call may come to one of the targets, also within subroutines or not."""
        before: dict[int, list[int]] = {}
        for step in self.steps:
            for other in (*self._after[id(step)], *(self._calls[id(step)] if through_calls else ())):
                before.setdefault(id(other), []).append(id(step))
        found = set(targets)
        waiting = list(found)
        while waiting:
            for key in before.get(waiting.pop(), ()):
                if key not in found:
                    found.add(key)
                    waiting.append(key)
        return found

    def _subroutines(self) -> Iterator[Finding]:
        """Yield a finding for each step of a subroutine after which the call ends instead of going back."""
        starts = {
            id(first): first
            for step in self.steps
            if step.application.lower() in ("gosub", "gosubif")
            for first in self._calls[id(step)]
        }
        for first in starts.values():
            waiting, inside = [first], {id(first): first}
            while waiting:
                for other in self._after[id(waiting.pop())]:
                    if id(other) not in inside:
                        inside[id(other)] = other
                        waiting.append(other)
            context, name = self._place[id(first)]
            for step in inside.values():
                if self._goes_on(step) and not self._after[id(step)] and not self._unknown[id(step)]:
                    sentence = f"the subroutine {name} of [{context}] has no Return after this step: the call ends here"
                    yield Finding("W_RETURN", step.line, sentence, step.file)


def _whiles(ordered: list[Step]) -> dict[int, tuple[Step | None, Step | None]]:
    """Return, for each step of a While loop that jumps, its While and its EndWhile."""
    found: dict[int, tuple[Step | None, Step | None]] = {}
    open_loops: list[list[Step]] = []
    for step in ordered:
        kind = step.application.lower()
        if kind == "while":
            open_loops.append([step])
        elif kind in ("exitwhile", "continuewhile") and open_loops:
            open_loops[-1].append(step)
        elif kind == "endwhile" and open_loops:
            loop = open_loops.pop()
            found.update((id(other), (loop[0], step)) for other in (*loop, step))
    return found


def _following(ordered: list[Step], step: Step) -> list[Step]:
    return [other for other in ordered if other.priority == step.priority + 1]


def _gaps(name: str, steps: list[Step], reached: set[int]) -> Iterator[Finding]:
    """Yield a finding for each step that nothing reaches, and not for those that only follow it."""
    missed = False
    last = 0
    ordered = sorted(steps, key=lambda other: other.priority)
    for step in ordered:
        gap, last = step.priority > last + 1, step.priority
        if id(step) in reached:
            missed = False
        elif gap:
            missed = True
            before = (
                f"has no priority {step.priority - 1}" if step is not ordered[0] else f"begins with {step.priority}"
            )
            yield Finding("E_PRIORITY", step.line, f"{name} {before}, and no jump leads to this step", step.file)
        elif not missed:
            missed = True
            yield Finding("W_UNREACHABLE", step.line, f"nothing leads to this step of {name}; remove it", step.file)
