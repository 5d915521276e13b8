"""A control API that changes a site's files as the controller's does; there is no line that takes them into use."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from controller import StandIn

from dialplan.plan import PROMPTS
from ivr.check import checking
from ivr.home.settings import Settings
from ivr.site_changes.changes import SiteChanges
from ivr.site_changes.model import Effect, EffectState, FoundFinding


class NoEffects:
    """Releases that bring nothing into use."""

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield

    def needed(self, changed: Sequence[str]) -> Effect:
        return Effect(state=EffectState.WAITING, audio=False, reload=False)

    async def bring(self, effect: Effect, changed: Sequence[str], folder: Path) -> Effect:
        return effect.model_copy(update={"state": EffectState.DONE})


async def check_here(settings: Settings, folder: Path) -> list[FoundFinding]:
    """Find what `hatif check` finds, without a process of its own for each look, of which a change needs two."""
    found = await asyncio.to_thread(checking.check, folder, settings.sounds, PROMPTS, settings.voices)
    named = str(folder), str(settings.site)
    rows = ({**asdict(row), "file": row.file.replace(*named), "found": row.found.replace(*named)} for row in found)
    return [FoundFinding.model_validate(row) for row in rows]


def changing(site: Path, home: Path, now: datetime) -> tuple[StandIn, SiteChanges]:
    """Return a controller for tests, and its changes, whose `run` must run beside it."""
    changes = SiteChanges(Settings(home=home, site=site, offset=0), NoEffects(), lambda: now)  # type: ignore[arg-type]
    found = StandIn()
    found.site_changes = changes
    return found, changes
