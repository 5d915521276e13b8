"""Helpers for tests of offers: operators who are alike, and how the offers of a call ended."""

import itertools
from typing import Any

from line import Line


def french(line: Line, count: int) -> list[str]:
    """Return operators who speak French. The first three are alike for routing, which takes the longest idle one."""
    alike: dict[object, list[str]] = {}
    for operator in line.operators:
        if (level := operator.languages.get("fr")) is not None:
            kind = frozenset(operator.languages), level, next(iter(operator.languages)) == "fr"
            alike.setdefault(kind, []).append(operator.id)
    return list(itertools.chain(*sorted(alike.values(), key=len, reverse=True)))[:count]


def outcomes(story: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the offers of a call in order: the operator and the final state."""
    return [(offer["operator_id"], offer["state"]) for offer in story["offers"]]


def pairings(story: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the conversations of a call in order: the operator, the role, and why it ended."""
    return [(pairing["operator_id"], pairing["role"], pairing["reason"]) for pairing in story["pairings"]]


async def decided(line: Line, caller: str, count: int = 1) -> list[tuple[str, str]]:
    """Return the offers of a call, once the database has `count` of them or more, and the end of each."""

    def told(story: dict[str, Any]) -> bool:
        states = [state for _, state in outcomes(story)]
        return len(states) >= count and "ringing" not in states

    return outcomes(await line.story(caller, ended=False, told=told))
