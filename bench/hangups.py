"""Callers who hang up at random milliseconds: checks that every row ends and nothing fails.

`.venv/bin/python -m bench.hangups --calls 3000 --seed 1` starts a line of its own, makes the calls and prints the
findings in the records and logs, with `--json` as one document. The exit status is 1 if anything is wrong.
"""

import argparse
import asyncio
import collections
import itertools
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from bench import hatif, machine
from bench.callers import Call, Callers, LostCallError
from bench.floor.control import Control
from bench.floor.left import idle_tasks, until_nothing
from bench.floor.line import CARRIER, NUMBER, PHONES, LineError, team, up
from bench.phones import Phones
from bench.sip import Account
from db.engine import async_engine, reading
from db.tables import Call as CallRow

OFFSET = 46_000
OPERATORS = 10
AT_ONCE = 30
TALK_S = (5.0, 7.0)
"""Longer than what an operator hears first: a hang-up during that counts as a refusal."""
_REGISTER_S = 100.0  # the interval at which telephones register again
_FAILED = re.compile(r"level=(error|critical)|Traceback")
_WARNED = re.compile(r"(WARNING|ERROR)\[[^ ]* ([\w./]+): (.*)")
_VARIES = re.compile(r"\S*\d\S*|sound:\S+")
_WRITTEN_S = 15.0


@dataclass(frozen=True, slots=True)
class Course:
    """The script of one caller. `cancels_s`: the time from the INVITE to the hang-up, answered or not (None: they
    wait for the answer); `keys`: each key with the pause before it; `stays_s`: from the last key, or the answer, to
    the hang-up."""

    caller: str
    cancels_s: float | None
    keys: tuple[tuple[float, str], ...]
    stays_s: float


def courses(calls: int, seed: int) -> list[Course]:
    """Return the same calls for the same seed. Half of the hang-ups come within milliseconds of a key or an answer,
    while the controller's requests are on their way."""
    dice = random.Random(seed)
    found = []
    for number in range(calls):
        keys = []
        if dice.random() < 0.85:
            keys.append("1234567"[dice.randrange(7)])
            keys += dice.choices("0123456789*#", weights=(6, 2, 2, 2, 1, 1, 1, 1, 1, 2, 1, 1), k=dice.randrange(4))
        pauses = [dice.uniform(0.0, 0.8) if dice.random() < 0.7 else 0.0 for _ in keys]
        stays_s = dice.uniform(0.0, dice.choices((0.003, 0.03, 6.0), weights=(35, 15, 50))[0])
        cancels_s = dice.uniform(0.0, 0.006) if dice.random() < 0.08 else None
        found.append(Course(f"+336{number:08d}", cancels_s, tuple(zip(pauses, keys, strict=True)), stays_s))
    return found


@dataclass(slots=True)
class Made:
    """The calls as the callers saw them. `ended_by_line`: before they hung up; `cancelled`: never answered, and perhaps
    over before the controller knew of them."""

    calls: int = 0
    ended_by_line: int = 0
    cancelled: int = 0
    lost: dict[str, int] | None = None


async def make(wanted: Sequence[Course], number: str, carrier: str, server: tuple[str, int]) -> Made:
    """Make all the calls, at most AT_ONCE at a time."""
    callers, made, room = Callers(carrier, server, frozenset(), frozenset()), Made(), asyncio.Semaphore(AT_ONCE)
    lost: collections.Counter[str] = collections.Counter()

    async def one(course: Course) -> None:
        async with room:
            call = callers.invite(number, course.caller)
            try:
                await _lead(callers, call, course)
                made.ended_by_line += call.ended.done()
                await callers.hang_up(call)
            except LostCallError as why:
                if course.cancels_s is not None and "487" in str(why):
                    made.cancelled += 1
                else:
                    lost[str(why)] += 1
            finally:
                made.calls += 1
                callers.forget(call)

    async with asyncio.TaskGroup() as calls:
        for item in wanted:
            calls.create_task(one(item))
    callers.close()
    made.lost = dict(lost)
    return made


