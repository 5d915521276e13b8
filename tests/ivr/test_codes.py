"""Feature codes on a real Asterisk: an operator dials them, and hears the result in their language."""

import asyncio
import contextlib
import urllib.error
from typing import Any

import pytest
from left import rows
from line import Line
from offers import decided, french

from db.tables.administration import Audit
from ivr.softphone.telephone import Call, Operator, Telephones

OPERATOR_HZ, SUPERVISOR_HZ = 1870.0, 1130.0


def native(line: Line, *, supervisor: bool = False) -> str:
    """The id of an operator whose own language is French."""
    french = (operator for operator in line.operators if next(iter(operator.languages)) == "fr")
    return next(operator.id for operator in french if operator.supervisor is supervisor)


async def dials(line: Line, phone: Operator, code: str, *texts: str, keys: str = "") -> Call:
    """Dial a code, press `keys` when it is answered, and hear `texts` in French, one after the other."""
    call = await phone.dial(code)
    await call.established(5)
    if keys:
        await call.press(keys)
    await call.hears(line.audio("fr", *texts), 12)
    return call


async def dials_again(line: Line, phone: Operator, code: str, text: str) -> Call:
    """Dial a code that reads the database until it does so within its limit of 150 ms: the machine may be busy."""
    for _ in range(4):
        with contextlib.suppress(TimeoutError):
            return await dials(line, phone, code, text)
    return await dials(line, phone, code, text)


async def refused(line: Line, phone: Operator, code: str, text: str) -> None:
    """Hear why from the controller, which then hangs up."""
    call = await dials(line, phone, code, text)
    assert not (await call.ended(5)).by_us


async def over(call: Call) -> None:
    await call.hangup()
    await call.ended()


def state(line: Line, operator: str) -> dict[str, Any]:
    row: dict[str, Any] = line.control("GET", f"/operators/{operator}")
    return row


async def acts(line: Line, operator: str) -> list[str]:
    """Return the audit records about an operator, in order, without those of the tests' own requests."""
    found = sorted(await rows(line, Audit, about=f"operator:{operator}"), key=lambda row: (row.at, row.seq))
    return [row.act for row in found if row.by != "tests"]


async def test_an_operator_works_a_day_with_the_keys_of_their_telephone(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, native(line))
    identity = phone.user
    paused = await dials(line, phone, "*112", "code_pause_lunch", "code_paused")
    assert not (await paused.ended(5)).by_us
    assert (line.operator_state(identity), line.operator_reason(identity)) == ("paused", "lunch")
    # Name and number, the state with its reason, and the languages by their names.
    languages = next(operator for operator in line.operators if operator.id == identity).languages
    names = [f"code_language_{language}" for language in languages]
    answer = await dials(line, phone, "*14", "code_you_are", f"name_{identity}")
    await answer.hears(line.audio("fr", *(f"digit_{digit}" for digit in identity)), 10)
    await answer.hears(line.audio("fr", "code_languages", *names, "code_pause_lunch", "code_paused"), 15)
    await over(answer)
    await over(await dials(line, phone, "*10", "code_ready"))
    assert line.operator_state(identity) == "ready"
    # Without a digit the code asks for the reason.
    await over(await dials(line, phone, "*11", "code_pause_training", "code_paused", keys="4"))
    assert line.operator_reason(identity) == "training"


async def test_a_refused_code_says_why(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, native(line))
    wrong = (
        ("*99", "code_unknown"),
        ("77", "code_unknown"),
        ("*11*", "code_unknown"),
        ("*119", "code_argument"),
        ("*12", "code_no_wrap_up"),
        ("*13", "code_no_wrap_up"),
        ("*15", "code_no_file"),
    )
    await asyncio.gather(*(refused(line, phone, code, text) for code, text in wrong))
    assert line.operator_state(phone.user) == "ready"
    for method, path, body, status in (
        ("POST", "state", {"state": "paused", "reason": "siesta"}, 422),
        ("POST", "wrap_up", {"change": "end"}, 409),
        ("POST", "wrap_up", {"change": "longer"}, 422),
        ("DELETE", "help", None, 409),
    ):
        with pytest.raises(urllib.error.HTTPError, match=str(status)):
            line.control(method, f"/operators/{phone.user}/{path}", body)
    line.control("POST", f"/operators/{phone.user}/state", {"state": "away"})
    await line.until_state(phone.user, "away")
    await asyncio.gather(*(refused(line, phone, code, "code_off_duty") for code in ("*12", "*13", "*17")))
    await over(await dials(line, phone, "*10", "code_ready"))


