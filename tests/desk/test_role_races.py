"""Whoever loses an account or a role while they do something has lost it for that as well."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from desk_server import TestDesk, serving
from sqlalchemy import func, select

from db.engine import reading
from db.enums import AccountRole
from db.tables import AccountLink
from desk.people import accounts
from desk.people.accounts import Person
from desk.people.sessions import KNOWN_S

pytest_plugins = ["db_fixtures"]

ADMINISTRATOR = Person("ada", "Ada", AccountRole.ADMINISTRATOR)
COLLEAGUE = Person("ben", "Ben", AccountRole.ADMINISTRATOR)


@pytest_asyncio.fixture
async def desk(sqlite_url: str) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url) as found:
        for person in (ADMINISTRATOR, COLLEAGUE):
            await accounts.add(found.engine, person, found.desk.now())
        yield found


async def links(desk: TestDesk) -> int:
    async with reading(desk.engine) as connection:
        return await connection.scalar(select(func.count()).select_from(AccountLink)) or 0


async def test_an_account_that_is_disabled_while_its_request_arrives_changes_nothing(desk: TestDesk) -> None:
    """A body may take ten seconds to arrive: the account counts at its end."""
    browser = await desk.signed_in(ADMINISTRATOR.id)
    await browser.get("/people")
    before, half, goes_on = await links(desk), asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield f"csrf={browser.csrf}".encode()
        half.set()
        await goes_on.wait()
        yield b"&x=y"

    headers = {"Origin": browser.url, "Content-Type": "application/x-www-form-urlencoded"}
    asking = asyncio.create_task(browser.ask("POST", f"/people/{COLLEAGUE.id}/link", slow(), headers))
    await half.wait()
    await accounts.set_disabled(desk.engine, ADMINISTRATOR.id, True, desk.desk.now())
    desk.moved += timedelta(seconds=KNOWN_S)
    goes_on.set()
    answer = await asking
    assert "/sign-in" in answer.leads_to or answer.status == 401, answer.text
    assert await links(desk) == before


async def test_of_two_administrators_who_are_disabled_at_once_neither_stays_and_the_server_lets_one_in(
    desk: TestDesk,
) -> None:
    """The pages of the desk disable nobody: whoever may run `hatif accounts` on the server can always enable again."""
    both = (ADMINISTRATOR.id, COLLEAGUE.id)
    now = desk.desk.now()
    await asyncio.gather(*(accounts.set_disabled(desk.engine, name, True, now) for name in both))
    assert not any(person.may_sign_in for person in await accounts.list_people(desk.engine))
    await accounts.set_disabled(desk.engine, ADMINISTRATOR.id, False, now)
    assert (await (await desk.signed_in(ADMINISTRATOR.id)).get("/people")).status == 200
