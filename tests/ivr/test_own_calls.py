"""Operators' calls that are not the floor's: the floor hears of their beginning and of their end."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest
from snapshots import snapshot

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.operations import Request
from ivr.controller.dialplan_conversations import open_offers
from ivr.controller.own_calls import OwnCalls
from ivr.model.floor_protocol import OnOtherCall, OpenOffer

TELEPHONES = {"PJSIP/1001": "1001", "PJSIP/1001-web": "1001", "PJSIP/1002": "1002"}
CODE = (leg_dialing.CODE, "pause", "1001")
ON, OFF = OnOtherCall("1001", True), OnOtherCall("1001", False)


class Asterisk:
    """A link to an Asterisk that knows no channel, or any."""

    def __init__(self, *, knows: bool = True) -> None:
        self.knows, self.sent = knows, list[Request]()

    async def send(self, request: Request, refused: Any = None) -> None:
        self.sent.append(request)
        if not self.knows and refused is not None:
            refused(request, 404)


def watched(asterisk: Asterisk) -> tuple[OwnCalls, list[OnOtherCall], set[asyncio.Task[None]]]:
    told, tasks = list[OnOtherCall](), set[asyncio.Task[None]]()

    def start(work: Coroutine[None, None, None], _: str) -> None:
        tasks.add(asyncio.ensure_future(work))

    return OwnCalls(cast(Any, asterisk), TELEPHONES, told.append, (), start), told, tasks


async def test_an_operator_is_free_again_once_the_last_of_their_own_calls_has_ended() -> None:
    asterisk = Asterisk()
    calls, told, tasks = watched(asterisk)
    calls.entered("first", CODE)
    calls.entered("first", CODE)
    calls.entered("second", CODE)
    assert (told, calls.has("1001"), calls.has("1002")) == ([ON], True, False)
    await asyncio.gather(*tasks)
    ends = [operations.SUBSCRIBE("hatif", eventSource=f"channel:{name}") for name in ("first", "second")]
    assert asterisk.sent == ends
    calls.ended("first")
    calls.ended("somebody else's")
    assert (told, calls.has("1001")) == ([ON], True)
    calls.ended("second")
    calls.ended("second")
    assert (told, calls.has("1001")) == ([ON, OFF], False)


async def test_a_call_that_had_ended_before_asterisk_was_asked_for_its_end_keeps_nobody_busy() -> None:
    calls, told, tasks = watched(Asterisk(knows=False))
    calls.entered("gone", CODE)
    await asyncio.gather(*tasks)
    assert (told, calls.has("1001")) == ([ON, OFF], False)


async def test_a_controller_that_starts_finds_the_calls_that_are_up_but_not_those_of_the_floor() -> None:
    calls, told, _ = watched(Asterisk())
    up = [snapshot("own", name="PJSIP/1001-web-0000002a"), snapshot("offer", name="PJSIP/1002-0000002b")]
    await calls.begin([*up, snapshot("caller", name="PJSIP/carrier-example-0000002c")], {"offer"})
    assert (told, calls.has("1002")) == ([ON], False)


@pytest.mark.parametrize(
    ("name", "state", "application", "busy"),
    [
        ("PJSIP/1002-0000002b", "Up", "AppDial", "1002"),
        ("PJSIP/1001-web-0000002a", "Up", "AppDial", "1001"),
        ("PJSIP/1002-0000002b", "Ringing", "AppDial", None),
        ("PJSIP/1002-0000002b", "Up", "Stasis", None),  # the floor knows it
        ("PJSIP/carrier-example-0000002c", "Up", "AppDial", None),
    ],
)
def test_an_operator_whom_the_dialplan_has_connected_with_a_caller_is_busy(
    name: str, state: str, application: str, busy: str | None
) -> None:
    channel = snapshot("leg", state=state, application=application, name=name)
    offers = [OpenOffer("leg", "leg", busy, True)] if busy is not None else []
    assert open_offers([channel], TELEPHONES) == offers
