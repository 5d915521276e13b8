"""Returning callers: a caller whose wait was cut short and who calls back soon may keep their place in the queue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.enums import Outcome
from db.tables import Call, CallEvent, Pairing

_GAVE_UP = (Outcome.ABANDONED, Outcome.FALLBACK)
"""The outcomes of callers who hung up while waiting, with a controller and without."""

LOST = "lost"
"""The reason of a pairing that ended because the operator's telephone, or Asterisk as a whole, was lost."""


@dataclass(frozen=True, slots=True)
class FormerWait:
    """A wait that was cut short. `since`: its routing age (POSIX seconds), which may come from an even earlier call."""

    call: UUID
    language: str | None  # the first one that it was for
    since: float
    ended: datetime


async def former_wait(engine: AsyncEngine, number: str, call: UUID | str) -> FormerWait | None:
    """Return the last wait of `number` (E.164 with +) before `call` if it was cut short: the caller hung up before
    anybody answered, or the conversation was lost. None also while that call is still in progress."""
    async with reading(engine) as connection:
        row = (
            await connection.execute(
                select(Call.id, Call.language, Call.outcome, Call.queued, Call.connected, Call.ended)
                .where(Call.caller == number, Call.queued.is_not(None), Call.id != UUID(str(call)))
                .order_by(Call.started.desc(), Call.id.desc())
                .limit(1)
            )
        ).one_or_none()
        if row is None or row.ended is None:
            return None
        if row.connected is None:
            cut_off = row.outcome in _GAVE_UP
        else:
            last = select(Pairing.reason).where(Pairing.call_id == row.id)
            cut_off = await connection.scalar(last.order_by(Pairing.began.desc(), Pairing.id.desc()).limit(1)) == LOST
        if not cut_off:
            return None
        began = await connection.scalar(
            select(CallEvent.data)
            .where(CallEvent.call_id == row.id, CallEvent.kind == "waiting")
            .order_by(CallEvent.boot, CallEvent.seq)
            .limit(1)
        )
    return FormerWait(row.id, _language(began) or row.language, _since(began) or row.queued.timestamp(), row.ended)


def _language(began: Any) -> str | None:
    language = (began or {}).get("language")
    return language if isinstance(language, str) else None


def _since(began: Any) -> float | None:
    since = (began or {}).get("since")
    return float(since) if isinstance(since, (int, float)) else None
