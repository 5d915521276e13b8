"""The administrator's pages that show how the line is doing: callers in the flow, and the audit."""

import csv
import io
import random
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from xml.etree.ElementTree import ParseError
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
import try_picture
from controller import StandIn, standing_in
from desk_server import TestDesk, serving
from line import CHECKOUT
from sqlalchemy import delete, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.processes.check import Check, phrase
from db.engine import writing
from db.enums import AccountRole
from db.ids import uuid7
from db.tables import Audit, Call, CallEvent
from desk.overview import flow_marks
from desk.overview.audit_words import masked
from desk.overview.flow_counts import FlowCounts

pytest_plugins = ["db_fixtures"]

ZONE = ZoneInfo("Africa/Casablanca")
DAY = datetime(2026, 11, 27, tzinfo=ZONE)
NEXT = {
    "language": ("hours",),
    "hours": ("welcome", "closed", "main"),
    "welcome": ("main",),
    "main": ("documents", "file", "operator", "main"),
    "documents": ("main", "operator"),
    "file": ("main",),
    "operator": ("queue",),
    "queue": (),
    "closed": (),
}
ENDS: tuple[tuple[str | None, str | None], ...] = (
    ("left_menu", "caller"), ("abandoned", "caller"), ("answered", "operator"), ("self_served", "service"),
    ("left_menu", "service"), ("closed", "service"), (None, None),
)  # fmt: skip


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        found.answers |= try_picture.answers(CHECKOUT / "sites" / "consulate")
        yield found


