"""The caller's file beside the call. Cases are changed through the control API, in the operator's name."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Path, Query, Request, Response

from db.engine import DatabaseError
from db.references import is_valid, normalize
from desk.case import forms, queries
from desk.case.forms import Values
from desk.case.presence import EVERY_S, Presence
from desk.context import Desk, DeskDep, part
from desk.control import ControlError
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_, Language
from desk.people.signed_in import OperatorDep, SignedIn

router = APIRouter(prefix="/case")

CallId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$")]
Reference = Annotated[str, Path(max_length=20)]

SOON = 10
"""A call's own case is opened as its operator answers, and may be a moment later in the database."""

WRAPPED_UP = timedelta(hours=1)
"""A wrap-up lasts no longer, whatever the site allows."""

_TRIES = 3

_WRONG = {
    "title": N_("Write what it is about, in at most 200 characters."),
    "applicant": N_("Write at most 120 characters."),
    "caller": N_("This is not a telephone number; write it with +, such as +33612345678."),
    "country": N_("Choose a country."),
    "language": N_("Choose a language of the line."),
    "topic": N_("Choose a topic."),
    "owner": N_("There is no such operator."),
    "due": N_("This day is not possible, or has passed."),
    "expected": N_("This day is not possible, or has passed."),
    "follow_up": N_("This day is not possible, or has passed."),
    "post": N_("Write at most 100 characters."),
}
"""What is wrong with a field, whatever the control API says of it."""

_NO_CASE = N_("There is no case with this reference.")
_OUTDATED = N_("This page is outdated; reload it and try again.")


PresenceDep = Annotated[Presence, part("presence")]


@router.get("/call/{call}")
async def of_call(request: Request, desk: DeskDep, hub: HubDep, signed_in: OperatorDep, call: CallId) -> Response:
    """Show the file of a call's caller."""
    return await _caller_page(request, desk, hub, await _facts(desk, hub, call))


@router.get("/call/{call}/hint")
async def hint(request: Request, desk: DeskDep, hub: HubDep, signed_in: OperatorDep, call: CallId) -> Response:
    """Show in a few words who calls, while it rings: earlier calls, open cases."""
    facts = await _facts(desk, hub, call)
    try:
        known = await queries.caller(desk.engine, facts.caller, facts.id) if facts.caller else None
    except DatabaseError:
        return Response(status_code=204)  # the page asked by itself: the call rings all the same
    return desk.pages.respond(request, "case/hint.html", known=known)


@router.get("/latest")
async def latest(request: Request, desk: DeskDep, hub: HubDep, signed_in: OperatorDep) -> Response:
    """Show the file of the operator's present caller, or of the last one while they wrap up."""
    live = hub.picture.call_of(signed_in.operator)
    known = hub.picture.operators.get(signed_in.operator)
    if live is not None and known is not None and known.state == "talking":
        return await _caller_page(request, desk, hub, await _facts(desk, hub, live.id))
    if known is not None and known.state == "wrapping_up":
        found = await queries.latest_call(desk.engine, signed_in.operator, desk.now() - WRAPPED_UP)
        if found is not None:
            return await _caller_page(request, desk, hub, found)
    return Response(status_code=204)


@router.get("/file/{reference}")
async def case(
    request: Request,
    desk: DeskDep,
    presence: PresenceDep,
    hub: HubDep,
    signed_in: OperatorDep,
    reference: Reference,
    tries: Annotated[int, Query(ge=0, le=SOON)] = 0,
) -> Response:
    """Show a case. `tries`: how often it may be asked for again, because it is being opened at this moment."""
    try:
        found = await _read(desk, signed_in, reference)
    except DeskError:
        if not tries:
            raise
        return desk.pages.respond(request, "case/soon.html", reference=normalize(reference), tries=tries - 1)
    digits = str(found["reference"])
    presence.close(signed_in.person.id, but=digits)
    others = presence.open(digits, signed_in.person.id, signed_in.person.name, desk.now())
    return _case_page(request, desk, hub, found, others=others)


