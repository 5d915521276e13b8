"""What tests of offers have in common: operators who are alike, and how the offers of a call ended."""

import asyncio
import itertools
from typing import Any

from line import Line


def french(line: Line, count: int) -> list[str]:
    """The ids of operators who speak French; the first three are alike for routing: it takes who is idle longest."""
    alike: dict[object, list[str]] = {}
    for each in line.operators:
        if (level := each.languages.get("fr")) is not None:
            kind = frozenset(each.languages), level, next(iter(each.languages)) == "fr"
            alike.setdefault(kind, []).append(each.id)
    return list(itertools.chain(*sorted(alike.values(), key=len, reverse=True)))[:count]


def outcomes(story: dict[str, Any]) -> list[tuple[str, str]]:
    """The offers of a call, in order: to whom, and how each ended."""
    return [(each["operator_id"], each["state"]) for each in story["offers"]]


def pairings(story: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Who talked in a call, in order: the operator, as what, and why that ended."""
    return [(each["operator_id"], each["role"], each["reason"]) for each in story["pairings"]]


async def decided(line: Line, caller: str) -> list[tuple[str, str]]:
    """The offers of a call, as soon as the database knows how all of them ended."""
    async with asyncio.timeout(3):
        while True:
            offers = outcomes(await line.story(caller, ended=False))
            if all(state != "ringing" for _, state in offers):
                return offers
            await asyncio.sleep(0.05)
