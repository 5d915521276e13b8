"""The request for a report, and the data that answer it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the database's packages take a while to load
    from db.report import CallCounts
    from ivr.cli.report.report_groups import By, Groups, Period


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to report. `first` and `last` are both included; `within` and `short` in seconds."""

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
class ReportData:
    """The counts of a report.

    In a report by operator also, by id: `names`, and the seconds for which each was `planned` until now.
    """

    groups: "Groups"
    hours: "Groups | None"  # for the picture
    names: dict[str, str]
    planned: dict[str, float]
    counted: "CallCounts"