async def _lead(callers: Callers, call: Call, course: Course) -> None:
    """Wait until the moment of the hang-up."""
    if course.cancels_s is not None:
        await asyncio.sleep(course.cancels_s)
        if not call.answered.done():
            callers.cancel(call)
        await callers.established(call)
        return
    await callers.established(call)
    for pause_s, key in course.keys:
        await asyncio.sleep(pause_s)
        if call.ended.done():
            return
        await callers.be_heard(call)
        await callers.press(call, key)
    await asyncio.sleep(course.stays_s)


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings in the records and the log: these callers' rows, the open ones, outcomes, and lines that report a
    fault (without time and ids) with their counts."""

    rows: int
    open: int
    outcomes: dict[str, int]
    never_answered: int
    faults: dict[str, int]


async def read_findings(database: str, log: Path, seen: int, callers: Sequence[str], cancelled: int) -> Findings:
    """Return the findings after every row has ended and no more come, or after 15 s.

    Args:
        seen: The size of the controller's log before, in bytes.
        cancelled: How many of the calls were never answered; these may have no row.
    """
    engine, loop = async_engine(database), asyncio.get_running_loop()
    until, wanted = loop.time() + _WRITTEN_S, {*callers}
    columns = (CallRow.caller, CallRow.ended, CallRow.outcome, CallRow.line_answered)
    before = -1
    try:
        while True:
            async with reading(engine) as connection:
                rows = (await connection.execute(select(*columns))).all()
            mine = [row for row in rows if row.caller in wanted]
            is_open = [row for row in mine if row.ended is None]
            is_whole = not is_open and len(mine) >= len(callers) - cancelled and len(mine) in (before, len(callers))
            if is_whole or loop.time() > until:
                break
            before = len(mine)
            await asyncio.sleep(0.5)
    finally:
        await engine.dispose()
    return Findings(
        rows=len(mine),
        open=len(is_open),
        outcomes=dict(collections.Counter(str(row.outcome) for row in mine)),
        never_answered=sum(row.line_answered is None for row in mine),
        faults=await asyncio.to_thread(faults, log, seen),
    )


def faults(log: Path, seen: int = 0) -> dict[str, int]:
    """Return the lines of a controller's log that report a fault, counted by their text."""
    lines = log.read_bytes()[seen:].decode(errors="replace").splitlines()
    found = (re.search(r'event="([^"]*)"|event=(\S+)', line) for line in lines if _FAILED.search(line))
    return dict(collections.Counter((match[1] or match[2]) if match else "Traceback" for match in found))


def warnings(log: Path, seen: int = 0) -> dict[str, int]:
    """Return Asterisk's own warnings and errors, counted by source."""
    lines = log.read_bytes()[seen:].decode(errors="replace").splitlines()
    found = (_WARNED.search(line) for line in lines)
    kinds = (f"{match[2]}: {_VARIES.sub('…', match[3])[:60]}" for match in found if match)
    return dict(collections.Counter(kinds))


async def operators_answer(
    server: tuple[str, int], accounts: Sequence[Account], port: int, address: str = PHONES
) -> tuple[Phones, asyncio.Task[None]]:
    """Run telephones that answer and hang up; cancel the task and call `leave` at the end."""
    phones = Phones(address, port, server, TALK_S, sys.maxsize)
    await phones.register(accounts)

    async def register_again() -> None:
        for round_ in itertools.count(1):
            await asyncio.sleep(1.0)
            phones.be_heard()
            if round_ % _REGISTER_S == 0:
                await phones.register(accounts)

    return phones, asyncio.get_running_loop().create_task(register_again())


async def leave(phones: Phones, registering: "asyncio.Task[None]", accounts: Sequence[Account]) -> None:
    """Unregister the telephones."""
    registering.cancel()
    await phones.register(accounts, seconds=0)
    phones.close()


