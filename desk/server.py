"""The desk's own server."""

import logging

import uvicorn

from desk.app import create_app
from desk.settings import DeskSettings


def serve(settings: DeskSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        create_app(settings),
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
    uvicorn.Server(config).run()
