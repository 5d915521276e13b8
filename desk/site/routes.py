"""The changes of the site's files that were made from pages: looked at, released, taken back."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Response
from fastapi.responses import RedirectResponse

from desk.control import ControllerAwayError
from desk.page.texts import N_
from desk.people.names import names_by_actor
from desk.people.signed_in import AdministratorDep
from desk.site.changing import RefusedError, Room
from desk.site.tabs import TABS

router = APIRouter(prefix="/site")

LATEST = 200

RoomDep = Annotated[Room, Depends()]
Back = Annotated[str, Query(max_length=8000)]
BackForm = Annotated[str, Form(max_length=8000)]

_AWAY = N_("The line does not answer at this moment.")


@router.get("")
async def site(_administrator: AdministratorDep) -> Response:
    """Lead to the first of the administrator's pages."""
    return RedirectResponse(TABS[0].path, 303)


@router.get("/changes")
async def changes(room: RoomDep) -> Response:
    """List the latest changes."""
    try:
        found, problem = await room.ask("GET", f"/site/changes?last={LATEST}"), ""
    except RefusedError as error:
        found, problem = [], str(error)
    return room.page("changes.html", changes=found, names=await names_by_actor(room.desk.engine), problem=problem)


@router.get("/changes/{change}")
async def change(room: RoomDep, change: UUID, back: Back = "") -> Response:
    """Show a change: its state, what the check finds, and the difference."""
    return await _page(room, change, back)


@router.post("/changes/{change}/release")
async def release(room: RoomDep, change: UUID, back: BackForm = "") -> Response:
    """Put the files of a change in place."""
    return await _act(room, change, back, "POST", "/release", {"name": room.person.name})


@router.post("/changes/{change}/check")
async def check(room: RoomDep, change: UUID, back: BackForm = "") -> Response:
    """Make a change again from the files as they are now, and check it."""
    return await _act(room, change, back, "POST", "/check")


@router.post("/changes/{change}/discard")
async def discard(room: RoomDep, change: UUID, back: BackForm = "") -> Response:
    """Forget a change that is not released; what was typed for it is in its form again."""
    try:
        await room.ask("DELETE", f"/site/changes/{change}")
    except RefusedError as error:
        return await _page(room, change, back, str(error))
    return RedirectResponse(_safe(back) or "/site/changes", 303)


@router.post("/changes/{change}/take-back")
async def take_back(room: RoomDep, change: UUID) -> Response:
    """Take a released change back; the answer is the change that does it."""
    try:
        found = await room.ask("POST", f"/site/changes/{change}/take-back", {"name": room.person.name})
    except RefusedError as error:
        return await _page(room, change, "", str(error))
    return RedirectResponse(f"/site/changes/{found['id']}", 303)


async def _act(room: Room, change: UUID, back: str, method: str, act: str, body: object = None) -> Response:
    try:
        await room.ask(method, f"/site/changes/{change}{act}", body)
    except RefusedError as error:
        return await _page(room, change, back, str(error))
    back = _safe(back)
    asked = f"?{urlencode({'back': back})}" if back else ""
    return RedirectResponse(f"/site/changes/{change}{asked}", 303)


async def _page(room: Room, change: UUID, back: str, problem: str = "") -> Response:
    """Show a change. While the line restarts with new values, the page waits for it and asks again."""
    try:
        found: dict[str, Any] = await room.desk.control.ask("GET", f"/site/changes/{change}", room.person.id)
    except ControllerAwayError:
        return room.page("change_away.html", change=str(change), back=_safe(back), problem=room.text(_AWAY))
    effect = found.get("effect")
    is_moving = found["state"] == "checking" or (effect is not None and effect["state"] in ("waiting", "running"))
    return room.page(
        "change.html",
        409 if problem else 200,
        change=found,
        effect=effect,
        is_moving=is_moving,
        lines=difference_lines(found["difference"]),
        names=await names_by_actor(room.desk.engine),
        back=_safe(back),
        onward=_onward(_safe(back)),
        problem=problem,
        ours=[row for row in found["findings"] if row["code"].startswith("E_")],
        warnings=[row for row in found["findings"] if not row["code"].startswith("E_")],
    )


def difference_lines(text: str) -> list[tuple[str, str]]:
    """Return the lines of a unified difference, each with what it is: `file`, `part`, `added`, `removed`, `same`."""
    found: list[tuple[str, str]] = []
    former = ""
    for line in text.splitlines():
        if line.startswith("--- "):
            former = line[4:].removeprefix("a/")
        elif line.startswith("+++ "):
            found.append(("file", line[4:].removeprefix("b/") if line != "+++ /dev/null" else former))
        elif line.startswith("@@"):
            found.append(("part", line))
        else:
            found.append(({"+": "added", "-": "removed"}.get(line[:1], "same"), line))
    return found


def _onward(back: str) -> str:
    """Return where a form leads once its change is in use: a list, or the operator who was changed."""
    path = back.partition("?")[0]
    return path.rpartition("/")[0] if path.endswith(("/new", "/one", "/import")) else path


def _safe(back: str) -> str:
    """Return a path of this room, and anything else as nothing."""
    return back if back.startswith("/site/") and back.isprintable() and "\\" not in back else ""
