"""The control API's part about changes of the site's files. Releases are in the audit."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.live import read_calls, read_operators
from ivr.api.problems import ApiError, documented, present
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.hours.opening import one_line
from ivr.model import clock
from ivr.site.flat import is_taken
from ivr.site_changes import files
from ivr.site_changes.changes import SiteChanges
from ivr.site_changes.edits import MOST_EDITS, EditError, SiteEdit
from ivr.site_changes.effects import Effects
from ivr.site_changes.model import Change, ChangeError, KeptChange
from wire.live import OperatorStatus

if TYPE_CHECKING:
    from db.second_person import Objection

router = make_router("site changes", "/site")

_STATUS = {"unknown": 404, "not_possible": 422, "nothing": 422, "busy": 503, "not_writable": 503, "git": 503}

ChangeId = Annotated[str, Path(alias="change", max_length=40, description="The id of the change.")]
PersonName = Annotated[str, Field(max_length=100, description="The person's name, for a commit.")]


class NewSiteChange(models.Request):
    """A change to make in the site's files."""

    title: str = Field(min_length=1, max_length=160, description="What it is about: the first line of a commit.")
    edits: list[SiteEdit] = Field(min_length=1, max_length=MOST_EDITS)
    name: PersonName = ""
    release: bool = Field(False, description="Release it as soon as it is checked, if it is in order.")


class SiteRelease(models.Request):
    """The person who releases a change, or takes it back."""

    name: PersonName = ""


class SiteFileContent(BaseModel):
    """A file of the site, as it is saved."""

    file: str
    content: str
    digest: str = Field(description="SHA-256 of its bytes.")


class SiteFiles(BaseModel):
    """The files that can be changed, with the hashes of their content."""

    files: dict[str, str]


class Discarded(BaseModel):
    """A change that is forgotten."""

    id: str


async def changes_of(request: Request) -> SiteChanges:
    """Return the changes of this application's line."""
    found: SiteChanges = request.app.state.site_changes
    return found


ChangesDep = Annotated[SiteChanges, Depends(changes_of)]


class _Flows:
    """The flow of new calls, as releases bring it into use."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def held(self) -> AbstractAsyncContextManager[None]:
        return self._controller.flows.held()

    async def take(self) -> str:
        return (await self._controller.take_files()).name

    async def is_complete(self) -> bool:
        return not await self._controller.unused_values()

    async def is_noticed(self) -> bool:
        unused = await self._controller.unused_values()
        if all(is_taken(path) for path in unused):
            gone = {path.split(".")[1] for path, (_, saved) in unused.items() if saved is None and _is_operator(path)}
            return any(row.id in gone and row.state in _IN_CALL for row in read_operators(self._controller))
        return _restart_is_noticed(self._controller)


_IN_CALL = (OperatorStatus.OFFERED, OperatorStatus.TALKING, OperatorStatus.WRAPPING_UP)


def _is_operator(path: str) -> bool:
    return path.startswith("operator.") and path.endswith(".name")


def _restart_is_noticed(controller: Controller) -> bool:
    """Return whether a restart disturbs somebody now: a caller in the menus hears their sentence again, and what rings
    for a call or a call-back rings no more. Callers who wait or talk notice nothing."""
    rings = any(row.state is OperatorStatus.OFFERED or row.callback is not None for row in read_operators(controller))
    return rings or any(call.state == "menu" for call in read_calls(controller))


def changes_of_line(controller: Controller) -> SiteChanges:
    """Return the changes of a controller's line; what is released is in its audit."""
    effects = Effects(controller.settings, _Flows(controller))
    return SiteChanges(controller.settings, effects, clock.now, partial(note_release, controller))


def refusal(error: ChangeError) -> ApiError:
    """Return the answer to a request that the changes refuse."""
    return ApiError(_STATUS.get(error.code, 409), str(error), error.code)


def refuse_objections(controller: Controller, objections: "tuple[Objection, ...] | None") -> None:
    """Raise ApiError: 403 with the first objection to who acts, if any; 503 if the database is away (None)."""
    for objection in present(objections, controller.people.why):
        raise ApiError(403, objection.sentence, objection.code)


def note_release(controller: Controller, change: KeptChange) -> None:
    """Keep in the audit who released what."""
    act = "site_changed" if change.takes_back is None else "site_change_taken_back"
    listed = ", ".join(item.file for item in change.files)[:500]
    audit(
        controller,
        change.released_by or change.by,
        act,
        f"site_change:{change.id}",
        title=change.title,
        files=listed,
        made_by=change.by,
    )


