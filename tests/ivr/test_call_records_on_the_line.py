"""A line with `[call_records]`: tools that read Asterisk's queue_log and Master.csv find each call there, once."""

import csv
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from conftest import LONE_OFFSET, short_folder
from line import FRENCH_NUMBER, Line

from ivr.softphone.telephone import Telephones

CALLER, LATE = "+33612345601", "+33612345602"

SETTINGS = """
[call_records]
queue_log = true
cdr = true

[operators]
"""


@pytest.fixture(scope="module")
async def recorded_line() -> AsyncIterator[Line]:
    with short_folder("hatif-lone-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        toml = line.site / "site.toml"
        toml.write_text(toml.read_text().replace("\n[operators]\n", SETTINGS))
        try:
            await line.up()
            yield line
        finally:
            await line.down()


def lines(line: Line) -> list[list[str]]:
    """Return the lines of the queue log, without their times."""
    path = line.home / "asterisk" / "log" / "queue_log"
    return [text.split("|")[1:] for text in path.read_text().splitlines()] if path.exists() else []


async def until_told(line: Line, true: Callable[[list[list[str]]], bool], what: str) -> list[list[str]]:
    await line.until(lambda: true(lines(line)), 10, f"the queue log has {what}")
    return lines(line)


async def test_each_call_is_once_in_both_whatever_is_killed(recorded_line: Line, telephones: Telephones) -> None:
    line = recorded_line
    operator = line.speaks("fr")
    agent = f"PJSIP/{operator}"
    phone = await line.phone(telephones, operator)
    phone.will_ring()
    await until_told(line, lambda found: ["MANAGER", "hatif-fr", agent, "ADDMEMBER", ""] in found, "the operator")

    # An operator answers; in the conversation everything of ours that writes is killed.
    call = await line.waiting(telephones, CALLER)
    ring = await phone.next_call()
    await ring.answer()
    await line.until_state(operator, "talking")
    os.kill(line.pid("journal"), signal.SIGKILL)
    await line.restart()
    await call.hangup()
    await line.story(CALLER)
    await until_told(line, lambda found: any(row[3].startswith("COMPLETE") for row in found), "the call")
    os.kill(line.pid("journal"), signal.SIGKILL)

    # A pause, and a caller who gives up.
    line.control("POST", f"/operators/{operator}/state", {"state": "paused", "reason": "lunch"})
    call = await line.waiting(telephones, LATE)
    await call.hangup()
    await line.story(LATE)
    line.control("POST", f"/operators/{operator}/state", {"state": "ready"})
    found = await until_told(line, lambda found: any(row[3] == "UNPAUSE" for row in found), "the end of the pause")

    channels = {row[5]: row[0] for row in found if row[3] == "ENTERQUEUE"}
    answered, abandoned = ([row for row in found if row[0] == channels[caller]] for caller in (CALLER, LATE))
    assert [row[1:4] for row in answered] == [
        ["hatif-fr", "NONE", "ENTERQUEUE"],
        ["hatif-fr", agent, "CONNECT"],
        ["hatif-fr", agent, "COMPLETECALLER"],
    ]
    assert [row[3:7] for row in abandoned] == [["ENTERQUEUE", "", LATE, "1"], ["ABANDON", "1", "1", abandoned[1][6]]]
    paused = [row for row in found if row[3].startswith(("PAUSE", "UNPAUSE")) and row[1] in ("NONE", "hatif-fr")]
    assert paused == [
        ["NONE", "NONE", agent, "PAUSEALL", "lunch"],
        ["NONE", "hatif-fr", agent, "PAUSE", "lunch"],
        ["NONE", "NONE", agent, "UNPAUSEALL", "lunch"],
        ["NONE", "hatif-fr", agent, "UNPAUSE", "lunch"],
    ]

    rows = {row["uniqueid"]: row for row in records(line) if row["dstchannel"]}
    row = rows[channels[CALLER]]
    assert (row["accountcode"], row["src"], row["disposition"]) == ("example", CALLER, "ANSWERED")
    assert (row["dst"], row["dcontext"]) == (FRENCH_NUMBER, "hatif-entry")
    assert row["channel"].startswith("PJSIP/carrier-example-") and row["dstchannel"].startswith(f"{agent}-")
    assert row["linkedid"] == row["uniqueid"] and int(row["billsec"]) <= int(row["duration"])

    # Who is erased is in neither.
    assert line.run("caller", "erase", CALLER).returncode == 0
    text = "".join(path.read_text() for path in (line.home / "asterisk" / "log").rglob("*") if path.is_file())
    assert CALLER.removeprefix("+33") not in text and LATE.removeprefix("+33") in text


COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid",
    "sequence",
)  # fmt: skip


def records(line: Line) -> list[dict[str, str]]:
    with (line.home / "asterisk" / "log" / "cdr-csv" / "Master.csv").open(newline="") as file:
        return [dict(zip(COLUMNS, row, strict=True)) for row in csv.reader(file)]
