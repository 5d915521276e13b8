"""The page of a case. The case is read from the control API, which knows it sooner than the database."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from db.references import is_valid, normalize
from desk.case import forms
from desk.case.forms import Values
from desk.case.presence import EVERY_S, Presence
from desk.context import Desk
from desk.control import ControlError
from desk.live.hub import Hub
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import SignedIn

_NO_CASE = N_("There is no case with this reference.")


async def read(desk: Desk, signed_in: SignedIn, reference: str) -> Mapping[str, Any]:
    """Return a case. Raises DeskError if there is none, and ControlError."""
    if not is_valid(reference):
        raise DeskError(404, _NO_CASE)
    try:
        found: Mapping[str, Any] = await desk.control.ask("GET", path_of(reference), signed_in.person.id)
    except ControlError as error:
        if error.status == 404:
            raise DeskError(404, _NO_CASE) from None
        raise
    return found


def open_here(desk: Desk, presence: Presence, signed_in: SignedIn, case: Mapping[str, Any]) -> list[str]:
    """Note that the person has this case open, and no other one; return the names of the others who have it open."""
    reference = str(case["reference"])
    presence.close(signed_in.person.id, but=reference)
    return presence.open(reference, signed_in.person.id, signed_in.person.name, desk.now())


def case_page(
    desk: Desk,
    hub: Hub,
    case: Mapping[str, Any],
    *,
    values: Values | None = None,
    base: Values | None = None,
    conflicts: Values | None = None,
    errors: Mapping[str, str] | None = None,
    others: list[str] | None = None,
    pin: str | None = None,
    call: str = "",
    saved: bool = False,
) -> dict[str, Any]:
    """Return what the template `case/case.html` shows."""
    present = forms.values_of(case, zone_of(desk))
    return {
        "case": case,
        "values": values or present,
        "base": forms.encode(base or present),
        "conflicts": conflicts or {},
        "errors": errors or {},
        "others": others or [],
        "every_s": EVERY_S,
        "pin": pin,
        "call": call,
        "saved": saved,
        **choices(hub),
        **notes(hub, case),
    }


def notes(hub: Hub, case: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template `case/notes.html` shows, but for the call."""
    names = {operator.id: operator.name for operator in hub.picture.operators.values()}
    return {
        "reference": case["reference"],
        "notes": list(reversed(case["notes"])),
        "messages": case["messages"],
        "names": names,
    }


def choices(hub: Hub) -> dict[str, Any]:
    """Return what the selects of a form offer."""
    site = hub.picture.site
    return {
        "topics": site.topics,
        "site_languages": site.languages,
        "operators": sorted(hub.picture.operators.values(), key=lambda operator: operator.name),
    }


def path_of(reference: str) -> str:
    """Return the path of a case in the control API."""
    return f"/cases/{quote(normalize(reference), safe='')}"


def zone_of(desk: Desk) -> ZoneInfo:
    """Return the time zone in which people write and read times."""
    return ZoneInfo(desk.settings.timezone)
