"""Every page of the desk that shows what is known of callers leaves a trace, or says here why it does not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import TestDesk, serving
from fastapi.routing import APIRoute
from left_messages import record
from sqlalchemy import insert
from stored_cases import NUMBER, OTHER, REFERENCE, store_case
from test_desk_case import CALL, seed
from test_policy import ROUTES

from db.audit import entry
from db.engine import writing
from db.enums import AccountRole
from db.ids import uuid7
from db.tables import Callback, GuideRequest, Message, Recording

pytest_plugins = ["db_fixtures"]

ME, MESSAGE, RECORDING = "1002", uuid4(), uuid4()

RECORDED = {
    "/case/file/{reference}": "read_case",
    "/case/search": "read_search",
    "/case/call/{call}": "read_caller",
    "/case/call/{call}/coming": "read_caller",
    "/worklist": "read_list",
    "/worklist/message/{message}/audio": "read_message",
    "/site/audit": "read_list",
    "/site/audit/audit.csv": "read_export",
    "/reports/file/{form}": "read_export",
}
"""By page: its trace, in the example of this test."""

OTHERWISE = {
    "/case/latest": "`read_caller` and `read_case` as the pages of both, for the call on the screen (test_reading.py)",
    "/recordings/{recording}/audio": "`recording_heard`, before a byte is sent (test_recordings_page.py)",
    "/live/operator": "the call on the screen, which is on record with its operator",
    "/worklist/message/{message}": "`read_list`: it answers with the list; that it was taken is `message_taken`",
    "/worklist/message/{message}/call": "as the one before; whom is `callback_added`",
    "/worklist/callback/{callback}": "as the one before",
    "/worklist/request/{asked}": "as the one before",
    "/worklist/change/{change}": "as the one before",
    "/worklist/call": "`callback_added`, to a number that they have typed",
    "/worklist/case/{reference}/call": "`read_case`, unless they have the file open",
    "/case/file/{reference}/note": "`read_case` with the reason `change`, unless they have the file open",
    "/case/file/{reference}/pin": "as the one before",
    "/case/new": "`case_opened`: nobody else's data is shown",
}
"""Pages with callers' data of which no example is asked for here, and why that is no hole."""

WITHOUT = {
    "/case/file/{reference}/others": "names of colleagues",
    "/worklist/count": "a number of rows",
    "/recordings": "times, operators, topics and scores; no caller",
    "/recordings/{recording}": "the same of one, once they have said why; hearing it is the record",
    "/recordings/{recording}/scores": "the same",
    "/scores": "how a person's own conversations were scored",
    "/reports": "sums", "/reports/definitions": "words",
    "/reading/why": "only leads to a page",
}  # fmt: skip
"""Pages of the same rooms that show no caller."""

ROOMS = {
    "/amend", "/board", "/wall", "/supervise", "/staffing", "/roster", "/try", "/telephone", "/shift", "/call",
    "/guide", "/people", "/account", "/sign-in", "/sign-out", "/link", "/preferences", "/session", "/site", "/live",
}  # fmt: skip
"""Rooms without callers' names, numbers and files, but for the call on the screen. That of /site is walked as well."""


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        for code in ("en", "fr", "ar"):
            found.answers[f"/guide?language={code}"] = (200, {"notice": "", "procedures": []})
        found.answers["/callbacks"] = (200, {"id": "1"})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, tmp_path: Path) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, home=tmp_path)
        await found.account(ME, AccountRole.ADMINISTRATOR, ME)
        await seed(found.engine)
        await store_case(found.engine, applicant="أَحْمَد")
        await store_case(found.engine, reference=OTHER)
        await put_work(found, tmp_path)
        subjects = ("search", f"case:{REFERENCE}", f"call:{CALL}", f"recording:{RECORDING}", "export:audit")
        found.says_why(ME, *subjects)
        await controller.followed(found)
        yield found


