"""Calling somebody from the page: the operator's telephone rings first, and the line's own rules hold."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response

from desk.context import Desk, DeskDep
from desk.control import ControlError
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep, SignedIn
from desk.reading.reader import ReaderDep
from office.cases import reading

router = APIRouter(prefix="/worklist")

RINGS = N_("Your telephone rings as soon as you are ready; then the caller is called.")

_NO_NUMBER = N_("There is no number to call.")
_NO_CALLS = N_("This site calls nobody: it has no line for it.")
_CANNOT_BE_CALLED = N_("This number cannot be called.")
_WHY: Mapping[str | None, str] = {
    "malformed": N_("This is not a telephone number; write it with + and the country code."),
    "nobody": N_("Nobody has this number; check its digits."),
    "country": N_("This line does not call that country."),
    "kind": N_("This is neither a fixed line nor a mobile telephone."),
    "own": N_("This is one of the line's own numbers."),
    "no_trunk": _NO_CALLS,
}


class CannotCallError(Exception):
    """A number that is not called. `text` is a text of the catalogues."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


async def call(desk: Desk, signed_in: SignedIn, number: str | None, about: Mapping[str, Any]) -> None:
    """Ask the line to ring the operator and then call a number. `about`: language, topic and case, as far as known.

    Raises CannotCallError, ControlError.
    """
    if not number:
        raise CannotCallError(_NO_NUMBER)
    known = {name: value for name, value in about.items() if value}
    body = {**known, "number": number, "operator": signed_in.operator}
    try:
        await desk.control.ask("POST", "/callbacks", signed_in.person.id, body)
    except ControlError as error:
        if error.status in (409, 422):
            raise CannotCallError(_WHY.get(error.code, _CANNOT_BE_CALLED)) from None
        raise


@router.post("/call")
async def call_number(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    signed_in: OperatorDep,
    number: Annotated[str, Form(max_length=40)] = "",
    language: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Call a number that the operator has typed."""
    form = dial_form(hub)
    try:
        await call(desk, signed_in, number.strip(), {"language": language if language in form["offered"] else None})
    except CannotCallError as refused:
        error = desk.pages.language_of(request).text(refused.text)
        wrong = {**form, "number": number.strip(), "chosen": language, "error": error}
        return desk.pages.respond(request, "worklist/dial.html", 422, **wrong)
    headers = {"HX-Trigger": "hatif:worked"}
    return desk.pages.respond(request, "worklist/dial.html", headers=headers, **{**form, "said": RINGS})


@router.post("/case/{reference}/call")
async def call_for_case(
    request: Request,
    desk: DeskDep,
    reader: ReaderDep,
    signed_in: OperatorDep,
    reference: Annotated[str, Path(max_length=20)],
) -> Response:
    """Call the applicant of a case, whose number the operator sees then: from its file, or it is a trace as well."""
    own = reader.changed_case(signed_in, reference)
    case = (await reading.read(desk.office, signed_in.actor, reference, own)).file
    about = {"language": case.language, "topic": case.topic, "case": case.reference}
    try:
        await call(desk, signed_in, case.caller, about)
    except CannotCallError as refused:
        raise DeskError(409, refused.text) from None
    return desk.pages.respond(request, "worklist/rings.html", said=RINGS, headers={"HX-Trigger": "hatif:worked"})


def dial_form(hub: Hub) -> dict[str, Any]:
    """Return what the form for a number shows at first."""
    return {"offered": hub.picture.site.languages, "number": "", "chosen": "", "error": None, "said": None}
