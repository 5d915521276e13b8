"""Case files, by the functions that pages and commands share: rights, versions, notes, the audit, a database that is
away. On both databases."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from db.case_files import FileStory, story
from db.case_rows import change_rows, columns_of_call, new_pin_rows
from db.delivery import deliver_all
from db.engine import DatabaseError, async_engine, open_engine, reading, writing
from db.enums import AccountRole
from db.journal import Journal
from db.references import ReferenceAllocator, format_reference, is_valid, make_reference
from db.tables import Audit, CaseChange, CaseFile
from db.traces import Read
from office.cases import changing, opening
from office.cases import reading as cases
from office.cases.changing import Changed, ChangedMeanwhileError
from office.cases.opening import Opened
from office.cases.references import UnknownCaseError
from office.cases.rules import CaseError, CaseRules
from office.context import Office
from office.people import Actor, NotAllowedError
from office.reading import ByCommand, NotOnRecordError, Unshown, Why

pytest_plugins = ["db_fixtures"]

OPENING = {"topic": "documents", "language": "ar", "country": "fr", "title": "A passport", "caller": "0033612345678"}
SOME_DAY = (date.today() + timedelta(days=40)).isoformat()  # noqa: DTZ011 - any day ahead will do
RULES = CaseRules(("ar", "fr"), ("1002", "1003"), ("photograph", "fee"), ZoneInfo("Africa/Casablanca"))
LEILA = Actor("1002", AccountRole.OPERATOR, "1002")
OMAR = Actor("1003", AccountRole.OPERATOR, "1003")
VISITOR = Actor("visitor", AccountRole.VISITOR)
UNKNOWN = make_reference(9, 4711)


@pytest_asyncio.fixture
async def office(url: str, folder: Path, tmp_path: Path) -> AsyncIterator[Office]:
    references = ReferenceAllocator(tmp_path / "case_references", 1, taken=1)
    async with open_engine(url) as engine:
        journal = Journal(folder, "test-1")
        yield Office(engine, journal, "test-1", references=references, pepper="of the tests")
        journal.close()


@asynccontextmanager
async def database_away(office: Office, tmp_path: Path) -> AsyncIterator[None]:
    """Have the office work while its database cannot be reached."""
    there, gone = office.engine, async_engine(f"sqlite:///{tmp_path / 'gone' / 'hatif.db'}")
    office.engine = gone
    try:
        yield
    finally:
        office.engine = there
        await gone.dispose()


async def opened(office: Office, **more: Any) -> Opened:
    return await opening.open_case(office, LEILA, {**OPENING, **more}, RULES)


async def change(office: Office, actor: Actor, reference: str, version: int, **columns: Any) -> Changed:
    return await changing.change(office, actor, reference, version, columns, RULES, Unshown())


async def kept(office: Office, reference: str) -> FileStory:
    return await story(office.engine, reference)


async def acts(office: Office, reference: str) -> list[tuple[str, str]]:
    async with reading(office.engine) as connection:
        about = Audit.about == f"case:{reference}"
        rows = await connection.execute(select(Audit.by, Audit.act).where(about).order_by(Audit.at, Audit.boot))
        return [(row.by, row.act) for row in rows]


async def deliver(folder: Path, url: str) -> None:
    assert (await deliver_all(folder, url)).rejected == 0


def records(folder: Path) -> list[Any]:
    """Return the rows of the journal's records."""
    return [json.loads(line)["row"] for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()[1:]]


def break_journal(folder: Path) -> None:
    """Put a file in the place of the journal's folder, so that nothing can be written."""
    folder.write_text("")


async def test_a_case_is_opened_and_can_be_read_at_once(office: Office) -> None:
    made = await opened(office)
    assert is_valid(made.reference) and len(made.pin) == 6 and made.away is None
    case = await cases.read(office, LEILA, made.reference, ByCommand())
    assert (case.file.country, case.file.caller, case.file.state, case.file.priority, case.file.version) == (
        "FR",
        "+33612345678",
        "open",
        "normal",
        1,
    )
    assert [note.author for note in case.notes] == ["1002"]
    assert case.file.pin is True and case.file.title == "A passport"


