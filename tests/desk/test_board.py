"""The wallboard shows the line as it is; alarms are acknowledged by name; a screen's link can be withdrawn."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest_asyncio
from controller import StandIn, operator, standing_in, waiter
from desk_server import Browser, TestDesk, serving
from sqlalchemy import insert

from db import report_mails
from db.engine import writing
from db.report_mails import Mailing
from db.tables import Call
from desk.board import walls, watch
from desk.board.day import read_day
from desk.board.walls import KNOWN
from wire.live import Acknowledgement, Alarm, AlarmKind, QueueEntry

pytest_plugins = ["db_fixtures"]

READ_S = 8.0
PARIS = ZoneInfo("Europe/Paris")


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers["/outlook"] = (200, {"expected_s": {"ar": 0.0, "fr": 135.0, "nl": None}})
        found.answers["/hours"] = (200, {"open": True, "until": "2026-11-28T20:00:00Z"})
        yield found


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, controller.port) as found:
        await found.operator("1040", supervisor=True)
        await controller.followed(found)
        yield found


def entry(place: int, language: str, ago: float, **more: Any) -> QueueEntry:
    members = {"call": f"waiter-{place}", "caller": "+33612345678", **more}
    return waiter(place, language, time.time() - ago, **members)


def alarm(kind: AlarmKind, identity: str | None = None, **more: Any) -> Alarm:
    return Alarm(id=identity or kind.value, kind=kind, text=f"{kind} happened.", **more)


async def reads(browser: Browser, path: str, *words: str) -> str:
    """Return what a stream has sent until all words were in it."""
    text, stream = "", await browser.stream(path)
    assert stream.status == 200, await stream.text()
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_S):
            async for line in stream.content:
                text += line.decode()
                if all(word in text for word in words):
                    stream.close()
                    return text
    missing = [word for word in words if word not in text]
    raise AssertionError(f"the stream has no {missing}: {text}")


async def test_the_board_has_every_language_with_who_waits_and_the_wait_to_be_expected(
    desk: TestDesk, controller: StandIn
) -> None:
    controller.queue = [entry(1, "fr", 95), entry(2, "fr", 20), entry(3, "ar", 5), entry(4, "nl", 200, test=True)]
    controller.set(operator("1002", "paused", reason="lunch"), operator("1003", languages={"fr": 5}))
    browser = await desk.signed_in("1040", "en")
    page = await reads(browser, "/live/board", 'id="board-row-fr" class="some"', 'data-state="paused" data-count="1"')
    page = (await browser.get("/board")).text
    rows = re.findall(r'id="board-row-(\w+)".*?data-waiting="(\d+)"', page, re.DOTALL)
    assert rows == [("ar", "1"), ("fr", "2"), ("nl", "0"), ("en", "0"), ("all", "3")]
    french = page.partition('id="board-row-fr"')[2].partition("</tr>")[0]
    assert re.findall(r'class="number(?: short)?">(\d+)<', french) == ["2", "2"]  # two wait, two are ready
    assert "2:15" in french and f'data-since="{controller.queue[0].since:.3f}"' in french
    assert 'data-state="ready" data-count="2"' in page and "Lunch" in page


async def test_pages_count_the_wait_of_a_caller_who_was_served_before_from_the_end_of_that_conversation(
    desk: TestDesk, controller: StandIn
) -> None:
    served = time.time() - 16
    controller.queue = [entry(1, "fr", 1500, waits_since=served)]
    controller.alarms = [alarm(AlarmKind.LONG_WAIT, "long_wait:fr", language="fr", figure=None)]
    controller.changed.set()
    browser = await desk.signed_in("1040", "en")
    await reads(browser, "/live/board", f'data-since="{served:.3f}"')
    for path in ("/board", "/supervise", "/shift"):
        page = (await browser.get(path)).text
        assert f'data-since="{served:.3f}"' in page, path
        assert f'data-since="{controller.queue[0].since:.3f}"' not in page, path
    board = (await browser.get("/board")).text
    assert "A caller waited too long: French" in board


async def test_a_report_that_could_not_be_sent_is_an_alarm_until_a_later_one_has_arrived(
    desk: TestDesk, controller: StandIn
) -> None:
    browser = await desk.signed_in("1040", "en")
    now = desk.desk.now()
    monday, address = Mailing("day", now.date() - timedelta(days=2), "office@example.org"), "office@example.org"
    assert "could not be sent" not in (await browser.get("/board")).text
    assert await report_mails.claim(desk.engine, monday, now)
    await report_mails.note(desk.engine, monday, problem="the mail server does not answer")
    desk.moved += timedelta(seconds=watch.EVERY_S)
    assert "1 report could not be sent by e-mail" in (await browser.get("/board")).text
    assert (await browser.post("/board/acknowledge", {"alarm": "report_not_sent"})).status == 204
    page = (await browser.get("/board")).text
    assert "Safae Saffron sees to it" in page and controller.asked[-1][0] == "GET"
    tuesday = Mailing("day", now.date() - timedelta(days=1), address)
    assert await report_mails.claim(desk.engine, tuesday, now)
    await report_mails.note(desk.engine, tuesday, problem="the mail server does not answer")
    desk.moved += timedelta(seconds=watch.EVERY_S)
    page = (await browser.get("/board")).text
    assert "2 reports could not be sent by e-mail" in page and "sees to it" not in page  # nobody has seen the second
    await report_mails.note(desk.engine, tuesday, sent=now)
    desk.moved += timedelta(seconds=watch.EVERY_S)
    assert "could not be sent" not in (await browser.get("/board")).text
    assert (await browser.post("/board/acknowledge", {"alarm": "report_not_sent"})).status == 409


async def test_an_alarm_is_acknowledged_once_by_name_and_stays_until_it_is_cleared(
    desk: TestDesk, controller: StandIn
) -> None:
    controller.alarms = [alarm(AlarmKind.LIMIT_REACHED, "limit_reached:menus"), alarm(AlarmKind.PIN_GUESSING)]
    controller.changed.set()
    browser = await desk.signed_in("1040", "en")
    await reads(browser, "/live/board", "A limit on callers was reached", "guesses the PINs")
    await browser.get("/board")
    assert (await browser.post("/board/acknowledge", {"alarm": "limit_reached:menus"})).status == 204
    asked = [row for row in controller.asked if row[0] == "POST"]
    assert asked == [("POST", "/alarms/limit_reached:menus/acknowledge", "1040", {"name": "Safae Saffron"})]
    seen = Acknowledgement(by="1040", name="Safae Saffron", at=time.time())
    controller.alarms[0] = replace(controller.alarms[0], acknowledged=seen)
    controller.changed.set()
    text = await reads(browser, "/live/board", "Safae Saffron sees to it")
    assert text.count('hx-post="/board/acknowledge"') >= 1  # the other one still can be
    controller.alarms = []
    controller.changed.set()
    await reads(browser, "/live/board", 'id="board-alarms"')
    controller.once["/alarms/pin_guessing/acknowledge"] = (404, {"detail": "over"})
    late = await browser.post("/board/acknowledge", {"alarm": "pin_guessing"})
    assert late.status == 409 and "This alarm is over already." in late.text


async def test_a_screen_needs_no_sign_in_and_has_nobodys_name_or_number(desk: TestDesk, controller: StandIn) -> None:
    controller.queue = [entry(1, "fr", 95)]
    controller.alarms = [
        alarm(AlarmKind.HELP_WANTED, "help_wanted:1002", operator="1002", why="The caller shouts."),
        alarm(AlarmKind.NO_ANSWER, "no_answer:1003", operator="1003"),
    ]
    controller.connect("1002")
    supervisor = await desk.signed_in("1040", "en")
    await reads(supervisor, "/live/board", "Operator 1002 asks for help", "The caller shouts.", 'id="seat-1003"')
    token = await walls.make(desk.engine, "Hall", "1040", desk.desk.now(), language="ar")
    screen = desk.browser()
    page = await screen.get(f"/wall/{token}")
    assert page.status == 200 and 'dir="rtl"' in page.text and 'data-waiting="1"' in page.text
    stream = await reads(screen, f"/wall/{token}/live", 'id="board-alarms"', 'id="board-waiting"')
    for text in (page.text, stream):
        for private in ("Operator 1002", "Operator 1003", "shouts", "+33", "seat-", "Safae", "waiter-"):
            assert private not in text, private
    named = await walls.make(desk.engine, "Room", "1040", desk.desk.now(), names=True)
    page = await screen.get(f"/wall/{named}")
    assert 'id="seat-1002"' in page.text and "acknowledge" not in page.text and "+33" not in page.text


async def test_a_withdrawn_link_ends_its_screens(desk: TestDesk) -> None:
    supervisor, screen = await desk.signed_in("1040", "en"), desk.browser()
    assert (await supervisor.post("/board/walls", {"name": "  "})).status == 422
    made = (await supervisor.post("/board/walls", {"name": "Hall", "language": "fr"})).text
    (url,) = re.findall(rf"{desk.url}(/wall/[\w-]+)|http://localhost:\d+(/wall/[\w-]+)", made)
    path = "".join(url)
    assert "Tableau mural" in (await screen.get(path)).text
    stream = await screen.stream(f"{path}/live")
    listed = (await supervisor.get("/board/walls")).text
    assert "Hall" in listed and path not in listed  # the link is shown once
    (wall,) = re.findall(r"/board/walls/([0-9a-f-]+)/withdraw", listed)
    assert (await supervisor.post(f"/board/walls/{wall}/withdraw")).status == 200
    assert (await supervisor.post(f"/board/walls/{wall}/withdraw")).status == 404
    desk.moved += KNOWN
    assert (await screen.get(path)).status == 410
    assert (await screen.get(f"{path}/live")).status == 410
    async with asyncio.timeout(READ_S):
        async for _ in stream.content:
            pass  # it ends
    for unknown in ("nothing", "x" * 100):
        assert (await screen.get(f"/wall/{unknown}")).status == 410


async def put(desk: TestDesk, at: datetime, wait_s: float | None, outcome: str | None, **more: object) -> None:
    """Store a call that began to wait at an instant; `wait_s`: until an operator or its end."""
    ends = at + timedelta(seconds=wait_s or 0)
    row = {"id": uuid4(), "node": "n", "started": at, "queued": at, "outcome": outcome, "ended": ends}
    row |= {"connected": ends} if outcome == "answered" else {"dequeued": ends}
    async with writing(desk.engine) as connection:
        await connection.execute(insert(Call).values({**row, **more}))


async def test_the_day_in_figures_is_counted_by_the_clock_of_the_site(desk: TestDesk) -> None:
    nine = datetime(2026, 10, 25, 8, 0, tzinfo=UTC)  # 09:00 in Paris, on the day whose clocks are set back
    await put(desk, nine, 10, "answered")
    await put(desk, nine + timedelta(minutes=29), 30, "answered")
    await put(desk, nine + timedelta(minutes=31), 40, "abandoned")
    await put(desk, nine, 5, "callback")
    await put(desk, nine, 5, "answered", live=False)  # a test call
    await put(desk, nine, None, "self_served", queued=None)
    await put(desk, nine, None, None, queued=None, outgoing=True)
    await put(desk, datetime(2026, 10, 24, 21, 59, tzinfo=UTC), 5, "answered")  # the day before
    begins = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    day = await read_day(desk.engine, begins, begins + timedelta(hours=25), PARIS)
    assert (day.calls, day.answered, day.abandoned) == (5, 2, 1)
    assert (day.service_level, day.abandonment, day.wait_s) == (1 / 3, 1 / 3, 20.0)
    busy = {place: half for place, half in enumerate(day.half_hours) if half.calls}
    assert {place: (half.calls, half.wait_s, half.service_level) for place, half in busy.items()} == {
        18: (4, 20.0, 0.5),
        19: (1, None, 0.0),
    }


async def test_the_board_compares_with_the_same_weekday_before_until_the_same_time(
    desk: TestDesk, controller: StandIn
) -> None:
    now = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    desk.moved = now - datetime.now(UTC)
    for minutes in (10, 20, 30):
        await put(desk, now - timedelta(minutes=minutes), 5, "answered")
    week = now - timedelta(days=7)
    await put(desk, week - timedelta(minutes=5), 60, "answered")
    await put(desk, week + timedelta(minutes=5), 60, "answered")  # later than now, a week ago
    browser = await desk.signed_in("1040", "en")
    page = (await browser.get("/board")).text
    shown = dict(re.findall(r'data-figure="(\w+)"><dt>[^<]+</dt><dd><bdi dir="ltr">([^<]+)</bdi>', page))
    assert (shown["service_level"], shown["calls"], shown["wait_s"]) == ("100%", "3", "0:05")
    assert shown["expected_s"] == "2:15"
    assert re.findall(r'class="before">week before: ([^<]+)<', page)[:2] == ["0%", "1"]
    assert page.count("<svg") == page.count("</svg>") and page.count('class="chart-before"') == 3
    await put(desk, now, 5, "answered")
    desk.moved += timedelta(seconds=watch.EVERY_S)
    assert ">4</bdi>" in (await browser.get("/board")).text.partition('data-figure="calls"')[2][:60]
