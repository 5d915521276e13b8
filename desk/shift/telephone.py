"""The desk's side of the telephone in an operator's page: its password and its texts.

The telephone itself (`desk/telephone`) talks with Asterisk; calls do not pass here.
"""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from desk.context import Desk, DeskDep, part
from desk.control import ControlError
from desk.live.picture import Picture
from desk.page.texts import N_, Language
from desk.people.signed_in import OperatorStillThere
from desk.people.telephone_sessions import TelephoneSessions
from wire.live import OperatorStatus

router = APIRouter(prefix="/telephone")

TelephoneSessionsDep = Annotated[TelephoneSessions, part("telephone_sessions")]

SHORTEST_S, LONGEST_S = 60, 24 * 3600
"""How long a password may last."""

TEXTS = {
    "microphone_denied": N_(
        "The browser does not let this page use the microphone. Allow it beside the page's address, then start your "
        "shift again."
    ),
    "microphone_missing": N_(
        "There is no microphone. Connect a headset; the telephone uses it as soon as it is there."
    ),
    "microphone_lost": N_(
        "The microphone is gone. Connect it again or choose another one; until then nobody hears you."
    ),
    "insecure": N_(
        "The browser gives no microphone to this address. Open the desk by https, or on this machine by localhost."
    ),
    "sound_blocked": N_("The browser blocks sound. Click anywhere in the page."),
    "network": N_("The line cannot be reached. The telephone tries again by itself."),
    "refused": N_("The line does not accept this telephone. Sign in again."),
    "elsewhere": N_("This telephone is open on another computer. Start your shift here to take it over."),
    "taken": N_("Another computer has taken over this telephone."),
    "signed_out": N_("You are signed out. Sign in again to use the telephone."),
    "bad_audio": N_("The sound is bad: packets are lost on the way. Use a cable instead of wireless if you can."),
    "incoming": N_("Incoming call"),
    "device_microphone": N_("Microphone"),
    "device_speaker": N_("Loudspeaker"),
    "device_ringer": N_("Ringing"),
    "device_default": N_("The system's own"),
    "level": N_("Level of the microphone"),
    "try_ringer": N_("Ring"),
    "echo_test": N_("Test the sound"),
    "echo_stop": N_("End the test"),
}
"""The sentences of the telephone, by the names that its scripts use."""


def page_values(
    desk: Desk, language: Language, picture: Picture, operator: str | None, begins: Literal["ready", "away"]
) -> dict[str, Any]:
    """Return what a page with the telephone shows (`shift/telephone.html`).

    Args:
        operator: None without a telephone.
        begins: The state of somebody off shift who starts the telephone.
    """
    state = picture.state_of(picture.operator(operator)) if operator is not None else OperatorStatus.AWAY
    return {
        "operator": operator,
        "begins": begins,
        "on_shift": state not in (OperatorStatus.AWAY, OperatorStatus.UNKNOWN),
        "telephone_port": desk.settings.telephone_port,
        "telephone_url": desk.settings.telephone_url,
        "telephone_texts": {name: language.text(text) for name, text in TEXTS.items()},
    }


class CredentialRequest(BaseModel):
    """The telephone's request for its password. `take`: take the telephone away from another computer."""

    model_config = ConfigDict(extra="forbid")

    take: bool = False


class AudioReport(BaseModel):
    """The telephone's figures of a call with bad audio."""

    model_config = ConfigDict(extra="forbid")

    call: str = Field(max_length=40, pattern=r"^[0-9a-f-]+$")
    loss: float = Field(ge=0, le=1)
    jitter: float = Field(ge=0, le=60)
    delay: float = Field(ge=0, le=60)


@router.post("/audio")
async def audio(desk: DeskDep, signed_in: OperatorStillThere, heard: AudioReport) -> Response:
    """Record bad audio with its call."""
    body = {
        "operator": signed_in.operator,
        "loss": heard.loss,
        "jitter_s": heard.jitter,
        "delay_s": heard.delay,
    }
    await desk.control.ask("POST", f"/calls/{heard.call}/audio", signed_in.person.id, body)
    return Response(status_code=204)


@router.post("/credential")
async def credential(
    desk: DeskDep, sessions: TelephoneSessionsDep, signed_in: OperatorStillThere, asked: CredentialRequest
) -> Response:
    """Return the password and the ticket of this sign-in's telephone; 409 if another computer has the telephone."""
    session = signed_in.session
    left_s = int((session.expires - desk.now()).total_seconds())
    body: dict[str, Any] = {
        "holder": signed_in.mark,
        "lasts_s": min(max(left_s, SHORTEST_S), LONGEST_S),
        "take": asked.take,
    }
    path = f"/operators/{quote(signed_in.operator, safe='')}/web_telephone"
    try:
        given = await desk.control.ask("POST", path, signed_in.person.id, body)
    except ControlError as error:
        return JSONResponse({"code": error.code}, error.status, {"Cache-Control": "no-store"})
    ticket = await sessions.ticket(signed_in, given["endpoint"], desk.now())
    return JSONResponse({**given, "ticket": ticket}, headers={"Cache-Control": "no-store"})