async def put_work(desk: TestDesk, home: Path) -> None:
    now = datetime.now(UTC)
    record(home / "messages" / "a.wav", 0.1)
    left = {"id": MESSAGE, "node": "n", "call_id": UUID(CALL), "file": "messages/a.wav", "caller": NUMBER, "at": now}
    kept = {"id": RECORDING, "node": "n", "call_id": UUID(CALL), "file": "recordings/a.wav", "started": now}
    consent = {"consented": now, "consent_key": "1", "consent_text": "t", "consent_language": "fr"}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Message).values({**left, "taken": now, "taken_by": ME}))
        await connection.execute(insert(Recording).values({**kept, **consent}))
        asked = {"id": uuid7(), "node": "n", "kind": "closed", "number": NUMBER, "wished": now}
        await connection.execute(insert(Callback).values(asked))
        wanted = {"id": uuid7(), "node": "n", "procedure": "visa", "number": NUMBER, "requested": now, "due": now}
        await connection.execute(insert(GuideRequest).values({**wanted, "call_id": UUID(CALL)}))
        await connection.execute(entry(now, "1003", "read_search", None, terms="Müller", cases=[REFERENCE]))


PARAMETERS = {
    "reference": REFERENCE, "call": CALL, "message": str(MESSAGE), "recording": str(RECORDING), "operator": ME,
    "form": "csv", "callback": str(uuid4()), "asked": str(uuid4()), "account": ME,
}  # fmt: skip
QUERIES = {"/case/search": "?q=passport"}


def address_of(route: APIRoute) -> str:
    given = {name: PARAMETERS.get(name, "x") for name in route.param_convertors}
    return route.path.format(**given) + QUERIES.get(route.path, "")


def shows_callers(text: str) -> bool:
    return NUMBER[1:] in text or "Müller" in text or "First passport" in text or "أَحْمَد" in text


def test_every_page_has_a_trace_or_a_reason_why_it_has_none() -> None:
    known = {*RECORDED, *OTHERWISE, *WITHOUT}
    rest = {route.path for route in ROUTES} - known
    left = {path for path in rest if path != "/" and f"/{path.split('/')[1]}" not in ROOMS}
    assert left == set(), "does it show what is known of callers? Put it on record (office/reading.py), or say why"


async def test_no_page_shows_what_is_known_of_callers_without_a_trace(desk: TestDesk, controller: StandIn) -> None:
    browser = await desk.signed_in(ME, "en")
    shown = set()
    for route in sorted(ROUTES, key=lambda route: route.path not in RECORDED):
        if "GET" not in (route.methods or ()) or "/live" in route.path or route.path in OTHERWISE:
            continue
        desk.app.state.readings._open.clear()  # each page for the first time
        before = len(desk.traces())
        answer = await browser.bytes(address_of(route))
        if shows_callers(answer.body.decode(errors="replace")) or route.path in RECORDED:
            assert answer.status == 200, f"{route.path}: {answer.status}"
            acts = {row["act"] for row in desk.traces()[before:]}
            assert acts == {RECORDED.get(route.path)}, f"{route.path} shows callers' data and has the traces {acts}"
            shown.add(route.path)
    assert shown == {*RECORDED}


async def test_a_list_is_one_trace_for_a_while_by_its_filter_and_does_not_say_whom_it_named(desk: TestDesk) -> None:
    browser = await desk.signed_in(ME, "en")
    for path in ("/worklist", "/worklist", "/worklist?tests=1"):
        assert NUMBER in (await browser.get(path)).text
    found = [(row["about"], row["by"], row["data"]) for row in desk.traces("read_list")]
    assert found == [("list:worklist", ME, {"lines": 4, "tests": tests}) for tests in (False, True)]


async def test_calling_for_a_case_that_is_not_open_is_a_trace_of_its_file(desk: TestDesk) -> None:
    browser = await desk.signed_in(ME, "en")
    assert (await browser.post(f"/worklist/case/{OTHER}/call")).status == 200
    assert [(row["about"], row["reason"]) for row in desk.traces("read_case")] == [(f"case:{OTHER}", "change")]
