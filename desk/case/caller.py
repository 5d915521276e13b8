"""The file of a caller: who they are, with their earlier calls and cases, and the case of this call.

What is known of a caller is brought to the page while the call rings; as the operator answers, the page asks for the
case, which the call opens at that moment.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from db.engine import DatabaseError
from desk.case import view
from desk.case.presence import Presence
from desk.case.routes import PresenceDep
from desk.context import Desk, DeskDep
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep, SignedIn
from desk.reading.calls import WRAPPED_UP, CallFacts, call_facts, latest_call
from desk.reading.reader import Reader, ReaderDep, WhyNeeded
from office.cases import reading
from office.cases.rules import CaseError
from office.reading import NotOnRecordError

router = APIRouter(prefix="/case")

CallId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$")]


@router.get("/call/{call}/coming")
async def coming(
    request: Request, desk: DeskDep, hub: HubDep, reader: ReaderDep, signed_in: OperatorDep, call: CallId
) -> Response:
    """While it rings, show in a few words who calls, and bring what is known of them for the moment of the answer."""
    facts = await _facts(desk, hub, call)
    known, is_away = await _known(desk, reader, signed_in, facts)
    if is_away:
        return Response(status_code=204)  # the page asked by itself: the call rings all the same
    return desk.pages.respond(request, "case/coming.html", facts=facts, known=known, is_away=False)


@router.get("/call/{call}")
async def of_call(
    request: Request,
    desk: DeskDep,
    presence: PresenceDep,
    hub: HubDep,
    reader: ReaderDep,
    signed_in: OperatorDep,
    call: CallId,
) -> Response:
    """Show the file of a call's caller."""
    return await _panel(request, desk, presence, hub, reader, signed_in, await _facts(desk, hub, call))


@router.get("/latest")
async def latest(
    request: Request, desk: DeskDep, presence: PresenceDep, hub: HubDep, reader: ReaderDep, signed_in: OperatorDep
) -> Response:
    """Show the file of the operator's present caller, or of the last one while they wrap up."""
    live = hub.picture.call_of(signed_in.operator)
    operator = hub.picture.operators.get(signed_in.operator)
    found = None
    if live is not None and operator is not None and operator.state == "talking":
        found = await _facts(desk, hub, live.id)
    elif operator is not None and operator.state == "wrapping_up":
        found = await latest_call(desk.engine, signed_in.operator, desk.now() - WRAPPED_UP)
    if found is None:
        return Response(status_code=204)
    return await _panel(request, desk, presence, hub, reader, signed_in, found)


async def _facts(desk: Desk, hub: Hub, call: str) -> CallFacts:
    live = hub.picture.calls.get(call)
    if live is not None:
        return CallFacts(live.id, live.caller or None, live.language, live.country, live.topic, live.case)
    found = await call_facts(desk.engine, call)
    if found is None:
        raise DeskError(404, N_("This call is not known."))
    return found


async def _known(
    desk: Desk, reader: Reader, signed_in: SignedIn, facts: CallFacts
) -> tuple[reading.Caller | None, bool]:
    """Return what is known of the caller, and whether the database is away."""
    why = reader.caller(signed_in, facts)
    try:
        return await reading.caller(desk.office, signed_in.actor, facts.id, facts.caller, why), False
    except DatabaseError:
        return None, True


async def _panel(
    request: Request,
    desk: Desk,
    presence: Presence,
    hub: Hub,
    reader: Reader,
    signed_in: SignedIn,
    facts: CallFacts,
) -> Response:
    known, is_away = await _known(desk, reader, signed_in, facts)
    case = await _case(desk, presence, hub, reader, signed_in, facts)
    return desk.pages.respond(request, "case/panel.html", facts=facts, known=known, is_away=is_away, **case)


async def _case(
    desk: Desk, presence: Presence, hub: Hub, reader: Reader, signed_in: SignedIn, facts: CallFacts
) -> dict[str, Any]:
    """Return what the page shows of the call's case; the form of a new one if the call has none."""
    if facts.case is None:
        values = {"kind": "enquiry", **_prefilled(facts)}
        return {"case": None, "values": values, "errors": {}, "call": facts.id, **view.choices(hub)}
    try:
        found = await reading.read(desk.office, signed_in.actor, facts.case, reader.case(signed_in, facts.case))
    except (DatabaseError, CaseError, NotOnRecordError, DeskError, WhyNeeded):  # the button in its place opens it
        return {"case": None}
    others = view.open_here(desk, presence, signed_in, found.file)
    return view.case_page(desk, hub, found, others=others, call=facts.id)


def _prefilled(facts: CallFacts) -> dict[str, str]:
    known = {"topic": facts.topic, "language": facts.language, "country": facts.country, "caller": facts.caller}
    return {name: value or "" for name, value in known.items()}
