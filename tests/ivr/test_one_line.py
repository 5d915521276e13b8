"""Telephones without call waiting: no caller is offered to an operator whose line is in use by a code."""

from line import Line
from offers import decided
from test_codes import OPERATOR_HZ, dials, native

from ivr.softphone.telephone import Call, Operator, Telephones


async def one_line(line: Line, telephones: Telephones) -> Operator:
    """Return the telephone of an operator who answers at once; it refuses a second call as busy (486)."""
    phone = await line.phone(telephones, native(line), answers=OPERATOR_HZ)
    phone.one_line = True
    return phone


async def connected(line: Line, phone: Operator, code: Call, call: Call, caller: str) -> None:
    """Hang up the code; the caller, who waited for that, is connected at the first offer."""
    assert len(phone.calls) == 0, "a line that is taken does not ring"
    await code.hangup()
    await call.hears_tone(OPERATOR_HZ)
    assert await decided(line, caller) == [(phone.user, "accepted")]
    await call.hangup()
    await line.until_state(phone.user, "wrapping_up")
    phone.calls.clear()


async def test_a_code_that_makes_an_operator_ready_ends_before_the_waiting_caller_rings(
    line: Line, telephones: Telephones
) -> None:
    phone = await one_line(line, telephones)
    await (await dials(line, phone, "*112", "code_pause_lunch", "code_paused")).ended(5)
    call = await line.waiting(telephones, "+33616100001")
    code = await dials(line, phone, "*10", "code_ready")
    assert line.control("GET", f"/operators/{phone.user}")["on_line"] is True
    await connected(line, phone, code, call, "+33616100001")
    line.control("POST", f"/operators/{phone.user}/wrap_up", {"change": "more"})
    call = await line.waiting(telephones, "+33616100002")
    code = await dials(line, phone, "*12", "code_ready")
    await connected(line, phone, code, call, "+33616100002")


async def test_a_caller_who_arrives_during_a_code_call_waits_for_its_end_even_over_a_restart(
    line: Line, telephones: Telephones
) -> None:
    phone = await one_line(line, telephones)
    code = await dials(line, phone, "*14", "code_you_are")
    call = await line.waiting(telephones, "+33616100003")
    await line.restart()
    await code.hears(line.audio("fr", "code_you_are"), 12)
    await connected(line, phone, code, call, "+33616100003")
    await line.until_state(phone.user, "ready")
    code = await dials(line, phone, "*15", "code_file_is")
    call = await line.waiting(telephones, "+33616100004")
    await connected(line, phone, code, call, "+33616100004")
    await line.until_state(phone.user, "ready")
    # Every channel of the telephone counts, also one that never reaches the controller.
    phone.will_ring()
    leg = line.ari(
        "POST", "/channels", endpoint=f"PJSIP/{phone.user}", context="hatif-operators", extension="*14", priority="1"
    )
    await phone.next_call()
    call = await line.waiting(telephones, "+33616100005")
    assert [row["caller"] for row in line.control("GET", "/queue")] == ["+33616100005"]
    phone.will_answer(tone_hz=OPERATOR_HZ)
    line.ari("DELETE", f"/channels/{leg['id']}")
    await call.hears_tone(OPERATOR_HZ)
    assert await decided(line, "+33616100005") == [(phone.user, "accepted")]
    await call.hangup()
