"""Call-backs on the telephone: first the operator, then the caller, who proves to be a person by a key."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from carrier import address, calling, carrier, forgotten, now_is, put, put_request, until_request
from conftest import LONE_OFFSET, short_folder
from left import begins, rows
from line import Line
from offers import decided, french, outcomes
from talking import OPERATOR_HZ, hears_music, never_silent

from cli.composition import account
from db.tables import Audit, Callback, CallbackTry, CaseFile, CaseNote
from ivr.model import clock
from ivr.softphone.telephone import Call, Operator, Telephones

STRANGER = "+33899123456"


@pytest.fixture(scope="module")
async def calling_line() -> AsyncIterator[Line]:
    with short_folder("hatif-back-") as folder:
        async with calling(Path(folder), LONE_OFFSET, say_first_s=1) as up:
            yield up


@pytest.fixture
async def back(calling_line: Line) -> AsyncIterator[Line]:
    """The line for one test. Requested before `telephones`, which are then closed first."""
    yield calling_line
    await forgotten(calling_line)
    await calling_line.cleared()


async def accepts(line: Line, phone: Operator) -> Call:
    """Answer the operator's ringing telephone and accept the call-back."""
    leg = await phone.next_call(10)
    await leg.answer()
    await begins(leg, line.audio(line.spoken_to(phone.user), "callback_accept"))
    await leg.press("1")
    return leg


async def test_a_caller_who_asked_for_it_is_called_back_before_later_callers_in_a_call_of_its_own(
    back: Line, telephones: Telephones
) -> None:
    out = await carrier(telephones, address(back))
    operator = back.speaks("fr")
    number = "+33612350001"
    first = await back.waiting(telephones, number)
    later = await back.waiting(telephones, "+33612350011")  # before the first caller asks for a call-back
    offered = await begins(first, back.audio("fr", "closed_callback"), timeout_s=20)
    await first.press("7")
    asked = await begins(first, back.audio("fr", "callback_this_number"), offered.offset_s)
    await first.press("1")
    await begins(first, back.audio("fr", "callback_noted"), asked.offset_s)
    await first.hangup()
    (row,) = await rows(back, Callback, number=number)
    request = await now_is(back, row.id)
    await back.until(
        lambda: [row["callback"] for row in back.control("GET", "/queue")] == [str(request.id), None],
        8,
        "the request is first",
    )
    phone = await back.phone(telephones, operator)
    leg = await accepts(back, phone)
    leg.tone(1870)
    called = await out.phone.next_call()
    assert out.dialled == [number]
    await leg.hears_tone(425)  # the ringing tone
    await called.answer()
    called.tone(1130)
    await called.hears(back.audio("fr", "callback_hello"))
    await called.press("1")
    await called.hears_tone(1870)
    await leg.hears_tone(1130)
    assert (await now_is(back, request.id)).state == "connected"
    assert back.operator_state(operator) == "talking"
    # One of one operator calls back: a second request has to wait, and the list says why.
    second = await put_request(back, "+33612350043", kind="closed")

    def why_not() -> str:
        requests = back.json("callbacks")
        return next(str(request["why_not"]) for request in requests if request["id"] == str(second.id))

    await back.until(lambda: "`share` in [callbacks]" in why_not(), 8, "the list says why it waits")
    await back.until(lambda: back.status()["limits"].get("callbacks_share") == 1, 8, "a look has counted it")
    assert (await asyncio.to_thread(back.run, "callbacks", "cancel", str(second.id))).returncode == 0
    waits = await back.story("+33612350011", ended=False)
    assert (waits["call"]["ended"], waits["offers"], len(phone.calls)) == (None, [], 1)
    await later.hangup()
    await leg.hangup()
    await begins(called, back.audio("fr", "survey_question"))
    await called.hangup()
    story = await back.story(number)
    assert (story["call"]["outcome"], story["call"]["operator"], story["call"]["case"] is not None) == (
        "answered",
        operator,
        True,
    )
    assert story["call"]["outgoing"] is True
    assert [(pairing["operator_id"], pairing["ended"] is not None) for pairing in story["pairings"]] == [
        (operator, True)
    ]
    assert [offer["state"] for offer in story["offers"]] == ["accepted"]
    done = await until_request(back, request.id, "done")
    assert (str(done.dialled_call_id), done.tries) == (str(story["call"]["id"]), 1)
    (row,) = await rows(back, CallbackTry, callback_id=request.id)
    assert (row.outcome, row.operator_id, row.number) == ("reached", operator, number)
    for identity in (story["call"]["id"], request.call_id):
        shown = back.run("call", str(identity))
        assert shown.returncode == 0, shown.stderr
        assert "call-back: " in shown.stdout or "is called back: " in shown.stdout
        assert "{" not in shown.stdout

    # The code for calling the last caller back: the same way, by the same rules.
    phone.one_line = True  # it is rung once the code's own call has ended
    code = await phone.dial("*16")
    await code.established()
    await begins(code, back.audio(back.spoken_to(operator), "callback_code_noted"))
    await code.hangup()
    leg = await accepts(back, phone)
    await out.phone.refuse(await out.phone.next_call())
    assert out.dialled == [number, number]
    (by_code,) = await rows(back, Callback, kind="operator")
    assert (by_code.operator_id, by_code.number, by_code.case_reference) == (operator, number, story["call"]["case"])
    await leg.hangup()
    again = await phone.dial("*16")  # the second try is still to come
    await again.established()
    await begins(again, back.audio(back.spoken_to(operator), "callback_code_noted"))
    await again.hangup()
    assert [request.id for request in await rows(back, Callback, kind="operator")] == [by_code.id]


