"""The control API's part about opening hours and the announcement in front of everything."""

from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.hours import format_hours
from ivr.hours.opening import AnnouncementError, one_line, shorten
from ivr.model import clock
from routing.hours import Force, Override

router = make_router("hours")

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _near(at: datetime) -> datetime:
    if not _FIRST <= at < _LAST:
        raise ValueError("a time must be from 2000 to 2099")
    return at


def _near_day(day: date) -> date:
    if not _FIRST.date() <= day < _LAST.date():
        raise ValueError("a day must be from 2000 to 2099")
    return day


Instant = Annotated[AwareDatetime, AfterValidator(_near)]
Day = Annotated[date, AfterValidator(_near_day)]


class Hours(BaseModel):
    """Whether the line is open."""

    open: bool
    until: datetime | None = Field(description="When that changes next; null: not within 31 days.")
    why: str = Field(description="A sentence for a person.")
    forced: bool
    holiday: str | None = Field(description="The holiday that keeps the line closed for the rest of the day.")
    opens_next: datetime | None = Field(description="When a line that is closed opens; null: not foreseen.")
    announcement: str | None = Field(description="The id of the text that every caller hears first.")


class HoursForced(models.Request):
    """An override of the plan; `auto` takes it back."""

    force: Force
    why: str = Field("", max_length=500)
    until: Instant | None = Field(None, description="When the plan applies again; null: until `auto`.")


class Announcement(BaseModel):
    """The announcement that every caller hears first."""

    text: str | None = Field(description="The id of the text; null: nothing.")
    texts: list[str] = Field(description="The texts that the flow has for announcements.")


class AnnouncementChange(models.Request):
    """The announcement that every caller hears first, from the next call on."""

    text: str | None = Field(max_length=100, description="The id of a text with audio in every language; null: none.")
    why: str = Field("", max_length=500)


async def restored(controller: ControllerDep) -> None:
    """Raise ApiError (503) until what was in force before the start is known: only then may it be replaced."""
    if not await controller.opening.ready():
        detail = "Asterisk's manager interface does not answer: what is in force is not known and nothing was changed."
        raise ApiError(503, detail)


AFTER_RESTORE = [Depends(restored)]


@router.get("/hours")
async def hours(
    controller: ControllerDep,
    at: Annotated[Instant | None, Query(description="Absent: now.")] = None,
    line: Annotated[str | None, Query(max_length=40, description="A number of the site, for its own plan.")] = None,
    language: Annotated[str | None, Query(max_length=10, description="A language of the site.")] = None,
) -> Hours:
    """Return whether the line is open, until when, and why."""
    if line is not None and (problem := format_hours.number_problem(controller.site, line)):
        raise ApiError(422, problem)
    if language is not None and (problem := format_hours.language_problem(controller.site, language)):
        raise ApiError(422, problem)
    return _answer(controller, at, line, language)


@router.post("/hours", dependencies=AFTER_RESTORE, responses=documented(503))
async def force(controller: ControllerDep, actor: Actor, forced: HoursForced) -> Hours:
    """Open or close the line against the plan, from the next call on."""
    override = shorten(Override(forced.force, forced.why, forced.until, actor))
    controller.opening.force(override)
    if forced.force is not Force.AUTO:  # taking one back is in the audit already
        until = forced.until.astimezone(UTC).isoformat() if forced.until is not None else None
        audit(controller, actor, f"hours_{forced.force.value}", reason=override.why, until=until)
    return _answer(controller)


@router.get("/announcement")
async def announcement(controller: ControllerDep) -> Announcement:
    """Return what every caller hears first."""
    texts = list(controller.flows.current.flow.announcements)
    return Announcement(text=controller.opening.announcement(), texts=texts)


@router.put("/announcement", dependencies=AFTER_RESTORE, responses=documented(503))
async def announce(controller: ControllerDep, actor: Actor, change: AnnouncementChange) -> Hours:
    """Play a text to every caller before anything else, from the next call on; null ends it."""
    version = await controller.flows.refresh()
    try:
        controller.opening.announce(change.text, version.sounds, one_line(change.why, 500), actor)
    except AnnouncementError as error:
        raise ApiError(422, str(error)) from None
    return _answer(controller)


def _answer(
    controller: Controller, at: datetime | None = None, line: str | None = None, language: str | None = None
) -> Hours:
    now, opening = at or clock.now(), controller.opening
    answer = opening.answer(now, line=line, language=language)
    opens_next = partial(opening.opens_next, now, line=line, language=language)
    return Hours.model_validate(format_hours.format_answer(answer, opens_next, opening.announcement()))
