"""A real line: callers and telephones by SIP, Asterisk, the controller, the journal; with the pages and without."""

import random
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select

from bench import queue_lines, queue_way
from bench.desk.floor import spread
from bench.desk.pages import Pages, desk_with_pages, free_port, late_ms, sign_in
from bench.hatif import CONTROLLER
from bench.queue_day import Case, Planned
from bench.queue_story import Story
from bench.reference_case import LANGUAGES, MIX
from db.engine import open_engine, reading, writing
from db.references import make_reference
from db.tables import Call, CaseFile
from desk.settings import DeskSettings
from ivr.home import credentials
from routing.simulation.team import spread_team

CALLS_H, TALK_S, PICK_UP_S = 3600.0, 15.0, 2.0
"""A call each second: enough answers for percentiles within a minute."""

WARM_S = 12.0
OLD_CALLS, OLD_CASES = 5, 2
"""Of each caller, in the database before."""

OTHERS = 20_000
"""Calls of other numbers."""


async def measure(home: Path, offset: int, pages: int, operators: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Return the controller's cost with pages and without, and how soon pages had the file. Raises UpError."""
    team = spread_team(LANGUAGES, MIX, operators, 3)
    case = Case(
        calls_per_hour=1.0, minutes=seconds / 60, warm_minutes=WARM_S / 60, operators=operators, pick_up_s=PICK_UP_S
    )
    cpu_ms: dict[bool, list[float]] = {False: [], True: []}
    core: dict[bool, list[float]] = {False: [], True: []}
    offers: list[float] = []
    answers: list[float] = []
    files: list[float] = []
    faults: list[str] = []
    desk_core: list[float] = []
    async with queue_lines.ours(home, offset, team) as way:
        url = f"sqlite:///{home / 'hatif.db'}"
        secrets = credentials.load(home, tuple(operator.id for operator in team))
        tokens = await sign_in(url, [operator.id for operator in team], pages)
        await _fill(url, len(_calls(seconds)))
        settings = DeskSettings("Africa/Casablanca", LANGUAGES, url, 8070 + offset, secrets.control_token, free_port())
        for number in range(2 * rounds):
            has_pages, began = number % 2 == 1, datetime.now(UTC)
            block = replace(way, story=Story())
            calls = _calls(seconds)
            async with AsyncExitStack() as stack:
                shown = process = None
                if has_pages:
                    shown, process = await stack.enter_async_context(desk_with_pages(settings, tokens))
                    used, since = sum(process.cpu_times()[:2]), time.monotonic()
                await queue_way.run(block, case, calls, lambda _: None)
                if shown is not None and process is not None:
                    desk_core.append((sum(process.cpu_times()[:2]) - used) / (time.monotonic() - since))
            cpu_ms[has_pages].append(1000 * block.cpu_s[CONTROLLER] / max(1, _answered(block.story, calls)))
            core[has_pages].append(block.cpu_s[CONTROLLER] / block.seconds)
            faults += [f"call {call}: {why}" for call, why in block.story.lost.items()]
            if shown is not None:
                await _late(url, began, block.story, shown, offers, answers, files)
                faults += shown.faults
    with_pages, without = sum(cpu_ms[True]) / rounds, sum(cpu_ms[False]) / rounds
    return {
        "calls_h": CALLS_H,
        "desk_core": round(sum(desk_core) / rounds, 3),
        "controller_ms_per_call": {
            "without": [round(item, 2) for item in cpu_ms[False]],
            "with": [round(item, 2) for item in cpu_ms[True]],
            "ratio": round(with_pages / without, 3),
        },
        "controller_core": {
            "without": round(sum(core[False]) / rounds, 4),
            "with": round(sum(core[True]) / rounds, 4),
        },
        "offer_ms": spread(offers),
        "answer_ms": spread(answers),
        "file_ms": spread(files),
        "faults": faults[:10],
    }


def _calls(seconds: float) -> list[Planned]:
    draw, at, found = random.Random(1), 0.0, []
    while (at := at + draw.expovariate(CALLS_H / 3600)) < WARM_S + seconds:
        found.append(Planned(at, draw.choices(LANGUAGES, MIX)[0], 3 + draw.expovariate(1 / (TALK_S - 3))))
    return found


def _answered(story: Story, calls: list[Planned]) -> int:
    return sum(number in story.answered_ns for number, call in enumerate(calls) if call.at_s >= WARM_S)


async def _fill(url: str, callers: int) -> None:
    """Give each caller a past, and the tables some length."""
    now, draw = datetime.now(UTC), random.Random(2)
    numbers = [f"{queue_way.FIRST}{number:07}" for number in range(callers)]
    people = [number for number in numbers for _ in range(OLD_CALLS)]
    people += [f"+3162{draw.randrange(10**7):07}" for _ in range(OTHERS)]
    calls = [
        {"id": uuid4(), "node": "old", "caller": number, "language": "fr", "outcome": "answered",
         "started": now - timedelta(days=draw.uniform(1, 300))}
        for number in people
    ]  # fmt: skip
    cases = [
        {"reference": make_reference(9, place), "node": "old", "caller": number, "title": "An old matter",
         "kind": "enquiry", "state": "open", "opened": now - timedelta(days=draw.uniform(1, 300))}
        for place, number in enumerate((number for number in numbers for _ in range(OLD_CASES)), 1)
    ]  # fmt: skip
    async with open_engine(url) as engine:
        for table, rows in ((Call, calls), (CaseFile, cases)):
            for begin in range(0, len(rows), 500):
                async with writing(engine) as connection:
                    await connection.execute(insert(table), rows[begin : begin + 500])


async def _late(
    url: str,
    began: datetime,
    story: Story,
    pages: Pages,
    offers: list[float],
    answers: list[float],
    files: list[float],
) -> None:
    """Add how late the pages were. The telephones know calls by their number, the pages by their id."""
    async with open_engine(url) as engine, reading(engine) as connection:
        rows = (await connection.execute(select(Call.id, Call.caller).where(Call.started >= began))).all()
    by_id = {str(row.id): int(row.caller[-7:]) for row in rows if row.caller}
    rung = {event.call: event.ns for event in story.events if event.kind == "rung"}
    offers += late_ms(pages.offers, {call: rung[number] for call, number in by_id.items() if number in rung})
    at = {call: story.answered_ns[number] for call, number in by_id.items() if number in story.answered_ns}
    answers += late_ms(pages.answers, at)
    files += late_ms(pages.files, at)
