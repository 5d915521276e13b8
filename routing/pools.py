"""Groups of like operators: a pool is one language, spoken by operators who have the same price for it."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from routing.match import Price, Step

Kind = tuple[int, frozenset[str]]
"""A level in a language, and the topics (none: every topic)."""


@dataclass(slots=True, eq=False)
class Grade:
    """Operators who speak a language at the same level, with the same `first` and `planned`.

    `besides`: their price without cover. `pools`: those that are not empty, whatever their operators' states.
    """

    level: int
    first: bool
    planned: bool
    besides: float
    idle: dict[frozenset[str], list["Pool"]] = field(default_factory=dict)  # by all that they speak; no empty pools
    pools: dict["Pool", None] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Pool:
    """Operators who speak the same languages, have the same grade in this one and the same topics."""

    grade: Grade
    spoken: frozenset[str]
    others: tuple[str, ...]  # spoken without this language
    topics: frozenset[str]
    idle: list[tuple[float, str]] = field(default_factory=list)  # (idle since, operator), longest first
    everybody: dict[str, None] = field(default_factory=dict)


class Choice(NamedTuple):
    """An operator, their price, and since when they are in their state."""

    price: Price
    since: float
    operator: str


def fits(kind: Kind, step: Step) -> bool:
    """Return whether operators of this kind in the step's language have what the step asks for."""
    level, topics = kind
    return level >= step.level and (step.topic is None or not topics or step.topic in topics)


def more_than(few: int, counts: Mapping[Kind, int], step: Step) -> bool:
    """Return whether more than `few` operators are qualified for the step; stops as soon as that is known."""
    for kind, count in counts.items():
        if fits(kind, step):
            few -= count
            if few < 0:
                return True
    return False


def choose(pool: Pool, total: float, uncovers: float, place: tuple[float, str]) -> Choice:
    """Return the choice of one of the pool's operators. `place`: (in this state since, operator)."""
    grade = pool.grade
    return Choice(Price(total, uncovers, grade.first, grade.level, grade.planned), *place)


def tally(counts: dict[Kind, int], kind: Kind, change: int) -> None:
    left = counts.get(kind, 0) + change
    if left:
        counts[kind] = left
    else:
        del counts[kind]


def add_idle(pool: Pool, place: tuple[float, str]) -> None:
    """Add an idle operator. `place`: (idle since, operator)."""
    if not pool.idle:
        pool.grade.idle.setdefault(pool.spoken, []).append(pool)
    insort(pool.idle, place)


def remove_idle(pool: Pool, place: tuple[float, str]) -> None:
    del pool.idle[bisect_left(pool.idle, place)]
    if not pool.idle:
        pools = pool.grade.idle[pool.spoken]
        pools.remove(pool)
        if not pools:
            del pool.grade.idle[pool.spoken]
