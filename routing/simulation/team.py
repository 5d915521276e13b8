"""The operators of a simulated day, and a generator of teams with a given mix of languages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice

from routing.states import Operator

BEST_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Team:
    """Operators and how they work.

    `shifts`: when each operator is on duty, in seconds of the day (a call in progress is finished); operators without
    an entry are on duty all day. `ring_s`: until an operator answers, part of the caller's wait. `slower_per_level`:
    the share by which each level below 5 lengthens a conversation.
    """

    operators: tuple[Operator, ...]
    ring_s: float = 0.0
    wrap_up_s: float = 0.0
    slower_per_level: float = 0.0
    shifts: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    def with_language(self, identity: str, language: str, level: int) -> "Team":
        """Return the team after one operator has learnt one more language."""
        return replace(
            self,
            operators=tuple(
                replace(operator, languages={**operator.languages, language: level})
                if operator.id == identity
                else operator
                for operator in self.operators
            ),
        )


def first_languages(mix: Sequence[float], count: int) -> list[int]:
    """Return how many of `count` operators have each language as their first: by largest remainder, at least one for
    each. Raises ValueError if there are fewer operators than languages."""
    if count < len(mix):
        raise ValueError(f"{count} operators cannot have {len(mix)} first languages; use {len(mix)} operators or more")
    wanted = [count * share / sum(mix) for share in mix]
    counts = [max(1, math.floor(quota + 1e-9)) for quota in wanted]
    missing = count - sum(counts)
    remainders = sorted(range(len(mix)), key=lambda at: (round(counts[at] - wanted[at], 9), at))
    for at in islice(cycle(remainders), max(0, missing)):
        counts[at] += 1
    for _ in range(-missing):  # languages with a quota below one took more than there are
        at = max(range(len(mix)), key=lambda other: (counts[other] > 1, counts[other] - wanted[other], -other))
        counts[at] -= 1
    return counts


def spread_team(
    languages: Sequence[str], mix: Sequence[float], count: int, languages_each: int, further_level: int = BEST_LEVEL
) -> tuple[Operator, ...]:
    """Return `count` operators with `languages_each` languages each.

    First languages follow `first_languages`; further ones a smooth weighted round-robin in proportion to the square
    root of the mix, so that rare languages have more than their share. Raises ValueError if `languages_each` is not
    between 1 and the number of languages.
    """
    if not 1 <= languages_each <= len(languages):
        raise ValueError(f"{languages_each} languages for each operator are not possible; use 1 to {len(languages)}")
    firsts = [at for at, people in enumerate(first_languages(mix, count)) for _ in range(people)]
    weights = [math.sqrt(share) for share in mix]
    owed = [0.0] * len(mix)
    spoken = [[first] for first in firsts]
    for mine in spoken:
        while len(mine) < languages_each:
            owed = [owes + weight for owes, weight in zip(owed, weights, strict=True)]
            best = max((at for at in range(len(mix)) if at not in mine), key=lambda at: (owed[at], -at))
            owed[best] -= sum(weights)
            mine.append(best)
    return tuple(
        Operator(
            str(1001 + place),
            {languages[at]: BEST_LEVEL if at == mine[0] else further_level for at in mine},
            present=True,
        )
        for place, mine in enumerate(spoken)
    )
