"""The case that a call opens at the answer: it can be read and changed at once, before the database has it."""

import time
from pathlib import Path

import pytest

from db.delivery import deliver_all
from db.ids import uuid7
from db.journal import Journal
from ivr.cases.case_changes import change_rows, note_rows
from ivr.cases.case_repository import CaseRepository, UnknownCaseError
from ivr.model import clock
from ivr.model.call_state import CallState
from ivr.records import opened_cases
from ivr.records.database_client import SharedEngine
from ivr.records.opened_cases import OpenedCases
from ivr.records.recorder import Recorder
from ivr.trial.records import FakeReferences

pytest_plugins = ["db_fixtures"]


async def test_a_case_that_a_call_has_just_opened_can_be_read_while_the_database_is_away(tmp_path: Path) -> None:
    opened = OpenedCases()
    repository = CaseRepository(
        SharedEngine(f"sqlite:///{tmp_path / 'gone' / 'hatif.db'}"), Journal(tmp_path / "journal", "test-1"), opened
    )
    opened.put("123456782", {"reference": "123456782", "kind": "enquiry", "opened": clock.now()}, 1)
    found = await repository.read("123456782")
    assert found is not None and (found.file["kind"], found.file["state"]) == ("enquiry", "open")
    assert await repository.read("123456790") is None
    await repository.shared.close()


@pytest.mark.parametrize("new_s", [2.0, 0.0], ids=["without asking it", "asking it"])
async def test_the_case_of_a_call_can_be_read_and_changed_before_the_database_has_it(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_s: float
) -> None:
    monkeypatch.setattr(opened_cases, "NEW_S", new_s)
    journal = Journal(tmp_path / "journal", "test-1")
    recorder = Recorder(journal, FakeReferences(1))
    repository = CaseRepository(SharedEngine(sqlite_url), journal, recorder.opened_cases)
    reference = recorder.new_case_reference()
    assert reference is not None
    state = CallState(
        id=str(uuid7()), flow="1", node="operator", number="+33800212000", caller="+33612345678", country="FR",
        language="fr", topic="documents", case=reference, operator="1002", offer=str(uuid7()), first=True,
        connected_at=time.time(),
    )  # fmt: skip
    try:
        with pytest.raises(UnknownCaseError):
            await repository.read(reference)
        recorder.call_started(state, "channel", clock.now())
        recorder.connected(state)
        before = await repository.read(reference)
        assert before is not None
        assert (before.file["caller"], before.file["state"], before.file["pin"]) == ("+33612345678", "open", False)
        repository.put(reference, note_rows(reference, "Wants a passport.", "1002", clock.now()))
        repository.put(reference, change_rows(before.file, {"title": "A passport"}, "1002", clock.now()))
        changed = await repository.read(reference)
        assert changed is not None and changed.file["title"] == "A passport" and len(changed.notes) == 2
        journal.flush()
        await deliver_all(tmp_path / "journal", sqlite_url)
        monkeypatch.setattr(opened_cases, "NEW_S", 0.0)
        after = await repository.read(reference)
        assert after is not None and (after.version, after.file["opened"]) == (changed.version, changed.file["opened"])
        assert not recorder.opened_cases.get(reference), "the database has it"
    finally:
        await repository.shared.close()
        journal.close()


def test_of_the_cases_that_nobody_asks_for_the_latest_are_remembered() -> None:
    opened = OpenedCases(most=2)
    for seq, reference in enumerate(("a", "b", "c", "b"), 1):
        opened.put(reference, {"reference": reference}, seq)
    assert [bool(opened.get(reference)) for reference in "abc"] == [False, True, True]
    opened.forget(3)
    assert [bool(opened.get(reference)) for reference in "abc"] == [False, True, False]
