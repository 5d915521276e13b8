"""Pages while the database is silent: each says what is the matter within seconds, and works again by itself."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from controller import standing_in
from desk_server import PASSWORD, TestDesk, serving
from relay import Mode, Relay
from stored_cases import NUMBER, REFERENCE
from structlog.testing import capture_logs
from test_desk_case import CALL

from db.enums import AccountRole
from db.references import format_reference

pytest_plugins = ["db_fixtures"]

ENGLISH = {"Accept-Language": "en"}
AWAY = "The database does not answer. Calls go on"


@pytest_asyncio.fixture
async def desk(relayed_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDesk]:
    monkeypatch.setattr("desk.app.PAGE_S", 1.0)
    async with serving(relayed_url) as made:
        yield made


async def test_pages_of_a_silent_database_are_errors_with_words_and_come_soon(desk: TestDesk, between: Relay) -> None:
    await desk.account("head", AccountRole.SUPERVISOR)
    browser = await desk.with_password("head")
    assert (await browser.get("/recordings")).status == 200
    for mode in (Mode.DROP, Mode.RUBBISH):
        between.mode = mode
        desk.app.state.sessions.forget()
        stranger = desk.browser()
        await stranger.get("/sign-in")
        began = time.monotonic()
        with capture_logs() as logs:
            answers = await asyncio.gather(
                browser.get("/recordings", **ENGLISH),
                browser.get("/worklist", **ENGLISH),
                stranger.post("/sign-in", {"account": "head", "password": PASSWORD}),
                *(browser.get("/recordings", **ENGLISH) for _ in range(20)),  # more than there are connections
            )
        assert {answer.status for answer in answers} == {503}, [answer.text for answer in answers]
        assert {AWAY in answer.text for answer in (*answers[:2], *answers[3:])} == {True}, answers
        assert time.monotonic() - began < 10
        assert any("does not answer" in str(entry.get("reason")) for entry in logs), logs
        between.mode = Mode.PASS
        async with asyncio.timeout(10):
            while (await browser.get("/recordings")).status != 200:
                pass


async def test_what_is_read_while_the_database_is_silent_is_on_record_all_the_same(
    relayed_url: str, between: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.app.PAGE_S", 1.0)
    async with standing_in() as controller, serving(relayed_url, controller.port) as desk:
        await desk.operator("1002")
        browser = await desk.signed_in("1002", "en")
        await controller.followed(desk)
        assert (await browser.get("/worklist")).status == 200
        desk.says_why("1002", f"case:{REFERENCE}")
        between.mode = Mode.DROP
        assert AWAY in (await browser.get(f"/case/file/{REFERENCE}")).text
        # The call on their screen has just opened its case, and says what is in it.
        controller.connect("1002", identity=CALL, caller=NUMBER, case=REFERENCE, case_opened=True)
        await controller.seen(desk)
        page = (await browser.get("/case/latest")).text
        assert format_reference(REFERENCE) in page and f'value="{NUMBER}"' in page
        assert [(row["act"], row["reason"]) for row in desk.traces()] == [
            ("read_caller", "call"),
            ("read_case", "call"),
        ]
        between.mode = Mode.PASS
