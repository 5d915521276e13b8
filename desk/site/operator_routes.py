"""The pages of the site's operators: the list, one operator, their absences, and a list that is brought in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Path, Query, Response

from desk.page.errors import DeskError
from desk.page.texts import N_, Problem
from desk.people import accounts
from desk.people.accounts import Person
from desk.site import absences, operators, table
from desk.site.absences import Absence
from desk.site.changing import RefusedError, Room, Saved, typed
from desk.site.operators import FILE, Listed, Operator, plain
from desk.site.routes import RoomDep
from desk.site.site_toml import Edit

router = APIRouter(prefix="/site/operators")

OperatorId = Annotated[str, Path(pattern=r"^[1-9][0-9]{2,7}$")]
Typed = Annotated[str, Form(max_length=500)]
Asked = Annotated[str | None, Query(max_length=500)]

_TAKEN = N_("There is an operator %(id)s already: %(name)s.")
_GONE = N_("There is no operator %(id)s in the list any more.")
_MEANWHILE = N_(
    "Somebody has changed this operator while you were typing: %(now)s. Check your changes, then send them."
)
_UNREADABLE = N_("The list of operators has mistakes; correct them in the file %(file)s, line %(line)s: %(what)s")
_DAYS = N_("The last day is before the first.")
_NO_DAYS = N_("Choose the first and the last day.")
_NO_ROSTER = N_("This site has no roster, so absences cannot be entered.")
_ABSENCE_GONE = N_("This absence is not in the roster any more.")


@dataclass(frozen=True, slots=True)
class Filled:
    """A form's content: a row's cells as they are or as they were typed, and the mistakes in them."""

    cells: Mapping[str, str]
    mark: str = ""
    errors: Mapping[str, str] | None = None
    problem: str = ""

    @property
    def levels(self) -> dict[str, int]:
        found = {}
        for word in self.cells["languages"].split():
            code, _, level = word.partition(":")
            if level in ("1", "2", "3", "4", "5"):
                found[code] = int(level)
        return found

    @property
    def topics(self) -> list[str]:
        return self.cells["topics"].split()


@router.get("")
async def listed(room: RoomDep, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """List the operators that are looked for."""
    try:
        read, _ = await operators_of(room)
        found, problem = read.operators, _mistake(room, read) if read.problems else ""
    except RefusedError as error:
        found, problem = {}, str(error)
    try:
        roster = (await room.file(absences.FILE)).text
    except RefusedError:
        roster = ""
    shown = [row for row in found.values() if operators.matches(row, q)]
    away = absences.away_on(roster, _today(room))
    return room.page("operators.html", operators=shown, total=len(found), q=q, problem=problem, away=away)


@router.get("/new")
async def new(
    room: RoomDep,
    identity: Annotated[str | None, Query(alias="id", max_length=40)] = None,
    name: Asked = None,
    languages: Asked = None,
    topics: Asked = None,
    supervisor: Asked = None,
) -> Response:
    """Show the form of a new operator; the arguments are what was typed already."""
    try:
        free = operators.next_id(await _operators(room))
    except RefusedError as error:
        return await _form(
            room, None, Filled(_cells(identity, name, languages, topics, supervisor), problem=str(error))
        )
    return await _form(room, None, Filled(_cells(identity or free, name, languages, topics, supervisor)))


@router.post("/new")
async def add(room: RoomDep) -> Response:
    """Make the change that adds an operator."""
    cells = await _typed_cells(room)
    try:
        present = await _operators(room)
        problems = operators.problems_of(cells, room.desk.settings.languages)
        if "id" not in problems and cells["id"] in present:
            problems["id"] = _TAKEN, {"id": cells["id"], "name": present[cells["id"]].name}
        if problems:
            return await _form(room, None, Filled(cells, errors=_said(room, problems)))
        operator = operators.operator_of(cells)
        edit = {"kind": "row", "file": FILE, "row": operator.id, "cells": operator.cells}
        title = f"Operator {operator.id} is added: {operator.name}"
        return await room.make(title, [edit], typed("/site/operators/new", cells))
    except RefusedError as error:
        return await _form(room, None, Filled(cells, problem=str(error)))


@router.get("/{operator}")
async def one(
    room: RoomDep,
    operator: OperatorId,
    name: Asked = None,
    languages: Asked = None,
    topics: Asked = None,
    supervisor: Asked = None,
) -> Response:
    """Show an operator; the arguments are what was typed already."""
    try:
        found = await find(room, operator)
    except RefusedError as error:
        return await _form(
            room, operator, Filled(_cells(operator, name, languages, topics, supervisor), problem=str(error))
        )
    cells = {"id": operator, **found.cells}
    if name is not None or languages is not None:
        cells = _cells(operator, name, languages, topics, supervisor)
    return await _form(room, operator, Filled(cells, found.mark))


@router.post("/{operator}")
async def change(room: RoomDep, operator: OperatorId, mark: Typed = "") -> Response:
    """Make the change of an operator's row. What somebody else has changed meanwhile is shown first."""
    cells = {**await _typed_cells(room), "id": operator}
    try:
        present = await find(room, operator)
        if mark != present.mark:
            now = ", ".join(filter(None, present.cells.values()))
            return await _form(room, operator, Filled(cells, present.mark, problem=room.text(_MEANWHILE, now=now)), 409)
        if problems := operators.problems_of(cells, room.desk.settings.languages):
            return await _form(room, operator, Filled(cells, present.mark, _said(room, problems)))
        wanted = operators.operator_of(cells).in_order_of(present)
        edit = {"kind": "row", "file": FILE, "row": operator, "cells": wanted.cells}
        back = typed(f"/site/operators/{operator}", {key: value for key, value in cells.items() if key != "id"})
        return await room.make(f"Operator {operator} is changed: {wanted.name}", [edit], back)
    except RefusedError as error:
        return await _form(room, operator, Filled(cells, mark, problem=str(error)))


