"""Operator states, kept in AstDB, where a restart and the fallback dialplan find them.

The value is `state|reason|since|until|pause_after`; the dialplan reads the first field.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import structlog

from background.retrying import until_done
from ivr.asterisk.ami import AmiError
from ivr.hours.opening import AstDb
from ivr.site.operators import OperatorEntry
from routing.states import ABSENT, LOGGED_OUT, Operator, OperatorState

log = structlog.get_logger()

FAMILY = "hatif-operator"

_GATHER_S = 0.03
"""States that follow each other at once (wrap-up over, offered) are written once."""


def encode(operator: Operator) -> str:
    """Return the value that is kept for an operator."""
    until = f"{operator.until:.3f}" if operator.until is not None else ""
    reason, pause_after = (text.replace("|", " ") for text in (operator.reason, operator.pause_after or ""))
    return "|".join((operator.state, reason, f"{operator.since:.3f}", until, pause_after))


def restored(entries: Iterable[OperatorEntry], stored: Mapping[str, str]) -> list[Operator]:
    """Return the operators of the list in their kept states; a state that cannot be read counts as away.

    A supervisor's telephone is for supervising: it does not make them ready before they have asked for callers once.
    """
    return [_decode(_unknown(entry), stored.get(entry.id, "")) for entry in entries]


def _unknown(entry: OperatorEntry) -> Operator:
    return Operator(entry.id, entry.languages, entry.topics, reason=LOGGED_OUT if entry.supervisor else ABSENT)


def _decode(fresh: Operator, value: str) -> Operator:
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
            log.warning(
                "An operator's state in AstDB is malformed; they count as away", operator=fresh.id, value=value[:100]
            )
        return fresh


def _instant(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is not an instant")
    return seconds


class OperatorStateStore:
    """Writes states to AstDB in the background; of an operator's states only the latest is written."""

    def __init__(self, astdb: AstDb) -> None:
        self._astdb = astdb
        self._dirty: dict[str, str] = {}
        self._wake = asyncio.Event()

    def put(self, operator: Operator) -> None:
        """Have an operator's state written."""
        self._dirty[operator.id] = encode(operator)
        self._wake.set()

    async def run(self) -> None:
        """Write states until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_GATHER_S)
            self._wake.clear()
            while self._dirty:
                failing = "An operator's state could not be written to AstDB"
                await until_done(self._write, AmiError, 0.5, failing)  # the link may be down

    async def _write(self) -> None:
        identity, value = next(iter(self._dirty.items()))
        await self._astdb.db_put(FAMILY, identity, value)
        if self._dirty.get(identity) == value:
            del self._dirty[identity]
