"""FastAGI tells a dialplan the state of a case file, and writes the calls that a dialplan served by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from db.delivery import deliver_all
from db.engine import open_engine
from db.enums import Outcome
from db.journal import Journal
from db.read import calls
from db.references import ReferenceAllocator, format_reference, make_reference
from ivr.agi import case_service
from ivr.agi.case_service import PIN, CaseService
from ivr.agi.log_service import LogService
from ivr.agi.request import Request
from ivr.cases.case_lookup import Answer, CaseStatus, Locked, NoMatch, Unavailable
from ivr.home.settings import EXAMPLE
from ivr.model import clock
from ivr.records.recorder import Recorder
from ivr.site import site

pytest_plugins = ["db_fixtures"]

clock.prepare()
SITE = site.load(EXAMPLE)
REFERENCE = make_reference(1, 1001)
FOUND = CaseStatus(REFERENCE, "incomplete", ("fee", "photograph"), date(2027, 1, 15), "1002")


class Files:
    """Case lookup whose answer a test chooses; the real one has its own tests."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked = answer, list[tuple[str, str, str, str]]()
        self.go = asyncio.Event()
        self.go.set()

    async def ask(self, reference: str, entered: str, *, caller: str, call: str) -> Answer:
        self.asked.append((reference, entered, caller, call))
        await self.go.wait()
        return self.answer


async def state(files: Files, *arguments: str, pin: str = "402913", caller: str = "0612345678") -> dict[str, str]:
    async def variable(name: str) -> str:
        assert name == PIN
        return pin

    service = CaseService(lambda: SITE, files)
    request = Request("case", "+33800212000", arguments, caller=caller, channel="node1-1764338401.7")
    return await service.answer(request, variable)


async def test_a_dialplan_reads_what_the_caller_of_a_case_may_hear() -> None:
    files = Files(FOUND)
    assert await state(files, format_reference(REFERENCE)) == {
        PIN: "",
        "HATIF_CASE": "found",
        "HATIF_CASE_STATE": "incomplete",
        "HATIF_CASE_MISSING": "fee,photograph",
        "HATIF_CASE_EXPECTED": "2027-01-15",
        "HATIF_CASE_OWNER": "1002",
    }
    # The attempt counts for the caller's number, as it does on the line itself, and for the call.
    assert files.asked == [(REFERENCE, "402913", "+33612345678", "agi node1-1764338401.7")]


async def test_attempts_are_limited_as_they_are_on_the_line() -> None:
    for answer, result in (
        (NoMatch(locked=False), "no_match"),
        (NoMatch(locked=True), "locked"),
        (Locked(), "locked"),
        (Unavailable(), "unavailable"),
    ):
        told = await state(Files(answer), REFERENCE)
        assert (told["HATIF_CASE"], told["HATIF_CASE_STATE"], told[PIN]) == (result, "", "")
    hidden = Files(FOUND)
    await state(hidden, REFERENCE, caller="")
    assert hidden.asked[0][2] == ""


async def test_what_can_match_no_case_is_not_even_looked_up() -> None:
    files = Files(FOUND)
    assert (await state(files, f"{REFERENCE[:-1]}{(int(REFERENCE[-1]) + 1) % 10}"))["HATIF_CASE"] == "wrong_reference"
    assert (await state(files))["HATIF_CASE"] == "wrong_reference"
    assert (await state(files, REFERENCE, pin="40291"))["HATIF_CASE"] == "no_match"
    assert (await state(files, REFERENCE, pin=""))["HATIF_CASE"] == "no_match"
    assert not files.asked


async def test_a_dialplan_that_asks_too_fast_does_not_take_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_service, "_MOST_AT_ONCE", 2)
    files = Files(FOUND)
    files.go.clear()
    service = CaseService(lambda: SITE, files)

    async def pin(_: str) -> str:
        return "402913"

    asking = [asyncio.create_task(service.answer(Request("case", "", (REFERENCE,)), pin)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    files.go.set()
    told = [found["HATIF_CASE"] for found in await asyncio.gather(*asking)]
    assert sorted(told) == ["found", "found", "unavailable", "unavailable", "unavailable"]


# Calls


@pytest.fixture
async def recorder(folder: Path) -> AsyncIterator[Recorder]:
    journal = Journal(folder, "node1")
    yield Recorder(journal, ReferenceAllocator(folder / "references", 1))
    journal.close()


def uniqueid(seconds_ago: int) -> str:
    return f"node1-{int(time.time()) - seconds_ago}.12"


async def test_a_call_of_a_foreign_dialplan_is_a_row_like_any_other(
    recorder: Recorder, folder: Path, sqlite_url: str
) -> None:
    service = LogService(lambda: SITE, {"1002"}, recorder)
    channel, now = uniqueid(90), int(time.time())
    request = Request(
        "log",
        "h",
        ("outcome=answered", "language=fr", "operator=1002", f"queued={now - 60}", f"connected={now - 50}", "case="),
        caller="0612345678",
        dnid="+33800212000",
        channel=channel,
    )
    told = service.answer(request)
    assert told["HATIF_LOG_ERROR"] == "" and service.answer(request) == told  # twice, it is still one call
    assert recorder.journal.waiting == 0  # on the disk before the dialplan goes on
    assert (await deliver_all(folder, sqlite_url)).rejected == 0
    async with open_engine(sqlite_url) as engine:
        (call,) = await calls(engine, 10)
    assert str(call.id) == told["HATIF_LOG"]
    assert (call.outcome, call.operator, call.language, call.country) == (Outcome.ANSWERED, "1002", "fr", "FR")
    assert (call.caller, call.number, call.path) == ("+33612345678", "+33800212000", ["dialplan"])
    assert call.started == datetime.fromtimestamp(now - 90, UTC)
    assert call.connected == datetime.fromtimestamp(now - 50, UTC)
    assert call.ended is not None and abs(call.ended - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "outcome must be one of"),
        (("outcome=fallback",), "outcome must be one of"),
        (("outcome=answered", "language=xx"), "language must be one of ar, fr"),
        (("outcome=answered", "operator=9"), "operator '9' is not in operators.csv"),
        (("outcome=answered", "case=123"), "case '123' is not a reference"),
        (("outcome=answered", "connected=soon"), "connected 'soon' must be seconds since 1970"),
        (("outcome=answered", "ended=4102444800"), "ended must be in order"),
        (("outcome=answered", "started=1"), "started '1' must be seconds since 1970"),
        (("outcome=answered", "queued=1700000000"), "queued must be in order"),
        (("answered",), "'answered' must be key=value"),
        (("outcome=answered", "price=3"), "'price=3' must be key=value"),
    ],
)
async def test_a_wrong_argument_is_named_and_nothing_is_written(
    recorder: Recorder, arguments: tuple[str, ...], sentence: str
) -> None:
    told = LogService(lambda: SITE, {"1002"}, recorder).answer(
        Request("log", "100", arguments, caller="0612345678", channel=uniqueid(10))
    )
    assert told["HATIF_LOG"] == "" and sentence in told["HATIF_LOG_ERROR"]
    assert recorder.journal.seq == 0