async def test_an_operator_declines_with_a_reason_and_two_tries_that_reach_nobody_open_a_case_file(
    back: Line, telephones: Telephones
) -> None:
    out = await carrier(telephones, address(back))
    operator = back.speaks("fr")
    phone = await back.phone(telephones, operator)
    number, language = "+33612350002", back.spoken_to(operator)

    # While the database accepts no writes, nobody is rung.
    request = await put_request(back, number, topic="file", due=clock.now() + timedelta(seconds=1))
    seen = back.log.stat().st_size
    with contextlib.closing(sqlite3.connect(back.home / "hatif.db", isolation_level=None)) as locked:
        locked.execute("BEGIN IMMEDIATE")
        await back.until(lambda: "nobody is called back" in back.logged(seen), 15, "the database takes nothing")
        assert (phone.calls, out.dialled) == ([], [])
    declined = await phone.next_call(15)
    await declined.answer()
    await begins(declined, back.audio(language, "callback_accept"))
    await declined.press("2")
    await begins(declined, back.audio(language, "callback_decline_later"))
    await declined.press("1")
    await declined.ended()
    later = await until_request(back, request.id, "wished")
    assert (later.reason, later.tries, out.dialled) == (f"{operator}: later", 0, [])
    assert later.due is not None and request.due is not None and later.due > request.due

    # A caller who was lost with the controller has been dialled, and is not dialled again at once.
    await accepts(back, phone)
    called = await out.phone.next_call()
    former = back.kill_controller()
    await out.phone.refuse(called)
    await back.controller_back(former)
    (lost,) = await rows(back, CallbackTry, callback_id=request.id, outcome="lost")
    again = await now_is(back, request.id)  # it may be offered once more already
    assert (lost.try_number, again.tries, again.waiting_since) == (1, 1, request.waiting_since)

    await accepts(back, phone)
    await out.phone.refuse(await out.phone.next_call())
    failed = await until_request(back, request.id, "failed")
    assert out.dialled == [number, number]
    assert [attempt.outcome for attempt in await rows(back, CallbackTry, callback_id=request.id)] == ["lost", "busy"]
    (file,) = await rows(back, CaseFile, reference=failed.case_reference)
    assert (file.kind, file.caller, file.language, file.topic) == ("callback", number, "fr", "file")
    assert round((file.due - file.opened).total_seconds() / 3600) == 48
    await back.until_state(operator, "ready")


async def test_a_controller_killed_while_both_are_rung_rings_nobody_twice_and_who_lost_their_operator_gets_another(
    back: Line, telephones: Telephones
) -> None:
    out = await carrier(telephones, address(back))
    operator = back.speaks("fr")
    phone = await back.phone(telephones, operator)
    number = "+33612350003"
    request = await put_request(back, number)
    leg = await phone.next_call(10)
    await back.restart()
    assert leg.state == "ringing"
    await leg.answer()
    leg.tone(1870)
    await begins(leg, back.audio(back.spoken_to(operator), "callback_accept"))
    await leg.press("1")
    called = await out.phone.next_call()

    # And again while the caller is rung, who answers while there is no controller.
    former = back.kill_controller()
    await called.answer()
    called.tone(1130)
    await back.controller_back(former)
    await begins(called, back.audio("fr", "callback_hello"))
    assert (leg.state, len(phone.calls), out.dialled) == ("talking", 1, [number])
    never_silent(leg)

    # And while the caller is asked; the operator hangs up meanwhile.
    former = back.kill_controller()
    await leg.hangup()
    await phone.unregister()
    await back.controller_back(former)
    await begins(called, back.audio("fr", "callback_hello"), called.clock)
    await called.press("1")
    second = back.speaks("fr", but=(operator,))
    other = await back.phone(telephones, second, answers=1870)
    await called.hears_tone(1870, 15)
    await other.calls[-1].hears_tone(1130)
    assert back.operator_state(second) == "talking"
    never_silent(called)
    await called.hangup()
    done = await until_request(back, request.id, "done")
    assert (done.tries, out.dialled) == (1, [number])
    story = await back.story(number)
    assert (story["call"]["outcome"], story["call"]["operator"]) == ("answered", second)


