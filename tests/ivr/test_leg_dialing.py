"""Telephones that the controller rings, as the guard and a starting controller see them."""

import pytest
from snapshots import snapshot

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari.events import Channel
from ivr.process import guard


def channel(data: str, state: str, application: str = "Stasis") -> Channel:
    return snapshot("one", data, state=state, application=application, name="PJSIP/one")


CODE = "hatif,code,listen,1001,1002,9"


@pytest.mark.parametrize(
    ("data", "state", "application", "rings"),
    [
        ("hatif,leg,9", "Down", "Stasis", True),
        ("hatif,called,9", "Ringing", "Stasis", True),
        (CODE, "Ringing", "Stasis", True),
        ("hatif,leg,9", "Up", "Stasis", False),
        ("hatif,code,pause,1001,", "Ring", "Stasis", False),  # the operator has dialled it
        ("hatif,call,+33800212000", "Down", "Stasis", False),
        ("hatif,leg,9", "Ringing", "Queue", False),
        ("other,leg,9", "Ringing", "Stasis", False),
    ],
)
def test_a_ringing_telephone_is_known_by_its_arguments_and_its_state(
    data: str, state: str, application: str, rings: bool
) -> None:
    leg = channel(data, state, application)
    assert leg_dialing.waiting([leg]) == ({"one": (leg, tuple(data.split(",")[1:]))} if rings else {})


@pytest.mark.parametrize("data", ["hatif,leg,9", "hatif,called,9", CODE])
def test_without_a_controller_ringing_telephones_are_left_alone_and_undialled_ones_hung_up(data: str) -> None:
    assert guard.rescue([channel(data, "Ringing")], {}) == []
    ((_, request),) = guard.rescue([channel(data, "Down")], {})
    assert (request.method, request.uri) == ("DELETE", "channels/one")


@pytest.mark.parametrize(
    ("data", "state", "ended"),
    [
        ("hatif,leg,9", "Down", True),
        (CODE, "Down", True),
        ("hatif,leg,9", "Ringing", False),
        ("hatif,called,9", "Down", False),  # a carrier need not report anything before the answer
        ("hatif,call,+33800212000", "Down", False),
        ("other,leg,9", "Down", False),
    ],
)
def test_a_starting_controller_hangs_up_telephones_that_may_never_have_been_dialled(
    data: str, state: str, ended: bool
) -> None:
    assert leg_dialing.undialled([channel(data, state)]) == ({"one"} if ended else set())


@pytest.mark.parametrize("data", ["hatif,leg,9", "hatif,call,+33", "hatif,called,9"])
def test_music_is_for_callers_and_telephones_that_are_up_and_in_no_bridge(data: str) -> None:
    assert leg_dialing.answered_alone([channel(data, "Up")], []) == ["one"]
    assert leg_dialing.answered_alone([channel(data, "Up")], ["one"]) == []
    assert leg_dialing.answered_alone([channel(data, "Ringing"), channel(CODE, "Up")], []) == []


def test_a_refusal_concerns_a_channel_if_it_answers_its_creation_or_a_request_about_it() -> None:
    create = leg_dialing.create("one", leg_dialing.LEG, endpoint="PJSIP/1001", shown='"fr" <+33612345678>', ring_s=9)
    assert leg_dialing.is_for(create, "one") and not leg_dialing.is_for(create, "two")
    assert ("appArgs", f"leg,{9 + leg_dialing.DIAL_MARGIN_S}") in create.query
    refusals = [(status, leg_dialing.failed(create, status, "one")) for status in (400, 409, 500)]
    assert refusals == [(400, True), (409, False), (500, True)]  # 409: it is rung already
    assert not leg_dialing.failed(create, 400, "two")
    assert dict(leg_dialing.dial("one", ("leg", "9")).query) == {"timeout": "9"}
