"""The roster, day by day, as `hatif roster` reads it from the site."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from desk.command import run_hatif
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.settings import DeskSettings

KEPT = timedelta(seconds=30)
LONGEST_S = 30.0

SUPERVISORS = "supervisors"
"""Beside the languages: hours without a supervisor."""

_TOO_LONG = N_("The roster could not be read in time; try again in a moment.")


class NoRosterError(Exception):
    """The site's roster cannot be read; the text is the command's own sentence."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A planned shift."""

    operator: str
    name: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the roster. `uncovered`: open hours without a planned speaker of a language, or a supervisor."""

    day: date
    holiday: str | None
    shifts: Sequence[Shift]
    uncovered: dict[str, list[tuple[datetime, datetime]]]


class Rosters:
    """The roster of one site. A look serves everybody for half a minute."""

    def __init__(self, settings: DeskSettings) -> None:
        self._settings = settings
        self._kept: dict[tuple[date, int], tuple[datetime, list[Day]]] = {}
        self._place = asyncio.Semaphore(1)

    async def read(self, first: date, days: int, now: datetime) -> list[Day]:
        """Return some days. Raises NoRosterError, DeskError."""
        async with self._place:
            kept = self._kept.get((first, days))
            if kept is not None and kept[0] <= now < kept[0] + KEPT:
                return kept[1]
            try:
                roster = ("roster", first.isoformat(), "--days", str(max(2, days)), "--json")
                answer = await run_hatif(self._settings, *roster, longest_s=LONGEST_S)
            except TimeoutError:
                raise DeskError(503, _TOO_LONG) from None
            if answer.status:
                raise NoRosterError(answer.sentence or answer.errors[-500:])
            found = [_day(document) for document in json.loads(answer.output)["days"][:days]]
            self._kept = {key: value for key, value in self._kept.items() if value[0] > now - KEPT}
            self._kept[first, days] = now, found
            return found

    def forget(self) -> None:
        """Look again next time: the roster has changed."""
        self._kept.clear()


def _day(document: dict[str, Any]) -> Day:
    shifts = [Shift(shift["operator"], shift["name"], *_span(shift)) for shift in document["shifts"]]
    uncovered = {group: [_span(span) for span in spans] for group, spans in document["uncovered"].items()}
    return Day(date.fromisoformat(document["day"]), document["holiday"], shifts, uncovered)


def _span(document: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(document["from"]), datetime.fromisoformat(document["to"])