async def measure(home: Path, offset: int, calls: int, seed: int) -> dict[str, Any]:
    """Run the measurement on a line of its own. Raises LineError, UpError, LostCallError."""
    wanted = courses(calls, seed)
    async with up(home, offset, team(OPERATORS)) as line:
        control = Control(line)
        phones, registering = await operators_answer(line.server, list(line.accounts.values()), 5090 + offset)
        log, pbx = home / "log" / "ivr.log", home / "asterisk" / "log" / "asterisk.log"
        try:
            tasks = await idle_tasks(control) or 0
            seen, seen_pbx = log.stat().st_size, pbx.stat().st_size if pbx.exists() else 0
            began = asyncio.get_running_loop().time()
            made = await make(wanted, NUMBER, CARRIER, line.server)
            took_s = asyncio.get_running_loop().time() - began
            callers = [item.caller for item in wanted]
            found = await read_findings(line.database, log, seen, callers, made.cancelled)
            left, _ = await until_nothing(line, control, tasks, line.accounts)
            return {
                "seconds": round(took_s, 1),
                "made": asdict(made),
                "told": asdict(found),
                "left": {what: lines for what, lines in left.items() if lines},
                "asterisk": warnings(pbx, seen_pbx),
            }
        finally:
            await leave(phones, registering, list(line.accounts.values()))
            await control.close()


def wrong(document: dict[str, Any]) -> list[str]:
    """Return a sentence for each fault."""
    found, faults = document["told"], []
    if found["open"]:
        faults.append(f"{found['open']} rows are open")
    if found["rows"] < (answered := document["made"]["calls"] - document["made"]["cancelled"]):
        faults.append(f"{answered - found['rows']} calls have no row")
    if found["never_answered"] < (cancelled := found["rows"] - answered):
        faults.append(f"{cancelled} rows are of cancelled calls, and {found['never_answered']} have no answer")
    faults += [f"{count} times: {why}" for why, count in document["made"]["lost"].items()]
    faults += [f"{count} times in the controller's log: {what}" for what, count in found["faults"].items()]
    faults += [f"left behind: {what}: {'; '.join(lines[:5])}" for what, lines in document["left"].items()]
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.hangups", description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--offset", type=int, default=OFFSET, help="added to every port")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and database, kept; its path must be short")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.keep is not None and given.keep.exists():
        parser.error(f"{given.keep} exists; name a new folder")
    home = given.keep or Path(tempfile.mkdtemp(prefix="hatif-hangups-"))
    home.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, stderr=given.json)
    document: dict[str, Any] = {"machine": machine.description(), "calls": given.calls, "seed": given.seed}
    try:
        document |= asyncio.run(measure(home.absolute(), given.offset, given.calls, given.seed))
    except (LineError, LostCallError, hatif.UpError) as error:
        console.print(f"[red]{error}[/]")
        sys.exit(2)  # nothing was measured
    finally:
        if given.keep is None:
            shutil.rmtree(home, ignore_errors=True)
    document["wrong"] = wrong(document)
    if given.json:
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        console.print(_table(document))
    sys.exit(1 if document["wrong"] else 0)


def _table(document: dict[str, Any]) -> Table:
    table = Table(
        title=f"{document['calls']} calls, seed {document['seed']}, {document['seconds']} s", show_header=False
    )
    found = document["told"]
    rows: list[tuple[str, Any]] = [
        ("rows", found["rows"]),
        ("rows open", found["open"]),
        *((f"outcome {outcome}", count) for outcome, count in sorted(found["outcomes"].items())),
        ("cancelled before the answer", document["made"]["cancelled"]),
        ("rows without an answer", found["never_answered"]),
        *((f"lost: {why}", count) for why, count in (document["made"]["lost"] or {}).items()),
        *((f"controller: {what}", count) for what, count in found["faults"].items()),
        *((f"Asterisk: {what}", count) for what, count in document["asterisk"].items()),
        *((f"wrong {place}", what) for place, what in enumerate(document["wrong"], 1)),
    ]
    for what, value in rows:
        table.add_row(what, str(value))
    return table


if __name__ == "__main__":
    main()
