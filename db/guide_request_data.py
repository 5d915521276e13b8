"""Requests for a procedure of the guide in writing, as plain data, without SQLAlchemy, which is slow to load."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class GuideRequest:
    """A caller who wants a procedure in writing.

    `procedure`: its id. `number`: E.164. `outcome`: a value of `db.enums.GuideOutcome`; None: not ended. `reason`: why
    it ended so. `taken_by`: who works on it. `test`: whether it was asked for in a test call.
    """

    id: UUID
    call_id: UUID
    procedure: str
    number: str
    requested: datetime
    due: datetime
    country: str | None = None
    language: str | None = None
    topic: str | None = None
    outcome: str | None = None
    reason: str | None = None
    ended: datetime | None = None
    ended_by: str | None = None
    taken: datetime | None = None
    taken_by: str | None = None
    test: bool = False
