"""The list of operators as a file: sent, brought in, and compared before it becomes a change."""

from typing import Annotated

from fastapi import APIRouter, Form, Response, UploadFile

from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.site import absences, operators, table
from desk.site.changing import RefusedError, Room
from desk.site.operator_routes import operators_of, roster_of, sound_list
from desk.site.operators import COLUMNS, FILE, Comparison
from desk.site.routes import RoomDep
from desk.site.site_toml import Edit
from reports.sheet import to_csv

router = APIRouter(prefix="/site/operators")

MOST = 1900
"""Rows of one change; the control API takes 2,000 edits."""
LARGEST = 200_000
"""Characters of a list; the desk's door takes twice as many bytes."""

_NOT_TEXT = N_("This file is not UTF-8 text; save it as CSV in UTF-8.")
_NO_FILE = N_("Choose a file, or paste the list.")
_TOO_MANY = N_("The list changes more than %(most)s operators at once; bring it in in parts.")
_MEANWHILE = N_("Somebody has changed the list of operators since the comparison; look at it again.")

Content = Annotated[str, Form(max_length=LARGEST)]


@router.get("/file")
async def file(room: RoomDep) -> Response:
    """Send the list for spreadsheets. No cell is a formula."""
    try:
        found, _ = await operators_of(room)
    except RefusedError as error:
        raise DeskError(503, "%(why)s", why=str(error)) from None
    rows = [{"id": row.id, **row.cells} for row in found.operators.values()]
    headers = {"Content-Disposition": 'attachment; filename="operators.csv"', "Cache-Control": "no-store"}
    return Response(to_csv(COLUMNS, rows, bom=True), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/import")
async def import_page(room: RoomDep) -> Response:
    """Ask for a list."""
    return room.page("import.html", content="", comparison=None, problems=[], problem="", mark="")


@router.post("/import")
async def compare(room: RoomDep, sheet: UploadFile | None = None, content: Content = "") -> Response:
    """Compare a list with that of the site; nothing is changed."""
    if sheet is not None and sheet.filename:
        try:
            content = (await sheet.read()).decode("utf-8-sig")
        except UnicodeDecodeError:
            return _refused(room, content, room.text(_NOT_TEXT))
    if not content.strip():
        return _refused(room, content, room.text(_NO_FILE))
    return await _preview(room, content)


@router.post("/import/make")
async def make(room: RoomDep, content: Content = "", mark: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Make the change that brings the list into use."""
    try:
        present, saved = await sound_list(room)
        new = operators.read(content, room.desk.settings.languages, is_new=True)
        if new.problems:
            return await _preview(room, content)
        if saved.mark != mark:
            return await _preview(room, content, room.text(_MEANWHILE))
        comparison = operators.compare(present.operators, new.operators)
        edits = await _edits(room, comparison)
        if len(edits) > MOST:
            return await _preview(room, content, room.text(_TOO_MANY, most=MOST))
        counts = f"{len(comparison.added)} added, {len(comparison.changed)} changed, {len(comparison.removed)} removed"
        return await room.make(f"The list of operators is brought in: {counts}", edits, "/site/operators/import")
    except (RefusedError, table.TableError) as error:
        return _refused(room, content, str(error))


async def _edits(room: Room, comparison: Comparison) -> list[Edit]:
    wanted = [*comparison.added, *(new for _, new in comparison.changed)]
    edits: list[Edit] = [{"kind": "row", "file": FILE, "row": row.id, "cells": row.cells} for row in wanted]
    edits += [{"kind": "row", "file": FILE, "row": row.id, "cells": None} for row in comparison.removed]
    roster = await roster_of(room) if comparison.removed else None
    if roster is not None:
        edits += absences.without_operators(roster.text, [row.id for row in comparison.removed])
    return edits


async def _preview(room: Room, content: str, problem: str = "") -> Response:
    try:
        present, saved = await sound_list(room)
    except RefusedError as error:
        return _refused(room, content, str(error))
    new = operators.read(content, room.desk.settings.languages, is_new=True)
    comparison = operators.compare(present.operators, new.operators) if not new.problems else None
    problems = [(line, room.text(text, **values)) for line, (text, values) in new.problems]
    status = 422 if problems or problem else 200
    return room.page(
        "import.html", status, content=content, comparison=comparison, problems=problems, problem=problem,
        mark=saved.mark,
    )  # fmt: skip


def _refused(room: Room, content: str, problem: str) -> Response:
    return room.page("import.html", 422, content=content, comparison=None, problems=[], problem=problem, mark="")
