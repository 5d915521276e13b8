"""Requests to ARI and the fields that are read from it exist, by the API description that comes with Asterisk."""

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import orjson
import pytest
from every import every
from line import CACHE
from structlog.testing import capture_logs

from asterisk_conf.install import find_or_install
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.link import Link
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


@every("name", OPERATIONS)
def test_an_operation_exists_with_its_parameters(name: str) -> None:
    operation = OPERATIONS[name]
    assert set(operation.query) <= parameters(operation, "query").keys()
    assert ({operation.body} if operation.body else set()) <= parameters(operation, "body").keys()
    in_path = {part[1:-1] for part in operation.path.split("/") if part.startswith("{")}
    assert in_path == parameters(operation, "path").keys()


@every("name", OPERATIONS)
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


@cache
def models() -> dict[str, Any]:
    return {name: model for file in description().values() for name, model in file.get("models", {}).items()}


def members(model: str) -> dict[str, Any]:
    """Return the members of a model, with those that it inherits."""
    base = next((name for name, entry in models().items() if model in entry.get("subTypes", ())), None)
    return {**(members(base) if base is not None else {}), **models()[model]["properties"]}


def example(model: str, *, all_members: bool) -> dict[str, Any]:
    """Return a message or object with all members, or with those that Asterisk always sends."""
    return {
        name: model if name == "type" else value(member["type"], all_members=all_members)
        for name, member in members(model).items()
        if all_members or member.get("required")
    }


def value(kind: str, *, all_members: bool) -> Any:
    if kind in models():
        return example(kind, all_members=all_members)
    return [] if kind.startswith("List[") else {} if kind == "object" else EXAMPLES[kind]


def check_members(struct: type[msgspec.Struct], model: str) -> None:
    """Check that Asterisk has what is read, and always sends what has no default."""
    for member in msgspec.structs.fields(struct):
        described = members(model).get(member.encode_name)
        assert described is not None, f"{model} has no {member.encode_name}"
        assert described.get("required") or not member.required, f"{model} need not have {member.encode_name}"
        for kind in (member.type, *get_args(member.type)):
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                check_members(kind, described["type"])


@every("kind", [*get_args(events.Event), events.RESTResponse])
def test_an_event_exists_and_has_the_members_that_are_read(kind: type[msgspec.Struct]) -> None:
    name = kind.__name__
    assert name in models()["Event"]["subTypes"]
    check_members(kind, name)
    for all_members in (True, False):
        assert type(events.decode(orjson.dumps(example(name, all_members=all_members)))) is kind


def test_an_event_that_is_not_used_is_dropped() -> None:
    assert events.decode(orjson.dumps(example("ChannelDialplan", all_members=True))) is None


def test_the_members_of_a_channel_are_read() -> None:
    (channel,) = events.channels([example("Channel", all_members=True)])
    assert (channel.id, channel.state, channel.caller_number, channel.application) == ("text",) * 4
    assert channel.variables == {}


def test_a_channel_outside_of_the_dialplan_has_no_application() -> None:
    nothing = {"context": None, "exten": None, "priority": None, "app_name": None, "app_data": None}
    (channel,) = events.channels([{**example("Channel", all_members=False), "dialplan": nothing}])
    assert (channel.application, channel.application_data) == ("", "")


def test_the_members_of_bridges_that_are_read_exist() -> None:
    assert example("Bridge", all_members=False).keys() >= {"id", "channels"}


@every(
    "message",
    [
        '{"type":"StasisStart"}',
        '{"type":"ChannelDtmfReceived","channel":{"id":"a"}}',
        '{"type":"ChannelDtmfReceived","channel":{"id":"a"},"digit":5}',
        '{"type":"PlaybackFinished","playback":{"id":"a"}}',
        '{"type":"ChannelDestroyed","channel":[]}',
        '{"type":"ChannelDestroyed","channel":{"id":["a"]}}',
        '{"type":"RecordingFinished","recording":{"name":"a","target_uri":"channel:a","duration":"long"}}',
        '{"type":"StasisEnd","channel":{"id":"\\ud800"}}',
        '{"type":["StasisEnd"]}',
        '{"type":null}',
        "{}",
        "[]",
        "",
        "{",
        '{"type":"StasisEnd"',
        '{"type":"StasisEnd","later":' + "[" * 100_000,
        '{"type":"StasisEnd","channel":' * 100_000,
    ],
)
def test_a_malformed_message_is_logged_and_the_next_one_is_read(message: str) -> None:
    link = Link("http://127.0.0.1", "u", "p", "hatif")
    with capture_logs() as logged:
        link.take(message.encode())
    assert [line["event"] for line in logged] == ["Asterisk sent a message that cannot be read"]
    link.take(b'{"type":"ApplicationReplaced"}')
    assert link._early == [events.ApplicationReplaced()]
