"""A control API that changes a site's files as the controller's does; there is no line that takes them into use."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from controller import StandIn

from ivr.home.settings import Settings
from ivr.site_changes.changes import SiteChanges
from ivr.site_changes.model import Effect, EffectState


class NoEffects:
    """Releases that bring nothing into use."""

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield

    def needed(self, changed: Sequence[str]) -> Effect:
        return Effect(state=EffectState.WAITING, audio=False, reload=False)

    async def bring(self, effect: Effect, changed: Sequence[str], folder: Path) -> Effect:
        return effect.model_copy(update={"state": EffectState.DONE})


def changing(site: Path, home: Path, now: datetime) -> tuple[StandIn, SiteChanges]:
    """Return a controller for tests, and its changes, whose `run` must run beside it."""
    changes = SiteChanges(Settings(home=home, site=site, offset=0), NoEffects(), lambda: now)  # type: ignore[arg-type]
    found = StandIn()
    found.site_changes = changes
    return found, changes
