"""The command line's side of the control API: requests, and the stream of events."""

import getpass
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

from wire.errors import UserError

PREFIX = "/v1"
ANSWER_S = 5.0
SILENCE_S = 15.0
"""Seconds without anything, even a heartbeat, after which a stream counts as dead."""

LINE_LIMIT = 16 * 2**20  # bytes


class ControlError(UserError):
    """A sentence that says why live state could not be read or changed. `code`: that of the rule, if it has one."""

    def __init__(self, sentence: str, code: str | None = None) -> None:
        super().__init__(sentence)
        self.code = code


class ControllerAwayError(ControlError):
    """The controller does not answer; what is on disk can still be shown."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream. `data` is the document that docs/api.md describes under `name`."""

    id: str
    name: str
    data: object


@dataclass(frozen=True, slots=True)
class ControlApi:
    """The control API of a controller on this machine. `secrets`: the file that `token` comes from."""

    port: int
    token: str
    secrets: Path

    def ask(self, method: str, path: str, body: object = None) -> object:
        """Return the answer to a request for `path` (below /v1). Raises ControlError, ControllerAwayError."""
        content = json.dumps(body).encode() if body is not None else None
        with self._open(method, path, content, ANSWER_S) as answer:
            return json.load(answer)

    def events(self, last_id: str | None = None) -> Iterator[Event]:
        """Yield the events after `last_id`, or a snapshot and those after it. Raises ControlError when they end."""
        with self._open("GET", "/events", None, SILENCE_S, last_id) as stream:
            yield from _events(stream)
        raise self._away()

    @contextmanager
    def _open(
        self, method: str, path: str, content: bytes | None, limit_s: float, last_id: str | None = None
    ) -> Iterator[HTTPResponse]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        headers["Hatif-Actor"] = actor()
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        # Whatever http_proxy says: a proxy would see the token, and 127.0.0.1 would be the proxy itself.
        connection = HTTPConnection("127.0.0.1", self.port, timeout=limit_s)
        try:
            connection.request(method, f"{PREFIX}{path}", content, headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise self._refused(answer)
            yield answer
        except (OSError, ValueError, HTTPException):
            raise self._away() from None
        finally:
            connection.close()

    def _refused(self, answer: HTTPResponse) -> ControlError:
        if answer.status == 401:
            return ControlError(
                f"The controller on 127.0.0.1:{self.port} rejects the token of {self.secrets}: it runs with "
                "other secrets. Is HATIF_HOME the one with which it was started?"
            )
        return ControlError(*_problem(answer.read()))

    def _away(self) -> ControllerAwayError:
        return ControllerAwayError(
            f"The controller does not answer on 127.0.0.1:{self.port}. Is it running (`hatif status`)? "
            "Start it with `hatif up`."
        )


def account() -> str:
    """Return the login name of the user who runs a command, also through sudo, for records and the audit."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (ImportError, KeyError, OSError):  # depending on the Python version
        return "administrator"


def actor() -> str:
    """Return the login name as the control API accepts it: at most 40 characters, unusual ones replaced."""
    name = re.sub(r"[^A-Za-z0-9_.@+\\-]", "_", account())[:40]
    return name if re.match("[A-Za-z0-9_]", name) else f"_{name}"[:40]


def _events(stream: HTTPResponse) -> Iterator[Event]:
    """Yield the events of a stream: blocks of fields, each ended by an empty line. Raises ValueError if malformed."""
    fields: dict[str, str] = {}
    while line := stream.readline(LINE_LIMIT):
        text = line.decode().rstrip("\r\n")
        name, _, value = text.partition(": ")
        if name in ("id", "event", "data"):
            fields[name] = value
        if not text and "data" in fields:
            yield Event(fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"]))
        if not text:
            fields.clear()


def _problem(text: bytes) -> tuple[str, str | None]:
    """Return the sentence and the code of a problem document, or the beginning of any other answer."""
    try:
        problem = json.loads(text)
        return str(problem["detail"]), problem.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return text.decode(errors="replace")[:300], None