@router.get("/file/{reference}/others")
async def others(
    request: Request,
    desk: DeskDep,
    presence: PresenceDep,
    signed_in: OperatorDep,
    reference: Reference,
) -> Response:
    """Say again that the case is open here; show who else has it open."""
    names = presence.open(normalize(reference), signed_in.person.id, signed_in.person.name, desk.now())
    return desk.pages.respond(
        request, "case/others.html", reference=normalize(reference), others=names, every_s=EVERY_S
    )


@router.post("/file/{reference}")
async def change(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    signed_in: OperatorDep,
    reference: Reference,
    version: Annotated[str, Form(max_length=40)],
) -> Response:
    """Change what the person has changed in the form; show both texts where somebody else has changed the same."""
    form = await request.form()
    values = forms.sent(form, [str(word) for word in form.getlist("missing")])
    try:
        base = forms.base_of(form)
    except ValueError:
        raise DeskError(422, _OUTDATED) from None
    mine = forms.changed(values, base)
    for _ in range(_TRIES):
        try:
            body = {"version": version, **forms.columns_of(mine)}
            await desk.control.ask("PATCH", _path(reference), signed_in.person.id, body)
        except ControlError as error:
            if error.status == 422:
                found = {**await _read(desk, signed_in, reference), "version": version}
                wrong = _errors(desk.pages.language_of(request), error)
                return _case_page(request, desk, hub, found, status=422, values=values, base=base, errors=wrong)
            if error.code != "case_changed":
                raise
            # Somebody else has changed it meanwhile. What they changed elsewhere in the form is no conflict.
            present: Mapping[str, Any] = error.document["case"]
            merged = forms.merge(values, base, forms.values_of(present, _zone(desk)))
            version = str(present["version"])
            if merged.conflicts:
                conflicts = merged.conflicts
                return _case_page(request, desk, hub, present, status=422, values=merged.values, conflicts=conflicts)
        else:
            return _case_page(request, desk, hub, await _read(desk, signed_in, reference), saved=True)
    raise DeskError(409, N_("Others change this case at this very moment; try again."))