@router.get("/files", responses=documented(422))
async def site_files(controller: ControllerDep) -> SiteFiles:
    """Return which files can be changed. The flow's picture, recordings and certificates are not among them."""
    try:
        contents = await asyncio.to_thread(files.all_contents, controller.settings.site)
    except EditError as error:
        raise ApiError(422, str(error)) from None
    return SiteFiles(files={file: str(files.digest(content)) for file, content in contents.items()})


@router.get("/file", responses=documented(404))
async def site_file(
    controller: ControllerDep, file: Annotated[str, Query(max_length=80, description="Such as `site.toml`.")]
) -> SiteFileContent:
    """Return a file of the site as it is saved."""
    try:
        content = await asyncio.to_thread(files.content_of, controller.settings.site, file)
    except EditError as error:
        raise ApiError(422, str(error)) from None
    if content is None:
        raise ApiError(404, f"The site has no file {file!r}.")
    text = content.decode(errors="replace")
    return SiteFileContent(file=file, content=text, digest=str(files.digest(content)))


@router.get("/changes")
async def site_changes(
    changes: ChangesDep, last: Annotated[int, Query(ge=1, le=500, description="How many.")] = 50
) -> list[Change]:
    """Return the latest changes, the newest first, without their differences."""
    found = await changes.latest(last)
    return [change.model_copy(update={"difference": ""}) for change in found]


@router.post("/changes", status_code=202, responses=documented(503))
async def make_site_change(changes: ChangesDep, actor: Actor, wanted: NewSiteChange) -> Change:
    """Make a change of the site's files, and have it checked as `hatif check` does. Nothing is in use yet.

    Ask for it again until its state is no longer `checking`; that takes some seconds.
    """
    try:
        title = one_line(wanted.title, 160).strip() or "A change"
        release_by = actor if wanted.release else None
        return await changes.make(wanted.edits, title, actor, name=wanted.name, release_by=release_by)
    except ChangeError as error:
        raise refusal(error) from None


@router.get("/changes/{change}", responses=documented(404))
async def site_change(changes: ChangesDep, change_id: ChangeId) -> Change:
    """Return a change, with its difference and what the check finds."""
    try:
        return await changes.find(change_id)
    except ChangeError as error:
        raise refusal(error) from None


@router.delete("/changes/{change}", responses=documented(404, 409))
async def discard_site_change(changes: ChangesDep, _actor: Actor, change_id: ChangeId) -> Discarded:
    """Forget a change that is not released."""
    try:
        await changes.discard(change_id)
    except ChangeError as error:
        raise refusal(error) from None
    return Discarded(id=change_id)


@router.post("/changes/{change}/check", status_code=202, responses=documented(404, 409, 503))
async def check_site_change(changes: ChangesDep, _actor: Actor, change_id: ChangeId) -> Change:
    """Make a change again from the files as they are now, and check it again."""
    try:
        return await changes.check_again(change_id)
    except ChangeError as error:
        raise refusal(error) from None


@router.post("/changes/{change}/release", responses=documented(403, 404, 409, 503))
async def release_site_change(
    controller: ControllerDep, changes: ChangesDep, actor: Actor, change_id: ChangeId, by: SiteRelease
) -> Change:
    """Put all files of a checked change in place, or none. The audio is built afterwards: `effect` says how far it is.

    409: `not_ready`, or `changed_meanwhile` (somebody has changed a file since the check: check it again). 503:
    `not_writable`, or `git`. 403 (`let_in`): whoever made it has let this person in. Nothing is changed then.
    """
    try:
        made_by = (await changes.find(change_id)).by
        if made_by != actor:
            refuse_objections(controller, await controller.people.objections_by_tie(actor, made_by))
        return await changes.release(change_id, actor, name=by.name)
    except ChangeError as error:
        raise refusal(error) from None


@router.post("/changes/{change}/take-back", status_code=202, responses=documented(404, 409, 503))
async def take_back_site_change(changes: ChangesDep, actor: Actor, change_id: ChangeId, by: SiteRelease) -> Change:
    """Take a released change back, as soon as that is checked: the answer is the change that does it.

    What others have changed since stays; 409 (`changed_meanwhile`) where it is at the same place.
    """
    try:
        return await changes.take_back(change_id, actor, name=by.name)
    except ChangeError as error:
        raise refusal(error) from None
