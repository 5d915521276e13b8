"""The server of `hatif monitor`: /metrics for Prometheus, /health for load balancers and carriers.

The line is read at most every `FRESH_S` seconds, however many requests come: they must not burden it.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import structlog
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from cli.monitoring.facts import Facts
from cli.monitoring.metrics import render

log = structlog.get_logger()

FRESH_S = 5.0
_REQUEST_S = 5.0
"""Seconds of silence after which a client that has not finished its request is dropped."""
_AT_ONCE = 16

# A web page can reach this port under a name of its own (DNS rebinding).
_LOCAL_HOST = re.compile(r"(127\.[0-9.]+|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class Monitor:
    """The latest facts, and the answers made from them."""

    def __init__(self, read: Callable[[], Facts], clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._lock = threading.Lock()
        self._facts: Facts | None = None
        self._at = 0.0

    def facts(self) -> Facts:
        """Return facts that are at most `FRESH_S` old."""
        with self._lock:
            if self._facts is None or self._clock() - self._at > FRESH_S:
                self._facts, self._at = self._read(), self._clock()
            return self._facts

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Return status, media type and body of the answer to GET."""
        try:
            match path.partition("?")[0]:
                case "/metrics":
                    return HTTPStatus.OK, CONTENT_TYPE_LATEST, render(self.facts())
                case "/health" | "/health/ready":
                    return _health(self.facts())
                case "/health/live":
                    return _json(HTTPStatus.OK, {"live": True})
        except Exception as error:  # whatever it is: the next question may have an answer
            log.exception("The line's state cannot be read")
            reasons = [f"its state cannot be read: {error}"]
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"live": True, "ready": False, "reasons": reasons})
        return _json(HTTPStatus.NOT_FOUND, {"detail": "There are /metrics, /health, /health/live and /health/ready."})


def _health(facts: Facts) -> tuple[HTTPStatus, str, bytes]:
    """Return whether a call is served, with the reasons of `hatif status` if it is not."""
    failed = [check for check in facts.status.checks if not check.ok]
    document = {
        "live": True,
        "ready": facts.status.serves,
        "reasons": [f"{check.name}: {check.found}; {check.remedy}" for check in failed if check.fatal],
        "warnings": [f"{check.name}: {check.found}; {check.remedy}" for check in failed if not check.fatal],
    }
    return _json(HTTPStatus.OK if facts.status.serves else HTTPStatus.SERVICE_UNAVAILABLE, document)


def _json(status: HTTPStatus, document: dict[str, Any]) -> tuple[HTTPStatus, str, bytes]:
    return status, "application/json", (json.dumps(document, ensure_ascii=False) + "\n").encode()


class MonitorServer(ThreadingHTTPServer):
    """Serves a monitor at an address, and calls `alive` twice a second. Raises OSError if it cannot be used."""

    daemon_threads = True

    def __init__(self, listen: str, port: int, monitor: Monitor, alive: Callable[[], None] = lambda: None) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        self.is_local = ip_address(listen).is_loopback
        self.monitor, self._alive = monitor, alive
        self.places = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__((listen, port), _Handler)

    def service_actions(self) -> None:
        """Report that the server is alive; called by `serve_forever`."""
        self._alive()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the other side has gone."""


class _Handler(BaseHTTPRequestHandler):
    server: MonitorServer
    server_version, sys_version = "Hatif", ""
    timeout = _REQUEST_S

    def do_GET(self) -> None:
        host = self.headers.get("Host", "")
        if self.server.is_local and not _LOCAL_HOST.fullmatch(host):
            status, kind, body = _json(HTTPStatus.MISDIRECTED_REQUEST, {"detail": "This is 127.0.0.1 only."})
        elif not self.server.places.acquire(blocking=False):
            status, kind, body = _json(HTTPStatus.SERVICE_UNAVAILABLE, {"detail": "Too many ask at once."})
        else:
            try:
                status, kind, body = self.server.monitor.answer(self.path)
            finally:
                self.server.places.release()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the base class
        """Write no access log."""
