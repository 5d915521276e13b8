"""Case files for callers, on a real database and without a telephone: who hears what, and who hears nothing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from db import case_files, case_rows, pin_hashes, pins
from db.audit import audit_entries
from db.delivery import deliver_all
from db.engine import CONNECT_S, async_engine, writing
from db.journal import Journal
from db.references import ReferenceAllocator, make_reference
from ivr.cases.case_lookup import CaseLookup, CaseStatus, Locked, NoMatch, Unavailable
from ivr.cases.guessing import Guessing
from ivr.records.database import LIMIT_S, Database
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from office import delivery

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PEPPER = "the-pepper-of-the-test"
PIN, WRONG = "402913", "402914"
ANNA, BEN, NOBODYS, WITHOUT_PIN = (make_reference(1, counter) for counter in (1001, 1002, 1003, 1004))
CALLER, OTHER, APPLICANT = "+33612345678", "+32470123456", "+31612345678"


@dataclass
class House:
    """A controller's journal, its case files, and a database that gets the journal when a test says so."""

    url: str
    folder: Path
    journal: Journal
    database: Database
    files: CaseLookup

    def start(self) -> None:
        self.journal = Journal(self.folder, "node1")
        self.database = Database(SharedEngine(self.url))
        self.files = CaseLookup(
            self.database, Recorder(self.journal, ReferenceAllocator(self.folder / "references", 1)), PEPPER
        )

    async def killed(self) -> None:
        """Start the next controller with what a `kill -9` leaves: the journal's file."""
        await self.close()
        self.journal._pending.clear()
        await self.delivered()
        self.start()

    async def close(self) -> None:
        self.files.close()
        await self.database.shared.close()

    async def delivered(self) -> None:
        assert (await deliver_all(self.folder, self.url)).rejected == 0

    async def ask(
        self, reference: str, entered: str, caller: str = CALLER, call: str = "call"
    ) -> CaseStatus | NoMatch | Locked | Unavailable:
        for _ in range(20):
            answer = await self.files.ask(reference, entered, caller=caller, call=call)
            if answer != Unavailable():
                break  # else the machine is busy, and nothing was counted
        return answer


@pytest.fixture
async def dear_house(sqlite_url: str, folder: Path) -> AsyncIterator[House]:
    """A house whose PINs are hashed as in production, for tests of the time or cost of a comparison."""
    rows: case_rows.Rows = []
    for reference in (ANNA, BEN):
        columns = {
            "kind": "procedure",
            "state": "in_progress",
            "missing": "fee,photograph",
            "caller": APPLICANT if reference == ANNA else None,
            "expected": date(2027, 1, 15),
        }
        rows += case_rows.opening_rows(reference, columns, pin_hashes.hash_pin(PIN, PEPPER), "test", NOW)
    rows.append(("case_file", {"reference": WITHOUT_PIN, "kind": "enquiry", "opened": NOW}))
    assert await asyncio.to_thread(delivery.keep, folder, "node1", sqlite_url, rows) is None
    made = House.__new__(House)
    made.url, made.folder = sqlite_url, folder
    made.start()
    await made.files.warm()
    yield made
    await made.close()
    made.journal.close()


@pytest.fixture
async def house(quick_hashes: None, dear_house: House) -> House:
    return dear_house


# Answers


async def test_a_caller_with_reference_and_pin_hears_the_state_of_the_file(house: House) -> None:
    assert await house.ask(ANNA, PIN) == CaseStatus(ANNA, "in_progress", ("fee", "photograph"), date(2027, 1, 15))


