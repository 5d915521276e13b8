"""Nothing of the desk is believed alive: what fails, hangs or hears nothing is noticed, and goes on by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from controller import StandIn, operator, standing_in
from cut_line import CutLine, cut_line
from desk_server import TestDesk, serving
from playwright.async_api import Browser, expect
from playwright.async_api import Page as BrowserPage
from test_live import Page, opened

from background import retrying
from cli.processes.background_checks import FIGURES_S, PICTURE_S, check_gate, check_pages
from desk import command, control
from desk.board import watch
from desk.board.watch import Watch
from desk.live.fragments import OPERATOR
from desk.live.picture import Picture
from desk.overview import reading
from desk.page.traffic import Traffic

pytest_plugins = ["db_fixtures", "browser"]

NOTICED_S = control.SILENCE_S + 3
"""A connection that is silent is noticed within this time, on a busy machine."""


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[StandIn]:
    async with standing_in() as found:
        yield found


@pytest_asyncio.fixture
async def line(controller: StandIn) -> AsyncIterator[CutLine]:
    async with cut_line(controller.port) as found:
        yield found


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest_asyncio.fixture
async def desk(sqlite_url: str, controller: StandIn, line: CutLine, traffic: Traffic) -> AsyncIterator[TestDesk]:
    async with serving(sqlite_url, line.port, traffic=traffic) as found:
        await found.operator("1002")
        await controller.followed(found)
        yield found


@pytest_asyncio.fixture
async def page(desk: TestDesk) -> AsyncIterator[Page]:
    found = await opened(desk)
    yield found
    await found.close()


async def test_a_background_task_that_fails_is_logged_and_begins_again(
    sqlite_url: str, controller: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retrying, "RETRY_S", 0.01)
    begun: list[str] = []
    went_on = asyncio.Event()

    async def run(self: Watch) -> None:
        begun.append("wallboard")
        if len(begun) == 1:
            raise ValueError("a figure that nobody expected")
        went_on.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Watch, "run", run)
    async with serving(sqlite_url, controller.port) as desk:
        async with asyncio.timeout(5):
            await went_on.wait()
        await controller.followed(desk)  # and no other task ended


async def test_pages_go_on_after_an_event_that_the_desk_cannot_take(
    page: Page, controller: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, failed = Picture.apply, asyncio.Event()

    def apply(self: Picture, event: Any) -> None:
        if event.name == "operator" and not failed.is_set():
            failed.set()
            raise RuntimeError("dictionary changed size during iteration")
        original(self, event)

    monkeypatch.setattr(Picture, "apply", apply)
    controller.set(operator("1002", "paused", reason="lunch"))
    await failed.wait()
    await page.has("state", "is-paused", seconds=5)


async def test_a_part_of_pages_that_cannot_be_shown_keeps_no_other_part_from_them(
    page: Page, desk: TestDesk, controller: StandIn, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = desk.app.state.hub
    broken = hub._personal[OPERATOR][0]

    def read(picture: Picture, identity: str) -> Any:
        raise KeyError("a state that is new")

    monkeypatch.setitem(hub._personal, OPERATOR, [type(broken)(broken.template, read), *hub._personal[OPERATOR][1:]])
    controller.set(operator("1003", "paused", reason="lunch"))
    await page.has("colleague-1003", "is-paused", seconds=5)
    assert not check_pages(traffic.counts()).ok
    monkeypatch.undo()
    controller.set(operator("1002", "paused", reason="lunch"))
    await page.has("state", "is-paused", seconds=5)
    assert check_pages(traffic.counts()).ok


async def test_a_controller_that_falls_silent_is_shown_within_seconds_and_followed_again(
    page: Page, line: CutLine, controller: StandIn, traffic: Traffic
) -> None:
    """As a controller that is stopped (SIGSTOP): its connections stay open, and new ones are accepted."""
    line.silent = True
    await page.has("line", "is-down", seconds=NOTICED_S)
    assert traffic.counts()["picture_age_s"] > control.SILENCE_S - 0.5  # the hub's clock began a little later
    line.silent = False
    controller.set(operator("1002", "paused", reason="lunch"))
    await page.has("state", "is-paused", seconds=2 * NOTICED_S)
    await page.has("line", "is-up")
    assert traffic.counts()["picture_age_s"] < control.SILENCE_S


@pytest.mark.parametrize(
    "rubbish",
    [
        b"id: 1\nevent: call\ndata: {\n\n",
        b"\xff\xfe\n" * 100,
        b"1\r\n: heartbeat\n\n" * 3,
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: heartbeat\n\n: heartbeat\n\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\nevent: snapshot\ndata: {"operators": [[]]}\n\n',
    ],
    ids=["half an event", "no text", "heartbeats", "only heartbeats", "a snapshot of something else"],
)
async def test_a_stream_of_rubbish_is_shown_and_left_for_another(
    page: Page, line: CutLine, controller: StandIn, rubbish: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "SILENCE_S", 2.0)
    line.rubbish = rubbish
    controller.set(operator("1003", "paused", reason="lunch"))
    await page.has("line", "is-down", seconds=NOTICED_S)
    line.rubbish = b""
    await page.has("line", "is-up", seconds=NOTICED_S)
    await page.has("colleague-1003", "is-paused")


@pytest_asyncio.fixture
async def tabs(desk: TestDesk, browser: Browser) -> AsyncIterator[tuple[CutLine, list[BrowserPage]]]:
    """Two tabs of one browser, of which the first reads the stream for both, and the connection to the desk."""
    async with cut_line(int(desk.url.rpartition(":")[2])) as connection:
        context = await browser.new_context(locale="en")
        await desk.enters(context, "1002")
        found = []
        for _ in range(2):
            tab = await context.new_page()
            await tab.goto(f"http://127.0.0.1:{connection.port}/shift")
            await expect(tab.locator("#line")).to_have_class("line is-up")
            found.append(tab)
        yield connection, found
        await context.close()


async def test_a_page_whose_connection_is_silent_says_so_and_goes_on_by_itself(
    tabs: tuple[CutLine, list[BrowserPage]], controller: StandIn
) -> None:
    connection, pages = tabs
    connection.silent = True
    for tab in pages:
        await expect(tab.locator("#connection-lost")).to_be_visible(timeout=12_000)
    connection.silent = False
    controller.set(operator("1002", "paused", reason="lunch"))
    for tab in pages:
        await expect(tab.locator("#connection-lost")).to_be_hidden(timeout=15_000)
        await expect(tab.locator("#call-bar")).to_contain_text("Lunch")


async def test_a_call_is_muted_and_ended_by_its_page_when_the_network_is_gone_and_a_strip_says_so_wherever_one_reads(
    tabs: tuple[CutLine, list[BrowserPage]], controller: StandIn
) -> None:
    connection, (page, _) = tabs
    await page.set_viewport_size({"width": 1280, "height": 400})
    controller.connect()
    await expect(page.locator("#call")).to_have_attribute("data-phase", "talking")
    await page.evaluate(
        """() => {
        window.reports = (detail) => document.getElementById("telephone")
          .dispatchEvent(new CustomEvent("hatif:telephone", { detail, bubbles: true }));
        window.asked = [];
        for (const what of ["mute", "hangup"]) document.addEventListener(`hatif:${what}`, () => asked.push(what));
        reports({ state: "registered", call: "talking" });
        reports({ state: "lost" });
        }"""
    )
    connection.silent = True
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert await page.evaluate("scrollY") > 100
    await expect(page.locator("#connection-lost")).to_be_in_viewport(timeout=12_000)
    call = page.locator("#call-bar")
    for name in ("Mute F8", "Keypad", "Hang up ⇧F2"):
        button = call.get_by_role("button", name=name)
        await expect(button).to_have_count(1)
        await expect(button).to_be_visible()
    await page.keyboard.press("F8")
    await page.keyboard.press("Shift+F2")
    assert await page.evaluate("asked") == ["mute", "hangup"]


async def test_a_tab_says_that_it_is_not_live_when_the_tab_that_reads_for_all_hangs(
    tabs: tuple[CutLine, list[BrowserPage]],
) -> None:
    _, (reads, other) = tabs
    hanging = asyncio.ensure_future(reads.evaluate("const until = Date.now() + 11000; while (Date.now() < until);"))
    await expect(other.locator("#connection-lost")).to_be_visible(timeout=11_000)
    await hanging
    await expect(other.locator("#connection-lost")).to_be_hidden(timeout=11_000)


async def test_figures_that_hang_hold_up_no_page_and_are_read_again(
    desk: TestDesk, controller: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LONGEST_S", 0.2)
    found: Watch = desk.app.state.watch
    original = found._day

    async def hangs(now: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(found, "_day", hangs)
    found._fresh -= FIGURES_S
    async with asyncio.timeout(5):
        await found.refresh()
    assert found.late_s >= FIGURES_S
    monkeypatch.setattr(found, "_day", original)
    monkeypatch.setattr(watch, "LONGEST_S", 30)  # to read takes longer than before on a busy machine
    found._read = None
    await found.refresh()
    assert found.late_s < FIGURES_S


async def test_a_command_that_hangs_is_ended_and_the_page_that_asked_says_that_nothing_is_known(
    desk: TestDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "run_hatif", partial(command.run_hatif, longest_s=0.01))
    health = reading.Command("health", fresh=timedelta())
    async with asyncio.timeout(5):
        assert await health.read(desk.desk) is None
        assert await health.read(desk.desk) is None  # nobody holds the place any more


def test_the_check_of_pages_says_what_is_old_and_that_of_their_telephones_what_hangs() -> None:
    well = {"picture_age_s": 6.0, "figures_age_s": 12.0, "failing_parts": 0.0, "browsers": 3.0}
    assert check_pages(well).ok and check_pages({}).ok and not check_pages(None).ok
    assert "same picture" in check_pages({**well, "picture_age_s": PICTURE_S + 1}).found
    assert "same figures" in check_pages({**well, "figures_age_s": FIGURES_S + 1}).found
    gate = {"loop_age_s": 1.0, "asterisk_refuses": 0.0, "telephones": 2.0}
    assert check_gate(gate).ok and check_gate({}).ok and not check_gate(None).ok
    assert "done nothing" in check_gate({**gate, "loop_age_s": PICTURE_S + 1}).found
    assert "does not take" in check_gate({**gate, "asterisk_refuses": 1.0}).found
    assert not any(check.fatal for check in (check_pages(None), check_gate(None)))
