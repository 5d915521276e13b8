"""A former position in the queue is taken once, by the same number, in the same language, and soon enough."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from db.ids import uuid7
from db.returners import FormerWait
from ivr.model.call_state import CallState
from ivr.records.database import Database
from ivr.records.database_client import SharedEngine
from ivr.records.returners import Place, Returners

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT = NOW.timestamp()
WITHIN_S = 600.0
STATE = CallState(str(uuid7()), "f", "queue", "+33800212000", "+33612345678", "fr", "FR")
CALL = UUID("0199f000-0000-7000-8000-00000000000a")
FORMER = FormerWait(CALL, "fr", AT - 300, NOW - timedelta(seconds=60))


def places(tmp_path: Path, within_s: float = WITHIN_S) -> Returners:
    return Returners(Database(SharedEngine(f"sqlite:///{tmp_path}/none/hatif.db")), within_s)


def test_a_caller_who_calls_again_soon_keeps_their_place(tmp_path: Path) -> None:
    assert places(tmp_path).take(STATE, FORMER, AT) == Place(AT - 300, str(CALL))


def test_a_former_position_is_taken_once(tmp_path: Path) -> None:
    returners = places(tmp_path)
    assert returners.take(STATE, FORMER, AT) is not None
    assert returners.take(STATE, FORMER, AT + 1) is None
    other = replace(FORMER, call=uuid7())
    assert returners.take(STATE, other, AT + 1) is not None


def test_a_former_position_is_kept_for_ten_minutes(tmp_path: Path) -> None:
    late = replace(FORMER, ended=NOW - timedelta(seconds=WITHIN_S))
    assert places(tmp_path).take(STATE, late, AT) is not None
    assert places(tmp_path).take(STATE, late, AT + 0.01) is None


def test_a_caller_who_calls_back_in_another_language_gets_no_former_position(tmp_path: Path) -> None:
    assert places(tmp_path).take(STATE.replace(language="nl"), FORMER, AT) is None


def test_a_clock_set_back_never_gives_an_age_from_the_future(tmp_path: Path) -> None:
    assert places(tmp_path).take(STATE, FORMER, AT - 400) == Place(AT - 400, str(CALL))


class Known(Database):
    """A database that knows of one wait that was cut short a minute ago."""

    away = False

    async def former(self, number: str, call: str) -> FormerWait | None:
        if self.away:
            return None
        return replace(FORMER, ended=datetime.now(UTC) - timedelta(seconds=60)) if number == STATE.caller else None


async def test_asking_for_a_former_position_does_not_take_it() -> None:
    found = Returners(Known(SharedEngine("")), WITHIN_S)
    assert await found.has_place(STATE) and await found.has_place(STATE)
    assert not await found.has_place(STATE.replace(language="nl"))
    place = await found.place(STATE)
    assert place is not None and place.call == str(CALL)
    assert not await found.has_place(STATE)


async def test_a_former_position_that_was_found_is_kept_even_if_the_database_is_away_afterwards() -> None:
    database = Known(SharedEngine(""))
    found = Returners(database, WITHIN_S)
    assert await found.has_place(STATE)
    database.away = True
    assert await found.place(STATE.replace(id=str(uuid7()))) is None
    place = await found.place(STATE)
    assert place is not None and place.call == str(CALL)


async def test_withheld_numbers_sites_that_keep_no_positions_and_a_missing_database_give_no_former_position(
    tmp_path: Path,
) -> None:
    assert await places(tmp_path).place(STATE.replace(caller="")) is None
    assert await places(tmp_path, within_s=0).place(STATE) is None
    assert await places(tmp_path).place(STATE) is None
    assert not await places(tmp_path).has_place(STATE.replace(caller=""))
    assert not await places(tmp_path, within_s=0).has_place(STATE)
    assert not await places(tmp_path).has_place(STATE)
