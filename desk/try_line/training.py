"""Training on the page *Try the line*: an operator is called by a scripted caller of the site."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Response

from desk.context import Desk, DeskDep
from desk.control import ControlError
from desk.live.picture import Picture
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep, SignedIn

router = APIRouter(prefix="/try/training")

TRAINING_TEXTS = {
    "training_calling": N_("The caller is on their way through the line."),
    "training_ringing": N_("Your telephone rings: take the call as you would any other."),
    "training_talking": N_("You talk with the scripted caller."),
    "training_paused": N_("You are in training: callers go to your colleagues. Make yourself ready when you are done."),
    "training_none": N_("You are not in training."),
}
"""Sentences about an operator in training, by the names that the page's script uses."""

_REFUSED = {
    "busy": N_("You are in a call. Try again afterwards."),
    "already": N_("A scripted caller calls you already."),
    "no_telephone": N_("Your telephone is not there. Open your page of calls, or switch your telephone on."),
    "no_audio": N_("What this caller says has no audio yet. Ask your administrator for `hatif prompts build`."),
    "all_in_use": N_("Others are in training at the moment. Try again in some minutes."),
}
_GONE = N_("There is no such caller any more.")


@dataclass(frozen=True, slots=True)
class ScriptedCaller:
    """A scripted caller as the page offers them."""

    name: str
    title: str
    language: str
    country: str


def check_offered(desk: Desk) -> None:
    """Raise DeskError if the site has no page to try the line."""
    if not desk.settings.has_try:
        raise DeskError(404, N_("On this line there is nothing to try: its site does not offer it."))


async def scripts_of(desk: Desk, signed_in: SignedIn, language: str) -> tuple[ScriptedCaller, ...]:
    """Return the scripted callers of the site, with titles in the page's language or another. Raises ControlError."""
    found = await desk.control.ask("GET", "/training", signed_in.person.id)
    return tuple(
        ScriptedCaller(
            row["name"],
            row["title"].get(language) or row["title"].get("en") or next(iter(row["title"].values())),
            row["language"],
            row["country"],
        )
        for row in found["scripts"]
    )


def training(picture: Picture, operator: str | None) -> dict[str, Any] | None:
    """Return how far the training of an operator is; None for somebody who is not an operator."""
    known = picture.operators.get(operator) if operator is not None else None
    if known is None:
        return None
    if any(call.training == known.id for call in picture.calls.values()):
        stage = {"offered": "ringing", "talking": "talking"}.get(known.state if known.training else "", "calling")
    else:
        stage = "paused" if (known.state, known.reason) == ("paused", "training") or known.training else "none"
    return {"stage": stage}


@router.post("")
async def begin(
    desk: DeskDep, signed_in: OperatorDep, script: Annotated[str, Form(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
) -> Response:
    """Have a scripted caller call this operator."""
    check_offered(desk)
    try:
        await desk.control.ask("POST", _own(signed_in, "training"), signed_in.person.id, {"script": script})
    except ControlError as error:
        if error.code in _REFUSED:
            raise DeskError(409, _REFUSED[error.code]) from None
        if error.status == 404:
            raise DeskError(409, _GONE) from None
        raise
    return Response(status_code=204)


@router.post("/end")
async def end(desk: DeskDep, signed_in: OperatorDep) -> Response:
    """Have the scripted caller hang up; they may have done so already."""
    check_offered(desk)
    try:
        await desk.control.ask("DELETE", _own(signed_in, "training"), signed_in.person.id)
    except ControlError as error:
        if error.status != 404:
            raise
    return Response(status_code=204)


@router.post("/ready")
async def ready(desk: DeskDep, signed_in: OperatorDep) -> Response:
    """End the training: callers are offered to this operator again."""
    check_offered(desk)
    await desk.control.ask("POST", _own(signed_in, "state"), signed_in.person.id, {"state": "ready"})
    return Response(status_code=204)


def _own(signed_in: SignedIn, what: str) -> str:
    return f"/operators/{quote(signed_in.person.operator or '', safe='')}/{what}"
