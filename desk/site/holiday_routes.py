"""Changes of holidays on the page of hours: in the site's file, or at once and not in the file."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from desk.site.changing import RefusedError, typed
from desk.site.holidays import at_once_of, holiday_edits
from desk.site.hour_routes import NO_DAY, Text, day_of, show
from desk.site.hours import SITE
from desk.site.routes import RoomDep

router = APIRouter(prefix="/site/hours")

_NAME = 80
_ACTS = {"lift": "remove", "move": "move"}
"""The control API's names for acts; everything else adds a holiday."""

Switch = Annotated[bool, Form()]


@router.post("/holiday")
async def change_holiday(
    room: RoomDep,
    day: Text = "",
    act: Text = "",
    name: Text = "",
    to: Text = "",
    plan: Text = SITE,
    at_once: Switch = False,
) -> Response:
    """Add, lift, confirm or move a holiday, in the site's file.

    Args:
        at_once: From the next call on, and not in the file, as `hatif hours holiday` does.
    """
    if day_of(day) is None or (act == "move" and day_of(to) is None):
        return await show(room, day[:7], plan, day, problem=room.text(NO_DAY), name=name)
    name = " ".join(name.split())[:_NAME]
    try:
        if not at_once:
            wanted = {"day": day, "act": _ACTS.get(act, "add"), "name": name, "to": to if act == "move" else ""}
            found = await room.ask("GET", typed("/holidays/in-files", wanted))
            back = typed("/site/hours", {"month": day[:7], "plan": plan, "day": day, "name": name})
            return await room.make(_title(act, day, name, to), holiday_edits(await room.site(), found["days"]), back)
        if act == "lift":
            await room.ask("DELETE", f"/holidays/{day}")
        elif act == "move":
            await room.ask("POST", f"/holidays/{day}/move", {"to": to})
        else:
            await room.ask("POST", "/holidays", {"day": day, "name": name})
    except RefusedError as error:
        return await show(room, day[:7], plan, day, problem=str(error), name=name)
    return _shown(to if act == "move" else day, plan)


@router.post("/at-once")
async def settle(room: RoomDep, day: Text = "", act: Text = "", plan: Text = SITE) -> Response:
    """Write a day that was changed at once, or all of them, into the site's file; or end its change."""
    try:
        if act == "withdraw":
            if day_of(day) is None:
                return await show(room, "", plan, "", problem=room.text(NO_DAY))
            await room.ask("DELETE", f"/holidays/{day}/change")
            return _shown(day, plan)
        found = at_once_of(await room.ask("GET", "/holidays"))
        wanted: dict[str, Any] = {
            one.day.isoformat(): one.value for one in found if act == "all" or one.day.isoformat() == day
        }
        title = f"Holidays that were changed at once: {', '.join(sorted(wanted))}"
        back = typed("/site/hours", {"month": day[:7], "plan": plan, "day": day})
        return await room.make(title, holiday_edits(await room.site(), wanted), back)
    except RefusedError as error:
        return await show(room, day[:7], plan, day, problem=str(error))


def _title(act: str, day: str, name: str, to: str) -> str:
    match act:
        case "lift":
            return f"Holiday of {day}: a day like others"
        case "move":
            return f"Holiday of {day}: on {to}"
        case "confirm":
            return f"Holiday of {day}: the date is certain"
    return f"Holiday of {day}: {name or 'as in the calendar'}"


def _shown(day: str, plan: str) -> Response:
    return RedirectResponse(typed("/site/hours", {"month": day[:7], "plan": plan, "day": day}), 303)
