"""The supervisors' page, and what supervisors change on it, each through the control API in their own name."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import StreamingResponse

from desk.context import Desk, DeskDep
from desk.control import ControlError
from desk.live.routes import HubDep, stream
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import SessionsDep, SignedIn, SupervisorDep, SupervisorStillThere
from desk.shift import telephone
from desk.supervise.fragments import VIEW

router = APIRouter()

_NO_TELEPHONE = N_("Your account is not an operator's, so it has no telephone to listen with.")
_REFUSALS: Mapping[str | None, str] = {
    "not_allowed": N_("Only supervisors of the list of operators may do this."),
    "self": N_("You cannot listen to yourself."),
    "not_talking": N_("They are not in a conversation any more."),
    "not_registered": N_("Your telephone cannot be rung. Start it here, or register your softphone."),
    "supervisor_busy": N_("Your telephone has a call. End it first; then you can listen."),
    "not_waiting": N_("This caller does not wait any more."),
    "away": N_("That operator is not on shift."),
}

OperatorId = Annotated[str, Path(max_length=20, pattern=r"^[0-9]+$")]
CallId = Annotated[str, Path(max_length=40, pattern=r"^[0-9a-f-]+$")]


@router.get("/supervise")
async def page(request: Request, desk: DeskDep, hub: HubDep, signed_in: SupervisorDep) -> Response:
    """Show the supervisors' page."""
    language, site = desk.pages.language_of(request), hub.picture.site
    return desk.pages.respond(
        request,
        "supervise/supervise.html",
        parts=hub.current(language, signed_in.person.operator or "", view=VIEW),
        now=desk.now().timestamp(),
        **telephone.page_values(desk, language, hub.picture, signed_in.person.operator, "away"),
        site_languages=site.languages,
        topics=site.topics,
    )


@router.get("/live/supervise", response_class=StreamingResponse)
async def live(
    request: Request, desk: DeskDep, hub: HubDep, sessions: SessionsDep, signed_in: SupervisorStillThere
) -> StreamingResponse:
    """Send the supervisors' page as it changes, until the session ends."""
    return stream(request, desk, hub, sessions, signed_in, view=VIEW)


@router.post("/supervise/listen")
async def listen(
    desk: DeskDep,
    signed_in: SupervisorDep,
    operator: Annotated[str, Form(max_length=20)],
    mode: Annotated[Literal["listen", "whisper", "join"], Form()] = "listen",
) -> Response:
    """Ring the supervisor's telephone, to hear an operator's conversation. The telephone of a page answers at once."""
    own = signed_in.person.operator
    if own is None:
        raise DeskError(409, _NO_TELEPHONE)
    body = {"supervisor": own, "operator": operator, "mode": mode, "answers": True}
    await _ask(desk, signed_in, "POST", "/supervision", body)
    return Response(status_code=204)


@router.get("/supervise/operator/{operator}")
async def operator_form(
    request: Request, desk: DeskDep, hub: HubDep, signed_in: SupervisorDep, operator: OperatorId
) -> Response:
    """Show what can be changed for an operator."""
    known = hub.picture.operators.get(operator)
    if known is None:
        raise DeskError(404, N_("There is no such operator."))
    site = hub.picture.site
    return desk.pages.respond(
        request, "supervise/operator_form.html", known=known, pauses=site.pauses, site_languages=site.languages
    )


@router.post("/supervise/operator/{operator}/state")
async def change_state(
    desk: DeskDep,
    signed_in: SupervisorDep,
    operator: OperatorId,
    state: Annotated[Literal["ready", "paused", "away"], Form()],
    reason: Annotated[str, Form(max_length=30, pattern=r"^[a-z0-9_]*$")] = "",
) -> Response:
    """Make an operator ready, paused or away; during a call that happens at its end."""
    await _ask(desk, signed_in, "POST", f"/operators/{operator}/state", {"state": state, "reason": reason})
    return _done()


