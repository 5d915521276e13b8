"""Cases: looked at, changed, opened and found. They are changed through the control API, in the operator's name."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response

from db.references import normalize
from desk.case import forms, queries, view
from desk.case.presence import EVERY_S, Presence
from desk.context import Desk, DeskDep, part
from desk.control import ControlError
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_, Language
from desk.people.signed_in import OperatorDep
from desk.reading.reader import ReaderDep

router = APIRouter(prefix="/case")

Reference = Annotated[str, Path(max_length=20)]

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
"""The page's own sentence for a field that the control API refuses."""

_OUTDATED = N_("This page is outdated; reload it and try again.")


PresenceDep = Annotated[Presence, part("presence")]


@router.get("/file/{reference}")
async def case(
    request: Request,
    desk: DeskDep,
    presence: PresenceDep,
    hub: HubDep,
    reader: ReaderDep,
    signed_in: OperatorDep,
    reference: Reference,
    call: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show a case. `call`: the operator's call that it belongs to."""
    found = await view.read(desk, signed_in, reference)
    await reader.open_case(signed_in, found)
    others = view.open_here(desk, presence, signed_in, found)
    return _show(request, desk, hub, found, others=others, call=call)


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
    reader: ReaderDep,
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
    await reader.change_case(signed_in, reference)
    mine = forms.changed(values, base)
    for _ in range(_TRIES):
        try:
            body = {"version": version, **forms.columns_of(mine)}
            await desk.control.ask("PATCH", view.path_of(reference), signed_in.person.id, body)
        except ControlError as error:
            if error.status == 422:
                found = {**await view.read(desk, signed_in, reference), "version": version}
                wrong = _errors(desk.pages.language_of(request), error)
                return _show(request, desk, hub, found, 422, values=values, base=base, errors=wrong)
            if error.code != "case_changed":
                raise
            # Somebody else has changed it meanwhile. Changes of other fields do not conflict.
            present: Mapping[str, Any] = error.document["case"]
            merged = forms.merge(values, base, forms.values_of(present, view.zone_of(desk)))
            version = str(present["version"])
            if merged.conflicts:
                conflicts = merged.conflicts
                return _show(request, desk, hub, present, 422, values=merged.values, conflicts=conflicts)
        else:
            return _show(request, desk, hub, await view.read(desk, signed_in, reference), saved=True)
    raise DeskError(409, N_("Others change this case at this very moment; try again."))


@router.post("/file/{reference}/note")
async def note(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    reader: ReaderDep,
    signed_in: OperatorDep,
    reference: Reference,
    text: Annotated[str, Form(max_length=8000)] = "",
    call: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Add a note."""
    written = forms.plain(text)
    if not written:
        return Response(status_code=204)
    await reader.change_case(signed_in, reference)
    body = {"text": written, "call": call or None}
    await desk.control.ask("POST", f"{view.path_of(reference)}/notes", signed_in.person.id, body)
    found = await view.read(desk, signed_in, reference)
    return desk.pages.respond(request, "case/notes.html", call=call, **view.notes(hub, found))


@router.post("/file/{reference}/pin")
async def new_pin(
    request: Request, desk: DeskDep, hub: HubDep, reader: ReaderDep, signed_in: OperatorDep, reference: Reference
) -> Response:
    """Give the case a new PIN, to be read out."""
    await reader.change_case(signed_in, reference)
    given = await desk.control.ask("POST", f"{view.path_of(reference)}/pin", signed_in.person.id)
    found = await view.read(desk, signed_in, reference)
    return _show(request, desk, hub, found, pin=str(given["pin"]))


@router.post("/new")
async def new(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    reader: ReaderDep,
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
            request, "case/new.html", 422, **view.choices(hub), values=values, errors=errors, call=call
        )
    reader.opened_new(signed_in, str(opened["reference"]))
    found = await view.read(desk, signed_in, opened["reference"])
    return _show(request, desk, hub, found, pin=str(opened["pin"]), call=call)


@router.get("/search")
async def search(
    request: Request,
    desk: DeskDep,
    reader: ReaderDep,
    signed_in: OperatorDep,
    text: Annotated[str, Query(alias="q", max_length=100)] = "",
) -> Response:
    """Find cases by reference, number, applicant's name or words of the title. That somebody searches is on record."""
    terms, found = text.strip(), []
    if len(terms) >= queries.SHORTEST:
        why, belongs = await reader.may_search(signed_in, terms)
        found = await queries.search(desk.engine, terms)
        reader.searched(signed_in, terms, [row.reference for row in found], why, belongs)
    return desk.pages.respond(request, "case/found.html", cases=found, text=terms)


def _show(request: Request, desk: Desk, hub: Hub, case: Mapping[str, Any], status: int = 200, **more: Any) -> Response:
    return desk.pages.respond(request, "case/case.html", status, **view.case_page(desk, hub, case, **more))


def _errors(language: Language, error: ControlError) -> dict[str, str]:
    """Return what is wrong by field: in the person's words, or else in the control API's, which are English."""
    found = {}
    for item in error.document.get("errors") or ():
        name = str(item["location"]).rpartition(".")[2]
        found[name] = language.text(_WRONG[name]) if name in _WRONG else str(item["detail"])
    return found or {"title": error.detail}
