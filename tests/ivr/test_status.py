"""`hatif status` says "Serves calls" only while a caller would be answered; the line calls itself to know."""

# Seconds are printed.
# ruff: noqa: T201

import asyncio
import json
import os
import signal
import time
from typing import Any

from line import Line

from db import read
from db.engine import open_engine
from ivr.softphone.telephone import Telephones


def status(line: Line) -> tuple[int, dict[str, Any], dict[str, bool]]:
    """Return the exit status, the document, and whether each check is ok."""
    answer = line.run("status", "--json")
    document = json.loads(answer.stdout)
    return answer.returncode, document, {check["name"]: check["ok"] for check in document["checks"]}


async def test_status_says_that_calls_are_not_served_when_a_caller_would_say_so(
    lone_line: Line, telephones: Telephones
) -> None:
    """A stopped supervisor, prompts that are gone, a number that Asterisk does not know, a call that nobody takes, the
    line's own call of each second; and in seconds, though everything is stopped at once."""
    line = lone_line
    toml = line.site / "site.toml"
    toml.write_text(toml.read_text().replace("probe_s = 0", "probe_s = 1"))
    await line.restart()
    await line.until(lambda: status(line)[1]["probe"] is not None, 10, "the line has called itself")
    code, document, checks = status(line)
    assert (code, document["probe"]["fault"], all(checks.values())) == (0, None, True), document["checks"]
    assert 0 < document["probe"]["answered_s"] < 10

    sounds = line.home / "sounds"
    sounds.rename(line.home / "gone")
    await line.until(lambda: not status(line)[2]["test call"], 15, "the line has heard no prompt")
    code, document, _ = status(line)
    assert code == 1 and "prompt was heard" in document["probe"]["fault"] and document["probe"]["answered_s"] < 10
    (line.home / "gone").rename(sounds)
    await line.until(lambda: status(line)[2]["test call"], 15, "the line has heard a prompt again")

    supervisor = line.pid("supervisor")
    os.kill(supervisor, signal.SIGSTOP)
    await line.until(lambda: not status(line)[2]["watched"], 5, "status sees that the supervisor is stopped")
    code, document, _ = status(line)
    remedies = [check["remedy"] for check in document["checks"] if not check["ok"]]
    os.kill(supervisor, signal.SIGCONT)
    assert (code, remedies) == (1, [f"continue it with `kill -CONT {supervisor}`"])

    number = "+31800212002"
    line.console(f"dialplan remove extension {number}@hatif-carrier")
    code, document, checks = status(line)
    assert (code, checks["numbers"]) == (1, False)
    assert next(check["found"] for check in document["checks"] if check["name"] == "numbers").endswith(number)

    numbers = [entry.number for entry in line.settings.number]
    for other in numbers:  # all of them: the next call of the line to itself may be over before anybody looks
        if other != number:
            line.console(f"dialplan remove extension {other}@hatif-carrier")

    def noticed() -> bool:
        _, document, checks = status(line)
        return document["probe"]["number"] in numbers and document["probe"]["fault"] and not checks["test call"]

    await line.until(noticed, 20, "the line has called a number that is gone")
    assert "Does NOT serve calls." in line.run("status").stdout

    line.console("dialplan add extension 123,1,Wait,30 into hatif-carrier")
    ringing = await telephones.caller("+33615000321").dial(f"sip:123@{line.sip}")
    await line.until(lambda: not status(line)[2]["calls"], 10, "status sees a call that nobody answers")
    await ringing.hangup()

    async with open_engine(line.database) as engine:
        assert await read.calls(engine) == []
        tests = await read.calls(engine, tests=True)
    assert len(tests) >= 2 and all(not call.live and call.wait_s is None and call.operator is None for call in tests)
    assert len({call.number for call in tests}) > 1

    stopped = [line.pid(name) for name in ("supervisor", "guard", "ivr", "asterisk")]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = await asyncio.to_thread(line.process, "status", "--json")
        print(f"\nhatif status beside a stopped line: {time.monotonic() - began:.1f} s")
        assert answer.returncode == 1 and time.monotonic() - began < 8
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
    found = {check["name"]: check["found"] for check in json.loads(answer.stdout)["checks"]}
    assert found["processes"] == "asterisk, ivr: stopped (SIGSTOP or Ctrl-Z)"
    assert "did not answer" in found["controller"] and "did not answer" in found["asterisk"]
    await line.until(lambda: line.status().get("serves", False), 20, "the line serves again")
