"""The control API's part about holidays: the calendar's, and what the administrator has changed."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.hours import AFTER_RESTORE, Day
from ivr.api.problems import ApiError, documented
from ivr.controller.controller import Controller
from ivr.site.holidays import HolidayError, Row
from routing.hours import Source

router = APIRouter(prefix="/holidays", tags=["holidays"])

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Holiday(BaseModel):
    """A day on which the line is closed."""

    date: date
    weekday: Weekday
    name: str
    estimated: bool = Field(description="Whether the moon may still move it.")
    source: Source = Field(description="The calendar, the site, or the administrator.")


class Holidays(BaseModel):
    """The holidays of a year, or of the twelve months from today on."""

    holidays: list[Holiday]
    taken_back: list[Holiday] = Field(description="Holidays of the calendar that are days like others.")


class NewHoliday(models.Request):
    """A day on which the line is to be closed."""

    day: Day
    name: str = Field("", max_length=200, description="Absent: the calendar's.")


class HolidayMove(models.Request):
    """Where a holiday moves to."""

    to: Day


@router.get("")
async def holidays(
    controller: ControllerDep,
    year: Annotated[int | None, Query(ge=2000, le=2099, description="Absent: twelve months from today on.")] = None,
    language: Annotated[str, Query(max_length=10, description="Of the names, where the calendar has it.")] = "en",
) -> Holidays:
    """Return the holidays on which the line is closed."""
    return _list(controller, year, language)


@router.post("", dependencies=AFTER_RESTORE, responses=documented(503))
async def add(controller: ControllerDep, actor: Actor, added: NewHoliday) -> Holidays:
    """Make a day a holiday. One whose date was estimated becomes certain."""
    controller.opening.add_holiday(added.day, added.name, actor)
    audit(controller, actor, "holiday_added", f"day:{added.day}")
    return _list(controller, added.day.year)


@router.delete("/{day}", dependencies=AFTER_RESTORE, responses=documented(503))
async def remove(controller: ControllerDep, actor: Actor, day: Day) -> Holidays:
    """Make a holiday a day like others."""
    try:
        controller.opening.remove_holiday(day, actor)
    except HolidayError as error:
        raise ApiError(422, str(error)) from None
    if day in controller.opening.holidays.rulings:  # else one of the administrator's is forgotten, which is audited
        audit(controller, actor, "holiday_removed", f"day:{day}")
    return _list(controller, day.year)


@router.post("/{day}/move", dependencies=AFTER_RESTORE, responses=documented(503))
async def move(controller: ControllerDep, actor: Actor, day: Day, moved: HolidayMove) -> Holidays:
    """Move a holiday to another day, with its name."""
    try:
        controller.opening.move_holiday(day, moved.to, actor)
    except HolidayError as error:
        raise ApiError(422, str(error)) from None
    audit(controller, actor, "holiday_moved", f"day:{day}", to=moved.to.isoformat())
    return _list(controller, moved.to.year)


def _list(controller: Controller, year: int | None, language: str = "en") -> Holidays:
    rows, taken_back = controller.opening.holiday_rows(year, language)
    return Holidays(holidays=_holidays(rows), taken_back=_holidays(taken_back))


def _holidays(rows: list[Row]) -> list[Holiday]:
    return [Holiday.model_validate(row.as_data()) for row in rows]
