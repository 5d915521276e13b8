"""What is to be worked off, from the database. Functions raise DatabaseError if it is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from db import callbacks, guide_requests, messages
from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CallbackState
from db.guide_request_data import GuideRequest
from db.message_data import VoiceMessage

KEPT = timedelta(seconds=10)
"""How long one count serves all pages."""


@dataclass(frozen=True, slots=True)
class Work:
    """All that is not done, each list oldest first; what is due first for requests in writing."""

    messages: Sequence[VoiceMessage]
    callbacks: Sequence[CallbackRequest]
    requests: Sequence[GuideRequest]


async def read(engine: AsyncEngine) -> Work:
    """Return what is to be worked off. Calls that the line makes by itself are not."""
    return Work(
        await messages.latest(engine, 0),
        [row for row in await callbacks.pending(engine) if row.kind != CallbackKind.CASE],
        await guide_requests.latest(engine, 0),
    )


def is_free(request: CallbackRequest) -> bool:
    """Return whether nobody works on a call-back request."""
    return request.kind != CallbackKind.OPERATOR and request.state == CallbackState.REQUESTED


async def is_own(engine: AsyncEngine, request: UUID, operator: str) -> bool:
    """Return whether an operator is the one who will be rung for a call-back request."""
    pending = await callbacks.pending(engine)
    wanted = (CallbackKind.OPERATOR, operator)
    return any(row.id == request and (row.kind, row.operator_id) == wanted for row in pending)


class Counts:
    """How much work nobody has taken."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._count = 0
        self._read: datetime | None = None

    def forget(self) -> None:
        """Read the database at the next question: somebody has just taken something."""
        self._read = None

    async def now(self, now: datetime) -> int:
        """Return how much there is. Raises DatabaseError."""
        if self._read is None or not self._read <= now < self._read + KEPT:
            requests = [row for row in await guide_requests.latest(self._engine, 0) if row.taken_by is None]
            waiting = [row for row in await callbacks.pending(self._engine) if row.kind != CallbackKind.CASE]
            free = sum(map(is_free, waiting))
            self._count, self._read = await messages.count(self._engine) + free + len(requests), now
        return self._count
