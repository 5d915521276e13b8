"""A carrier with several servers: a call back that one of them does not take goes to the next one at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from carrier import address as address_of
from carrier import calling, carrier, forgotten, put_request, until_request
from conftest import LONE_OFFSET, short_folder
from left import begins, rows
from line import Line
from sipp import Sipp, refuses, says_nothing

from db.tables import CallbackTry
from ivr.softphone.telephone import Operator, Telephones

TRUNK = "trunk-example.1"
FIRST = 5066
"""The port of the carrier's first server, which is SIPp; the second one is a telephone."""


@pytest.fixture(scope="module")
async def two_servers() -> AsyncIterator[Line]:
    with short_folder("hatif-two-") as folder:
        async with calling(Path(folder), LONE_OFFSET, before=(FIRST,)) as up:
            yield up


@pytest.fixture
async def back(two_servers: Line) -> AsyncIterator[Line]:
    """The line for one test. Requested before `telephones`, which are then closed first."""
    yield two_servers
    await forgotten(two_servers)
    await two_servers.cleared()


@pytest.fixture
def first(two_servers: Line, tmp_path: Path) -> Sipp:
    return Sipp(tmp_path, "127.0.0.2", FIRST + two_servers.offset)


async def is_there(line: Line) -> None:
    """Have Asterisk ask the first server, which it does every 15 s, and wait until it knows that it is there."""
    deadline = time.monotonic() + 25
    while f":{FIRST + line.offset}" not in (found := there(line)):
        assert time.monotonic() < deadline, found
        line.console(f"pjsip qualify {TRUNK}")
        await asyncio.sleep(0.2)


def there(line: Line) -> str:
    contacts = line.console("pjsip show contacts")
    return "\n".join(row for row in contacts.splitlines() if "Avail" in row)


async def operator_accepts(line: Line, phone: Operator) -> None:
    leg = await phone.next_call(15)
    await leg.answer()
    await begins(leg, line.audio(line.spoken_to(phone.user), "callback_accept"))
    await leg.press("1")


async def test_a_call_back_that_one_server_refuses_reaches_the_person_by_the_next_one_in_the_same_try(
    back: Line, first: Sipp, telephones: Telephones
) -> None:
    out = await carrier(telephones, address_of(back))
    phone = await back.phone(telephones, back.speaks("fr"))
    refusing = await first.listen(refuses("503 Service Unavailable"))
    await is_there(back)
    number = "+33612360503"
    request = await put_request(back, number)
    await operator_accepts(back, phone)
    called = await out.phone.next_call(5)
    await first.ends(refusing)
    assert out.dialled == [number]
    await called.answer()
    await begins(called, back.audio("fr", "callback_hello"))
    await called.press("1")
    connected = await until_request(back, request.id, "connected")
    assert connected.tries == 1
    (attempt,) = await rows(back, CallbackTry, callback_id=request.id)
    assert attempt.outcome == "reached"
    await called.hangup()


async def test_a_number_that_is_busy_is_not_dialled_by_another_server(
    back: Line, first: Sipp, telephones: Telephones
) -> None:
    out = await carrier(telephones, address_of(back))
    phone = await back.phone(telephones, back.speaks("fr"))
    refusing = await first.listen(refuses("486 Busy Here"))
    await is_there(back)
    request = await put_request(back, "+33612360486")
    await operator_accepts(back, phone)
    await first.ends(refusing)
    (attempt,) = await rows(back, CallbackTry, callback_id=request.id, outcome="busy")
    assert (attempt.try_number, out.dialled) == (1, [])


async def test_a_call_that_a_server_never_answers_goes_to_the_next_one(
    back: Line, first: Sipp, telephones: Telephones
) -> None:
    out = await carrier(telephones, address_of(back))
    phone = await back.phone(telephones, back.speaks("fr"))
    silent = await first.listen(says_nothing())
    await is_there(back)
    request = await put_request(back, "+33612360408")
    await operator_accepts(back, phone)
    called = await out.phone.next_call(12)
    assert out.dialled == ["+33612360408"]
    await called.answer()
    await begins(called, back.audio("fr", "callback_hello"))
    await called.press("1")
    assert (await until_request(back, request.id, "connected")).tries == 1
    await called.hangup()
    await first.ends(silent)
