"""The part of the control API about opening hours, holidays and the announcement."""

from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from ivr.hours import format_hours
from ivr.hours.opening import AnnouncementError, one_line, shorten
from ivr.model import clock
from ivr.site.holidays import HolidayError
from routing.hours import Force, Override

if TYPE_CHECKING:
    from ivr.controller.controller import Controller

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
Who = Annotated[str, Field(max_length=100)]


class HoursForced(BaseModel):
    force: Force
    why: str = Field("", max_length=500)
    until: Instant | None = None
    by: Who = "administrator"


class AnnouncementChange(BaseModel):
    text: str | None = Field(max_length=100)  # None: nothing any more
    why: str = Field("", max_length=500)
    by: Who = "administrator"


class HolidayAdded(BaseModel):
    day: Day
    name: str = Field("", max_length=200)
    by: Who = "administrator"


class HolidayMove(BaseModel):
    day: Day
    to: Day
    by: Who = "administrator"


def router(controller: "Controller") -> APIRouter:
    api = APIRouter(prefix="/hours")
    opening, site = controller.opening, controller.site

    async def restored() -> None:
        if not await opening.ready():
            raise HTTPException(
                503,
                "Asterisk's manager interface does not answer: what is in force is not known and nothing was changed.",
            )

    changes = [Depends(restored)]

    def told(at: datetime | None = None, line: str | None = None, language: str | None = None) -> dict[str, Any]:
        now = at or clock.now()
        answer = opening.answer(now, line=line, language=language)
        opens_next = partial(opening.opens_next, now, line=line, language=language)
        return format_hours.format_answer(answer, opens_next, opening.announcement())

    def holidays(year: int | None = None, language: str = "en") -> dict[str, Any]:
        rows, taken_back = opening.holiday_rows(year, language)
        return {"holidays": [row.as_data() for row in rows], "taken_back": [row.as_data() for row in taken_back]}

    @api.get("")
    async def hours(at: Instant | None = None, line: str | None = None, language: str | None = None) -> dict[str, Any]:
        if line is not None and (problem := format_hours.number_problem(site, line)):
            raise HTTPException(422, problem)
        if language is not None and (problem := format_hours.language_problem(site, language)):
            raise HTTPException(422, problem)
        return told(at, line, language)

    @api.post("", dependencies=changes)
    async def force(forced: HoursForced) -> dict[str, Any]:
        opening.force(shorten(Override(forced.force, forced.why, forced.until, forced.by)))
        return told()

    @api.post("/announcement", dependencies=changes)
    async def announce(change: AnnouncementChange) -> dict[str, Any]:
        version = await controller.flows.refresh()
        try:
            opening.announce(change.text, version.sounds, one_line(change.why, 500), one_line(change.by, 40))
        except AnnouncementError as error:
            raise HTTPException(422, str(error)) from None
        return told()

    @api.get("/holidays")
    async def holiday_list(
        year: Annotated[int | None, Field(ge=2000, le=2099)] = None, language: str = "en"
    ) -> dict[str, Any]:
        return holidays(year, language)

    @api.post("/holidays", dependencies=changes)
    async def add(added: HolidayAdded) -> dict[str, Any]:
        opening.add_holiday(added.day, added.name, one_line(added.by, 40))
        return holidays(added.day.year)

    @api.delete("/holidays/{day}", dependencies=changes)
    async def remove(day: Day, by: Who = "administrator") -> dict[str, Any]:
        try:
            opening.remove_holiday(day, one_line(by, 40))
        except HolidayError as error:
            raise HTTPException(422, str(error)) from None
        return holidays(day.year)

    @api.post("/holidays/move", dependencies=changes)
    async def move(moved: HolidayMove) -> dict[str, Any]:
        try:
            opening.move_holiday(moved.day, moved.to, one_line(moved.by, 40))
        except HolidayError as error:
            raise HTTPException(422, str(error)) from None
        return holidays(moved.day.year)

    return api
