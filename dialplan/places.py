"""Extensions as a call finds them: by pattern, and through the contexts that a context includes."""

from collections import defaultdict
from collections.abc import Collection
from functools import cached_property, lru_cache

from dialplan.arguments import Jump
from dialplan.parse import Dialplan, Step
from dialplan.patterns import matches

_MOST_CONTEXTS = 128  # Asterisk gives up a search after these


class Places:
    """The places of a dialplan.

    `elsewhere`: contexts that do not come from this dialplan, such as that of parked calls.
    """

    def __init__(self, plan: Dialplan, elsewhere: Collection[str] = ()) -> None:
        self.plan = plan
        self.elsewhere = frozenset(elsewhere)
        self.find = lru_cache(maxsize=50_000)(self._find)
        self.closure = lru_cache(maxsize=None)(self._closure)
        self._index = lru_cache(maxsize=None)(self._make_index)

    @cached_property
    def _included(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for include in self.plan.includes:
            found[include.context].append(include.other)
        return found

    def _closure(self, context: str) -> tuple[str, ...]:
        """Return a context and those that it includes, as Asterisk searches them and as far; each once."""
        found: list[str] = []
        waiting = [context]
        while waiting and len(found) < _MOST_CONTEXTS:
            name = waiting.pop(0)
            if name not in found:
                found.append(name)
                waiting = [*self._included[name], *waiting]
        return tuple(found)

    def is_open(self, context: str) -> bool:
        """Return whether a context may have extensions that are not written here."""
        return any(
            name in self.plan.switches or name in self.elsewhere or "$" in name for name in self.closure(context)
        )

    def _find(self, context: str, name: str) -> tuple[Step, ...]:
        """Return the steps of all extensions that take `name`, in the order in which Asterisk searches."""
        found: list[Step] = []
        for inner in self.closure(context):
            exact, patterns = self._index(inner)
            found += exact.get(name.replace("-", ""), [])
            found += [
                step for written, steps in patterns if written == name or matches(written, name) for step in steps
            ]
        return tuple(found)

    def _make_index(self, context: str) -> tuple[dict[str, list[Step]], list[tuple[str, list[Step]]]]:
        """Return a context's extensions by what must be dialled, and its patterns."""
        exact: dict[str, list[Step]] = defaultdict(list)
        patterns = []
        for written, steps in self.plan.contexts.get(context, {}).items():
            if written.startswith("_"):
                patterns.append((written, steps))
            else:
                exact[written.partition("/")[0].replace("-", "")] += steps
        return exact, patterns

    def lead(self, jump: Jump, context: str, name: str) -> tuple[Step, ...] | None:
        """Return the steps to which a jump from `name` of `context` may lead; None if that is not known.

        Nothing means that the place does not exist.
        """
        to_context, to_name = jump.context or context, jump.extension or name
        if "$" in to_context or to_context in self.elsewhere:
            return None
        if to_context not in self.plan.contexts:
            return ()
        if "$" in to_name:
            return None
        found = self.find(to_context, to_name)
        if jump.extension is None and jump.context is None:  # the same extension, also a pattern
            own = self.plan.contexts[to_context].get(to_name, [])
            known = {id(step) for step in own}
            found = (*own, *(step for step in found if id(step) not in known))
        if "$" in jump.priority:
            return None if found or self.is_open(to_context) else ()
        priority = jump.priority or "1"
        steps = [step for step in found if priority in (str(step.priority), step.label)]
        return tuple(steps[:1]) if steps or not self.is_open(to_context) else None
