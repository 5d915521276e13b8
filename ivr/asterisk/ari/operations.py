"""The operations that Hatif uses, as data. A test checks each against the API description that comes with Asterisk."""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import orjson


class Request(NamedTuple):
    """One request to Asterisk."""

    method: str
    uri: str  # without a leading slash: over the WebSocket `/channels` returns 405
    query: tuple[tuple[str, str], ...] = ()
    body: str | None = None

    def message(self, request_id: str) -> bytes:
        """Return the request as a message for the WebSocket."""
        message: dict[str, object] = {
            "type": "RESTRequest",
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


class Operation:
    """An operation of ARI.

    Args:
        path: With the names of its parameters in braces.
        query: The query parameters that may be given.
        body: The name of the body's parameter.
    """

    def __init__(self, method: str, path: str, query: tuple[str, ...] = (), body: str | None = None) -> None:
        self.method, self.path, self.query, self.body = method, path, query, body
        self._fixed = re.split(r"\{\w+\}", path)
        self._known = frozenset(query)

    def __call__(self, *path: str, body: Mapping[str, object] | None = None, **query: str) -> Request:
        """Return the request with these path parameters, in their order, and these query parameters."""
        if not self._known.issuperset(query) or (body is not None and self.body is None):
            raise ValueError(f"{self.method} {self.path} takes {self.query} and body {self.body}, got {query}, {body}")
        uri = self._fixed[0]
        for value, fixed in zip(path, self._fixed[1:], strict=True):
            uri += (value if _PLAIN(value) else quote(value, safe="")) + fixed
        text = None
        if body is not None:
            # The filter is the whole body, not a member of it.
            text = orjson.dumps(body if self.body == "filter" else {self.body: body}).decode()
        return Request(self.method, uri, tuple(query.items()), text)


_PLAIN = re.compile(r"[A-Za-z0-9._~-]+").fullmatch

PING = Operation("GET", "asterisk/ping")
CHANNELS = Operation("GET", "channels")
CHANNEL = Operation("GET", "channels/{channelId}")
CREATE = Operation(
    "POST", "channels/create", ("endpoint", "app", "appArgs", "channelId", "otherChannelId", "originator"), "variables"
)
# Follows a telephone that answers "moved", so it is used for Asterisk's own channels only (decision 17).
ORIGINATE = Operation("POST", "channels", ("endpoint", "context", "extension", "priority"))
DIAL = Operation("POST", "channels/{channelId}/dial", ("timeout",))
SNOOP = Operation("POST", "channels/{channelId}/snoop/{snoopId}", ("spy", "whisper", "app", "appArgs"))
SUBSCRIBE = Operation("POST", "applications/{applicationName}/subscription", ("eventSource",))
APPLICATION = Operation("GET", "applications/{applicationName}")
ENDPOINTS = Operation("GET", "endpoints")
ENDPOINT = Operation("GET", "endpoints/{tech}/{resource}")
ANSWER = Operation("POST", "channels/{channelId}/answer")
DTMF = Operation("POST", "channels/{channelId}/dtmf", ("dtmf",))
HANG_UP = Operation("DELETE", "channels/{channelId}", ("reason_code", "reason"))
CONTINUE = Operation("POST", "channels/{channelId}/continue", ("context", "extension", "priority"))
VARIABLE = Operation("GET", "channels/{channelId}/variable", ("variable",))
SET_GLOBAL = Operation("POST", "asterisk/variable", ("variable", "value"))
SET_VARIABLE = Operation("POST", "channels/{channelId}/variable", ("variable", "value"))
PLAY = Operation("POST", "channels/{channelId}/play/{playbackId}", ("media",))
PLAYBACK = Operation("GET", "playbacks/{playbackId}")
STOP = Operation("DELETE", "playbacks/{playbackId}")
MUSIC = Operation("POST", "channels/{channelId}/moh", ("mohClass",))
STOP_MUSIC = Operation("DELETE", "channels/{channelId}/moh")
SILENCE = Operation("POST", "channels/{channelId}/silence")
STOP_SILENCE = Operation("DELETE", "channels/{channelId}/silence")
RECORD = Operation(
    "POST",
    "channels/{channelId}/record",
    ("name", "format", "maxDurationSeconds", "maxSilenceSeconds", "ifExists", "terminateOn"),
)
LIVE_RECORDING = Operation("GET", "recordings/live/{recordingName}")
STOP_RECORDING = Operation("POST", "recordings/live/{recordingName}/stop")
PAUSE_RECORDING = Operation("POST", "recordings/live/{recordingName}/pause")
UNPAUSE_RECORDING = Operation("DELETE", "recordings/live/{recordingName}/pause")
STORED_RECORDING = Operation("GET", "recordings/stored/{recordingName}")
DELETE_RECORDING = Operation("DELETE", "recordings/stored/{recordingName}")
BRIDGES = Operation("GET", "bridges")
CREATE_BRIDGE = Operation("POST", "bridges/{bridgeId}", ("type", "name"))
DELETE_BRIDGE = Operation("DELETE", "bridges/{bridgeId}")
ADD_CHANNEL = Operation("POST", "bridges/{bridgeId}/addChannel", ("channel", "absorbDTMF"))
RECORD_BRIDGE = Operation("POST", "bridges/{bridgeId}/record", ("name", "format", "ifExists"))
TRANSFER_PROGRESS = Operation("POST", "channels/{channelId}/transfer_progress", ("states",))
RTP_STATISTICS = Operation("GET", "channels/{channelId}/rtp_statistics")
SEND_MESSAGE = Operation("PUT", "endpoints/{tech}/{resource}/sendMessage", ("from", "body"))
OBJECT = Operation("GET", "asterisk/config/dynamic/{configClass}/{objectType}/{id}")
SET_OBJECT = Operation("PUT", "asterisk/config/dynamic/{configClass}/{objectType}/{id}", (), "fields")
DELETE_OBJECT = Operation("DELETE", "asterisk/config/dynamic/{configClass}/{objectType}/{id}")
USER_EVENT = Operation("POST", "events/user/{eventName}", ("application",))
EVENT_FILTER = Operation("PUT", "applications/{applicationName}/eventFilter", (), "filter")


def send_message(endpoint: str, sender: str, text: str) -> Request:
    """Return the request that sends a text to the telephone of `endpoint`. (ARI has a query parameter named `body`.)"""
    return SEND_MESSAGE("PJSIP", endpoint)._replace(query=(("from", sender), ("body", text)))


def set_object(kind: str, name: str, **fields: str) -> Request:
    """Return the request that creates or changes an object of PJSIP's configuration, such as an `auth`."""
    listed = [{"attribute": attribute, "value": value} for attribute, value in fields.items()]
    return SET_OBJECT("res_pjsip", kind, name)._replace(body=orjson.dumps({"fields": listed}).decode())


def remove_contact(endpoint: str, contact: str) -> Request:
    """Return the request that removes a contact of `endpoint`.

    The object's name is the one that ast_sip_location_create_contact makes (res/res_pjsip/location.c).

    Args:
        contact: The SIP address as the registrar has it.
    """
    digest = hashlib.md5(contact.encode(), usedforsecurity=False).hexdigest()
    return DELETE_OBJECT("res_pjsip", "contact", f"{endpoint};@{digest}")
