"""An operator's last call is the last one in which they were its operator, whoever had the caller first."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from db.delivery import deliver_all
from db.engine import open_engine
from db.ids import uuid7
from db.journal import Journal
from db.last_calls import LastCall, last_call

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Calls:
    """Writes records of calls as the controller would."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def call(self, began: float, caller: str, first: str, reference: str) -> UUID:
        made = uuid7()
        self._journal.put(
            "call", id=made, caller=caller, language="fr", country="FR", topic="travel", case_reference=reference,
            started=after(began), connected=after(began), operator_id=first,
        )  # fmt: skip
        return made

    def talks(self, call: UUID, operator: str, began: float, role: str = "operator") -> None:
        row = {"call_id": call, "operator_id": operator, "role": role, "began": after(began), "ended": after(began + 9)}
        self._journal.put("pairing", id=uuid7(), **row)


async def test_a_call_that_was_handed_on_is_the_last_call_of_both_operators(url: str, folder: Path) -> None:
    journal = Journal(folder, "rabat-1")
    calls = Calls(journal)
    of_before = calls.call(0, "+33612000001", "1002", "100000017")
    calls.talks(of_before, "1002", 0)
    interpreted = calls.call(5, "+33612000003", "1003", "100000033")
    calls.talks(interpreted, "1003", 5)
    handed_on = calls.call(20, "+33612000002", "1001", "100000025")
    calls.talks(handed_on, "1001", 20)
    calls.talks(handed_on, "1002", 30)
    calls.talks(handed_on, "1003", 31, role="interpreter")
    calls.talks(handed_on, "1004", 32, role="consulted")
    journal.close()
    assert (await deliver_all(folder, url)).rejected == 0
    async with open_engine(url) as engine:
        found = {operator: await last_call(engine, operator) for operator in ("1001", "1002", "1003", "1004")}
    last = LastCall(handed_on, "+33612000002", "fr", "FR", "travel", "100000025")
    assert (found["1001"], found["1002"]) == (last, last)
    # An operator who only took part has another last call, or none: this caller belongs to somebody else.
    assert found["1003"] == LastCall(interpreted, "+33612000003", "fr", "FR", "travel", "100000033")
    assert found["1004"] is None
