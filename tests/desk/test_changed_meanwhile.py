"""An account that changes while somebody signs in to it: what ends its sessions ends that sign-in too."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from desk_server import PASSWORD, Browser, TestDesk, serving
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading, writing
from db.tables import Account, DeskSession
from desk.people import accounts, links
from desk.people.links import UsedLink
from desk.people.passwords import Passwords

pytest_plugins = ["db_fixtures"]

Change = Callable[[AsyncEngine], Awaitable[None]]


@pytest_asyncio.fixture
async def desk(url: str) -> AsyncIterator[TestDesk]:
    async with serving(url) as found:
        await found.operator()
        yield found


async def choose_password(engine: AsyncEngine) -> None:
    await accounts.set_password(engine, "1002", "another hash", "no session", datetime.now(UTC))


async def disable(engine: AsyncEngine) -> None:
    await accounts.set_disabled(engine, "1002", True, datetime.now(UTC))


async def remove(engine: AsyncEngine) -> None:
    await accounts.follow_operators(engine, {}, datetime.now(UTC))


def after_the_check(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[None]]) -> None:
    """Do something once a password was found to be right, before the sign-in goes on."""
    matches = Passwords.matches

    async def check(passwords: Passwords, password: str, password_hash: str | None) -> bool:
        is_right = await matches(passwords, password, password_hash)
        await act()
        return is_right

    monkeypatch.setattr(Passwords, "matches", check)


def after_the_link(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Change the account once a link was used up, before the sign-in goes on."""
    use_link = links.use_link

    async def use(engine: AsyncEngine, token: str, now: datetime) -> UsedLink | None:
        used = await use_link(engine, token, now)
        await change(engine)
        return used

    monkeypatch.setattr(links, "use_link", use)


async def sign_in(browser: Browser) -> int:
    return (await browser.post("/sign-in", {"account": "1002", "password": PASSWORD})).status


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status == 200


async def tokens_of_account(desk: TestDesk) -> set[str]:
    async with reading(desk.engine) as connection:
        query = select(DeskSession.token_hash).where(DeskSession.account_id == "1002")
        return set((await connection.scalars(query)).all())


@pytest.mark.parametrize("change", [choose_password, disable, remove])
async def test_a_password_that_was_right_before_a_change_of_the_account_signs_nobody_in(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    await desk.with_password("1002")
    before = await tokens_of_account(desk)
    after_the_check(monkeypatch, lambda: change(desk.engine))
    browser = desk.browser()
    assert await sign_in(browser) == 422
    assert not await is_signed_in(browser)
    assert not await tokens_of_account(desk) - before


async def test_a_sign_in_waits_for_a_password_that_is_being_changed(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is made, and not committed yet, when the session would begin."""
    await desk.with_password("1002")
    checked, browser = asyncio.Event(), desk.browser()

    async def note() -> None:
        checked.set()

    after_the_check(monkeypatch, note)
    async with asyncio.TaskGroup() as tasks, writing(desk.engine) as connection:
        await connection.execute(update(Account).where(Account.id == "1002").values(password_hash="another hash"))
        answer = tasks.create_task(sign_in(browser))
        await checked.wait()
        await asyncio.wait({answer}, timeout=0.3)  # a sign-in that does not wait is over by then
    assert answer.result() == 422


@pytest.mark.parametrize("change", [disable, remove])
async def test_a_link_that_was_used_before_its_account_was_disabled_signs_nobody_in(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    link, browser = await desk.link("1002"), desk.browser()
    after_the_link(monkeypatch, change)
    assert (await browser.post(link)).status == 410
    assert not await is_signed_in(browser)
    assert not await tokens_of_account(desk)


async def test_a_new_password_does_not_end_a_sign_in_by_a_link(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    link, browser = await desk.link("1002"), desk.browser()
    after_the_link(monkeypatch, choose_password)
    assert (await browser.post(link)).status == 303
    assert await is_signed_in(browser)
