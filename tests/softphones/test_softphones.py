"""baresip, linphone and pjsua as operators' telephones: these tests check the statements in docs/softphones.md."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from drivers import SOFTPHONES
from line import Line
from offers import french
from softphone import SAYS_HZ, How, Softphone
from talking import CALLER_HZ, COLLEAGUE_HZ, hears_music

from ivr.home import credentials
from ivr.softphone.telephone import Call, Telephones

pytestmark = pytest.mark.long

Made = Callable[..., Awaitable[Softphone]]
KINDS = pytest.mark.parametrize("kind", SOFTPHONES, ids=lambda kind: kind.name)


@pytest.fixture
async def softphone(line: Line, telephones: Telephones, tmp_path: Path) -> AsyncIterator[Made]:
    """Return `softphone(kind, operator, how, one_line)`, which registers one and makes its operator ready. Requests
    `telephones`, so that these close later."""
    made: list[Softphone] = []

    async def make(kind: type[Softphone], operator: str, how: How = "rfc4733", *, one_line: bool = False) -> Softphone:
        folder, address = tmp_path / f"{kind.name}-{len(made)}", f"127.0.0.{21 + len(made)}"
        phone = kind(folder, address, how, one_line=one_line)
        made.append(phone)
        await registers(line, phone, operator)
        await line.until_state(operator, "ready")
        return phone

    yield make
    for item in made:
        await item.close()


async def registers(line: Line, phone: Softphone, operator: str) -> None:
    await phone.register(operator, credentials.load(line.home, ()).operators[operator], line.sip)


async def both_hear(call: Call, phone: Softphone) -> None:
    """Check that the caller and the softphone hear each other."""
    await call.hears_tone(SAYS_HZ, 8)
    if phone.records_on or not phone.held:
        await phone.hears_tone(CALLER_HZ)


async def start_conversation(line: Line, telephones: Telephones, phone: Softphone, caller: str) -> Call:
    """Return a caller who talks with the softphone; both hear each other."""
    rung = len(phone.displays)
    call = await line.asks_for_operator(telephones, caller)
    call.tone(CALLER_HZ)
    await phone.rung(rung + 1)
    await phone.answer()
    await both_hear(call, phone)
    return call


@KINDS
async def test_it_registers_shows_the_caller_and_both_hear_each_other(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    phone = await softphone(kind, french(line, 1)[0])
    call = await start_conversation(line, telephones, phone, "+33615000001")
    assert "fr" in phone.displays[0]
    assert "+33615000001" in phone.displays[0]
    await call.hangup()


@KINDS
async def test_its_hold_key_gives_the_caller_music(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    phone = await softphone(kind, french(line, 1)[0])
    call = await start_conversation(line, telephones, phone, "+33615000002")
    await phone.hold()
    phone.held = True
    await hears_music(call, call.clock, 8)
    await phone.resume()
    await both_hear(call, phone)
    await call.hangup()


@KINDS
@pytest.mark.parametrize("how", ["rfc4733", "info", "in-band"])
async def test_its_digits_are_recognised_however_it_sends_them(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone], how: How
) -> None:
    if how not in kind.hows:
        pytest.skip(f"{kind.name} cannot send digits so")
    phone = await softphone(kind, french(line, 1)[0], how)
    call = await start_conversation(line, telephones, phone, "+33615000003")
    await phone.press("*30")
    phone.held = True
    await hears_music(call, call.clock, 8)
    await phone.press("*30")
    await both_hear(call, phone)
    await asyncio.sleep(35)  # a telephone whose INFO was never answered hangs up after 32 s
    await both_hear(call, phone)
    await call.hangup()


@KINDS
async def test_its_transfer_key_transfers_the_caller(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    first, second = french(line, 2)
    phone = await softphone(kind, first)
    call = await start_conversation(line, telephones, phone, "+33615000004")
    colleague = await line.phone(telephones, second, answers=COLLEAGUE_HZ)
    await phone.transfer(second)
    await (await colleague.next_call(8)).established()
    await call.hears_tone(COLLEAGUE_HZ)
    await line.until_state(first, "ready")
    await call.hangup()


@KINDS
async def test_it_transfers_the_caller_to_a_colleague_after_consulting_them(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    if not kind.attended:
        pytest.skip(f"{kind.name} has no such key")
    first, second = french(line, 2)
    phone = await softphone(kind, first)
    call = await start_conversation(line, telephones, phone, "+33615000005")
    colleague = await line.phone(telephones, second, answers=COLLEAGUE_HZ)
    await phone.hold()
    phone.held = True
    await hears_music(call, call.clock, 8)
    await phone.dial(second)
    await (await colleague.next_call(8)).established()
    await phone.hears_tone(COLLEAGUE_HZ, 12)
    await phone.transfer_to_second()
    await call.hears_tone(COLLEAGUE_HZ, 8)
    await line.until_state(first, "ready")
    await call.hangup()


@KINDS
async def test_it_dials_feature_codes(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
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


@KINDS
async def test_it_shows_a_message(line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]) -> None:
    operator = french(line, 1)[0]
    phone = await softphone(kind, operator)
    query = {"from": "Hatif <sip:hatif@hatif.invalid>", "body": "Attention, please"}
    line.ari("PUT", f"/endpoints/PJSIP/{operator}/sendMessage", **query)
    await phone.until(lambda: "Attention, please" in phone.output, 5, "it shows the message")


@KINDS
async def test_an_operator_who_missed_a_call_is_notified_and_is_ready_when_the_telephone_is_back(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    operator = french(line, 1)[0]
    phone = await softphone(kind, operator)
    call = await line.asks_for_operator(telephones, "+33615000006")
    await phone.rung(1)
    await line.until(lambda: line.operator_reason(operator) == "no_answer", 10, "paused")
    await call.hangup()
    if kind.shows_messages:
        await phone.until(lambda: "*10" in phone.output, 5, "it shows why it is paused")
    await phone.close()
    await line.until(lambda: line.operator_reason(operator) == "absent", 10, "away")
    await registers(line, phone, operator)
    await line.until_state(operator, "ready")


@KINDS
async def test_an_operator_with_one_line_becomes_ready_by_feature_code_while_a_caller_waits(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone]
) -> None:
    operator = french(line, 1)[0]
    phone = await softphone(kind, operator, one_line=True)
    line.control("POST", f"/operators/{operator}/state", {"state": "paused", "reason": "lunch"})
    call = await line.waiting(telephones, "+33615000007")
    call.tone(CALLER_HZ)
    await phone.dial("*10")
    await asyncio.sleep(2.5)
    assert line.operator_state(operator) != "paused"
    await phone.hangup()
    await phone.rung(1)
    await phone.answer()
    await call.hears_tone(SAYS_HZ, 8)
    await call.hangup()


@KINDS
@pytest.mark.parametrize("when", ["rings", "talks"])
async def test_it_crashes_and_comes_back_at_the_same_address(
    line: Line, telephones: Telephones, softphone: Made, kind: type[Softphone], when: str
) -> None:
    operator = french(line, 1)[0]
    phone = await softphone(kind, operator)
    if when == "talks":
        call = await start_conversation(line, telephones, phone, "+33615000008")
    else:
        call = await line.asks_for_operator(telephones, "+33615000008")
        call.tone(CALLER_HZ)
        await phone.rung(1)
    await phone.kill()
    await registers(line, phone, operator)
    rung = len(phone.displays)
    await phone.rung(rung + 1, 30)
    await phone.answer()
    await call.hears_tone(SAYS_HZ, 8)
    await call.hangup()
