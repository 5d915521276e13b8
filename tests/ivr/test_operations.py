"""Requests to ARI and the fields that are read from it exist, by the API description that comes with Asterisk."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from line import CACHE

from asterisk_conf.install import find_or_install
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Operation

OPERATIONS = {name: operation for name, operation in vars(operations).items() if isinstance(operation, Operation)}
EXAMPLES = {"string": "text", "int": 16, "long": 16, "boolean": True, "Date": "2026-11-25T13:00:00.000+0000"}


class Quiet:
    def step(self, text: str) -> None: ...

    def update(self, done: int, total: int) -> None: ...


@cache
def description() -> dict[str, Any]:
    """Return the files of the API description by name."""
    folder: Path = find_or_install(CACHE, Quiet()).rest_api_dir
    if not folder.is_dir():
        pytest.skip(f"this Asterisk came without {folder}")
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def described(operation: Operation) -> dict[str, Any]:
    """Return the description of an operation."""
    found = [
        entry
        for file in description().values()
        for api in file.get("apis", ())
        if api["path"] == f"/{operation.path}"
        for entry in api.get("operations", ())
        if entry["httpMethod"] == operation.method
    ]
    assert len(found) == 1, f"{operation.method} /{operation.path} is described {len(found)} times"
    only: dict[str, Any] = found[0]
    return only


def parameters(operation: Operation, kind: str) -> dict[str, dict[str, Any]]:
    return {
        parameter["name"]: parameter
        for parameter in described(operation).get("parameters", ())
        if parameter["paramType"] == kind
    }


# Requests


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_exists_with_its_parameters(name: str) -> None:
    operation = OPERATIONS[name]
    assert set(operation.query) <= parameters(operation, "query").keys()
    assert ({operation.body} if operation.body else set()) <= parameters(operation, "body").keys()
    in_path = {part[1:-1] for part in operation.path.split("/") if part.startswith("{")}
    assert in_path == parameters(operation, "path").keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_all_parameters_that_asterisk_requires_can_be_given(name: str) -> None:
    operation = OPERATIONS[name]
    required = {name for name, parameter in parameters(operation, "query").items() if parameter.get("required")}
    assert required <= set(operation.query)


def test_a_request_has_the_form_that_asterisk_reads() -> None:
    request = operations.CREATE(endpoint="PJSIP/1001", channelId="leg-1", body={"HATIF": "{}"})
    frame = json.loads(request.message("7"))
    assert frame == {
        "type": "RESTRequest",
        "request_id": "7",
        "method": "POST",
        "uri": "channels/create",
        "query_strings": [{"name": "endpoint", "value": "PJSIP/1001"}, {"name": "channelId", "value": "leg-1"}],
        "content_type": "application/json",
        "message_body": '{"variables":{"HATIF":"{}"}}',
    }
    assert json.loads(operations.CHANNELS().message("8")).keys() == {
        "type",
        "request_id",
        "method",
        "uri",
    }


@pytest.mark.parametrize("identity", ["a/../b", "a?b=c", "a#b", "{playbackId}", "ü %"])
def test_an_id_cannot_break_out_of_its_place_in_a_path(identity: str) -> None:
    uri = operations.PLAY(identity, "pb-1", media="sound:x").uri
    assert uri.startswith("channels/") and uri.endswith("/play/pb-1") and uri.count("/") == 3
    assert not set(uri) & set("?#{} ")


def test_the_event_filter_is_the_whole_body() -> None:
    assert operations.EVENT_FILTER("hatif", body={"allowed": []}).body == '{"allowed":[]}'


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: operations.CHANNELS(app="hatif"),
        lambda: operations.ANSWER("a", body={}),
        lambda: operations.DIAL("a", label="x"),
    ],
)
def test_an_unknown_parameter_of_an_operation_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="takes"):
        wrong()


# Events


class Described(Mapping[str, Any]):
    """An example of a model; reading a field that the model does not have raises an error.

    With an index only what Asterisk always sends may be asked for; with `get` anything that it may send.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._properties = {**self._inherited(model), **models()[model]["properties"]}

    @staticmethod
    def _inherited(model: str) -> dict[str, Any]:
        base = next((name for name, entry in models().items() if model in entry.get("subTypes", ())), None)
        return {**Described._inherited(base), **models()[base]["properties"]} if base is not None else {}

    def _example(self, name: str) -> Any:
        kind = self._properties[name]["type"]
        if name == "type":
            return self._model
        if kind in models():
            return Described(kind)
        return [] if kind.startswith("List[") else {} if kind == "object" else EXAMPLES[kind]

    def __getitem__(self, name: str) -> Any:
        assert name in self._properties, f"{self._model} has no {name}"
        assert self._properties[name]["required"], f"{self._model} need not have {name}"
        return self._example(name)

    def get(self, name: str, default: Any = None) -> Any:
        assert name in self._properties, f"{self._model} has no {name}"
        return self._example(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)


@cache
def models() -> dict[str, Any]:
    return {name: model for file in description().values() for name, model in file.get("models", {}).items()}


FAILURES = {"RecordingFailed": events.RecordingFinished}
"""Failure events that share a type with the event for success; their `failed` is true."""


def test_every_typed_event_passes_the_filter() -> None:
    assert set(events.USED) == {kind.__name__ for kind in get_args(events.Event)} | FAILURES.keys()


@pytest.mark.parametrize("name", events.USED)
def test_an_event_exists_and_has_the_fields_that_are_read(name: str) -> None:
    assert name in models()["Event"]["subTypes"]
    event = events.event(Described(name))
    if name in FAILURES:
        assert type(event) is FAILURES[name]
        assert event.failed
    else:
        assert type(event).__name__ == name
        assert not getattr(event, "failed", False)


def test_an_event_that_is_not_used_is_dropped() -> None:
    assert events.event({"type": "ChannelDialplan"}) is None


def test_the_fields_of_a_channel_are_read() -> None:
    channel = events.channel(Described("Channel"))
    assert (channel.id, channel.state, channel.caller_number, channel.application) == ("text",) * 4
    assert channel.variables == {}


def test_the_response_message_and_the_fields_of_bridges_exist() -> None:
    assert {"request_id", "status_code", "message_body"} <= set(Described("RESTResponse"))
    assert "RESTResponse" in models()["Event"]["subTypes"]
    bridge = Described("Bridge")
    assert bridge["id"] and bridge["channels"] == []


@pytest.mark.parametrize(
    "data",
    [
        {"type": "StasisStart"},
        {"type": "ChannelDtmfReceived", "channel": {"id": "a"}},
        {"type": "PlaybackFinished", "playback": {"id": "a"}},
        {"type": "ChannelDestroyed", "channel": []},
        {},
    ],
)
def test_a_malformed_event_raises_an_error_that_the_reader_expects(data: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        events.event(data)
