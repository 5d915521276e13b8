"""The rows of calls whose end no controller has seen say what happened in the calls."""

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from left import begins, rows
from line import Line

from db import read
from db.engine import open_engine
from db.ids import call_id, uuid7
from db.journal import Journal
from db.tables import Message, Offer, Pairing
from ivr.asterisk.ami import Ami
from ivr.controller.record_repair import RecordRepair
from ivr.home import credentials, settings
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox
from ivr.softphone.sound import RATE, tone
from ivr.softphone.telephone import Telephones
from ivr.trial.records import FakeReferences

TALK_HZ = 1870.0


async def test_a_caller_who_had_an_operator_is_answered_although_the_dialplan_had_them_last(
    line: Line, telephones: Telephones
) -> None:
    """`talked` is asked about the conversation when the controller is killed, `waits` is in the queue."""
    talked, waits = "+33612200201", "+33612200202"
    operator = line.speaks("fr")
    phone = await line.phone(telephones, operator)
    phone.will_ring()
    first = await line.waiting(telephones, talked)
    leg = await phone.next_call()
    await leg.answer()
    await line.until_state(operator, "talking")
    second = await line.waiting(telephones, waits)
    since = first.clock
    await leg.hangup()
    await begins(first, line.audio("fr", "survey_question"), since)
    await line.without_controller()
    given = first.clock
    phone.will_answer(tone_hz=TALK_HZ)
    await begins(first, line.audio("fr", "moment"), given, 15)
    await first.hangup()
    await second.hears_tone(TALK_HZ, 30)
    await second.hangup()
    await line.controller_again()

    row = (await line.story(talked, limit_s=15))["call"]
    assert (row["outcome"], row["operator"]) == ("answered", operator)
    assert row["path"][-1] == "fallback" and len(row["path"]) > 3
    assert row["started"] <= row["line_answered"] <= row["queued"] <= row["connected"] < row["ended"]
    assert row["case"] is not None
    row = (await line.story(waits, limit_s=15))["call"]
    assert (row["outcome"], row["operator"], row["path"][-1]) == ("fallback", operator, "fallback")
    assert row["started"] <= row["line_answered"] <= row["queued"] < row["connected"] <= row["ended"]
    assert row["wait_s"] > 5  # from the beginning of their wait, with the controller
    assert not await open_calls(line)


async def open_calls(line: Line) -> list[read.Call]:
    async with open_engine(line.database) as engine:
        return (await read.open_rows(engine, line.settings.node)).calls


@asynccontextmanager
async def repairs(line: Line, journal: Journal) -> AsyncIterator[RecordRepair]:
    """Repair the records of a running line beside its controller, of whose calls nothing is known here."""
    chosen, secrets = settings.read(line.environment), credentials.load(line.home, ())
    mailbox = Mailbox(chosen.asterisk_recordings, chosen.home)
    async with Ami("127.0.0.1", 5038 + line.offset, secrets.ami_user, secrets.ami_password) as ami:
        recorder, unused = Recorder(journal, FakeReferences(9)), cast(Any, None)
        shared = SharedEngine(line.database)
        yield RecordRepair(chosen, line.settings, shared, ami, recorder, mailbox, tuple, unused, unused)
        await shared.close()


def lose(line: Line, journal: Journal, caller: str) -> str:
    """Record a call that waited, rang and left a message, and whose end was lost; return its id."""
    began = datetime.now(UTC) - timedelta(minutes=5)
    lost = str(
        call_id(line.settings.node, f"{line.settings.node}-1795613040.{caller[-3:]}", int(began.timestamp() * 1000))
    )
    journal.put(
        "call", id=lost, started=began, caller=caller, channel_id="node1-1795613040.7", language="fr", live=True
    )
    journal.put("call", id=lost, queued=began + timedelta(seconds=5))
    journal.put("call_event", call_id=lost, kind="node", flow_node="queue", at=began + timedelta(seconds=5))
    journal.put("call_event", call_id=lost, kind="waiting", flow_node="queue", at=began + timedelta(seconds=5))
    for table, columns in (
        ("offer", {"state": "ringing", "offered": began + timedelta(seconds=6)}),
        ("pairing", {"role": "consulted", "began": began + timedelta(seconds=6)}),
    ):
        journal.put(table, id=uuid7(), epoch=1, call_id=lost, operator_id="1001", **columns)
    journal.flush()
    return lost


async def test_a_row_that_was_left_open_is_closed_while_the_line_runs_and_calls_that_are_up_are_not(
    line: Line, telephones: Telephones
) -> None:
    lost_caller, caller = "+33612200211", "+33612200212"
    phone = await line.phone(telephones, line.speaks("fr"), answers=TALK_HZ)
    call = await line.waiting(telephones, caller)
    await call.hears_tone(TALK_HZ)
    journal = Journal(line.home / "journal", line.settings.node)
    lost = lose(line, journal, lost_caller)
    recording = line.home / "asterisk" / "spool" / "recording" / f"msg-complaint-complaint-{lost}.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(tone(1400, 2.0).tobytes())
    async with repairs(line, journal) as repair:
        await repair.close_lost()
        journal.flush()
        story = await line.story(lost_caller, limit_s=10)
        await repair.close_lost()
        journal.close()
    assert (story["call"]["outcome"], story["call"]["path"]) == ("message", ["queue"])
    assert story["call"]["ended"] == story["call"]["queued"], "it ends with the last thing that is known of it"
    (message,) = await rows(line, Message, call_id=UUID(lost))
    assert (line.home / message.file).is_file() and not recording.exists()
    for table in (Offer, Pairing):
        assert [row.ended is not None for row in await rows(line, table, call_id=UUID(lost))] == [True]
    await asyncio.sleep(0.5)  # the journal is delivered
    (up,) = await open_calls(line)
    assert up.caller == caller
    story = await line.story(caller, ended=False)
    assert [pairing["ended"] for pairing in story["pairings"]] == [None]
    await call.hangup()
    assert (await line.story(caller))["call"]["outcome"] == "answered"
    assert [event["kind"] for event in (await line.story(lost_caller))["events"]].count("ended") == 1
    assert phone.calls


@pytest.mark.long
async def test_the_controller_itself_looks_for_rows_that_were_left_open(line: Line) -> None:
    journal = Journal(line.home / "journal", line.settings.node)
    for caller in ("+33612200213", "+33612200214"):  # the first one may be found by a controller that has just started
        lose(line, journal, caller)
        assert (await line.story(caller, limit_s=45))["call"]["outcome"] == "abandoned"
    journal.close()
