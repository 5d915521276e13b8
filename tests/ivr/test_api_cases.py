"""Case files through the control API: they are opened, changed and noted, and nothing is overwritten unseen."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from left import rows
from line import Line
from test_api_answers import ask, problem

from db.delivery import deliver_all
from db.journal import Journal
from db.references import format_reference, is_valid
from db.tables import Audit, CaseFile, CaseNote
from ivr.cases.case_changes import change_rows, note_rows, opening_rows, version_of
from ivr.cases.case_repository import CaseContent, CaseRepository
from ivr.cases.case_rules import CaseRules
from ivr.model import clock
from ivr.records.database_client import DatabaseClient, SharedEngine
from ivr.records.opened_cases import OpenedCases

pytest_plugins = ["db_fixtures"]

OPENING = {"topic": "documents", "language": "ar", "country": "fr", "title": "A passport", "caller": "0033612345678"}
REFERENCE = "123456782"
SOME_DAY = (date.today() + timedelta(days=40)).isoformat()  # noqa: DTZ011 - any day ahead will do


def done(line: Line, method: str, path: str, body: object = None) -> Any:
    status, _, document = ask(line, method, f"/v1/cases{path}", body, Hatif_Actor="1002")
    assert status in (200, 201), document
    return document


async def delivered(line: Line, table: Any, count: int = 1, **wanted: object) -> None:
    """Wait until the database has so many rows."""
    async with asyncio.timeout(10):
        while len(await rows(line, table, **wanted)) < count:  # noqa: ASYNC110 - another process delivers
            await asyncio.sleep(0.05)


def refused(line: Line, method: str, path: str, body: object = None) -> dict[str, Any]:
    return problem(line, method, f"/v1/cases{path}", body, Hatif_Actor="1002")


async def test_a_case_is_opened_and_can_be_read_at_once(line: Line) -> None:
    opened = done(line, "POST", "", OPENING)
    assert is_valid(opened["reference"]) and len(opened["pin"]) == 6
    case = done(line, "GET", f"/{opened['reference']}")  # before the journal is delivered, too
    assert case["version"] == opened["version"]
    assert (case["country"], case["caller"], case["state"], case["priority"]) == (
        "FR",
        "+33612345678",
        "open",
        "normal",
    )
    assert [note["author"] for note in case["notes"]] == ["1002"]
    await delivered(line, CaseFile, reference=opened["reference"])
    shown = line.json("case", "show", opened["reference"])
    assert shown["pin"] is True and shown["title"] == "A passport"


async def test_a_change_of_a_version_that_is_no_longer_the_present_one_is_refused_with_both(line: Line) -> None:
    opened = done(line, "POST", "", OPENING)
    path, version = f"/{opened['reference']}", opened["version"]
    first = {"version": version, "state": "incomplete", "missing": ["photograph"], "follow_up": SOME_DAY}
    kept = done(line, "PATCH", path, first)
    assert kept["version"] != version
    found = refused(line, "PATCH", path, {"version": version, "title": "Second passport"})
    assert (found["status"], found["code"]) == (409, "case_changed")
    assert (found["case"]["state"], found["case"]["title"]) == ("incomplete", "A passport")
    assert found["case"]["version"] == kept["version"]
    done(line, "PATCH", path, {"version": kept["version"], "title": "Second passport", "priority": "urgent"})
    case = done(line, "GET", path)
    assert (case["state"], case["missing"], case["title"]) == ("incomplete", ["photograph"], "Second passport")
    assert (case["priority"], case["follow_up"]) == ("urgent", SOME_DAY)
    assert any("A passport → Second passport" in note["text"] for note in case["notes"])
    await delivered(line, Audit, 3, about=f"case:{opened['reference']}")
    acts = [row for row in line.json("audit", "--last", "50") if row["about"] == f"case:{opened['reference']}"]
    assert {(row["by"], row["act"]) for row in acts} == {("1002", "case_opened"), ("1002", "case_changed")}


async def test_an_applicants_name_is_text_in_any_script_and_stands_in_no_note_and_no_audit(line: Line) -> None:
    name = "  أَحْمَد <b>بَنْعَلِيّ</b>\t& Müller "
    kept = "أَحْمَد <b>بَنْعَلِيّ</b> & Müller"
    opened = done(line, "POST", "", {**OPENING, "applicant": name})
    path = f"/{opened['reference']}"
    assert done(line, "GET", path)["applicant"] == kept
    changed = done(line, "PATCH", path, {"version": opened["version"], "applicant": "Nadia Fern"})
    done(line, "PATCH", path, {"version": changed["version"], "applicant": None})
    case = done(line, "GET", path)
    assert case["applicant"] is None
    assert [note["text"] for note in case["notes"][1:]] == ["applicant: changed", "applicant: removed"]
    await delivered(line, Audit, 3, about=f"case:{opened['reference']}")
    written = str([row.data for row in await rows(line, Audit, about=f"case:{opened['reference']}")])
    assert "Nadia" not in written and "Müller" not in written
    (row,) = await rows(line, CaseFile, reference=opened["reference"])
    assert (row.applicant, row.applicant_folded) == (None, None)


async def test_of_many_changes_at_once_one_succeeds(line: Line) -> None:
    opened = done(line, "POST", "", OPENING)
    path = f"/v1/cases/{opened['reference']}"

    def change(number: int) -> int:
        body = {"version": opened["version"], "title": f"Passport {number}"}
        return ask(line, "PATCH", path, body, Hatif_Actor="1002")[0]

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(change, range(8)))
    assert sorted(statuses) == [200] + [409] * 7


async def test_a_change_by_the_command_makes_a_new_version_too(line: Line) -> None:
    opened = done(line, "POST", "", OPENING)
    await delivered(line, CaseFile, reference=opened["reference"])
    line.run("case", "set", opened["reference"], "--priority", "high")
    found = refused(line, "PATCH", f"/{opened['reference']}", {"version": opened["version"], "state": "ready"})
    assert (found["status"], found["case"]["priority"]) == (409, "high")


async def test_a_change_by_the_command_overwrites_nothing_that_only_the_controllers_journal_has(line: Line) -> None:
    opened = done(line, "POST", "", OPENING)
    reference = opened["reference"]
    await delivered(line, CaseFile, reference=reference)
    await line.stop_process("journal")
    try:
        done(line, "PATCH", f"/{reference}", {"version": opened["version"], "state": "incomplete", "owner": "1002"})
        changed = await asyncio.to_thread(line.json, "case", "set", reference, "--state", "open", "--due", SOME_DAY)
        assert changed["changes"]["state"] == ["incomplete", "open"] and changed["changes"]["due"][0] is None
        was = line.run("case", "set", reference, "--owner", "1003", "--version", opened["version"])
        assert was.returncode == 1 and "was changed meanwhile" in was.stderr
        assert f"hatif case show {format_reference(reference)}" in was.stderr
    finally:
        line.start_processes()
    case = done(line, "GET", f"/{reference}")
    assert (case["state"], case["owner"]) == ("open", "1002")
    line.run("case", "set", reference, "--missing", "photograph,fee", "--version", case["version"])
    assert done(line, "GET", f"/{reference}")["missing"] == ["photograph", "fee"]
    assert "no change" in line.run("case", "set", reference, "--missing", "photograph,fee", "--due", SOME_DAY).stdout


async def test_a_note_that_is_sent_twice_is_one_note(line: Line) -> None:
    opened = done(line, "POST", "", OPENING)
    note = {"id": str(uuid4()), "text": "  بطاقة <b>الهوية</b> & 1=1  "}
    for _ in range(2):
        kept = done(line, "POST", f"/{opened['reference']}/notes", note)
        assert kept["version"] == opened["version"]  # so it disturbs nobody who fills in the form
    texts = [row["text"] for row in done(line, "GET", f"/{opened['reference']}")["notes"]]
    assert texts.count("بطاقة <b>الهوية</b> & 1=1") == 1
    await delivered(line, CaseNote, 2, case_reference=opened["reference"])  # the first is about its opening
    shown = line.json("case", "show", opened["reference"])["notes"]
    assert [row["text"] for row in shown].count("بطاقة <b>الهوية</b> & 1=1") == 1


async def test_a_new_pin_is_shown_once(line: Line) -> None:
    opened = done(line, "POST", "", OPENING)
    new = done(line, "POST", f"/{opened['reference']}/pin")
    assert new["reference"] == opened["reference"] and new["pin"] != opened["pin"]
    assert new["pin"] not in str(done(line, "GET", f"/{opened['reference']}"))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"owner": "1"}, "There is no operator '1'"),
        ({"missing": ["moon"]}, "'moon' is not a word of this site"),
        ({"language": "xx"}, "'xx' is not a language of this site"),
        ({"expected": "2020-01-01"}, "is in the past"),
        ({"caller": "12"}, "is not a telephone number"),
        ({"topic": "A topic"}, "is not a topic"),
        ({"applicant": 121 * "a"}, "at most 120 characters"),
        ({"state": None}, "A case always has a state"),
        ({"country": "1x"}, "is not a country"),
    ],
)
async def test_what_a_case_cannot_have_is_named_with_its_field(
    line: Line, wrong: dict[str, object], sentence: str
) -> None:
    opened = done(line, "POST", "", OPENING)
    found = refused(line, "PATCH", f"/{opened['reference']}", {"version": opened["version"], **wrong})
    assert found["status"] == 422 and sentence in found["detail"]
    assert [error["location"] for error in found["errors"]] == [f"body.{next(iter(wrong))}"]
    assert done(line, "GET", f"/{opened['reference']}")["version"] == opened["version"]


async def test_a_reference_that_is_wrong_or_not_given_out_is_not_found(line: Line) -> None:
    assert "nine digits" in refused(line, "GET", "/123456789")["detail"]
    assert refused(line, "GET", "/nothing")["status"] == 404
    unknown = next(f"{number}" for number in range(900_000_000, 900_000_100) if is_valid(str(number)))
    assert refused(line, "PATCH", f"/{unknown}", {"version": "", "state": "ready"})["status"] == 404


async def test_a_change_is_kept_while_the_database_is_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "test-1")
    repository = CaseRepository(SharedEngine(f"sqlite:///{tmp_path / 'gone' / 'hatif.db'}"), journal, OpenedCases())
    try:
        assert await repository.read(REFERENCE) is None and repository.why
        for change in ({"state": "in_progress"}, {"state": "ready", "applicant": "Zoé Fern"}):
            known = {"reference": REFERENCE, **repository.kept(REFERENCE)}
            repository.put(REFERENCE, change_rows(known, change, "1002", clock.now()))
        kept = repository.kept(REFERENCE)
        assert (kept["state"], kept["applicant"], kept["applicant_folded"]) == ("ready", "Zoé Fern", "zoe fern")
    finally:
        await repository.shared.close()
        journal.close()
    written = "".join(path.read_text() for path in (tmp_path / "journal").glob("*.jsonl"))
    assert '"state: in_progress"' in written and "in_progress → ready; applicant: changed" in written


def test_a_case_has_the_same_version_once_the_database_has_it_in_utc() -> None:
    rules = CaseRules((), (), (), ZoneInfo("Europe/Madrid"))
    here = datetime(2027, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
    there = datetime(2027, 7, 1, 10, tzinfo=UTC)
    for due in (here, here.replace(tzinfo=None), there):
        assert version_of(rules.check({"due": due}, there)) == version_of({"due": there})


@pytest.fixture
async def cases(sqlite_url: str, folder: Path) -> AsyncIterator[CaseRepository]:
    journal = Journal(folder, "test-1")
    repository = CaseRepository(SharedEngine(sqlite_url), journal, OpenedCases())
    opening = {"kind": "enquiry", "topic": "documents", "title": "A passport", "applicant": "Zoé Fern"}
    repository.put(REFERENCE, opening_rows(REFERENCE, opening, "hash", "1002", clock.now()))
    yield repository
    await repository.shared.close()
    journal.close()


async def deliver(repository: CaseRepository, sqlite_url: str, folder: Path) -> None:
    repository._journal.flush()
    assert (await deliver_all(folder, sqlite_url)).rejected == 0


async def content(repository: CaseRepository) -> CaseContent:
    found = await repository.read(REFERENCE)
    assert found is not None
    return found


async def test_a_case_reads_the_same_before_and_after_its_records_are_delivered(
    cases: CaseRepository, sqlite_url: str, folder: Path
) -> None:
    before = await content(cases)
    await deliver(cases, sqlite_url, folder)
    assert await content(cases) == before
    assert before.file["pin"] is True and before.file["priority"] == "normal"


async def test_a_note_that_is_sent_again_after_it_was_delivered_is_still_one_note(
    cases: CaseRepository, sqlite_url: str, folder: Path
) -> None:
    note = uuid4()
    cases.put(REFERENCE, note_rows(REFERENCE, "Twice.", "1002", clock.now(), note=note))
    await deliver(cases, sqlite_url, folder)
    cases.put(REFERENCE, note_rows(REFERENCE, "Twice.", "1002", clock.now(), note=note))
    for _ in range(2):
        assert [row["text"] for row in (await content(cases)).notes].count("Twice.") == 1
        await deliver(cases, sqlite_url, folder)


async def test_a_change_that_is_delivered_while_its_case_is_read_is_not_missed(
    cases: CaseRepository, sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deliver(cases, sqlite_url, folder)
    cases.put(REFERENCE, change_rows((await content(cases)).file, {"state": "ready"}, "1002", clock.now()))
    ask = DatabaseClient.ask

    async def slow(client: DatabaseClient, module: str, query: Any) -> Any:
        found = await ask(client, module, query)
        monkeypatch.setattr(DatabaseClient, "ask", ask)
        await deliver(cases, sqlite_url, folder)
        await content(cases)  # another read, which finds that everything is delivered
        return found

    monkeypatch.setattr(DatabaseClient, "ask", slow)
    assert (await content(cases)).file["state"] == "ready"
