"""The question why, and its answer."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from desk.context import DeskDep, part
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import Anybody
from desk.reading.limits import HOLDS, REASONS, Readings
from desk.reading.reader import WhyNeeded

router = APIRouter(prefix="/reading")

ReadingsDep = Annotated[Readings, part("readings")]

_NO_REASON = N_("Choose one of the reasons.")
_ROOMS = ("/case/", "/recordings/", "/site/audit")
"""Where a reason may lead."""


@router.post("/why")
async def why(
    desk: DeskDep,
    readings: ReadingsDep,
    signed_in: Anybody,
    reason: Annotated[str, Form(max_length=20)],
    subject: Annotated[str, Form(max_length=80)],
    address: Annotated[str, Form(max_length=2000)],
) -> Response:
    """Note why a person looks at something, and lead them to it. It is on record with what they see then."""
    if reason not in REASONS or not address.startswith(_ROOMS):
        raise DeskError(422, _NO_REASON)
    readings.give(signed_in.person.id, [subject], reason, desk.now())
    return RedirectResponse(address, 303)


def ask(request: Request, needed: WhyNeeded) -> Response:
    """Return the question why, in place of what it is about."""
    desk = request.app.state.desk
    address = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    found: Response = desk.pages.respond(
        request,
        "reading/why.html",
        subject=needed.subject,
        address=address,
        reasons=REASONS,
        minutes=int(HOLDS.total_seconds() / 60),
    )
    return found
