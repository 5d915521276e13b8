"""The operations that Hatif uses, as data. A test holds each against the description that comes with Asterisk."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import orjson


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    uri: str  # without a leading slash: over the WebSocket `/channels` gives 405
    query: tuple[tuple[str, str], ...] = ()
    body: str | None = None

    def frame(self, request_id: str) -> bytes:
        """The request as one message of the WebSocket."""
        message: dict[str, object] = {
            "type": "RESTRequest",
            "transaction_id": request_id,
            "request_id": request_id,
            "method": self.method,
            "uri": self.uri,
        }
        if self.query:
            message["query_strings"] = [{"name": name, "value": value} for name, value in self.query]
        if self.body is not None:
            message["content_type"] = "application/json"
            message["message_body"] = self.body
        return orjson.dumps(message)


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` holds the names of its parameters in braces; `query` the parameters that may be given, `body` the one of
    the body."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    body: str | None = None

    def __call__(self, *path: str, body: Mapping[str, object] | None = None, **query: str) -> Request:
        if not query.keys() <= set(self.query) or (body is not None and self.body is None):
            raise ValueError(f"{self.method} {self.path} takes {self.query} and body {self.body}, got {query}, {body}")
        uri = self.path
        for value in path:
            start, end = uri.index("{"), uri.index("}")
            uri = uri[:start] + quote(value, safe="") + uri[end + 1 :]
        text = orjson.dumps({self.body: body}).decode() if body is not None else None
        if self.body == "filter" and body is not None:
            text = orjson.dumps(body).decode()  # the filter is the body itself, not a member of it
        return Request(self.method, uri, tuple(query.items()), text)


CHANNELS = Operation("GET", "channels")
CHANNEL = Operation("GET", "channels/{channelId}")
CREATE = Operation(
    "POST", "channels/create", ("endpoint", "app", "appArgs", "channelId", "originator", "formats"), "variables"
)
DIAL = Operation("POST", "channels/{channelId}/dial", ("caller", "timeout"))
ANSWER = Operation("POST", "channels/{channelId}/answer")
HANG_UP = Operation("DELETE", "channels/{channelId}", ("reason_code", "reason"))
CONTINUE = Operation("POST", "channels/{channelId}/continue", ("context", "extension", "priority"))
SET_VARIABLE = Operation("POST", "channels/{channelId}/variable", ("variable", "value"))
PLAY = Operation("POST", "channels/{channelId}/play/{playbackId}", ("media",))
PLAYBACK = Operation("GET", "playbacks/{playbackId}")
STOP = Operation("DELETE", "playbacks/{playbackId}")
MUSIC = Operation("POST", "channels/{channelId}/moh", ("mohClass",))
STOP_MUSIC = Operation("DELETE", "channels/{channelId}/moh")
BRIDGES = Operation("GET", "bridges")
CREATE_BRIDGE = Operation("POST", "bridges/{bridgeId}", ("type", "name"))
DELETE_BRIDGE = Operation("DELETE", "bridges/{bridgeId}")
REMOVE_CHANNEL = Operation("POST", "bridges/{bridgeId}/removeChannel", ("channel",))
ADD_CHANNEL = Operation("POST", "bridges/{bridgeId}/addChannel", ("channel",))
EVENT_FILTER = Operation("PUT", "applications/{applicationName}/eventFilter", (), "filter")
INFO = Operation("GET", "asterisk/info", ("only",))
