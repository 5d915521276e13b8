"""Looking up a procedure or a consulate, and noting in the case what was explained."""

from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Form, Path, Query, Request, Response

from db.ids import parse_id
from db.references import is_valid
from desk.context import Desk, DeskDep, part
from desk.guide.book import Book, Procedure
from desk.guide.letters import letter_of
from desk.guide.mail import Letter, Mailer, MailError, MailLimit, address_of
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep, SignedIn
from office import guide as office_guide
from office.cases import changing
from office.cases.rules import CaseError
from office.reading import Unshown
from wire.live import Call

log = structlog.get_logger()


router = APIRouter(prefix="/guide")

MOST = 12
"""Procedures in a list."""

_EXPLAINED = N_("Explained from the guide: %(title)s")
_SENT = N_("Sent by e-mail to %(address)s: %(title)s")
_MISSING = N_("Not in the guide: %(words)s")
_NO_PROCEDURE = N_("The guide has no such procedure.")

Country = Annotated[str, Path(pattern="^[A-Z]{2}$")]
ProcedureId = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,40}$")]

BookDep = Annotated[Book, part("book")]
MailerDep = Annotated[Mailer, part("mailer")]
MailLimitDep = Annotated[MailLimit, part("mail_limit")]


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
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    book: BookDep,
    mailer: MailerDep,
    signed_in: OperatorDep,
    procedure: ProcedureId,
    language: Annotated[str, Query(max_length=3)] = "",
) -> Response:
    """Show a procedure in the operator's language and another one, side by side: `language`, else the caller's."""
    own, callers = _languages(request, desk, hub, signed_in.operator)
    callers = language if language in hub.picture.site.languages else callers
    shown = []
    for code in dict.fromkeys((own, callers)):
        if (text := (await book.in_language(code, desk.now())).get(procedure)) is not None:
            shown.append((code, text))
    if not shown:
        raise DeskError(404, _NO_PROCEDURE)
    live = hub.picture.call_of(signed_in.operator)
    return desk.pages.respond(
        request,
        "guide/procedure.html",
        shown=shown,
        country=live.country if live is not None else None,
        can_send=mailer.is_set_up,
        **_form(hub, procedure, callers),
    )


@router.get("/consulate/{country}")
async def consulate(
    request: Request, desk: DeskDep, hub: HubDep, book: BookDep, signed_in: OperatorDep, country: Country
) -> Response:
    """Show the consulates of a country, in the operator's language."""
    own = own_language(request, desk, hub)
    found = await book.consulates(country, own)
    return desk.pages.respond(request, "guide/consulate.html", country=country, consulates=found, spoken=own)


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
    own = own_language(request, desk, hub)
    found = await _find(desk, book, procedure, own)
    await _note(request, desk, signed_in, reference, _EXPLAINED, title=found.title)
    return desk.pages.respond(request, "guide/noted.html", headers={"HX-Trigger": "hatif:noted"})


