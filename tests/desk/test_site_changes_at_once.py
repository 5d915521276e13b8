"""A change of the site that is being released keeps its way back, whatever somebody else does with it meanwhile."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from site_control import NoEffects, check_here

from ivr.home.settings import EXAMPLE, Settings
from ivr.site_changes.changes import SiteChanges
from ivr.site_changes.edits import TextEdit
from ivr.site_changes.model import ChangeError, ChangeState, KeptChange
from ivr.site_changes.store import KEPT_DRAFTS

FRENCH = "locale/fr/LC_MESSAGES/hatif.po"
NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)


class SlowEffects(NoEffects):
    """Releases wait, with their files about to be put in place, until the test says."""

    def __init__(self) -> None:
        self.waits, self.may_go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        self.waits.set()
        await self.may_go_on.wait()
        yield


async def until_checked(changes: SiteChanges, identity: str) -> KeptChange:
    async with asyncio.timeout(60):
        while (found := await changes.find(identity)).state is ChangeState.CHECKING:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def _discard(changes: SiteChanges, change: KeptChange) -> None:
    await changes.discard(change.id)


async def _check_again(changes: SiteChanges, change: KeptChange) -> None:
    await changes.check_again(change.id)


async def _make_another(changes: SiteChanges, change: KeptChange) -> None:
    """When a week has passed, drafts are forgotten."""
    changes._now = lambda: NOW + 2 * KEPT_DRAFTS
    await changes.make([TextEdit(kind="text", language="fr", id="main_urgent", text="Autre chose,")], "Other", "1901")


@pytest.mark.parametrize("meanwhile", [_discard, _check_again, _make_another])
async def test_a_change_that_is_being_released_can_be_taken_back_afterwards(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[SiteChanges, KeptChange], Awaitable[None]],
) -> None:
    monkeypatch.setattr("ivr.site_changes.changes.check_site", check_here)
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE, site, ignore=shutil.ignore_patterns("*.wav"))
    before = (site / FRENCH).read_bytes()
    effects = SlowEffects()
    changes = SiteChanges(Settings(home=tmp_path, site=site, offset=0), effects, lambda: NOW)  # type: ignore[arg-type]
    working = asyncio.create_task(changes.run())
    try:
        edit = TextEdit(kind="text", language="fr", id="main_urgent", text="Cas urgent,")
        change = await changes.make([edit], "Urgent cases", "1901")
        assert (await until_checked(changes, change.id)).state is ChangeState.READY
        releasing = asyncio.create_task(changes.release(change.id, "1901"))
        await effects.waits.wait()
        other = asyncio.ensure_future(meanwhile(changes, change))
        await asyncio.wait({other}, timeout=0.5)
        effects.may_go_on.set()
        await releasing
        assert b"Cas urgent" in (site / FRENCH).read_bytes()
        try:
            await other
        except ChangeError as error:
            assert error.code == "released"
        assert (await changes.find(change.id)).state is ChangeState.RELEASED
        back = await changes.take_back(change.id, "1901")
        async with asyncio.timeout(60):
            while (await changes.find(back.id)).state is not ChangeState.RELEASED:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (site / FRENCH).read_bytes() == before
    finally:
        working.cancel()
