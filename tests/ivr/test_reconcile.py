"""Whatever a controller finds when it starts, nobody is rung twice, and reconciliation is idempotent."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from every import every
from hypothesis import example, given
from hypothesis import strategies as st
from properties import patient
from snapshots import snapshot

from ivr.asterisk.ari.events import Channel
from ivr.controller.reconcile import Findings, compare, settled
from ivr.model.call_state import CallState, LegState
from ivr.model.floor_protocol import OpenOffer
from routing.states import ABSENT, Operator, OperatorState

NOW, WRAP_UP = 1_795_600_000.0, 20.0
HOSTILE = ("{", "null", "[]", '"leg"', '{"leg": 1}', '{"id": "x"}', '{"id": 7, "p": [1]}', "\x00", "٣", "{}" * 400)


def uuid(number: int) -> str:
    return str(UUID(int=(0x019AB5D2_0000_7000_8000 << 48) + number))


def call(number: int, *, waits: bool = False, offer: int | None = None, operator: str = "1001") -> CallState:
    return CallState(
        id=uuid(number),
        flow="0123456789ab",
        node="file" if waits else "main",
        number="+33800212000",
        caller="+33612345678",
        country="FR",
        language="fr",
        since=NOW - 60 - number if waits or offer is not None else None,
        offer=uuid(offer) if offer is not None else None,
        operator=operator if offer is not None else None,
    )


def leg(offer: int, of: int, operator: str = "1001") -> LegState:
    return LegState(uuid(offer), uuid(of), operator, NOW - 5)


def channel(identity: str, hatif: CallState | LegState | str = "", *, data: str = "hatif,call,+33800212000") -> Channel:
    text = hatif if isinstance(hatif, str) else hatif.encode()
    application = "Stasis" if data.startswith("hatif") else "Queue"
    return snapshot(identity, data, application=application, name=f"PJSIP/x-{identity}", hatif=text)


def leg_channel(hatif: LegState) -> Channel:
    return channel(hatif.offer, hatif, data="hatif,leg")


def ids(channels: Iterable[Channel]) -> list[str]:
    return [channel.id for channel in channels]


def test_a_call_goes_on_where_it_is() -> None:
    menu, waiting = channel("a", call(1)), channel("b", call(2, waits=True))
    findings = compare([menu, waiting], {})
    assert findings.resume == ((menu, call(1), None), (waiting, call(2, waits=True), None))
    assert findings == Findings(findings.resume, (), (), (), ())


def test_a_caller_whom_no_controller_has_taken_starts_from_the_beginning() -> None:
    assert ids(compare([channel("a")], {}).fresh) == ["a"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_caller_whose_state_cannot_be_read_starts_from_the_beginning(text: str) -> None:
    findings = compare([channel("a", text), channel("b", call(2))], {})
    assert (ids(findings.fresh), len(findings.resume)) == (["a"], 1)


def test_a_call_in_the_dialplan_is_left_alone() -> None:
    """In the fallback's queue the channel still carries our state."""
    queued = channel("a", call(1, waits=True), data="hatif-fr,rR")
    stranger = channel("b", data="other,call")
    leaving = snapshot("c", "hatif,call,+33800212000", application="Return")
    assert compare([queued, stranger, leaving], {}) == Findings((), (), (), (), ())


def test_a_leg_that_rings_for_a_waiting_caller_is_kept_and_reported_to_the_floor() -> None:
    state, ringing = call(1, waits=True), leg(50, 1)
    findings = compare([channel("a", state), leg_channel(ringing)], {})
    assert findings.resume == ((channel("a", state), state, ringing),)
    assert findings.open_offers == (OpenOffer(uuid(50), uuid(1), "1001", talking=False),)
    assert findings.orphans == ()


def test_only_one_of_two_legs_for_a_caller_is_kept() -> None:
    first, second = leg_channel(leg(50, 1, "1001")), leg_channel(leg(51, 1, "1002"))
    findings = compare([channel("a", call(1, waits=True)), first, second], {})
    assert findings.open_offers == (OpenOffer(uuid(50), uuid(1), "1001", talking=False),)
    assert findings.orphans == (second,)


def test_a_conversation_is_reported_to_the_floor_and_a_second_leg_of_its_call_is_ended() -> None:
    talking, late = leg_channel(leg(50, 1)), leg_channel(leg(51, 1, "1002"))
    findings = compare([late, channel("a", call(1, offer=50)), talking], {f"bridge-{uuid(50)}": ["a", uuid(50)]})
    assert findings.open_offers == (OpenOffer(uuid(50), uuid(1), "1001", talking=True),)
    assert findings.orphans == (late,)
    assert findings.bridges == ()
    assert [own for _, _, own in findings.resume] == [leg(50, 1)]


