"""Recorded conversations and their scores, as data; `db.recordings` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A recorded conversation. `file`: relative to HATIF_HOME; `operator`: whose conversation it was."""

    id: UUID
    call: UUID
    file: str
    started: datetime
    ended: datetime | None
    duration_ms: int | None
    erased: datetime | None
    operator: str | None
    language: str | None
    topic: str | None
    country: str | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A supervisor's scores of one recording. `scores`: 1 to 5 by criterion; `recorded`: when it began."""

    recording: UUID
    by: str
    operator: str
    recorded: datetime
    at: datetime
    scores: Mapping[str, int]
    remark: str

    @property
    def average(self) -> float | None:
        """The average of the criteria."""
        return sum(self.scores.values()) / len(self.scores) if self.scores else None


@dataclass(frozen=True, slots=True)
class OperatorScores:
    """An operator's scores in a period: how many sheets, and the average of all scores together."""

    operator: str
    sheets: int
    average: float
