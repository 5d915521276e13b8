"""Acknowledgements of alarms. One lasts as long as its alarm, also over a restart of the controller."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass

from db.journal import Journal
from ivr.records.database import ACKNOWLEDGED, Database


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The person who acknowledged an alarm, by account and name, and when (POSIX seconds)."""

    by: str
    name: str
    at: float


class Acknowledgements:
    """The acknowledgements of the alarms that are up. They are kept in the audit."""

    def __init__(self, journal: Journal, database: Database) -> None:
        self._journal, self._database = journal, database
        self._known: dict[str, Acknowledgement] = {}
        self._restored: dict[str, tuple[float, Acknowledgement]] = {}  # of an earlier controller, by alarm: since

    def of(self, alarm: str, since: float | None) -> Acknowledgement | None:
        """Return who has acknowledged an alarm that began then."""
        known = self._known.get(alarm)
        if known is None and since is not None and alarm in self._restored:
            began, earlier = self._restored[alarm]
            if math.isclose(began, since, abs_tol=0.01):
                known = self._known[alarm] = earlier
        return known

    def acknowledge(self, alarm: str, since: float | None, by: str, name: str) -> Acknowledgement:
        """Note, and record, that somebody sees to an alarm. The first one stays."""
        known = self.of(alarm, since)
        if known is None:
            known = self._known[alarm] = Acknowledgement(by, name or by, time.time())
            data = {"since": since, "name": known.name}
            self._journal.put(
                "audit", by=by, act=ACKNOWLEDGED, about=f"alarm:{alarm}", reason=None, call_id=None, data=data
            )
        return known

    def keep(self, present: Collection[str]) -> None:
        """Forget those of alarms that are cleared."""
        for alarm in self._known.keys() - set(present):
            del self._known[alarm]
            self._restored.pop(alarm, None)

    async def restore(self) -> None:
        """Read those of an earlier controller."""
        rows = await self._database.acknowledgements()
        for row in reversed(rows or ()):
            since, name = row.data.get("since"), row.data.get("name")
            if isinstance(since, int | float) and row.about is not None:
                alarm = row.about.removeprefix("alarm:")
                self._restored[alarm] = since, Acknowledgement(row.by, str(name or row.by), row.at.timestamp())
