"""Operators' languages that a supervisor has changed for now, over those of `operators.csv`.

A change lasts until it is taken back, or until the operator's line in the list has other languages than it had at the
change: then the list is newer. It is kept in AstDB, so that a restart goes on with it.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from background.retrying import until_done
from ivr.asterisk.ami import AmiError
from ivr.hours.opening import AstDb
from ivr.site.operators import OperatorEntry

log = structlog.get_logger()

FAMILY = "hatif-languages"

_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class LanguageChange:
    """A change. `instead_of`: the languages of the list when it was made."""

    languages: Mapping[str, int]
    instead_of: Mapping[str, int]
    by: str
    at: float


class LanguageChanges:
    """The list of operators as it applies now, with the changes in it.

    `operators` is one object for everybody who uses the list; its entries are replaced. `changed` is called with each
    entry that is replaced.
    """

    def __init__(
        self, entries: Sequence[OperatorEntry], astdb: AstDb, changed: Callable[[OperatorEntry], None]
    ) -> None:
        self._listed = {entry.id: entry for entry in entries}
        self.operators = list(entries)
        self.changes: dict[str, LanguageChange] = {}
        self._astdb, self._changed = astdb, changed
        self._dirty: dict[str, LanguageChange | None] = {}
        self._wake = asyncio.Event()

    def listed(self, operator: str) -> Mapping[str, int]:
        """Return an operator's languages in `operators.csv`."""
        return self._listed[operator].languages

    def take(self, entries: Sequence[OperatorEntry]) -> None:
        """Go by another list from now on. A change ends for whoever has other languages in it, or is gone."""
        self._listed = {entry.id: entry for entry in entries}
        self.operators[:] = entries
        for operator, change in list(self.changes.items()):
            if operator in self._listed and change.instead_of == self.listed(operator):
                self._apply(operator, change)
            else:
                del self.changes[operator]
                self._dirty[operator] = None
                self._wake.set()

    def set(self, operator: str, languages: Mapping[str, int] | None, by: str, at: float) -> OperatorEntry:
        """Change an operator's languages; None, or those of the list: as listed. Return their entry."""
        listed = self.listed(operator)
        change = None
        if languages is not None and list(languages.items()) != list(listed.items()):  # the first one is their own
            change = LanguageChange(dict(languages), listed, by, at)
        self._dirty[operator] = change
        self._wake.set()
        entry = self._apply(operator, change)
        self._changed(entry)
        return entry

    async def restore(self) -> None:
        """Take the stored changes into use. Raises AmiError."""
        for operator, text in (await self._astdb.db_tree(FAMILY)).items():
            change = _decode(text)
            if operator not in self._listed or change is None or change.instead_of != self.listed(operator):
                log.info("A change of an operator's languages has ended: operators.csv is newer", operator=operator)
                self._dirty[operator] = None
                self._wake.set()
            elif operator not in self._dirty:
                self._changed(self._apply(operator, change))

    async def run(self) -> None:
        """Write changes to AstDB until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._dirty:
                failing = "An operator's languages could not be written to AstDB"
                await until_done(self._write, AmiError, _AGAIN_S, failing)  # the link may be down

    async def _write(self) -> None:
        operator, change = next(iter(self._dirty.items()))
        if change is None:
            await self._astdb.db_delete(FAMILY, operator)
        else:
            await self._astdb.db_put(FAMILY, operator, _encode(change))
        if self._dirty.get(operator) is change:
            del self._dirty[operator]

    def _apply(self, operator: str, change: LanguageChange | None) -> OperatorEntry:
        entry = self._listed[operator]
        if change is not None:
            self.changes[operator] = change
            entry = replace(entry, languages=dict(change.languages))
        else:
            self.changes.pop(operator, None)
        place = next(place for place, known in enumerate(self.operators) if known.id == operator)
        self.operators[place] = entry
        return entry


def _encode(change: LanguageChange) -> str:
    fields = {"now": change.languages, "list": change.instead_of, "by": change.by, "at": round(change.at, 3)}
    return json.dumps(fields, separators=(",", ":"))


def _decode(text: str) -> LanguageChange | None:
    try:
        found = json.loads(text)
        return LanguageChange(_levels(found["now"]), _levels(found["list"]), str(found["by"]), float(found["at"]))
    except (ValueError, KeyError, TypeError):
        return None


def _levels(found: Any) -> dict[str, int]:
    if not isinstance(found, dict) or not all(isinstance(level, int) for level in found.values()):
        raise TypeError
    return {str(code): level for code, level in found.items()}
