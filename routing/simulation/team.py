"""Operators of a simulated day, and the languages of a team that is not there yet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice

from routing.states import Operator

BEST_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Team:
    """Who works, and how.

    `shifts`: by operator, from when to when he is on duty (seconds of the day; he ends his call); who is not
    in it is there all the time. `ring_s`: until an operator answers, part of the caller's wait.
    `slower_per_level`: each level below 5 makes a conversation longer by this share.
    """

    operators: tuple[Operator, ...]
    ring_s: float = 0.0
    wrap_up_s: float = 0.0
    slower_per_level: float = 0.0
    shifts: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    def taught(self, identity: str, language: str, level: int) -> "Team":
        """The same team, in which one operator has learnt one more language."""
        return replace(
            self,
            operators=tuple(
                replace(each, languages={**each.languages, language: level}) if each.id == identity else each
                for each in self.operators
            ),
        )


def first_languages(mix: Sequence[float], count: int) -> list[int]:
    """How many of `count` operators have each language as their first: by largest remainder, each language at least
    one. ValueError if there are fewer operators than languages."""
    if count < len(mix):
        raise ValueError(f"{count} operators cannot have {len(mix)} first languages; take {len(mix)} operators or more")
    wanted = [count * share / sum(mix) for share in mix]
    found = [max(1, math.floor(each + 1e-9)) for each in wanted]
    missing = count - sum(found)
    remainders = sorted(range(len(mix)), key=lambda at: (round(found[at] - wanted[at], 9), at))
    for at in islice(cycle(remainders), max(0, missing)):
        found[at] += 1
    for _ in range(-missing):  # languages below one operator took more than there are
        at = max(range(len(mix)), key=lambda each: (found[each] > 1, found[each] - wanted[each], -each))
        found[at] -= 1
    return found


def spread_team(
    languages: Sequence[str], mix: Sequence[float], count: int, each: int, further_level: int = BEST_LEVEL
) -> tuple[Operator, ...]:
    """`count` operators with `each` languages; first ones by `first_languages`, further ones by a smooth weighted
    round-robin in proportion to the square root of the mix, so that rare languages have more than their share.

    ValueError if there are more languages for an operator than there are.
    """
    if not 1 <= each <= len(languages):
        raise ValueError(f"an operator cannot have {each} of {len(languages)} languages; take 1 to {len(languages)}")
    firsts = [at for at, people in enumerate(first_languages(mix, count)) for _ in range(people)]
    weights = [math.sqrt(share) for share in mix]
    owed = [0.0] * len(mix)
    spoken = [[first] for first in firsts]
    for mine in spoken:
        while len(mine) < each:
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
