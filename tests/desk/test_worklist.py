"""The worklist: messages, call-back requests and procedures to be sent, oldest first, and nobody takes one twice."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from sqlalchemy import insert, select
from stored_cases import store_case

from db import callbacks, guide_requests, messages
from db.engine import reading, writing
from db.enums import AccountRole
from db.references import format_reference, make_reference
from db.tables import Audit, Call, Callback, CaseChange, GuideRequest, Message
from desk.worklist import work
from office import messages as office_messages
from office.people import Actor

pytest_plugins = ["db_fixtures"]

NOW = datetime.now(UTC)
NUMBER, REFERENCE = "+33612345678", make_reference(1, 17)
SOUND = b"RIFF" + bytes(range(200))
GUIDE = {"notice": "", "procedures": [{"id": "visa", "status": "sample", "title": "Visa <1>"}]}


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers["/guide?language=en"] = (200, GUIDE)
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, tmp_path: Path) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        found.desk.settings = replace(found.desk.settings, home=tmp_path)
        (tmp_path / "messages").mkdir()
        await found.operator("1002")
        await found.operator("1003")
        await found.operator("1040", supervisor=True)
        await controller.followed(found)
        yield found


@pytest_asyncio.fixture
async def browser(desk: TestDesk) -> Browser:
    return await desk.signed_in("1002", "en")


async def put(desk: TestDesk, table: Any, **columns: Any) -> UUID:
    row: dict[str, Any] = {"id": uuid4(), "node": "n", "call_id": uuid4(), **columns}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(table).values(row))
    identity: UUID = row["id"]
    return identity


async def leave(desk: TestDesk, minutes: int = 5, **columns: Any) -> UUID:
    """Leave a message; its sound is where the line puts it."""
    identity = uuid4()
    file = f"messages/{identity}.wav"
    assert desk.desk.settings.home is not None
    (desk.desk.settings.home / file).write_bytes(SOUND)
    given = {"caller": NUMBER, "file": file, "language": "fr", "topic": "documents", "duration_ms": 12_000}
    return await put(desk, Message, **{**given, "id": identity, "at": NOW - timedelta(minutes=minutes), **columns})


async def ask_to_be_called(desk: TestDesk, **columns: Any) -> UUID:
    return await put(desk, Callback, **{"kind": "closed", "number": "+33611111111", "wished": NOW, **columns})


async def want_in_writing(desk: TestDesk, **columns: Any) -> UUID:
    given = {"procedure": "visa", "number": "+33622222222", "requested": NOW, "due": NOW, "language": "fr"}
    return await put(desk, GuideRequest, **{**given, **columns})


async def take(desk: TestDesk, message: UUID) -> None:
    await office_messages.take(desk.desk.office, Actor("1002", AccountRole.OPERATOR, "1002"), message)


async def acts(desk: TestDesk, message: UUID) -> list[tuple[str, str]]:
    """Return who did what with a message, as the audit has it."""
    async with reading(desk.engine) as connection:
        about = Audit.about == f"message:{message}"
        return [(row.by, row.act) for row in await connection.execute(select(Audit).where(about).order_by(Audit.at))]


def changes(controller: StandIn) -> list[tuple[str, str, Any]]:
    return [(path, who, body) for method, path, who, body in controller.asked if method != "GET"]


async def count(browser: Browser) -> str:
    return (await browser.get("/worklist/count")).text


async def test_what_nobody_has_done_is_listed_oldest_first(desk: TestDesk, browser: Browser) -> None:
    second, first = await leave(desk, 5), await leave(desk, 9)
    await leave(desk, 20, done=NOW, done_by="1003")
    await ask_to_be_called(desk)
    await ask_to_be_called(desk, kind="case", number="+33699999999")  # the line calls by itself
    await want_in_writing(desk)
    page = (await browser.get("/worklist")).text
    assert page.index(str(first)) < page.index(str(second))
    assert "+33611111111" in page and "+33699999999" not in page
    assert "Visa &lt;1&gt;" in page and page.count("<li") == 4
    assert ">4<" in await count(browser)


async def test_of_very_much_work_the_oldest_is_shown_and_whatever_the_person_has_taken(
    desk: TestDesk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "MOST", 2)
    for minutes in range(9, 5, -1):
        at = NOW - timedelta(minutes=minutes)
        await ask_to_be_called(desk, number=f"+3361111111{minutes}", wished=at)
    await ask_to_be_called(desk, kind="operator", operator_id="1002", number="+33611111112")
    page = (await browser.get("/worklist")).text
    assert re.findall(r'<bdi dir="ltr">(\+\d+)', page) == ["+33611111119", "+33611111118", "+33611111112"]
    assert '<span class="count some">5</span>' in page and page.count("shown as soon as these are done") == 1


async def test_a_message_is_taken_and_whoever_is_later_is_told(desk: TestDesk, browser: Browser) -> None:
    message = await leave(desk)
    answer = await browser.post(f"/worklist/message/{message}", {"change": "take"})
    assert answer.status == 200 and answer.headers["HX-Trigger"] == "hatif:worked"
    assert (await messages.find(desk.engine, message)).taken_by == "1002"
    late = await (await desk.signed_in("1003", "en")).post(f"/worklist/message/{message}", {"change": "take"})
    assert late.status == 409 and "Somebody else has just taken that." in late.text
    assert (await browser.post(f"/worklist/message/{message}", {"change": "erase"})).status == 422


async def test_what_somebody_has_taken_is_theirs_to_see_and_a_supervisors_to_give_back(
    desk: TestDesk, browser: Browser
) -> None:
    message = await leave(desk, case_reference=REFERENCE)
    await take(desk, message)
    await want_in_writing(desk, taken=NOW, taken_by="1003")
    mine = (await browser.get("/worklist")).text
    assert "<audio" in mine and format_reference(REFERENCE) in mine and "Operator 1003" in mine
    assert mine.count("Give back") == 1 and ">0<" in await count(browser)
    theirs = (await (await desk.signed_in("1003", "en")).get("/worklist")).text
    assert "<audio" not in theirs and "Operator 1002" in theirs and theirs.count("Give back") == 1
    supervisor = await desk.signed_in("1040", "en")
    assert (await supervisor.get("/worklist")).text.count("Give back") == 2
    other = await desk.signed_in("1003", "en")
    for who, owner in ((other, "1002"), (supervisor, None)):
        await who.post(f"/worklist/message/{message}", {"change": "release"})
        assert (await messages.find(desk.engine, message)).taken_by == owner


async def test_whoever_has_a_message_hears_it_also_in_parts(desk: TestDesk, browser: Browser) -> None:
    message = await leave(desk)
    path = f"/worklist/message/{message}/audio"
    assert (await browser.get(path)).status == 403
    await take(desk, message)
    whole = await browser.bytes(path)
    assert (whole.status, whole.body, whole.headers["Content-Type"]) == (200, SOUND, "audio/wav")
    assert "no-store" in whole.headers["Cache-Control"]
    part = await browser.bytes(path, Range="bytes=100-109")
    assert (part.status, part.body) == (206, SOUND[100:110])
    assert part.headers["Content-Range"] == f"bytes 100-109/{len(SOUND)}"
    assert (await browser.bytes(path, Range="bytes=9000-")).status == 416
    assert await acts(desk, message) == [("1002", "message_taken"), ("1002", "message_heard")], "once"
    assert (await (await desk.signed_in("1003", "en")).get(path)).status == 403
    assert (await browser.get(f"/worklist/message/{uuid4()}/audio")).status == 404


@pytest.mark.parametrize("file", ["secrets.json", "messages/../secrets.json", "/etc/hostname", "messages/link.wav"])
async def test_no_other_file_can_be_had_as_a_message(
    desk: TestDesk, browser: Browser, tmp_path: Path, file: str
) -> None:
    (tmp_path / "secrets.json").write_text("secret")
    (tmp_path / "messages" / "link.wav").symlink_to(tmp_path / "secrets.json")
    message = await leave(desk, file=file, taken=NOW, taken_by="1002")
    assert (await browser.get(f"/worklist/message/{message}/audio")).status == 404


async def test_to_call_whoever_left_a_message_the_operator_is_rung_first(
    desk: TestDesk, browser: Browser, controller: StandIn
) -> None:
    message = await leave(desk, case_reference=REFERENCE)
    path = f"/worklist/message/{message}/call"
    assert (await browser.post(path)).status == 403
    await take(desk, message)
    called = await browser.post(path)
    assert called.status == 200 and "Your telephone rings as soon as you are ready" in called.text
    wanted = {"number": NUMBER, "language": "fr", "topic": "documents", "case": REFERENCE, "operator": "1002"}
    assert changes(controller) == [("/callbacks", "1002", wanted)]
    for status, code, said in ((409, "no_trunk", "calls nobody"), (422, "country", "does not call that country")):
        controller.answers["/callbacks"] = (status, {"detail": "…", "code": code})
        refused = await browser.post(path)
        assert refused.status == 409 and said in refused.text
    withheld = await leave(desk, caller=None, taken=NOW, taken_by="1002")
    assert (await browser.post(f"/worklist/message/{withheld}/call")).status == 409


async def test_an_operator_calls_a_number_that_they_type(desk: TestDesk, browser: Browser, controller: StandIn) -> None:
    assert "/worklist/call" in (await browser.get("/worklist")).text
    form = {"number": " +33612345678 ", "language": "fr"}
    assert "Your telephone rings" in (await browser.post("/worklist/call", form)).text
    wanted = {"number": NUMBER, "language": "fr", "operator": "1002"}
    assert changes(controller) == [("/callbacks", "1002", wanted)]
    controller.answers["/callbacks"] = (422, {"detail": "…", "code": "malformed"})
    refused = await browser.post("/worklist/call", {"number": "<12>", "language": "xx"})
    assert refused.status == 422 and 'value="&lt;12&gt;"' in refused.text and 'aria-invalid="true"' in refused.text
    assert "not a telephone number" in refused.text
    assert (await browser.post("/worklist/call", {"number": " "})).status == 422


async def test_the_applicant_of_a_case_is_called_about_it(
    desk: TestDesk, browser: Browser, controller: StandIn
) -> None:
    await store_case(desk.engine, language="ar", topic=None)
    path = f"/worklist/case/{format_reference(REFERENCE)}/call"
    assert "Your telephone rings" in (await browser.post(path)).text
    wanted = {"number": NUMBER, "language": "ar", "case": REFERENCE, "operator": "1002"}
    assert changes(controller) == [("/callbacks", "1002", wanted)]
    await store_case(desk.engine, caller=None)
    assert (await browser.post(path)).status == 409
    assert (await browser.post("/worklist/case/100000000/call")).status == 404


async def test_one_operator_calls_for_a_request_and_may_let_it_go(
    desk: TestDesk, browser: Browser, controller: StandIn
) -> None:
    free, own = (
        await ask_to_be_called(desk, language="nl"),
        await ask_to_be_called(desk, kind="operator", operator_id="1002"),
    )
    theirs = await ask_to_be_called(desk, kind="operator", operator_id="1003")
    await ask_to_be_called(desk, state="ringing_caller")
    page = (await browser.get("/worklist")).text
    assert page.count("Call now") == 1 and "Operator 1003" in page and page.count("is being called") == 1
    assert page.count("rings you when you are ready") == 1
    assert page.count("not your language") == 1  # they speak Arabic and French
    assert "Your telephone rings" in (await browser.post(f"/worklist/callback/{free}", {"change": "call"})).text
    assert (await browser.post(f"/worklist/callback/{theirs}", {"change": "cancel"})).status == 403
    assert (await browser.post(f"/worklist/callback/{own}", {"change": "cancel"})).status == 200
    assert changes(controller) == [(f"/callbacks/{free}/call", "1002", {"operator": "1002"})]
    (cancelled,) = [row for row in await callbacks.latest(desk.engine, 1) if row.id == own]
    assert (cancelled.state, cancelled.reason) == ("cancelled", "at the desk")


async def test_a_procedure_is_taken_and_its_end_noted(desk: TestDesk, browser: Browser) -> None:
    asked, other = await want_in_writing(desk), await want_in_writing(desk)
    for request, change in ((asked, "take"), (asked, "release"), (asked, "sent"), (other, "not_possible")):
        assert (await browser.post(f"/worklist/request/{request}", {"change": change})).status == 200
        found = await guide_requests.find(desk.engine, str(request))
        taken_by = "1002" if change == "take" else None
        assert (found.taken_by, found.outcome) == (taken_by, None if change in ("take", "release") else change)
    assert found.ended_by == "1002"
    assert (await browser.post(f"/worklist/request/{asked}", {"change": "burnt"})).status == 422
    late = await browser.post(f"/worklist/request/{asked}", {"change": "take"})
    assert late.status == 409 and "Somebody else has just taken that." in late.text


async def test_the_list_is_shown_while_the_controller_is_away(desk: TestDesk, browser: Browser) -> None:
    await leave(desk)
    await want_in_writing(desk)
    desk.desk.control._base = "http://127.0.0.1:1/v1"
    page = await browser.get("/worklist")
    assert page.status == 200 and "visa" in page.text
    message = (await messages.latest(desk.engine, 0))[0].id
    assert (await browser.post(f"/worklist/message/{message}", {"change": "take"})).status == 200
    callback = await ask_to_be_called(desk)
    assert (await browser.post(f"/worklist/callback/{callback}", {"change": "call"})).status == 503


async def test_what_comes_from_a_test_call_is_marked_and_shown_to_whoever_asks_for_it(
    desk: TestDesk, browser: Browser
) -> None:
    test = uuid4()
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Call).values(id=test, node="n", started=NOW, live=False))
    real, tried = await leave(desk), await leave(desk, call_id=test)
    wanted, tried_too = await want_in_writing(desk), await want_in_writing(desk, call_id=test)
    page = (await browser.get("/worklist")).text
    assert str(real) in page and str(wanted) in page
    assert str(tried) not in page and str(tried_too) not in page and ">Test<" not in page
    assert 'aria-pressed="false"' in page
    assert ">2<" in await count(browser)
    page = (await browser.get("/worklist?tests=1")).text
    assert all(str(row) in page for row in (real, tried, wanted, tried_too))
    assert page.count(">Test<") == 2
    # What is done in this list leads to the same list.
    page = (await browser.post(f"/worklist/message/{tried}", {"change": "take", "tests": "1"})).text
    assert str(tried) in page and str(tried_too) in page
    page = (await browser.post(f"/worklist/message/{real}", {"change": "take", "tests": ""})).text
    assert str(tried) not in page


async def test_a_change_of_theirs_that_was_not_made_is_work_for_its_author_until_they_say_that_it_is_done(
    desk: TestDesk, browser: Browser
) -> None:
    await store_case(desk.engine)
    wanted = {"title": "Lost <passport>", "applicant": None}
    now = datetime.now(UTC)
    columns = {"case_reference": REFERENCE, "version": 1, "columns": wanted, "author": "1002", "at": now}
    async with writing(desk.engine) as connection:
        identity = uuid4()
        await connection.execute(insert(CaseChange).values(id=identity, node="n", **columns))
    page = (await browser.get("/worklist")).text
    assert "Changes that were not made" in page and "title: Lost &lt;passport&gt;" in page
    assert "applicant: nothing" in page and f'hx-get="/case/file/{REFERENCE}"' in page
    assert re.search(r"\b1\b", (await browser.get("/worklist/count")).text)
    assert "First passport" in (await browser.get(f"/case/file/{REFERENCE}")).text, "nobody asks why: it is their task"
    assert desk.traces("read_case")[-1]["data"] == {"task": f"case_change:{identity}"}
    other = await desk.signed_in("1003", "en")
    assert "Changes that were not made" not in (await other.get("/worklist")).text
    await other.post(f"/worklist/change/{identity}")
    assert "Lost &lt;passport&gt;" in (await browser.get("/worklist")).text, "nobody else ends it"
    assert "Changes that were not made" not in (await browser.post(f"/worklist/change/{identity}")).text
