"""The page of a case."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from db.case_files import File, FileStory
from db.case_rows import columns_of_call
from desk.case import forms
from desk.case.forms import Values
from desk.case.presence import EVERY_S, Presence
from desk.context import Desk
from desk.live.hub import Hub
from desk.live.picture import Picture
from desk.people.signed_in import SignedIn
from office.cases.rules import CaseRules


def opened_by_call(picture: Picture, reference: str) -> Mapping[str, Any] | None:
    """Return the columns of the case that a call which is up has opened; None for any other case."""
    for call in picture.calls.values():
        if call.case == reference and call.case_opened:
            opened = datetime.fromtimestamp(call.connected, UTC) if call.connected is not None else datetime.now(UTC)
            facts = (call.topic, call.language, call.country, call.caller)
            return columns_of_call(reference, call.id, *facts, opened)
    return None


def rules_of(desk: Desk, hub: Hub) -> CaseRules:
    """Return what the site allows in a case."""
    return CaseRules(
        languages=hub.picture.site.languages,
        operators=hub.picture.operators,
        missing=desk.pages.missing_words,
        zone=zone_of(desk),
    )


def open_here(desk: Desk, presence: Presence, signed_in: SignedIn, file: File) -> list[str]:
    """Note that the person has this case open, and no other one; return the names of the others who have it open."""
    presence.close(signed_in.person.id, but=file.reference)
    return presence.open(file.reference, signed_in.person.id, signed_in.person.name, desk.now())


def case_page(
    desk: Desk,
    hub: Hub,
    story: FileStory,
    *,
    version: int | None = None,
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
    present = forms.values_of(story.file, zone_of(desk))
    return {
        "case": story.file,
        "version": version or story.file.version,
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
        **notes(hub, story),
    }


def notes(hub: Hub, story: FileStory) -> dict[str, Any]:
    """Return what the template `case/notes.html` shows, but for the call."""
    names = {operator.id: operator.name for operator in hub.picture.operators.values()}
    return {
        "reference": story.file.reference,
        "notes": list(reversed(story.notes)),
        "messages": story.messages,
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


def zone_of(desk: Desk) -> ZoneInfo:
    """Return the time zone in which people write and read times."""
    return ZoneInfo(desk.settings.timezone)
