"""The controller is killed (`kill -9`) and started again by `hatif up`; nobody on the telephone may suffer from it."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable

import pytest
from line import Line

from db.ids import uuid7
from ivr.softphone.sound import RATE, find, has_tone, longest_silence
from ivr.softphone.telephone import Call, Telephones

State = Callable[[str, float], None]


@pytest.fixture
def state_silence(record_property: State) -> Callable[[str, Call], float]:
    """States the longest silence in what a caller received; `scripts/test` prints it at its end."""

    def measure(what: str, call: Call) -> float:
        length = longest_silence(call.heard()).length_s
        record_property(f"longest silence of a caller {what}, s", round(length, 2))
        return length

    return measure


def occurrences(line: Line, call: Call, language: str, prompt: str) -> int:
    """How often a caller heard a prompt."""
    reference, count, start = line.audio(language, prompt), 0, 0
    heard = call.heard()
    while start < len(heard) - len(reference) // 2:
        match = find(heard[start:], reference)
        if not match.same:
            break
        count += 1
        start += int(match.offset_s * 8000) + len(reference)
    return count


async def test_a_caller_in_the_menu_is_not_greeted_again_and_his_key_counts(
    line: Line, telephones: Telephones, state_silence: Callable[[str, Call], float]
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    call = await line.dial(telephones, "+33612100001")
    await asyncio.sleep(0.3)
    await call.press("2")
    await call.hears(line.audio("fr", "welcome"))
    await call.hears(line.audio("fr", "main_file"))
    killed = call.clock
    await line.restart()
    await call.hears(line.audio("fr", "main_file"), since_s=killed)
    phone.will_answer(tone_hz=1870)
    await call.press("0")
    await call.hears_tone(1870)
    assert occurrences(line, call, "fr", "welcome") == 1
    state_silence("in the menu", call)
    await call.hangup()
    story = await line.story("+33612100001")
    assert story["call"]["outcome"] == "answered"
    assert "resumed" in [event["kind"] for event in story["events"]]


async def test_a_call_whose_first_record_never_came_to_the_disk_has_its_row_all_the_same(
    line: Line, telephones: Telephones
) -> None:
    caller = "+33612100013"
    call = await line.waiting(telephones, caller)
    before = await line.story(caller, ended=False)
    former = line.kill_controller()
    with contextlib.closing(sqlite3.connect(line.home / "hatif.db", timeout=5)) as database, database:
        database.execute("DELETE FROM call WHERE caller = ?", (caller,))
    await line.controller_back(former)
    after = await line.story(caller, ended=False)
    for column in ("id", "started", "number", "caller", "country"):
        assert after["call"][column] == before["call"][column], column
    await call.hangup()
    assert (await line.story(caller))["call"]["outcome"] == "abandoned"


async def test_a_caller_who_is_being_greeted_is_greeted_once(line: Line, telephones: Telephones) -> None:
    call = await line.dial(telephones, "+33612100002")
    await asyncio.sleep(0.3)
    await call.press("2")
    await asyncio.sleep(0.5)
    await line.restart()
    await call.hears(line.audio("fr", "main_file"))
    assert occurrences(line, call, "fr", "welcome") == 1
    await call.hangup()
    await line.story("+33612100002")


async def test_callers_in_the_queue_keep_their_place_and_their_age(
    line: Line, telephones: Telephones, state_silence: Callable[[str, Call], float], record_property: State
) -> None:
    first = await line.waiting(telephones, "+33612100003")
    second = await line.waiting(telephones, "+33612100004")
    before = [(row["call"], row["since"]) for row in line.control("GET", "/queue")]
    assert len(before) == 2
    record_property("from kill -9 until the next controller answers, s", await line.restart())
    await line.until(lambda: len(line.control("GET", "/queue")) == 2, 5, "both wait again")
    assert [(row["call"], row["since"]) for row in line.control("GET", "/queue")] == before
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870)
    await phone.next_call(5)
    await first.hears_tone(1870)
    state_silence("who waits", first)
    await first.hangup()
    assert (await line.story("+33612100003"))["call"]["outcome"] == "answered"
    await second.hangup()
    story = await line.story("+33612100004")
    assert [event["kind"] for event in story["events"]].count("waiting") == 1


async def test_an_operator_who_is_rung_is_rung_once_and_answers_after_the_restart(
    line: Line, telephones: Telephones, state_silence: Callable[[str, Call], float]
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    phone.will_ring()
    call = await line.waiting(telephones, "+33612100005")
    ringing = await phone.next_call(5)
    await line.restart()
    assert ringing.state == "ringing"
    await ringing.answer()
    ringing.tone(1870)
    await call.hears_tone(1870)
    assert len(phone.calls) == 1
    state_silence("being offered", call)
    await call.hangup()
    story = await line.story("+33612100005")
    assert [offer["state"] for offer in story["offers"]] == ["accepted"]


async def test_an_answer_while_there_is_no_controller_is_not_lost(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    phone.will_ring()
    call = await line.waiting(telephones, "+33612100006")
    ringing = await phone.next_call(5)
    former = line.kill_controller()
    await ringing.answer()
    ringing.tone(1870)
    await line.controller_back(former)
    await call.hears_tone(1870)
    assert len(phone.calls) == 1
    await call.hangup()
    assert (await line.story("+33612100006"))["call"]["operator"] == line.speaks("fr")


async def test_people_who_talk_do_not_notice(
    line: Line, telephones: Telephones, state_silence: Callable[[str, Call], float]
) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    phone.will_answer(tone_hz=1870)
    call = await line.waiting(telephones, "+33612100007")
    call.tone(1130)
    answered = await phone.next_call(5)
    await call.hears_tone(1870)
    talking_since = call.clock
    await line.restart()
    await asyncio.sleep(0.5)
    for side, hertz, since in ((call, 1870, talking_since), (answered, 1130, answered.clock - 1.5)):
        assert has_tone(side.heard(since), hertz)
        assert longest_silence(side.heard(since)).length_s < 0.3
    assert line.operator_state(operator) == "talking"
    state_silence("who talks", call)
    await answered.hangup()
    await call.hears(line.audio("fr", "survey_question")[:RATE])
    await call.press("5")
    thanks = await call.hears(line.audio("fr", "survey_thanks"))
    # Both say "merci" first: the goodbye begins when that is over.
    await call.hears(line.audio("fr", "goodbye"), since_s=thanks.offset_s + 1.0)
    await call.ended()
    story = await line.story("+33612100007")
    assert story["call"]["outcome"] == "answered"
    assert [(pairing["reason"], pairing["ended"] is not None) for pairing in story["pairings"]] == [("operator", True)]


async def test_a_caller_who_hangs_up_meanwhile_ends_in_the_records_and_frees_the_operator(
    line: Line, telephones: Telephones
) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    phone.will_ring()
    call = await line.waiting(telephones, "+33612100008")
    ringing = await phone.next_call(5)
    former = line.kill_controller()
    await call.hangup()
    await line.controller_back(former)
    await ringing.ended(5)
    await line.until_state(operator, "ready")
    story = await line.story("+33612100008", limit_s=10)
    assert story["call"]["outcome"] == "abandoned"
    await line.until_state(operator, "ready")
    assert [offer["state"] for offer in (await line.story("+33612100008"))["offers"]] == ["withdrawn"]


async def test_a_leg_that_was_lost_meanwhile_is_withdrawn_and_never_no_answer(
    line: Line, telephones: Telephones
) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    phone.will_ring()
    call = await line.waiting(telephones, "+33612100009")
    ringing = await phone.next_call(5)
    former = line.kill_controller()
    await phone.refuse(ringing)
    phone.will_answer(tone_hz=1870)
    await line.controller_back(former)
    await call.hears_tone(1870)
    await call.hangup()
    story = await line.story("+33612100009")
    assert [offer["state"] for offer in story["offers"]] == ["withdrawn", "accepted"]


async def test_a_telephone_that_was_never_dialled_is_given_up_at_once_and_its_operator_is_offered_the_caller(
    line: Line, telephones: Telephones
) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    phone.will_ring()
    call = await line.waiting(telephones, "+33612100019")
    ringing = await phone.next_call(5)
    (leg,) = [each for each in line.ari("GET", "/channels") if each["state"] == "Ringing"]
    state = line.ari("GET", f"/channels/{leg['id']}/variable", variable="HATIF")["value"]
    await line.without_controller()
    guard = line.pid("guard")
    os.kill(guard, signal.SIGSTOP)  # after five seconds it would end it
    try:
        await phone.refuse(ringing)
        # As a controller leaves it that is killed between the two.
        never = str(uuid7())
        line.ari(
            "POST", "/channels/create", endpoint=f"PJSIP/{operator}", app="hatif", appArgs="leg,60", channelId=never
        )
        await line.until(
            lambda: any(
                each["id"] == never and each["dialplan"]["app_name"] == "Stasis"
                for each in line.ari("GET", "/channels")
            ),
            5,
            "it has entered",
        )
        state = state.replace(leg["id"], never)
        line.ari("POST", f"/channels/{never}/variable", variable="HATIF", value=state)
        phone.will_answer(tone_hz=1870)
    finally:
        await line.controller_again()
        os.kill(guard, signal.SIGCONT)
    await call.hears_tone(1870)
    assert len(phone.calls) == 2
    await call.hangup()
    story = await line.story("+33612100019")
    assert [offer["state"] for offer in story["offers"]] == ["withdrawn", "accepted"]


async def test_a_caller_whose_operator_was_lost_meanwhile_is_told_and_is_first(
    line: Line, telephones: Telephones
) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    phone.will_answer(tone_hz=1870)
    call = await line.waiting(telephones, "+33612100010")
    answered = await phone.next_call(5)
    await call.hears_tone(1870)
    former = line.kill_controller()
    phone.will_ring()
    await answered.hangup()
    await line.controller_back(former)
    again = await phone.next_call(8)  # after the wrap-up, while he still hears what has happened
    await again.answer()
    again.tone(1870)
    await call.hears_tone(1870)
    assert find(call.heard(), line.audio("fr", "operator_gone")[:6000]).same
    await call.hangup()
    story = await line.story("+33612100010")
    assert [pairing["reason"] for pairing in story["pairings"]] == ["lost", "caller"]
    assert len({case["reference"] for case in await line.cases() if case["caller"] == "+33612100010"}) == 1


async def test_two_kills_in_a_row_change_nothing_more(line: Line, telephones: Telephones) -> None:
    first = await line.waiting(telephones, "+33612100011")
    before = [(row["call"], row["since"]) for row in line.control("GET", "/queue")]
    await line.restart()
    await line.restart()
    await line.until(lambda: bool(line.control("GET", "/queue")), 5, "he waits again")
    assert [(row["call"], row["since"]) for row in line.control("GET", "/queue")] == before
    await first.hangup()
    assert (await line.story("+33612100011"))["call"]["outcome"] == "abandoned"


async def test_a_pause_and_a_state_by_hand_outlive_the_controller(line: Line, telephones: Telephones) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    line.control("POST", f"/operators/{operator}/state", {"state": "paused", "reason": "lunch"})
    await line.until_state(operator, "paused")
    await asyncio.sleep(0.3)  # until AstDB has it
    await line.restart()
    assert line.operator_state(operator) == "paused"
    assert line.control("GET", f"/operators/{operator}")["reason"] == "lunch"
    line.control("POST", f"/operators/{operator}/state", {"state": "ready"})
    await line.until_state(operator, "ready")
    await phone.unregister()


async def test_a_stopped_asterisk_is_started_again_and_the_controller_finds_it(
    line: Line, telephones: Telephones
) -> None:
    before = await line.phone(telephones, line.speaks("fr"), answers=1870)
    cut = await line.waiting(telephones, "+33612100013")
    await cut.hears_tone(1870)
    former = line.pid("asterisk")
    os.kill(former, signal.SIGTERM)
    await line.until(lambda: line.pid("asterisk") != former and bool(line.status().get("serves")), 15, "all is back")
    # Asterisk hangs all calls up as it stops; it was not the caller, who may have their place back.
    story = await line.story("+33612100013")
    assert [each["data"]["by"] for each in story["events"] if each["kind"] == "ended"] == ["unknown"]
    assert [each["reason"] for each in story["pairings"]] == ["lost"]
    await before.leave()
    phone = await line.phone(telephones, line.speaks("fr"))
    phone.will_answer(tone_hz=1870)
    call = await line.waiting(telephones, "+33612100012")
    await call.hears_tone(1870)
    await call.hangup()
    assert (await line.story("+33612100012"))["call"]["outcome"] == "answered"
