"""`hatif operators --watch` shows supervisors a day's mishaps, and operators are notified of theirs."""

import asyncio
import json
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from asked import HATIF
from left import rows
from line import Line

from db.tables.administration import Audit
from ivr.softphone.telephone import Telephones


def watches(line: Line, out: Path, *options: str) -> subprocess.Popen[bytes]:
    """`hatif operators --watch`, which writes into a file: no terminal."""
    with out.open("wb") as file:
        return subprocess.Popen(
            [HATIF, "operators", "--watch", *options],
            env=line.environment,
            stdout=file,
            # As in a terminal: where the tests are run in the background, Ctrl-C is ignored, and that is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def documents(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def states(out: Path, operator: str) -> list[str]:
    """Return the states that were shown of an operator, in order."""
    found: list[str] = []
    for document in documents(out):
        for row in document.get("operators", ()):
            shown = f"{row['state']} {row['reason'] or ''}".strip()
            if row["id"] == operator and found[-1:] != [shown]:
                found.append(shown)
    return found


async def missed_today(line: Line, operator: str) -> Counter[str]:
    operators = {row["id"]: row for row in await asyncio.to_thread(line.json, "operators")}
    return Counter(operators[operator]["missed_today"])


async def test_a_supervisor_sees_who_does_not_answer_who_cannot_be_reached_and_who_is_back(
    line: Line, telephones: Telephones, tmp_path: Path
) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    operator, seen = phone.user, len(line.logged())
    began, missed = datetime.now(UTC), await missed_today(line, operator)  # others were on this line before
    for_programs, for_people = tmp_path / "json", tmp_path / "text"
    watching = [watches(line, for_programs, "--json"), watches(line, for_people)]

    async def shows(state: str, text: str) -> None:
        await line.until(
            lambda: states(for_programs, operator)[-1:] == [state] and text in for_people.read_text(),
            15,
            f"{text} is shown",
        )

    await shows("ready", f"{operator}  ")
    caller = await line.asks_for_operator(telephones, "+33617000001")  # and the telephone rings and rings
    await shows("paused no_answer", "paused (no_answer)")
    assert "An operator did not answer" in line.logged(seen)
    assert len(await rows(line, Audit, about="list:floor")) >= 2, "who has seen with whom operators talk is on record"
    shown = documents(for_programs)[-1]
    assert shown["counts"] == {"paused": 1, "away": len(line.operators) - 1}
    assert [row["caller"] for row in shown["waiting"]] == ["+33617000001"]
    await phone.vanish()
    line.control("POST", f"/operators/{operator}/state", {"state": "ready"})  # a well-meaning supervisor
    await shows("away unreachable", "away (unreachable)")
    phone.will_answer()
    await phone.register()  # long before the former registration ends
    await shows("talking", "talking")
    story = await line.story("+33617000001", ended=False)
    row = next(row for row in documents(for_programs)[-1]["operators"] if row["id"] == operator)
    assert row["call"] == {
        "id": str(story["call"]["id"]),
        "language": "fr",
        "caller": "+33617000001",
        "place": "together",
    }
    await line.without_controller()  # for longer than the interval between two looks
    await line.until(lambda: documents(for_programs)[-1]["controller"] is False, 5, "it says that nobody answers")
    await line.controller_again()
    await shows("talking", "The controller is back.")
    await caller.hangup()
    await line.until(lambda: "wrapping_up" in states(for_programs, operator), 5, "the wrap-up is shown")
    for program in watching:
        program.send_signal(signal.SIGINT)
    assert [await asyncio.to_thread(program.wait, 5) for program in watching] == [0, 0]
    kept = ["paused no_answer", "away unreachable", "talking", "wrapping_up"]
    # A look at a controller that has just come back may find nobody's state: it is the same one before and after.
    found = groupby(state for state in states(for_programs, operator) if state in kept)
    assert [state for state, _ in found] == kept
    text = for_people.read_text()
    assert "1 waiting" in text and "does not answer" in text
    entries = sorted(await rows(line, Audit, about=f"operator:{operator}"), key=lambda entry: (entry.at, entry.seq))
    audited = [(row.by, row.act) for row in entries if row.at >= began]
    assert audited == [
        (operator, "operator_no_answer"),
        ("tests", "operator_state"),
        (operator, "operator_unreachable"),
    ]
    missed.update(no_answer=1, unreachable=1)
    assert await missed_today(line, operator) == missed