def test_a_caller_whose_operator_was_lost_keeps_the_pairing_until_they_have_heard_so() -> None:
    findings = compare([channel("a", call(1, offer=50))], {})
    assert findings.open_offers == (OpenOffer(uuid(50), uuid(1), "1001", talking=True),)
    assert [own for _, _, own in findings.resume] == [None]


@pytest.mark.parametrize("caller", [[], [channel("a", call(1))], [channel("a", call(1, waits=True), data="hatif-fr")]])
def test_a_leg_whose_caller_is_gone_or_no_longer_waits_is_ended(caller: list[Channel]) -> None:
    lone = leg_channel(leg(50, 1))
    findings = compare([*caller, lone], {})
    assert (findings.orphans, findings.open_offers) == ((lone,), ())


def test_only_empty_bridges_of_ours_are_deleted() -> None:
    bridges = {"bridge-1": [], "bridge-2": ["a"], "somebody-elses": [], "holding-bridge-1": []}
    assert compare([], bridges).bridges == ("bridge-1",)


def test_a_bridge_that_contains_only_an_orphaned_leg_is_deleted_with_it() -> None:
    """Its caller hung up while there was no controller: once the leg is gone too, nobody would delete the bridge."""
    lone, bridges = leg_channel(leg(50, 1)), {f"bridge-{uuid(50)}": [uuid(50)]}
    findings = compare([lone], bridges)
    assert (findings.orphans, findings.bridges) == ((lone,), (f"bridge-{uuid(50)}",))


# Idempotence


