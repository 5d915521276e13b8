"""Every route of the desk with every role: who may not is answered 403, who is not signed in is led to the sign-in."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from desk_server import Browser, TestDesk, serving
from every import every
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from db.enums import AccountRole
from desk.app import ROUTERS
from desk.people.navigation import ENTRIES
from desk.people.policy import Permission
from desk.people.signed_in import Needs, public

pytest_plugins = ["db_fixtures"]

OPERATOR, SUPERVISOR, ADMINISTRATOR, VISITOR = "1002", "1040", "admin", "visitor"


def dependencies(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for below in dependant.dependencies:
        yield from dependencies(below)


ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def permission_of(route: APIRoute) -> Permission | None:
    """Return what a route needs; None: nothing. AssertionError if it does not say so, or says it twice."""
    found = [call for call in dependencies(route.dependant) if isinstance(call, Needs) or call is public]
    assert len({id(call) for call in found}) == 1, f"{route.path} must need one permission, or be public"
    return found[0].permission if isinstance(found[0], Needs) else None


@every("route", ROUTES)
def test_every_route_says_who_may_use_it(route: APIRoute) -> None:
    permission_of(route)


def test_only_signing_in_is_public() -> None:
    open_to_all = {route.path for route in ROUTES if permission_of(route) is None}
    assert open_to_all == {"/", "/sign-in", "/link/{token}", "/preferences", "/wall/{token}", "/wall/{token}/live"}


@pytest_asyncio.fixture
async def desk(sqlite_url: str) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url) as found:
        await found.operator(OPERATOR)
        await found.operator(SUPERVISOR, supervisor=True)
        await found.account(ADMINISTRATOR, AccountRole.ADMINISTRATOR)
        await found.account(VISITOR, AccountRole.VISITOR)
        yield found


MAY = {
    OPERATOR: {Permission.SIGNED_IN, Permission.TRY_LINE, Permission.TAKE_CALLS},
    SUPERVISOR: {Permission.SIGNED_IN, Permission.TRY_LINE, Permission.TAKE_CALLS, Permission.SUPERVISE},
    # and no operator
    ADMINISTRATOR: {Permission.SIGNED_IN, Permission.TRY_LINE, Permission.SUPERVISE, Permission.ADMINISTER},
    VISITOR: {Permission.SIGNED_IN, Permission.TRY_LINE},
}


async def status(browser: Browser, method: str, path: str) -> int:
    address = path.replace("{account}", OPERATOR).replace("{", "").replace("}", "")
    answer = await (browser.post(address) if method == "POST" else browser.ask(method, address))
    return answer.status if "/sign-in" not in answer.leads_to else 401


@pytest.mark.parametrize("account", MAY)
async def test_each_role_may_use_its_routes_and_no_other(desk: TestDesk, account: str) -> None:
    browser = await desk.signed_in(account)
    for route in ROUTES:
        needed = permission_of(route)
        if needed is None or "/live" in route.path or route.path == "/sign-out":
            continue
        for method in route.methods or ():
            if (found := await status(browser, method, route.path)) == 401:  # one of those before ended the session
                browser = await desk.signed_in(account)
                found = await status(browser, method, route.path)
            assert found != 401, f"{method} {route.path} as {account}"
            assert (found == 403) == (needed not in MAY[account]), f"{method} {route.path} as {account}: {found}"


async def test_a_browser_that_has_not_signed_in_gets_nothing(desk: TestDesk) -> None:
    for route in ROUTES:
        if permission_of(route) is None:
            continue
        for method in route.methods or ():
            assert await status(desk.browser(), method, route.path) == 401, f"{method} {route.path}"


@pytest.mark.parametrize("account", MAY)
async def test_the_bar_leads_to_the_pages_that_a_person_may_open_and_to_no_other(desk: TestDesk, account: str) -> None:
    browser = await desk.signed_in(account)
    page = (await browser.ask("GET", "/account")).text
    shown = set(re.findall(r'<a class="button quiet" href="(/[^"]+)"', page)) - {"/account"}
    allowed = {entry.path for entry in ENTRIES if entry.permission in MAY[account]} - {"/try"}  # off on this site
    assert shown == (allowed if len(allowed) > 1 else set())
    for path in shown:
        answer = await browser.ask("GET", path)
        if answer.leads_to:
            answer = await browser.ask("GET", answer.leads_to)
        assert answer.status in (200, 503), path  # some pages need the controller, and none runs here
        assert answer.status == 503 or 'aria-current="page"' in answer.text, path
