"""The state on a call-back's channels: for a starting controller, and for the guard without one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from snapshots import snapshot

from db.ids import uuid7
from ivr.asterisk.ari.events import Channel
from ivr.callbacks.channels import CalledState, find_running, open_offers, parse
from ivr.controller import reconcile
from ivr.model.call_state import LIMIT, CallState, LegState, decode
from ivr.process import guard

REQUEST, CALL, OFFER = (str(uuid7()) for _ in range(3))
LEG = LegState(OFFER, CALL, "1001", 1_795_000_000.5, callback=REQUEST)
OF_LEG, OF_CALLED = LEG.encode(), CalledState(REQUEST, CALL).encode()


def channel(identity: str, variable: str, data: str = "hatif,called", state: str = "Up") -> Channel:
    return snapshot(
        identity,
        data,
        state=state,
        application="Stasis" if data else "",
        name=f"PJSIP/{identity}",
        hatif=variable,
    )


CALLED, OPERATOR = channel("callback-1", OF_CALLED), channel(OFFER, OF_LEG, "hatif,leg")
TALKS = CallState(CALL, "v", "queue", "+33800212000", "+33612345678", "fr", "FR", offer=OFFER, operator="1001")


def test_the_state_on_a_channel_is_read_back_and_a_leg_is_that_of_any_call() -> None:
    assert parse(OF_LEG) == LEG
    assert parse(OF_CALLED) == CalledState(REQUEST, CALL)
    assert decode(OF_LEG) == LEG
    assert len(OF_LEG.encode()) < LIMIT


@given(st.text() | st.from_regex(r'\{"cb": ?.{0,30}\}'))
def test_a_variable_that_is_not_ours_is_not_part_of_a_call_back(text: str) -> None:
    assert parse(text) is None


def test_both_legs_are_found_together_and_the_floor_learns_of_the_operator() -> None:
    found, mine = find_running([CALLED, OPERATOR])
    (both,) = found
    assert (both.request, both.call, both.channels, mine) == (
        REQUEST,
        CALL,
        [OFFER, "callback-1"],
        {OFFER, "callback-1"},
    )
    (offer,) = open_offers(found)
    assert (offer.offer, offer.call, offer.operator, offer.talking) == (OFFER, CALL, "1001", False)


def test_a_connected_call_back_is_a_call_like_any_other() -> None:
    talks = channel("callback-1", TALKS.encode())
    found, mine = find_running([talks, OPERATOR])
    assert (found, mine) == ([], set())
    findings = reconcile.compare([talks, OPERATOR], {})
    assert [(row[0].id, row[1].operator) for row in findings.resume] == [("callback-1", "1001")]
    assert (findings.orphans, findings.fresh) == ((), ())


def test_without_a_controller_an_unconnected_call_back_is_ended_and_a_connected_one_goes_to_the_fallback() -> None:
    talked: Any = channel("callback-1", TALKS.encode())
    done = {entry.id: request.method for entry, request in guard.rescue([CALLED, OPERATOR], {})}
    assert done == {"callback-1": "DELETE", OFFER: "DELETE"}
    ((_, request),) = guard.rescue([talked], {})
    assert ("context", "hatif-fallback") in request.query
    assert guard.rescue([talked, OPERATOR], {"bridge": ["callback-1", OFFER]}) == []