@router.post("/supervise/operator/{operator}/languages")
async def change_languages(
    request: Request, desk: DeskDep, hub: HubDep, signed_in: SupervisorDep, operator: OperatorId
) -> Response:
    """Change an operator's languages from now on; without any, those of the list of operators apply again."""
    form = await request.form()
    levels = {code: str(form.get(f"level-{code}", "0")) for code in hub.picture.site.languages}
    first = str(form.get("first", ""))
    spoken = {code: int(level) for code, level in levels.items() if level in ("1", "2", "3", "4", "5")}
    ordered = {code: spoken[code] for code in sorted(spoken, key=lambda code: code != first)}
    await _ask(desk, signed_in, "PUT", f"/operators/{operator}/languages", {"languages": ordered or None})
    return _done()


@router.post("/supervise/help/{operator}/settle")
async def settle_help(desk: DeskDep, signed_in: SupervisorDep, operator: OperatorId) -> Response:
    """Note that an operator has had the help that they asked for."""
    try:
        await _ask(desk, signed_in, "DELETE", f"/operators/{operator}/help")
    except ControlError as error:
        if error.status != 409:  # another supervisor was faster
            raise
    return _done()


@router.get("/supervise/caller/{call}")
async def caller_form(request: Request, desk: DeskDep, hub: HubDep, signed_in: SupervisorDep, call: CallId) -> Response:
    """Show where a waiting caller can be moved."""
    waiting = next((row for row in hub.picture.queue if row.call == call), None)
    if waiting is None:
        raise DeskError(409, _REFUSALS["not_waiting"])
    people = [operator for operator in hub.picture.operators.values() if operator.state not in ("away", "unknown")]
    return desk.pages.respond(
        request,
        "supervise/caller_form.html",
        waiting=waiting,
        call=hub.picture.calls.get(call),
        people=people,
        topics=hub.picture.site.topics,
        site_languages=hub.picture.site.languages,
    )


@router.post("/supervise/caller/{call}/move")
async def move(
    desk: DeskDep,
    signed_in: SupervisorDep,
    call: CallId,
    to: Annotated[str, Form(max_length=60, pattern=r"^(front|language|topic|operator):[a-z0-9_]*$")],
) -> Response:
    """Move a waiting caller. `to`: such as `language:fr`, or `front:`."""
    kind, _, name = to.partition(":")
    await _ask(desk, signed_in, "POST", f"/calls/{call}/move", {kind: True if kind == "front" else name})
    return _done()


@router.get("/supervise/line")
async def line_form(request: Request, desk: DeskDep, signed_in: SupervisorDep) -> Response:
    """Show whether the line is open, what is announced, and what can be changed of both."""
    return await _line(request, desk, signed_in)


@router.post("/supervise/line/hours")
async def force_hours(
    request: Request,
    desk: DeskDep,
    signed_in: SupervisorDep,
    force: Annotated[Literal["open", "closed", "auto"], Form()],
    why: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Force the line open or closed, or let its plan apply again."""
    await _ask(desk, signed_in, "POST", "/hours", {"force": force, "why": why})
    return await _line(request, desk, signed_in)


@router.post("/supervise/line/announcement")
async def announce(
    request: Request,
    desk: DeskDep,
    signed_in: SupervisorDep,
    text: Annotated[str, Form(max_length=100)] = "",
    why: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Play a text to every caller before anything else, or nothing."""
    await _ask(desk, signed_in, "PUT", "/announcement", {"text": text or None, "why": why})
    return await _line(request, desk, signed_in)


async def _line(request: Request, desk: Desk, signed_in: SignedIn) -> Response:
    who = signed_in.person.id
    hours = await desk.control.ask("GET", "/hours", who)
    announcement = await desk.control.ask("GET", "/announcement", who)
    return desk.pages.respond(request, "supervise/line.html", hours=hours, announcement=announcement)


async def _ask(desk: Desk, signed_in: SignedIn, method: str, path: str, body: object = None) -> Any:
    """Change something in this person's name. Raises DeskError for what a person can understand."""
    try:
        return await desk.control.ask(method, quote(path, safe="/"), signed_in.person.id, body)
    except ControlError as error:
        if error.code in _REFUSALS:
            raise DeskError(409, _REFUSALS[error.code]) from None
        raise


def _done() -> Response:
    return Response(status_code=204, headers={"HX-Trigger": "hatif:done"})
