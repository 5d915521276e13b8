"""The event stream of a browser's pages."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from db.engine import DatabaseError
from desk.context import Desk, DeskDep, part
from desk.live.fragments import OPERATOR
from desk.live.hub import Hub
from desk.people.sessions import Sessions
from desk.people.signed_in import OperatorStillThere, SessionsDep, SignedIn

router = APIRouter(prefix="/live")

CHECK = timedelta(seconds=5)
"""How often a stream asks whether its session goes on."""


STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

HubDep = Annotated[Hub, part("hub")]


@router.get("/operator", response_class=StreamingResponse)
async def operator(
    request: Request, desk: DeskDep, hub: HubDep, sessions: SessionsDep, signed_in: OperatorStillThere
) -> StreamingResponse:
    """Send an operator's page as it changes, as server-sent events, until the session ends."""
    return stream(request, desk, hub, sessions, signed_in, OPERATOR)


def stream(
    request: Request, desk: Desk, hub: Hub, sessions: Sessions, signed_in: SignedIn, view: str
) -> StreamingResponse:
    """Return the stream of a view for somebody's page, which ends with their session."""
    frames = hub.follow(desk.pages.language_of(request), signed_in.person.operator or "", desk.now, view)
    going_on = while_signed_in(frames, sessions, signed_in, desk.now)
    return StreamingResponse(going_on, headers=STREAM_HEADERS, media_type="text/event-stream")


async def while_signed_in(
    frames: AsyncGenerator[bytes], sessions: Sessions, signed_in: SignedIn, now: Callable[[], datetime]
) -> AsyncGenerator[bytes]:
    """Yield the frames of somebody's stream until their session ends; following is no use of it."""
    checked, changes = now(), sessions.changes
    try:
        async for frame in frames:
            if not checked <= now() < checked + CHECK or changes != sessions.changes:
                checked, changes = now(), sessions.changes
                with contextlib.suppress(DatabaseError):
                    if await sessions.find(signed_in.token, now(), used=False) is None:
                        return  # the browser asks again, and is told
            yield frame
    finally:
        await frames.aclose()