async def test_a_caller_hears_of_a_changed_case_file_and_gets_an_operator_and_an_unreached_one_leaves_a_note(
    back: Line, telephones: Telephones
) -> None:
    out = await carrier(telephones, address(back))
    number = "+33612350005"
    about = ("--topic", "documents", "--language", "fr", "--country", "FR", "--title", "First passport")
    file = back.json("case", "open", *about)
    reference = file["reference"]
    await rows(back, CaseFile, reference=reference)
    asks = await back.asks_for_operator(telephones, number, f"21{reference}#{file['pin']}#")
    await begins(asks, back.audio("fr", "case_state_open"), timeout_s=20)
    await asks.press("3")
    await begins(asks, back.audio("fr", "told_noted"))
    await asks.hangup()
    (request,) = await rows(back, Callback, kind="case", number=number)
    assert (request.state, request.due, request.case_reference, out.dialled) == ("wished", None, reference, [])
    assert back.run("case", "set", reference, "--state", "ready").returncode == 0
    called = await out.phone.next_call()
    await called.answer()
    await begins(called, back.audio("fr", "told_hello"))
    await called.press("1")
    asked = await begins(called, back.audio("fr", "case_ask_pin"))
    await called.press("000000")  # by somebody else who has picked up
    asked = await begins(called, back.audio("fr", "case_no_match", "case_ask_pin"), asked.offset_s)
    await called.press(file["pin"])
    state = await begins(called, back.audio("fr", "case_state_ready"), asked.offset_s)
    await back.restart()  # the caller is asked from the beginning
    asked = await begins(called, back.audio("fr", "told_hello"), state.offset_s)
    await called.press("1")
    asked = await begins(called, back.audio("fr", "case_ask_pin"), asked.offset_s)
    await called.press(file["pin"])
    await begins(called, back.audio("fr", "case_state_ready"), asked.offset_s)
    phone = await back.phone(telephones, back.speaks("fr"), answers=1870)
    await called.press("1")
    await called.hears_tone(1870, 15)
    assert out.dialled == [number]
    never_silent(called)
    await called.hangup()
    story = await back.story(number)
    assert (story["call"]["outcome"], story["call"]["case"], story["call"]["outgoing"]) == ("answered", reference, True)
    assert (await until_request(back, request.id, "done")).tries == 1
    assert len(phone.calls) == 1
    former = await put_request(back, number, kind="case", case_reference=reference, due=None)
    assert back.run("case", "pin", reference).returncode == 0
    assert (await until_request(back, former.id, "cancelled")).reason == "new PIN"
    out.phone.will_refuse(486)
    again = await put_request(back, number, kind="case", case_reference=reference, due=None)
    assert back.run("case", "close", reference).returncode == 0
    failed = await until_request(back, again.id, "failed", 20)
    assert (failed.tries, out.dialled[1:]) == (2, [number, number])
    (note,) = await rows(back, CaseNote, id=again.id)
    assert number in note.text


