"""The controller is killed (`kill -9`) and restarted by `hatif up`; nobody on the telephone may suffer from it."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from levels import longest_silence
from line import Line
from offers import decided

from db.ids import uuid7
from ivr.floor.operator_state_store import FAMILY as STATES
from ivr.softphone.sound import RATE, Samples, find, has_tone
from ivr.softphone.telephone import Call, Telephones

State = Callable[[str, float], None]


@pytest.fixture
def state_silence(record_property: State) -> Callable[[str, Call], float]:
    """Record the longest silence in what a caller received; `scripts/test` prints it at its end."""

    def measure(what: str, call: Call) -> float:
        length = longest_silence(call.heard()).length_s
        record_property(f"longest silence of a caller {what}, s", round(length, 2))
        return length

    return measure


def occurrences(heard: Samples, reference: Samples) -> int:
    """Return how often a prompt is in what was heard, as a whole: what follows a stall in it is no other one."""
    match = find(heard, reference)
    begin = round(match.offset_s * RATE)
    end = begin + len(reference)
    if not match.same or begin < 0 or end > len(heard):
        return 0
    return 1 + occurrences(heard[:begin], reference) + occurrences(heard[end:], reference)


OPERATORS = {"2": "1018", "3": "1026", "4": "1033", "5": "1036"}
"""An operator who speaks the language of each key; none of them speaks the language of another one."""
TONE_HZ, CALLER_HZ = 1870, 1130


@pytest.mark.usefixtures("cold_starts")
async def test_one_kill_harms_nobody_in_the_menu_the_greeting_the_queue_or_a_conversation(
    line: Line, telephones: Telephones, state_silence: Callable[[str, Call], float], record_property: State
) -> None:
    talks, first, second, menu, greeted = (f"+3361210000{number}" for number in range(1, 6))
    phone = await line.phone(telephones, OPERATORS["2"])
    phone.will_answer(tone_hz=TONE_HZ)
    talking = await line.waiting(telephones, talks)
    talking.tone(CALLER_HZ)
    answered = await phone.next_call(5)
    await talking.hears_tone(TONE_HZ)
    waiting = [await line.waiting(telephones, caller) for caller in (first, second)]
    before = [(row["call"], row["since"]) for row in line.control("GET", "/queue")]
    in_menu, in_greeting = await asyncio.gather(line.dial(telephones, menu), line.dial(telephones, greeted))
    # Both have heard the institution's name in French before they choose; what is counted is the greeting after that.
    choice = line.audio("fr", "language_option")
    await asyncio.gather(in_menu.hears(choice), in_greeting.hears(choice))
    chosen = {in_menu: in_menu.clock}
    await in_menu.press("2")
    await in_menu.hears(line.audio("fr", "main_file"))
    chosen[in_greeting] = in_greeting.clock
    await in_greeting.press("2")  # last, since a greeting lasts one second
    await asyncio.sleep(0.3)
    killed, talking_since, answered_since = in_menu.clock, talking.clock, answered.clock - 1.5
    record_property("from kill -9 until the next controller answers, s", await line.restart())

    # A caller in a menu hears it again, and nobody is greeted twice.
    await asyncio.gather(
        in_menu.hears(line.audio("fr", "main_file"), since_s=killed), in_greeting.hears(line.audio("fr", "main_file"))
    )
    for call, since in chosen.items():
        assert occurrences(call.heard(since), line.audio("fr", "institution")) == 1
    await asyncio.sleep(0.8)  # a key before that would belong to an earlier entry
    await in_menu.press("0")
    await line.until(lambda: len(line.control("GET", "/queue")) == 3, 5, "the key of the caller in the menu counts")
    # Callers in the queue keep their position and their waiting time.
    assert [(row["call"], row["since"]) for row in line.control("GET", "/queue")][:2] == before
    # A conversation is not disturbed.
    for side, hertz, since in ((talking, TONE_HZ, talking_since), (answered, CALLER_HZ, answered_since)):
        assert has_tone(side.heard(since), hertz)
        assert longest_silence(side.heard(since)).length_s < 0.5
    assert line.operator_state(phone.user) == "talking"
    state_silence("in the menu", in_menu)
    state_silence("in the queue", waiting[0])
    state_silence("in a conversation", talking)
    # The conversation ends normally, and its operator gets the first caller in the queue.
    await answered.hangup()
    await talking.hears(line.audio("fr", "survey_question")[:RATE])
    await waiting[0].hears_tone(TONE_HZ, 8)
    for call in (talking, *waiting, in_menu, in_greeting):
        await call.hangup()
    stories = [await line.story(caller) for caller in (talks, first, second, menu, greeted)]
    assert [story["call"]["outcome"] for story in stories] == [
        *("answered", "answered", "abandoned", "abandoned", "left_menu")
    ]
    for story in stories:
        assert "resumed" in [event["kind"] for event in story["events"]]
    assert [[pairing["reason"] for pairing in story["pairings"]] for story in stories[:2]] == [["operator"], ["caller"]]
    for story in stories[1:3]:
        assert [event["kind"] for event in story["events"]].count("waiting") == 1


async def test_the_next_controller_finds_what_happened_while_there_was_none(line: Line, telephones: Telephones) -> None:
    """An operator answers, a caller hangs up, a telephone stops ringing, and an operator ends a conversation."""
    callers = dict(zip(OPERATORS, (f"+3361210001{number}" for number in range(4)), strict=True))
    phones = {key: await line.phone(telephones, operator) for key, operator in OPERATORS.items()}
    phones["4"].will_answer(tone_hz=TONE_HZ)
    answers, hangs_up, is_left, stays = [
        await line.asks_for_operator(telephones, caller, key + "0") for key, caller in callers.items()
    ]
    legs = {key: await phone.next_call(8) for key, phone in phones.items()}
    await is_left.hears_tone(TONE_HZ)
    former = line.kill_controller()
    phones["4"].will_ring()
    await asyncio.gather(legs["2"].answer(), hangs_up.hangup(), phones["5"].refuse(legs["5"]), legs["4"].hangup())
    legs["2"].tone(TONE_HZ)
    phones["5"].will_answer(tone_hz=TONE_HZ)
    await line.controller_back(former)

    # An answer is not lost, and nobody is rung again for it.
    await answers.hears_tone(TONE_HZ)
    assert len(phones["2"].calls) == 1
    # The telephone of a caller who hung up stops ringing, and its operator is ready.
    await legs["3"].ended(5)
    await line.until_state(OPERATORS["3"], "ready")
    # A leg that was lost counts as withdrawn, never as unanswered: the same operator is offered the caller.
    await stays.hears_tone(TONE_HZ)
    # A caller whose operator was lost hears so and is first in the queue.
    again = await phones["4"].next_call(8)  # after the wrap-up, while the caller still hears what has happened
    await again.answer()
    again.tone(TONE_HZ)
    await is_left.hears_tone(TONE_HZ)
    assert find(is_left.heard(), line.audio("it", "operator_gone")[:6000]).same
    for call in (answers, is_left, stays):
        await call.hangup()
    stories = {key: await line.story(caller, limit_s=10) for key, caller in callers.items()}
    assert {key: story["call"]["outcome"] for key, story in stories.items()} == {
        **dict.fromkeys("245", "answered"),
        "3": "abandoned",
    }
    assert stories["2"]["call"]["operator"] == OPERATORS["2"]
    assert [offer["state"] for offer in stories["3"]["offers"]] == ["withdrawn"]
    assert [offer["state"] for offer in stories["5"]["offers"]] == ["withdrawn", "accepted"]
    assert [pairing["reason"] for pairing in stories["4"]["pairings"]] == ["lost", "caller"]
    assert len({case["reference"] for case in await line.cases() if case["caller"] == callers["4"]}) == 1


async def test_a_connection_that_a_kill_kept_from_the_records_is_in_them_although_its_operator_has_gone(
    line: Line, telephones: Telephones
) -> None:
    caller, operator = "+33612100019", OPERATORS["4"]
    phone = await line.phone(telephones, operator)
    phone.will_answer(tone_hz=TONE_HZ)
    call = await line.asks_for_operator(telephones, caller, "40")
    leg = await phone.next_call(8)
    await call.hears_tone(TONE_HZ)
    connected = await line.story(caller, ended=False, told=lambda story: story["call"]["connected"] is not None)
    await line.without_controller()
    phone.will_ring()
    await leg.hangup()
    # As if the controller had been killed before it could write any of this.
    with contextlib.closing(sqlite3.connect(line.home / "hatif.db", timeout=5)) as database, database:
        row = (UUID(str(connected["call"]["id"])).hex,)
        unconnected = "connected = NULL, operator_id = NULL, dequeued = NULL, case_reference = NULL"
        assert database.execute(f"UPDATE call SET {unconnected} WHERE id = ?", row).rowcount == 1
        for table in ("pairing", "case_file"):
            assert database.execute(f"DELETE FROM {table} WHERE call_id = ?", row).rowcount == 1
    await line.controller_again()
    await (await phone.next_call(8)).ended(30)  # the caller is first in the queue again
    await call.hangup()
    story = await line.story(caller, limit_s=10)
    names = ("operator", "case", "outcome")
    assert [story["call"][name] for name in names] == [*(connected["call"][name] for name in names[:2]), "answered"]
    # The instant comes from the channel, and is of some milliseconds before it was recorded.
    assert abs(story["call"]["connected"] - connected["call"]["connected"]) < timedelta(seconds=1)
    assert [(pairing["operator_id"], pairing["reason"]) for pairing in story["pairings"]] == [(operator, "lost")]


async def test_two_kills_in_a_row_keep_an_offer_a_position_the_row_of_a_call_and_a_pause(
    line: Line, telephones: Telephones, state_silence: Callable[[str, Call], float]
) -> None:
    caller, operator = "+33612100021", line.speaks("fr")
    toml = line.site / "site.toml"
    toml.write_text(toml.read_text().replace("ring_s = 6", "ring_s = 30"))  # longer than the slowest start
    await line.restart()
    phone = await line.phone(telephones, operator)
    line.control("POST", f"/operators/{operator}/state", {"state": "paused", "reason": "lunch"})
    await line.until_astdb(STATES, operator, "paused|lunch|")
    call = await line.waiting(telephones, caller)
    before = [(row["call"], row["since"]) for row in line.control("GET", "/queue")]
    row = (await line.story(caller, ended=False))["call"]
    other = await line.phone(telephones, OPERATORS["3"])
    offered = await line.asks_for_operator(telephones, "+33612100022", "30")
    ringing = await other.next_call(5)
    former = line.kill_controller()
    # As if its first record had never reached the disk.
    with contextlib.closing(sqlite3.connect(line.home / "hatif.db", timeout=5)) as database, database:
        database.execute("DELETE FROM call WHERE caller = ?", (caller,))
    await line.controller_back(former)
    # The operator who was rung is rung once, and answers.
    assert ringing.state == "ringing"
    await ringing.answer()
    ringing.tone(TONE_HZ)
    await offered.hears_tone(TONE_HZ)
    assert len(other.calls) == 1
    state_silence("being offered", offered)
    await offered.hangup()
    assert [offer["state"] for offer in (await line.story("+33612100022"))["offers"]] == ["accepted"]
    # The call still has its row.
    after = (await line.story(caller, ended=False))["call"]
    for column in ("id", "started", "number", "caller", "country"):
        assert after[column] == row[column], column
    await line.restart()
    await line.until(lambda: bool(line.control("GET", "/queue")), 5, "the caller waits again")
    assert [(row["call"], row["since"]) for row in line.control("GET", "/queue")] == before
    assert (line.operator_state(operator), line.operator_reason(operator)) == ("paused", "lunch")
    await call.hangup()
    assert (await line.story(caller))["call"]["outcome"] == "abandoned"
    line.control("POST", f"/operators/{operator}/state", {"state": "ready"})
    await line.until_state(operator, "ready")
    await phone.unregister()


async def test_a_telephone_that_was_never_dialled_is_hung_up_and_its_operator_gets_the_caller_at_once(
    line: Line, telephones: Telephones
) -> None:
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    phone.will_ring()
    call = await line.waiting(telephones, "+33612100019")
    ringing = await phone.next_call(5)
    (leg,) = [channel for channel in line.ari("GET", "/channels") if channel["state"] == "Ringing"]
    state = line.ari("GET", f"/channels/{leg['id']}/variable", variable="HATIF")["value"]
    controller = line.pid("ivr")
    with line.without_guard():  # it would kill the controller, and hang up the telephone
        line.without_supervisor()  # it would replace the controller after 10 s
        os.kill(controller, signal.SIGSTOP)  # not killed yet: a channel cannot enter the application of a dead one
        try:
            await phone.refuse(ringing)
            # As a controller leaves it when it is killed between the two.
            never = str(uuid7())
            line.ari(
                "POST", "/channels/create", endpoint=f"PJSIP/{operator}", app="hatif", appArgs="leg,60", channelId=never
            )
            await line.until(
                lambda: any(
                    channel["id"] == never and channel["dialplan"]["app_name"] == "Stasis"
                    for channel in line.ari("GET", "/channels")
                ),
                5,
                "it has entered",
            )
            state = state.replace(leg["id"], never)
            line.ari("POST", f"/channels/{never}/variable", variable="HATIF", value=state)
            phone.will_answer(tone_hz=1870)
            await line.without_controller()
        finally:
            with contextlib.suppress(ProcessLookupError):  # unless the test has failed, it is dead
                os.kill(controller, signal.SIGCONT)
            line.start_processes()
            await line.controller_again()
    await call.hears_tone(1870)
    assert len(phone.calls) == 2
    await call.hangup()
    await line.story("+33612100019")
    assert [state for _, state in await decided(line, "+33612100019", 2)] == ["withdrawn", "accepted"]


async def test_a_stopped_asterisk_is_restarted_and_the_controller_reconnects(
    line: Line, telephones: Telephones
) -> None:
    before = await line.phone(telephones, line.speaks("fr"), answers=1870)
    cut = await line.waiting(telephones, "+33612100013")
    await cut.hears_tone(1870)
    former, seen = line.pid("asterisk"), line.log.stat().st_size
    os.kill(former, signal.SIGTERM)
    await line.until(lambda: line.pid("asterisk") != former and bool(line.status().get("serves")), 15, "all are back")
    # Asterisk hangs up all calls as it stops; the caller did not, so they may have their position back. A controller
    # that connects to the Asterisk that stops can take a call for live that is about to be cut.
    assert line.logged(seen).count("Connected to Asterisk's ARI") == 1
    story = await line.story("+33612100013")
    assert [event["data"]["by"] for event in story["events"] if event["kind"] == "ended"] == ["unknown"]
    assert [pairing["reason"] for pairing in story["pairings"]] == ["lost"]
    await before.leave()
    phone = await line.phone(telephones, line.speaks("fr"))
    phone.will_answer(tone_hz=1870)
    call = await line.waiting(telephones, "+33612100012")
    await call.hears_tone(1870)
    await call.hangup()
    assert (await line.story("+33612100012"))["call"]["outcome"] == "answered"
