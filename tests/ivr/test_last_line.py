"""Faults of our own processes: in one call, at the beginning of a connection, and in all of them at once."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import warm_up
from conftest import LONE_OFFSET, short_folder
from left import rows
from line import Line

from cli.processes.asterisk_check import check_answers
from cli.processes.check import Check
from db.tables import OperatorStateRecord
from ivr.process.asterisk_watch import sip_answers
from ivr.process.process import process_of, processes
from ivr.softphone.sound import RATE
from ivr.softphone.telephone import Telephones

POISON = "+33140000399"

FAULTS = f"""
from ivr.controller import call_registry, connection

begin, run_flow, begun = connection.Connection._begin, call_registry.run_flow, []

async def fails_once(self):
    if not begun:
        begun.append(self)
        raise TimeoutError
    await begin(self)

async def fails_for_one(call, resumed):
    if call.state.caller == {POISON!r}:
        raise RuntimeError("poison")
    await run_flow(call, resumed)

connection.Connection._begin, call_registry.run_flow = fails_once, fails_for_one
"""
"""Injected into the controller: its first connection to Asterisk fails at its beginning, and so does one call."""


@pytest.fixture(scope="module")
async def faulty_line() -> AsyncIterator[Line]:
    with short_folder("hatif-lone-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        (line.home / warm_up.FAULTS).write_text(FAULTS)
        line.environment["HATIF_ASTERISK_PATIENCE_S"] = "8"
        path = line.site / "site.toml"
        text = path.read_text().replace("[desk]\nenabled = false", "[desk]\nenabled = true")
        path.write_text(text.replace("[monitoring]\nenabled = false", "[monitoring]\nenabled = true"))
        try:
            await line.up()
            yield line
        finally:
            await line.down()


def states_of_threads(pid: int) -> set[str]:
    """Return what the kernel says of a process's threads. On a busy machine they stop one after the other."""
    return {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()}


async def test_an_asterisk_that_does_not_answer_is_restarted_and_its_calls_have_their_true_ends(
    faulty_line: Line, telephones: Telephones
) -> None:
    line = faulty_line
    phone = await line.phone(telephones, line.speaks("fr"), answers=600)
    talking = await line.waiting(telephones, "+33140000201")
    await talking.hears_tone(600, 8)
    waiting = await line.waiting(telephones, "+33140000202")
    controller, asterisk = line.pid("ivr"), line.pid("asterisk")
    sip = ("127.0.0.1", 5060 + line.offset)
    assert await sip_answers(*sip)
    for file in (line.home / "run").glob("*.pid"):
        file.write_text("")  # as on a full disk: the processes are known all the same
    assert (line.pid("ivr"), line.pid("asterisk")) == (controller, asterisk)
    stopped = datetime.now(UTC)
    os.kill(asterisk, signal.SIGSTOP)
    await line.until(lambda: states_of_threads(asterisk) == {"T"}, 20, "all of Asterisk is stopped")
    assert not await sip_answers(*sip, limit_s=0.3)

    def alarms() -> list[Check]:
        return list(check_answers(line.home / "run", processes(line.home / "run")))

    await line.until(lambda: alarms() != [], 20, "there is an alarm")
    assert line.pid("asterisk") == asterisk and "does nothing" in alarms()[0].found

    def another() -> bool:
        info = processes(line.home / "run").get("asterisk")
        return info is not None and info.alive and info.pid != asterisk

    await line.until(another, 30, "there is another Asterisk")
    await line.until(lambda: not alarms(), 10, "the alarm is over")
    await line.until(lambda: line.status().get("serves") is True, 20, "calls are served")
    assert line.pid("ivr") == controller  # the fault was not the controller's
    stories = [await line.story(caller) for caller in ("+33140000201", "+33140000202")]
    for story in stories:
        assert abs((story["call"]["ended"] - stopped).total_seconds()) < 3, story["call"]
        assert [event["data"]["by"] for event in story["events"] if event["kind"] == "ended"] == ["unknown"]
    assert [story["call"]["outcome"] for story in stories] == ["answered", "abandoned"]
    (pairing,) = stories[0]["pairings"]
    assert pairing["reason"] == "lost" and abs((pairing["ended"] - stopped).total_seconds()) < 3
    # The operator's conversation has ended in the reports, too.
    states = sorted(await rows(line, OperatorStateRecord, operator_id=phone.user), key=lambda row: row.seq)
    began = next(number for number, row in enumerate(states) if row.state == "talking")
    assert abs((states[began + 1].at - stopped).total_seconds()) < 3, states
    for call in (talking, waiting):
        await call.hangup()
    await phone.leave()


