"""A telephone that crashes and comes back at the same address is present again, whatever was noticed of its crash."""

import asyncio
import contextlib
import json
import os
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
from ivr.telephones.contacts import address_of

SCRIPT = str(Path(__file__).with_name("telephone_process.py"))
OPEN_S = 2.5
"""How long a telephone must be seen to accept packets, once, before a refusal counts."""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.3", 0))
        return int(made.getsockname()[1])


@contextlib.asynccontextmanager
async def telephone(
    line: Line, operator: str, port: int, tone_hz: float = 0.0, *, ends: signal.Signals = signal.SIGKILL
) -> AsyncIterator[None]:
    """A registered telephone; killed at the end, so that only its silence shows that it is gone."""
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


def is_ringing(line: Line, operator: str) -> bool:
    legs = [channel for channel in line.ari("GET", "/channels") if channel["name"].startswith(f"PJSIP/{operator}-")]
    return [leg["state"] for leg in legs] == ["Ringing"]


async def test_a_telephone_killed_while_it_rings_or_talks_gets_calls_again_as_soon_as_it_registers(
    line: Line, telephones: Telephones
) -> None:
    (operator,) = french(line, 1)
    port, failures = free_port(), line.logged().count("telephone could not be rung")
    async with telephone(line, operator, port):
        await line.until_state(operator, "ready")
        call = await line.waiting(telephones, "+33613100001")
        await line.until(lambda: is_ringing(line, operator), 5, "it rings")
        await asyncio.sleep(OPEN_S)
    await line.until_state(operator, "away")
    assert line.operator_reason(operator) == "unreachable"
    # A supervisor may declare it present; its absence is found out again.
    assert line.run("operators", "set", operator, "ready").returncode == 0
    await line.until(lambda: line.logged().count("telephone could not be rung") == failures + 2, 8, "rung again")
    async with telephone(line, operator, port, COLLEAGUE_HZ):
        await call.hears_tone(COLLEAGUE_HZ, 10)
        assert await decided(line, "+33613100001", 3) == [(operator, "unreachable")] * 2 + [(operator, "accepted")]
        since = call.clock
    await call.hears(line.audio("fr", "operator_gone")[:6000], 15, since_s=since)
    async with telephone(line, operator, port, OPERATOR_HZ, ends=signal.SIGTERM):
        await call.hears_tone(OPERATOR_HZ, 10)
        await call.hangup()


async def registered(line: Line, operator: str) -> set[str]:
    """Return host and port of each registered telephone."""
    contacts = await line.astdb("registrar/contact")
    return {
        address_of(json.loads(contact)["uri"]) for name, contact in contacts.items() if name.startswith(f"{operator};")
    }


async def test_a_telephone_that_crashes_while_it_rings_and_comes_back_pauses_nobody_and_delays_no_call(
    line: Line, telephones: Telephones
) -> None:
    first, second = french(line, 2)
    port = free_port()
    toml = line.site / "site.toml"
    toml.write_text(toml.read_text().replace("ring_s = 6", "ring_s = 30"))  # longer than the slowest telephone starts
    await line.restart()
    async with telephone(line, first, port):
        await line.until_state(first, "ready")
        await line.phone(telephones, second, answers=COLLEAGUE_HZ)
        call = await line.waiting(telephones, "+33613100003")
        await line.until(lambda: is_ringing(line, first), 5, "it rings")
    async with telephone(line, first, port, ends=signal.SIGTERM):  # before the ringing ends
        await call.hears_tone(COLLEAGUE_HZ, 10)
        assert await decided(line, "+33613100003", 2) == [(first, "unreachable"), (second, "accepted")]
        await line.until_state(first, "ready")
    await call.hangup()


async def test_a_second_telephone_replaces_the_first_after_the_call_and_this_is_reported(
    line: Line, telephones: Telephones
) -> None:
    (operator,) = french(line, 1)
    # After a restart only the end of their registrations shows which of two is older.
    first = await line.phone(telephones, operator, expires_s=300)
    call = await line.asks_for_operator(telephones, "+33613100002")
    rings = await first.next_call(5)
    seen = line.log.stat().st_size
    second = telephones.operator(operator, credentials.load(line.home, ()).operators[operator], line.sip)
    await second.register()
    await line.until(lambda: "registered during a call" in line.logged(seen), 3, "it is logged")
    assert await registered(line, operator) == {first.address, second.address}
    await rings.answer()
    rings.tone(OPERATOR_HZ)
    await call.hears_tone(OPERATOR_HZ)
    # A controller that knows of neither finds the call, and leaves both registered.
    await line.restart()
    await call.hears_tone(OPERATOR_HZ)
    assert await registered(line, operator) == {first.address, second.address}
    assert "replaced another one" not in line.logged(seen)
    # After the call and its wrap-up the next one is offered, to the second telephone. Both callers wait by then, since
    # there is little time while it rings.
    rung = await line.waiting(telephones, "+33613100003")
    last = await line.waiting(telephones, "+33613100004")
    await call.hangup()
    await line.until(lambda: "replaced another one" in line.logged(seen), 3, "it is logged")
    assert await registered(line, operator) == {second.address}
    await second.next_call()
    # The first telephone registers again, as it does not know this. The ringing caller gives up: the next is offered.
    await first.register()
    assert await registered(line, operator) == {first.address, second.address}
    await rung.hangup()
    await (await first.next_call()).answer()
    await line.until_state(operator, "talking")
    assert await registered(line, operator) == {first.address}
    await line.until(lambda: "both are alive" in line.logged(seen), 3, "the alarm")
    (row,) = [row for row in line.json("operators") if row["id"] == operator]
    replacement = row["telephone_replaced"]
    assert (replacement["before"], replacement["now"], replacement["both_alive"]) == (
        second.address,
        first.address,
        True,
    )
    assert "TWO: " in line.run("operators").stdout
    await last.hangup()
    await line.until_state(operator, "wrapping_up")
    # Without a call, the newest replaces the other at once.
    await second.register()
    await line.until(lambda: line.logged(seen).count("both are alive") == 2, 3, "the alarm again")
    assert await registered(line, operator) == {second.address}
    offers = [await decided(line, f"+3361310000{digit}") for digit in (2, 3, 4)]
    assert offers == [[(operator, "accepted")], [(operator, "withdrawn")], [(operator, "accepted")]]
    assert (len(first.calls), len(second.calls)) == (2, 1)


async def test_a_second_telephone_replaces_the_first_after_a_feature_code_and_after_a_killed_asterisk(
    line: Line, telephones: Telephones
) -> None:
    (operator,) = french(line, 1)
    password = credentials.load(line.home, ()).operators[operator]
    phones = [telephones.operator(operator, password, line.sip, expires_s=seconds) for seconds in (200, 400, 600)]
    first, second, third = phones
    await first.register()
    code = await first.dial("*14")
    await code.established()
    await second.register()
    assert await registered(line, operator) == {first.address, second.address}
    seen = line.log.stat().st_size
    await code.hangup()
    await line.until(lambda: "replaced another one" in line.logged(seen), 3, "it is logged")
    assert await registered(line, operator) == {second.address}
    code = await second.dial("*14")
    await code.established()
    await third.register()
    await asyncio.sleep(1.5)  # Asterisk writes AstDB once a second
    assert await registered(line, operator) == {second.address, third.address}
    seen = line.log.stat().st_size
    os.kill(line.pid("asterisk"), signal.SIGKILL)
    await line.until(lambda: "replaced another one" in line.logged(seen), 15, "it is logged again")
    assert await registered(line, operator) == {third.address}
    await line.until_state(operator, "ready")