async def test_a_wrap_up_can_be_extended_up_to_the_sites_limit_and_ended_by_a_code_also_after_a_restart(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, native(line), answers=OPERATOR_HZ)
    wrap_up = f"/operators/{phone.user}/wrap_up"
    call = await line.asks_for_operator(telephones, "+33616000001")
    await line.until_state(phone.user, "talking")
    control = f"/operators/{phone.user}/state"
    line.control("POST", control, {"state": "paused", "reason": "meeting"})
    assert state(line, phone.user)["pause_after"] == "meeting"
    line.control("POST", control, {"state": "ready"})  # the last request counts
    assert state(line, phone.user)["pause_after"] is None
    await call.hangup()
    await line.until_state(phone.user, "wrapping_up")
    before = line.control("POST", wrap_up, {"change": "more"})
    assert before["until"] - before["since"] == pytest.approx(1 + 60, abs=0.01)
    await over(await dials(line, phone, "*13", "code_wrap_up_more"))
    longer = state(line, phone.user)
    assert longer["until"] - before["until"] == pytest.approx(60, abs=0.01)
    reference = (await line.story("+33616000001"))["call"]["case"]
    await line.restart()
    await line.until_state(phone.user, "wrapping_up")
    there = state(line, phone.user)
    assert (there["state"], there["until"]) == ("wrapping_up", pytest.approx(longer["until"], abs=0.01))
    # The case file of the last caller, which this controller knows from the database only.
    last = await dials_again(line, phone, "*15", "code_file_is")
    await last.hears(line.audio("fr", *(f"digit_{digit}" for digit in reference[:3])))
    await over(last)
    more = [line.control("POST", wrap_up, {"change": "more"}) for _ in range(3)]
    assert more[-1]["until"] - longer["since"] == pytest.approx(300, abs=0.01)
    with pytest.raises(urllib.error.HTTPError, match="409"):
        line.control("POST", wrap_up, {"change": "more"})
    await refused(line, phone, "*13", "code_wrap_up_longest")
    await over(await dials(line, phone, "*12", "code_ready"))
    assert line.operator_state(phone.user) == "ready"
    # From the other line while a call rings: it goes on ringing, and the pause begins after it.
    phone.will_ring()
    caller = await line.asks_for_operator(telephones, "+33616000002")
    _, rings = await phone.next_call(), await phone.next_call()
    pausing = await dials(line, phone, "*112", "code_pause_lunch")  # the rest would last longer than it rings
    assert line.operator_state(phone.user) == "offered"
    assert state(line, phone.user)["pause_after"] == "lunch"
    await over(pausing)
    await rings.answer()
    rings.tone(OPERATOR_HZ)
    await caller.hears_tone(OPERATOR_HZ)
    assert len(phone.calls) == 2
    await over(caller)
    await line.until_state(phone.user, "paused")
    assert line.operator_reason(phone.user) == "lunch"


async def test_an_operator_who_asks_for_help_talks_with_a_supervisor_even_if_the_controller_is_killed(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, native(line), answers=OPERATOR_HZ)
    caller = await line.asks_for_operator(telephones, "+33616000003")
    await line.until_state(phone.user, "talking")
    await refused(line, phone, "*17", "code_help_nobody")
    assert state(line, phone.user)["help_since"] is not None
    supervisor = await line.phone(telephones, native(line, supervisor=True))
    asks = await phone.dial("*17")
    await asks.established(5)
    asks.tone(OPERATOR_HZ)
    rings = await supervisor.next_call(5)
    assert rings.peer.startswith(f"sip:{phone.user}@")
    assert line.operator_state(supervisor.user) == "offered"
    await line.restart()  # while it rings
    await rings.answer()
    rings.tone(SUPERVISOR_HZ)
    await rings.hears(line.audio("fr", "code_help_from"))
    await asks.hears_tone(SUPERVISOR_HZ)
    await rings.hears_tone(OPERATOR_HZ)
    assert line.operator_state(supervisor.user) == "talking"
    await line.restart()  # while they talk
    await asks.hears_tone(SUPERVISOR_HZ)
    assert line.operator_state(supervisor.user) == "talking"
    assert len(supervisor.calls) == 1, "nobody is rung twice"
    await over(asks)
    assert not (await rings.ended(5)).by_us
    await line.until_state(supervisor.user, "ready")
    assert await acts(line, phone.user) == ["help_wanted", "help_given"]
    assert state(line, phone.user)["help_since"] is None
    await caller.hears_tone(OPERATOR_HZ)
    await over(caller)
    story = await line.story("+33616000003")
    helps = [event for event in story["events"] if event["kind"].startswith("help_")]
    assert [event["kind"] for event in helps] == ["help_wanted", "help_given"]
    assert helps[1]["data"] == {"operator": phone.user, "supervisor": supervisor.user}
    audited = [row for row in line.json("audit") if row["act"].startswith("help_")]
    assert {row["call"] for row in audited[:2]} == {str(story["call"]["id"])}


