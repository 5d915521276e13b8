"""Operators' states in Asterisk's own database, where a restart and the fallback dialplan find them.

Value: `state|reason|since|until|pause_after`; the dialplan reads the first member.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import structlog

from ivr.asterisk.ami import AmiError
from ivr.hours.opening import AstDb
from ivr.site.operators import OperatorEntry
from routing.states import Operator, OperatorState

log = structlog.get_logger()

FAMILY = "hatif-operator"

_TOGETHER_S = 0.03
"""States that follow each other at once (wrap-up over, offered) are written as one."""


def encode(operator: Operator) -> str:
    until = f"{operator.until:.3f}" if operator.until is not None else ""
    reason, pause_after = (each.replace("|", " ") for each in (operator.reason, operator.pause_after or ""))
    return "|".join((operator.state, reason, f"{operator.since:.3f}", until, pause_after))


def restored(entries: Iterable[OperatorEntry], kept: Mapping[str, str]) -> list[Operator]:
    """The operators of the list as they stood; what cannot be read counts as away."""
    return [_restored(Operator(entry.id, entry.languages, entry.topics), kept.get(entry.id, "")) for entry in entries]


def _restored(fresh: Operator, value: str) -> Operator:
    parts = value.split("|")
    try:
        state, reason, since, until, pause_after = parts
        wraps_up = state == OperatorState.WRAPPING_UP
        return replace(
            fresh,
            state=OperatorState(state),
            reason=reason,
            since=_instant(since),
            until=_instant(until or since) if wraps_up else None,  # nothing else ends by itself
            pause_after=pause_after or None,
        )
    except ValueError:
        if value:
            log.warning("AstDB holds a state of an operator that is not ours", operator=fresh.id, value=value[:100])
        return fresh


def _instant(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is no instant")
    return seconds


class OperatorStateStore:
    """Writes states to AstDB, the last one of an operator only, while calls go on."""

    def __init__(self, astdb: AstDb) -> None:
        self._astdb = astdb
        self._dirty: dict[str, str] = {}
        self._wake = asyncio.Event()

    def put(self, operator: Operator) -> None:
        self._dirty[operator.id] = encode(operator)
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._wake.clear()
            while self._dirty:
                identity = next(iter(self._dirty))
                value = self._dirty[identity]
                try:
                    await self._astdb.db_put(FAMILY, identity, value)
                except AmiError as error:  # the link is down: it is tried again until it is up
                    log.debug("An operator's state could not be written to AstDB", error=repr(error))
                    await asyncio.sleep(0.5)
                    continue
                if self._dirty.get(identity) == value:
                    del self._dirty[identity]
