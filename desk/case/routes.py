"""Cases: looked at, changed, opened and found, by the office's functions, which check the right and keep the audit."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response

from db.case_files import FileStory, new_story
from db.engine import DatabaseError
from db.ids import parse_id
from db.references import normalize
from desk.case import forms, view
from desk.case.presence import EVERY_S, Presence
from desk.context import Desk, DeskDep, part
from desk.control import note_changed
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_, Language
from desk.people.signed_in import OperatorDep
from desk.reading.reader import ReaderDep
from office.cases import changing, opening, reading
from office.cases.changing import ChangedMeanwhileError
from office.cases.rules import FIELDS, CaseError, Kind

router = APIRouter(prefix="/case")

Reference = Annotated[str, Path(max_length=20)]

_TRIES = 3

_NO_VERSION = 10
"""As many digits no version has."""

_WRONG = {
    "title": N_("Write what it is about, in at most 200 characters."),
    "applicant": N_("Write at most 120 characters."),
    "caller": N_("This is not a telephone number; write it with +, such as +33612345678."),
    "country": N_("Choose a country."),
    "language": N_("Choose a language of the line."),
    "topic": N_("Choose a topic."),
    "owner": N_("There is no such operator."),
    "post": N_("Write at most 100 characters."),
}
"""The page's own sentence for a field that cannot be so."""

_WRONG_DAY = N_("This day is not possible, or has passed.")

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
    found = await reading.read(desk.office, signed_in.actor, reference, reader.case(signed_in, reference))
    others = view.open_here(desk, presence, signed_in, found.file)
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
    given: Annotated[str, Form(alias="version", max_length=40)],
    call: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Change what the person has changed in the form; show both texts where somebody else has changed the same."""
    version = int(given) if given.isdecimal() and len(given) < _NO_VERSION else 0  # as on a page of an earlier release
    form = await request.form()
    values = forms.sent(form, [str(word) for word in form.getlist("missing")])
    try:
        base = forms.base_of(form)
    except ValueError:
        raise DeskError(422, _OUTDATED) from None
    mine, own = forms.changed(values, base), reader.changed_case(signed_in, reference)
    for _ in range(_TRIES):
        try:
            columns, rules = forms.columns_of(mine), view.rules_of(desk, hub)
            made = await changing.change(desk.office, signed_in.actor, reference, version, columns, rules, own)
        except ChangedMeanwhileError as met:
            # Somebody else has changed it meanwhile. Changes of other fields do not conflict.
            merged = forms.merge(values, base, forms.values_of(met.story.file, view.zone_of(desk)))
            version = met.story.file.version
            if merged.conflicts:
                conflicts = merged.conflicts
                return _show(request, desk, hub, met.story, 422, values=merged.values, conflicts=conflicts, call=call)
        except CaseError as error:
            if error.column is None:
                raise
            found = await reading.read(desk.office, signed_in.actor, reference, own)
            wrong = _errors(desk.pages.language_of(request), error)
            return _show(
                request, desk, hub, found, 422, version=version, values=values, base=base, errors=wrong, call=call
            )
        else:
            _done(made.away)
            found = await reading.read(desk.office, signed_in.actor, reference, own)
            return _show(request, desk, hub, found, saved=True, call=call)
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
    own = reader.changed_case(signed_in, reference)
    _done(await changing.note(desk.office, signed_in.actor, reference, written, own, call=parse_id(call)))
    found = await reading.read(desk.office, signed_in.actor, reference, own)
    return desk.pages.respond(request, "case/notes.html", call=call, **view.notes(hub, found))


@router.post("/file/{reference}/pin")
async def new_pin(
    request: Request, desk: DeskDep, hub: HubDep, reader: ReaderDep, signed_in: OperatorDep, reference: Reference
) -> Response:
    """Give the case a new PIN, to be read out."""
    own = reader.changed_case(signed_in, reference)
    pin = await changing.new_pin(desk.office, signed_in.actor, reference, own)
    _done(None)
    return _show(request, desk, hub, await reading.read(desk.office, signed_in.actor, reference, own), pin=pin)


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
        columns, rules = forms.columns_of(values), view.rules_of(desk, hub)
        opened = await opening.open_case(desk.office, signed_in.actor, columns, rules)
    except CaseError as error:
        errors = _errors(desk.pages.language_of(request), error)
        return desk.pages.respond(
            request, "case/new.html", 422, **view.choices(hub), values=values, errors=errors, call=call
        )
    reader.opened_new(signed_in, opened.reference)
    found = new_story(desk.office.node, opened.file, opened.note)
    return _show(request, desk, hub, found, pin=opened.pin, call=call)


@router.get("/search")
async def search(
    request: Request,
    desk: DeskDep,
    reader: ReaderDep,
    signed_in: OperatorDep,
    text: Annotated[str, Query(alias="q", max_length=100)] = "",
) -> Response:
    """Find cases by reference, number, applicant's name or words of the title. That somebody searches is on record."""
    own = reader.search(signed_in, text.strip())
    found = await reading.search(desk.office, signed_in.actor, text, own)
    return desk.pages.respond(request, "case/found.html", cases=found, text=text.strip())


def _show(request: Request, desk: Desk, hub: Hub, story: FileStory, status: int = 200, **more: Any) -> Response:
    return desk.pages.respond(request, "case/case.html", status, **view.case_page(desk, hub, story, **more))


def _errors(language: Language, error: CaseError) -> dict[str, str]:
    """Return what is wrong by field: in the person's words, or else in the office's, which are English."""
    name = error.column or "title"
    own = _WRONG_DAY if FIELDS.get(name) in (Kind.DAY, Kind.INSTANT) else _WRONG.get(name)
    return {name: language.text(own) if own is not None else str(error)}


def _done(away: str | None) -> None:
    """Note that a change is made. Raises DatabaseError if only the journal has it: the page would be out of date."""
    note_changed()
    if away is not None:
        raise DatabaseError(away)
