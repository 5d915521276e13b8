"""A floor that needs no telephones: operators who are offered calls, talk and wrap up, behind the real event stream."""

import asyncio
import random
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from bench.desk.pages import Pages, desk_with_pages, free_port, late_ms, sign_in
from bench.figures import percentile
from bench.reference_case import LANGUAGES
from db.references import make_reference
from db.upgrade import upgrade
from desk.settings import DeskSettings
from ivr.api import events
from ivr.api.event_hub import EventHub
from wire.live import Call, Operator, OperatorCall, OperatorPlaceName, OperatorStatus, QueueEntry, Snapshot

RING_S, WRAP_UP_S = 3.0, 20.0


class Floor:
    """The operators and their calls. `offered`, `answered`: by call, in ns of CLOCK_REALTIME."""

    def __init__(self, operators: int, seed: int) -> None:
        self.chance = random.Random(seed)
        self.ids = [str(1001 + number) for number in range(operators)]
        self.operators = {identity: self._operator(identity, OperatorStatus.READY) for identity in self.ids}
        self.calls: dict[str, Call] = {}
        self.changed = asyncio.Event()
        self.offered: dict[str, int] = {}
        self.answered: dict[str, int] = {}

    def _operator(self, identity: str, state: OperatorStatus, call: Call | None = None) -> Operator:
        number = int(identity)
        spoken = {LANGUAGES[number % 7]: 5, LANGUAGES[(number + 1) % 7]: 3}
        mine = None
        if call is not None:
            place: OperatorPlaceName | None = "together" if state is OperatorStatus.TALKING else None
            mine = OperatorCall(id=call.id, language=call.language, caller=call.caller, place=place)
        until = time.time() + WRAP_UP_S if state is OperatorStatus.WRAPPING_UP else None
        return Operator(
            id=identity, name=f"Operator {identity}", languages=spoken, topics=(), supervisor=False, state=state,
            since=time.time(), until=until, telephone=True, call=mine,
        )  # fmt: skip

    async def look(self) -> Snapshot:
        queue = tuple(
            QueueEntry(place=n, call=f"w{n}", caller=None, callback=None, language="fr", topic=None, silent=False,
                       since=time.time() // 30 * 30)
            for n in range(1, 5)
        )  # fmt: skip
        return Snapshot(
            at=time.time(), operators=(*self.operators.values(),), queue=queue, calls=(*self.calls.values(),), alarms=()
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
            since=time.time() - 20, connected=None, operator=None, place=None, transfers=0, transfer_to=(), choices=(),
            recording=None,
        )  # fmt: skip
        self.calls[call.id] = call
        self.offered[call.id] = time.time_ns()
        self._set(identity, OperatorStatus.OFFERED, call)
        await asyncio.sleep(RING_S)
        reference = make_reference(1, len(self.answered) + 1)
        self.calls[call.id] = replace(
            call, state="talking", operator=identity, place="together", connected=time.time(), case=reference,
            case_opened=True,
        )  # fmt: skip
        self.answered[call.id] = time.time_ns()
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


async def measure(pages: int, operators: int, calls_h: float, talk_s: float, seconds: float) -> dict[str, Any]:
    """Return what the desk used, and how late its pages were."""
    floor = Floor(operators, seed=1)
    with tempfile.TemporaryDirectory(prefix="bench-desk-") as folder:
        database = f"sqlite:///{Path(folder) / 'desk.db'}"
        await upgrade(database)
        tokens = await sign_in(database, floor.ids, pages)
        async with controlled(floor) as control_port:
            settings = DeskSettings("Africa/Casablanca", LANGUAGES, database, control_port, "none", free_port())
            async with desk_with_pages(settings, tokens) as (open_pages, process):
                used, began, before = sum(process.cpu_times()[:2]), time.monotonic(), open_pages.bytes
                working = asyncio.create_task(floor.take_calls(calls_h, talk_s))
                await asyncio.wait({working}, timeout=seconds)
                passed = time.monotonic() - began
                core = (sum(process.cpu_times()[:2]) - used) / passed
                megabytes = process.memory_info().rss / 2**20
                if working.done():
                    working.result()
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                return {
                    "calls_h": calls_h,
                    "offers": len(floor.offered),
                    "desk_core": round(core, 3),
                    "desk_mb": round(megabytes, 1),
                    "kb_s": round((open_pages.bytes - before) / passed / 1024, 1),
                    "offer_ms": spread(late_ms(open_pages.offers, floor.offered)),
                    **answer_figures(open_pages, floor.answered),
                }


def answer_figures(pages: Pages, answered: dict[str, int]) -> dict[str, Any]:
    """Return how long after the answer pages knew of it, and had the file."""
    return {
        "answer_ms": spread(late_ms(pages.answers, answered)),
        "file_ms": spread(late_ms(pages.files, answered)),
        "faults": pages.faults[:10],
    }


def spread(values: list[float]) -> dict[str, float | int | None]:
    """Return percentiles of milliseconds."""
    found = {f"p{percent}": percentile(values, percent) for percent in (50, 95, 99)}
    return {name: None if value is None else round(value, 1) for name, value in found.items()} | {"n": len(values)}