async def test_requests_can_be_listed_added_taken_over_and_cancelled_and_mistakes_are_explained(back: Line) -> None:
    for number, why in (
        ("+33899123456", "premium"),
        ("+12125551234", "countries"),
        ("+33012345678", "not an assigned number"),
        ("12", "+"),
    ):
        refused = await asyncio.to_thread(back.run, "callbacks", "add", number)
        assert refused.returncode == 1
        assert number in refused.stderr and why in refused.stderr
    added = back.control("POST", "/callbacks", {"number": "+33612350006", "language": "fr"})["id"]
    await rows(back, Callback, id=UUID(added))
    row = next(row for row in back.json("callbacks") if row["id"] == added)
    assert (row["number"], row["state"], row["tries"], row["kind"]) == ("+33612350006", "wished", 0, "closed")
    assert "operator" in row["why_not"]
    assert "Call-back requests" in back.run("callbacks").stdout
    taken = await asyncio.to_thread(back.run, "callbacks", "take", added[:20], "--operator", back.speaks("fr"))
    assert taken.returncode == 0, taken.stderr
    done = await now_is(back, added)
    assert (done.state, done.operator_id) == ("done", back.speaks("fr"))
    assert "over already" in (await asyncio.to_thread(back.run, "callbacks", "cancel", added)).stderr
    assert "no callback request" in (await asyncio.to_thread(back.run, "callbacks", "cancel", "ffff")).stderr
    cancelled = await put_request(back, "+33612350007")
    came = ("callbacks", "cancel", str(cancelled.id), "--why", "they came in person")
    assert (await asyncio.to_thread(back.run, *came)).returncode == 0
    assert (await now_is(back, cancelled.id)).reason == "they came in person"

    # A person can end the request of a node that is gone for good, by saying so.
    elsewhere = {"claimed_node": "node9", "claimed_boot": UUID(int=9), "tries": 1}
    hangs = await put_request(back, "+33612350008", state="ringing_caller", **elsewhere)
    await put(
        back, CallbackTry, callback_id=hangs.id, try_number=1, node="node9", number=hangs.number, dialled=hangs.wished
    )
    behind = await put_request(back, "+33612350008")  # one request of a number at a time
    reasons = {row["id"]: row["why_not"] for row in back.json("callbacks")}
    assert "node9" in reasons[str(hangs.id)] and "same number" in reasons[str(behind.id)]
    refused = await asyncio.to_thread(back.run, "callbacks", "cancel", str(hangs.id))
    assert refused.returncode == 1 and "node9" in refused.stderr and "--node-gone" in refused.stderr
    assert str(behind.id) not in {row["callback"] for row in back.json("waiting")}
    ended = await asyncio.to_thread(back.run, "callbacks", "cancel", str(hangs.id), "--node-gone")
    assert ended.returncode == 0, ended.stderr
    assert ((await now_is(back, hangs.id)).state, (await now_is(back, hangs.id)).claim) == ("cancelled", None)
    await rows(back, CallbackTry, callback_id=hangs.id, outcome="lost")
    await back.until(
        lambda: str(behind.id) in {row["callback"] for row in back.control("GET", "/queue")},
        8,
        "the next request waits",
    )
    assert (await asyncio.to_thread(back.run, "callbacks", "cancel", str(behind.id))).returncode == 0
    await rows(back, Audit, act="callback_added", about=f"callback:{added}")
    await rows(back, Audit, act="callback_taken", about=f"callback:{added}")
    await rows(back, Audit, act="callback_cancelled", by=account(), reason="they came in person")


# A telephone that answers "moved" (302): Asterisk follows it neither through the trunk nor past it.


async def test_telephones_that_say_moved_lead_nobody_outside(back: Line, telephones: Telephones) -> None:
    out = await carrier(telephones, address(back))
    *refusing, last = french(back, 4)
    # The target of one forward: the telephone of an operator who has nothing to do with this caller.
    other = await back.phone(
        telephones, next(operator.id for operator in back.operators if "fr" not in operator.languages)
    )
    outside = address(back).replace(":", "%3A")
    targets = (
        f"PJSIP%2F{STRANGER}%40trunk-example",  # through the trunk
        f"PJSIP%2F{refusing[1]}%2Fsip%3A{STRANGER}%40{outside}",  # past it, to an address
        other.user,
    )
    callers = [f"+3361239900{digit}" for digit in (1, 2, 3)]
    calls = [await back.waiting(telephones, caller) for caller in callers]
    phones = [await back.phone(telephones, operator) for operator in refusing]  # each is offered one of them
    legs = [await phone.next_call() for phone in phones]
    for phone, leg, target in zip(phones, legs, targets, strict=True):
        line, _ = phone._opened
        line.refusal = f"302 Moved\r\nContact: <sip:{target}@127.0.0.1>".encode()
        await leg.refuse(302)
    for operator in refusing:
        await back.until_state(operator, "paused")
        assert back.operator_reason(operator) == "refused"
    offers = [offer for caller in callers for offer in await decided(back, caller)]
    assert sorted(offers) == sorted((operator, "refused") for operator in refusing)
    for call in calls:
        await hears_music(call, call.clock)
    assert out.dialled == [] and [call.state for call in calls] == ["talking"] * 3
    # And not later either: the first caller is offered to the next operator, and talks.
    await back.phone(telephones, last, answers=OPERATOR_HZ)
    await calls[0].hears_tone(OPERATOR_HZ)
    assert (out.dialled, other.calls, [len(phone.calls) for phone in phones]) == ([], [], [1, 1, 1])
    for call in calls:
        await call.hangup()
    story = await back.story(callers[0])
    assert (story["call"]["outcome"], outcomes(story)[1:]) == ("answered", [(last, "accepted")])


async def test_a_carrier_that_says_moved_leads_nowhere_either(back: Line, telephones: Telephones) -> None:
    out = await carrier(telephones, address(back))
    phone = await back.phone(telephones, back.speaks("fr"))
    request = await put_request(back, "+33612399004")
    leg = await phone.next_call(10)
    await leg.answer()
    await leg.established()
    await leg.press("1")
    called = await out.phone.next_call()
    line, _ = out.phone._opened
    line.refusal = f"302 Moved\r\nContact: <sip:PJSIP%2F{STRANGER}%40trunk-example@127.0.0.1>".encode()
    await called.refuse(302)
    again = await until_request(back, request.id, "wished")
    assert (again.reason, again.tries) == ("unreachable", 1)
    await leg.ended(15)
    assert STRANGER not in out.dialled
