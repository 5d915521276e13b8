"""The effects of a released change: the audio is built, new calls go by the new flow, and the processes get
their new values."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from ivr.home.folder_lock import write_private
from ivr.home.settings import Settings
from ivr.site.findings import SiteError
from ivr.site_changes.model import Effect, EffectState
from ivr.site_changes.programs import ProgramError, run_detached, run_hatif
from prompts.manifest import ManifestError

_BUILD_S = 3600.0
_RELOAD_S = 60
_MOMENT_S, _LOOK_S = 120.0, 0.5
"""How long a reload waits for a moment in which nobody notices it. On a busy line there may be none."""
_RUN_WITH = ("site.toml", "operators.csv")
"""Files whose values the processes run with."""
_SILENT = ("roster.csv",)
"""Files without anything that is spoken."""


class Flows(Protocol):
    """The versions of the flow that new calls use."""

    def held(self) -> AbstractAsyncContextManager[None]:
        """Load no version inside the block."""
        ...

    async def take(self) -> str:
        """Take what is saved into use for new calls, and return its name. Raises SiteError or ManifestError."""
        ...

    async def is_complete(self) -> bool:
        """Return whether all saved values are in use, so that nothing has to be reloaded. Raises SiteError."""
        ...

    async def is_noticed(self) -> bool:
        """Return whether a reload of the saved values would disturb somebody now. Raises SiteError."""
        ...


class Effects:
    """The effects of releases on one line."""

    def __init__(self, settings: Settings, flows: Flows) -> None:
        self._settings, self._flows = settings, flows

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep calls from beginning with a part of the files."""
        async with self._flows.held():
            yield

    def needed(self, changed: Sequence[str]) -> Effect:
        """Return what the line has to do after these files have changed."""
        return Effect(
            state=EffectState.WAITING,
            audio=any(file not in _SILENT for file in changed),
            reload=any(file in _RUN_WITH for file in changed),
        )

    async def bring(self, effect: Effect, changed: Sequence[str], folder: Path) -> Effect:
        """Do what has to be done; return how it went.

        Args:
            folder: The folder of the change: the reload restarts this process, and tells the next one how it went.
        """
        said = ""
        try:
            if effect.audio:
                said = await self._build(folder)
            version = await self._flows.take()
            if effect.reload:
                said = await self._reload(folder) or said
        except (ProgramError, SiteError, ManifestError) as error:
            detail = said or str(error)[:1000]
            return effect.model_copy(update={"state": EffectState.FAILED, "detail": detail})
        return effect.model_copy(update={"state": EffectState.DONE, "detail": said, "version": version})

    async def _build(self, folder: Path) -> str:
        """Build the audio; return what has a problem: its old audio stays in use. Raises ProgramError.

        Not again after the reload, which restarts this process.
        """
        out = folder / "audio.said"
        if not await asyncio.to_thread(out.exists):
            built = await run_hatif(self._settings, "prompts", "build", limit_s=_BUILD_S)
            await asyncio.to_thread(write_private, out, built.last_words if built.status else "")
        return await asyncio.to_thread(out.read_text)

    async def _reload(self, folder: Path) -> str:
        """Bring values to the processes that run; return what needs more. Raises ProgramError or SiteError."""
        out = folder / "reload.json"
        if await asyncio.to_thread(out.exists):  # a controller before this one began it
            for _ in range(_RELOAD_S):
                if (found := await asyncio.to_thread(_later, out)) is not None:
                    return found
                await asyncio.sleep(1)
        if await self._flows.is_complete():
            return ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT_S):
                while await self._flows.is_noticed():  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(_LOOK_S)
        await run_detached(self._settings, out, "reload", "--json")
        found = await asyncio.to_thread(_later, out)
        if found is None:
            raise ProgramError("`hatif reload` did not say what it has done; run it again.")
        return found


def _later(out: Path) -> str | None:
    """Return what a reload has left to do, in sentences; None if it has not ended."""
    try:
        later = json.loads(out.read_bytes())["later"]
    except (OSError, ValueError, KeyError):
        return None
    return " ".join(f"{one['why']}: {one['remedy']}." for one in later.values())
