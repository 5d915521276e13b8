"""The control API's part about amendments of the guide: how they are released and taken back, and how far that is.

They are proposed, refused and withdrawn in the office (`office.amendments`).
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query
from pydantic import BaseModel, Field

from db.amendment_data import Amendment
from db.enums import AmendmentState
from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, confirmed, documented, present
from ivr.api.router import make_router
from ivr.api.site_changes import ChangesDep, PersonName, refusal, refuse_objections
from ivr.controller.controller import Controller
from ivr.model import clock
from ivr.model.text import one_line
from ivr.site_changes.changes import SiteChanges
from ivr.site_changes.edits import EditError
from ivr.site_changes.guide_edits import guide_edits
from ivr.site_changes.model import Change, ChangeError, ChangeState

router = make_router("amendments", "/guide")

_STUCK = timedelta(minutes=2)
"""A release that has no change of the files after this time was interrupted."""

_LOOKED_AFTER = 20
"""The latest amendments whose change of the files is looked up for the list; each of them for itself always."""

AmendmentId = Annotated[UUID, Path(alias="amendment", description="The id of the amendment.")]


class Releaser(models.Request):
    """The person who releases an amendment, or takes it back."""

    name: PersonName = ""


class AmendmentRow(BaseModel):
    """New texts of a procedure, and what became of them."""

    id: UUID
    procedure: str
    texts: dict[str, dict[str, str]]
    before: dict[str, dict[str, str]] = Field(description="What callers heard when it was proposed.")
    meaning: bool
    why: str | None
    proposed: datetime
    proposed_by: str
    state: AmendmentState
    decided: datetime | None
    decided_by: str | None
    reason: str | None = Field(description="Why it was refused, or could not be released.")
    change: str | None = Field(description="The change of the site's files.")
    taken_back: datetime | None
    taken_back_by: str | None
    back: str | None = Field(
        None, description="The change that takes it back, in the answer to that request: it is checked first."
    )


@router.get("/amendments", responses=documented(503))
async def amendments(
    controller: ControllerDep,
    changes: ChangesDep,
    last: Annotated[int, Query(ge=1, le=500)] = 100,
    procedure: Annotated[str | None, Query(max_length=40)] = None,
) -> list[AmendmentRow]:
    """Return the latest amendments, the newest first."""
    found = present(await controller.amendments.latest(last, procedure), controller.amendments.why)
    newest = [await _settled(controller, changes, amendment) for amendment in found[:_LOOKED_AFTER]]
    return [_row(amendment) for amendment in (*newest, *found[_LOOKED_AFTER:])]


@router.get("/amendments/{amendment}", responses=documented(404, 503))
async def amendment(controller: ControllerDep, changes: ChangesDep, identity: AmendmentId) -> AmendmentRow:
    """Return an amendment."""
    return _row(await _find(controller, changes, identity))


@router.post("/amendments/{amendment}/release", status_code=202, responses=documented(403, 404, 409, 503))
async def release(
    controller: ControllerDep, changes: ChangesDep, actor: Actor, identity: AmendmentId, by: Releaser
) -> AmendmentRow:
    """Release an amendment: its texts are checked, put into the site's files, spoken, and heard by the next call.

    403: whoever proposed it cannot release it (`own`), nor can somebody whom they have let in, or who has let them in
    (`let_in`). Until the files are checked its state is `releasing`; it is `proposed` again, with a `reason`, if the
    check refuses it.
    """
    found = await _find(controller, changes, identity)
    refuse_objections(controller, await controller.people.objections(actor, found.proposed_by))
    decided: dict[str, Any] = {"decided": clock.now(), "decided_by": actor, "reason": None, "change_id": None}
    await _move(controller, found, AmendmentState.PROPOSED, AmendmentState.RELEASING, **decided)
    try:
        change = await _begin_release(controller, changes, found, actor, by.name)
    except ChangeError as error:
        back = {"decided": None, "decided_by": None, "reason": str(error)}
        await controller.amendments.move(found.id, AmendmentState.RELEASING, AmendmentState.PROPOSED, **back)
        raise refusal(error) from None
    kept = {**decided, "change_id": change.id}
    await _move(controller, found, AmendmentState.RELEASING, AmendmentState.RELEASING, **kept)
    _note(controller, actor, "amendment_released", found)
    return _row(replace(found, state=AmendmentState.RELEASING.value, **kept))


@router.post("/amendments/{amendment}/take-back", status_code=202, responses=documented(404, 409, 503))
async def take_back(
    controller: ControllerDep, changes: ChangesDep, actor: Actor, identity: AmendmentId, by: Releaser
) -> AmendmentRow:
    """Take a released amendment back: callers hear the former words again. What was amended since stays."""
    found = await _find(controller, changes, identity)
    if found.state != AmendmentState.RELEASED.value or found.change_id is None:
        raise ApiError(409, "Only an amendment that is in use can be taken back.", "taken")
    try:
        back = await changes.take_back(found.change_id, actor, name=by.name)
    except ChangeError as error:
        raise refusal(error) from None
    _note(controller, actor, "amendment_taken_back", found)
    return _row(found).model_copy(update={"back": back.id})


async def _find(controller: Controller, changes: SiteChanges, identity: UUID) -> Amendment:
    found = present(await controller.amendments.find(identity), controller.amendments.why)
    return await _settled(controller, changes, found)


async def _settled(controller: Controller, changes: SiteChanges, amendment: Amendment) -> Amendment:
    """Return an amendment as its change of the files is by now, and keep that."""
    state = AmendmentState(amendment.state)
    if state not in (AmendmentState.RELEASING, AmendmentState.RELEASED):
        return amendment
    change: Change | None = None
    if amendment.change_id is not None:
        try:
            change = await changes.find(amendment.change_id)
        except ChangeError:
            change = None
    after: dict[str, Any] = {}
    if state is AmendmentState.RELEASING:
        interrupted = amendment.decided is None or clock.now() - amendment.decided > _STUCK
        if change is not None and change.state in (ChangeState.RELEASED, ChangeState.TAKEN_BACK):
            after = {"state": AmendmentState.RELEASED, "decided": change.released}
        elif change is not None and change.state is ChangeState.REFUSED:
            after = {"state": AmendmentState.PROPOSED, "reason": _reason(change), "decided": None, "decided_by": None}
        elif change is None and interrupted:
            after = {"state": AmendmentState.PROPOSED, "decided": None, "decided_by": None}
    elif change is not None and change.state is ChangeState.TAKEN_BACK and change.taken_back_by is not None:
        try:
            back = await changes.find(change.taken_back_by)
            after = {"state": AmendmentState.TAKEN_BACK, "taken_back": back.released, "taken_back_by": back.released_by}
        except ChangeError:
            after = {"state": AmendmentState.TAKEN_BACK}
    if not after:
        return amendment
    to = after.pop("state")
    assert isinstance(to, AmendmentState)
    await controller.amendments.move(amendment.id, state, to, **after)
    return replace(amendment, state=to.value, **after)


def _reason(change: Change) -> str:
    wrong = [row for row in change.findings if row.code.startswith("E_")]
    return " ".join(f"{row.code}: {row.found}; {row.remedy}." for row in wrong)[:1000] or change.why


async def _begin_release(
    controller: Controller, changes: SiteChanges, amendment: Amendment, actor: str, name: str
) -> Change:
    """Make the change of the site's files. Raises ChangeError."""
    procedure = controller.flows.current.guide.procedures.get(amendment.procedure)
    if procedure is None:
        raise ChangeError("not_possible", f"The guide has no procedure {amendment.procedure!r} any more.")
    try:
        edits = await asyncio.to_thread(guide_edits, controller.settings.site, procedure, amendment.texts)
    except EditError as error:
        raise ChangeError("not_possible", str(error)) from None
    title = f"Guide, {amendment.procedure}: {amendment.why or 'amended'}"
    return await changes.make(edits, one_line(title, 160), amendment.proposed_by, name=name, release_by=actor)


async def _move(
    controller: Controller, amendment: Amendment, before: AmendmentState, after: AmendmentState, **more: Any
) -> None:
    moved = confirmed(await controller.amendments.move(amendment.id, before, after, **more), controller.amendments)
    if not moved:
        raise ApiError(409, "Somebody else has just decided about this amendment.", "taken")


def _note(controller: Controller, actor: str, act: str, amendment: Amendment) -> None:
    languages = sorted({language for texts in amendment.texts.values() for language in texts})
    about = f"guide:{amendment.procedure}"
    data: dict[str, Any] = {
        "amendment": str(amendment.id),
        "texts": len(amendment.texts),
        "languages": " ".join(languages),
    }
    audit(controller, actor, act, about, **data)


def _row(amendment: Amendment) -> AmendmentRow:
    values = {name: getattr(amendment, name) for name in Amendment.__dataclass_fields__ if name != "change_id"}
    return AmendmentRow(**values, change=amendment.change_id)