@router.post("/file/{reference}/note")
async def note(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    signed_in: OperatorDep,
    reference: Reference,
    text: Annotated[str, Form(max_length=8000)] = "",
    call: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Add a note."""
    written = forms.plain(text)
    if not written:
        return Response(status_code=204)
    body = {"text": written, "call": call or None}
    await desk.control.ask("POST", f"{_path(reference)}/notes", signed_in.person.id, body)
    found = await _read(desk, signed_in, reference)
    return desk.pages.respond(request, "case/notes.html", call=call, **_notes(desk, hub, found))


@router.post("/file/{reference}/pin")
async def new_pin(
    request: Request, desk: DeskDep, hub: HubDep, signed_in: OperatorDep, reference: Reference
) -> Response:
    """Give the case a new PIN, to be read out."""
    given = await desk.control.ask("POST", f"{_path(reference)}/pin", signed_in.person.id)
    found = await _read(desk, signed_in, reference)
    return _case_page(request, desk, hub, found, pin=str(given["pin"]))


@router.post("/new")
async def new(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    signed_in: OperatorDep,
    call: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Open a case, with a reference and a PIN to be read out."""
    form = await request.form()
    values = {name: value for name, value in forms.sent(form, []).items() if value}
    try:
        opened = await desk.control.ask("POST", "/cases", signed_in.person.id, forms.columns_of(values))
    except ControlError as error:
        if error.status != 422:
            raise
        errors = _errors(desk.pages.language_of(request), error)
        return desk.pages.respond(
            request, "case/new.html", 422, **_choices(hub), values=values, errors=errors, call=call
        )
    found = await _read(desk, signed_in, opened["reference"])
    return _case_page(request, desk, hub, found, pin=str(opened["pin"]), call=call)


@router.get("/search")
async def search(
    request: Request, desk: DeskDep, signed_in: OperatorDep, text: Annotated[str, Query(alias="q", max_length=100)] = ""
) -> Response:
    """Find cases by reference, number, applicant's name or words of the title."""
    found = await queries.search(desk.engine, text)
    return desk.pages.respond(request, "case/found.html", cases=found, text=text.strip())


async def _facts(desk: Desk, hub: Hub, call: str) -> queries.CallFacts:
    live = hub.picture.calls.get(call)
    if live is not None:
        return queries.CallFacts(live.id, live.caller or None, live.language, live.country, live.topic, live.case)
    found = await queries.call_facts(desk.engine, call)
    if found is None:
        raise DeskError(404, N_("This call is not known."))
    return found


async def _caller_page(request: Request, desk: Desk, hub: Hub, facts: queries.CallFacts) -> Response:
    known = None
    try:
        known = await queries.caller(desk.engine, facts.caller, facts.id) if facts.caller else None
        is_away = False
    except DatabaseError:
        is_away = True
    values = {
        "kind": "enquiry",
        "topic": facts.topic or "",
        "language": facts.language or "",
        "country": facts.country or "",
        "caller": facts.caller or "",
    }
    return desk.pages.respond(
        request,
        "case/caller.html",
        facts=facts,
        known=known,
        is_away=is_away,
        values=values,
        errors={},
        call=facts.id,
        **_choices(hub),
    )


async def _read(desk: Desk, signed_in: SignedIn, reference: str) -> Mapping[str, Any]:
    if not is_valid(reference):
        raise DeskError(404, _NO_CASE)
    try:
        found: Mapping[str, Any] = await desk.control.ask("GET", _path(reference), signed_in.person.id)
    except ControlError as error:
        if error.status == 404:
            raise DeskError(404, _NO_CASE) from None
        raise
    return found


def _case_page(
    request: Request,
    desk: Desk,
    hub: Hub,
    case: Mapping[str, Any],
    *,
    status: int = 200,
    values: Values | None = None,
    base: Values | None = None,
    conflicts: Values | None = None,
    errors: Mapping[str, str] | None = None,
    others: list[str] | None = None,
    pin: str | None = None,
    call: str = "",
    saved: bool = False,
) -> Response:
    present = forms.values_of(case, _zone(desk))
    return desk.pages.respond(
        request,
        "case/case.html",
        status,
        case=case,
        values=values or present,
        base=forms.encode(base or present),
        conflicts=conflicts or {},
        errors=errors or {},
        others=others or [],
        every_s=EVERY_S,
        pin=pin,
        call=call,
        saved=saved,
        **_choices(hub),
        **_notes(desk, hub, case),
    )


def _notes(desk: Desk, hub: Hub, case: Mapping[str, Any]) -> dict[str, Any]:
    names = {operator.id: operator.name for operator in hub.picture.operators.values()}
    return {
        "reference": case["reference"],
        "notes": list(reversed(case["notes"])),
        "messages": case["messages"],
        "names": names,
    }


def _choices(hub: Hub) -> dict[str, Any]:
    """Return what the selects of a form offer."""
    site = hub.picture.site
    return {
        "topics": site.topics,
        "site_languages": site.languages,
        "operators": sorted(hub.picture.operators.values(), key=lambda operator: operator.name),
    }


def _errors(language: Language, error: ControlError) -> dict[str, str]:
    """Return what is wrong by field: in the person's words, or else in the control API's, which are English."""
    found = {}
    for item in error.document.get("errors") or ():
        name = str(item["location"]).rpartition(".")[2]
        found[name] = language.text(_WRONG[name]) if name in _WRONG else str(item["detail"])
    return found or {"title": error.detail}


def _path(reference: str) -> str:
    return f"/cases/{quote(normalize(reference), safe='')}"


def _zone(desk: Desk) -> ZoneInfo:
    return ZoneInfo(desk.settings.timezone)
