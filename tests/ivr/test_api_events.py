"""The event stream carries what is live to every reader, and waits for none of them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from fastapi import FastAPI
from line import Line

from cli.control import ControlApi, ControllerAwayError, Event
from ivr.api import event_hub
from ivr.api.door import Patient
from ivr.api.event_hub import EventHub
from ivr.api.events import EventStream
from ivr.home import credentials
from ivr.softphone.telephone import Telephones
from wire.live import Alarm, AlarmKind, Snapshot


class Reader:
    """A program that reads the events of a line."""

    def __init__(self, line: Line, last_id: str | None = None) -> None:
        secrets = line.home / "secrets.json"
        control = ControlApi(8070 + line.offset, credentials.load(line.home, ()).control_token, secrets)
        self._events = control.events(last_id)
        self._unused: list[Event] = []  # what has arrived and was not read yet

    async def next(self) -> Event:
        return await asyncio.to_thread(next, self._events)

    async def until(self, name: str, seconds: float = 10, **members: object) -> Any:
        """Return the document of the first event of this name that has these members."""
        async with asyncio.timeout(seconds):
            while True:
                for event in self._unused:
                    data = event.data
                    assert isinstance(data, dict)
                    if event.name == name and all(data.get(member) == value for member, value in members.items()):
                        self._unused.remove(event)
                        return data
                self._unused.append(await self.next())

    def close(self) -> None:
        self._events.close()  # type: ignore[attr-defined]


async def until(true: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


async def test_a_wallboard_sees_a_call_from_its_beginning_to_its_end(line: Line, telephones: Telephones) -> None:
    reader = Reader(line)
    snapshot = await reader.until("snapshot")
    assert [row["id"] for row in snapshot["operators"]] == [entry.id for entry in line.operators]
    assert snapshot["calls"] == snapshot["queue"] == []
    caller = await line.waiting(telephones, "+33618000001")
    call = await reader.until("call", caller="+33618000001")
    assert call["number"] == "+33800212000" and call["operator"] is None
    queue = await reader.until("queue")
    assert [(row["place"], row["call"], row["caller"]) for row in queue["queue"]] == [(1, call["id"], "+33618000001")]
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    talking = await reader.until("operator", id=phone.user, state="talking")
    assert talking["call"]["id"] == call["id"]
    answered = await reader.until("call", id=call["id"], state="talking")
    assert (answered["operator"], answered["place"]) == (phone.user, "together")
    assert line.control("GET", f"/calls/{call['id']}")["operator"] == phone.user
    await caller.hangup()
    await reader.until("call_ended", id=call["id"])
    await reader.until("operator", id=phone.user, state="wrapping_up")
    reader.close()


async def test_a_missed_call_is_an_alarm_until_the_operator_is_ready_again(line: Line, telephones: Telephones) -> None:
    reader = Reader(line)
    phone = await line.phone(telephones, line.speaks("fr"))  # and it rings on and on
    caller = await line.asks_for_operator(telephones, "+33618000002")
    raised = await reader.until("alarm", kind="no_answer", operator=phone.user)
    assert raised in line.control("GET", "/alarms")
    await caller.hangup()
    line.control("POST", f"/operators/{phone.user}/state", {"state": "ready"})
    await reader.until("alarm_cleared", id=raised["id"])
    assert raised["id"] not in [alarm["id"] for alarm in line.control("GET", "/alarms")]
    reader.close()


async def test_a_reader_who_comes_back_gets_what_they_missed_and_no_snapshot(
    line: Line, telephones: Telephones
) -> None:
    reader = Reader(line)
    last = await reader.next()
    reader.close()
    phone = await line.phone(telephones, line.speaks("fr"))
    again = Reader(line, last.id)
    first = await again.next()
    assert first.name != "snapshot"
    await again.until("operator", id=phone.user, state="ready")
    again.close()


async def test_after_a_restart_of_the_controller_the_stream_begins_with_a_snapshot(line: Line) -> None:
    reader = Reader(line)
    last = await reader.next()
    await line.restart()
    with pytest.raises(ControllerAwayError):
        await reader.until("call_ended")
    again = Reader(line, last.id)
    assert (await again.next()).name == "snapshot"
    again.close()


# The hub alone; what it watches is an argument


class House:
    """What a hub watches: as many alarms, of any length, as a test needs."""

    def __init__(self) -> None:
        self.alarms: list[Alarm] = []
        self.changed = asyncio.Event()

    async def look(self) -> Snapshot:
        return Snapshot(at=0.0, operators=(), queue=(), calls=(), alarms=tuple(self.alarms))

    def raise_alarms(self, count: int, size: int = 10) -> None:
        begin = len(self.alarms)
        self.alarms += [
            Alarm(id=str(number), kind=AlarmKind.HELP_WANTED, text="x" * size) for number in range(begin, begin + count)
        ]
        self.changed.set()


@asynccontextmanager
async def hub_of(house: House, **options: Any) -> AsyncIterator[EventHub]:
    hub = EventHub(house.look, uuid4(), house.changed, **{"every_s": 0.05, **options})
    running = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        hub.close()
        running.cancel()
        await asyncio.wait({running})


def names(frames: bytes) -> list[str]:
    return [line.removeprefix("event: ") for line in frames.decode().splitlines() if line.startswith("event: ")]


async def test_a_reader_who_falls_behind_the_ring_is_cut_and_the_others_are_not() -> None:
    house = House()
    async with hub_of(house, ring_events=10) as hub:
        with hub.place(), hub.place():
            slow, quick = hub.frames(), hub.frames()
            assert names(await anext(slow)) == names(await anext(quick)) == ["snapshot"]
            for _ in range(4):
                house.raise_alarms(5)
                assert names(await anext(quick)) == ["alarm"] * 5
            with pytest.raises(StopAsyncIteration):
                await anext(slow)
            house.raise_alarms(1)
            assert names(await anext(quick)) == ["alarm"]


async def test_a_change_is_told_at_once_and_those_that_follow_it_soon_are_told_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_hub, "TOGETHER_S", 1.0)
    house = House()
    async with hub_of(house, every_s=60) as hub:
        with hub.place():
            frames, loop = hub.frames(), asyncio.get_running_loop()
            await anext(frames)
            began = loop.time()
            house.raise_alarms(1)
            assert names(await anext(frames)) == ["alarm"]
            assert loop.time() - began < 1
            for _ in range(3):
                house.raise_alarms(1)
                await asyncio.sleep(0.01)
            assert names(await anext(frames)) == ["alarm"] * 3
            assert loop.time() - began > 1


async def test_what_follows_a_change_and_says_nothing_of_it_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "TOGETHER_S", 0.3)
    house = House()
    async with hub_of(house, every_s=60) as hub:
        with hub.place():
            frames = hub.frames()
            await anext(frames)
            house.raise_alarms(1)
            assert names(await anext(frames)) == ["alarm"]
            house.raise_alarms(1)
            house.changed.clear()
            async with asyncio.timeout(5):
                assert names(await anext(frames)) == ["alarm"]


async def test_the_ring_of_events_is_limited_in_bytes_as_well() -> None:
    house = House()
    async with hub_of(house, ring_bytes=5000) as hub:
        with hub.place():
            slow = hub.frames()
            await anext(slow)
            house.raise_alarms(3, size=4000)
            await until(lambda: hub._seq == 3)
            assert hub._bytes <= 5000
            with pytest.raises(StopAsyncIteration):
                await anext(slow)


async def test_a_reader_hears_a_heartbeat_while_nothing_happens() -> None:
    async with hub_of(House(), heartbeat_s=0.2) as hub:  # while the hub has looked several times
        with hub.place():
            frames = hub.frames()
            await anext(frames)
            async with asyncio.timeout(5):
                assert await anext(frames) == b": heartbeat\n\n"


async def test_a_reader_hears_no_heartbeat_of_a_hub_that_does_not_see_the_line_any_more() -> None:
    """A heartbeat says that all is as it was: a hub whose looks hang or fail does not know that."""
    house = House()
    goes_on = asyncio.Event()

    async def hangs() -> Snapshot:
        await goes_on.wait()
        return await House.look(house)

    async with hub_of(house, heartbeat_s=0.2) as hub:
        with hub.place():
            frames = hub.frames()
            await anext(frames)
            hub._look = hangs
            waiting = asyncio.ensure_future(anext(frames))
            heard, _ = await asyncio.wait({waiting}, timeout=1.5)
            while heard:  # of looks before it hung
                assert await waiting == b": heartbeat\n\n"
                waiting = asyncio.ensure_future(anext(frames))
                heard, _ = await asyncio.wait({waiting}, timeout=1.5)
            goes_on.set()
            async with asyncio.timeout(5):
                assert await waiting == b": heartbeat\n\n"


async def test_nobody_looks_at_the_line_once_nobody_reads() -> None:
    house = House()
    async with hub_of(house, linger_s=0.1) as hub:
        with hub.place():
            frames = hub.frames()
            last = (await anext(frames)).decode().splitlines()[0].removeprefix("id: ")
        await until(lambda: hub._seen is None)
        house.raise_alarms(1)
        with hub.place():  # what happened meanwhile is not in the ring: no resuming
            assert names(await anext(hub.frames(last))) == ["snapshot"]


@pytest.mark.parametrize(
    "last_id", ["", "-", "1", "x-1", "{boot}-", "{boot}--1", "{boot}-99", "{boot}-١", "{boot}-" + 30 * "9"]
)
async def test_an_id_that_is_not_known_gets_a_snapshot(last_id: str) -> None:
    async with hub_of(House()) as hub:
        with hub.place():
            assert names(await anext(hub.frames(last_id.replace("{boot}", hub._boot)))) == ["snapshot"]


@asynccontextmanager
async def served(hub: EventHub, send_s: float) -> AsyncIterator[int]:
    """The stream alone behind a real server; yields its port."""
    app = FastAPI()

    @app.get("/events")
    async def events() -> EventStream:
        return EventStream(hub, None, send_s=send_s)

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=Patient, log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(server._serve(sockets=[listening]))  # without its signal handlers
    try:
        yield listening.getsockname()[1]
    finally:
        hub.close()
        server.should_exit = True
        await serving


def connect(port: int) -> socket.socket:
    """Ask for the events, and read nothing of them."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return connection


async def test_a_reader_who_reads_nothing_is_cut_and_gives_their_place_back() -> None:
    house = House()
    async with hub_of(house, readers=1, ring_bytes=2**30) as hub, served(hub, send_s=0.2) as port:
        with closing(connect(port)):
            await until(lambda: hub._readers == 1)
            house.raise_alarms(300, size=100_000)  # more than the sockets of both sides hold
            await until(lambda: hub._readers == 0, 20)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        async with asyncio.timeout(5):
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()


async def test_more_readers_than_there_are_places_are_refused_with_a_sentence() -> None:
    async with hub_of(House(), readers=2) as hub, served(hub, send_s=5) as port:
        with closing(connect(port)), closing(connect(port)):
            await until(lambda: hub._readers == 2)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
        assert head.startswith(b"HTTP/1.1 503") and b"application/problem+json" in head
        assert "Too many programs" in json.loads(body)["detail"]
