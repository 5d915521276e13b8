"""What a telephone may send during a call besides sound: digits by SIP INFO or as tones, OPTIONS, a MESSAGE."""

import asyncio

import numpy as np
from in_dialog import Dialog, message, without_events
from line import Line
from nat import Router
from offers import french
from talking import CALLER_HZ, COLLEAGUE_HZ, OPERATOR_HZ, hears_music

from ivr.asterisk.sip_copies import concerns_controller
from ivr.softphone.line import parse_address
from ivr.softphone.sound import Samples, tone
from ivr.softphone.telephone import Call, Telephones

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
_KEYS = "123456789*0#"
REFUSED = {"SUBSCRIBE": 489, "NOTIFY": 489, "PUBLISH": 501, "FOO": 501, "INFO": 415}
"""Requests in a call that nobody serves, with their answers."""


async def press_tones(call: Call, keys: str) -> None:
    """Presses keys as DTMF tones in the sound, 120 ms each and 120 ms apart."""
    pause = np.zeros(960, np.int16)
    # Sound that was sent before is cut off, and some of the new one's beginning may be too.
    call.play(np.concatenate([pause, pause, *(part for key in keys for part in (_dtmf(key), pause))]))
    await asyncio.sleep(0.24 * (len(keys) + 1))


def _dtmf(key: str) -> Samples:
    row, column = divmod(_KEYS.index(key), 3)
    return tone(_ROWS[row], 0.12, -18.0) + tone(_COLUMNS[column], 0.12, -18.0)


async def test_info_options_and_message_during_a_call_are_answered_digits_by_info_count_and_no_message_goes_on(
    line: Line, telephones: Telephones
) -> None:
    operator, second = french(line, 2)
    phone = await line.phone(telephones, operator, answers=OPERATOR_HZ)
    dialog, caller = Dialog(phone), Dialog(await telephones.trunk("127.0.0.2", parse_address(line.sip)))
    call = await line.asks_for_operator(telephones, "+33614000001")
    call.tone(CALLER_HZ)
    leg = await phone.next_call(8)
    await asyncio.gather(call.hears_tone(OPERATOR_HZ), leg.hears_tone(CALLER_HZ))
    answers = {
        "options": await dialog.request("OPTIONS"),
        "message": await dialog.request("MESSAGE", "text/plain", "hello"),
        "data": await dialog.request("MESSAGE", "application/json", '["hello"]'),
        "caller's message": await caller.request("MESSAGE", "text/plain", "hello"),
    }
    await dialog.press("*30")
    await hears_music(call, call.clock)
    assert answers == {"options": 200, "message": 202, "data": 202, "caller's message": 202}
    # A code without the key that ends it.
    colleague = await line.phone(telephones, second, answers=COLLEAGUE_HZ)
    await dialog.press(f"*30*31{second}")
    await colleague.next_call(8)
    await call.hears_tone(COLLEAGUE_HZ)
    carried = next(item["id"] for item in line.ari("GET", "/channels") if item["name"].startswith("PJSIP/carrier"))
    line.ari("DELETE", f"/channels/{carried}")  # neither telephone can: see Dialog
    await asyncio.gather(call.ended(5), leg.ended(5))
    assert not [message for side in (dialog, caller) for message in side.received if b"hello" in message]


async def test_what_nobody_serves_in_a_call_is_refused_and_the_call_goes_on(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, french(line, 1)[0], answers=OPERATOR_HZ)
    dialogs = Dialog(phone), Dialog(await telephones.trunk("127.0.0.2", parse_address(line.sip)))
    call = await line.asks_for_operator(telephones, "+33614000005")
    call.tone(CALLER_HZ)
    leg = await phone.next_call(8)
    await asyncio.gather(call.hears_tone(OPERATOR_HZ), leg.hears_tone(CALLER_HZ))
    for dialog in dialogs:
        statuses = await asyncio.gather(*(dialog.request(method, "application/x-any", "a") for method in REFUSED))
        assert dict(zip(REFUSED, statuses, strict=True)) == REFUSED
    await asyncio.gather(call.hears_tone(OPERATOR_HZ), leg.hears_tone(CALLER_HZ))
    carried = next(item["id"] for item in line.ari("GET", "/channels") if item["name"].startswith("PJSIP/carrier"))
    line.ari("DELETE", f"/channels/{carried}")  # neither telephone can: see Dialog
    await asyncio.gather(call.ended(5), leg.ended(5))
    received = (text for dialog in dialogs for text in dialog.received if text.strip())  # the others keep ports open
    requests = [text for text in received if not text.startswith(b"SIP/2.0 ")]
    answers = [text for dialog in dialogs for text in dialog.sent if text.startswith(b"SIP/2.0 ")]
    assert requests and answers
    assert all(map(concerns_controller, (*requests, *answers))), "the guard must know Asterisk's own requests"


async def test_digits_count_as_tones_where_no_rtp_events_were_negotiated(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, french(line, 1)[0], answers=OPERATOR_HZ)
    without_events(phone._opened[0])
    without_events(await telephones.trunk("127.0.0.2", parse_address(line.sip)))
    call = await line.dial(telephones, "+33614000002")
    call.silence()
    await asyncio.sleep(0.5)
    await press_tones(call, "20")
    leg = await phone.next_call(8)
    await call.hears_tone(OPERATOR_HZ)
    await press_tones(leg, "*30")
    await hears_music(call, call.clock)
    await call.hangup()
    await leg.ended(5)


async def test_a_message_outside_a_call_leads_nowhere(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, french(line, 1)[0])
    seen = len(line.logged())
    for target, sender, address, answer in (
        ("*10", "stranger", "127.0.0.13", 401),
        ("*10", phone.user, "127.0.0.13", 401),
        (phone.user, "stranger", "127.0.0.13", 401),
        ("800212000", "stranger", "127.0.0.2", 404),  # the carrier is known by its address
        ("s", "carrier-example", "127.0.0.2", 404),
    ):
        assert await asyncio.to_thread(message, line.sip, target, sender, address) == answer, (target, sender, address)
    assert not line.ari("GET", "/channels")
    assert "code" not in line.logged(seen)


async def test_sound_that_comes_from_another_port_is_followed_once_the_telephone_registers_anew(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, french(line, 1)[0], answers=OPERATOR_HZ)
    router = Router(phone)
    await router.open()
    call = await line.asks_for_operator(telephones, "+33614000004")
    call.tone(CALLER_HZ)
    leg = await phone.next_call(8)
    try:
        await asyncio.gather(call.hears_tone(OPERATOR_HZ), leg.hears_tone(CALLER_HZ))
        await asyncio.sleep(6)  # for 5 s Asterisk takes sound from anywhere
        await router.moves()
        await phone.register()
        await asyncio.gather(call.hears_tone(OPERATOR_HZ), leg.hears_tone(CALLER_HZ))
        await call.hangup()
        await leg.ended(5)
    finally:
        router.close()
