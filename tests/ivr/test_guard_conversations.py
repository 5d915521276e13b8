"""Without a controller, whoever has an operator keeps them: on hold, consulting, or just being connected."""

from typing import Any

import pytest
from snapshots import snapshot

from db.enums import Role
from db.ids import uuid7
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.events import Channel
from ivr.model.call_state import CallState, LegState, decode
from ivr.model.talk_table import OperatorPlace
from ivr.process.conversations import find_conversations, is_apart, is_meant, join_again
from ivr.process.guard import rescue

CALL, OFFER, OTHER = (str(uuid7()) for _ in range(3))
MAIN, ASIDE, APART = f"bridge-{OFFER}", f"bridge-{OFFER}-aside", f"bridge-{OTHER}-aside"
CONSULT = "hatif,code,consult,1001,1002"


def caller(place: OperatorPlace = OperatorPlace.TOGETHER, **more: Any) -> Channel:
    state = CallState(CALL, "0123456789ab", "queue", "+33800212000", "+33612345678", "fr", since=1.0, offer=OFFER,
                      operator="1001", operator_place=place, **more)  # fmt: skip
    return snapshot("caller", "hatif,call,+33800212000", hatif=state.encode())


def leg(identity: str = OFFER, operator: str = "1001", role: Role = Role.OPERATOR, state: str = "Up") -> Channel:
    variable = LegState(identity, CALL, operator, 1.0, role).encode()
    return snapshot(identity, "hatif,leg,9", state=state, hatif=variable)


CONSULTED = leg(OTHER, "1002", Role.CONSULTED)
INTERPRETS = leg(OTHER, "1002", Role.INTERPRETER)
LINE = snapshot("line", CONSULT)
Up = tuple[OperatorPlace, list[Channel], dict[str, list[str]]]
HELD = OperatorPlace.HELD, [leg()], {MAIN: ["caller"], ASIDE: [OFFER]}
HELD_WITH_INTERPRETER = OperatorPlace.HELD, [leg(), INTERPRETS], {MAIN: ["caller", OTHER], ASIDE: [OFFER]}
RINGS = (
    OperatorPlace.CONSULTS,
    [leg(), leg(OTHER, "1002", Role.CONSULTED, "Ringing")],
    {MAIN: ["caller"], APART: [OFFER]},
)
CONSULTS = OperatorPlace.CONSULTS, [leg(), CONSULTED], {MAIN: ["caller"], APART: [OFFER, OTHER]}
SWAPPED = OperatorPlace.SWAPPED, [leg(), CONSULTED], {MAIN: ["caller", OFFER], APART: [OTHER]}
OTHER_LINE = OperatorPlace.ASIDE, [leg(), CONSULTED, LINE], {MAIN: ["caller", OFFER], APART: [OTHER, "line"]}
LINE_ALONE = OperatorPlace.ASIDE, [leg(), CONSULTED, LINE], {MAIN: ["caller", OFFER], APART: ["line"]}
JUST_ANSWERED: Up = OperatorPlace.TOGETHER, [leg()], {}
"""What may be up while an operator has a caller."""

TOGETHER_AGAIN = [HELD, HELD_WITH_INTERPRETER, RINGS, CONSULTS, JUST_ANSWERED]


@pytest.mark.parametrize("up", [*TOGETHER_AGAIN, SWAPPED, OTHER_LINE, LINE_ALONE])
def test_a_caller_who_has_an_operator_keeps_them_and_the_colleague_without_a_controller(up: Up) -> None:
    place, others, bridges = up
    channels = [caller(place), *others]
    talks = find_conversations(channels, bridges)
    kept = {member for talk in talks for member in talk.channels}
    assert rescue(channels, bridges, kept) == []
    assert [is_apart(talk, bridges) for talk in talks] == [up in TOGETHER_AGAIN]
    assert [is_meant(talk) for talk in talks] == [place is not OperatorPlace.TOGETHER]


@pytest.mark.parametrize(
    "channels",
    [
        [caller(OperatorPlace.HELD)],  # the operator has hung up
        [caller(OperatorPlace.HELD), leg(state="Ringing")],
        [caller(OperatorPlace.HELD), CONSULTED],
        [snapshot("caller", "hatif,call,+33800212000")],
        [snapshot("caller", "hatif,call,+33800212000", hatif="{broken")],
    ],
)
def test_a_caller_without_an_operator_goes_to_the_dialplan(channels: list[Channel]) -> None:
    bridges = {MAIN: ["caller"]}
    assert find_conversations(channels, bridges) == []
    assert ("caller", "POST") in [(channel.id, request.method) for channel, request in rescue(channels, bridges)]


@pytest.mark.parametrize("up", TOGETHER_AGAIN)
def test_the_two_are_joined_again_and_the_state_says_so_first(up: Up) -> None:
    place, others, bridges = up
    (talk,) = find_conversations([caller(place), *others], bridges)
    listed = [{"id": name, "channels": members} for name, members in bridges.items()]
    first, *requests = join_again(talk, listed)
    state = decode(dict(first.query)["value"])
    assert isinstance(state, CallState)
    assert (first.uri, state.offer, state.operator_place) == ("channels/caller/variable", OFFER, "")
    inside = set(bridges.get(MAIN, ()))
    for request in requests:
        if request.uri == f"bridges/{MAIN}/addChannel":
            inside.add(dict(request.query)["channel"])
    interprets = INTERPRETS in others
    assert inside == {"caller", OFFER, *([OTHER] if interprets else ())}
    consulted = any(channel.id == OTHER for channel in others) and not interprets
    assert (operations.HANG_UP(OTHER) in requests) == consulted
    assert operations.STOP_MUSIC("caller") in requests
    assert not any(request.uri.endswith(("/moh", "/silence")) and request.method == "POST" for request in requests)
