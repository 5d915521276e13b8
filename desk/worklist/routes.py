"""The work that waits, oldest first, and taking it over."""

from datetime import datetime, timedelta
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import FileResponse

from db import messages
from desk.context import Desk, DeskDep
from desk.control import ControlError
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.signed_in import OperatorDep, SignedIn

router = APIRouter(prefix="/worklist")

KEPT = timedelta(seconds=10)
"""How long one count serves all pages."""

RequestId = Annotated[str, Path(pattern=r"^[0-9a-f-]{8,40}$")]

_TAKEN = N_("Somebody else has just taken that.")


class Counts:
    """How much work waits."""

    def __init__(self) -> None:
        self._count = 0
        self._read: datetime | None = None

    async def now(self, desk: Desk) -> int:
        """Return the number of messages and call-back requests that wait. Raises DatabaseError."""
        now = desk.now()
        if self._read is None or not self._read <= now < self._read + KEPT:
            pending = [row for row in await _callbacks(desk) if row["ended"] is None]
            self._count, self._read = await messages.count_unheard(desk.engine) + len(pending), now
        return self._count


async def counts_of(request: Request) -> Counts:
    """Return the counts of this desk."""
    counts: Counts = request.app.state.counts
    return counts


CountsDep = Annotated[Counts, Depends(counts_of)]


@router.get("/count")
async def count(request: Request, desk: DeskDep, counts: CountsDep, signed_in: OperatorDep) -> Response:
    """Show how much waits."""
    return desk.pages.respond(request, "worklist/count.html", count=await counts.now(desk))


@router.get("")
async def worklist(request: Request, desk: DeskDep, signed_in: OperatorDep) -> Response:
    """Show what waits."""
    return await _page(request, desk)


@router.post("/message/{message}")
async def take_message(request: Request, desk: DeskDep, signed_in: OperatorDep, message: UUID) -> Response:
    """Take a message, to listen to it."""
    taken = await _take(desk, signed_in, f"/messages/{message}/take")
    return desk.pages.respond(request, "worklist/message.html", message=taken)


@router.get("/message/{message}/audio")
async def audio(desk: DeskDep, signed_in: OperatorDep, message: UUID) -> Response:
    """Send the sound of a message to whoever has taken it."""
    found = await messages.find(desk.engine, message)
    if found is None or desk.settings.home is None:
        raise DeskError(404, N_("There is no such message."))
    if found.heard_by != signed_in.person.id:
        raise DeskError(403, N_("Take the message first."))
    home = desk.settings.home.resolve()
    path = (home / FilePath(found.file)).resolve()
    if not path.is_relative_to(home / "messages") or not path.is_file():
        raise DeskError(404, N_("There is no such message."))
    return FileResponse(path, media_type="audio/wav", headers={"Cache-Control": "no-store"})


@router.post("/callback/{callback}")
async def take_callback(request: Request, desk: DeskDep, signed_in: OperatorDep, callback: RequestId) -> Response:
    """Take a call-back request over: the operator calls, and the line does not."""
    body = {"operator": signed_in.operator}
    await _take(desk, signed_in, f"/callbacks/{quote(callback, safe='')}/take", body)
    return await _page(request, desk)


@router.post("/guide/{asked}")
async def sent(request: Request, desk: DeskDep, signed_in: OperatorDep, asked: RequestId) -> Response:
    """Note that a procedure was sent."""
    await _take(desk, signed_in, f"/guide-requests/{quote(asked, safe='')}/end", {"outcome": "sent"})
    return await _page(request, desk)


async def _take(desk: Desk, signed_in: SignedIn, path: str, body: object = None) -> Any:
    try:
        return await desk.control.ask("POST", path, signed_in.person.id, body)
    except ControlError as error:
        if error.status in (404, 409):
            raise DeskError(409, _TAKEN) from None
        raise


async def _page(request: Request, desk: Desk) -> Response:
    pending = [row for row in await _callbacks(desk) if row["ended"] is None]
    asked = await desk.control.ask("GET", "/guide-requests", "desk")
    return desk.pages.respond(
        request,
        "worklist/worklist.html",
        messages=await messages.unheard(desk.engine),
        callbacks=sorted(pending, key=lambda row: row["wished"]),
        requests=asked,
    )


async def _callbacks(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await desk.control.ask("GET", "/callbacks?last=0", "desk")
    return found
