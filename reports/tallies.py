"""Numbers by the codes of keys, kept as arrays until all have been added."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from db.arrays import Whole
from reports.group import Group
from routing.figures import Limits

_US = 1e6
_FEW = 10_000


class Tallies:
    """Counts under keys: numbers by the attribute of `Group` that has them, and waits of calls."""

    def __init__(self) -> None:
        self._numbers: defaultdict[tuple[str, Any], list[tuple[Whole, Whole]]] = defaultdict(list)
        self._waits: dict[bool, list[tuple[Whole, Whole]]] = {True: [], False: []}

    def add(self, what: str, name: Any, keys: Whole, numbers: Whole | None = None) -> None:
        """Count under each key a number, or 1. `name`: which one, where a group has several."""
        if len(keys):
            self._numbers[what, name].append(summed(keys, np.ones_like(keys) if numbers is None else numbers))

    def add_calls(self, keys: Whole, waited_us: Whole, *, answered: bool) -> None:
        """Count waits of calls that were answered or abandoned."""
        if len(keys):
            self._waits[answered].append((keys, waited_us))

    def groups(self, limits: Limits) -> dict[int, Group]:
        """Return the groups by the codes of their keys."""
        groups: dict[int, Group] = {}

        def group_of(key: int) -> Group:
            group = groups.get(key)
            if group is None:
                group = groups[key] = Group(limits)
            return group

        for answered, parts in self._waits.items():
            for key, waits in _by_key(parts):
                tally = group_of(key).tally
                (tally.waits if answered else tally.abandoned_waits).frombytes(waits)
        for (what, name), parts in self._numbers.items():
            keys, numbers = summed(*_joined(parts))
            add = _adding(what, name)
            for key, number in zip(keys.tolist(), numbers.tolist(), strict=True):
                add(group_of(key), number)
        return groups

    def total(self, limits: Limits) -> Group:
        """Return the group of everything."""
        total = Group(limits)
        for answered, parts in self._waits.items():
            if parts:
                waits = np.sort(_joined(parts)[1]) / _US
                (total.tally.waits if answered else total.tally.abandoned_waits).frombytes(waits.tobytes())
        for (what, name), counts in self._numbers.items():
            _adding(what, name)(total, int(_joined(counts)[1].sum()))
        return total


def _adding(what: str, name: Any) -> Callable[[Group, int], None]:
    """Return a function that adds a number to a group."""

    def undecided(group: Group, number: int) -> None:
        group.undecided += number

    def handled(group: Group, number: int) -> None:
        group.handled += number

    def handling(group: Group, number: int) -> None:
        group.handling_s += number / _US

    def elsewhere(group: Group, number: int) -> None:
        group.tally.elsewhere[name] += number

    def spent(group: Group, number: int) -> None:
        group.spent[name] += number / _US

    def counted(group: Group, number: int) -> None:
        group.counted[name] += number

    return next(add for add in (undecided, handled, handling, elsewhere, spent, counted) if add.__name__ == what)


def _joined(parts: list[tuple[Whole, Whole]]) -> tuple[Whole, Whole]:
    if len(parts) == 1:
        return parts[0]
    keys, numbers = zip(*parts, strict=True)
    return np.concatenate(keys), np.concatenate(numbers)


def summed(keys: Whole, numbers: Whole) -> tuple[Whole, Whole]:
    """Return the keys, each once, and the sums of their numbers."""
    if not len(keys):
        return keys, numbers
    most = int(np.max(keys))
    if most < 2 * len(keys) + _FEW:
        sums = np.zeros(most + 1, np.int64)
        np.add.at(sums, keys, numbers)  # exact, unlike `bincount`, whose sums are of doubles
        there = np.flatnonzero(np.bincount(keys, minlength=most + 1))
        return there, sums[there]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    begins = _begins(keys)
    return keys[begins], np.add.reduceat(numbers[order], begins)


def _begins(keys: Whole) -> Whole:
    """Return where each key begins in sorted ones, of which there are some."""
    return np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])


def _by_key(parts: list[tuple[Whole, Whole]]) -> Iterable[tuple[int, bytes]]:
    """Yield each key with its waits in seconds, as doubles in their order."""
    if not parts:
        return
    keys, waits = _joined(parts)
    order = np.lexsort((waits, keys))
    keys, seconds = keys[order], waits[order] / _US
    begins = _begins(keys)
    ends = [*begins[1:].tolist(), len(keys)]
    for begin, end, key in zip(begins.tolist(), ends, keys[begins].tolist(), strict=True):
        yield key, seconds[begin:end].tobytes()
