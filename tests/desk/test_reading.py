"""Reading leaves a trace: who looked at what, in which call or for what reason; whoever reads too much is stopped."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from controller import StandIn, operator, standing_in
from desk_server import Answer, Browser, TestDesk, serving
from sqlalchemy import insert, update
from stored_cases import NUMBER, OTHER, REFERENCE, store_case
from test_desk_case import CALL, seed

from db.engine import writing
from db.enums import CallbackKind
from db.ids import uuid7
from db.references import is_valid
from db.tables import Callback, CaseFile, Message, Pairing
from desk.reading.limits import HOLDS, PAUSE, REASONS

pytest_plugins = ["db_fixtures"]

STRANGER = str(uuid4())
FILE = f"/case/file/{REFERENCE}"
SHOWN = "First passport"
ASKED = "Why do you look at this?"


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await found.operator("1003")
        await seed(found.engine)
        await controller.followed(found)
        yield found


@pytest_asyncio.fixture
async def browser(desk: TestDesk) -> Browser:
    return await desk.signed_in("1002", "en")


async def answer_why(browser: Browser, asked: Answer, reason: str = "contact") -> Answer:
    """Press the button of a reason in the page that asks why; return what is shown then."""
    form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', asked.text)}
    led = await browser.post("/reading/why", {**form, "reason": reason})
    assert led.status == 303, led.text
    return await browser.get(led.leads_to)


async def test_a_person_in_no_call_who_searches_without_end_is_asked_recorded_and_stopped(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    """As a person did in ten seconds: 301 searches, then a stranger's file."""
    asked = await browser.get("/case/search?q=passport")
    assert ASKED in asked.text and SHOWN not in asked.text
    assert SHOWN in (await answer_why(browser, asked)).text
    answers = [await browser.get(f"/case/search?q=name{at}") for at in range(300)]
    assert [answer.status for answer in answers] == [200] * 59 + [429] * 241
    assert "paused" in answers[-1].text
    opened = await browser.get(FILE)
    assert opened.status == 429 and SHOWN not in opened.text
    searches = desk.traces("read_search")
    assert len(searches) == 60, "each search that was shown, and no other"
    assert (searches[0]["by"], searches[0]["reason"]) == ("1002", "contact")
    assert searches[0]["data"] == {"terms": "passport", "cases": [REFERENCE]}
    alarm = desk.traces("read_paused")
    assert [(row["by"], row["data"]["kind"], row["data"]["number"]) for row in alarm] == [("1002", "search", 60)]
    assert desk.app.state.readings.alarms(desk.desk.now()) == 1
    # The call on their screen is served all the same, and what belongs to it.
    controller.connect("1002", identity=CALL, caller=NUMBER, case=REFERENCE)
    await controller.seen(desk)
    for path in ("/case/latest", f"/case/call/{CALL}/coming", FILE, f"/case/search?q={NUMBER[1:]}"):
        served = await browser.get(path)
        assert served.status == 200 and SHOWN in served.text, path
    await store_case(desk.engine, reference=OTHER, caller="+3199")
    assert (await browser.get(f"/case/file/{OTHER}")).status == 429, "another's file is not"
    desk.moved = PAUSE + timedelta(seconds=1)
    assert (await browser.get("/case/search?q=passport")).status == 200


