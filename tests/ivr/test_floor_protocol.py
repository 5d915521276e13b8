"""The messages between calls and the floor are plain data that could cross a process boundary."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ivr.model import floor_protocol

MESSAGES = [kind for union in (floor_protocol.ToFloor, floor_protocol.ToCall, floor_protocol.ToClient)
            for kind in get_args(union)]  # fmt: skip

st.register_type_strategy(
    Mapping, lambda of: st.dictionaries(*(st.from_type(part) for part in get_args(of)), max_size=3)
)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


def test_every_message_of_the_protocol_is_in_a_union() -> None:
    parts = {"QueuedCall"}  # a part of `Queue`
    named = {name for name, kind in vars(floor_protocol).items()
             if is_dataclass(kind) and getattr(kind, "__module__", "") == floor_protocol.__name__}  # fmt: skip
    assert named - parts == {kind.__name__ for kind in MESSAGES}


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_a_message_survives_a_round_trip_through_json(kind: type, data: st.DataObject) -> None:
    message = data.draw(st.from_type(kind))
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    assert adapter.validate_json(adapter.dump_json(message)) == message


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=3, deadline=None)
def test_a_message_cannot_be_changed_by_its_receiver(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(st.from_type(kind))
    for field in fields(message):
        with pytest.raises(FrozenInstanceError):
            setattr(message, field.name, getattr(message, field.name))
