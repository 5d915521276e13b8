"""baresip, linphone and pjsua as operators' telephones: what docs/softphones.md says of each is seen here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from line import Line
from offers import french
from softphone import SAYS_HZ, SOFTPHONES, How, Softphone
from talking import CALLER_HZ, COLLEAGUE_HZ, hears_music

from ivr import credentials
from ivr.demo.telephone import Call, Telephones

pytestmark = pytest.mark.long

Made = Callable[..., Awaitable[Softphone]]
KINDS = pytest.mark.parametrize("kind", SOFTPHONES, ids=lambda kind: kind.name)


@pytest.fixture
async def softphone(line: Line, telephones: Telephones, tmp_path: Path) -> AsyncIterator[Made]:
    """`softphone(kind, operator, how)`: registered, its operator ready. Asks for `telephones`, which close later."""
    made: list[Softphone] = []

    async def make(kind: type[Softphone], operator: str, how: How = "rfc4733") -> Softphone:
        phone = kind(tmp_path / f"{kind.name}-{len(made)}", f"127.0.0.{21 + len(made)}", how)
        made.append(phone)
        await phone.register(operator, credentials.load(line.home, ()).operators[operator], line.sip)
        await line.until_state(operator, "ready")
        return phone

    yield make
    for each in made:
        await each.close()


async def both_hear(call: Call, phone: Softphone) -> None:
    """The caller and the softphone hear each other."""
    await call.hears_tone(SAYS_HZ, 8)
    if phone.records_on or not phone.held:
        await phone.hears_tone(CALLER_HZ)


async def talks(line: Line, telephones: Telephones, phone: Softphone, caller: str) -> Call:
    """A caller with whom the softphone talks; both hear each other."""
    rung = len(phone.displays)
    call = await line.asks_for_operator(telephones, caller)
    call.tone(CALLER_HZ)
    await phone.rung(rung + 1)
    await phone.answer()
    await both_hear(call, phone)
    return call


@KINDS
async def test_it_registers_shows_who_calls_and_both_hear_each_other(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    phone = await softphone(kind, french(line, 1)[0])
    call = await talks(line, telephones, phone, "+33615000001")
    assert "fr" in phone.displays[0]
    assert "+33615000001" in phone.displays[0]
    await call.hangup()


@KINDS
async def test_its_hold_key_gives_the_caller_music(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    phone = await softphone(kind, french(line, 1)[0])
    call = await talks(line, telephones, phone, "+33615000002")
    await phone.hold()
    phone.held = True
    await hears_music(call, call.clock, 8)
    await phone.resume()
    await both_hear(call, phone)
    await call.hangup()


@KINDS
@pytest.mark.parametrize("how", ["rfc4733", "info", "in-band"])
async def test_its_digits_count_however_it_sends_them(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone], how: How
) -> None:
    if how not in kind.hows:
        pytest.skip(f"{kind.name} cannot send digits so")
    phone = await softphone(kind, french(line, 1)[0], how)
    call = await talks(line, telephones, phone, "+33615000003")
    await phone.press("*30")
    phone.held = True
    await hears_music(call, call.clock, 8)
    await phone.press("*30")
    await both_hear(call, phone)
    await asyncio.sleep(35)  # a telephone whose INFO was never answered hangs up after 32 s
    await both_hear(call, phone)
    await call.hangup()


@KINDS
async def test_its_transfer_key_hands_the_caller_on(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    first, second = french(line, 2)
    phone = await softphone(kind, first)
    call = await talks(line, telephones, phone, "+33615000004")
    colleague = await line.phone(telephones, second, answers=COLLEAGUE_HZ)
    await phone.transfer(second)
    await (await colleague.next_call(8)).established()
    await call.hears_tone(COLLEAGUE_HZ)
    await line.until_state(first, "ready")
    await call.hangup()


@KINDS
async def test_it_hands_the_caller_to_a_colleague_whom_it_has_asked_first(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    if not kind.attended:
        pytest.skip(f"{kind.name} has no such key")
    first, second = french(line, 2)
    phone = await softphone(kind, first)
    call = await talks(line, telephones, phone, "+33615000005")
    colleague = await line.phone(telephones, second, answers=COLLEAGUE_HZ)
    await phone.hold()
    phone.held = True
    await hears_music(call, call.clock, 8)
    await phone.dial(f"*32{second}")
    await (await colleague.next_call(8)).established()
    await phone.hears_tone(COLLEAGUE_HZ, 12)
    await phone.transfer_to_second()
    await call.hears_tone(COLLEAGUE_HZ, 8)
    await line.until_state(first, "ready")
    await call.hangup()


@KINDS
async def test_it_dials_codes(line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]) -> None:
    operator = french(line, 1)[0]
    phone = await softphone(kind, operator)
    await phone.dial("*112")
    await line.until_state(operator, "paused")
    await asyncio.sleep(3)
    await phone.hangup()
    await asyncio.sleep(1)
    await phone.dial("*10")
    await line.until_state(operator, "ready")
    await asyncio.sleep(3)
    await phone.hangup()