@router.post("/procedure/{procedure}/send")
async def send(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    book: BookDep,
    mailer: MailerDep,
    limit: MailLimitDep,
    signed_in: OperatorDep,
    procedure: ProcedureId,
    address: Annotated[str, Form(max_length=300)] = "",
    language: Annotated[str, Form(max_length=3)] = "",
    reference: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Send a procedure by e-mail, and note it in the case that is open on the page, if one is."""
    own = own_language(request, desk, hub)
    chosen = language if language in hub.picture.site.languages else own
    form = {**_form(hub, procedure, chosen), "address": address.strip()}
    found, words = await _find(desk, book, procedure, chosen), desk.pages.language_of(request)
    to = address_of(address)
    if to is None:
        error = words.text(N_("This is not an e-mail address; it looks like name@example.org."))
        return desk.pages.respond(request, "guide/send.html", 422, **{**form, "error": error})
    if not limit.take(signed_in.person.id, desk.now()):
        raise DeskError(429, N_("You have sent very many e-mails within an hour; wait a little."))
    live = hub.picture.call_of(signed_in.operator)
    notice = await book.notice(chosen, desk.now())
    letter = letter_of(found, chosen, to=to, country=live.country if live is not None else None, notice=notice)
    try:
        await mailer.send(letter, desk.now())
    except MailError as failed:
        error = words.text(failed.text, **failed.values)
        return desk.pages.respond(request, "guide/send.html", 422, **{**form, "error": error})
    is_noted = await _keep_sending(request, desk, signed_in, found, letter, reference, live)
    form = {**form, "address": "", "sent_to": to, "is_noted": is_noted}
    return desk.pages.respond(request, "guide/send.html", headers={"HX-Trigger": "hatif:noted"}, **form)


@router.post("/missing")
async def missing(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    signed_in: OperatorDep,
    words: Annotated[str, Form(alias="q", max_length=200)] = "",
    reference: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Note what the guide does not have: for those who write it, and in the case that is open, if one is."""
    if not words.strip():
        raise DeskError(409, N_("Write in the search field what the caller asked."))
    own = own_language(request, desk, hub)
    live = hub.picture.call_of(signed_in.operator)
    topic = live.topic if live is not None else None
    office_guide.note_gap(desk.office, signed_in.actor, words, own, call=_call_of(live), topic=topic)
    if is_valid(reference):
        await _note(request, desk, signed_in, reference, _MISSING, words=words.strip())
    return desk.pages.respond(request, "guide/noted.html", headers={"HX-Trigger": "hatif:noted"})


async def _keep_sending(
    request: Request,
    desk: Desk,
    signed_in: SignedIn,
    procedure: Procedure,
    letter: Letter,
    reference: str,
    live: Call | None,
) -> bool:
    """Note what was sent in the audit and in the case; return False if that failed: the e-mail is on its way."""
    domain, call = letter.to.rpartition("@")[2], _call_of(live)
    office_guide.note_sent(desk.office, signed_in.actor, procedure.id, letter.language, domain, call=call)
    try:
        if is_valid(reference):
            await _note(request, desk, signed_in, reference, _SENT, title=procedure.title, address=letter.to)
    except CaseError as error:
        log.warning("A procedure was sent by e-mail, but it could not be noted", reason=str(error))
        return False
    return True


async def _note(request: Request, desk: Desk, signed_in: SignedIn, reference: str, text: str, **values: str) -> None:
    written = desk.pages.language_of(request).text(text, **values)
    await changing.note(desk.office, signed_in.actor, reference, written, Unshown())


async def _find(desk: Desk, book: Book, procedure: str, language: str) -> Procedure:
    found = (await book.in_language(language, desk.now())).get(procedure)
    if found is None:
        raise DeskError(404, _NO_PROCEDURE)
    return found


def _form(hub: Hub, procedure: str, chosen: str) -> dict[str, Any]:
    """Return what the form for an e-mail shows at first."""
    return {
        "procedure": procedure,
        "offered": hub.picture.site.languages,
        "chosen": chosen,
        "address": "",
        "error": None,
        "sent_to": "",
        "is_noted": True,
    }


def _call_of(live: Call | None) -> UUID | None:
    """Return the call for a record."""
    return parse_id(live.id) if live is not None else None


def own_language(request: Request, desk: Desk, hub: Hub) -> str:
    """Return the language of a person's pages, if the site has it for callers; else the site's first one."""
    own, offered = desk.pages.language_of(request).code, hub.picture.site.languages
    return own if own in offered else offered[0]


def _languages(request: Request, desk: Desk, hub: Hub, operator: str) -> tuple[str, str]:
    """Return the language of the operator's page, and the caller's; the same where there is no caller."""
    own = own_language(request, desk, hub)
    live = hub.picture.call_of(operator)
    return own, live.language if live is not None and live.language in hub.picture.site.languages else own
