"""The changes of the site's files that were made from pages."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from desk.context import DeskDep
from desk.control import actor_of
from desk.people import accounts
from desk.people.signed_in import AdministratorDep
from desk.site.tabs import TABS, respond

router = APIRouter(prefix="/site")

LATEST = 200


@router.get("")
async def site(_administrator: AdministratorDep) -> Response:
    """Lead to the first of the administrator's pages."""
    return RedirectResponse(TABS[0].path, 303)


@router.get("/changes")
async def changes(request: Request, desk: DeskDep, administrator: AdministratorDep) -> Response:
    """List the latest changes."""
    found = await desk.control.ask("GET", f"/site/changes?last={LATEST}", administrator.person.id)
    names = {actor_of(person.id): person.name for person in await accounts.list_people(desk.engine)}
    return respond(request, desk, "site/changes.html", changes=found, names=names)
