"""The changes of a line's site: made from edits, checked beside the line, released as a whole, taken back.

A change is checked against all files of the site as they are at that moment, and can be released only while they still
are so.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from db.ids import uuid7
from ivr.home.settings import Settings
from ivr.site_changes import exchange, files, git
from ivr.site_changes.apply import apply_edits
from ivr.site_changes.checks import check_site, new_findings
from ivr.site_changes.difference import difference_of
from ivr.site_changes.edits import EditError, SiteEdit
from ivr.site_changes.effects import Effects
from ivr.site_changes.exchange import AFTER, BEFORE, Exchange, ExchangeError
from ivr.site_changes.git import Author, GitError
from ivr.site_changes.merging import merge
from ivr.site_changes.model import (
    ChangedFile,
    ChangeError,
    ChangeState,
    EffectState,
    FoundFinding,
    KeptChange,
)
from ivr.site_changes.programs import ProgramError
from ivr.site_changes.staging import stage
from ivr.site_changes.store import ChangeStore

log = structlog.get_logger()

MOST_WAITING = 8
"""Changes that wait for their check."""
_KEPT_S = 300

Contents = dict[str, bytes | None]


class SiteChanges:
    """The changes of one line. `run` checks them, one after the other, and does what a release needs."""

    def __init__(
        self,
        settings: Settings,
        effects: Effects,
        now: Callable[[], datetime],
        released: Callable[[KeptChange], None] = lambda change: None,
    ) -> None:
        """Args:
        effects: What a release brings into use.
        released: Called with each change once its files are in place.
        """
        self._settings, self._effects, self._now, self._released = settings, effects, now, released
        self.store = ChangeStore(settings.home)
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._writing = asyncio.Lock()  # whoever puts files in place, or changes or removes what is kept of a change
        self._found_today: tuple[tuple[str, int], list[FoundFinding]] | None = None

    async def run(self) -> None:
        """Check changes and bring released ones into use, until cancelled. What a restart interrupted goes on."""
        for change in await asyncio.to_thread(self.store.latest, 100):
            unfinished = change.effect is not None and change.effect.state in (EffectState.WAITING, EffectState.RUNNING)
            if change.state is ChangeState.CHECKING or unfinished:
                self._waiting.put_nowait(change.id)
        while True:
            identity = await self._waiting.get()
            try:
                await self._go_on(await asyncio.to_thread(self.store.find, identity))
            except ChangeError:
                continue  # it was discarded meanwhile
            except OSError as error:
                log.error("A change of the site's files cannot be kept", change=identity, error=str(error))

    # What people ask for

    async def make(
        self, edits: Sequence[SiteEdit], title: str, by: str, *, name: str = "", release_by: str | None = None
    ) -> KeptChange:
        """Make a change from edits, and have it checked.

        Args:
            name: The name of the person who releases it, for a commit.
            release_by: Who wants it to be released as soon as it is checked, if it is in order.

        Raises:
            ChangeError: `not_possible`: an edit cannot be made; `busy`: too many changes wait for their check.
        """
        change = KeptChange(
            id=str(uuid7()),
            title=title,
            by=by,
            made=self._now(),
            state=ChangeState.CHECKING,
            edits=tuple(edits),
            release_by=release_by,
            name=name,
        )
        return await self._begin(change)

    async def take_back(self, identity: str, by: str, *, name: str = "") -> KeptChange:
        """Take a released change back as soon as that is checked; return the change that does it.

        What others have changed since stays.

        Raises:
            ChangeError: `unknown`; `not_released`; `changed_meanwhile`: the same lines were changed since; `busy`.
        """
        former = await asyncio.to_thread(self.store.find, identity)
        if former.state is not ChangeState.RELEASED:
            raise ChangeError("not_released", "Only a change that is in use can be taken back.")
        change = KeptChange(
            id=str(uuid7()),
            title=f"Taken back: {former.title}"[:200],
            by=by,
            made=self._now(),
            state=ChangeState.CHECKING,
            takes_back=former.id,
            release_by=by,
            name=name,
        )
        return await self._begin(change)

    async def check_again(self, identity: str) -> KeptChange:
        """Make a change again from the files as they are now, and check it. Raises ChangeError."""
        async with self._writing:
            change = await asyncio.to_thread(self.store.find, identity)
            if change.state in (ChangeState.RELEASED, ChangeState.TAKEN_BACK):
                raise ChangeError("released", "This change is released already.")
            update = {"state": ChangeState.CHECKING, "why": "", "findings": ()}
            return await self._begin_alone(change.model_copy(update=update))

    async def release(self, identity: str, by: str, *, name: str = "") -> KeptChange:
        """Put the files of a checked change in place: all of them or none.

        Raises:
            ChangeError: `unknown`; `not_ready`: it is not checked, or was refused; `changed_meanwhile`: a file of the
                site was changed since the check; `not_writable`; `git`. Nothing was changed.
        """
        async with self._writing:
            change = await asyncio.to_thread(self.store.find, identity)
            if change.state is not ChangeState.READY:
                raise ChangeError("not_ready", "Only a change that was checked, and is in order, can be released.")
            update = {"released": self._now(), "released_by": by, "name": name or change.name}
            change = await self._put_in_place(change.model_copy(update=update))
        self._released(change)
        self._waiting.put_nowait(change.id)
        return change

    async def discard(self, identity: str) -> None:
        """Forget a change that is not released, and is not being released. Raises ChangeError."""
        async with self._writing:
            change = await asyncio.to_thread(self.store.find, identity)
            if change.state in (ChangeState.RELEASED, ChangeState.TAKEN_BACK):
                raise ChangeError("released", "A change that was released stays in the list; take it back instead.")
            await asyncio.to_thread(self.store.remove, identity)

    async def find(self, identity: str) -> KeptChange:
        """Return a change. Raises ChangeError (`unknown`)."""
        return await asyncio.to_thread(self.store.find, identity)

    async def latest(self, most: int) -> list[KeptChange]:
        """Return the latest changes, the newest first."""
        return await asyncio.to_thread(self.store.latest, most)

    # The work

    async def _begin(self, change: KeptChange) -> KeptChange:
        async with self._writing:  # what is being released must not be pruned: its way back would go with it
            return await self._begin_alone(change)

    async def _begin_alone(self, change: KeptChange) -> KeptChange:
        if self._waiting.qsize() >= MOST_WAITING:
            raise ChangeError("busy", "Many changes wait for their check; try again in a minute.")
        contents = await asyncio.to_thread(self._all_contents)
        new = await asyncio.to_thread(self._contents, change, contents)  # refuses at once what cannot be made
        if not new:
            raise ChangeError("nothing", "The files of the site are like this already.")
        await asyncio.to_thread(self.store.prune, self._now(), (change.id,))
        await asyncio.to_thread(self.store.keep, change)
        self._waiting.put_nowait(change.id)
        return change

    async def _go_on(self, change: KeptChange) -> None:
        if change.state is ChangeState.CHECKING:
            checked = await self._check(change)
            async with self._writing:
                await asyncio.to_thread(self.store.find, change.id)  # unless it was discarded meanwhile
                if checked.state is ChangeState.READY and checked.release_by is not None:
                    checked = await self._release_checked(checked, checked.release_by)
                await asyncio.to_thread(self.store.keep, checked)
        elif change.effect is not None and change.state in (ChangeState.RELEASED, ChangeState.TAKEN_BACK):
            if change.takes_back is not None:
                former = await asyncio.to_thread(self.store.find, change.takes_back)
                over = {"state": ChangeState.TAKEN_BACK, "taken_back_by": change.id}
                await asyncio.to_thread(self.store.keep, former.model_copy(update=over))
            running = change.effect.model_copy(update={"state": EffectState.RUNNING})
            change = await asyncio.to_thread(self.store.keep, change.model_copy(update={"effect": running}))
            effect = await self._effects.bring(running, self._files_of(change), self.store.folder_of(change.id))
            latest = await asyncio.to_thread(self.store.find, change.id)  # it may be taken back by now
            await asyncio.to_thread(self.store.keep, latest.model_copy(update={"effect": effect}))

    async def _release_checked(self, change: KeptChange, by: str) -> KeptChange:
        """Release a change that was just checked; until then it is seen as being checked."""
        await asyncio.to_thread(self.store.keep, change.model_copy(update={"state": ChangeState.CHECKING}))
        try:
            update = {"released": self._now(), "released_by": by}
            released = await self._put_in_place(change.model_copy(update=update))
        except ChangeError as error:
            return change.model_copy(update={"state": ChangeState.REFUSED, "why": str(error)})
        self._released(released)
        self._waiting.put_nowait(released.id)
        return released

    async def _check(self, change: KeptChange) -> KeptChange:
        folder = self.store.folder_of(change.id)
        try:
            contents = await asyncio.to_thread(self._all_contents)
            new = await asyncio.to_thread(self._contents, change, contents)
            staged = folder / "staged"
            try:
                await asyncio.to_thread(stage, self._settings.site, new, staged)
                today = await self._findings_today(files.digest_of_all(contents))
                found = new_findings(today, await check_site(self._settings, staged))
            finally:
                await asyncio.to_thread(shutil.rmtree, staged, ignore_errors=True)
        except (ChangeError, ProgramError, OSError) as error:
            return change.model_copy(update={"state": ChangeState.REFUSED, "why": str(error)})
        before: Contents = {file: contents.get(file) for file in new}
        await asyncio.to_thread(self.store.keep_contents, change.id, before, new)
        listed = tuple(
            ChangedFile(file=file, before=files.digest(before[file]), after=files.digest(content))
            for file, content in sorted(new.items())
        )
        difference = await asyncio.to_thread(difference_of, before, new)
        wrong = any(row.code.startswith("E_") for row in found)
        return change.model_copy(
            update={
                "state": ChangeState.REFUSED if wrong else ChangeState.READY,
                "why": "The check of the site finds mistakes." if wrong else "",
                "files": listed,
                "difference": difference,
                "findings": found,
                "base": files.digest_of_all(contents),
            }
        )

    async def _findings_today(self, base: str) -> list[FoundFinding]:
        """Return what the check finds without the change; kept for some minutes, since the day goes on as well."""
        asked = (base, int(self._now().timestamp()) // _KEPT_S)
        if self._found_today is None or self._found_today[0] != asked:
            self._found_today = (asked, await check_site(self._settings, self._settings.site))
        return self._found_today[1]

    def _all_contents(self) -> dict[str, bytes]:
        try:
            return files.all_contents(self._settings.site)
        except EditError as error:
            raise ChangeError("not_possible", str(error)) from None

    def _contents(self, change: KeptChange, contents: dict[str, bytes]) -> Contents:
        """Return the new contents of the files of a change. Raises ChangeError."""
        try:
            if change.takes_back is None:
                return apply_edits(contents, change.edits)
            former = self.store.find(change.takes_back)
            found = {file: self._without(former, file, contents.get(file)) for file in self._files_of(former)}
        except EditError as error:
            raise ChangeError("not_possible", str(error)) from None
        return {file: content for file, content in found.items() if content != contents.get(file)}

    def _files_of(self, change: KeptChange) -> tuple[str, ...]:
        return tuple(item.file for item in change.files)

    def _without(self, change: KeptChange, file: str, now: bytes | None) -> bytes | None:
        """Return a file without what a change did to it. Raises ChangeError."""
        before, after = (self.store.contents(change, which)[file] for which in (BEFORE, AFTER))
        if now == after:
            return before
        if None not in (before, after, now):
            lost = "surrogateescape"
            merged = merge(
                (after or b"").decode(errors=lost),
                (now or b"").decode(errors=lost),
                (before or b"").decode(errors=lost),
            )
            if merged is not None:
                return merged.encode(errors="surrogateescape")
        raise ChangeError(
            "changed_meanwhile", f"{file} was changed at the same place since then; change it by hand instead."
        )

    async def _put_in_place(self, change: KeptChange) -> KeptChange:
        contents = await asyncio.to_thread(self._all_contents)
        if files.digest_of_all(contents) != change.base:
            raise ChangeError(
                "changed_meanwhile", "The site's files were changed since the check; have the change checked again."
            )
        new = await asyncio.to_thread(self.store.contents, change, AFTER)
        site, changes = self._settings.site, self.store.folder
        exchanged = Exchange(site, new, change.id)
        try:
            commit = await asyncio.to_thread(self._prepare_commit, change, new)
            await asyncio.to_thread(exchanged.prepare)
        except GitError as error:
            raise ChangeError("git", f"{error} Nothing was changed.") from None
        except ExchangeError as error:
            raise ChangeError("not_writable", str(error)) from None
        try:
            await asyncio.to_thread(exchange.begin, changes, change.id)
            async with self._effects.held():  # no call begins with half of it
                await asyncio.to_thread(exchanged.put)
            if commit is not None:
                await asyncio.to_thread(commit.publish)
            change = change.model_copy(
                update={
                    "state": ChangeState.RELEASED,
                    "commit": commit.id if commit is not None else None,
                    "effect": self._effects.needed(self._files_of(change)),
                }
            )
            await asyncio.to_thread(self.store.keep, change)
        except (OSError, GitError) as error:
            await self._put_back(change)
            code = "git" if isinstance(error, GitError) else "not_writable"
            raise ChangeError(code, f"{error} The files are as before.") from None
        await asyncio.to_thread(exchange.end, changes)
        return change

    def _prepare_commit(self, change: KeptChange, new: Contents) -> git.Commit | None:
        if not git.is_repository(self._settings.site):
            return None
        author = Author(change.released_by or change.by, change.name)
        folder = self.store.folder_of(change.id)
        try:
            return git.prepare(self._settings.site, new, change.title, change.id, author, folder)
        finally:
            (folder / "index").unlink(missing_ok=True)

    async def _put_back(self, change: KeptChange) -> None:
        rows = [item.model_dump() for item in change.files]
        folder = self.store.folder_of(change.id)
        async with self._effects.held():
            await asyncio.to_thread(exchange.put_back, self._settings.site, folder, rows, change.id)
        await asyncio.to_thread(exchange.end, self.store.folder)
