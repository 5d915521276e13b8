"""Looking up a procedure, and noting in the case what was explained."""

from typing import Annotated
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response

from db.references import is_valid, normalize
from desk.context import Desk, DeskDep
from desk.guide import mail
from desk.guide.book import Book
from desk.guide.mail import Outbox
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep

log = structlog.get_logger()

router = APIRouter(prefix="/guide")

MOST = 12
"""Procedures in a list."""

ProcedureId = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,40}$")]


async def book_of(request: Request) -> Book:
    """Return the guide."""
    book: Book = request.app.state.book
    return book


async def outbox_of(request: Request) -> Outbox:
    """Return what operators have sent lately."""
    outbox: Outbox = request.app.state.outbox
    return outbox


BookDep = Annotated[Book, Depends(book_of)]
OutboxDep = Annotated[Outbox, Depends(outbox_of)]


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
        has_mail=desk.settings.mail is not None,
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


@router.post("/procedure/{procedure}/send")
async def send_by_mail(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    book: BookDep,
    outbox: OutboxDep,
    signed_in: OperatorDep,
    procedure: ProcedureId,
    address: Annotated[str, Form(max_length=254)] = "",
    reference: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Send a procedure by e-mail in the caller's language, and note it in the case that is open."""
    settings = desk.settings.mail
    if settings is None:
        raise DeskError(404, N_("This line has no mail server."))
    _, callers = _languages(request, desk, hub, signed_in.operator)
    found = (await book.in_language(callers, desk.now())).get(procedure)
    if found is None:
        raise DeskError(404, N_("The guide has no such procedure."))
    live = hub.picture.call_of(signed_in.operator)
    try:
        message = mail.compose(settings, address, found, callers, live.country if live is not None else None)
        if not outbox.may_send(signed_in.operator, desk.now()):
            raise DeskError(429, N_("You have sent very many e-mails; wait a while."))
        await mail.send(settings, message)
    except mail.MailError as error:
        raise DeskError(422, str(error)) from None
    log.info("procedure sent by e-mail", procedure=procedure, by=signed_in.person.id)
    if is_valid(reference):
        language = desk.pages.language_of(request)
        body = {
            "text": language.text(
                N_("Sent by e-mail to %(address)s: %(title)s"), address=address.strip(), title=found.title
            )
        }
        path = f"/cases/{quote(normalize(reference), safe='')}/notes"
        await desk.control.ask("POST", path, signed_in.person.id, body)
    return desk.pages.respond(request, "guide/sent.html")


@router.post("/missing")
async def missing(
    request: Request,
    desk: DeskDep,
    signed_in: OperatorDep,
    words: Annotated[str, Form(alias="q", max_length=100)] = "",
    reference: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Note in the case that is open that the guide has nothing about what the caller asked."""
    if not words.strip():
        raise DeskError(409, N_("Write in the search field what the caller asked."))
    if not is_valid(reference):
        raise DeskError(409, N_("Open a case first; the note is kept in it."))
    language = desk.pages.language_of(request)
    body = {"text": language.text(N_("Not in the guide: %(words)s"), words=words.strip())}
    path = f"/cases/{quote(normalize(reference), safe='')}/notes"
    await desk.control.ask("POST", path, signed_in.person.id, body)
    log.info("not in the guide", words=words.strip())
    return desk.pages.respond(request, "guide/noted.html")


def _languages(request: Request, desk: Desk, hub: Hub, operator: str) -> tuple[str, str]:
    """Return the language of the operator's page, and the caller's; the same where there is no caller."""
    offered = hub.picture.site.languages or desk.settings.languages
    own = desk.pages.language_of(request).code
    own = own if own in offered else offered[0]
    live = hub.picture.call_of(operator)
    return own, live.language if live is not None and live.language in offered else own