@pytest_asyncio.fixture
async def desk(engine: AsyncEngine, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(engine.url.render_as_string(hide_password=False), controller.port) as found:
        await found.account("root", AccountRole.ADMINISTRATOR)
        await found.operator("1040", supervisor=True)
        await controller.followed(found)
        yield found


async def make_calls(engine: AsyncEngine, number: int) -> None:
    """Make calls of one day that walk through a flow at random; others, which do not count, are among them."""
    chance, calls, events = random.Random(7), [], []
    for _ in range(number):
        path, outcome, by = ["language"], *chance.choice(ENDS)
        while NEXT[path[-1]] and chance.random() < 0.85 and len(path) < 24:
            path.append(chance.choice(NEXT[path[-1]]))
        identity, boot, started = uuid7(), uuid4(), DAY + timedelta(seconds=chance.randrange(86_400))
        kept = path
        while sum(len(node) + 3 for node in kept) > 134:  # as the controller keeps it
            kept = kept[1:]
        about = {"live": chance.random() < 0.9, "outgoing": chance.random() < 0.05}
        row = {"id": identity, "node": "n", "started": started, "outcome": outcome, "ended_by": by, **about}
        ended = started + timedelta(minutes=3) if outcome else None
        calls.append({**row, "path": kept if outcome else [], "ended": ended})
        for seq, node in enumerate(path):
            at = started + timedelta(seconds=seq)
            event = {"node": "n", "boot": boot, "at": at, "call_id": identity, "kind": "node", "flow_node": node}
            events.append({**event, "seq": 3 * seq, "data": {"resumed": False}})
            if chance.random() < 0.05:  # the controller was restarted
                events.append({**event, "seq": 3 * seq + 1, "data": {"resumed": True}})
    for ago in (-1, 86_400):  # just outside of the day
        about = {"live": True, "outgoing": False}
        row = {"id": uuid7(), "node": "n", "started": DAY + timedelta(seconds=ago), "outcome": "left_menu", **about}
        calls.append({**row, "ended_by": "caller", "ended": DAY, "path": ["language", "hours"]})
    async with writing(engine) as connection:
        await connection.execute(insert(Call), calls)
        await connection.execute(insert(CallEvent), events)


WALKED = """
WITH counted AS (
  SELECT id, outcome, ended_by FROM call
  WHERE live AND NOT outgoing AND started >= :begins AND started < :ends
), walked AS (
  SELECT e.call_id, e.flow_node, e.seq, c.outcome, c.ended_by,
         LAG(e.flow_node) OVER (PARTITION BY e.call_id ORDER BY e.seq) AS came_from,
         LEAD(e.flow_node) OVER (PARTITION BY e.call_id ORDER BY e.seq) AS went_to
  FROM call_event e JOIN counted c ON c.id = e.call_id
  WHERE e.kind = 'node' AND CAST(e.data AS TEXT) LIKE '%false%'
)
"""
"""The walk of each call by its events, written without the code under test."""


async def test_counts_on_branches_agree_with_sql_over_the_calls_of_a_day(desk: TestDesk, engine: AsyncEngine) -> None:
    await make_calls(engine, 700)
    begins, ends = (DAY + timedelta(days=days) for days in (0, 1))
    named: dict[str, Any] = {"begins": begins.astimezone(UTC), "ends": ends.astimezone(UTC)}
    if engine.dialect.name == "sqlite":
        named = {name: at.strftime("%Y-%m-%d %H:%M:%S.000000") for name, at in named.items()}
    gave_up = "outcome IN ('left_menu', 'abandoned') AND ended_by = 'caller' AND went_to IS NULL"
    async with engine.connect() as connection:
        ways = await connection.execute(
            text(f"{WALKED} SELECT came_from, flow_node, COUNT(DISTINCT call_id) FROM walked"
                 " WHERE came_from IS NOT NULL GROUP BY 1, 2"), named)  # fmt: skip
        expected = {f"{source}>{target}": number for source, target, number in ways}
        nodes = await connection.execute(
            text(f"{WALKED} SELECT flow_node, COUNT(DISTINCT call_id),"
                 f" COUNT(DISTINCT CASE WHEN {gave_up} THEN call_id END) FROM walked GROUP BY 1"), named)  # fmt: skip
        reached = {node: (number, left) for node, number, left in nodes}
        total = await connection.scalar(text("SELECT COUNT(*) FROM call WHERE live AND NOT outgoing AND started >="
                                             " :begins AND started < :ends"), named)  # fmt: skip
    browser = await desk.signed_in("root", "en")
    page = (await browser.get("/site/flow?day=2026-11-27")).text
    assert f'id="flow-calls">{total}<' in page and total is not None and 0 < total < 700
    rows = dict(re.findall(r'<tr id="at-(\w+)".*?>(.*?)</tr>', page, re.S))
    for node, (number, left) in reached.items():
        row = rows[node]
        assert re.findall(r'class="number[^>]*>(\d+)', row)[:2] == [str(number), str(left)], node
        for target, callers in re.findall(r'<bdi dir="ltr">(\w+)</bdi> <b>(\d+)</b>', row):
            assert expected.pop(f"{node}>{target}") == int(callers)
        shown = re.search(rf'id="node-{node}" data-reached="(\d+)" data-gave-up="(\d+)"', page)
        assert shown is None or shown.groups() == (str(number), str(left))
    assert expected == {}
    drawn = dict(re.findall(r'data-way="(main&gt;\w+)"><title>[^<]*: (\d+)<', page))
    assert len(drawn) >= 3, "the picture has the callers of the main menu's branches"
    for way, number in drawn.items():
        source, target = way.split("&gt;")
        assert f'<bdi dir="ltr">{target}</bdi> <b>{number}</b>' in rows[source]
    assert f">0, 4: {drawn['main&gt;operator']}</text>" in page, (
        "two keys of a menu that lead to one node share a number"
    )
    assert 'stroke="#2257a8"' in page
    assert "Nobody called on this day" in (await browser.get("/site/flow?day=2026-11-20")).text


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_day_of_two_thousand_calls_is_counted_at_once_and_without_the_line_the_table_stays(
    desk: TestDesk, controller: StandIn, engine: AsyncEngine, record_property: Any
) -> None:
    await make_calls(engine, 2000)
    browser = await desk.signed_in("root", "fr")
    await browser.get("/site/flow?day=2026-11-27")
    began = time.perf_counter()
    assert (await browser.get("/site/flow?day=2026-11-27")).status == 200
    record_property("a day of 2,000 calls, ms", round(1000 * (time.perf_counter() - began)))
    controller.answers["/flow/picture?language=fr"] = (503, {"detail": "away"})
    desk.moved = timedelta(minutes=2)
    page = (await browser.get("/site/flow?day=2026-11-27")).text
    assert "<svg" not in page.split("flow-table")[0].split("</nav>")[-1].replace('<svg class="icon"', "")
    assert re.search(r'id="at-main".*?class="number">\d+<', page, re.S)


# Health


class Found:
    """What `hatif health` would say."""

    async def read(self, _desk: object) -> dict[str, Any]:
        gate = Check("process gate", False, False, phrase("it does not run"), "see log/gate.log")
        disk = Check("disk", True, True, phrase("%(free)d MiB free in %(folder)s", free=7, folder="/srv/hatif"))
        database = Check("database", False, False, "could not connect: <refused>", "start it")
        parts = [check.as_data() for check in (gate, disk, database)]
        return {"at": 0.0, "serves": True, "parts": parts, "versions": {}}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_what_is_found_is_said_in_the_language_of_the_page_and_programs_words_as_they_are(desk: TestDesk) -> None:
    desk.app.state.health_command = Found()
    for language, gate, disk in (
        ("en", "it does not run", "7 MiB free in /srv/hatif"),
        ("fr", "à l’arrêt", "7 Mio libres dans /srv/hatif"),
        ("ar", "متوقف", "المساحة المتاحة في \u2066/srv/hatif\u2069: 7 MiB"),
    ):
        page = (await (await desk.signed_in("root", language)).get("/site/health/parts")).text
        assert f"<p>{gate}</p>" in page and f"<td>{disk}</td>" in page, language
        assert page.count('<code lang="en" dir="ltr">could not connect: &lt;refused&gt;</code>') == 2


# The audit


async def acted(engine: AsyncEngine, *rows: dict[str, Any]) -> None:
    boot = uuid4()
    async with writing(engine) as connection:
        for seq, row in enumerate(rows):
            await connection.execute(insert(Audit).values({"node": "n", "boot": boot, "seq": seq, "data": {}, **row}))


async def test_the_audit_is_filtered_by_person_kind_and_period_and_has_no_numbers_and_no_formulas(
    desk: TestDesk, engine: AsyncEngine
) -> None:
    await desk.operator("1002")
    async with writing(engine) as connection:
        await connection.execute(delete(Audit))  # that the accounts were made
    now, call = desk.desk.now(), UUID("01900000-0000-7000-8000-000000000001")
    listening = {"supervision": "s-1", "mode": "listen"}
    await acted(
        engine,
        {"at": now - timedelta(days=40), "by": "1002", "act": "case_opened", "about": "case:100000012"},
        {"at": now - timedelta(hours=3), "by": "1002", "act": "case_noted", "about": "case:100000020"},
        {"at": now - timedelta(minutes=50), "by": "1040", "act": "listen", "about": "operator:1002", "call_id": call,
         "data": listening},
        {"at": now - timedelta(minutes=45), "by": "1040", "act": "supervision_ended", "data": listening,
         "reason": "conversation"},
        {"at": now - timedelta(minutes=30), "by": "1002", "act": "callback_added", "about": f"callback:{call}",
         "reason": '=HYPERLINK("http://x")', "data": {"number": "+33612345678", "state": "waiting"}},
        {"at": now - timedelta(minutes=20), "by": "root", "act": "site_changed", "about": "site_change:1",
         "data": {"title": "Number +33800212000"}},
        {"at": now - timedelta(minutes=10), "by": "<b>x</b>", "act": "of_a_later_release",
         "reason": "called 06 12 34 56 78 for them"},
    )  # fmt: skip
    browser = await desk.signed_in("root", "en")

    async def acts(question: str = "") -> list[str]:
        return re.findall(r'<tr data-act="(\w+)">', (await browser.get(f"/site/audit{question}")).text)

    assert await acts() == ["of_a_later_release", "site_changed", "callback_added", "listen", "case_noted"]
    assert await acts("?by=1002") == ["callback_added", "case_noted"]
    assert await acts("?kind=cases") == ["case_noted"]
    assert await acts("?kind=supervision") == ["listen"]
    assert await acts("?kind=other") == ["of_a_later_release"]
    assert await acts(f"?since={(now - timedelta(days=50)).date()}&kind=cases") == ["case_noted", "case_opened"]
    assert await acts(f"?until={(now - timedelta(days=35)).date()}") == ["case_opened"]
    page = (await browser.get("/site/audit")).text
    assert "listened to a conversation" in page and "conversation" in page and "<b>x</b>" not in page
    assert "+33…78" in page and "612345678" not in page and "061…78" in page and "12 34 56" not in page
    assert "+33800212000" in page and "Person root" in page
    desk.says_why("root", "export:audit")
    sheet = await browser.bytes("/site/audit/audit.csv")
    assert sheet.headers["Content-Type"].startswith("text/csv") and b"612345678" not in sheet.body
    rows = list(csv.DictReader(io.StringIO(sheet.body.decode("utf-8-sig"))))
    assert [row["act"] for row in rows] == await acts()
    assert (
        rows[2]["reason"].startswith("'=HYPERLINK") and rows[3]["until"] != "" and rows[3]["reason"] == "conversation"
    )
    for row in rows:
        assert not any(str(cell).startswith(("=", "+", "@", "-")) for cell in row.values())


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_audit_has_pages(desk: TestDesk, engine: AsyncEngine) -> None:
    now = desk.desk.now()
    await acted(engine, *({"at": now - timedelta(seconds=n), "by": "1040", "act": "drain", "about": f"n:{n}"}
                          for n in range(230)))  # fmt: skip
    browser = await desk.signed_in("root", "ar")
    seen: list[str] = []
    for page in (1, 2, 3):
        seen += re.findall(r"n:(\d+)<", (await browser.get(f"/site/audit?page={page}&kind=site")).text)
    assert seen == [str(number) for number in range(230)]
    assert (await browser.get("/site/audit?page=99")).status == 200
    assert (await (await desk.signed_in("1040")).get("/site/audit")).status == 403


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # whose queries have a limit
async def test_an_audit_of_many_supervisions_is_sent_whole(desk: TestDesk, engine: AsyncEngine) -> None:
    now, many = desk.desk.now(), 33_000
    row = {"node": "n", "boot": uuid4(), "at": now, "by": "1040", "act": "listen", "about": "operator:1002"}
    seq = func.generate_series(1, many).column_valued("seq")
    data = func.json_build_object("supervision", func.concat("s-", seq))
    columns = [*(literal(value, Audit.__table__.c[name].type) for name, value in row.items()), seq, data]
    async with writing(engine) as connection:
        await connection.execute(insert(Audit).from_select([*row, "seq", "data"], select(*columns)))
    browser = await desk.signed_in("root", "en")
    desk.says_why("root", "export:audit")
    sheet = await browser.bytes("/site/audit/audit.csv")
    assert sheet.status == 200 and sheet.body.count(b"operator:1002") == many


def test_only_telephone_numbers_are_masked() -> None:
    kept = ("case:100000012", "callback:01900000-0000-7000-8000-000000000001", "2026-11-28", "operator:1002", "12.5",
            "day:2026-11-28 08:00:00", "address:192.0.2.10")  # fmt: skip
    for words in kept:
        assert masked("x", words) == words
    for number in ("+33612345678", "0033 6 12 34 56 78", "(06) 12 34 56 78", "+212-522-123456", "0612345678"):
        assert not re.search(r"\d{4}", masked("x", f"called {number}.").replace(" ", "")), number


def test_a_picture_of_the_flow_reads_no_file() -> None:
    """Not even if it were another's than our own controller's."""
    secret = '<!DOCTYPE svg [<!ENTITY secret SYSTEM "file:///etc/hostname">]><svg>&secret;</svg>'
    many = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE svg [<!ENTITY a0 "x">{many}]><svg>&a11;</svg>'
    for picture in (secret, bomb):
        with pytest.raises(ParseError):
            flow_marks.mark(picture, FlowCounts(0, 0, 0, (), {}), lambda *_: "")
