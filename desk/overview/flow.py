"""The flow as a picture with a day's callers on it, and the same in a table."""

from datetime import date, datetime, time, timedelta
from typing import Annotated
from xml.etree.ElementTree import ParseError
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup

from db import flow_use
from desk.context import Desk, DeskDep, part
from desk.control import ControlError
from desk.flow_pictures import FlowPicture, FlowPictures
from desk.overview import flow_marks
from desk.overview.flow_counts import FlowCounts, NodeCounts, count
from desk.page.texts import N_, Language
from desk.people.signed_in import AdministratorDep
from desk.site.tabs import respond

router = APIRouter(prefix="/site/flow")

_MARKS = {
    "reached": N_("%(node)s: %(number)s callers came here"),
    "gave_up": N_("%(node)s: %(number)s callers gave up here"),
    "here": N_("%(node)s: %(number)s callers are here now"),
}

PicturesDep = Annotated[FlowPictures, part("flow_pictures")]


@router.get("")
async def page(
    request: Request,
    desk: DeskDep,
    pictures: PicturesDep,
    _administrator: AdministratorDep,
    day: Annotated[date | None, Query()] = None,
) -> Response:
    """Show the callers of a day, today's if none is named, in the present flow."""
    zone = ZoneInfo(desk.settings.timezone)
    today = desk.now().astimezone(zone).date()
    chosen = day if day is not None and 2000 <= day.year <= 2099 else today
    begins, ends = (datetime.combine(chosen + timedelta(days=days), time(), zone) for days in (0, 1))
    language = desk.pages.language_of(request)
    try:
        flow: FlowPicture | None = await pictures.in_language(_of_texts(desk, language), desk.now())
    except ControlError:
        flow = None  # the table is shown without it
    counts = count(await flow_use.ways(desk.engine, begins, ends), flow.nodes if flow is not None else {})
    return respond(
        request,
        desk,
        "overview/flow.html",
        picture=_picture(flow, counts, language),
        counts=counts,
        nodes=[node for node in counts.nodes if node.kind or node.reached],
        start=flow.start if flow is not None else "",
        chosen=chosen,
        before=chosen - timedelta(days=1),
        after=chosen + timedelta(days=1) if chosen < today else None,
        today=today,
        now=desk.now(),
    )


def _of_texts(desk: Desk, language: Language) -> str:
    """Return the language of the picture's texts: that of the page, if the line speaks it."""
    spoken = desk.settings.languages
    return language.code if language.code in spoken or not spoken else spoken[0]


def _picture(flow: FlowPicture | None, counts: FlowCounts, language: Language) -> Markup | None:
    if flow is None:
        return None

    def words(kind: str, node: NodeCounts) -> str:
        number = {"reached": node.reached, "gave_up": node.gave_up, "here": node.here}[kind]
        return language.text(_MARKS[kind], node=node.name, number=number)

    try:
        return Markup(flow_marks.mark(flow.svg, counts, words))  # noqa: S704 - our own SVG; texts are escaped in it
    except ParseError:
        return None
