"""Measure commands over many calls: generates a database, then runs each in a process of its own.

`.venv/bin/python -m bench.report --calls 100000 --days 7 --seed 1`, with `--json` for one document, with `--keep
FOLDER` to look at the database afterwards (`HATIF_HOME=FOLDER hatif report`). `--url` names an empty database of
PostgreSQL, which is measured in turns with SQLite. Each time is also given as a multiple of the start of `hatif calls
--last 1` in the same run, which compares better from one machine, or load, to another.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from bench import machine
from db.engine import async_engine, open_engine, writing
from db.ids import uuid7
from db.names import folded
from db.tables import Audit, Call, CaseFile, Operator, OperatorStateRecord, Pairing
from db.upgrade import upgrade
from desk.report.making import ReportMaker
from office.cases.reading import _search
from reports.names import Names
from reports.request import make_request
from routing.figures import percentile

_OPENS, _HOURS = 8, 12
_OPERATORS = 100
_MIX = {"ar": 0.34, "fr": 0.30, "es": 0.12, "it": 0.10, "nl": 0.07, "de": 0.04, "en": 0.03}
_COUNTRIES = ("FR", "BE", "NL", "DE", "ES", "IT")
_TOPICS = ("file", "documents", "complaint", None)
_LAST = datetime(2026, 11, 22, tzinfo=UTC)
_AT_ONCE = 5000
_CASES = 0.2
"""The share of answered calls in which a case is opened."""
_NAMES = ("Nadia", "Amina", "Fern", "Jan", "Rosa", "Ilse", "Omar", "Sami", "Lena", "Paul")
_SEARCHES = 300
_START = "calls --last 1"
_LOOK_S = 0.002
_GROUPINGS = ("day", "hour", "half-hour", "language", "country", "topic", "operator", "number")

Row = tuple[Any, dict[str, Any]]


def commands(days: int) -> dict[str, tuple[str, ...]]:
    """Return the arguments of the commands by their names, for a database with this many days."""
    period = ("--from", f"{_LAST - timedelta(days=days - 1):%Y-%m-%d}", "--to", f"{_LAST:%Y-%m-%d}")
    return {
        _START: ("calls", "--last", "1"),
        **{f"report --by {by}": ("report", "--by", by, *period) for by in _GROUPINGS},
        "calls --number": ("calls", "--number", "+33600012345"),
        "calls --operator": ("calls", "--operator", "1005", "--last", "20"),
        "audit": ("audit", "--last", "1000"),
        "cases --applicant": ("cases", "--applicant", "nadia fern"),
        "case open": ("case", "open", "--topic", "file", "--language", "fr", "--country", "FR", "--title", "Passport"),
        "simulate --from-history": ("simulate", "--from-history", *period),
    }


def rows(calls: int, days: int, seed: int) -> Iterator[Row]:
    """Yield the rows of some days of calls and of the operators in them, each with its table. Waits are drawn, not
    simulated."""
    draw, boot, seq, cases = random.Random(seed), uuid7(), 0, 0
    free = {str(1001 + number): datetime.min.replace(tzinfo=UTC) for number in range(_OPERATORS)}
    for operator in free:
        yield Operator, {"id": operator, "name": f"Operator {operator}"}

    def state(at: datetime, operator: str, state: str, call: Any = None) -> Row:
        nonlocal seq
        seq += 1
        key = {"node": "node1", "boot": boot, "seq": seq}
        return OperatorStateRecord, {**key, "at": at, "operator_id": operator, "state": state, "call_id": call}

    for day in range(days):
        opens = _LAST - timedelta(days=days - 1 - day) + timedelta(hours=_OPENS)
        for operator in free:
            free[operator] = opens
            yield state(opens, operator, "ready")
        number = calls * (day + 1) // days - calls * day // days
        for offset in sorted(draw.uniform(0, _HOURS * 3600) for _ in range(number)):
            queued = opens + timedelta(seconds=offset)
            wait = draw.expovariate(1 / 12)
            identity = uuid7()
            call: dict[str, Any] = {
                "id": identity,
                "node": "node1",
                "live": True,
                "language": draw.choices(list(_MIX), list(_MIX.values()))[0],
                "country": draw.choice(_COUNTRIES),
                "caller": f"+336{draw.randrange(30_000):08}",
                "topic": draw.choice(_TOPICS),
                "number": f"+33{800_212_000 + int(offset) % 5}",
                "started": queued - timedelta(seconds=40),
                "queued": queued,
                "dequeued": queued + timedelta(seconds=wait),
            }
            operator = min(free, key=free.__getitem__)
            if free[operator] > call["dequeued"]:
                outcome = draw.choice(("abandoned", "abandoned", "callback", "message"))
                yield Call, {**call, "outcome": outcome, "ended": call["dequeued"]}
                continue
            connected, ended = call["dequeued"], call["dequeued"] + timedelta(seconds=draw.expovariate(1 / 220))
            free[operator] = ended + timedelta(seconds=20)
            got = {"outcome": "answered", "operator_id": operator, "connected": connected, "ended": ended}
            yield Call, {**call, **got}
            if draw.random() < _CASES:
                cases += 1
                yield CaseFile, _case(cases, call, draw)
                audit = {"node": "node1", "boot": boot, "seq": 10**9 + cases, "at": ended, "call_id": identity}
                yield Audit, {**audit, "by": operator, "act": "case_opened", "about": f"case:{100_000_000 + cases}"}
            pairing = {"id": uuid7(), "node": "node1", "call_id": identity, "operator_id": operator}
            yield Pairing, {**pairing, "began": connected, "ended": ended}
            yield state(connected - timedelta(seconds=min(wait, 4)), operator, "offered", identity)
            yield state(connected, operator, "talking", identity)
            yield state(ended, operator, "wrapping_up")
            yield state(free[operator], operator, "ready")
        closes = opens + timedelta(hours=_HOURS + 1)
        for operator in free:
            yield state(max(closes, free[operator]), operator, "away")


def _case(number: int, call: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    name = f"{draw.choice(_NAMES)} {draw.choice(_NAMES)} {number}"
    return {
        "reference": str(100_000_000 + number), "node": "node1", "kind": "procedure", "topic": call["topic"],
        "language": call["language"], "country": call["country"], "call_id": call["id"], "caller": call["caller"],
        "title": "First passport", "applicant": name, "applicant_folded": folded(name), "opened": call["queued"],
    }  # fmt: skip


async def fill(url: str, calls: int, days: int, seed: int) -> None:
    await upgrade(url)
    engine = async_engine(url)
    made = rows(calls, days, seed)
    while some := list(islice(made, _AT_ONCE)):
        async with writing(engine) as connection:
            kinds: dict[tuple[Any, tuple[str, ...]], list[dict[str, Any]]] = {}
            for table, row in some:
                kinds.setdefault((table, tuple(row)), []).append(row)
            for (table, _), of_one_kind in kinds.items():
                await connection.execute(insert(table), of_one_kind)
    await engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", help="an empty database of PostgreSQL to measure as well")
    parser.add_argument("--keep", type=Path, help="the folder to make the SQLite database in")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hatif-report-") as folder:
        home = asked.keep or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        urls = {"SQLite": f"sqlite:///{home}/hatif.db", **({"PostgreSQL": asked.url} if asked.url else {})}
        for url in urls.values():
            asyncio.run(fill(url, asked.calls, asked.days, asked.seed))
        found: dict[str, Any] = {"machine": machine.description(), "calls": asked.calls, "days": asked.days}
        found["seed"] = asked.seed
        measured = commands(asked.days).items()
        found["commands"] = {name: _time_command(home, urls, arguments) for name, arguments in measured}
        found["pages"] = {kind: asyncio.run(_time_pages(url, asked.days)) for kind, url in urls.items()}
        found["search_ms"] = {kind: asyncio.run(_time_searches(url)) for kind, url in urls.items()}
        found["memory_mib"] = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{asked.calls} calls in {asked.days} days, seed {asked.seed}; {found['machine']}")
    for kind in urls:
        start = found["commands"][_START][kind]
        print(kind)
        for name, measured in found["commands"].items():
            times = measured[kind]
            multiples = [times[which] / start[which] for which in ("seconds", "processor_s")]
            print(
                f"hatif {name:24} {times['seconds']:6.2f} s ({multiples[0]:4.1f} ×), "
                f"processor {times['processor_s']:6.2f} s ({multiples[1]:4.1f} ×)"
            )
        for by, page in found["pages"][kind].items():
            print(f"the desk's page by {by:11} {page['seconds']:6.2f} s, others wait for at most {page['pause_ms']} ms")
        searches = found["search_ms"][kind]
        print(f"the desk's search: p50 {searches['p50']} ms, p99 {searches['p99']} ms")
    print(f"most memory of such a process {found['memory_mib']} MiB")


def _time_command(home: Path, urls: dict[str, str], arguments: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return the seconds of the whole command on each database, including its start, and its processor time; the best
    of three. The server's own processor time is not in it."""
    command = [str(Path(sys.executable).with_name("hatif")), *arguments, "--json"]
    runs: dict[str, list[tuple[float, float]]] = {kind: [] for kind in urls}
    for _ in range(3):
        for kind, url in urls.items():
            environment = {**os.environ, "HATIF_HOME": str(home), "HATIF_DATABASE": url}
            worked, began = _processor_time(), time.monotonic()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            runs[kind].append((time.monotonic() - began, _processor_time() - worked))
    best = {kind: [min(some) for some in zip(*of_kind, strict=True)] for kind, of_kind in runs.items()}
    return {kind: {"seconds": round(wall, 2), "processor_s": round(worked, 2)} for kind, (wall, worked) in best.items()}


