"""Whether the line is open, and Asterisk's own knowledge of it for the time without a controller."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from ivr import clock
from ivr.ami import AmiError
from ivr.records import Recorder
from routing import hours
from routing.hours import Force, Override

log = structlog.get_logger()

FAMILY = "hatif-hours"
_REFRESH_S = 30.0
_FOREVER = timedelta(days=36_500)


class AstDb(Protocol):
    """Asterisk's own small database, through its manager interface."""

    async def db_put(self, family: str, key: str, value: str) -> None: ...

    async def db_tree(self, family: str) -> dict[str, str]: ...


class Opening:
    """The weekly plan, the administrator's override, and their copy in AstDB."""

    def __init__(self, plan: hours.Plan, recorder: Recorder, astdb: AstDb) -> None:
        self._plan, self._recorder, self._astdb = plan, recorder, astdb
        self._override: Override | None = None
        self._override_row: UUID | None = None
        self._wake = asyncio.Event()

    def answer(self, at: datetime | None = None) -> hours.Answer:
        return hours.answer(self._plan, at or clock.now(), self._override)

    def force(self, override: Override) -> hours.Answer:
        """Takes effect with the next call that asks; kept in AstDB and in the database."""
        self._override_row = self._recorder.hours_forced(override, self._override_row)
        self._override = override if override.force is not Force.AUTO else None
        self._wake.set()
        return self.answer()

    async def restore(self) -> None:
        """Reads the override that was in force; without Asterisk's database the plan alone holds."""
        kept = await self._astdb.db_tree(FAMILY)
        try:
            data = json.loads(kept.get("override") or "{}")
            if data:
                until = datetime.fromisoformat(data["until"]) if data["until"] else None
                self._override = Override(Force(data["force"]), str(data["why"]), until)
                self._override_row = UUID(data["row"]) if data["row"] else None
        except (ValueError, KeyError, TypeError) as error:
            log.warning("AstDB holds an override of the hours that is not ours; it is not used", error=repr(error))

    async def keep(self) -> None:
        """Keeps `open_until` in AstDB right: UTC seconds, compared with ${EPOCH} by the fallback; 0 is closed."""
        while True:
            try:
                await self._write()
            except AmiError as error:  # the link to the manager is down: it is tried again
                log.debug("Opening hours could not be written to AstDB", error=repr(error))
            try:
                async with asyncio.timeout(_REFRESH_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _write(self) -> None:
        answer = self.answer()
        closing = answer.until or clock.now() + _FOREVER
        # The next opening as well: a controller that stays away for days must not close the line for days.
        opening = self.answer(answer.until).until if answer.open and answer.until else answer.until
        await self._astdb.db_put(FAMILY, "open_until", str(int(closing.timestamp())) if answer.open else "0")
        await self._astdb.db_put(FAMILY, "opens_next", str(int(opening.timestamp())) if opening else "")
        override = self._override
        kept = (
            {
                "force": override.force.value,
                "why": override.why,
                "until": override.until.isoformat() if override.until else None,
                "row": str(self._override_row) if self._override_row else None,
            }
            if override is not None
            else {}
        )
        await self._astdb.db_put(FAMILY, "override", json.dumps(kept))


def shortened(override: Override, limit: int = 120) -> Override:
    """An override whose reason fits into AstDB and into one line."""
    why = "".join(each for each in override.why if each.isprintable())[:limit]
    return replace(override, why=why)
