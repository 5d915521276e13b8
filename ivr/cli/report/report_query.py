"""What a report was asked for, and what was found."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the database's packages take a while to load
    from db.report import CallCounts
    from ivr.cli.report.report_groups import By, Groups, Period


@dataclass(frozen=True, slots=True)
class Asked:
    """A report as it is wanted. `first` and `last` are both counted; `within` and `short` in seconds."""

    by: "tuple[By, ...]"
    first: date
    last: date
    period: "Period"
    within: float
    short: float
    tests: bool
    now: datetime

    @property
    def days(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Found:
    """All that was counted. By operator: their `names`, and the seconds that they were `planned` until now, by id."""

    groups: "Groups"
    hours: "Groups | None"  # for the picture
    names: dict[str, str]
    planned: dict[str, float]
    counted: "CallCounts"