async def test_a_process_that_is_stopped_is_seen_and_replaced_and_no_caller_notices(
    faulty_line: Line, telephones: Telephones
) -> None:
    """It takes the ten seconds after which a process counts as hung."""
    line, names = faulty_line, ("guard", "journal", "desk", "gate", "monitor")
    run = line.home / "run"
    waiting = await line.waiting(telephones, "+33140000203")

    def works(name: str, but: int = 0) -> bool:
        info = process_of(run, name)
        return info is not None and info.pid != but and info.silent_s is not None and info.silent_s < 2

    await line.until(lambda: all(map(works, names)), 30, "all show signs of life")
    controller, pids = line.pid("ivr"), {name: line.pid(name) for name in names}
    for pid in pids.values():
        os.kill(pid, signal.SIGSTOP)
    stopped = {f"process {name}" for name in names}

    def seen() -> set[str]:
        begins = "it has been stopped (SIGSTOP or Ctrl-Z) since"
        return {row["name"] for row in line.json("status")["checks"] if row["found"].startswith(begins)}

    await line.until(lambda: stopped <= seen(), 9, "all are seen")
    await line.until(lambda: all(works(name, but=pid) for name, pid in pids.items()), 60, "all were replaced")
    await waiting.hears(line.music(), 5)
    assert line.pid("ivr") == controller
    await waiting.hangup()
    assert (await line.story("+33140000203"))["call"]["outcome"] == "abandoned"


async def test_a_fault_of_ours_affects_only_its_own_call_and_no_caller_is_left_in_silence(
    faulty_line: Line, telephones: Telephones, record_property: Callable[[str, object], None]
) -> None:
    line = faulty_line
    moment = line.audio("fr", "moment")[:RATE]
    # A connection that fails at its beginning is followed by another one of the same process.
    assert "reconciliation" in line.logged()
    controller = line.pid("ivr")

    await line.phone(telephones, line.speaks("fr"), answers=600)
    talking = await line.waiting(telephones, "+33140000301")
    await talking.hears_tone(600, 8)
    waiting = await line.waiting(telephones, "+33140000302")
    menu = await line.dial(telephones, "+33140000303")

    # A call that fails goes to the dialplan; the others are unaffected.
    poisoned = await line.dial(telephones, POISON)
    await poisoned.hears(moment, 5, 0)
    await poisoned.hangup()
    assert line.pid("ivr") == controller and line.status()["calls"]["menu"] == 1
    assert line.log.read_text().count("--- ivr started") == 1

    assert line._up is not None
    os.kill(line._up.pid, signal.SIGKILL)
    status = line.process("status")
    assert status.returncode == 1 and "unsupervised" in status.stdout, status.stdout
    pids = [line.pid(name) for name in ("guard", "journal", "ivr")]
    killed = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for which, call in (("a waiting caller", waiting), ("a caller in the menu", menu)):
        await call.hears(moment, max(0.1, 15 - (time.monotonic() - killed)), 0)
        took = round(time.monotonic() - killed, 1)
        record_property(f"seconds until the fallback is heard by {which}, all processes killed", took)
    await talking.hears_tone(600)  # the conversation is left alone
    assert len(line.left()) == 5, line.left()  # three callers, an operator, and their bridge
    await asyncio.gather(waiting.hangup(), menu.hangup(), talking.hangup())
