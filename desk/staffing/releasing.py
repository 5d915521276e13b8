"""A released swap is two lines at the end of the site's roster, written as every change of the site's files is."""

import asyncio
import csv
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from db.swaps import Swap
from desk.context import Desk
from desk.control import ControlError, ControllerAwayError, InDoubtError
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.accounts import Person

FILE = "roster.csv"
_COLUMNS = ("operators", "days", "from", "to", "valid_from", "valid_until", "what")

LONGEST_S = 60.0
"""Seconds within which the change must be checked and in use."""

_REFUSED = N_("The roster could not be changed: %(reason)s")
_TOO_LONG = N_("The roster was not checked in time; try again in a moment.")
_CHANGED = N_("Somebody has just changed the roster; look at the page again.")


async def write(desk: Desk, person: Person, swap: Swap) -> None:
    """Give a shift to the colleague in the site's roster. Raises DeskError, ControlError."""
    present = await desk.control.ask("GET", f"/site/file?file={FILE}", person.id)
    change = {
        "title": f"{swap.colleague} takes a shift of {swap.operator}",
        "name": person.name,
        "edits": [{"kind": "content", "file": FILE, "content": with_swap(present["content"], swap, desk)}],
    }
    found = await desk.control.ask("POST", "/site/changes", person.id, change)
    try:
        async with asyncio.timeout(LONGEST_S):
            while found["state"] == "checking":
                await asyncio.sleep(0.3)
                found = await desk.control.ask("GET", f"/site/changes/{found['id']}", person.id)
    except TimeoutError:
        raise DeskError(503, _TOO_LONG) from None
    if found["state"] != "ready":
        raise DeskError(409, _REFUSED, reason=_reason(found))
    if [file["before"] for file in found["files"]] != [present["digest"]]:
        raise DeskError(409, _CHANGED)
    try:
        await desk.control.ask("POST", f"/site/changes/{found['id']}/release", person.id, {"name": person.name})
    except (ControllerAwayError, InDoubtError):
        raise
    except ControlError as error:
        raise DeskError(409, _REFUSED, reason=error.detail) from None


def with_swap(text: str, swap: Swap, desk: Desk) -> str:
    """Return the roster with the shift taken from one operator and given to the other."""
    zone = ZoneInfo(desk.settings.timezone)
    begins, ends = swap.begins.astimezone(zone), swap.ends.astimezone(zone)
    day, times = begins.date().isoformat(), {"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}".replace("00:00", "24:00")}
    lines = StringIO()
    writer = csv.DictWriter(lines, _COLUMNS, restval="", lineterminator="\n")
    writer.writerow({"operators": swap.operator, "days": day, **times, "what": "absent"})
    writer.writerow({"operators": swap.colleague, "days": day, **times})
    return text + ("" if text.endswith("\n") else "\n") + lines.getvalue()


def _reason(change: dict[str, Any]) -> str:
    findings = [
        f"{finding['found']}: {finding['remedy']}" for finding in change["findings"] if finding["code"][0] == "E"
    ]
    return "; ".join([change["why"], *findings]).strip("; ")[:500]
