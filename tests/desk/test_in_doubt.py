"""What nobody confirmed may have been done: each room says so, and keeps what was typed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import desk_server
import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from line import CHECKOUT
from sqlalchemy import Connection, event, insert

from db import amendments
from db.amendment_data import Amendment as Proposed
from db.engine import writing
from db.enums import AmendmentState
from db.references import make_reference
from db.tables import Call, Callback, GuideRequest, Message, Pairing, Recording
from desk.control import ControlClient, ControllerAwayError, InDoubtError

pytest_plugins = ["db_fixtures"]

REFERENCE = make_reference(1, 17)
ITEM, OWN, RECORDING, CALLED = uuid4(), uuid4(), uuid4(), uuid4()
NUMBER, OTHER_NUMBER = "+33612345678", "+33612345679"
SENTENCE = "it may have been done. Look before you do it again."
HERE = 'href="/worklist?only=mine"'
HTMX = {"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example/worklist?only=mine"}

Forms = tuple[tuple[str, dict[str, str]], ...]

OPERATORS: Forms = (
    ("/shift/state", {"state": "paused", "reason": "lunch"}),
    ("/shift/wrap-up", {"change": "end"}),
    ("/call/help", {"why": "difficult"}),
    (f"/worklist/callback/{ITEM}", {"change": "call"}),
    ("/worklist/call", {"number": NUMBER, "language": "fr"}),
    ("/call/act", {"act": "hold"}),
    ("/call/act", {"act": "hang_up"}),
    ("/call/act", {"act": "pause_recording"}),
    ("/call/hand-on", {"how": "transfer", "to": "operator:1003"}),
    ("/call/hand-on", {"how": "consult", "to": "topic:documents"}),
    ("/call/hand-on", {"how": "interpreter", "to": "language:ar"}),
    ("/call/hand-on", {"how": "transfer", "to": "supervisor:"}),
    ("/try/training", {"script": "passport"}),
    ("/try/training/end", {}),
    ("/try/training/ready", {}),
)
IN_THE_OFFICE: Forms = (
    (f"/worklist/callback/{OWN}", {"change": "cancel"}),
    (f"/worklist/message/{ITEM}", {"change": "take"}),
    (f"/worklist/request/{ITEM}", {"change": "take"}),
    ("/amend/procedure/visa", {"text:guide_visa_fee:fr": "Soixante euros.", "why": "The fee has changed."}),
    (f"/amend/proposal/{ITEM}", {"change": "refuse", "why": "The fee is the former one."}),
    (f"/amend/proposal/{OWN}", {"change": "withdraw"}),
    ("/amend/questions", {"question": "gap:hunting", "note": "Written."}),
    (f"/recordings/{RECORDING}/scores", {"score-greeting": "4", "remark": "Warm."}),
)
"""What the desk itself does in the database."""

SUPERVISORS: Forms = (
    ("/board/acknowledge", {"alarm": "disk"}),
    ("/supervise/operator/1002/state", {"state": "away"}),
    ("/supervise/operator/1002/languages", {"level-fr": "3", "first": "fr"}),
    ("/supervise/help/1002/settle", {}),
    (f"/supervise/caller/{CALLED}/move", {"to": "front:"}),
    ("/supervise/line/hours", {"force": "closed", "why": "fire alarm"}),
    ("/supervise/line/announcement", {"text": ""}),
    ("/supervise/listen", {"operator": "1002", "mode": "listen"}),
    (f"/amend/proposal/{ITEM}", {"change": "release"}),
    (f"/amend/proposal/{ITEM}", {"change": "take-back"}),
)


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.scoring = {"greeting": {"en": "Greeting"}}
        visa = {"id": "visa", "status": "sample", "title": "Visa", "fields": {}, "remarks": {}, "sources": []}
        found.answers["/guide?language=en"] = (200, {"procedures": [visa]})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestDesk]:
    plain, site = desk_server.settings_for, CHECKOUT / "sites" / "consulate"
    monkeypatch.setattr(
        desk_server, "settings_for", lambda *given: replace(plain(*given), site_folder=site, has_try=True)
    )
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1002")
        await found.operator("1040", supervisor=True)
        yield found


async def fill(desk: TestDesk) -> None:
    """Store a message, a call-back request, a request for a procedure and a recording."""
    now = datetime.now(UTC)
    shared = {"id": ITEM, "node": "n", "call_id": uuid4(), "language": "fr"}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Message).values(**shared, caller=NUMBER, file="x", at=now))
        for identity, operator, number in ((ITEM, "1002", NUMBER), (OWN, "1040", OTHER_NUMBER)):
            request = shared | {"id": identity, "kind": "operator", "state": "wished", "wished": now}
            await connection.execute(insert(Callback).values(**request, number=number, operator_id=operator))
        await connection.execute(
            insert(GuideRequest).values(**shared, number=NUMBER, procedure="visa", requested=now, due=now)
        )
        for identity, by in ((ITEM, "1902"), (OWN, "1040")):
            texts: dict[str, dict[str, str]] = {}
            proposed = Proposed(identity, "visa", texts, texts, True, None, now, by, AmendmentState.PROPOSED.value)
            await amendments.propose(connection, proposed)
        consent = {"consented": now, "consent_key": "1", "consent_text": "record_question", "consent_language": "fr"}
        recorded = {"id": RECORDING, "node": "n", "call_id": CALLED, "file": "recordings/x.wav", "started": now}
        await connection.execute(insert(Call).values(id=CALLED, node="n", started=now, language="fr"))
        pairing = {"id": RECORDING, "node": "n", "call_id": CALLED, "operator_id": "1002", "began": now}
        await connection.execute(insert(Pairing).values(pairing))
        await connection.execute(insert(Recording).values(**recorded, **consent, ended=now, duration_ms=1000))


async def answers(browser: Browser, forms: Forms) -> None:
    wrong = []
    for path, form in forms:
        answer = await browser.post(path, form, HTMX)
        # htmx shows it as a notice, and leaves the form and what was typed into it.
        is_notice = (answer.headers.get("HX-Retarget"), answer.headers.get("HX-Reswap")) == ("#notices", "beforeend")
        # What is true now opens beside what was typed.
        if answer.status != 503 or SENTENCE not in answer.text or not is_notice or HERE not in answer.text:
            wrong.append((path, answer.status, answer.text[-300:]))
    assert not wrong, wrong


async def test_each_form_says_that_it_may_have_been_done(desk: TestDesk, controller: StandIn) -> None:
    await fill(desk)
    controller.connect("1002")
    await controller.seen(desk)
    controller.in_doubt = True
    await answers(await desk.signed_in("1002", "en"), OPERATORS)
    await answers(await desk.signed_in("1040", "en"), SUPERVISORS)


async def test_each_change_whose_end_the_database_did_not_confirm_says_that_it_may_have_been_done(
    desk: TestDesk,
) -> None:
    await fill(desk)
    browser = await desk.signed_in("1040", "en")
    assert (await browser.get("/worklist")).status == 200  # the desk knows the session from now on

    def lost(connection: Connection) -> None:
        if not connection.get_execution_options().get("hatif_reads_only"):
            raise ConnectionResetError("the connection was lost")

    event.listen(desk.engine.sync_engine, "commit", lost)
    try:
        await answers(browser, IN_THE_OFFICE)
    finally:
        event.remove(desk.engine.sync_engine, "commit", lost)


async def test_what_is_done_is_said_to_be_done_if_the_page_cannot_be_read_after_it(
    desk: TestDesk, controller: StandIn
) -> None:
    await fill(desk)
    sentence = "That is done, but the page cannot be shown at this moment."
    supervisor = await desk.signed_in("1040", "en")
    controller.answers["/hours"] = (503, {"detail": "The database is away."})
    controller.once["/hours"] = (200, {})
    answer = await supervisor.post("/supervise/line/hours", {"force": "closed", "why": "fire alarm"}, HTMX)
    assert (answer.status, sentence in answer.text, HERE in answer.text) == (503, True, True)
    answer = await supervisor.get("/supervise/line")
    assert answer.status == 503 and sentence not in answer.text, "the next request has asked for nothing"

    def lost(_: object, __: object, statement: str, *___: object) -> None:
        if "FROM message" in statement:
            raise ConnectionResetError("the connection was lost")

    operator = await desk.signed_in("1002", "en")
    event.listen(desk.engine.sync_engine, "before_cursor_execute", lost)
    try:
        answer = await operator.post(f"/worklist/message/{ITEM}", {"change": "take"}, HTMX)
    finally:
        event.remove(desk.engine.sync_engine, "before_cursor_execute", lost)
    assert (answer.status, sentence in answer.text, HERE in answer.text) == (503, True, True)


async def test_a_form_whose_page_is_left_gives_back_what_was_typed(desk: TestDesk) -> None:
    browser = await desk.signed_in("1040", "en")
    assert (await browser.get("/board/walls")).status == 200  # the desk knows the session from now on

    def lost(_: object) -> None:
        raise ConnectionResetError("the connection was lost")

    event.listen(desk.engine.sync_engine, "commit", lost)
    try:
        referer = {"Referer": f"{browser.url}/board/walls"}
        answer = await browser.post("/board/walls", {"name": "Reception <1>", "language": "fr"}, referer)
    finally:
        event.remove(desk.engine.sync_engine, "commit", lost)
    assert answer.status == 503 and SENTENCE in answer.text
    assert "Reception &lt;1&gt;" in answer.text and 'href="/board/walls"' in answer.text


async def test_a_change_is_in_doubt_once_it_was_sent_and_a_question_never() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with ControlClient(port, "token") as control:
            with pytest.raises(InDoubtError):
                await control.ask("POST", "/alarms", "1002", {})
            with pytest.raises(ControllerAwayError):
                await control.ask("GET", "/alarms", "1002")
    async with ControlClient(port, "token") as control:
        with pytest.raises(ControllerAwayError):
            await control.ask("POST", "/alarms", "1002", {})