async def test_a_change_of_a_version_that_is_no_longer_the_present_one_is_refused_with_both(office: Office) -> None:
    reference = (await opened(office)).reference
    first = await change(office, LEILA, reference, 1, state="incomplete", missing="photograph", follow_up=SOME_DAY)
    assert first.version == 2 and first.before is not None and first.before["state"] == "open"
    with pytest.raises(ChangedMeanwhileError, match="was changed meanwhile") as met:
        await change(office, OMAR, reference, 1, title="Second passport")
    assert format_reference(reference) in str(met.value)
    assert (met.value.story.file.state, met.value.story.file.title, met.value.story.file.version) == (
        "incomplete",
        "A passport",
        2,
    )
    await change(office, OMAR, reference, 2, title="Second passport", priority="urgent")
    case = await kept(office, reference)
    assert (case.file.state, case.file.missing, case.file.title) == ("incomplete", "photograph", "Second passport")
    assert (case.file.priority, str(case.file.follow_up), case.file.version) == ("urgent", SOME_DAY, 3)
    assert any("A passport → Second passport" in note.text for note in case.notes)
    assert await acts(office, reference) == [
        ("1002", "case_opened"),
        ("1002", "case_changed"),
        ("1003", "case_changed"),
    ]


async def test_of_many_changes_at_once_one_succeeds(office: Office) -> None:
    reference = (await opened(office)).reference

    async def one(number: int) -> bool:
        try:
            await change(office, LEILA, reference, 1, title=f"Passport {number}")
        except ChangedMeanwhileError:
            return False
        return True

    assert sorted(await asyncio.gather(*map(one, range(8)))) == [False] * 7 + [True]
    assert [act for _, act in await acts(office, reference)] == ["case_opened", "case_changed"]


async def test_a_change_to_what_is_so_already_makes_no_version_no_note_and_no_audit(office: Office) -> None:
    reference = (await opened(office)).reference
    made = await change(office, LEILA, reference, 1, title=" A passport ")
    assert (made.version, made.new) == (1, {})
    assert len((await kept(office, reference)).notes) == 1
    assert [act for _, act in await acts(office, reference)] == ["case_opened"]


async def test_an_applicants_name_is_text_in_any_script_and_stands_in_no_note_and_no_audit(office: Office) -> None:
    name = "  أَحْمَد <b>بَنْعَلِيّ</b>\t& Müller "
    reference = (await opened(office, applicant=name)).reference
    assert (await kept(office, reference)).file.applicant == "أَحْمَد <b>بَنْعَلِيّ</b> & Müller"
    await change(office, LEILA, reference, 1, applicant="Nadia Fern")
    await change(office, LEILA, reference, 2, applicant=None)
    case = await kept(office, reference)
    assert case.file.applicant is None
    assert [note.text for note in case.notes[1:]] == ["applicant: changed", "applicant: removed"]
    async with reading(office.engine) as connection:
        written = str((await connection.execute(select(Audit.data))).all())
        row = (await connection.execute(select(CaseFile.applicant, CaseFile.applicant_folded))).one()
    assert "Nadia" not in written and "Müller" not in written
    assert tuple(row) == (None, None)


async def test_a_note_that_is_sent_twice_is_one_note(office: Office) -> None:
    reference, identity = (await opened(office)).reference, uuid4()
    for _ in range(2):
        written = "  بطاقة <b>الهوية</b> & 1=1  "
        assert await changing.note(office, OMAR, reference, written, Unshown(), identity=identity) is None
    case = await kept(office, reference)
    assert [(note.author, note.text) for note in case.notes[1:]] == [("1003", "بطاقة <b>الهوية</b> & 1=1")]
    assert case.file.version == 1, "so it disturbs nobody who fills in the form"


