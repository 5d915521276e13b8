"""The faults bench: what it finds wrong, and one fault for real."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from line import CACHE, CHECKOUT

from bench.faults.catalogue import catalogue
from bench.faults.clock import by_the_machine
from bench.faults.figures import Figures, compare
from bench.faults.judge import Facts, Part, Row, Spell, Talk, Verdict, judge, misses, served_after_s
from bench.faults.look import Look, Observer
from bench.faults.relay import Relay
from bench.faults.soak import Brought, name_faults, refused_without_reason
from bench.floor.heard import Silence

AT = 1_000_000.0  # when the fault comes
SPELL = Spell(AT, AT + 10)
NUMBER = "+33610001000"
TALKED = Facts(
    NUMBER, Part.TALKING, dialled=AT - 20, answered=AT - 20, ended=AT + 30, first="controller",
    answers=[Talk("1001", AT - 15, AT + 30)],
)  # fmt: skip
ROW = Row(
    id="1", caller=NUMBER, outcome="answered", path=("language", "queue"), operator="1001", started=AT - 20,
    answered=AT - 20, queued=AT - 17, connected=AT - 15, ended=AT + 30,
)  # fmt: skip
IN_THE_MENU = Facts(NUMBER, Part.MENU, dialled=AT - 20, answered=AT - 20, ended=AT + 30, first="controller")
LEFT = replace(ROW, outcome="left_menu", operator=None, queued=None, connected=None)


def found(call: Facts, *rows: Row, spell: Spell = SPELL) -> Verdict:
    return judge([call], rows, spell)


def new(at: float, first: str, after_s: float = 0.1) -> Facts:
    return Facts(NUMBER, Part.NEW, dialled=AT + at, answered=AT + at + after_s, first=first)


def test_a_call_that_went_well_misses_nothing() -> None:
    for call, row in ((TALKED, ROW), (IN_THE_MENU, LEFT)):
        verdict = found(call, row)
        assert misses(verdict, silence_s=3.0) == []
        assert (verdict.wrong, verdict.missing, verdict.doubled, verdict.broken) == ([], [], [], [])


def test_a_caller_who_was_hung_up_on_is_lost() -> None:
    verdict = found(replace(TALKED, lost="hung up on"), ROW)
    assert misses(verdict, silence_s=3.0) == ["1 calls lost"]
    assert misses(verdict, silence_s=3.0, loses=True) == []


def test_a_conversation_that_ended_though_nobody_had_hung_up_is_broken() -> None:
    broken = replace(TALKED, answers=[Talk("1001", AT - 15, AT + 5, broken=True)])
    assert misses(found(broken, ROW), silence_s=3.0) == ["1 conversations broken"]


def test_four_seconds_of_silence_are_too_long_unless_they_are_partly_the_sites_own() -> None:
    four = [Silence(int((AT + 1) * 1e9), 4.0)]
    assert misses(found(replace(TALKED, silences=four), ROW), silence_s=3.0) == ["4.0 s of silence while talking"]
    assert misses(found(replace(TALKED, silences=four), ROW), silence_s=None) == []
    assert misses(found(replace(IN_THE_MENU, silences=four), LEFT), silence_s=3.0) == []  # it waits 2 s for a key


@pytest.mark.parametrize("began", [-30.0, 20.0])
def test_a_silence_before_or_after_the_fault_is_not_its_own(began: float) -> None:
    silent = replace(TALKED, silences=[Silence(int((AT + began) * 1e9), 4.0)])
    assert found(silent, ROW).silence_s == {Part.TALKING: 0.0}


def test_a_missing_row_and_a_doubled_one_are_found() -> None:
    assert misses(found(TALKED), silence_s=3.0) == ["1 rows missing"]
    assert misses(found(TALKED, ROW, replace(ROW, id="2")), silence_s=3.0) == ["1 rows doubled"]
    assert misses(found(TALKED), silence_s=3.0, damages=True) == []


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (replace(ROW, outcome="fallback"), "outcome fallback"),
        (replace(ROW, outcome="abandoned"), "outcome abandoned"),
        (replace(ROW, outcome=None, ended=None), "no end"),
        (replace(ROW, operator="1002"), "operator 1002"),
        (replace(ROW, path=()), "path []"),
        (replace(ROW, queued=AT - 10), "connected 5 s before queued"),
        (replace(ROW, answered=None), "line_answered is missing"),
        (replace(ROW, queued=None), "queued is missing"),
        (replace(ROW, connected=None), "connected is missing"),
        (replace(ROW, connected=AT - 8), "connected +7.0 s from the conversation"),
        (replace(ROW, ended=AT + 10), "ended -20.0 s from the hang-up"),
        (replace(ROW, started=AT - 30), "started -10.0 s from the call"),
        (replace(ROW, live=False), "counts as a test"),
    ],
)
def test_a_row_that_differs_from_what_happened_is_wrong(row: Row, what: str) -> None:
    verdict = found(TALKED, row)
    assert any(what in line for line in verdict.wrong), verdict.wrong


def test_a_fallback_is_right_only_for_calls_of_the_time_of_the_fault() -> None:
    by_fallback = replace(LEFT, outcome="fallback", path=("fallback",))
    meanwhile = replace(IN_THE_MENU, dialled=AT + 2, answered=AT + 2, first="fallback")
    assert found(meanwhile, replace(by_fallback, started=AT + 2, answered=AT + 2)).wrong == []
    later = replace(IN_THE_MENU, dialled=AT + 20, answered=AT + 20)
    assert found(later, replace(by_fallback, started=AT + 20, answered=AT + 20)).wrong


def test_an_operator_whom_the_caller_never_heard_has_not_answered_them() -> None:
    answers = [Talk("1001", AT + 4, AT + 5, heard=False), Talk("1002", AT + 8, AT + 30)]
    rang = replace(TALKED, part=Part.RINGING, answers=answers)
    assert found(rang, replace(ROW, operator="1002", connected=AT + 8)).wrong == []
    assert found(rang, replace(ROW, operator="1001", connected=AT + 8)).wrong


def test_a_caller_who_hangs_up_as_they_are_connected_need_not_have_heard_their_operator() -> None:
    answers = [Talk("1001", AT - 15, AT - 14, heard=False)]
    left = replace(TALKED, answers=answers, ended=AT - 14)
    row = replace(ROW, connected=AT - 14.01, ended=AT - 14)
    assert found(left, row).wrong == []
    assert found(left, replace(row, operator="1002")).wrong
    assert found(left, replace(row, connected=AT - 15)).wrong


def test_a_message_that_was_left_must_be_kept_and_be_the_outcome() -> None:
    left = replace(IN_THE_MENU, part=Part.MESSAGE, spoke_s=12.0)
    kept = replace(LEFT, outcome="message", messages=(11.5,))
    assert misses(found(left, kept), silence_s=3.0) == []
    assert misses(found(left, replace(kept, messages=())), silence_s=3.0) == ["1 messages lost"]
    assert misses(found(left, replace(kept, messages=(None,))), silence_s=3.0) == ["1 messages lost"]
    assert found(left, replace(kept, outcome="fallback")).wrong
    told = found(replace(left, refused=True), LEFT)
    assert misses(told, silence_s=3.0) == ["1 messages could not be recorded"]
    assert misses(told, silence_s=3.0, refuses=True) == []


def test_new_callers_are_served_again_from_the_first_after_the_last_who_was_not() -> None:
    assert served_after_s([new(1, "controller"), new(2, "controller")], AT) == 0.0
    assert served_after_s([new(1, "fallback"), new(2, "controller"), new(3, "", 9.0), new(4, "controller")], AT) == 4.1
    assert served_after_s([new(1, "controller"), new(2, "fallback")], AT) is None


def test_a_fault_is_seen_when_something_new_fails_and_over_after_two_good_looks() -> None:
    usual = frozenset({"disk"})
    looks = [
        Look(AT - 2, 0.2, True, {"disk": "small"}),
        Look(AT + 1, 0.5, True, {"disk": "small"}),
        Look(AT + 3, 0.5, False, {"disk": "small", "controller": "not connected"}),
        Look(AT + 5, 0.2, True, {"disk": "small"}),
    ]
    observer = Observer(looks)
    assert observer.seen_s(AT, usual) == (3.5, "controller: not connected")
    assert observer.green_since(AT, usual) is None
    looks.append(Look(AT + 6, 0.2, True, {"disk": "small"}))
    assert observer.green_since(AT, usual) == AT + 5


def test_a_check_that_was_not_well_before_is_seen_when_calls_are_not_served_any_more() -> None:
    looks = [Look(AT + 1, 0.5, True, {"disk": "small"}), Look(AT + 2, 0.5, False, {"disk": "full"})]
    assert Observer(looks).seen_s(AT, frozenset({"disk"})) == (2.5, "disk: full")


def test_rows_of_a_line_whose_clock_was_stepped_are_judged_by_the_machines() -> None:
    ahead = replace(ROW, connected=AT - 15 + 3600, ended=AT + 30 + 3600)
    assert found(TALKED, ahead).wrong
    assert by_the_machine(ahead, AT) == ROW
    assert by_the_machine(replace(ROW, ended=AT + 30 - 3600), AT) == ROW


def test_what_has_grown_in_the_soak_is_found() -> None:
    before = Figures(1, 0, 20, {"ivr": 100.0, "desk": 90.0}, {"ivr": {"socket": 30, "database": 9}})
    connected = {"ivr": {"socket": 30, "database": 21}}  # as many connections as it may keep
    assert compare(before, replace(before, memory={"ivr": 111.0, "desk": 60.0})) == ["ivr has 111 MiB, and 100 before"]
    assert compare(before, replace(before, memory={"ivr": 124.0, "desk": 60.0}, descriptors=connected)) == []
    after = Figures(2, 0, 21, {"ivr": 126.0}, {"ivr": {"socket": 30, "pipe": 1, "database": 22}})
    assert compare(before, after) == [
        "2 channels, and 1 before",
        "21 tasks, and 20 before",
        "ivr has 31 descriptors besides the database's, and 30 before: pipe 1 after 0",
        "ivr has 22 descriptors of more than 10 connections",
        "ivr has 126 MiB, and 100 before",
        "desk does not run",
    ]


def test_a_message_that_is_lost_is_told_with_the_fault_that_was_near_and_may_be_refused_only_by_a_full_disk() -> None:
    faults = {fault.name: fault for fault in catalogue()}
    call = replace(IN_THE_MENU, part=Part.MESSAGE, spoke_s=12.0, refused=True)
    brought = [Brought(faults["kill-desk"], AT - 90), Brought(faults["kill-gate"], AT + 5)]
    (told,) = name_faults([f"{NUMBER} (message): spoke"], {NUMBER: call}, brought)
    assert told == f"{NUMBER} (message): spoke (kill-gate +25 s from the call, which took 50 s)"
    assert refused_without_reason([call], brought) == [NUMBER]
    assert refused_without_reason([call], [*brought, Brought(faults["home-full-kill"], AT)]) == []


async def test_a_cut_relay_is_silent_and_passes_new_connections_once_healed(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    relay = Relay(str(tmp_path / "s"))
    async with (
        await asyncio.start_unix_server(echo, tmp_path / "s"),
        await asyncio.start_server(relay.serve, "127.0.0.1") as server,
    ):
        port = server.sockets[0].getsockname()[1]

        async def answers(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bool:
            reader, writer = connection
            writer.write(b"x")
            try:
                return await asyncio.wait_for(reader.read(1), 0.3) == b"x"
            except TimeoutError:
                return False

        old = await asyncio.open_connection("127.0.0.1", port)
        assert await answers(old)
        relay.cut()
        during = await asyncio.open_connection("127.0.0.1", port)
        assert not await answers(old)
        assert not await answers(during)
        relay.heal()
        new = await asyncio.open_connection("127.0.0.1", port)
        assert await answers(new)
        assert not await answers(old)
        for _, writer in (old, during, new):
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.05)  # until the relay's ends are closed as well


def test_every_fault_has_a_name_of_its_own() -> None:
    names = [fault.name for fault in catalogue()]
    assert len(names) == len({*names})


@pytest.mark.long  # a line of its own, 24 calls, and the wait until all is over
def test_a_killed_controller_loses_no_call_and_no_row() -> None:
    offset = int(os.environ.get("HATIF_TEST_OFFSET", "2000")) + 1000
    ran = subprocess.run(
        [sys.executable, "-m", "bench.faults", "--only", "kill-controller", "--json", "--offset", str(offset)],
        cwd=CHECKOUT, env={**os.environ, "HATIF_INSTALL": str(CACHE)}, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert ran.stdout, ran.stderr[-2000:]
    (result,) = json.loads(ran.stdout)["faults"]
    assert sum(result["up"].values()) >= 22
    assert {part for part, count in result["up"].items() if count} >= {part for part in Part if part is not Part.NEW}
    verdict = result["verdict"]
    assert (verdict["lost"], verdict["missing"], verdict["doubled"], verdict["wrong"]) == ([], [], [], []), result
    assert result["green_s"] is not None, result
    assert ran.returncode == (1 if result["missed"] else 0)
