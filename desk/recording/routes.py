"""Recorded conversations and their scores. All of them have the caller's consent: there is no recording without it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path as FilePath
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from db import recordings
from db.engine import DatabaseError
from db.recording_data import RecordedCall, Sheet
from db.rows import NotFoundError
from desk.context import Desk, DeskDep, part
from desk.control import note_changed
from desk.live.hub import Hub
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.people.listening import Listening
from desk.people.signed_in import OperatorDep, SupervisorDep
from desk.reading.reader import ReaderDep
from office import recordings as office

router = APIRouter()

DAYS = 7
"""How many days the list has, until the one that is asked for."""

SCORES_DAYS, SCORES_MOST = 90, 10
"""The days of which operators see their own scores, and how many of them."""

_FILE = re.compile(r"recordings/[0-9A-Za-z._-]{1,80}\.wav")

_NO_RECORDING = N_("There is no such recording.")
_NO_SOUND = N_("The sound of this conversation is not there any more.")
_NOT_SCORED = N_("Score at least one of them.")

ListeningDep = Annotated[Listening, part("listening")]


@dataclass(frozen=True, slots=True)
class _Listed:
    row: RecordedCall
    average: float | None
    sheets: int


@router.get("/recordings")
async def list_recordings(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    signed_in: SupervisorDep,
    until: Annotated[date | None, Query()] = None,
    operator: Annotated[str, Query(max_length=20, pattern=r"^[0-9]*$")] = "",
) -> Response:
    """List the recordings of a week."""
    zone = ZoneInfo(desk.settings.timezone)
    last = until if until is not None and 2000 <= until.year <= 2099 else desk.now().astimezone(zone).date()
    ends = datetime.combine(last + timedelta(days=1), time(), zone)
    found = await recordings.list_recordings(desk.engine, ends - timedelta(days=DAYS), ends, operator or None)
    sheets = await recordings.sheets_of(desk.engine, [row.id for row in found])
    return desk.pages.respond(
        request,
        "recording/recordings.html",
        rows=[_listed(row, sheets.get(row.id, ())) for row in found],
        most=recordings.MOST,
        names=_names(hub),
        until=last,
        operator=operator,
    )


@router.get("/recordings/{recording}")
async def show(
    request: Request, desk: DeskDep, hub: HubDep, reader: ReaderDep, signed_in: SupervisorDep, recording: UUID
) -> Response:
    """Show one recording, to be heard and scored, once they have said why."""
    found = await _find(desk, recording)
    await reader.why_of(signed_in, f"recording:{found.id}")
    return await _page(request, desk, hub, signed_in, found)


@router.get("/recordings/{recording}/audio")
async def audio(
    request: Request,
    desk: DeskDep,
    listening: ListeningDep,
    reader: ReaderDep,
    signed_in: SupervisorDep,
    recording: UUID,
) -> Response:
    """Send the sound of a conversation, or the part that the browser asks for. That somebody listens is recorded."""
    found = await _find(desk, recording)
    path = _path(desk, found)
    if path is None:
        raise DeskError(404, _NO_SOUND)
    if not listening.goes_on(signed_in.mark, recording, request.headers.get("range", ""), desk.now()):
        await office.hear(desk.office, signed_in.actor, found, reader.recording(signed_in, recording))
    listening.note(signed_in.mark, recording, desk.now())
    return FileResponse(path, media_type="audio/wav", headers={"Cache-Control": "private, no-store"})


@router.post("/recordings/{recording}/scores")
async def score(request: Request, desk: DeskDep, hub: HubDep, signed_in: SupervisorDep, recording: UUID) -> Response:
    """Keep how this person scores a conversation."""
    found, form = await _find(desk, recording), await request.form()
    scores = {
        name: int(str(value))
        for name in hub.picture.site.scoring
        if str(value := form.get(f"score-{name}", "")) in ("1", "2", "3", "4", "5")
    }
    if not scores:
        raise DeskError(409, _NOT_SCORED)
    remark = str(form.get("remark", ""))[: office.LONGEST_REMARK].strip()
    await office.score(desk.office, signed_in.actor, found, scores, remark, hub.picture.site.scoring)
    note_changed()
    return await _page(request, desk, hub, signed_in, found)


@router.get("/scores")
async def own_scores(request: Request, desk: DeskDep, hub: HubDep, signed_in: OperatorDep) -> Response:
    """Show an operator how their conversations were scored."""
    since = desk.now() - timedelta(days=SCORES_DAYS)
    try:
        found = await recordings.sheets_of_operator(desk.engine, signed_in.operator, since, SCORES_MOST)
    except DatabaseError:
        return Response(status_code=204)  # the page asks by itself
    criteria = _criteria(hub, desk.pages.language_of(request).code)
    return desk.pages.respond(request, "recording/own.html", sheets=found, criteria=criteria)


async def _page(request: Request, desk: Desk, hub: Hub, signed_in: SupervisorDep, found: RecordedCall) -> Response:
    sheets = (await recordings.sheets_of(desk.engine, [found.id])).get(found.id, ())
    me = signed_in.actor.id
    own = next((sheet for sheet in sheets if sheet.by == me), None)
    listed = _listed(found, sheets)
    return desk.pages.respond(
        request,
        "recording/recording.html",
        row=found,
        own=own,
        others=[sheet for sheet in sheets if sheet.by != me],
        average=listed.average,
        sheets=listed.sheets,
        criteria=_criteria(hub, desk.pages.language_of(request).code),
        names=_names(hub),
        has_sound=_path(desk, found) is not None,
        saved=request.method == "POST",
    )


async def _find(desk: Desk, recording: UUID) -> RecordedCall:
    try:
        return await recordings.find(desk.engine, recording)
    except NotFoundError:
        raise DeskError(404, _NO_RECORDING) from None


def _path(desk: Desk, recording: RecordedCall) -> FilePath | None:
    """Return the file of a recording; None if it is gone, or no file of a recording."""
    if desk.settings.home is None or recording.erased is not None or not _FILE.fullmatch(recording.file):
        return None
    path = desk.settings.home / recording.file
    return path if path.is_file() and not path.is_symlink() else None


def _listed(row: RecordedCall, sheets: Sequence[Sheet]) -> _Listed:
    averages = [sheet.average for sheet in sheets if sheet.average is not None]
    return _Listed(row, sum(averages) / len(averages) if averages else None, len(sheets))


def _names(hub: Hub) -> Mapping[str, str]:
    return {operator.id: operator.name for operator in hub.picture.operators.values()}


def _criteria(hub: Hub, language: str) -> Mapping[str, str]:
    """Return the names of the criteria in a language, else in English, else as they are written in the site."""
    return {
        name: words.get(language) or words.get("en") or name.replace("_", " ").capitalize()
        for name, words in hub.picture.site.scoring.items()
    }