async def _time_pages(url: str, days: int) -> dict[str, dict[str, float]]:
    """Return how long the desk takes for a report, the median of three, and for how long its loop then does nothing
    else, at the most."""
    maker, pauses = ReportMaker(url), list[float]()

    async def look() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_LOOK_S)
            pauses.append(time.perf_counter() - began - _LOOK_S)

    gc.freeze()  # as the desk does
    looking = asyncio.create_task(look())
    found = {}
    for by in _GROUPINGS:
        first = (_LAST - timedelta(days=days - 1)).date()
        request = make_request(by, first, _LAST.date(), ZoneInfo("Africa/Casablanca"), datetime.now(UTC))
        taken = []
        pauses.clear()
        for _ in range(3):
            began = time.perf_counter()
            await maker.layout(request, "en", Names())
            taken.append(time.perf_counter() - began)
        found[by] = {"seconds": round(median(taken), 2), "pause_ms": round(max(pauses) * 1000)}
    looking.cancel()
    return found


async def _time_searches(url: str) -> dict[str, float]:
    """Return how long the desk searches for cases by a name, a number, a reference."""
    taken = []
    async with open_engine(url) as engine:
        for number in range(_SEARCHES):
            texts = (f"{_NAMES[number % 10]} {_NAMES[number // 10 % 10]}", f"+336000{number:05}", f"{number + 4000}")
            began = time.perf_counter()
            await _search(engine, texts[number % 3])
            taken.append((time.perf_counter() - began) * 1000)
    return {f"p{percent}": round(percentile(taken, percent) or 0.0, 1) for percent in (50, 99)}


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
