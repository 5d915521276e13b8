"""Looking up a procedure, and noting in the case what was explained."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response

from db.references import is_valid, normalize
from desk.context import Desk, DeskDep
from desk.guide.book import Book
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep

router = APIRouter(prefix="/guide")

MOST = 12
"""Procedures in a list."""

ProcedureId = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,40}$")]


async def book_of(request: Request) -> Book:
    """Return the guide."""
    book: Book = request.app.state.book
    return book


BookDep = Annotated[Book, Depends(book_of)]


@router.get("/search")
async def search(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    book: BookDep,
    signed_in: OperatorDep,
    words: Annotated[str, Query(alias="q", max_length=100)] = "",
) -> Response:
    """List the procedures with these words, in the operator's language or the caller's."""
    own, callers = _languages(request, desk, hub, signed_in.operator)
    ids = (await book.find(words, (own, callers), desk.now()))[:MOST] if words.strip() else []
    procedures = await book.in_language(own, desk.now())
    found = [procedures[name] for name in ids if name in procedures]
    return desk.pages.respond(request, "guide/found.html", procedures=found, words=words.strip())


@router.get("/procedure/{procedure}")
async def procedure(
    request: Request, desk: DeskDep, hub: HubDep, book: BookDep, signed_in: OperatorDep, procedure: ProcedureId
) -> Response:
    """Show a procedure in the operator's language and the caller's, side by side."""
    own, callers = _languages(request, desk, hub, signed_in.operator)
    shown = []
    for code in dict.fromkeys((own, callers)):
        if (text := (await book.in_language(code, desk.now())).get(procedure)) is not None:
            shown.append((code, text))
    if not shown:
        raise DeskError(404, N_("The guide has no such procedure."))
    live = hub.picture.call_of(signed_in.operator)
    return desk.pages.respond(
        request,
        "guide/procedure.html",
        procedure=procedure,
        shown=shown,
        country=live.country if live is not None else None,
    )


@router.post("/procedure/{procedure}/explained")
async def explained(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    book: BookDep,
    signed_in: OperatorDep,
    procedure: ProcedureId,
    reference: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Note in the case that is open on the page that the procedure was explained."""
    if not is_valid(reference):
        raise DeskError(409, N_("Open a case first; the note is kept in it."))
    own, _ = _languages(request, desk, hub, signed_in.operator)
    found = (await book.in_language(own, desk.now())).get(procedure)
    if found is None:
        raise DeskError(404, N_("The guide has no such procedure."))
    language = desk.pages.language_of(request)
    body = {"text": language.text(N_("Explained from the guide: %(title)s"), title=found.title)}
    path = f"/cases/{quote(normalize(reference), safe='')}/notes"
    await desk.control.ask("POST", path, signed_in.person.id, body)
    return desk.pages.respond(request, "guide/noted.html", headers={"HX-Trigger": "hatif:noted"})


def _languages(request: Request, desk: Desk, hub: Hub, operator: str) -> tuple[str, str]:
    """Return the language of the operator's page, and the caller's; the same where there is no caller."""
    offered = hub.picture.site.languages or desk.settings.languages
    own = desk.pages.language_of(request).code
    own = own if own in offered else offered[0]
    live = hub.picture.call_of(operator)
    return own, live.language if live is not None and live.language in offered else own
