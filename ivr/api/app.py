"""The control API: how the command line, and later the desk and the guard, see and change what is live.

It listens on the loopback interface only, and wants the token of the installation. docs/api.md describes it.
"""

import asyncio
import logging
import socket

import uvicorn
from fastapi import FastAPI

from ivr.api import (
    amendments,
    callbacks,
    calls,
    consulates,
    events,
    figures,
    flow,
    gone,
    guide,
    holidays,
    hours,
    operators,
    site,
    site_changes,
    status,
    supervision,
    telephone_password,
    training,
    try_line,
    web_telephone,
)
from ivr.api.description import describe
from ivr.api.door import Door, Patient
from ivr.api.event_hub import EventHub
from ivr.api.live import LiveReader
from ivr.api.problems import handle_errors
from ivr.api.router import PREFIX
from ivr.api.site_changes import changes_of_line
from ivr.controller.controller import Controller
from ivr.controller.work import retry

_ROUTERS = (
    status.router,
    figures.router,
    events.router,
    calls.router,
    operators.router,
    telephone_password.router,
    web_telephone.router,
    try_line.router,
    training.router,
    hours.router,
    holidays.router,
    callbacks.router,
    supervision.router,
    flow.router,
    guide.router,
    consulates.router,
    amendments.router,
    site.router,
    site_changes.router,
    gone.router,
)


def create_app() -> FastAPI:
    """Return the operations, without a controller behind them and without the door in front."""
    app = FastAPI(
        title="Hatif control API",
        version="1",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        # Not `include_router`: it has each route made anew at the first request, and calls wait for 0.1 s meanwhile.
        routes=[route for router in _ROUTERS for route in router.routes],
    )
    handle_errors(app)
    describe(app)
    return app


def application(controller: Controller, hub: EventHub) -> FastAPI:
    """Return all of it behind the door, the description too."""
    app = create_app()
    app.state.controller, app.state.events = controller, hub
    app.state.site_changes = changes_of_line(controller)
    app.add_middleware(Door, token=controller.credentials.control_token)
    return app


class ApiServer(uvicorn.Server):
    """A server that ends the event streams when it is stopped; uvicorn would wait for their readers to leave."""

    def __init__(self, config: uvicorn.Config, hub: EventHub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


async def serve(controller: Controller) -> None:
    """Serve until cancelled."""
    hub = EventHub(LiveReader(controller).read, controller.journal.boot, controller.changed)
    app = application(controller, hub)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
        http=Patient,
        ws="none",
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = ApiServer(config, hub)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the process has its own
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(retry("events", hub.run), name="events")
        changing = tasks.create_task(retry("site changes", app.state.site_changes.run), name="site changes")
        try:
            await server.serve(sockets=[controller.control_socket])
        finally:
            following.cancel()
            changing.cancel()
            hub.close()