async def test_a_new_pin_is_shown_once_and_ends_a_lock(office: Office) -> None:
    made = await opened(office)
    async with writing(office.engine) as connection:
        await connection.execute(update(CaseFile).values(pin_failures=5, pin_locked_until=datetime.now(UTC)))
    new = await changing.new_pin(office, LEILA, made.reference, Unshown())
    assert new != made.pin
    case = await kept(office, made.reference)
    assert (case.file.pin_failures, case.file.pin_locked_until, case.file.version) == (0, None, 1)
    assert new not in str(dataclasses.asdict(case))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"owner": "1"}, "there is no operator '1'"),
        ({"missing": "moon"}, "'moon' is not a word of this site"),
        ({"language": "xx"}, "'xx' is not a language of this site"),
        ({"expected": "2020-01-01"}, "is in the past"),
        ({"follow_up": "2027-02-30"}, "'2027-02-30' is not a date"),
        ({"caller": "12"}, "is not a telephone number"),
        ({"topic": "A topic"}, "is not a topic"),
        ({"applicant": 121 * "a"}, "120 at most"),
        ({"state": None}, "a case always has a state"),
        ({"country": "1x"}, "is not a country"),
        ({"pin_hash": "x"}, "cannot be changed; write one of kind, state"),
    ],
)
def test_what_a_case_cannot_have_is_named_with_its_field(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(CaseError, match=sentence) as refused:
        RULES.check(wrong, datetime.now(UTC))
    assert refused.value.column == next(iter(wrong))


async def test_a_reference_that_is_wrong_or_not_given_out_is_not_found(office: Office, folder: Path) -> None:
    for reference, sentence in (
        ("123456789", "has a wrong check digit"),
        ("nothing", "write its nine digits"),
        (UNKNOWN, "no case has the reference"),
    ):
        for asked in (
            cases.read(office, LEILA, reference, ByCommand()),
            change(office, LEILA, reference, 1, state="ready"),
            changing.note(office, LEILA, reference, "A note.", Unshown()),
            changing.new_pin(office, LEILA, reference, Unshown()),
        ):
            with pytest.raises(UnknownCaseError, match=sentence):
                await asked
    assert records(folder) == []


def test_a_case_has_the_same_instant_however_it_is_given() -> None:
    rules = replace(RULES, zone=ZoneInfo("Europe/Madrid"))
    here = datetime(2027, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
    there = datetime(2027, 7, 1, 10, tzinfo=UTC)
    for due in (here, here.replace(tzinfo=None), there, "2027-07-01T12:00"):
        assert rules.check({"due": due}, there) == {"due": there}


async def test_without_the_right_the_function_itself_refuses_and_nothing_is_read_or_written(
    office: Office, folder: Path
) -> None:
    """Whichever page, command or later API asks it."""
    reference = (await opened(office)).reference
    before = await kept(office, reference), await acts(office, reference)
    for actor in (VISITOR, Actor("boss", AccountRole.ADMINISTRATOR), replace(LEILA, operator=None)):
        for asked in (
            opening.open_case(office, actor, OPENING, RULES),
            change(office, actor, reference, 1, state="ready"),
            changing.note(office, actor, reference, "A note.", Unshown()),
            changing.new_pin(office, actor, reference, Unshown()),
            changing.finish_unmade(office, actor, uuid4()),
            cases.read(office, actor, reference, ByCommand()),
            cases.search(office, actor, "passport", ByCommand()),
            cases.cases(office, actor, ByCommand()),
            cases.caller(office, actor, str(uuid4()), "+33612345678", ByCommand()),
            cases.unmade(office, actor),
        ):
            with pytest.raises(NotAllowedError, match="may not do that"):
                await asked
    assert (await kept(office, reference), await acts(office, reference)) == before
    assert records(folder) == []


class Says:
    """A page whose person says why. `shown`: the cases that a search has found, once that is on record."""

    def __init__(self, reason: str, *, needed: bool = True) -> None:
        self.reason, self.needed = reason, needed
        self.shown: list[tuple[str, ...]] = []

    async def why(self, _: object) -> Why:
        return Why(self.reason, needed=self.needed)

    def recorded(self, shown: Any) -> None:
        self.shown.append(tuple(shown))


async def test_every_way_of_reading_writes_the_audit_before_it_answers(office: Office, folder: Path, url: str) -> None:
    reference, call = (await opened(office)).reference, str(uuid4())
    said = Says("complaint")
    await cases.read(office, OMAR, reference, said)
    assert [row.reference for row in await cases.search(office, OMAR, "PASSPORT", said)] == [reference]
    assert [row.reference for row in await cases.cases(office, OMAR, said, applicant="")] == [reference]
    known = await cases.caller(office, OMAR, call, "+33612345678", said)
    assert known is not None and [row.reference for row in known.cases] == [reference]
    await changing.note(office, OMAR, reference, "Seen.", said)  # a page shows the case that it changes
    assert said.shown == [(), (reference,), (reference,), (), ()]
    written = records(folder)
    assert [(row["by"], row["act"], row["about"], row["reason"]) for row in written] == [
        ("1003", Read.CASE, f"case:{reference}", "complaint"),
        ("1003", Read.SEARCH, None, "complaint"),
        ("1003", Read.SEARCH, None, "complaint"),
        ("1003", Read.CALLER, f"call:{call}", "complaint"),
        ("1003", Read.CASE, f"case:{reference}", "complaint"),
    ]
    assert written[1]["data"] == {"terms": "PASSPORT", "cases": [reference]}
    await deliver(folder, url)
    assert ("1003", "read_case") in await acts(office, reference)


async def test_what_cannot_be_put_on_record_is_not_read(office: Office, folder: Path) -> None:
    reference = (await opened(office)).reference
    break_journal(folder)
    for asked in (
        cases.read(office, OMAR, reference, ByCommand()),
        cases.search(office, OMAR, "passport", ByCommand()),
        cases.cases(office, OMAR, ByCommand()),
        cases.caller(office, OMAR, str(uuid4()), "+33612345678", ByCommand()),
        changing.change(office, OMAR, reference, 1, {"state": "ready"}, RULES, ByCommand()),
    ):
        with pytest.raises(NotOnRecordError, match="Nothing is shown"):
            await asked
    assert (await kept(office, reference)).file.state == "open"
    found = await cases.read(office, OMAR, reference, Says("call", needed=False))
    assert found.file.reference == reference, "a caller waits: the record follows"


async def test_a_change_while_the_database_is_away_is_kept_and_delivered_with_its_version(
    office: Office, folder: Path, tmp_path: Path, url: str
) -> None:
    reference = (await opened(office)).reference
    async with database_away(office, tmp_path):
        first = await change(office, LEILA, reference, 1, state="in_progress", due=f"{SOME_DAY}T12:00")
        assert first.away is not None and (first.before, first.version) == (None, 2)
        # Their page still has the version that it had: the second change is based on the first one.
        second = await change(office, LEILA, reference, 1, state="ready", applicant="Zoé Fern")
        assert second.version == 3
        assert await changing.note(office, LEILA, reference, "A note.", Unshown()) is not None
        with pytest.raises(DatabaseError):
            await cases.read(office, LEILA, reference, ByCommand())
    assert (await kept(office, reference)).file.version == 1
    await deliver(folder, url)
    case = await kept(office, reference)
    assert (case.file.state, case.file.applicant, case.file.version) == ("ready", "Zoé Fern", 3)
    assert str(case.file.due).startswith(SOME_DAY) and case.file.changed is not None
    texts = [note.text for note in case.notes[1:]]
    assert texts[0].startswith("state: open → in_progress; due: none → ")
    assert texts[1:] == ["state: in_progress → ready; applicant: added", "A note."]
    assert await cases.unmade(office, LEILA) == []
    third = await change(office, LEILA, reference, 3, state="closed")
    assert third.version == 4 and third.away is None


async def test_a_record_that_meets_a_newer_version_becomes_a_note_of_the_case_and_a_task_of_its_author(
    office: Office, folder: Path, tmp_path: Path, url: str
) -> None:
    reference = (await opened(office)).reference
    async with database_away(office, tmp_path):
        await change(office, LEILA, reference, 1, title="Lost passport", applicant="Zoé Fern", follow_up=SOME_DAY)
    await change(office, OMAR, reference, 1, title="Passport of a child")
    await deliver(folder, url)
    case = await kept(office, reference)
    assert (case.file.title, case.file.applicant, case.file.version) == ("Passport of a child", None, 2)
    note = case.notes[1]  # of when they made it
    assert note.author == "1002" and note.text.startswith("Not changed, since somebody else had changed the case")
    assert "title: Lost passport" in note.text and SOME_DAY in note.text and "Zoé" not in note.text
    assert ("1002", "case_change_unmade") in await acts(office, reference)
    (task,) = await cases.unmade(office, LEILA)
    assert (task.case_reference, task.columns) == (
        reference,
        {"title": "Lost passport", "applicant": "Zoé Fern", "follow_up": SOME_DAY},
    )
    assert await cases.unmade(office, OMAR) == []
    await changing.finish_unmade(office, OMAR, task.id)
    assert len(await cases.unmade(office, LEILA)) == 1, "nobody but its author ends it"
    await changing.finish_unmade(office, LEILA, task.id)
    assert await cases.unmade(office, LEILA) == []


async def test_a_record_that_finds_its_case_as_it_wants_it_asks_nobody(
    office: Office, folder: Path, tmp_path: Path, url: str
) -> None:
    """As that of a change which the database made, and could not confirm."""
    reference = (await opened(office)).reference
    async with database_away(office, tmp_path):
        await change(office, LEILA, reference, 1, title="Lost passport")
    await change(office, OMAR, reference, 1, title="Lost passport")
    await deliver(folder, url)
    assert await cases.unmade(office, LEILA) == []
    assert [act for _, act in await acts(office, reference)] == ["case_opened", "case_changed"]


async def test_a_case_that_is_opened_while_the_database_is_away_can_be_changed_at_once_and_is_delivered(
    office: Office, folder: Path, tmp_path: Path, url: str
) -> None:
    async with database_away(office, tmp_path):
        made = await opened(office)
        assert made.away is not None
        await change(office, LEILA, made.reference, 1, state="ready")
    await deliver(folder, url)
    case = await kept(office, made.reference)
    assert (case.file.title, case.file.state, case.file.version, len(case.notes)) == ("A passport", "ready", 2, 2)


async def test_a_record_without_a_version_as_an_earlier_release_wrote_it_is_delivered_and_makes_one(
    office: Office, folder: Path, url: str
) -> None:
    reference = (await opened(office)).reference
    office.keep(change_rows({"reference": reference}, {"state": "ready"}, "1002", datetime.now(UTC)))
    office.keep(new_pin_rows(reference, "hash", "1002", datetime.now(UTC)))
    await deliver(folder, url)
    file = (await kept(office, reference)).file
    assert (file.state, file.version) == ("ready", 2), "a new PIN is no new version"


async def test_a_record_about_no_case_is_a_note_and_a_task_as_well(office: Office, folder: Path, url: str) -> None:
    row = {"id": uuid4(), "case_reference": UNKNOWN, "version": 1, "columns": {"state": "ready"}, "author": "1002"}
    office.keep([("case_change", {**row, "at": datetime.now(UTC)})])
    await deliver(folder, url)
    assert [task.case_reference for task in await cases.unmade(office, LEILA)] == [UNKNOWN]


@pytest.mark.parametrize("wrong", [{"no_such": 1}, {"due": "soon"}, {"follow_up": 4}, {"version": "x"}])
async def test_a_record_with_columns_that_no_case_has_is_set_aside(
    office: Office, folder: Path, url: str, wrong: dict[str, Any]
) -> None:
    reference = (await opened(office)).reference
    row = {"id": uuid4(), "case_reference": reference, "version": 1, "columns": wrong, "author": "1002"}
    office.keep([("case_change", {**row, "at": datetime.now(UTC)})])
    assert (await deliver_all(folder, url)).rejected == 1
    assert (await kept(office, reference)).file.version == 1


def by_call(reference: str, now: datetime) -> Mapping[str, Any]:
    return columns_of_call(reference, str(uuid4()), "documents", "fr", "FR", "+33612345678", now)


async def test_a_case_that_a_call_has_just_opened_can_be_read_while_the_database_is_away(
    office: Office, tmp_path: Path
) -> None:
    reference, other = make_reference(1, 17), make_reference(1, 18)
    columns = by_call(reference, office.now())
    office.opened = lambda asked: columns if asked == reference else None
    async with database_away(office, tmp_path):
        found = await cases.read(office, LEILA, reference, ByCommand())
        assert (found.file.kind, found.file.state, found.file.version) == ("enquiry", "open", 1)
        with pytest.raises(DatabaseError):
            await cases.read(office, LEILA, other, ByCommand())
        # Later somebody may have changed it: nothing is shown that may be out of date.
        office.opened = lambda _: {**columns, "opened": office.now() - timedelta(minutes=1)}
        with pytest.raises(DatabaseError):
            await cases.read(office, LEILA, reference, ByCommand())


async def test_the_case_of_a_call_can_be_read_and_changed_before_the_database_has_it(
    office: Office, folder: Path, url: str
) -> None:
    reference = make_reference(1, 17)
    columns = by_call(reference, office.now())
    office.opened = lambda asked: columns if asked == reference else None
    controller = Journal(folder, "test-1")
    controller.put("case_file", **columns)
    before = await cases.read(office, LEILA, reference, ByCommand())
    assert (before.file.caller, before.file.state, before.file.pin) == ("+33612345678", "open", False)

    async def deliver_soon() -> None:
        await asyncio.sleep(0.1)  # as a deliverer does, which writes in groups
        controller.flush()
        await deliver(folder, url)

    delivering = asyncio.create_task(deliver_soon())
    made = await change(office, LEILA, reference, before.file.version, title="A passport")
    await delivering
    assert made.away is None
    await changing.note(office, LEILA, reference, "Wants a passport.", Unshown())
    after = await cases.read(office, LEILA, reference, ByCommand())
    assert (after.file.title, after.file.version, len(after.notes)) == ("A passport", 2, 2)
    assert replace(after.file, title=None, version=1) == replace(
        before.file, call_id=after.file.call_id, node=after.file.node
    )
    controller.close()


async def test_a_change_of_a_calls_case_that_the_database_gets_late_is_kept_in_the_journal(
    office: Office, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "_DELIVERED_S", 0.0)
    reference = make_reference(1, 17)
    columns = by_call(reference, office.now())
    office.opened = lambda asked: columns if asked == reference else None
    controller = Journal(folder, "test-1")  # of an earlier start than the office's first record
    made = await change(office, LEILA, reference, 1, title="A passport")
    assert made.away is not None and "does not have case" in made.away
    controller.put("case_file", **columns)
    controller.close()
    async with reading(office.engine) as connection:
        assert (await connection.execute(select(CaseChange))).all() == []
