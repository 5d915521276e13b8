"""Watches that what the flow says can be heard, and has missing audio made again."""

import asyncio
import time
from collections.abc import Callable

import structlog

from ivr.flow.missing_audio import MissingAudio
from ivr.flow.versions import VersionStore
from ivr.home.settings import Settings
from ivr.site.findings import SiteError
from ivr.site_changes.programs import ProgramError, run_hatif
from prompts.manifest import ManifestError

log = structlog.get_logger()

EVERY_S = 10.0
"""Between two looks at the audio."""

AGAIN_S = 300.0
"""Between two builds that leave something missing, such as a text that no voice can speak."""

_BUILD_S = 3600.0


class PromptWatch:
    """The audio of the version that new calls have. `missing`: what it lacked at the last look, since `since`."""

    def __init__(self, settings: Settings, flows: VersionStore, changed: Callable[[], None]) -> None:
        self._settings, self._flows, self._changed = settings, flows, changed
        self.missing = MissingAudio()
        self.since: float | None = None  # POSIX seconds
        self.builds = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        build_at = 0.0
        while True:
            await self._look()
            if self.missing and time.monotonic() >= build_at:
                await self._build()
                build_at = time.monotonic() + AGAIN_S
                await self._look()
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> None:
        missing = await asyncio.to_thread(self._flows.missing_audio)
        if missing != self.missing:
            self.missing = missing
            if missing:
                self.since = self.since or time.time()
                log.error(
                    "Callers do not hear all that the flow says; the audio is made now",
                    menus=dict(missing.menus), others=dict(missing.others),
                )  # fmt: skip
            else:
                self.since = None
                log.info("Callers hear all that the flow says")
            self._changed()

    async def _build(self) -> None:
        self.builds = True
        self._changed()
        try:
            built = await run_hatif(self._settings, "prompts", "build", limit_s=_BUILD_S)
            if built.status:
                log.error("The audio has problems", reason=built.last_words)
            await self._flows.reload()
        except (ProgramError, SiteError, ManifestError) as error:
            log.error("Missing audio could not be made; it will be tried again", error=str(error), again_s=AGAIN_S)
        finally:
            self.builds = False
            self._changed()
