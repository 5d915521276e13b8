"""Guessing passwords is slowed down, and whoever it is that guesses shuts nobody else out."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from desk_server import PASSWORD, Browser, TestDesk, serving

from background.address_limit import group_of
from desk.people import devices, passwords, source_limit
from desk.people.slow_down import FIRST_PAUSE_S, FREE_FAILURES, STRANGERS, WITHIN, Attempts, Place

pytest_plugins = ["db_fixtures"]

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


async def test_a_known_device_is_not_slowed_down_by_others_at_its_address_or_anywhere(desk: TestDesk) -> None:
    """Neither by guesses in the same office, nor by a limit of the address or of the account."""
    person = desk.browser(OFFICE)
    assert await sign_in(person, "1001", PASSWORD) == 303
    await person.get("/account")
    assert (await person.post("/sign-out")).status == 303
    await guess(desk.browser(OFFICE))
    for number in range(source_limit.FREE):
        await sign_in(desk.browser(OFFICE), f"guess{number}", "wrong")
    assert await sign_in(desk.browser(OFFICE), "1002", "wrong") == 429, "the address has had its sign-ins"
    attempts: Attempts = desk.app.state.attempts
    for number in range(STRANGERS):
        attempts.begin(Place("1001", f"198.51.100.{number}"), desk.desk.now())
    assert await sign_in(desk.browser(STRANGER), "1001", PASSWORD) == 429, "a hundred guesses in an hour are enough"
    assert await sign_in(person, "1001", PASSWORD) == 303


async def test_a_known_device_guesses_no_faster_than_a_stranger(desk: TestDesk) -> None:
    device = desk.browser(OFFICE)
    assert await sign_in(device, "1001", PASSWORD) == 303
    await device.get("/account")
    await device.post("/sign-out")
    await guess(device)
    assert await sign_in(device, "1001", PASSWORD) == 429
    desk.moved = timedelta(seconds=FIRST_PAUSE_S)
    assert await sign_in(device, "1001", PASSWORD) == 303


async def test_a_device_is_known_for_its_own_account_only_and_by_the_desks_signature(desk: TestDesk) -> None:
    settings = desk.desk.settings
    given = devices.make(settings, "1001")
    assert devices.device_of(settings, "1001", given) is not None
    for account, value in (
        ("1002", given),
        ("1001", given[:-1] + "!"),
        ("1001", ""),
        ("1001", "." + given),
        ("1001", "é"),
    ):
        assert devices.device_of(settings, account, value) is None
    other = replace(settings, control_token="another")
    assert devices.device_of(other, "1001", given) is None
    assert "1001" not in devices.cookie_name(settings, "1001")


async def test_wrong_passwords_slow_down_that_account_only_and_a_link_still_works(desk: TestDesk) -> None:
    await desk.operator("1003")
    await desk.with_password("1003")
    browser = desk.browser()
    await guess(browser)
    assert await sign_in(browser, "1001", PASSWORD) == 429
    assert await sign_in(browser, "1003", PASSWORD) == 303
    assert (await browser.post(await desk.link("1001"))).status == 303
    desk.moved = timedelta(seconds=FIRST_PAUSE_S + 1)
    assert await sign_in(desk.browser(), "1001", PASSWORD) == 303


async def test_the_first_check_after_a_start_takes_as_long_for_an_account_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What there is to compare with is made by whichever check comes first."""
    hasher, work = passwords._hasher(), list[str]()

    class Noting:
        def hash(self, password: str) -> str:
            work.append("hash")
            return hasher.hash(password)

        def verify(self, password_hash: str, password: str) -> bool:
            work.append("verify")
            return hasher.verify(password_hash, password)

    monkeypatch.setattr(passwords, "_hasher", Noting)
    done = []
    for password_hash in (hasher.hash(PASSWORD), None):
        passwords._nobodys_hash.cache_clear()
        work.clear()
        assert not await passwords.Passwords().matches("wrong", password_hash)
        done.append([*work])
    assert done[0] == done[1]


def test_guesses_side_by_side_are_no_more_than_one_after_the_other() -> None:
    """Each is counted before it is checked; and the next pauses are longer and longer."""
    attempts, place, now = Attempts(), Place("1001", STRANGER), datetime.now(UTC)
    assert sum(attempts.begin(place, now) for _ in range(20)) == FREE_FAILURES
    pauses = []
    for _ in range(8):
        waited = 0
        while not attempts.begin(place, now + timedelta(seconds=waited)):
            waited += 5
        now += timedelta(seconds=waited)
        pauses.append(waited)
    assert pauses == [30, 60, 120, 240, 480, 900, 900, 900]
    attempts.was_right(place)
    assert attempts.begin(place, now)


async def test_a_password_that_could_not_be_checked_is_no_wrong_one(desk: TestDesk, tmp_path: Path) -> None:
    browser = desk.browser()
    await guess(browser, times=FREE_FAILURES - 1)
    shutil.move(tmp_path / "hatif.db", tmp_path / "elsewhere.db")
    for _ in range(3):
        assert await sign_in(browser, "1001", PASSWORD) == 503
    shutil.move(tmp_path / "elsewhere.db", tmp_path / "hatif.db")
    assert await sign_in(browser, "1001", "wrong") == 422
    assert await sign_in(browser, "1001", PASSWORD) == 429


def test_an_account_is_guessed_at_a_hundred_times_an_hour_from_all_strangers_together() -> None:
    attempts, now = Attempts(), datetime.now(UTC)
    tries = [attempts.begin(Place("1001", f"198.51.100.{number}"), now) for number in range(120)]
    assert sum(tries) == STRANGERS
    assert attempts.begin(Place("1002", "198.51.100.1"), now)
    assert attempts.begin(Place("1001", "device 1", is_known=True), now)
    assert attempts.begin(Place("1001", "203.0.113.1"), now + WITHIN)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_counts_with_its_whole_network(host: str, network: str) -> None:
    assert group_of(host) == network