async def test_without_a_controller_for_good_a_code_is_not_silent_and_an_answering_operator_is_hung_up(
    line: Line, telephones: Telephones
) -> None:
    phone = await line.phone(telephones, native(line))
    other = next(operator for operator in french(line, 2) if operator != phone.user)
    asked = await dials(line, phone, "*11", "code_pause_ask")
    rung = await line.phone(telephones, other)
    line.control("POST", f"/operators/{phone.user}/state", {"state": "paused", "reason": "lunch"})
    await line.waiting(telephones, "+33612399012")
    ringing = await rung.next_call(5)
    await line.without_controller()  # this call keeps its application alive until the guard handles it
    await ringing.answer()  # nobody will talk to them: their telephone is hung up
    later = await phone.dial("*10")
    for call in (asked, later):
        await call.hears(line.audio("fr", "code_unavailable"), 15)
        assert not (await call.ended(5)).by_us
    await refused(line, phone, "*10", "code_unavailable")
    await ringing.ended(10)
    await line.controller_again()


async def test_operators_call_one_another_by_number_and_get_no_caller_while_they_talk(
    line: Line, telephones: Telephones
) -> None:
    first = native(line)
    second = next(operator for operator in french(line, 2) if operator != first)
    phone, other = await line.phone(telephones, first), await line.phone(telephones, second)
    for number, text in ((first, "talk_yourself"), (line.speaks("fr", but=(first, second)), "talk_away")):
        await refused(line, phone, number, text)
    line.control("POST", f"/operators/{first}/state", {"state": "paused"})
    asks = await phone.dial(second)
    asks.tone(OPERATOR_HZ)
    rings = await other.next_call(8)
    assert rings.peer.startswith(f"sip:{first}@")
    assert line.operator_state(second) == "offered"
    await rings.answer()
    rings.tone(SUPERVISOR_HZ)
    await asyncio.gather(asks.hears_tone(SUPERVISOR_HZ), rings.hears_tone(OPERATOR_HZ))
    caller = await line.waiting(telephones, "+33616000077")
    assert (line.operator_state(second), len(other.calls)) == ("talking", 1)
    await asks.hangup()
    await rings.ended(5)
    await (await other.next_call(8)).answer()  # now the caller is offered
    await caller.hangup()


async def test_an_operator_paused_by_a_missed_call_hears_so_in_the_next_code_and_is_ready_when_their_telephone_is_back(
    line: Line, telephones: Telephones
) -> None:
    caller = await line.waiting(telephones, "+33616000078")
    since = line.control("GET", "/queue")[0]["since"]
    later = await line.waiting(telephones, "+33616000079")
    phone = await line.phone(telephones, native(line))
    ringing = await phone.next_call(8)
    await line.until(lambda: line.operator_reason(phone.user) == "no_answer", 10, "paused")
    assert (await ringing.ended()).status is None
    # The caller stays at the head of the queue, and the next operator gets them.
    assert await decided(line, "+33616000078") == [(phone.user, "no_answer")]
    (offer,) = (await line.story("+33616000078", ended=False))["offers"]
    assert (offer["ended"] - offer["offered"]).total_seconds() > 5.5
    waits = line.control("GET", "/queue")
    assert [row["caller"] for row in waits] == ["+33616000078", "+33616000079"] and waits[0]["since"] == since
    other = next(operator for operator in french(line, 2) if operator != phone.user)
    ready = await line.phone(telephones, other, answers=OPERATOR_HZ)
    await line.until_state(ready.user, "talking")
    assert [row["caller"] for row in line.control("GET", "/queue")] == ["+33616000079"]
    await later.hangup()
    device = line.control("GET", f"/operators/{phone.user}")["device"]
    assert device["user_agent"].startswith("baresip") and device["transport"] == "udp"
    await caller.hangup()
    await over(await dials(line, phone, "*14", "code_pause_no_answer", "code_you_are"))
    await phone.unregister()
    await line.until(lambda: line.operator_reason(phone.user) == "absent", 8, "away")
    await phone.register()
    await line.until_state(phone.user, "ready")
    (row,) = [row for row in line.json("operators") if row["id"] == phone.user]
    assert row["device"]["address"] == phone.address
    shown = line.json("operators", "phone", phone.user)
    assert (shown["transport"], shown["codecs"]) == ("UDP or TCP", "alaw, ulaw, g722, opus")
    assert "RFC 4733" in shown["digits"] and "INFO" in shown["digits"]
