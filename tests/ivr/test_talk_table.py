"""Conversations under any sequence of events: nobody is in two places, the caller is never left in silence, and the
channels describe the same conversation after a kill."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from every import every
from hypothesis import example, given
from hypothesis import strategies as st
from properties import patient

from db.enums import Role
from ivr.asterisk.ari.operations import Request
from ivr.call.bridge_moves import bridge_requests, read_layout
from ivr.model.talk_table import (
    BridgeLayout,
    Colleague,
    OperatorPlace,
    Talk,
    TalkEvent,
    TalkOutcome,
    apply_event,
    bridge_layout,
    invite,
    recover,
)

CALLER = "caller"
OVER = (TalkOutcome.ENDS, TalkOutcome.LOST, TalkOutcome.LEAVES, TalkOutcome.RINGS_ON)
"""Outcomes that end the conversation."""

VIA = "line"
"""Another line of the operator's telephone, each time with a new channel."""

happenings = st.lists(st.sampled_from([*TalkEvent, Role.CONSULTED, Role.INTERPRETER, VIA]), max_size=12)


Event = TalkEvent | Role | str


def step(talk: Talk, what: Event, names: Iterable[int]) -> tuple[Talk, TalkOutcome]:
    if isinstance(what, TalkEvent):
        return apply_event(talk, what)
    number = next(iter(names))
    role, via = (what, None) if isinstance(what, Role) else (Role.CONSULTED, f"{VIA}-{number}")
    return invite(talk, Colleague(f"leg-{number}", "1002", role), via)


def walked(events: Iterable[Event]) -> list[Talk]:
    """Return the conversations that follow from these events, until the conversation ends."""
    names = itertools.count(2)
    talks = [Talk("leg-1")]
    for what in events:
        talk, then = step(talks[-1], what, names)
        if then is TalkOutcome.REFUSED:
            assert talk == talks[-1]
        if then in OVER:
            break
        talks.append(talk)
    return talks


def legs(talk: Talk) -> set[str]:
    there = {talk.colleague.leg} if talk.colleague is not None and talk.colleague.there else set()
    operator = {talk.leg} if not talk.gone else set()  # hung up, and made again
    return operator | there | ({talk.via} if talk.via is not None else set())


@patient
@given(happenings)
def test_everybody_is_in_exactly_one_bridge_and_the_caller_is_never_alone_in_silence(
    events: list[Event],
) -> None:
    for talk in walked(events):
        where = bridge_layout(talk, CALLER)
        everybody = [channel for inside in where.bridges.values() for channel in inside]
        assert sorted(everybody) == sorted({CALLER} | legs(talk))
        (main,) = [inside for inside in where.bridges.values() if CALLER in inside]
        assert len(main) > 1 or CALLER in where.music
        assert talk.leg not in where.music  # silence tells operators that they are alone
        if talk.gone and talk.place is not OperatorPlace.HELD:
            assert (CALLER in where.music) == (len(main) == 1)  # the interpreter stays
        else:
            assert (CALLER in where.music) == (talk.leg not in main)
        if talk.gone and talk.colleague is not None and talk.colleague.role is Role.CONSULTED:
            assert legs(talk) <= where.music


@patient
@given(happenings)
def test_an_operator_whose_page_is_back_finds_everybody_where_they_were(events: list[Event]) -> None:
    for talk in walked(events):
        gone, then = apply_event(talk, TalkEvent.PAGE_GONE)
        if then is TalkOutcome.REFUSED:
            assert talk.gone or talk.place is OperatorPlace.ASIDE  # a page has one line
            continue
        assert apply_event(gone, TalkEvent.PAGE_BACK) == (talk, TalkOutcome.GOES_ON)
        for nobody_asks in (TalkEvent.HOLD, TalkEvent.UNHOLD, TalkEvent.SWAP):
            assert apply_event(gone, nobody_asks) == (gone, TalkOutcome.REFUSED)


def test_a_consultation_goes_on_while_the_operators_page_is_gone() -> None:
    colleague = Colleague("leg-2", "1002", Role.CONSULTED)
    rings = Talk("leg-1", OperatorPlace.CONSULTS, colleague, gone=True)
    there, _ = apply_event(rings, TalkEvent.ANSWERED)
    for talk in (rings, there):
        alone = Talk("leg-1", gone=True)
        assert apply_event(talk, TalkEvent.COLLEAGUE_GONE) == (alone, TalkOutcome.BACK)
    assert apply_event(there, TalkEvent.OPERATOR_LOST) == (Talk("leg-2"), TalkOutcome.HANDED_OVER)
    assert apply_event(rings, TalkEvent.OPERATOR_LOST)[1] is TalkOutcome.RINGS_ON


@patient
@given(happenings)
def test_the_conversation_can_be_recovered_from_the_channels(events: list[Event]) -> None:
    """The caller's channel has the place, the colleague's has role and leg: nothing else is needed. Another line of the
    operator's telephone attaches by itself. A leg that is up is not that of a page that is gone."""
    for talk in walked(events):
        found = recover(talk.leg, OperatorPlace(talk.place.value), talk.colleague)
        assert found == replace(talk, via=None, gone=False)


@every("place", OperatorPlace)
@every("there", [True, False])
@every("role", [Role.CONSULTED, Role.INTERPRETER, None])
def test_any_state_on_the_channels_is_recovered_to_a_valid_conversation(
    place: OperatorPlace, there: bool, role: Role | None
) -> None:
    """Includes states that no sequence of events leads to, such as a colleague lost while there was no controller."""
    colleague = Colleague("leg-2", "1002", role, there) if role is not None else None
    talk = recover("leg-1", place, colleague)
    assert bridge_layout(talk, CALLER).bridges
    assert recover(talk.leg, talk.place, talk.colleague) == talk


