"""Guessing passwords is slowed down, and whoever it is that guesses shuts nobody else out."""

from collections.abc import AsyncIterator

import pytest_asyncio
from desk_server import PASSWORD, Browser, TestDesk, serving

pytest_plugins = ["db_fixtures"]

FREE_FAILURES = 5
STRANGER, OFFICE = "127.0.0.66", "127.0.0.10"
"""Addresses."""


@pytest_asyncio.fixture
async def desk(sqlite_url: str) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url) as found:
        await found.operator("1001")
        await found.with_password("1001")
        yield found


async def sign_in(browser: Browser, account: str, password: str) -> int:
    return (await browser.post("/sign-in", {"account": account, "password": password})).status


async def guess(browser: Browser, account: str = "1001", times: int = FREE_FAILURES) -> None:
    for _ in range(times):
        assert await sign_in(browser, account, "wrong") == 422


async def test_a_stranger_who_guesses_shuts_nobody_out_at_another_address(desk: TestDesk) -> None:
    stranger = desk.browser(STRANGER)
    await guess(stranger)
    assert await sign_in(stranger, "1001", PASSWORD) == 429, "even the right one, or guessing would go on"
    assert await sign_in(desk.browser(OFFICE), "1001", PASSWORD) == 303


async def test_a_guesser_does_not_learn_which_accounts_exist(desk: TestDesk) -> None:
    answers = {}
    for account in ("1001", "nobody"):
        browser = desk.browser()
        tries = [await browser.post("/sign-in", {"account": account, "password": "wrong"}) for _ in range(7)]
        answers[account] = [(one.status, one.text.replace(account, "ACCOUNT")) for one in tries]
    assert answers["1001"] == answers["nobody"]
    assert answers["1001"][-1][0] == 429


async def test_the_account_page_does_not_call_the_right_password_wrong_while_it_is_slowed_down(desk: TestDesk) -> None:
    browser = await desk.signed_in("1001", "en")
    new = {"password": "other words entirely", "again": "other words entirely"}
    for _ in range(FREE_FAILURES):
        assert (
            "That is not your present password."
            in (await browser.post("/account/password", {"current": "no", **new})).text
        )
    slowed = await browser.post("/account/password", {"current": PASSWORD, **new})
    assert slowed.status == 429 and "That is not your present password." not in slowed.text
