"""The desk's own server."""

import asyncio
import gc
import logging
import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from background.address_limit import AddressLimit, listen
from desk import tls
from desk.app import create_app
from desk.page.door import OF_AN_ADDRESS
from desk.page.traffic import Traffic
from desk.settings import DeskSettings

HEAD_S = 10.0
"""Seconds within which the head of a connection's first request must be complete."""

TICKS_A_SECOND = 10
"""uvicorn's."""


class PatientProtocol(H11Protocol):
    """A connection that is closed if its first request does not come; uvicorn would keep a place for it forever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._due = self.loop.call_later(HEAD_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._due.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


class DeskServer(uvicorn.Server):
    """A server that ends its streams when it is stopped; uvicorn would wait for their browsers to leave.

    It calls `alive` each second. uvicorn's own call goes by the wall clock, and would not come for an hour after that
    was set back by one.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, alive: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._app, self._alive = app, alive

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            self._alive()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.hub.close()
        await super().shutdown(sockets)


def serve(settings: DeskSettings, traffic: Traffic, alive: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT; call `alive` each second."""
    app = create_app(settings, traffic)
    # Beside the start, which must not wait for it: a desk that was killed is missed by every page.
    threading.Thread(target=app.state.pages.prepare, name="templates", daemon=True).start()
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        listener = listen(settings.listen, settings.port, AddressLimit(OF_AN_ADDRESS))
    except OSError as error:
        logging.getLogger("uvicorn.error").error("The desk cannot listen on %s: %s", settings.listen, error)
        raise SystemExit(1) from None
    # A report of a year has so many rows that all objects are looked through for garbage: without those loaded by now,
    # this keeps other pages waiting for 0.02 s instead of 0.1.
    gc.freeze()
    DeskServer(config_of(app, settings), app, alive).run([listener])


def config_of(app: FastAPI, settings: DeskSettings) -> uvicorn.Config:
    """Return how uvicorn serves the desk."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        host=settings.listen,
        port=settings.port,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
        log_config=None,
        access_log=False,  # it would have the tokens of links
        server_header=False,
        proxy_headers=settings.is_behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        loop="asyncio",  # which accepts through the socket, and so with its limit
        timeout_graceful_shutdown=1,
        limit_concurrency=1000,
        ws="none",
    )
    config.load()
    if settings.certificate is not None and settings.key is not None:
        config.ssl = tls.server_context(settings.certificate, settings.key)  # uvicorn's has no lowest version
    return config