@patient
@given(happenings)
def test_late_and_repeated_events_change_nothing(events: list[Event]) -> None:
    for talk in walked(events):
        for what in (
            TalkEvent.ANSWERED,
            TalkEvent.COLLEAGUE_GONE,
            TalkEvent.HOLD,
            TalkEvent.UNHOLD,
            TalkEvent.LINE_GONE,
        ):
            once, then = apply_event(talk, what)
            if then is not TalkOutcome.REFUSED:
                assert apply_event(once, what) == (once, TalkOutcome.REFUSED)


@patient
@given(happenings)
def test_a_conversation_ends_only_with_its_operator_and_if_no_colleague_can_take_over(
    events: list[Event],
) -> None:
    for talk in walked(events):
        for what in TalkEvent:
            then = apply_event(talk, what)[1]
            asked = talk.colleague is not None and talk.colleague.role is Role.CONSULTED
            if then in (TalkOutcome.ENDS, TalkOutcome.LOST):
                assert what in (TalkEvent.OPERATOR_GONE, TalkEvent.OPERATOR_LOST) and not asked
            if then in (TalkOutcome.HANDED_OVER, TalkOutcome.RINGS_ON):
                assert talk.colleague is not None
                assert talk.colleague.there == (then is TalkOutcome.HANDED_OVER)


@patient
@given(happenings)
def test_a_colleague_who_takes_over_leaves_the_bridge_in_which_the_operator_may_have_put_them_on_hold(
    events: list[Event],
) -> None:
    for talk in walked(events):
        for what in (TalkEvent.COMPLETE, TalkEvent.OPERATOR_GONE, TalkEvent.OPERATOR_LOST):
            after, then = apply_event(talk, what)
            if then is TalkOutcome.HANDED_OVER:
                assert not bridge_layout(after, CALLER).bridges.keys() & bridge_layout(talk, CALLER).bridges.keys()


@dataclass
class World:
    """A model of Asterisk: who is in which bridge, and who hears music or silence.

    `misses`: the channels whose next stop has no effect. Another stop of their silence would have none either.
    """

    bridges: dict[str, set[str]] = field(default_factory=dict)
    music: set[str] = field(default_factory=set)
    silence: set[str] = field(default_factory=set)
    misses: set[str] = field(default_factory=set)

    def do(self, request: Request) -> None:
        kind, name, *action = request.uri.split("/")
        match request.method, kind, action:
            case "POST", "bridges", []:
                self.bridges.setdefault(name, set())
            case "DELETE", "bridges", []:
                del self.bridges[name]
            case "POST", "bridges", ["addChannel"]:
                channel = dict(request.query)["channel"]
                for inside in self.bridges.values():
                    inside.discard(channel)
                self.bridges[name].add(channel)
                self.music.discard(channel)
            case "POST", "channels", ["silence"]:
                self.silence.add(name)
            case "DELETE", "channels", ["silence" | "moh"] if name in self.misses:
                self.misses.discard(name)
            case "DELETE", "channels", ["silence"]:
                self.silence.discard(name)
            case "POST", "channels", ["moh"]:
                self.music.add(name)
            case "DELETE", "channels", ["moh"]:
                self.music.discard(name)
                self.silence.discard(name)
            case _:
                raise AssertionError(request)

    def listing(self) -> list[Mapping[str, object]]:
        return [{"id": name, "channels": sorted(inside)} for name, inside in self.bridges.items()]

    def is_as(self, wanted: BridgeLayout, gone: set[str]) -> bool:
        there = {name: inside - gone for name, inside in self.bridges.items()}
        seated = set().union(*wanted.bridges.values())
        alone = set().union(*(inside for inside in wanted.bridges.values() if len(inside) == 1)) - {CALLER}
        assert (self.silence & seated) - gone == alone - wanted.music - gone
        return there == {name: set(inside) for name, inside in wanted.bridges.items()} and self.music == wanted.music


@patient
@example(events=[TalkEvent.HOLD, TalkEvent.UNHOLD], killed=12, misses=True)
@given(events=happenings, killed=st.integers(0, 12), misses=st.booleans())
def test_the_requests_move_everybody_to_where_they_belong_even_after_a_kill(
    events: list[Event], killed: int, *, misses: bool
) -> None:
    """After the `killed`th event a new controller continues, which only knows what Asterisk lists."""
    world, before = World(), BridgeLayout({}, frozenset())
    gone: set[str] = set()
    talks = walked(events)
    for number, talk in enumerate(talks):
        wanted = bridge_layout(talk, CALLER)
        if number == killed:
            before = read_layout(world.listing(), {CALLER} | legs(talk))
            world.bridges = {name: world.bridges[name] for name in before.bridges}  # reconciliation deletes the others
            before = BridgeLayout(before.bridges, frozenset(world.music))
        world.misses = {CALLER} | legs(talk) if misses else set()
        for request in bridge_requests(before, wanted, CALLER):
            world.do(request)
        world.silence &= legs(talk)  # legs that no longer belong to it are hung up
        gone -= legs(talk)
        gone |= {channel for inside in world.bridges.values() for channel in inside} - {CALLER} - legs(talk)
        assert world.is_as(wanted, gone), talk
        before = wanted
