"""The page of reports, its files, and what its figures mean."""

from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from db import report_mails
from desk.context import DeskDep, part
from desk.live.routes import HubDep
from desk.page.errors import DeskError
from desk.people.signed_in import SupervisorDep
from desk.reading.reader import ReaderDep
from desk.report.asking import CHOSEN, SPANS, AskedDep
from desk.report.mailing import BROKE_OFF
from desk.report.making import ReportMaker
from desk.report.schedule import EVERY_WORDS
from desk.report.site_names import names_of
from reports import words as report_words
from reports.figures import OF_CALLS, OF_OPERATORS
from reports.files import TYPES, Form, name_of
from reports.labels import BY_WORDS
from reports.layout import meaning_of
from reports.request import make_request

router = APIRouter(prefix="/reports")

SHOWN, MOST_SHOWN = timedelta(days=40), 30
"""Reports by e-mail that the page shows."""

ReportMakerDep = Annotated[ReportMaker, part("report_maker")]


@router.get("")
async def page(
    request: Request, desk: DeskDep, hub: HubDep, maker: ReportMakerDep, signed_in: SupervisorDep, asked: AskedDep
) -> Response:
    """Show the form, and the report that it asks for."""
    now, code = desk.now(), desk.pages.language_of(request).code
    today = now.astimezone(ZoneInfo(desk.settings.timezone)).date()
    problem = asked.problem(today)
    words = report_words.load(code)
    report, names = None, names_of(desk.pages, desk.settings, hub.picture)
    if problem is None:
        report = await maker.layout(asked.request(desk.settings.timezone, now), code, names(code))
    mailings = []
    if desk.settings.reports is not None:
        mailings = (await report_mails.known(desk.engine, today - SHOWN))[:MOST_SHOWN]
    days = asked.days(today) or (today, today)
    shown: dict[str, Any] = {
        "asked": asked, "problem": desk.pages.language_of(request).text(problem[0], **problem[1]) if problem else None,
        "report": report, "today": today, "first": days[0], "last": days[1],
        "spans": SPANS, "chosen": CHOSEN, "forms": list(Form),
        "mailings": mailings, "every": EVERY_WORDS, "broke_off": BROKE_OFF,
        "groupings": {by: words.text(name) for by, name in BY_WORDS.items()},
    }  # fmt: skip
    return desk.pages.respond(request, "report/report.html", 200 if problem is None else 422, **shown)


@router.get("/file/{form}")
async def file(
    request: Request,
    desk: DeskDep,
    hub: HubDep,
    maker: ReportMakerDep,
    reader: ReaderDep,
    signed_in: SupervisorDep,
    asked: AskedDep,
    form: Form,
) -> Response:
    """Send a report as a file."""
    now, code = desk.now(), desk.pages.language_of(request).code
    if (problem := asked.problem(now.astimezone(ZoneInfo(desk.settings.timezone)).date())) is not None:
        raise DeskError(422, problem[0], **problem[1])
    wanted = asked.request(desk.settings.timezone, now)
    content = await maker.file(form, wanted, code, names_of(desk.pages, desk.settings, hub.picture)(code))
    await reader.export(signed_in, "report", asks=False, file=name_of(form, wanted))
    headers = {"Content-Disposition": f'attachment; filename="{name_of(form, wanted)}"', "Cache-Control": "no-store"}
    return Response(content, media_type=TYPES[form], headers=headers)


@router.get("/definitions")
async def definitions(request: Request, desk: DeskDep, signed_in: SupervisorDep) -> Response:
    """Show what each figure means."""
    words = report_words.load(desk.pages.language_of(request).code)
    wanted = make_request("day", None, None, ZoneInfo(desk.settings.timezone), desk.now())
    sections = {section.name: section for section in (*OF_CALLS, *OF_OPERATORS)}
    shown = [
        (words.text(section.words), [
            (figure.name, words.text(figure.words), meaning_of(figure, wanted, words)) for figure in section.figures
        ])
        for section in sections.values()
    ]  # fmt: skip
    return desk.pages.respond(request, "report/definitions.html", sections=shown)