@router.post("/{operator}/remove")
async def remove(room: RoomDep, operator: OperatorId) -> Response:
    """Make the change that takes an operator out of the list, and out of the roster."""
    try:
        found = await find(room, operator)
        edits: list[Edit] = [{"kind": "row", "file": FILE, "row": operator, "cells": None}]
        if (roster := await roster_of(room)) is not None:
            edits += absences.without_operators(roster.text, [operator])
        return await room.make(f"Operator {operator} is removed: {found.name}", edits, f"/site/operators/{operator}")
    except (RefusedError, table.TableError) as error:
        return await again(room, operator, str(error))


@router.post("/{operator}/absences")
async def add_absence(room: RoomDep, operator: OperatorId, first: Typed = "", last: Typed = "") -> Response:
    """Make the change that enters an absence of whole days."""
    try:
        days = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        return await again(room, operator, room.text(_NO_DAYS), first=first, last=last)
    if days[1] < days[0]:
        return await again(room, operator, room.text(_DAYS), first=first, last=last)
    try:
        await find(room, operator)
        if (roster := await roster_of(room)) is None:
            raise RefusedError(room.text(_NO_ROSTER))
        edit = absences.with_absence(roster.text, operator, *days)
        title = f"Operator {operator} is away from {days[0]} to {days[1]}"
        return await room.make(title, [edit], f"/site/operators/{operator}")
    except (RefusedError, table.TableError) as error:
        return await again(room, operator, str(error), first=first, last=last)


