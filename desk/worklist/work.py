"""Open work, from the database. Functions raise DatabaseError if it is away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from db import callbacks, guide_requests, messages
from db.callback_requests import CallbackRequest
from db.enums import CallbackKind, CallbackState
from db.guide_request_data import GuideRequest
from db.message_data import VoiceMessage
from office import callbacks as office_callbacks
from office import guide_requests as office_requests
from office import messages as office_messages
from office.context import Office
from office.people import Actor
from office.reading import PartOfList

KEPT = timedelta(seconds=10)
"""How long one count serves all pages."""


MOST = 100
"""Rows of one kind on a page, which reads them again and again."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """Work of one kind: the first `MOST` rows, and any other that the person has taken. `count`: of all."""

    shown: Sequence[T]
    count: int


@dataclass(frozen=True, slots=True)
class Work:
    """Open work, each kind oldest first; requests in writing by when they are due."""

    messages: Rows[VoiceMessage]
    callbacks: Rows[CallbackRequest]
    requests: Rows[GuideRequest]

    @property
    def lines(self) -> int:
        """How many rows are shown."""
        return len(self.messages.shown) + len(self.callbacks.shown) + len(self.requests.shown)


async def read(office: Office, actor: Actor, *, tests: bool) -> Work:
    """Return what a person can work off.

    `tests`: also what comes from test calls. The page puts the whole list on record.
    """
    return Work(
        _rows(
            await office_messages.latest(office, actor, PartOfList(), tests=tests),
            lambda row: row.taken_by == actor.id,
        ),
        _rows(
            await office_callbacks.pending(office, actor, PartOfList()),
            lambda row: row.operator_id == actor.operator,
        ),
        _rows(
            [row for row in await office_requests.latest(office, actor, PartOfList()) if tests or not row.test],
            lambda row: row.taken_by == actor.id,
        ),
    )


def _rows(found: Sequence[T], is_own: Callable[[T], bool]) -> Rows[T]:
    return Rows([*found[:MOST], *filter(is_own, found[MOST:])], len(found))


def is_free(request: CallbackRequest) -> bool:
    """Return whether nobody works on a call-back request."""
    return request.kind != CallbackKind.OPERATOR and request.state == CallbackState.REQUESTED


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
            requests = [
                row for row in await guide_requests.latest(self._engine, 0) if row.taken_by is None and not row.test
            ]
            waiting = [row for row in await callbacks.pending(self._engine) if row.kind != CallbackKind.CASE]
            free = sum(map(is_free, waiting))
            self._count, self._read = await messages.count(self._engine) + free + len(requests), now
        return self._count
