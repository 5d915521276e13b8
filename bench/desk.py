"""What the desk costs: pages that are open, and offers that must be on the screen.

`.venv/bin/python -m bench.desk` serves a desk in a process of its own behind the control API's own event stream, whose
operators take calls as on a busy day, and follows the streams of many pages. `--json` prints one document; `--help`
lists the options.
"""

import asyncio
import dataclasses
import json
import random
import re
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import aiohttp
import psutil
import typer
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.figures import summary
from db.engine import open_engine
from db.upgrade import upgrade
from desk.people import accounts
from desk.people.sessions import Sessions
from desk.people.signed_in import cookie_name
from desk.settings import DeskSettings
from ivr.api import events
from ivr.api.event_hub import EventHub
from ivr.api.models import Call, Operator, OperatorCall, OperatorStatus, QueueEntry, Snapshot

LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")
PAGE_LANGUAGES = ("fr", "ar", "en")
RING_S, WRAP_UP_S = 3.0, 20.0
LATE_MS = 200.0
CORE_SHARE = 0.25

SERVE = """
import json, sys
from desk.server import serve
from desk.settings import DeskSettings
serve(DeskSettings(**json.load(sys.stdin)))
"""


class Floor:
    """Operators who are offered calls, talk and wrap up."""

    def __init__(self, operators: int, seed: int) -> None:
        self.chance = random.Random(seed)
        self.ids = [str(1001 + number) for number in range(operators)]
        self.operators = {identity: self._operator(identity, OperatorStatus.READY) for identity in self.ids}
        self.calls: dict[str, Call] = {}
        self.changed = asyncio.Event()
        self.offered: dict[str, float] = {}  # by call: when it was offered, on this machine's clock
        self.offers = 0

    def _operator(self, identity: str, state: OperatorStatus, call: Call | None = None) -> Operator:
        number = int(identity)
        spoken = {LANGUAGES[number % 7]: 5, LANGUAGES[(number + 1) % 7]: 3}
        mine = None
        if call is not None:
            place = "together" if state is OperatorStatus.TALKING else None
            mine = OperatorCall(id=call.id, language=call.language, caller=call.caller, place=place)
        until = time.time() + WRAP_UP_S if state is OperatorStatus.WRAPPING_UP else None
        return Operator(
            id=identity, name=f"Operator {identity}", languages=spoken, topics=[], supervisor=False, state=state,
            since=time.time(), until=until, telephone=True, call=mine,
        )  # fmt: skip

    async def look(self) -> Snapshot:
        queue = [
            QueueEntry(place=n, call=f"w{n}", caller=None, callback=None, language="fr", topic=None, silent=False,
                       since=time.time() // 30 * 30)
            for n in range(1, 5)
        ]  # fmt: skip
        return Snapshot(
            at=time.time(), operators=[*self.operators.values()], queue=queue, calls=[*self.calls.values()], alarms=[]
        )

    async def take_calls(self, calls_h: float, talk_s: float) -> None:
        """Offer calls to operators who are ready, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(self.chance.expovariate(calls_h / 3600))
                ready = [row.id for row in self.operators.values() if row.state is OperatorStatus.READY]
                if ready:
                    tasks.create_task(self._call(self.chance.choice(ready), talk_s))

    async def _call(self, identity: str, talk_s: float) -> None:
        call = Call(
            id=str(uuid4()), state="waiting", number="+33800212000", caller=f"+336{self.chance.randrange(10**8):08d}",
            country="FR", language="fr", topic="documents", case=None, node="operator", flow="1",
            since=time.time() - 20, connected=None, operator=None, place=None, transfers=0, transfer_to=[], choices=[],
            recording=None,
        )  # fmt: skip
        self.calls[call.id] = call
        self._set(identity, OperatorStatus.OFFERED, call)
        self.offered[call.id] = time.perf_counter()
        self.offers += 1
        await asyncio.sleep(RING_S)
        talking = {"state": "talking", "operator": identity, "place": "together", "connected": time.time()}
        self.calls[call.id] = call.model_copy(update=talking)
        self._set(identity, OperatorStatus.TALKING, call)
        await asyncio.sleep(self.chance.uniform(0.5, 1.5) * talk_s)
        del self.calls[call.id]
        self._set(identity, OperatorStatus.WRAPPING_UP)
        await asyncio.sleep(WRAP_UP_S * min(1.0, talk_s / 60))
        self._set(identity, OperatorStatus.READY)

    def _set(self, identity: str, state: OperatorStatus, call: Call | None = None) -> None:
        self.operators[identity] = self._operator(identity, state, call)
        self.changed.set()


@asynccontextmanager
async def controlled(floor: Floor) -> AsyncIterator[int]:
    """Serve the control API that the desk follows; yield its port."""
    app = FastAPI(openapi_url=None)
    app.state.events = EventHub(floor.look, uuid4(), floor.changed)
    app.include_router(events.router, prefix="/v1")

    @app.get("/v1/site")
    async def site() -> JSONResponse:
        pauses = ["break", "lunch", "meeting", "training"]
        return JSONResponse({"topics": ["file", "documents"], "pauses": pauses, "languages": LANGUAGES})

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    tasks = [
        asyncio.create_task(app.state.events.run()),
        asyncio.create_task(server.serve(sockets=[listening])),
    ]
    try:
        yield listening.getsockname()[1]
    finally:
        app.state.events.close()
        server.should_exit = True
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Pages:
    """Open pages. `late_ms`: from an offer's beginning to its element at that operator's page."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.late_ms: list[float] = []
        self.bytes = 0

    async def follow(self, session: aiohttp.ClientSession, url: str, cookie: str, token: str) -> None:
        seen = ""
        headers = {"Cookie": f"{cookie}={token}"}
        async with session.get(f"{url}/live/operator", headers=headers) as stream:
            stream.raise_for_status()
            async for line in stream.content:
                self.bytes += len(line)
                if b'data-phase="offered"' not in line:
                    continue
                found = re.search(rb'data-call="([^"]+)"', line)
                if found is not None and (call := found[1].decode()) != seen and call in self._floor.offered:
                    seen = call
                    self.late_ms.append(1000 * (time.perf_counter() - self._floor.offered[call]))


async def sign_in(url: str, ids: list[str], pages: int) -> list[str]:
    """Return the tokens of as many sessions as there are pages."""
    now = datetime.now(UTC)
    async with open_engine(url) as engine:
        sessions, tokens = Sessions(engine), []
        for number in range(pages):
            identity = ids[number % len(ids)]
            person = await accounts.ensure_operator(engine, identity, f"Operator {identity}", False, now)
            await accounts.set_language(engine, identity, PAGE_LANGUAGES[number % 3])
            tokens.append(await sessions.begin(person, now))
    return tokens


async def measure(pages: int, operators: int, calls_h: float, talk_s: float, seconds: float) -> dict[str, Any]:
    floor = Floor(operators, seed=1)
    with tempfile.TemporaryDirectory(prefix="bench-desk-") as folder:
        database = f"sqlite:///{Path(folder) / 'desk.db'}"
        await upgrade(database)
        tokens = await sign_in(database, floor.ids, pages)
        async with controlled(floor) as control_port:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            settings = DeskSettings("Africa/Casablanca", LANGUAGES, database, control_port, "none", port)
            given = json.dumps(dataclasses.asdict(settings)).encode()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SERVE, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            assert process.stdin is not None
            process.stdin.write(given)
            process.stdin.close()
            try:
                return await _busy(floor, settings, tokens, calls_h, talk_s, seconds, psutil.Process(process.pid))
            finally:
                process.terminate()
                await process.wait()


async def _busy(
    floor: Floor,
    settings: DeskSettings,
    tokens: list[str],
    calls_h: float,
    talk_s: float,
    seconds: float,
    process: psutil.Process,
) -> dict[str, Any]:
    open_pages, url = Pages(floor), settings.url.replace("localhost", "127.0.0.1")
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        await _until_up(session, url)
        cookie = cookie_name(settings)
        following = [asyncio.create_task(open_pages.follow(session, url, cookie, token)) for token in tokens]
        await asyncio.sleep(3)  # all have their first fragments
        used, began, bytes_before = sum(process.cpu_times()[:2]), time.perf_counter(), open_pages.bytes
        working = asyncio.create_task(floor.take_calls(calls_h, talk_s))
        await asyncio.wait({working, *following}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        passed = time.perf_counter() - began
        core = (sum(process.cpu_times()[:2]) - used) / passed
        for task in (working, *following):
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(working, *following, return_exceptions=True)
    late = sorted(open_pages.late_ms)
    return {
        "pages": len(tokens),
        "operators": len(floor.ids),
        "calls_h": calls_h,
        "offers": floor.offers,
        "seen": len(late),
        "desk_core": round(core, 3),
        "desk_mb": round(process.memory_info().rss / 2**20, 1),
        "kb_s": round((open_pages.bytes - bytes_before) / passed / 1024, 1),
        "offer_ms": summary(late),
    }


async def _until_up(session: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.get(f"{url}/sign-in") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


def main(
    pages: Annotated[int, typer.Option(help="Open pages.", min=1, max=400)] = 60,
    operators: Annotated[int, typer.Option(help="Operators of the line.", min=1, max=200)] = 40,
    seconds: Annotated[float, typer.Option(help="Of each of the two measurements.", min=5)] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure a busy hour (400 calls), and many offers in a short time."""
    before = machine.description()
    rows = {
        "a busy hour": asyncio.run(measure(pages, operators, 400, 300, seconds)),
        "many offers": asyncio.run(measure(pages, operators, 9000, 2, seconds)),
    }
    if as_json:
        print(json.dumps({"machine": before, **rows}))
        return
    table = Table("", "calls/h", "offers", "desk, cores", "desk, MB", "sent, kB/s", "offer to page, ms p50 / p99")
    for name, row in rows.items():
        late = row["offer_ms"]
        table.add_row(
            name, f"{row['calls_h']:g}", f"{row['offers']}", f"{row['desk_core']:.3f}", f"{row['desk_mb']:.0f}",
            f"{row['kb_s']:.0f}", f"{late['p50']} / {late['p99']}",
        )  # fmt: skip
    console = Console()
    console.print(
        f"{pages} pages, {operators} operators, {seconds:g} s each; {before['cpu']}, load {before['load_before']}"
    )
    console.print(table)
    console.print(f"wanted: under {CORE_SHARE} of a core in a busy hour, p99 under {LATE_MS:g} ms")


if __name__ == "__main__":
    typer.run(main)
