"""A controller for tests of the desk: the control API's own event stream over a state that a test sets.

What a person asks for is noted, with who asked, and answered as the test says.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from ivr.api import amendments, events, site_changes
from ivr.api.event_hub import EventHub
from ivr.api.problems import handle_errors
from ivr.records.amendments import AmendmentRepository
from ivr.records.database_client import SharedEngine
from ivr.records.people import PeopleRepository
from ivr.site_changes.changes import SiteChanges
from wire.live import Alarm, Call, Operator, OperatorCall, OperatorStatus, QueueEntry, Snapshot

LANGUAGES = {"ar": 5, "fr": 3}


def operator(identity: str, state: str = "ready", **members: Any) -> Operator:
    """Return an operator as the control API describes one."""
    given = {"name": f"Operator {identity}", "languages": LANGUAGES, "topics": (), "supervisor": False, **members}
    return Operator(id=identity, state=OperatorStatus(state), since=time.time(), telephone=True, **given)


def call(identity: str = "call-1", **members: Any) -> Call:
    """Return a call in French about documents, as the control API describes one."""
    given: dict[str, Any] = {
        "state": "waiting",
        "number": "+33800212000",
        "caller": "+33612345678",
        "country": "FR",
        "language": "fr",
        "topic": "documents",
        "case": None,
        "choices": (),
        "node": "operator",
        "flow": "1",
        "since": time.time() - 12,
        "connected": None,
        "operator": None,
        "place": None,
        "recording": None,
        "transfers": 0,
        "transfer_to": (),
    }
    return Call(id=identity, **{**given, **members})


def waiter(place: int, language: str, since: float, **members: Any) -> QueueEntry:
    """Return somebody in the queue, as the control API describes them."""
    given: dict[str, Any] = {"call": f"waits-{place}", "caller": None, "callback": None, "topic": None, "silent": False}
    return QueueEntry(place=place, language=language, since=since, **{**given, **members})


class StandIn:
    """The state that browsers see, and what they asked for."""

    def __init__(self) -> None:
        self.operators = [operator("1002"), operator("1003"), operator("1040", supervisor=True)]
        self.calls: list[Call] = []
        self.queue: list[QueueEntry] = []
        self.alarms: list[Alarm] = []
        self.asked: list[tuple[str, str, str, Any]] = []  # method, path, who, body
        self.answers: dict[str, tuple[int, Any]] = {"/training": (200, {"scripts": [], "callers": []})}
        """By path: the status and the document of the answer; otherwise 200 and nothing."""
        self.once: dict[str, tuple[int, Any]] = {}
        """The same, for the next request that changes something."""
        self.in_doubt = False
        """Whether every change is answered as one that the database did not confirm."""
        self.scoring: dict[str, dict[str, str]] = {}
        self.endings: dict[str, dict[str, str]] = {}
        self.ending_required = False
        self.site_changes: SiteChanges | None = None
        """With these, changes of the site's files are made as the controller makes them."""
        self.database: SharedEngine | None = None
        """With it, amendments and the site's changes are decided as the controller decides them."""
        self.changed = asyncio.Event()
        self.port = 0

    async def look(self) -> Snapshot:
        return Snapshot(
            at=time.time(),
            operators=tuple(self.operators),
            queue=tuple(self.queue),
            calls=tuple(self.calls),
            alarms=tuple(self.alarms),
        )

    def set(self, *changed: Operator, calls: list[Call] | None = None) -> None:
        """Change operators, and the calls that are up."""
        by_id = {row.id: row for row in changed}
        self.operators = [by_id.get(row.id, row) for row in self.operators]
        if calls is not None:
            self.calls = calls
        self.changed.set()

    def offer(self, to: str = "1002", **members: Any) -> Call:
        """Offer a call to an operator."""
        offered = call(**members)
        self.set(operator(to, "offered", call=_of(offered, None), **self._known(to)), calls=[offered])
        return offered

    def connect(self, to: str = "1002", place: Any = "together", **members: Any) -> Call:
        """Connect a call with an operator."""
        talking = call(**{"state": "talking", "operator": to, "place": place, "connected": time.time(), **members})
        self.set(operator(to, "talking", call=_of(talking, place), **self._known(to)), calls=[talking])
        return talking

    def _known(self, identity: str) -> dict[str, Any]:
        row = next(row for row in self.operators if row.id == identity)
        return {"name": row.name, "languages": row.languages, "supervisor": row.supervisor}

    async def seen(self, desk: Any) -> None:
        """Wait until a desk shows the calls that are up."""
        async with asyncio.timeout(5):
            while set(desk.app.state.hub.picture.calls) != {row.id for row in self.calls}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def followed(self, desk: Any) -> None:
        """Wait until a desk knows the operators."""
        async with asyncio.timeout(5):
            while not desk.app.state.hub.picture.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def join(self, colleague: str, to: Call, state: str = "talking") -> None:
        """Bring a colleague into a call."""
        self.set(operator(colleague, state, call=_of(to, None)))


def _of(row: Call, place: Any) -> OperatorCall:
    return OperatorCall(id=row.id, language=row.language, caller=row.caller, place=place)


@asynccontextmanager
async def standing_in(controller: StandIn | None = None, port: int = 0) -> AsyncIterator[StandIn]:
    """Serve a control API while the block runs."""
    found = controller or StandIn()
    app = FastAPI(openapi_url=None)
    app.state.events = EventHub(found.look, uuid4(), found.changed)
    app.include_router(events.router)
    if found.site_changes is not None:
        app.state.site_changes = found.site_changes
        app.state.controller = SimpleNamespace(settings=found.site_changes._settings)
        app.include_router(site_changes.router)
        handle_errors(app)
        if found.database is not None:
            app.state.controller.people = PeopleRepository(found.database)
            app.state.controller.amendments = AmendmentRepository(found.database)
            app.state.controller.journal = SimpleNamespace(put=lambda table, **row: None)
            app.include_router(amendments.router)

    @app.api_route("/v1/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def note(request: Request, path: str) -> Response:
        body = await request.json() if await request.body() else None
        if path == "site":
            pauses = ["break", "lunch", "meeting", "training"]
            numbers = [{"number": "+33800212000", "country": "FR"}, {"number": "+31800212000", "country": "NL"}]
            languages = ["ar", "fr", "nl", "en"]
            site: dict[str, Any] = {
                "topics": ["file", "documents"],
                "pauses": pauses,
                "languages": languages,
                "numbers": numbers,
            }
            site |= {"scoring": found.scoring, "endings": found.endings, "ending_required": found.ending_required}
            return JSONResponse(site)
        path = f"{path}?{request.url.query}" if request.method == "GET" and request.url.query else path
        found.asked.append((request.method, f"/{path}", request.headers["Hatif-Actor"], body))
        status, document = found.answers.get(f"/{path}", (200, {}))
        if request.method != "GET" and f"/{path}" in found.once:
            status, document = found.once.pop(f"/{path}")
        if request.method != "GET" and found.in_doubt:
            status, document = 503, {"detail": "It may have been done.", "code": "in_doubt"}
        return JSONResponse(document, status)

    listening = socket.create_server(("127.0.0.1", port))
    found.port = listening.getsockname()[1]
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    following = asyncio.create_task(app.state.events.run())
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield found
    finally:
        app.state.events.close()
        server.should_exit = True
        following.cancel()
        await running
