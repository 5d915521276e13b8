"""A telephone that crashes and comes back at the same address is there again, whatever was noticed of its crash."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from line import Line
from offers import decided, french
from talking import COLLEAGUE_HZ, OPERATOR_HZ

from ivr.home import credentials
from ivr.softphone.telephone import Telephones

SCRIPT = str(Path(__file__).with_name("telephone_process.py"))
OPEN_S = 2.5
"""So long a telephone must be seen to take packets, once, before it counts that it refuses them."""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.3", 0))
        return int(made.getsockname()[1])


@contextlib.asynccontextmanager
async def telephone(
    line: Line, operator: str, port: int, tone_hz: float = 0.0, *, ends: signal.Signals = signal.SIGKILL
) -> AsyncIterator[None]:
    """A registered telephone; killed at the end, so that nothing but its silence says that it is gone."""
    password = credentials.load(line.home, ()).operators[operator]
    arguments = (operator, password, line.sip, f"127.0.0.3:{port}", str(tone_hz))
    process = await asyncio.create_subprocess_exec(sys.executable, SCRIPT, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"registered\n"
        yield
    finally:
        process.send_signal(ends)
        await process.wait()


def is_rung(line: Line, operator: str) -> bool:
    legs = [each for each in line.ari("GET", "/channels") if each["name"].startswith(f"PJSIP/{operator}-")]
    return [each["state"] for each in legs] == ["Ringing"]


async def test_a_telephone_killed_while_it_rings_or_talks_serves_calls_again_as_soon_as_it_registers(
    line: Line, telephones: Telephones
) -> None:
    (who,) = french(line, 1)
    port, told = free_port(), line.logged().count("telephone could not be rung")
    async with telephone(line, who, port):
        await line.until_state(who, "ready")
        call = await line.waiting(telephones, "+33613100001")
        await line.until(lambda: is_rung(line, who), 5, "it rings")
        await asyncio.sleep(OPEN_S)
    await line.until_state(who, "away")
    assert line.operator_reason(who) == "unreachable"
    # A supervisor may say that it is there; that it is not is found out again.
    assert line.run("operators", "set", who, "ready").returncode == 0
    await line.until(lambda: line.logged().count("telephone could not be rung") == told + 2, 8, "rung again")
    async with telephone(line, who, port, COLLEAGUE_HZ):
        await call.hears_tone(COLLEAGUE_HZ, 10)
        assert await decided(line, "+33613100001") == [(who, "unreachable")] * 2 + [(who, "accepted")]
        since = call.clock
    await call.hears(line.audio("fr", "operator_gone")[:6000], 15, since_s=since)
    async with telephone(line, who, port, OPERATOR_HZ, ends=signal.SIGTERM):
        await call.hears_tone(OPERATOR_HZ, 10)
        await call.hangup()


async def test_a_second_telephone_replaces_the_first_and_says_so_but_leaves_its_call_alone(
    line: Line, telephones: Telephones
) -> None:
    (who,) = french(line, 1)
    first = await line.phone(telephones, who)
    call = await line.asks_for_operator(telephones, "+33613100002")
    rings = await first.next_call(5)
    seen = line.log.stat().st_size
    second = telephones.operator(who, credentials.load(line.home, ()).operators[who], line.sip)
    await second.register()
    await line.until(lambda: "replaced another one" in line.logged(seen), 3, "it is told")
    await rings.answer()
    rings.tone(OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    await first.register()
    await line.until(lambda: "both are alive" in line.logged(seen), 3, "the alarm")
    (row,) = [each for each in line.json("operators") if each["id"] == who]
    told = row["telephone_replaced"]
    assert (told["before"], told["now"], told["both_alive"]) == (second.address, first.address, True)
    assert "TWO: " in line.run("operators").stdout
    await call.hears_tone(OPERATOR_HZ)
    await call.hangup()
    assert await decided(line, "+33613100002") == [(who, "accepted")]
