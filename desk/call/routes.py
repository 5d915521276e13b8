"""The operator's requests about their caller: those that the feature codes of a telephone make as well."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Response

from desk.context import Desk, DeskDep
from desk.control import ControlError
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep, SignedIn

router = APIRouter(prefix="/call")

_NO_CALL = N_("You have no caller at this moment.")
_ASKED = N_("No supervisor is free now. All of them have been asked for help; go on with your caller.")
_IN_TRAINING = N_("This is training: no supervisor is asked. Try it on your own, or end the call.")
_REFUSALS: Mapping[str | None, str] = {
    "not_now": N_("That is not possible at this moment."),
    "unknown": N_("There is nobody like that."),
    "yourself": N_("You have this caller already; choose somebody else."),
    "away": N_("None of them can take a call now."),
    "outside": N_("Callers can be handed on to operators only."),
    "too_often": N_("This caller was handed on too often already. Help them, or talk with a colleague first."),
}

Act = Literal["hold", "unhold", "complete", "cancel", "swap", "hang_up", "pause_recording", "resume_recording"]

_PATHS = {"pause_recording": "recording/pause", "resume_recording": "recording/resume"}

_NEED_OPERATOR = ("hang_up", *_PATHS)
"""Requests that name their operator, so that they never reach the next operator of the same call."""


@router.post("/act")
async def act(desk: DeskDep, hub: HubDep, signed_in: OperatorDep, what: Annotated[Act, Form(alias="act")]) -> Response:
    """Do what needs nobody else: hold or not; hand over to the colleague, let them go, change between both; hang up."""
    body = {"operator": signed_in.operator} if what in _NEED_OPERATOR else None
    await _ask(desk, hub, signed_in, _PATHS.get(what, what), body)
    return Response(status_code=204)


@router.post("/hand-on")
async def hand_on(
    desk: DeskDep,
    hub: HubDep,
    signed_in: OperatorDep,
    how: Annotated[Literal["transfer", "consult", "interpreter"], Form()],
    to: Annotated[str, Form(max_length=60, pattern=r"^(operator|language|topic|supervisor):[a-z0-9_]*$")],
) -> Response:
    """Hand the caller on, talk with somebody first, or add an interpreter. `to`: such as `operator:1003`."""
    kind, _, name = to.partition(":")
    try:
        await _ask(desk, hub, signed_in, how, {kind: True if kind == "supervisor" else name})
    except DeskError as refused:
        if kind != "supervisor" or refused.text != _REFUSALS["away"]:
            raise
        await _ask_supervisors(desk, signed_in, "")
        raise DeskError(409, _ASKED) from None
    return Response(status_code=204, headers={"HX-Trigger": "hatif:done"})


@router.post("/help")
async def ask_for_help(
    desk: DeskDep, signed_in: OperatorDep, why: Annotated[str, Form(max_length=300)] = ""
) -> Response:
    """Ask all supervisors for help, in a few words; their pages ring."""
    await _ask_supervisors(desk, signed_in, why.strip())
    return Response(status_code=204, headers={"HX-Trigger": "hatif:done"})


async def _ask_supervisors(desk: Desk, signed_in: SignedIn, why: str) -> None:
    path = f"/operators/{quote(signed_in.operator, safe='')}/help"
    try:
        await desk.control.ask("POST", path, signed_in.person.id, {"why": why})
    except ControlError as error:
        if error.code == "in_training":
            raise DeskError(409, _IN_TRAINING) from None
        raise


async def _ask(desk: Desk, hub: Hub, signed_in: SignedIn, what: str, body: Mapping[str, str | bool] | None) -> None:
    known = hub.picture.operators.get(signed_in.operator)
    if known is None or known.call is None or known.call.place is None:
        raise DeskError(409, _NO_CALL)
    try:
        path = f"/calls/{quote(known.call.id, safe='')}/{what}"
        await desk.control.ask("POST", path, signed_in.person.id, body)
    except ControlError as error:
        if error.status == 404 and error.code is None:
            raise DeskError(409, _NO_CALL) from None
        if error.code in _REFUSALS:
            raise DeskError(409, _REFUSALS[error.code]) from None
        raise