@router.post("/{operator}/absences/remove")
async def remove_absence(
    room: RoomDep, operator: OperatorId, key: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Make the change that takes an absence out of the roster; that of others in the same line stays."""
    try:
        roster = await roster_of(room)
        edits = absences.without_absence(roster.text, operator, key) if roster is not None else []
        if not edits:
            raise RefusedError(room.text(_ABSENCE_GONE))
        return await room.make(f"Operator {operator} is not away", edits, f"/site/operators/{operator}")
    except (RefusedError, table.TableError) as error:
        return await again(room, operator, str(error))


async def operators_of(room: Room) -> tuple[Listed, Saved]:
    """Return the site's list, and the file. Raises RefusedError."""
    saved = await room.file(FILE)
    return operators.read(saved.text, room.desk.settings.languages), saved


async def page_of(room: Room, operator: str, status: int = 200, **shown: Any) -> Response:
    """Show an operator as they are in the list. `shown`: what an act has brought."""
    found = await find(room, operator)
    return await _form(room, operator, Filled({"id": operator, **found.cells}, found.mark), status, **shown)


async def again(room: Room, operator: str, problem: str, **shown: Any) -> Response:
    try:
        found = await find(room, operator)
    except RefusedError as error:
        raise DeskError(409, "%(why)s", why=str(error)) from None
    form = Filled({"id": operator, **found.cells}, found.mark, problem=problem)
    return await _form(room, operator, form, **shown)


async def sound_list(room: Room) -> tuple[Listed, Saved]:
    """Return the site's list, and the file. Raises RefusedError, also if a line of it has a mistake."""
    found, saved = await operators_of(room)
    if found.problems:
        raise RefusedError(_mistake(room, found))
    return found, saved


async def _operators(room: Room) -> dict[str, Operator]:
    return (await sound_list(room))[0].operators


def _mistake(room: Room, found: Listed) -> str:
    line, (text, values) = found.problems[0]
    return room.text(_UNREADABLE, file=FILE, line=line, what=room.text(text, **values))


async def find(room: Room, operator: str) -> Operator:
    found = (await _operators(room)).get(operator)
    if found is None:
        raise RefusedError(room.text(_GONE, id=operator))
    return found


async def roster_of(room: Room) -> Saved | None:
    try:
        return await room.file(absences.FILE)
    except RefusedError:
        return None


async def _form(room: Room, operator: str | None, form: Filled, status: int = 0, **shown: Any) -> Response:
    """Show a form with what is wrong. `operator`: None for a new one."""
    try:
        topics = list((await room.ask("GET", "/site")).get("topics", ()))
    except RefusedError:
        topics = []
    person: Person | None = None
    away: list[Absence] = []
    roster = None
    if operator is not None:
        person = await accounts.find(room.desk.engine, operator)
        roster = await roster_of(room)
        away = absences.of_operator(roster.text, operator, _today(room)) if roster is not None else []
    values = {"first": "", "last": "", "link": None, "telephone": None, **shown}
    return room.page(
        "operator.html",
        status or (422 if form.errors or form.problem else 200),
        form=form,
        operator=operator,
        topics=[*topics, *(topic for topic in form.topics if topic not in topics)],
        codes=room.desk.settings.languages,
        account=person,
        absences=away,
        has_roster=roster is not None,
        **values,
    )


async def _typed_cells(room: Room) -> dict[str, str]:
    """Return what was typed as the cells of a row."""
    form = await room.request.form()

    def text(name: str) -> str:
        value = form.get(name)
        return plain(value[:500]) if isinstance(value, str) else ""

    levels = {code: text(f"level_{code}") for code in room.desk.settings.languages}
    own = text("first")
    spoken = sorted((code for code, level in levels.items() if level), key=lambda code: code != own)
    topics = [topic for topic in form.getlist("topic") if isinstance(topic, str)]
    return {
        "id": text("id"),
        "name": text("name"),
        "languages": " ".join(f"{code}:{levels[code]}" for code in spoken),
        "topics": " ".join(dict.fromkeys(word for topic in topics for word in topic.split())),
        "supervisor": "yes" if text("supervisor") else "no",
    }


def _cells(
    identity: str | None, name: str | None, languages: str | None, topics: str | None, supervisor: str | None
) -> dict[str, str]:
    cells = zip(operators.COLUMNS, (identity, name, languages, topics, supervisor), strict=True)
    return {column: plain(value or "") for column, value in cells}


def _said(room: Room, problems: Mapping[str, Problem]) -> dict[str, str]:
    return {column: room.text(text, **values) for column, (text, values) in problems.items()}


def _today(room: Room) -> date:
    return room.desk.now().astimezone(ZoneInfo(room.desk.settings.timezone)).date()