async def test_thirty_files_in_ten_minutes_are_an_alarm_and_a_pause(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    references = [f"{100000000 + at}" for at in range(400)]
    references = [reference for reference in references if is_valid(reference)][:31]
    for reference in references:
        await store_case(desk.engine, reference=reference)
        desk.says_why("1002", f"case:{reference}")
    for _ in range(2):
        assert (await browser.get(f"/case/file/{references[0]}")).status == 200
    answers = [await browser.get(f"/case/file/{reference}") for reference in references[1:]]
    assert [answer.status for answer in answers] == [200] * 29 + [429]
    assert len(desk.traces("read_case")) == 30, "the same file twice is one act"
    assert len(desk.traces("read_paused")) == 1


async def test_outside_of_a_call_a_file_is_shown_once_the_reason_is_known_which_holds_for_it_for_a_while(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    asked = await browser.get(FILE)
    assert ASKED in asked.text and SHOWN not in asked.text
    assert all(f'name="reason" value="{reason}"' in asked.text for reason in REASONS)
    assert desk.traces() == []
    assert SHOWN in (await answer_why(browser, asked, "complaint")).text
    assert SHOWN in (await browser.get(FILE)).text
    assert [(row["act"], row["about"], row["reason"], row["call_id"]) for row in desk.traces()] == [
        ("read_case", f"case:{REFERENCE}", "complaint", None)
    ]
    await store_case(desk.engine, reference=OTHER)
    assert ASKED in (await browser.get(f"/case/file/{OTHER}")).text, "for this file, and no other"
    desk.moved = HOLDS + timedelta(seconds=1)
    assert ASKED in (await browser.get(FILE)).text
    wrong = {"reason": "because", "subject": f"case:{REFERENCE}", "address": FILE}
    assert (await browser.post("/reading/why", wrong)).status == 422
    for address in ("https://example.org/", "//example.org/case/", "/sign-out"):
        refused = await browser.post("/reading/why", {**wrong, "reason": "work", "address": address})
        assert refused.status == 422, address
    assert ASKED in (await browser.get(FILE)).text


async def test_the_reason_of_a_search_holds_for_the_files_that_it_finds(desk: TestDesk, browser: Browser) -> None:
    await answer_why(browser, await browser.get("/case/search?q=passport"), "colleague")
    assert SHOWN in (await browser.get(FILE)).text
    assert [(row["act"], row["reason"]) for row in desk.traces()] == [
        ("read_search", "colleague"), ("read_case", "colleague"),
    ]  # fmt: skip


async def test_during_a_call_and_its_wrap_up_the_call_is_the_reason(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    controller.connect("1002", identity=CALL, caller=NUMBER, case=REFERENCE)
    await controller.seen(desk)
    assert SHOWN in (await browser.get("/case/latest")).text
    assert SHOWN in (await browser.get("/case/search?q=passport")).text
    now = desk.desk.now()
    pairing = {"id": uuid7(), "node": "n", "call_id": UUID(CALL), "operator_id": "1002", "began": now, "ended": now}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Pairing).values(pairing))
    controller.set(operator("1002", "wrapping_up"), calls=[])
    await controller.seen(desk)
    assert SHOWN in (await browser.get("/case/search?q=First")).text
    assert {(row["act"], row["reason"], row["call_id"]) for row in desk.traces()} == {
        ("read_caller", "call", CALL), ("read_case", "call", CALL), ("read_search", "call", CALL),
    }  # fmt: skip
    assert len(desk.traces("read_search")) == 2


async def test_a_callers_history_that_is_not_on_the_screen_is_asked_for_as_a_file_is(
    desk: TestDesk, browser: Browser
) -> None:
    for path in (f"/case/call/{CALL}", f"/case/call/{CALL}/coming"):
        asked = await browser.get(path)
        assert ASKED in asked.text and "earlier calls" not in asked.text
    assert "2 earlier calls" in (await answer_why(browser, asked)).text
    assert [(row["act"], row["about"]) for row in desk.traces()] == [("read_caller", f"call:{CALL}")]


@pytest.mark.parametrize("work", ["message", "callback", "case"])
async def test_whatever_a_person_has_taken_is_the_reason_for_its_own_file(
    desk: TestDesk, controller: StandIn, browser: Browser, work: str
) -> None:
    assert ASKED in (await browser.get(FILE)).text
    identity, now = uuid7(), desk.desk.now()
    async with writing(desk.engine) as connection:
        if work == "message":
            row = {"id": identity, "node": "n", "call_id": uuid4(), "file": "x", "at": now, "case_reference": REFERENCE}
            await connection.execute(insert(Message).values({**row, "taken": now, "taken_by": "1002"}))
        elif work == "callback":
            request = {"id": identity, "node": "n", "kind": CallbackKind.OPERATOR.value, "number": NUMBER}
            await connection.execute(insert(Callback).values({**request, "operator_id": "1002", "wished": now}))
        else:
            await connection.execute(update(CaseFile).where(CaseFile.reference == REFERENCE).values(owner="1002"))
    assert SHOWN in (await browser.get(FILE)).text
    (trace,) = desk.traces()
    assert trace["reason"] == "task"
    assert trace["data"] == ({} if work == "case" else {"task": f"{work}:{identity}"})
    await store_case(desk.engine, reference=OTHER, caller="+3199", owner=None)
    assert ASKED in (await browser.get(f"/case/file/{OTHER}")).text


async def test_what_is_typed_into_a_file_is_never_refused_for_want_of_a_reason_and_is_a_trace(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    assert (await browser.post(f"{FILE}/note", {"text": "They called."})).status == 200
    assert [(row["act"], row["reason"]) for row in desk.traces()] == [("read_case", "change")]
    assert (await browser.post(f"{FILE}/note", {"text": "Again."})).status == 200
    assert len(desk.traces()) == 1


async def test_a_search_that_is_still_being_typed_counts_once(desk: TestDesk, browser: Browser) -> None:
    desk.says_why("1002", "search")
    words = "first passport of a child"
    for _ in range(3):
        for length in range(2, len(words) + 1):
            assert (await browser.get(f"/case/search?q={words[:length].strip()}")).status == 200
    assert desk.traces("read_paused") == []
    for at in range(60):
        await browser.get(f"/case/search?q={'06123'[: 4 + at % 2]}{at}")
    assert len(desk.traces("read_paused")) == 1, "longer and shorter by turns is no typing"


async def test_what_cannot_be_put_on_record_is_not_shown_but_the_call_on_the_screen_is(
    desk: TestDesk, controller: StandIn, browser: Browser
) -> None:
    desk.says_why("1002", "search", f"case:{REFERENCE}")
    journal = desk.app.state.reader._traces._journal
    broken = desk.journal.parent / f"{desk.journal.name}-file"
    broken.write_text("")
    whole, journal._folder = journal._folder, broken  # no folder: nothing can be written
    try:
        for path in (FILE, "/case/search?q=passport"):
            refused = await browser.get(path)
            assert refused.status == 503 and SHOWN not in refused.text and "on record" in refused.text
        controller.connect("1002", identity=CALL, caller=NUMBER, case=REFERENCE)
        await controller.seen(desk)
        assert SHOWN in (await browser.get("/case/latest")).text
    finally:
        journal._folder = whole
        broken.unlink()
    controller.set(operator("1002"), calls=[])
    await controller.seen(desk)
    assert SHOWN in (await browser.get(FILE)).text
    assert "call" in [row["reason"] for row in desk.traces()], "what could not be written follows"
