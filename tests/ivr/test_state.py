"""States on channels survive a round trip, always fit, and nothing else is accepted as one."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties import patient

from db.enums import Outcome, Role
from ivr.model.call_state import DECLINED, LIMIT, CallState, Consent, LegState, StateError, decode
from ivr.model.talk_table import OperatorPlace
from ivr.queue.moves import Move
from ivr.talk.transfers import Transfer

ID = "019ab5d2-0000-7000-8000-000000000001"
OTHER = "019ab5d2-0000-7000-8000-000000000002"

ids = st.uuids(version=4).map(str)
instants = st.floats(1, 4_102_444_800)  # until 2100
digits = st.text("0123456789+", max_size=20)
nodes = st.from_regex(r"[a-z][a-z0-9_]{0,23}", fullmatch=True)
words = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True)
texts = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True)
languages = st.from_regex(r"[a-z]{2,3}", fullmatch=True)
references = st.from_regex(r"[1-9][0-9]{8}", fullmatch=True)
operators = st.from_regex(r"[1-9][0-9]{2,7}", fullmatch=True)
playbacks = st.builds("pb-{:010x}-{}".format, st.integers(0, 2**40 - 1), st.integers(1, 999_999_999))
consents = st.builds(
    Consent,
    text=texts,
    language=languages,
    key=st.sampled_from("0123456789"),
    at=st.integers(1, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
transfers = st.builds(
    Transfer,
    to=st.lists(operators, max_size=2).map(tuple),
    by=st.none() | operators,
    at=st.integers(0, 4_102_444_800).map(float),
    count=st.integers(0, 9),
)
moves = st.builds(
    Move,
    front=st.booleans(),
    language=st.none() | languages,
    operator=st.none() | operators,
    at=st.integers(0, 4_102_444_800).map(float),
)


def possible(state: CallState) -> CallState:
    """Return a state without a move that ends the transfer in progress."""
    if not Transfer.decode(state.transfer).pending:
        return state
    return state.replace(moved=Move(front=True).encode() if Move.decode(state.moved).front else None)


calls = st.builds(
    CallState,
    id=ids,
    flow=st.text("0123456789abcdef", min_size=12, max_size=12),
    node=nodes,
    number=digits | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),  # as dialled
    caller=digits,
    country=st.none() | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2),
    language=languages,
    playback=st.none() | playbacks,
    since=st.none() | instants,
    topic=st.none() | words,
    offer=st.none() | ids,
    operator=st.none() | operators,
    outcome=st.none() | st.sampled_from(Outcome),
    failures=st.integers(0, 9),
    case=st.none() | references,
    connected_at=st.none() | instants,
    first=st.booleans(),
    consent=st.none() | st.just(DECLINED) | consents.map(Consent.encode),
    announced=st.none() | languages,
    served_by=st.none() | operators,
    served_until=st.none() | instants.map(lambda instant: round(instant, 3)),
    filed=st.booleans(),
    preferred_operator=st.none() | operators,
    queue_node=st.none() | nodes,
    returns=st.booleans(),
    operator_place=st.sampled_from(OperatorPlace),
    transfer=st.none() | transfers.map(Transfer.encode),
    accepted=st.lists(st.sampled_from(("callback", "message")) | references, max_size=3).map(tuple),
    moved=st.none() | moves.map(Move.encode),
).map(possible)
legs = st.builds(LegState, offer=ids, call=ids, operator=operators, offered_at=instants, role=st.sampled_from(Role))
widest = CallState(
    ID,
    "0123456789ab",
    "n" * 24,
    "\x00" * 20,  # six bytes each, as JSON writes it
    "+" * 20,
    "ary",
    "FR",
    playback="pb-0123456789-999999999",
    since=1_795_613_040.1234565,  # as many digits as an instant has
    topic="t" * 31,
    offer=OTHER,
    operator="12345678",
    outcome=Outcome.SELF_SERVED,
    failures=9,
    case="123456789",
    connected_at=1_795_613_040.1234565,
    first=True,
    consent=Consent("c" * 40, "ary", "1", datetime(2026, 11, 25, tzinfo=UTC)).encode(),
    announced="ary",
    served_by="12345678",
    served_until=1_795_613_040.123,
    filed=True,
    preferred_operator="12345678",
    queue_node="n" * 24,
    returns=True,
    operator_place=OperatorPlace.CONSULTS,
    transfer=Transfer(("12345678", "12345678"), "12345678", 1_795_613_040.0, 9).encode(),
    accepted=("123456789", "123456788", "123456787"),
    moved=Move(front=True).encode(),
)
moved = widest.replace(
    transfer=Transfer(count=9).encode(), moved=Move(True, "ary", "12345678", 1_795_613_040.0).encode()
)


@patient
@given(calls, st.lists(nodes, max_size=60))
@example(widest, ["n" * 24] * 60)
@example(widest, ["n"] * 200)
@example(moved, ["n" * 24] * 60)
@example(moved, ["n"] * 200)
def test_a_call_state_survives_a_round_trip_and_always_fits(state: CallState, walked: list[str]) -> None:
    for node in walked:
        state = state.at_node(node)
        assert len(state.encode().encode()) <= LIMIT
        held = state.replace(queue_node="n" * 24)  # the queue, while the caller does something else
        assert len(held.encode().encode()) <= LIMIT
        assert decode(held.encode()) == held
    assert decode(state.encode()) == state


@patient
@given(transfers)
def test_a_transfer_survives_a_round_trip(transfer: Transfer) -> None:
    assert Transfer.decode(transfer.encode()) == transfer


@patient
@given(consents)
def test_a_consent_survives_a_round_trip(consent: Consent) -> None:
    assert Consent.decode(consent.encode()) == consent


@pytest.mark.parametrize(
    "text", [None, "", DECLINED, "1:fr:today:consent_question", "1:fr:1795613040", "1:fr:99999999999999999999:text"]
)
def test_a_caller_who_was_not_asked_or_declined_has_no_consent(text: str | None) -> None:
    assert Consent.decode(text) is None


@patient
@given(legs)
def test_a_leg_state_survives_a_round_trip_and_always_fits(leg: LegState) -> None:
    assert decode(leg.encode()) == leg
    assert len(leg.encode().encode()) <= LIMIT


@patient
@given(calls, st.lists(nodes, min_size=1, max_size=60))
@example(widest, [f"node_{number}" for number in range(100)])
@example(widest, ["a"] * 34)
def test_a_long_path_keeps_its_end(state: CallState, walked: list[str]) -> None:
    for node in walked:
        state = state.at_node(node)
    assert state.node == walked[-1]
    assert state.path and state.path == tuple(walked[-len(state.path) :])
    kept = len(state.path)
    assert kept == len(walked) or sum(len(node) + 3 for node in walked[-kept - 1 :]) > 134  # bytes of JSON


def test_the_start_of_the_wait_survives_the_operator() -> None:
    state = widest.without_operator()
    assert (state.offer, state.operator, state.since) == (None, None, widest.since)


@patient
@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
@example("")
@example("null")
@example("[]")
@example('"leg"')
@example("5")
@example("{}")
@example("[" * 100_000)
@example('{"later":' * 100_000)
@example('{"leg":1,"later":' * 100_000)
@example("\ud800")
@example('{"leg": NaN}')
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(StateError, match="HATIF holds"):
        decode(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def is_of_type(state: CallState | LegState) -> bool:
    if isinstance(state, LegState):
        UUID(state.offer), UUID(state.call)
        return isinstance(state.operator, str) and isinstance(state.offered_at, float)
    UUID(state.id)
    always = (state.flow, state.node, state.number, state.caller, state.language, *state.path)
    operators = (state.offer, state.operator, state.served_by)
    maybe = (state.country, state.playback, state.topic, state.case, state.consent, state.announced, *operators)
    return (
        all(isinstance(item, str) for item in always)
        and all(item is None or isinstance(item, str) for item in maybe)
        and (state.outcome is None or state.outcome in set(Outcome))
        and all(
            item is None or isinstance(item, float) for item in (state.since, state.connected_at, state.served_until)
        )
        and type(state.failures) is int
        and all(type(item) is bool for item in (state.first, state.filed))
    )


@patient
@given(
    st.sampled_from([widest.at_node("menu"), LegState(ID, OTHER, "1001", 1.0)]),
    st.sampled_from([*json.loads(widest.at_node("menu").encode()), "leg", "call", "at"]),
    values,
)
@example(widest, "p", "menu")
@example(widest, "p", [1])
@example(widest, "oc", "vanished")
@example(widest, "fd", 1)
@example(widest, "x", True)
@example(widest, "x", 2**70)
@example(widest, "tk", "elsewhere")
@example(widest, "co", True)
@example(widest, "id", "no uuid")
@example(LegState(ID, OTHER, "1001", 1.0), "at", "inf")
def test_a_member_of_the_wrong_type_is_refused(state: CallState | LegState, member: str, value: object) -> None:
    text = json.dumps({**json.loads(state.encode()), member: value})
    try:
        read = decode(text)
    except StateError:
        return
    assert is_of_type(read)


@pytest.mark.parametrize("member", ["id", "f", "n", "d", "c", "l"])
def test_a_state_without_a_required_member_is_refused(member: str) -> None:
    data = json.loads(widest.encode())
    del data[member]
    with pytest.raises(StateError):
        decode(json.dumps(data))


@pytest.mark.parametrize("member", ["leg", "call", "op", "at"])
def test_a_leg_state_without_a_required_member_is_refused(member: str) -> None:
    data = json.loads(LegState(ID, OTHER, "1001", 1.0).encode())
    del data[member]
    with pytest.raises(StateError):
        decode(json.dumps(data))


def test_an_unknown_member_of_a_later_version_is_ignored() -> None:
    assert decode(json.dumps({**json.loads(widest.encode()), "later": 1})) == widest


def test_a_caller_cannot_make_their_call_look_like_a_leg() -> None:
    state = CallState(ID, "0123456789ab", "main", '"leg":1,', '{"leg":1}', "fr")
    assert decode(state.encode()) == state


# What a controller of version 0.1.0 wrote: an upgrade restarts the controller while calls are up.
FORMER = {
    """{"id":"019ab5d2-0000-7000-8000-000000000001","f":"0123456789ab","n":"queue","d":"+33800212000","c":"+33612345678",\
"ct":"FR","l":"fr","p":["language","hours","main","queue"],"pb":"pb-0123456789-42","w":1795613040.1234565,\
"t":"travel","o":"019ab5d2-0000-7000-8000-000000000002","op":"1001","oc":"answered","x":1,"cs":"123456789",\
"ca":1795613050.0,"fi":true,"co":"1:fr:1795613041:consent_question","an":"fr","sb":"1002","fd":true,"pr":"1003",\
"h":"queue","rt":true,"tk":"c","tr":"1004:1001:1795613060:1"}""": CallState(
        ID,
        "0123456789ab",
        "queue",
        "+33800212000",
        "+33612345678",
        "fr",
        "FR",
        path=("language", "hours", "main", "queue"),
        playback="pb-0123456789-42",
        since=1_795_613_040.1234565,
        topic="travel",
        offer=OTHER,
        operator="1001",
        outcome=Outcome.ANSWERED,
        failures=1,
        case="123456789",
        connected_at=1_795_613_050.0,
        first=True,
        consent="1:fr:1795613041:consent_question",
        announced="fr",
        served_by="1002",
        filed=True,
        preferred_operator="1003",
        queue_node="queue",
        returns=True,
        operator_place=OperatorPlace.CONSULTS,
        transfer="1004:1001:1795613060:1",
    ),
    """{"id":"019ab5d2-0000-7000-8000-000000000001","f":"0123456789ab","n":"main","d":"","c":"","l":"fr"}""": CallState(
        ID, "0123456789ab", "main", "", "", "fr"
    ),
    """{"leg":"019ab5d2-0000-7000-8000-000000000002","call":"019ab5d2-0000-7000-8000-000000000001","op":"1001",\
"at":1795613040.5}""": LegState(OTHER, ID, "1001", 1_795_613_040.5),
    """{"leg":"019ab5d2-0000-7000-8000-000000000002","call":"019ab5d2-0000-7000-8000-000000000001","op":"1001",\
"at":1795613040.5,"role":"consulted"}""": LegState(OTHER, ID, "1001", 1_795_613_040.5, Role.CONSULTED),
    """{"leg":"019ab5d2-0000-7000-8000-000000000002","call":"019ab5d2-0000-7000-8000-000000000001","op":"1001",\
"at":1795613040.5,"cb":"019ab5d2-0000-7000-8000-000000000003"}""": LegState(
        OTHER, ID, "1001", 1_795_613_040.5, callback="019ab5d2-0000-7000-8000-000000000003"
    ),
}


@pytest.mark.parametrize(("text", "state"), FORMER.items())
def test_a_state_that_a_former_version_wrote_is_read_and_written_in_the_same_form(
    text: str, state: CallState | LegState
) -> None:
    assert decode(text) == state
    assert json.loads(state.encode()) == json.loads(text)
