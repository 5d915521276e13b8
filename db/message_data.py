"""Voice messages as plain data, without SQLAlchemy, which is slow to load."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class VoiceMessage:
    """A message that a caller left.

    `file`: its audio, relative to HATIF_HOME. `text`: what a recogniser made of it, in
    `text_language` and with its confidence in percent; `text_why`: why there is none. `taken_by`: who works on it.
    `done`: since when nothing is left to do. `test`: whether it was left in a test call.
    """

    id: UUID
    call_id: UUID
    at: datetime
    file: str
    case_reference: str | None = None
    caller: str | None = None
    language: str | None = None
    topic: str | None = None
    category: str | None = None
    duration_ms: int | None = None
    text: str | None = None
    text_language: str | None = None
    text_confidence: int | None = None
    text_why: str | None = None
    heard: datetime | None = None
    heard_by: str | None = None
    taken: datetime | None = None
    taken_by: str | None = None
    done: datetime | None = None
    done_by: str | None = None
    erased: datetime | None = None
    test: bool = False