@dataclass
class World:
    """What Asterisk has, and what changes when the findings are carried out."""

    channels: list[Channel]
    bridges: dict[str, list[str]] = field(default_factory=dict)

    def carry_out(self, findings: Findings) -> "World":
        ended = ids(findings.orphans)
        return World(
            [item for item in self.channels if item.id not in ended],
            {
                name: [x for x in inside if x not in ended]
                for name, inside in self.bridges.items()
                if name not in findings.bridges
            },
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to six callers at any point of their calls, legs that may belong to them, and things that should not exist."""
    channels, bridges = [], {}
    for number in range(draw(st.integers(0, 6))):
        waits = draw(st.booleans())
        offer = draw(st.none() | st.integers(50, 55))
        operator = draw(st.sampled_from(["1001", "1002", "1003"]))
        data = draw(st.sampled_from(["hatif,call,+33800212000"] * 3 + ["hatif-fr"]))
        hatif = draw(st.sampled_from([call(number, waits=waits, offer=offer, operator=operator)] * 3 + ["", *HOSTILE]))
        channels.append(channel(f"caller-{number}", hatif, data=data))
    for offer in draw(st.sets(st.integers(50, 59))):
        operator = draw(st.sampled_from(["1001", "1002", "1003"]))
        channels.append(leg_channel(leg(offer, draw(st.integers(0, 6)), operator)))
        bridges[f"bridge-{uuid(offer)}"] = draw(st.lists(st.sampled_from(ids(channels)), max_size=2, unique=True))
    return World(draw(st.permutations(channels)), bridges)


@patient
@given(worlds())
def test_a_second_reconciliation_finds_nothing_to_do(world: World) -> None:
    first = compare(world.channels, world.bridges)
    after = world.carry_out(first)
    second = compare(after.channels, after.bridges)
    assert (second.orphans, second.bridges) == ((), ())
    assert (second.resume, second.fresh, second.open_offers) == (first.resume, first.fresh, first.open_offers)
    assert after.carry_out(second).carry_out(second).channels == after.channels
    third = compare(after.channels, after.carry_out(second).bridges)
    assert third.bridges == ()


@patient
@given(worlds())
def test_no_call_has_two_offers_and_every_leg_belongs_to_a_call_or_is_ended(world: World) -> None:
    findings = compare(world.channels, world.bridges)
    calls = [offer.call for offer in findings.open_offers]
    assert len(set(calls)) == len(calls)
    kept = {own.offer for _, _, own in findings.resume if own is not None}
    legs = {channel.id for channel in world.channels if channel.application_data == "hatif,leg"}
    assert kept | set(ids(findings.orphans)) == legs
    assert kept.isdisjoint(ids(findings.orphans))


@patient
@given(st.text(max_size=30), st.text(max_size=30))
@example("{}", '{"leg": []}')
def test_no_value_of_a_variable_stops_the_start(one: str, other: str) -> None:
    findings = compare([channel("a", one), channel("b", other, data="hatif,leg"), channel("c", call(3))], {})
    assert len(findings.resume) == 1 and findings.orphans == ()


# Operators


def operator(identity: str, state: OperatorState, **changes: object) -> Operator:
    reason = {OperatorState.AWAY: ABSENT, OperatorState.PAUSED: "lunch"}.get(state, "")
    until = NOW + 5 if state is OperatorState.WRAPPING_UP else None
    operator = Operator(identity, {"fr": 5}, state=state, reason=reason, since=NOW - 100, until=until)
    return replace(operator, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "state", [OperatorState.AWAY, OperatorState.READY, OperatorState.PAUSED, OperatorState.WRAPPING_UP]
)
def test_a_restart_does_not_change_an_operator_without_a_call(state: OperatorState) -> None:
    before = operator("1001", state)
    assert settled([before], [], NOW, WRAP_UP) == [before]


def test_an_operator_whose_ringing_leg_was_lost_is_ready_without_penalty() -> None:
    (after,) = settled([operator("1001", OperatorState.OFFERED)], [], NOW, WRAP_UP)
    assert (after.state, after.reason, after.until, after.offer) == (OperatorState.READY, "", None, None)


def test_an_operator_whose_caller_is_gone_wraps_up() -> None:
    (after,) = settled([operator("1001", OperatorState.TALKING)], [], NOW, WRAP_UP)
    assert (after.state, after.until) == (OperatorState.WRAPPING_UP, NOW + WRAP_UP)


def test_a_pause_requested_before_the_crash_still_applies() -> None:
    (after,) = settled([operator("1001", OperatorState.OFFERED, pause_after="lunch")], [], NOW, WRAP_UP)
    assert (after.state, after.reason) == (OperatorState.PAUSED, "lunch")


@every("state", OperatorState)
@every("talking", [True, False])
def test_channels_take_precedence_over_the_stored_state(state: OperatorState, talking: bool) -> None:
    (after,) = settled([operator("1001", state)], [OpenOffer("offer", "call", "1001", talking)], NOW, WRAP_UP)
    assert after.state is (OperatorState.TALKING if talking else OperatorState.OFFERED)
    assert (after.offer, after.until, after.reason) == ("offer", None, "")


def test_a_conversation_takes_precedence_over_an_offer() -> None:
    both = [OpenOffer("one", "call-1", "1001", talking=True), OpenOffer("two", "call-2", "1001", talking=False)]
    for open_offers in (both, both[::-1]):
        (after,) = settled([operator("1001", OperatorState.READY)], open_offers, NOW, WRAP_UP)
        assert (after.state, after.offer) == (OperatorState.TALKING, "one")


@patient
@given(
    st.lists(st.sampled_from(OperatorState), max_size=5),
    st.lists(st.builds(OpenOffer, st.just("o"), st.just("c"), st.sampled_from("01234"), st.booleans()), max_size=4),
    st.floats(0, 60),
)
def test_settling_is_idempotent(states: list[OperatorState], open_offers: list[OpenOffer], later: float) -> None:
    operators = [operator(str(number), state) for number, state in enumerate(states)]
    once = settled(operators, open_offers, NOW, WRAP_UP)
    assert settled(once, open_offers, NOW + later, WRAP_UP) == once
    assert [operator.id for operator in once] == [operator.id for operator in operators]
    busy = {offer.operator for offer in open_offers}
    assert all(
        (operator.state in (OperatorState.OFFERED, OperatorState.TALKING)) == (operator.id in busy) for operator in once
    )


def test_a_restart_after_the_clock_was_set_back_does_not_lengthen_a_wrap_up() -> None:
    wraps_up = Operator("1001", {"fr": 5}, state=OperatorState.WRAPPING_UP, since=NOW + 3590, until=NOW + 3610)
    (there,) = settled([wraps_up], [], NOW, wrap_up_s=20)
    assert (there.state, there.until) == (OperatorState.WRAPPING_UP, NOW + 20)
    (same,) = settled([replace(wraps_up, until=NOW + 5)], [], NOW, wrap_up_s=20)
    assert same.until == NOW + 5


@pytest.mark.parametrize(
    ("set_back_s", "left_s"),
    [(0, 100), (-30, 70), (50, 150), (3600, 200)],
    ids=["no time passed", "some time passed", "the clock was set back a little", "the clock was set back far"],
)
def test_an_extended_wrap_up_keeps_its_end_over_a_restart_and_never_gets_longer(
    set_back_s: float, left_s: float
) -> None:
    extended = Operator("1001", {"fr": 5}, state=OperatorState.WRAPPING_UP, since=NOW - 100, until=NOW + 100)
    (there,) = settled([extended], [], NOW - set_back_s, wrap_up_s=20, longest_s=300)
    assert there.until == NOW - set_back_s + left_s
    (most,) = settled([replace(extended, until=NOW + 900)], [], NOW, wrap_up_s=20, longest_s=300)
    assert most.until == NOW + 300, "the site allows no more"
