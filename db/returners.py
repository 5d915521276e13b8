"""The wait of a number that was cut short: who calls again soon may have his old place."""

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
"""How the call of somebody ended who hung up while he waited, with a controller and without."""

LOST = "lost"
"""Why a pairing ended whose operator's telephone, or whose whole Asterisk, was lost."""


@dataclass(frozen=True, slots=True)
class Former:
    """A wait that was cut short. `since`: what it counted from (POSIX seconds, as routing has them), which may be the
    wait of a call before it."""

    call: UUID
    language: str | None  # that it was for first
    since: float
    ended: datetime


async def former(engine: AsyncEngine, number: str, call: UUID | str) -> Former | None:
    """The last wait of `number` (E.164 with +) before `call`, if it was cut short: he hung up before anybody answered,
    or the conversation was lost. None also while that call still goes on."""
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
    return Former(row.id, _language(began) or row.language, _since(began) or row.queued.timestamp(), row.ended)


def _language(began: Any) -> str | None:
    language = (began or {}).get("language")
    return language if isinstance(language, str) else None


def _since(began: Any) -> float | None:
    since = (began or {}).get("since")
    return float(since) if isinstance(since, (int, float)) else None
