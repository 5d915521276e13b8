"""The roster in the desk: a calendar with its gaps, and a swap from the first question to the lines in the file."""

import asyncio
import pickle
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import desk_server
import forked_programs
import pytest
import pytest_asyncio
from controller import StandIn, standing_in
from desk_server import Browser, TestDesk, serving
from forked_programs import QuickStarts

from db import swaps
from db.audit import audit_entries
from db.enums import SwapState
from desk.context import Desk
from desk.page.pages import ROOT
from desk.staffing import finishing, releasing
from desk.staffing.roster import Rosters

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)  # a Monday; Casablanca has UTC then
ROSTER = """operators,days,from,to,valid_from,valid_until,what
# the early shift
1001 1002 1003,mon-fri,08:00,14:00,,,
1004 1901,daily,14:00,20:00,,,
1002,tue,22:00,06:00,,,"""
ASKER, COLLEAGUE, OTHER, SUPERVISOR = "1002", "1003", "1004", "1040"
TUESDAY = "2026-11-24T08:00:00+00:00"
RELEASED = "/site/changes/change-1/release"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    shutil.copytree(ROOT.parent / "sites" / "consulate", tmp_path / "site", ignore=shutil.ignore_patterns("*.wav"))
    (tmp_path / "site" / "roster.csv").write_text(ROSTER)
    return tmp_path / "site"


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest.fixture
def of_the_site(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have desks read the roster of `site`."""
    plain = desk_server.settings_for
    monkeypatch.setattr(
        desk_server, "settings_for", lambda *given: replace(plain(*given), site_folder=site, home=tmp_path)
    )


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, of_the_site: None) -> AsyncIterator[TestDesk]:
    async with serving_people(sqlite_url, controller) as found:
        yield found


@pytest_asyncio.fixture
async def each_desk(url: str, controller: StandIn, of_the_site: None) -> AsyncIterator[TestDesk]:
    """A desk on SQLite, and one on PostgreSQL."""
    async with serving_people(url, controller) as found:
        yield found


@asynccontextmanager
async def serving_people(url: str, controller: StandIn) -> AsyncIterator[TestDesk]:
    async with serving(url, controller.port) as found:
        found.desk.now = lambda: NOW
        for who in (ASKER, COLLEAGUE, OTHER):
            await found.operator(who)
        await found.operator(SUPERVISOR, supervisor=True)
        yield found


async def asked(desk: TestDesk) -> tuple[Browser, Browser, str]:
    """Return the browsers of who asks and of the colleague, and the swap's id."""
    asker = await desk.signed_in(ASKER, "en")
    page = (await asker.get("/roster")).text
    assert f'value="{TUESDAY}"' in page
    assert (await asker.post("/roster/swaps", {"begins": TUESDAY, "colleague": COLLEAGUE})).leads_to == "/roster"
    colleague = await desk.signed_in(COLLEAGUE, "en")
    found = re.search(r"/roster/swaps/([0-9a-f-]+)/agree", (await colleague.get("/roster")).text)
    assert found is not None
    return asker, colleague, found[1]


def of_change(state: str, **members: Any) -> dict[str, Any]:
    files = [{"file": "roster.csv", "before": "digest", "after": "other"}]
    return {"id": "change-1", "state": state, "files": files, "findings": [], "why": "", **members}


async def test_the_calendar_shows_the_week_and_the_open_hours_without_anybody(desk: TestDesk) -> None:
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    page = (await supervisor.get("/staffing/roster")).text
    assert "Mon 23 Nov 2026" in page and "Sun 29 Nov 2026" in page
    assert page.count("08:00–14:00") >= 15 and "22:00–06:00" in page
    assert re.search(r"nobody for \w+", page) and "no supervisor" in page
    later = (await supervisor.get("/staffing/roster?week=2026-12-03")).text
    assert "Mon 30 Nov 2026" in later
    assert (await supervisor.get("/staffing/roster?week=nonsense")).status == 200


async def test_a_swap_is_asked_for_agreed_and_released_into_the_sites_roster(
    desk: TestDesk, controller: StandIn
) -> None:
    asker, colleague, swap = await asked(desk)
    assert (await asker.post(f"/roster/swaps/{swap}/agree")).status == 409, "nobody agrees for a colleague"
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    assert (await supervisor.post(f"/staffing/swaps/{swap}/release")).status == 409, "the colleague has not agreed"
    assert (await colleague.post(f"/roster/swaps/{swap}/agree")).leads_to == "/roster"
    assert "takes the shift of" in (await supervisor.get("/staffing/roster")).text
    controller.answers |= {
        "/site/file?file=roster.csv": (200, {"file": "roster.csv", "content": ROSTER, "digest": "digest"}),
        "/site/changes": (200, of_change("checking")),
        "/site/changes/change-1": (200, of_change("ready")),
        RELEASED: (200, of_change("released")),
    }
    assert (await supervisor.post(f"/staffing/swaps/{swap}/release")).leads_to == "/staffing/roster"
    who, body = next((who, body) for _, path, who, body in controller.asked if path == "/site/changes")
    assert who == SUPERVISOR
    lines = body["edits"][0]["content"].splitlines()
    assert lines[-2:] == ["1002,2026-11-24,08:00,14:00,,,absent", "1003,2026-11-24,08:00,14:00,,,"]
    assert lines[:-2] == ROSTER.splitlines(), "everything else stays"
    assert "released" in (await asker.get("/roster")).text
    assert (await supervisor.post(f"/staffing/swaps/{swap}/release")).status == 409
    steps = [(entry.act, entry.by, entry.about) for entry in await audit_entries(desk.engine, 10)]
    assert sorted(steps) == [
        ("shift_swap_agreed", COLLEAGUE, f"operator:{ASKER}"),
        ("shift_swap_asked", ASKER, f"operator:{ASKER}"),
        ("shift_swap_released", SUPERVISOR, f"operator:{ASKER}"),
    ]


async def test_what_is_released_is_what_the_command_reads(desk: TestDesk, site: Path) -> None:
    _, colleague, swap = await asked(desk)
    await colleague.post(f"/roster/swaps/{swap}/agree")
    found = await swaps.find(desk.engine, UUID(swap))
    assert found is not None and found.state == SwapState.AGREED
    (site / "roster.csv").write_text(releasing.with_swap(ROSTER, found, desk.desk))
    (day,) = await Rosters(desk.desk.settings).read(found.begins.date(), 1, NOW)
    morning = {shift.operator for shift in day.shifts if shift.begins == found.begins}
    assert morning == {"1001", "1003"}
    assert {shift.operator for shift in day.shifts if shift.begins.hour == 22} == {"1002"}, "only that shift"


async def test_a_swap_that_cannot_be_written_stays_agreed_and_the_supervisor_reads_why(
    desk: TestDesk, controller: StandIn
) -> None:
    _, colleague, swap = await asked(desk)
    await colleague.post(f"/roster/swaps/{swap}/agree")
    content = {"file": "roster.csv", "content": ROSTER, "digest": "digest"}
    changed = {"detail": "A file was changed.", "code": "changed_meanwhile"}
    controller.answers |= {"/site/file?file=roster.csv": (200, content), RELEASED: (409, changed)}
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    for change, sentence in (
        (of_change("refused", why="Nobody may write there."), "Nobody may write there."),
        (of_change("ready", files=[]), "Somebody has just changed the roster"),
        (of_change("ready"), "A file was changed."),
    ):
        controller.answers["/site/changes"] = (200, change)
        answer = await supervisor.post(f"/staffing/swaps/{swap}/release")
        assert answer.status == 409 and sentence in answer.text, sentence
        assert f"/staffing/swaps/{swap}/release" in (await supervisor.get("/staffing/roster")).text


IN_DOUBT = {RELEASED: (503, {"detail": "It may have been done.", "code": "in_doubt"})}
CONTENT = {"file": "roster.csv", "content": ROSTER, "digest": "digest"}


async def acts(desk: TestDesk) -> list[str]:
    return [entry.act for entry in await audit_entries(desk.engine, 10)]


async def test_a_release_without_an_answer_is_found_done_by_the_second_try(
    each_desk: TestDesk, controller: StandIn, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = each_desk
    monkeypatch.setattr(releasing, "CONFIRM_S", 0.1)
    _, colleague, swap = await asked(desk)
    await colleague.post(f"/roster/swaps/{swap}/agree")
    controller.answers |= {
        "/site/file?file=roster.csv": (200, CONTENT),
        "/site/changes": (200, of_change("ready")),
        "/site/changes/change-1": (200, of_change("ready")),
        **IN_DOUBT,
    }
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    path = f"/staffing/swaps/{swap}/release"
    answer = await supervisor.post(path)
    assert answer.status == 503 and "it may have been done" in answer.text
    found = await swaps.find(desk.engine, UUID(swap))
    assert found is not None and found.state == SwapState.AGREED and "shift_swap_released" not in await acts(desk)

    (site / "roster.csv").write_text(releasing.with_swap(ROSTER, found, desk.desk))  # it was done
    controller.asked.clear()
    answer = await supervisor.post(path)
    assert answer.leads_to == "/staffing/roster?released=before"
    assert "has this shift in the roster already" in (await supervisor.get(answer.leads_to)).text
    assert [path for method, path, _, _ in controller.asked if method == "POST"] == [], "nothing is written twice"
    found = await swaps.find(desk.engine, UUID(swap))
    assert found is not None and (found.state, found.by) == (SwapState.RELEASED, SUPERVISOR)
    assert (await acts(desk)).count("shift_swap_released") == 1
    assert (await supervisor.post(path)).status == 409, "it is released already"


async def test_a_release_whose_answer_was_lost_is_looked_for_at_once(desk: TestDesk, controller: StandIn) -> None:
    _, colleague, swap = await asked(desk)
    await colleague.post(f"/roster/swaps/{swap}/agree")
    controller.answers |= {
        "/site/file?file=roster.csv": (200, CONTENT),
        "/site/changes": (200, of_change("ready")),
        "/site/changes/change-1": (200, of_change("released")),
        **IN_DOUBT,
    }
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    assert (await supervisor.post(f"/staffing/swaps/{swap}/release")).leads_to == "/staffing/roster"
    found = await swaps.find(desk.engine, UUID(swap))
    assert found is not None and found.state == SwapState.RELEASED


KILLED = """
import asyncio, pickle, socket, sys
from functools import partial
from types import SimpleNamespace
import uvicorn
from desk import app as desk_app, command
from desk.server import DeskServer, PatientProtocol

settings, now = pickle.loads(bytes.fromhex(sys.argv[1]))
command.sys = SimpleNamespace(executable=sys.argv[2])
desk_app.Desk = partial(desk_app.Desk, now=lambda: now)
listening = socket.create_server(("127.0.0.1", settings.port))
app = desk_app.create_app(settings)
server = DeskServer(uvicorn.Config(app, http=PatientProtocol, log_config=None, access_log=False), app)
print("listens", flush=True)
asyncio.run(server.serve(sockets=[listening]))
"""


async def killed_while_it_releases(desk: TestDesk, controller: StandIn) -> str:
    """Have a desk of its own release a swap, and kill it before the roster is written. Return the swap's id."""
    _, colleague, swap = await asked(desk)
    await colleague.post(f"/roster/swaps/{swap}/agree")
    controller.answers |= {"/site/file?file=roster.csv": (200, CONTENT), "/site/changes": (200, of_change("checking"))}
    controller.answers["/site/changes/change-1"] = (200, of_change("checking"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = pickle.dumps((replace(desk.desk.settings, port=port), NOW)).hex()
    other = await forked_programs.start(KILLED, given, QuickStarts().executable)
    assert await other.stdout.readline() == b"listens\n"
    browser = Browser(f"http://127.0.0.1:{port}")
    try:
        assert (await browser.post(await desk.link(SUPERVISOR))).status == 303
        await browser.get("/account")
        answer = asyncio.create_task(browser.post(f"/staffing/swaps/{swap}/release"))
        async with asyncio.timeout(60):
            while ("POST", "/site/changes") not in [row[:2] for row in controller.asked]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        other.kill()
        with pytest.raises(aiohttp.ClientError):
            await answer
    finally:
        if other.returncode is None:
            other.kill()
        await other.wait()
        await browser.close()
    return swap


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have desks that start at NOW, and finish at once what others have left."""
    monkeypatch.setattr("desk.app.Desk", partial(Desk, now=lambda: NOW))
    monkeypatch.setattr(finishing, "LEFT_AFTER", timedelta())
    monkeypatch.setattr(finishing, "LOOK_S", 0.1)


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
async def test_a_release_in_which_the_desk_was_killed_is_finished_by_the_next_one(
    each_desk: TestDesk, controller: StandIn, at_once: None
) -> None:
    desk = each_desk
    swap = await killed_while_it_releases(desk, controller)
    found = await swaps.find(desk.engine, UUID(swap))
    assert found is not None and found.state == SwapState.RELEASED and "shift_swap_released" not in await acts(desk)

    controller.asked.clear()
    controller.answers |= {"/site/changes": (200, of_change("ready")), RELEASED: (200, of_change("released"))}
    async with serving(desk.desk.settings.database_url, controller.port), asyncio.timeout(60):
        while "shift_swap_released" not in await acts(desk):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    written = [(path, who) for method, path, who, _ in controller.asked if method == "POST"]
    assert written == [("/site/changes", SUPERVISOR), (RELEASED, SUPERVISOR)]
    body = next(body for _, path, _, body in controller.asked if path == "/site/changes")
    assert body["edits"][0]["content"] == releasing.with_swap(ROSTER, found, desk.desk)
    found = await swaps.find(desk.engine, UUID(swap))
    assert found is not None and (found.state, found.by) == (SwapState.RELEASED, SUPERVISOR)


@pytest.mark.parametrize("left", ["written", "not possible", "under way"])
async def test_what_a_killed_desk_has_left_is_written_once_or_waits_for_a_supervisor_again(
    desk: TestDesk, controller: StandIn, site: Path, left: str
) -> None:
    _, colleague, swap = await asked(desk)
    await colleague.post(f"/roster/swaps/{swap}/agree")
    found = await swaps.find(desk.engine, UUID(swap))
    assert found is not None
    await swaps.move(desk.engine, found.id, SwapState.AGREED, SwapState.RELEASED, SUPERVISOR, NOW, noted=False)
    if left == "written":
        (site / "roster.csv").write_text(releasing.with_swap(ROSTER, found, desk.desk))
    elif left == "not possible":
        (site / "roster.csv").write_text(ROSTER.replace("08:00", "09:00"))
    desk.desk.now = lambda: NOW if left == "under way" else NOW + 2 * finishing.LEFT_AFTER
    controller.asked.clear()
    finisher = finishing.SwapFinisher(lambda: desk.desk, Rosters(desk.desk.settings))
    assert await finisher.look() is (left == "under way")
    assert [path for method, path, _, _ in controller.asked if method == "POST"] == []
    found = await swaps.find(desk.engine, UUID(swap))
    assert found and found.state == (SwapState.AGREED if left == "not possible" else SwapState.RELEASED)
    assert ("shift_swap_released" in await acts(desk)) is (left == "written")


async def test_a_shift_that_is_swapped_back_is_the_operators_again(desk: TestDesk) -> None:
    _, colleague, swap = await asked(desk)
    await colleague.post(f"/roster/swaps/{swap}/agree")
    there = await swaps.find(desk.engine, UUID(swap))
    assert there is not None
    back = replace(there, operator=there.colleague, colleague=there.operator)
    once = releasing.with_swap(ROSTER, there, desk.desk)
    assert releasing.with_swap(once, there, desk.desk) == once
    assert releasing.with_swap(once, back, desk.desk) == f"{ROSTER}\n", "an absence would count all the same"
    third = releasing.with_swap(once, replace(there, operator=there.colleague, colleague=OTHER), desk.desk)
    assert third.splitlines()[-3:] == [
        "1002,2026-11-24,08:00,14:00,,,absent", "1003,2026-11-24,08:00,14:00,,,absent", "1004,2026-11-24,08:00,14:00,,,"
    ]  # fmt: skip


async def test_a_swap_ends_where_somebody_does_not_want_it(desk: TestDesk) -> None:
    asker, colleague, swap = await asked(desk)
    assert (await asker.post("/roster/swaps", {"begins": TUESDAY, "colleague": COLLEAGUE})).status == 409
    stranger = await desk.signed_in(OTHER, "en")
    assert (await stranger.post(f"/roster/swaps/{swap}/withdraw")).status == 409
    assert (await asker.post(f"/roster/swaps/{swap}/withdraw")).leads_to == "/roster"
    assert (await colleague.post(f"/roster/swaps/{swap}/agree")).status == 409
    asker, colleague, second = await asked(desk)
    await colleague.post(f"/roster/swaps/{second}/decline")
    assert "the colleague declined" in (await asker.get("/roster")).text
    asker, colleague, third = await asked(desk)
    await colleague.post(f"/roster/swaps/{third}/agree")
    supervisor = await desk.signed_in(SUPERVISOR, "en")
    await supervisor.post(f"/staffing/swaps/{third}/refuse", {"reason": "=too few\nspeakers"})
    page = (await asker.get("/roster")).text
    assert "refused by a supervisor" in page and "=too few speakers" in page


async def test_only_ones_own_planned_shift_can_be_given_to_somebody_on_the_roster(desk: TestDesk) -> None:
    asker = await desk.signed_in(ASKER, "en")
    for form, status in (
        ({"begins": "2026-11-24T09:00:00+00:00", "colleague": COLLEAGUE}, 409),
        ({"begins": TUESDAY, "colleague": ASKER}, 422),
        ({"begins": TUESDAY, "colleague": "9999"}, 422),
        ({"begins": TUESDAY, "colleague": ""}, 422),
    ):
        assert (await asker.post("/roster/swaps", form)).status == status, form


async def test_without_a_roster_both_pages_say_what_is_missing(desk: TestDesk, site: Path) -> None:
    (site / "roster.csv").unlink()
    for who, path in ((SUPERVISOR, "/staffing/roster"), (ASKER, "/roster")):
        browser = await desk.signed_in(who, "ar")
        page = await browser.get(path)
        assert page.status == 200 and "There is no roster" in page.text
