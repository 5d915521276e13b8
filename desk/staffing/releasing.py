"""A released swap is two lines at the end of the site's roster, written as every change of the site's files is."""

import asyncio
import csv
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from db.swaps import Swap
from desk.context import Desk
from desk.control import ControlError, ControllerAwayError, InDoubtError
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.accounts import Person
from desk.staffing.roster import Shift
from routing.hours import format_end

FILE = "roster.csv"
_COLUMNS = ("operators", "days", "from", "to", "valid_from", "valid_until", "what")

LONGEST_S = 60.0
"""Seconds within which the change must be checked and in use."""

CONFIRM_S = 10.0
"""Seconds within which a release that got no answer is looked for."""

_REFUSED = N_("The roster could not be changed: %(reason)s")
_TOO_LONG = N_("The roster was not checked in time; try again in a moment.")
_CHANGED = N_("Somebody has just changed the roster; look at the page again.")


async def write(desk: Desk, person: Person, swap: Swap) -> None:
    """Give a shift to the colleague in the site's roster, unless they have it. Raises DeskError, ControlError."""
    present = await desk.control.ask("GET", f"/site/file?file={FILE}", person.id)
    text = with_swap(present["content"], swap, desk)
    if text == present["content"]:
        return
    change = {
        "title": f"{swap.colleague} takes a shift of {swap.operator}",
        "name": person.name,
        "edits": [{"kind": "content", "file": FILE, "content": text}],
    }
    found = await desk.control.ask("POST", "/site/changes", person.id, change)
    try:
        async with asyncio.timeout(LONGEST_S):
            while found["state"] == "checking":
                await asyncio.sleep(0.3)
                found = await desk.control.ask("GET", f"/site/changes/{found['id']}", person.id)
    except (TimeoutError, ControllerAwayError):  # nothing is in use yet
        raise DeskError(503, _TOO_LONG) from None
    if found["state"] != "ready":
        raise DeskError(409, _REFUSED, reason=_reason(found))
    if [file["before"] for file in found["files"]] != [present["digest"]]:
        raise DeskError(409, _CHANGED)
    try:
        await desk.control.ask("POST", f"/site/changes/{found['id']}/release", person.id, {"name": person.name})
    except InDoubtError:
        if not await _is_released(desk, person, found["id"]):
            raise
    except ControllerAwayError:
        raise
    except ControlError as error:
        raise DeskError(409, _REFUSED, reason=error.detail) from None


async def _is_released(desk: Desk, person: Person, change: str) -> bool:
    """Return whether a release that got no answer was made after all; False if nobody can say."""
    with suppress(ControlError, TimeoutError):
        async with asyncio.timeout(CONFIRM_S):
            while True:
                found = await desk.control.ask("GET", f"/site/changes/{change}", person.id)
                if found["state"] == "released":
                    return True
                await asyncio.sleep(0.5)
    return False


def with_swap(text: str, swap: Swap, desk: Desk) -> str:
    """Return the roster with the shift taken from one operator and given to the other; as it is, if that is done.

    A swap back leaves the lines of neither: an absence counts whatever comes after it.
    """
    zone = ZoneInfo(desk.settings.timezone)
    begins, ends = swap.begins.astimezone(zone), swap.ends.astimezone(zone)
    when = (begins.date().isoformat(), f"{begins:%H:%M}", format_end(ends))
    lines = text.splitlines(keepends=True)
    without, given = _line(swap.operator, *when, "absent"), _line(swap.colleague, *when, "")
    back = {_line(swap.colleague, *when, "absent"), _line(swap.operator, *when, "")}
    present = {line.strip() for line in lines}
    if {without, given} <= present:
        return text
    left = "".join(line for line in lines if line.strip() not in back)
    if back <= present:
        return left
    return left + ("" if left.endswith("\n") else "\n") + f"{without}\n{given}\n"


def has_swap(shifts: Sequence[Shift], swap: Swap) -> bool:
    """Return whether the colleague has the shift in the roster, and the operator no part of it."""
    during = [shift for shift in shifts if shift.begins < swap.ends and shift.ends > swap.begins]
    whole = (shift.operator for shift in during if shift.begins <= swap.begins and shift.ends >= swap.ends)
    return swap.colleague in whole and swap.operator not in (shift.operator for shift in during)


def is_of(shift: Shift, swap: Swap) -> bool:
    """Return whether this is the shift that is to be swapped, and still the operator's."""
    return (shift.operator, shift.begins, shift.ends) == (swap.operator, swap.begins, swap.ends)


def _line(operator: str, day: str, begins: str, ends: str, what: str) -> str:
    """Return a line of the roster for one operator and day."""
    line = StringIO()
    row = {"operators": operator, "days": day, "from": begins, "to": ends, "what": what}
    csv.DictWriter(line, _COLUMNS, restval="", lineterminator="").writerow(row)
    return line.getvalue()


def _reason(change: dict[str, Any]) -> str:
    findings = [
        f"{finding['found']}: {finding['remedy']}" for finding in change["findings"] if finding["code"][0] == "E"
    ]
    return "; ".join([change["why"], *findings]).strip("; ")[:500]
