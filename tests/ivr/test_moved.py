"""A telephone that answers "moved" (302) leads nowhere: Asterisk follows it neither through the trunk nor past it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from carrier import address, calling, carrier, forgotten, put_request, until_request
from conftest import OFFSET, short_folder
from line import Line
from offers import french, outcomes
from talking import OPERATOR_HZ

from ivr.softphone.telephone import Telephones

STRANGER = "+33899123456"


@pytest.fixture(scope="module")
async def trunk_line() -> AsyncIterator[Line]:
    with short_folder("hatif-moved-") as folder:
        async with calling(Path(folder), OFFSET + 1000) as up:
            yield up


@pytest.fixture
async def out_line(trunk_line: Line) -> AsyncIterator[Line]:
    """The line for one test. Requested before `telephones`, which are then closed first."""
    yield trunk_line
    await trunk_line.cleared()


async def test_telephones_that_say_moved_lead_nobody_outside(out_line: Line, telephones: Telephones) -> None:
    out = await carrier(telephones, address(out_line))
    *refusing, last = french(out_line, 4)
    # The target of one forward: the telephone of an operator who has nothing to do with this caller.
    other = await out_line.phone(
        telephones, next(operator.id for operator in out_line.operators if "fr" not in operator.languages)
    )
    outside = address(out_line).replace(":", "%3A")
    targets = (
        f"PJSIP%2F{STRANGER}%40trunk-example",  # through the trunk
        f"PJSIP%2F{refusing[1]}%2Fsip%3A{STRANGER}%40{outside}",  # past it, to an address
        other.user,
    )
    caller = "+33612399001"
    call = await out_line.waiting(telephones, caller)
    refused, phones = [], []
    for operator, target in zip(refusing, targets, strict=True):
        phone = await out_line.phone(telephones, operator)
        phones.append(phone)
        leg = await phone.next_call()
        line, _ = phone._opened
        line.refusal = f"302 Moved\r\nContact: <sip:{target}@127.0.0.1>".encode()
        await leg.refuse(302)
        await out_line.until_state(operator, "paused")
        assert out_line.operator_reason(operator) == "refused"
        refused.append((operator, "refused"))
        await out_line.story(caller, ended=False, told=lambda story: outcomes(story) == refused)
        await call.hears(out_line.music(), since_s=call.clock)
        assert out.dialled == [] and call.state == "talking"
    # And not later either: the caller is offered to the next operator, and talks.
    await out_line.phone(telephones, last, answers=OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    assert (out.dialled, other.calls, [len(phone.calls) for phone in phones]) == ([], [], [1, 1, 1])
    await call.hangup()
    story = await out_line.story(caller)
    assert (story["call"]["outcome"], outcomes(story)) == ("answered", [*refused, (last, "accepted")])


async def test_a_carrier_that_says_moved_leads_nowhere_either(out_line: Line, telephones: Telephones) -> None:
    out = await carrier(telephones, address(out_line))
    phone = await out_line.phone(telephones, out_line.speaks("fr"))
    request = await put_request(out_line, "+33612399004")
    leg = await phone.next_call(10)
    await leg.answer()
    await leg.established()
    await leg.press("1")
    called = await out.phone.next_call()
    line, _ = out.phone._opened
    line.refusal = f"302 Moved\r\nContact: <sip:PJSIP%2F{STRANGER}%40trunk-example@127.0.0.1>".encode()
    await called.refuse(302)
    again = await until_request(out_line, request.id, "wished")
    assert (again.reason, again.tries) == ("unreachable", 1)
    await leg.ended(15)
    assert STRANGER not in out.dialled
    await forgotten(out_line)
