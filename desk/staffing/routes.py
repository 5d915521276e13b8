"""The page of staffing: a week that was, with another team."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from db.engine import reading
from db.tables import Call, Operator
from desk.context import Desk, DeskDep, part
from desk.page.errors import DeskError
from desk.page.texts import N_, Language
from desk.people.signed_in import SupervisorDep
from desk.staffing.picture import draw_week
from desk.staffing.runs import Question, Run, Simulations
from reports import words as report_words

router = APIRouter(prefix="/staffing")

SimulationsDep = Annotated[Simulations, part("simulations")]

WEEKS = 8
"""Past weeks that can be chosen."""

_WEEK = timedelta(days=7)
_NO_WEEK = N_("Choose a week that is over.")
_NO_LANGUAGE = N_("Choose a language of the line.")
_NO_OPERATOR = N_("There is no such operator.")
_KNOWN = N_("This operator speaks that language at this level already.")

Level = Annotated[int, Form(ge=1, le=5)]


@dataclass(frozen=True, slots=True)
class Line:
    """A language's figures before and after, or those of all calls."""

    name: str
    calls: int
    before: float | None
    after: float | None
    wait_before: float | None
    wait_after: float | None


@router.get("")
async def page(
    request: Request, desk: DeskDep, simulations: SimulationsDep, signed_in: SupervisorDep, run: str = ""
) -> Response:
    """Show the form, and a simulation that was started."""
    found = simulations.find(run) if run else None
    words = report_words.load(desk.pages.language_of(request).code)
    weeks = {monday: words.days(monday, monday + _WEEK - timedelta(days=1)) for monday in _weeks(desk)}
    shown = _shown(request, desk, found) if found is not None else {}
    return desk.pages.respond(
        request, "staffing/staffing.html", weeks=weeks, chosen=await _last_with_calls(desk, weeks),
        people=await _operators(desk), offered=desk.settings.languages,
        question=found.question if found is not None else None, run=found, **shown,
    )  # fmt: skip


@router.post("/runs")
async def start(
    desk: DeskDep,
    simulations: SimulationsDep,
    signed_in: SupervisorDep,
    week: Annotated[str, Form(max_length=10)],
    change: Annotated[Literal["none", "more", "teach"], Form()] = "none",
    language: Annotated[str, Form(max_length=3)] = "",
    level: Level = 5,
    second: Annotated[str, Form(max_length=3)] = "",
    second_level: Level = 3,
    operator: Annotated[str, Form(max_length=20)] = "",
    learnt: Annotated[str, Form(max_length=3)] = "",
    learnt_level: Level = 3,
) -> Response:
    """Begin a simulation."""
    if week not in {monday.isoformat() for monday in _weeks(desk)}:
        raise DeskError(422, _NO_WEEK)
    first, languages = date.fromisoformat(week), desk.settings.languages
    more = teach = ""
    if change == "more":
        skills = {language: level} | ({second: second_level} if second and second != language else {})
        if not skills.keys() <= {*languages}:
            raise DeskError(422, _NO_LANGUAGE)
        more = ",".join(f"{code}:{at}" for code, at in skills.items())
    elif change == "teach":
        known = {person.id: person.languages for person in await _operators(desk)}
        if operator not in known:
            raise DeskError(422, _NO_OPERATOR)
        if learnt not in languages:
            raise DeskError(422, _NO_LANGUAGE)
        if known[operator].get(learnt, 0) >= learnt_level:
            raise DeskError(422, _KNOWN)
        teach = f"{operator}={learnt}:{learnt_level}"
    run = simulations.start(Question(first, first + _WEEK - timedelta(days=1), more, teach))
    return RedirectResponse(f"/staffing?run={run.id}", 303)


@router.get("/runs/{identity}")
async def follow(
    request: Request, desk: DeskDep, simulations: SimulationsDep, signed_in: SupervisorDep, identity: str
) -> Response:
    """Show how far a simulation is, or its result: a part of the page, which asks again."""
    run = simulations.find(identity)
    return desk.pages.respond(request, "staffing/run.html", run=run, **_shown(request, desk, run))


def _shown(request: Request, desk: Desk, run: Run) -> dict[str, Any]:
    """Return what the result shows."""
    language = desk.pages.language_of(request)
    words = report_words.load(language.code)
    week = words.days(run.question.first, run.question.last)
    if not run.is_over or run.problem is not None:
        return {"words": words, "week": week, "lines": [], "pictures": [], "changed": ""}
    before, after = run.documents[0], run.documents[-1]
    names = {code: language.language_name(code) for code in desk.settings.languages}
    lines = [_line(language.text(N_("all calls")), before["all"], after["all"])]
    lines += [
        _line(name, before["languages"][code], after["languages"][code])
        for code, name in names.items()
        if code in before["languages"]
    ]
    titles = [N_("As the week was: answered in time, per cent"), N_("With the change: answered in time, per cent")]
    pictures = [
        draw_week(language.text(title), document["by_hour_and_language"], names, words)
        for title, document in zip(titles, run.documents, strict=False)
    ]
    changed = _change(run.question, names, language)
    return {"words": words, "week": week, "lines": lines, "pictures": pictures, "changed": changed}


def _line(name: str, before: dict[str, Any], after: dict[str, Any]) -> Line:
    level, wait = "service_level_offered", "average_speed_of_answer_s"
    return Line(name, before["waited"], before[level], after[level], before[wait], after[wait])


def _change(question: Question, names: dict[str, str], language: Language) -> str:
    """Return the change in words."""
    skills = question.more or question.teach.partition("=")[2]
    spoken = ", ".join(
        f"{names[code]} {level}" for code, _, level in (part.partition(":") for part in skills.split(",") if part)
    )
    if question.more:
        return language.text(N_("One operator more: %(languages)s"), languages=spoken)
    if question.teach:
        who = question.teach.partition("=")[0]
        return language.text(N_("%(operator)s learns %(languages)s"), operator=who, languages=spoken)
    return ""


def _weeks(desk: Desk) -> list[date]:
    """Return the Mondays of the past weeks, the last one first."""
    today = desk.now().astimezone(ZoneInfo(desk.settings.timezone)).date()
    monday = today - timedelta(days=today.weekday())
    return [monday - _WEEK * number for number in range(1, WEEKS + 1)]


async def _last_with_calls(desk: Desk, weeks: Collection[date]) -> date | None:
    """Return the last of these weeks that has calls to simulate; None if none has."""
    zone = ZoneInfo(desk.settings.timezone)
    async with reading(desk.engine) as connection:
        for monday in weeks:
            begins, ends = (datetime.combine(day, time(), zone) for day in (monday, monday + _WEEK))
            waited = select(Call.id).where(Call.queued >= begins, Call.queued < ends, Call.live.is_(True)).limit(1)
            if (await connection.execute(waited)).first() is not None:
                return monday
    return None


async def _operators(desk: Desk) -> list[Any]:
    query = (
        select(Operator.id, Operator.name, Operator.languages).where(Operator.removed.is_(None)).order_by(Operator.id)
    )
    async with reading(desk.engine) as connection:
        return list((await connection.execute(query)).all())
