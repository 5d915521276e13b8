"""The desk's own server."""

import logging
import socket

import uvicorn
from fastapi import FastAPI

from desk.app import create_app
from desk.settings import DeskSettings


class DeskServer(uvicorn.Server):
    """A server that ends its streams when it is stopped; uvicorn would wait for their browsers to leave."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.hub.close()
        await super().shutdown(sockets)


def serve(settings: DeskSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.listen,
        port=settings.port,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
        log_config=None,
        access_log=False,  # it would have the tokens of links
        server_header=False,
        proxy_headers=settings.is_behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=1,
        limit_concurrency=1000,
        ws="none",
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    DeskServer(config, app).run()
