"""The state of each part of the line, and of the site's files, with what to do about each fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from desk.context import Desk, DeskDep, part
from desk.overview.health_words import PARTS, REMEDIES
from desk.overview.reading import Command
from desk.page.texts import Language
from desk.people.signed_in import AdministratorDep, AdministratorStillThere
from desk.site.tabs import respond

router = APIRouter(prefix="/site/health")

FRESH = timedelta(seconds=8)
"""The line is looked at no more often, however many pages are open: it must not be burdened by that."""
CHECK_FRESH = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the line. `name`: in words of the catalogues, `detail` which of several; `what`: what to do, too.

    `said`: what was found, in the person's language; empty for what only a program says. `found`, `remedy`: as
    `hatif health` says them, in English.
    """

    id: str
    name: str
    detail: str
    ok: bool
    fatal: bool
    said: str
    found: str
    what: str
    remedy: str


def health_command() -> Command:
    return Command("health", fresh=FRESH)


def check_command() -> Command:
    return Command("check", fresh=CHECK_FRESH)


HealthDep = Annotated[Command, part("health_command")]
CheckDep = Annotated[Command, part("check_command")]


@router.get("")
async def page(request: Request, desk: DeskDep, _administrator: AdministratorDep) -> Response:
    """Show the page; its parts come by themselves, since they take a moment."""
    return respond(request, desk, "overview/health.html")


@router.get("/parts")
async def parts(
    request: Request, desk: DeskDep, command: HealthDep, _administrator: AdministratorStillThere
) -> Response:
    """Return the state of the parts, faults first."""
    document: Mapping[str, Any] | None = await command.read(desk)
    found = [] if document is None else [_part(row, desk.pages.language_of(request)) for row in document["parts"]]
    return desk.pages.respond(
        request,
        "overview/health_parts.html",
        known=document is not None,
        serves=document is not None and document["serves"],
        faults=[row for row in found if not row.ok],
        parts=found,
        versions={} if document is None else document["versions"],
        at=desk.now() if document is None else datetime.fromtimestamp(document["at"], UTC),
    )


@router.get("/site")
async def site(request: Request, desk: DeskDep, command: CheckDep, _administrator: AdministratorStillThere) -> Response:
    """Return what is wrong or doubtful in the site's files, as `hatif check` says it."""
    document: Mapping[str, Any] | None = await command.read(desk)
    findings: Sequence[Mapping[str, Any]] = [] if document is None else document["findings"]
    return desk.pages.respond(
        request, "overview/health_site.html", known=document is not None, findings=findings, folder=_folder(desk)
    )


def _folder(desk: Desk) -> str:
    return f"{desk.settings.site_folder}/" if desk.settings.site_folder is not None else ""


def _part(row: Mapping[str, Any], language: Language) -> Part:
    name = str(row["name"])
    kind, _, detail = name.partition(" ")
    known = name if name in PARTS else kind if kind in PARTS else ""
    return Part(
        id=name.replace(" ", "-"),
        name=PARTS.get(known, name),
        detail=detail if known == kind and known != name else "",
        ok=bool(row["ok"]),
        fatal=bool(row["fatal"]),
        said=language.text(row["text"], **_isolated(row["values"], language)) if "text" in row else "",
        found=str(row["found"]),
        what=REMEDIES.get(known, ""),
        remedy=str(row["remedy"]),
    )


def _isolated(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return values whose paths, numbers and times keep their order in a language that is written from the right."""
    if language.direction == "ltr":
        return dict(values)
    return {name: f"\u2066{value}\u2069" if isinstance(value, str) else value for name, value in values.items()}
