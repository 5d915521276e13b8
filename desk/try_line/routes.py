"""The page *Try the line*: a telephone for one call at a time, the live place of that call, and the flow's picture."""

import json
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from desk.context import DeskDep, part
from desk.control import ControlError
from desk.flow_pictures import FlowPictures
from desk.live.hub import HEARTBEAT, Hub
from desk.live.picture import Picture
from desk.live.routes import STREAM_HEADERS, while_signed_in
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import SessionsDep, SignedIn, VisitorDep, VisitorStillThere
from desk.people.telephone_sessions import TelephoneSessions
from desk.try_line.training import TRAINING_TEXTS, check_offered, scripts_of, training

router = APIRouter(prefix="/try")

LASTS_S = 900
"""How long a password is valid; the page asks for one before each call."""

TEXTS = {
    "idle": N_("Choose a number, then call it."),
    "connecting": N_("Connecting …"),
    "calling": N_("Calling …"),
    "talking": N_("You are in the line. Press the keys as on a telephone."),
    "ended": N_("The call has ended."),
    "busy": N_("The line has no room for this call at the moment. Try again later."),
    "failed": N_("The line did not take the call."),
    "all_in_use": N_(
        "Others are trying the line at the moment, and there are no more telephones. Try again in some minutes."
    ),
    "network": N_("The line cannot be reached. Try again in a moment."),
    "signed_out": N_("You are signed out. Sign in again."),
    "silent": N_("There is no microphone, or this page may not use it: you hear the line, and it does not hear you."),
    "sound_blocked": N_("The browser blocks sound. Click anywhere in the page."),
}
"""The sentences of the page's script, by the names that it uses."""

HubDep = Annotated[Hub, part("hub")]
PicturesDep = Annotated[FlowPictures, part("flow_pictures")]
TelephonesDep = Annotated[dict[str, str], part("try_telephones")]
TelephoneSessionsDep = Annotated[TelephoneSessions, part("telephone_sessions")]


@router.get("")
async def page(request: Request, desk: DeskDep, signed_in: VisitorDep) -> Response:
    """Return the page."""
    check_offered(desk)
    try:
        site = await desk.control.ask("GET", "/site", signed_in.person.id)
        hours = await desk.control.ask("GET", "/hours", signed_in.person.id)
    except ControlError:
        raise DeskError(503, N_("The line cannot be reached. Try again in a moment.")) from None
    language = desk.pages.language_of(request)
    shown = language.code if language.code in site["languages"] else site["languages"][0]
    telephone = {"port": desk.settings.telephone_port, "url": desk.settings.telephone_url}
    texts = {name: language.text(sentence) for name, sentence in (TEXTS | TRAINING_TEXTS).items()}
    return desk.pages.respond(
        request,
        "try_line/try.html",
        numbers=_by_country(site["numbers"]),
        shown=shown,
        closed=hours.get("open") is False,
        telephone=telephone,
        texts=texts,
        now=desk.now().timestamp(),
        scripts=await scripts_of(desk, signed_in, language.code) if signed_in.person.operator is not None else (),
    )


@router.post("/telephone")
async def telephone(
    desk: DeskDep, telephones: TelephonesDep, tickets: TelephoneSessionsDep, signed_in: VisitorStillThere
) -> Response:
    """Return the password of a telephone for this sign-in's next call."""
    check_offered(desk)
    body = {"holder": signed_in.mark, "lasts_s": LASTS_S}
    try:
        given = await desk.control.ask("POST", "/try/telephone", signed_in.person.id, body)
    except ControlError as error:
        return JSONResponse({"code": error.code}, error.status, {"Cache-Control": "no-store"})
    telephones[signed_in.mark] = given["endpoint"]
    ticket = await tickets.ticket(signed_in, given["endpoint"], desk.now())
    return JSONResponse({**given, "ticket": ticket}, headers={"Cache-Control": "no-store"})


@router.post("/leave")
async def leave(desk: DeskDep, telephones: TelephonesDep, signed_in: VisitorDep) -> Response:
    """End this sign-in's telephone: the page is closed."""
    check_offered(desk)
    telephones.pop(signed_in.mark, None)
    await desk.control.ask("DELETE", f"/try/telephone?holder={signed_in.mark}", signed_in.person.id)
    return Response(status_code=204)


@router.get("/live", response_class=StreamingResponse)
async def live(
    desk: DeskDep, hub: HubDep, telephones: TelephonesDep, sessions: SessionsDep, signed_in: VisitorStillThere
) -> StreamingResponse:
    """Send where this sign-in's call is, as server-sent events: `call` with a JSON document, or null without a call.

    `training`: the same about the operator, if the person is one. All tabs of a browser share one stream.
    """
    check_offered(desk)
    frames = _news(hub, telephones, signed_in, desk.now)
    going_on = while_signed_in(frames, sessions, signed_in, desk.now)
    return StreamingResponse(going_on, headers=STREAM_HEADERS, media_type="text/event-stream")


async def _news(
    hub: Hub, telephones: dict[str, str], signed_in: SignedIn, now: Callable[[], datetime]
) -> AsyncGenerator[bytes]:
    operator, mark = signed_in.person.operator, signed_in.mark
    watching = hub.watch(lambda picture: (_place(picture, telephones.get(mark), operator), training(picture, operator)))
    try:
        yield f"event: now\ndata: {now().timestamp():.3f}\n\n".encode()
        async for news in watching:
            if news is None:
                yield HEARTBEAT
                continue
            for event, found in zip(("call", "training"), news, strict=True):
                yield f"event: {event}\ndata: {json.dumps(found)}\n\n".encode()
    finally:
        await watching.aclose()


def _place(picture: Picture, telephone: str | None, operator: str | None) -> dict[str, Any] | None:
    """Return where the call of a telephone is, or that of the scripted caller who trains an operator."""
    trying = [call for call in picture.calls.values() if telephone is not None and call.try_telephone == telephone]
    trained = [call for call in picture.calls.values() if operator is not None and call.training == operator]
    if not trying and not trained:
        return None
    call = (trying or trained)[-1]
    return {"id": call.id, "node": call.node, "language": call.language, "state": call.state}


@router.get("/picture")
async def picture(
    desk: DeskDep, pictures: PicturesDep, signed_in: VisitorDep, language: Annotated[str, Query(pattern="^[a-z]{2,3}$")]
) -> Response:
    """Return the flow's picture, with texts in a language of the site."""
    check_offered(desk)
    try:
        found = await pictures.in_language(language, desk.now())
    except ControlError:
        raise DeskError(503, N_("The line cannot be reached. Try again in a moment.")) from None
    return Response(found.svg, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def _by_country(numbers: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    """Return countries with their numbers; those that several countries share come last."""
    rows = [(row["country"], str(row["number"])) for row in numbers]
    return sorted(rows, key=lambda row: row[0] is None)
