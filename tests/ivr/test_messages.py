"""What a call and the floor say to each other could cross the border of a process: it is plain data."""

from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient
from pydantic import TypeAdapter

from ivr.model import floor_protocol
from routing.estimate import WaitClass
from routing.match import Reason
from routing.states import OfferState, OperatorState, Trigger

MESSAGES = tuple(
    each
    for each in vars(floor_protocol).values()
    if isinstance(each, type) and is_dataclass(each) and each.__module__ == floor_protocol.__name__
)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=40),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    OfferState: st.sampled_from(OfferState),
    OperatorState: st.sampled_from(OperatorState),
    Trigger: st.sampled_from(Trigger),
    WaitClass: st.sampled_from(WaitClass),
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that a message may hold."""
    if kind in VALUES:
        return VALUES[kind]
    if is_dataclass(kind):
        return st.builds(kind, **{name: any_of(hint) for name, hint in get_type_hints(kind).items()})  # type: ignore[arg-type]
    parts = get_args(kind)
    if parts[1:] == (...,):
        return st.lists(any_of(parts[0]), max_size=3).map(tuple)
    assert type(None) in parts, f"no message should hold a {kind}"
    return st.none() | st.one_of(*(any_of(part) for part in parts if part is not type(None)))


# Made once: that takes longer than what they then do.
ADAPTERS = {kind: TypeAdapter(kind) for kind in MESSAGES}
ANY = {kind: any_of(kind) for kind in MESSAGES}


def test_every_message_is_tested() -> None:
    assert set(MESSAGES) == {*get_args(floor_protocol.ToFloor), *get_args(floor_protocol.ToCall)}
    assert len(MESSAGES) == 20


@pytest.mark.parametrize("kind", MESSAGES)
@patient
@given(data=st.data())
def test_a_message_survives_json(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(ANY[kind])
    adapter = ADAPTERS[kind]
    assert adapter.validate_json(adapter.dump_json(message)) == message


@pytest.mark.parametrize("kind", MESSAGES)
@patient
@given(data=st.data())
def test_a_message_cannot_be_changed_by_its_receiver(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(ANY[kind])
    assert hash(message) == hash(replace(message))
    for field in fields(message):
        with pytest.raises(FrozenInstanceError):
            setattr(message, field.name, getattr(message, field.name))


def test_a_reason_survives_json() -> None:
    reason = Reason(81.5, 1, 2, 30.0, 2, 0, "fr", 5, None)
    adapter = TypeAdapter(Reason)
    assert adapter.validate_json(adapter.dump_json(reason)) == reason
