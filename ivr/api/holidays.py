"""The control API's part about holidays: the calendar's, and what the administrator has changed."""

from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.hours import AFTER_RESTORE, Day
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.site.holidays import FileDay, HolidayError
from routing.hours import Source

router = make_router("holidays", "/holidays")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Holiday(BaseModel):
    """A day on which the line is closed."""

    date: date
    weekday: Weekday
    name: str
    estimated: bool = Field(description="Whether the moon may still move it.")
    source: Source = Field(description="The calendar, the site, or the administrator.")


class DayAtOnce(BaseModel):
    """A day that was changed at once; the site's files say something else, or nothing."""

    date: date
    name: str
    holiday: bool = Field(description="False: an ordinary day.")
    by: str
    value: FileDay = Field(description="What `[hours.holiday]` of `site.toml` would say instead.")


class Holidays(BaseModel):
    """The holidays of a year, or of the twelve months from today on."""

    holidays: list[Holiday]
    taken_back: list[Holiday] = Field(description="Holidays of the calendar that are days like others.")
    at_once: list[DayAtOnce] = Field(
        description="Days from today on that were changed at once, and are not in the site's files."
    )


class NewHoliday(models.Request):
    """A day on which the line is to be closed."""

    day: Day
    name: str = Field("", max_length=200, description="Absent: the calendar's.")


class FileDays(BaseModel):
    """Entries of `[hours.holiday]` of `site.toml`."""

    days: dict[date, FileDay | None] = Field(description="By day; null: nothing.")


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


@router.get("/in-files")
async def in_files(
    controller: ControllerDep,
    day: Day,
    act: Literal["add", "remove", "move"],
    name: Annotated[str, Query(max_length=200, description="Of a day that is added. Absent: the calendar's.")] = "",
    to: Annotated[Day | None, Query(description="Where a holiday moves to.")] = None,
) -> FileDays:
    """Return how a change of the holidays would be written in the site's files; nothing is changed."""
    holidays = controller.opening.holidays.as_files()
    try:
        match act:
            case "add":
                changes = holidays.add(day, name, "")
            case "remove":
                changes = holidays.remove(day, "")
            case "move":
                changes = holidays.move(day, to or day, "")
    except HolidayError as error:
        raise ApiError(422, str(error)) from None
    return FileDays(days=holidays.file_days(changes))


@router.delete("/{day}/change", dependencies=AFTER_RESTORE, responses=documented(503))
async def withdraw(controller: ControllerDep, actor: Actor, day: Day) -> Holidays:
    """End the change of a day: it is again as the site's files and the calendar say."""
    try:
        controller.opening.withdraw_holiday(day, actor)
    except HolidayError as error:
        raise ApiError(422, str(error)) from None
    return _list(controller, day.year)


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
    found = controller.opening.holiday_rows(year, language)
    rows, taken_back, at_once = ([row.as_data() for row in part] for part in found)
    return Holidays.model_validate({"holidays": rows, "taken_back": taken_back, "at_once": at_once})
