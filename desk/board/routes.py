"""The wallboard of supervisors, and screens on walls that show it by a link."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Form, Path, Request, Response
from fastapi.responses import StreamingResponse

from db.engine import DatabaseError
from desk.board import walls
from desk.board.fragments import BOARD, NAMED_WALL, WALL
from desk.board.unsent import ALARM
from desk.board.walls import Wall, Walls
from desk.board.watch import Watch
from desk.context import Desk, DeskDep, part
from desk.control import ControlError
from desk.live.routes import STREAM_HEADERS, HubDep, stream
from desk.page import texts
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.qr import qr_svg
from desk.people.signed_in import SessionsDep, SupervisorDep, SupervisorStillThere, public

log = structlog.get_logger()

router = APIRouter()

_CLEARED = N_("This alarm is over already.")
_NO_WALL = N_("There is no such link; it may have been withdrawn already.")
_UNNAMED = N_("Write where the screen is.")

WatchDep = Annotated[Watch, part("watch")]
WallsDep = Annotated[Walls, part("walls")]
Token = Annotated[str, Path(max_length=100)]


@router.get("/board")
async def board(request: Request, desk: DeskDep, hub: HubDep, watch: WatchDep, signed_in: SupervisorDep) -> Response:
    """Show the wallboard."""
    await watch.refresh()
    parts = hub.current(desk.pages.language_of(request), view=BOARD)
    return desk.pages.respond(request, "board/board.html", parts=parts, now=desk.now().timestamp())


@router.get("/live/board", response_class=StreamingResponse)
async def live(
    request: Request, desk: DeskDep, hub: HubDep, sessions: SessionsDep, signed_in: SupervisorStillThere
) -> StreamingResponse:
    """Send the wallboard as it changes, as server-sent events, until the session ends."""
    return stream(request, desk, hub, sessions, signed_in, view=BOARD)


@router.post("/board/acknowledge")
async def acknowledge(
    desk: DeskDep, watch: WatchDep, signed_in: SupervisorDep, alarm: Annotated[str, Form(max_length=100)]
) -> Response:
    """Note that this person sees to an alarm."""
    if alarm == ALARM:
        if not watch.acknowledge_unsent(signed_in.person.name):
            raise DeskError(409, _CLEARED)
        return Response(status_code=204)
    path = f"/alarms/{quote(alarm, safe='')}/acknowledge"
    try:
        await desk.control.ask("POST", path, signed_in.person.id, {"name": signed_in.person.name})
    except ControlError as error:
        if error.status == 404:
            raise DeskError(409, _CLEARED) from None
        raise
    return Response(status_code=204)


@router.get("/board/walls")
async def list_walls(request: Request, desk: DeskDep, signed_in: SupervisorDep) -> Response:
    """Show the links for screens on walls."""
    return await _walls_page(request, desk)


@router.post("/board/walls")
async def make_wall(
    request: Request,
    desk: DeskDep,
    signed_in: SupervisorDep,
    name: Annotated[str, Form(max_length=60)] = "",
    language: Annotated[str, Form(max_length=10)] = "",
    names: Annotated[bool, Form()] = False,
) -> Response:
    """Make a link for a screen on a wall; it is shown once."""
    if not name.strip() or not name.isprintable():
        return await _walls_page(request, desk, status=422, error=_UNNAMED)
    chosen = language if language in texts.LANGUAGES else None
    token = await walls.make(desk.engine, name.strip(), signed_in.person.id, desk.now(), names=names, language=chosen)
    log.info("a link for a screen on a wall made", name=name.strip(), by=signed_in.person.id)
    url = f"{desk.settings.url}/wall/{token}"
    return await _walls_page(request, desk, made={"name": name.strip(), "url": url, "picture": qr_svg(url)})


@router.post("/board/walls/{wall}/withdraw")
async def withdraw_wall(
    request: Request, desk: DeskDep, known: WallsDep, signed_in: SupervisorDep, wall: UUID
) -> Response:
    """Withdraw a link: its screens show nothing any more."""
    if not await walls.withdraw(desk.engine, wall, desk.now()):
        raise DeskError(404, _NO_WALL)
    known.forget()
    log.info("a link for a screen on a wall withdrawn", wall=str(wall), by=signed_in.person.id)
    return await _walls_page(request, desk)


@router.get("/wall/{token}", dependencies=[Depends(public)])
async def wall_page(
    request: Request, desk: DeskDep, hub: HubDep, watch: WatchDep, known: WallsDep, token: Token
) -> Response:
    """Show the wallboard on a screen that has the link, without anybody's sign-in."""
    wall = await known.find(token, desk.now())
    if wall is None:
        return desk.pages.respond(request, "board/gone.html", 410)
    request.state.language = wall.language
    await watch.refresh()
    parts = hub.current(desk.pages.language_of(request), view=_view(wall))
    return desk.pages.respond(
        request, "board/wall.html", parts=parts, now=desk.now().timestamp(), names=wall.names, token=token
    )


@router.get("/wall/{token}/live", dependencies=[Depends(public)], response_class=StreamingResponse)
async def wall_live(request: Request, desk: DeskDep, hub: HubDep, known: WallsDep, token: Token) -> Response:
    """Send the wallboard as it changes, until the link is withdrawn."""
    wall = await known.find(token, desk.now())
    if wall is None:
        return Response(status_code=410)
    request.state.language = wall.language
    frames = hub.follow(desk.pages.language_of(request), "", desk.now, view=_view(wall))
    going_on = _while_valid(frames, known, token, desk.now)
    return StreamingResponse(going_on, headers=STREAM_HEADERS, media_type="text/event-stream")


def _view(wall: Wall) -> str:
    return NAMED_WALL if wall.names else WALL


async def _while_valid(
    frames: AsyncGenerator[bytes], known: Walls, token: str, now: Callable[[], datetime]
) -> AsyncGenerator[bytes]:
    try:
        async for frame in frames:
            try:
                if await known.find(token, now()) is None:
                    return  # the screen asks again, and is told
            except DatabaseError:
                pass  # it was valid a moment ago
            yield frame
    finally:
        await frames.aclose()


async def _walls_page(
    request: Request,
    desk: Desk,
    *,
    status: int = 200,
    error: str | None = None,
    made: dict[str, object] | None = None,
) -> Response:
    found = await walls.list_walls(desk.engine)
    return desk.pages.respond(request, "board/walls.html", status, walls=found, error=error, made=made)