async def test_a_caller_with_reference_and_pin_waits_longer_for_a_busy_database_than_for_other_reads(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = case_files.claim

    async def late(*arguments: Any) -> case_files.Claim:
        await asyncio.sleep(2 * LIMIT_S)
        return await claim(*arguments)

    monkeypatch.setattr(case_files, "claim", late)
    assert isinstance(await house.ask(ANNA, PIN), CaseStatus)


async def test_a_wrong_pin_and_no_pin_and_no_file_get_the_same_answer(house: House) -> None:
    answers = [
        await house.ask(reference, WRONG, f"+3361000000{n}", str(n))
        for n, reference in enumerate((ANNA, WITHOUT_PIN, NOBODYS))
    ]
    assert answers == [NoMatch(False)] * 3


async def test_a_wrong_pin_and_no_pin_and_no_file_cost_one_equally_expensive_comparison(
    dear_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So the answers take the same time. Without a hash to compare, an answer would take a twentieth of it.
    compared: list[tuple[str, str]] = []
    matches = pin_hashes.matches

    def counted(entered: str, kept: str, pepper: str) -> bool:
        compared.append((entered, kept))
        return matches(entered, kept, pepper)

    monkeypatch.setattr(pin_hashes, "matches", counted)
    for reference in (ANNA, WITHOUT_PIN, NOBODYS):
        compared.clear()
        answer = await dear_house.ask(reference, WRONG, f"+3361{reference[-5:]}", reference)
        assert answer == NoMatch(locked=False)
        ((entered, kept),) = compared
        assert entered == WRONG
        assert kept.startswith("$sealed$argon2id$v=19$m=32768,t=3,p=1$")


# Too many attempts


@pytest.mark.parametrize("reference", [ANNA, WITHOUT_PIN, NOBODYS])
async def test_three_wrong_pins_lock_a_reference_even_if_there_is_no_such_file(house: House, reference: str) -> None:
    callers = [f"+3361000000{n}" for n in range(4)]
    answers = [await house.ask(reference, WRONG, caller, caller) for caller in callers]
    assert answers == [NoMatch(False), NoMatch(False), NoMatch(True), Locked()]


async def test_forty_calls_that_try_a_file_at_the_same_moment_get_three_attempts(dear_house: House) -> None:
    answers = await asyncio.gather(*(dear_house.ask(ANNA, WRONG, f"+336100000{n:02}", str(n)) for n in range(40)))
    assert sum(isinstance(answer, NoMatch) for answer in answers) == 3
    assert sum(answer == Locked() for answer in answers) == 37


async def test_a_right_pin_is_not_confirmed_while_the_file_is_locked(house: House) -> None:
    for n in range(3):
        await house.ask(ANNA, WRONG, f"+3361000000{n}", str(n))
    assert await house.ask(ANNA, PIN, OTHER, "owner") == Locked()
    assert isinstance(await house.ask(BEN, PIN, OTHER, "owner"), CaseStatus)


async def test_a_number_that_has_tried_several_files_has_one_attempt_a_call_and_is_not_shut_out(house: House) -> None:
    for n, reference in enumerate((WITHOUT_PIN, NOBODYS, NOBODYS)):
        assert await house.ask(reference, WRONG, call=str(n)) == NoMatch(False)
    assert isinstance(await house.ask(BEN, PIN, call="next"), CaseStatus)
    assert await house.ask(WITHOUT_PIN, WRONG, call="another") == NoMatch(True)
    assert await house.ask(BEN, PIN, call="another") == Locked()
    assert isinstance(await house.ask(BEN, PIN, call="last"), CaseStatus)


async def test_an_applicant_is_not_locked_out_by_what_others_do_at_their_file_or_under_their_forged_number(
    house: House,
) -> None:
    for n in range(3):
        await house.ask(ANNA, WRONG, f"+3361000000{n}", f"stranger {n}")
    for n, reference in enumerate((BEN, NOBODYS, WITHOUT_PIN)):
        await house.ask(reference, WRONG, APPLICANT, f"forged {n}")
    assert await house.ask(ANNA, PIN, OTHER, "stranger") == Locked()
    assert isinstance(await house.ask(ANNA, PIN, APPLICANT, "applicant"), CaseStatus)


async def test_an_applicant_whose_number_is_forged_at_their_file_is_called_on_it_after_the_right_pin(
    house: House,
) -> None:
    for n in range(3):
        await house.ask(ANNA, WRONG, APPLICANT, f"forged {n}")
    await house.killed()  # the lock survives it
    # Nothing is told in a call that only shows the number, and nothing that the caller hears depends on the PIN.
    assert await house.ask(ANNA, WRONG, APPLICANT, "forged again") == Locked(own=True, right=False)
    assert await house.ask(ANNA, PIN, APPLICANT, "applicant") == Locked(own=True, right=True)
    # Whoever forges a number cannot be called on it: what was guessed under it does not count there.
    assert isinstance(await house.files.ask(ANNA, PIN, caller=APPLICANT, call="ours", dialled=True), CaseStatus)
    # That call does not unlock the other way for the forger.
    assert await house.ask(ANNA, WRONG, APPLICANT, "forged at last") == Locked(own=True, right=False)
    # Somebody else who picks up has limits, too, and these keep nobody else out.
    for n in range(3):
        await house.files.ask(ANNA, WRONG, caller=APPLICANT, call=f"ours {n}", dialled=True)
    assert await house.files.ask(ANNA, PIN, caller=APPLICANT, call="ours", dialled=True) == Locked()
    assert isinstance(await house.files.ask(ANNA, PIN, caller=OTHER, call="ours", dialled=True), CaseStatus)


async def test_each_call_from_a_hidden_number_has_three_attempts(house: House) -> None:
    for reference in (ANNA, BEN, NOBODYS):
        await house.ask(reference, WRONG, "", "first")
    assert await house.ask(ANNA, PIN, "", "first") == Locked()
    assert isinstance(await house.ask(ANNA, PIN, "", "second"), CaseStatus)


async def test_no_number_of_failures_shuts_out_callers_who_hide_their_number(house: House) -> None:
    house.files.guessing = Guessing(100, 100)
    made_up = [make_reference(2, 5000 + n) for n in range(31)]
    for reference in made_up:
        assert isinstance(await house.ask(reference, WRONG, "", reference), NoMatch)
    assert isinstance(await house.ask(ANNA, PIN, "", "next"), CaseStatus)
    assert await house.ask(make_reference(2, 6000), WRONG, "", "last") == NoMatch(True), "one attempt a call"


async def test_when_many_files_are_tried_people_are_told_and_strangers_get_an_operator(house: House) -> None:
    house.files.guessing = Guessing(3, 5)
    for n in range(6):
        await house.ask(make_reference(2, 5000 + n), WRONG, f"+3361000000{n}", str(n))
    assert await house.ask(BEN, PIN, OTHER, "stranger") == Locked()
    assert isinstance(await house.ask(ANNA, PIN, APPLICANT, "applicant"), CaseStatus)
    assert isinstance(await house.files.ask(BEN, PIN, caller=OTHER, call="ours", dialled=True), CaseStatus)
    await house.delivered()
    engine = async_engine(house.url)
    rows = await audit_entries(engine, 10, "pin_guessing")
    await engine.dispose()
    assert [row.data for row in reversed(rows)] == [{"files": 3, "numbers": 3}, {"files": 5, "numbers": 5}]


async def test_hashes_of_before_the_pepper_are_sealed_at_the_upgrade_and_go_on(house: House) -> None:
    former = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PIN)
    rows = [("case_file", {"reference": BEN, "pin_hash": former})]
    assert await asyncio.to_thread(delivery.keep, house.folder, "node1", house.url, rows) is None
    assert isinstance(await house.ask(BEN, PIN, call="before"), CaseStatus)
    engine = async_engine(house.url)
    assert [await pins.rewrite(engine, "$argon2", lambda text: pin_hashes.sealed(text, PEPPER)) for _ in range(2)] == [
        1,
        0,
    ]
    claim = await case_files.claim(engine, BEN, CALLER)
    await engine.dispose()
    assert claim.file is not None and claim.file.pin_hash == pin_hashes.sealed(former, PEPPER) != former
    assert isinstance(await house.ask(BEN, PIN, call="after"), CaseStatus)
    assert await house.ask(BEN, WRONG, call="after") == NoMatch(False)


async def test_a_right_pin_clears_the_failures_of_the_file_but_not_of_the_number(house: House) -> None:
    await house.ask(ANNA, WRONG, call="a")
    await house.ask(ANNA, WRONG, call="b")
    assert isinstance(await house.ask(ANNA, PIN, call="c"), CaseStatus)
    await house.delivered()
    engine = async_engine(house.url)
    claim = await case_files.claim(engine, ANNA, CALLER)
    await engine.dispose()
    assert claim.file is not None
    assert (claim.file.tried.failures, claim.file.tried.locked_until) == (0, None)
    assert claim.tried.failures == 2
    await house.ask(BEN, WRONG, call="d")
    assert await house.ask(BEN, WRONG, call="e") == NoMatch(True), "the number has three failures: one attempt a call"


async def test_a_lock_survives_a_killed_controller(house: House) -> None:
    for n in range(3):
        await house.ask(ANNA, WRONG, f"+3361000000{n}", str(n))
    for n, reference in enumerate((BEN, NOBODYS, WITHOUT_PIN)):
        await house.ask(reference, WRONG, CALLER, f"next {n}")
    await house.killed()
    assert await house.ask(ANNA, PIN, OTHER, "file") == Locked()
    assert await house.ask(BEN, WRONG, CALLER, "number") == NoMatch(True), "one attempt a call"


async def test_an_attempt_that_began_before_the_controller_was_killed_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = asyncio.Event()

    async def never_done(entered: str, kept: str) -> bool:
        checked.set()
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(house.files, "_matches", never_done)
    for n in range(3):
        checked.clear()
        attempt = asyncio.create_task(house.ask(ANNA, PIN, f"+3361000000{n}", str(n)))
        async with asyncio.timeout(10):
            await checked.wait()
        assert house.journal.waiting == 0
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    await house.killed()
    assert await house.ask(ANNA, PIN, OTHER, "owner") == Locked()


async def test_a_new_pin_ends_a_lock_and_the_former_one_is_wrong(house: House) -> None:
    for n in range(3):
        await house.ask(ANNA, WRONG, f"+3361000000{n}", str(n))
    rows = case_rows.new_pin_rows(ANNA, pin_hashes.hash_pin("118273", PEPPER), "test", NOW)
    assert await asyncio.to_thread(delivery.keep, house.folder, "node1", house.url, rows) is None
    assert await house.ask(ANNA, PIN, OTHER, "former") == NoMatch(False)
    assert isinstance(await house.ask(ANNA, "118273", OTHER, "new"), CaseStatus)


# A database that is away


async def test_while_the_database_is_away_the_answer_is_unavailable_and_no_attempt_is_counted(house: House) -> None:
    engine = async_engine(house.url)
    async with writing(engine) as connection:
        await connection.execute(text("ALTER TABLE case_file RENAME TO away"))
    for n in range(5):
        assert await house.files.ask(ANNA, WRONG, caller=CALLER, call=str(n)) == Unavailable()
    async with writing(engine) as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO case_file"))
    await engine.dispose()
    assert isinstance(await house.ask(ANNA, PIN), CaseStatus)


@pytest.mark.parametrize("url", ["mysql://somewhere/else", "sqlite:////no/such/folder/hatif.db"])
async def test_an_unusable_database_is_unavailable_and_ends_no_call(folder: Path, url: str) -> None:
    journal = Journal(folder, "node1")
    database = Database(SharedEngine(url))
    files = CaseLookup(database, Recorder(journal, ReferenceAllocator(folder / "r", 1)), PEPPER)
    await files.warm()
    assert await files.ask(ANNA, PIN, caller=CALLER, call="call") == Unavailable()
    files.close()
    await database.shared.close()


async def test_a_server_that_does_not_answer_is_unavailable_within_the_limit(folder: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    journal = Journal(folder, "node1")
    database = Database(SharedEngine(f"postgresql://nobody@127.0.0.1:{port}/hatif"))
    files = CaseLookup(database, Recorder(journal, ReferenceAllocator(folder / "r", 1)), PEPPER)
    try:
        await files.warm()
        began = time.perf_counter()
        assert await files.ask(ANNA, PIN, caller=CALLER, call="call") == Unavailable()
        assert time.perf_counter() - began < CONNECT_S / 2
    finally:
        files.close()
        await database.shared.close()
        server.close()
        await server.wait_closed()
