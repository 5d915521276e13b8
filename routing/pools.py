"""Operators by what they are alike in: a pool is one language, spoken by operators who cost the same for it."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from routing.match import Price, Step

Kind = tuple[int, frozenset[str]]
"""A level in a language, and the topics (none: every topic)."""


@dataclass(slots=True, eq=False)
class Grade:
    """How well operators speak a language, whether it is their first, and whether they are planned to be there;
    `besides`: their price but for cover; `pools`: those with somebody in them, whatever he is doing."""

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
    idle: list[tuple[float, str]] = field(default_factory=list)  # since when, who; longest first
    everybody: dict[str, None] = field(default_factory=dict)


class Choice(NamedTuple):
    price: Price
    since: float
    operator: str


def fits(kind: Kind, step: Step) -> bool:
    """Whether operators of this kind in the step's language are fit for what it asks."""
    level, topics = kind
    return level >= step.level and (step.topic is None or not topics or step.topic in topics)


def more_than(few: int, counts: Mapping[Kind, int], step: Step) -> bool:
    """Whether more than so many are fit for what the step asks; looks no further than it must."""
    for kind, count in counts.items():
        if fits(kind, step):
            few -= count
            if few < 0:
                return True
    return False


def chosen(pool: Pool, total: float, uncovers: float, place: tuple[float, str]) -> Choice:
    """An operator of the pool, by his place in it."""
    grade = pool.grade
    return Choice(Price(total, uncovers, grade.first, grade.level, grade.planned), *place)


def tally(counts: dict[Kind, int], kind: Kind, change: int) -> None:
    left = counts.get(kind, 0) + change
    if left:
        counts[kind] = left
    else:
        del counts[kind]


def sits_down(pool: Pool, place: tuple[float, str]) -> None:
    """He is idle: since when, who."""
    if not pool.idle:
        pool.grade.idle.setdefault(pool.spoken, []).append(pool)
    insort(pool.idle, place)


def rises(pool: Pool, place: tuple[float, str]) -> None:
    """He is not idle any more."""
    del pool.idle[bisect_left(pool.idle, place)]
    if not pool.idle:
        pools = pool.grade.idle[pool.spoken]
        pools.remove(pool)
        if not pools:
            del pool.grade.idle[pool.spoken]
