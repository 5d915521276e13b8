"""A supervisor's change of an operator's languages survives a restart, and ends when the list is newer."""

import asyncio
import json
from collections.abc import Callable

import pytest
from opening_house import Db

from ivr.floor.language_changes import FAMILY, LanguageChanges
from ivr.site.operators import OperatorEntry


def entry(identity: str, **languages: int) -> OperatorEntry:
    return OperatorEntry(identity, f"Operator {identity}", languages, frozenset(), False)


LIST = (entry("1001", ar=5, fr=3), entry("1002", fr=5))


def made(db: Db, *entries: OperatorEntry, changed: Callable[[OperatorEntry], None] = lambda _: None) -> LanguageChanges:
    return LanguageChanges(entries or LIST, db, changed)


async def stored(changes: LanguageChanges, db: Db) -> None:
    """Write what is to be written."""
    writing = asyncio.create_task(changes.run())
    for _ in range(50):
        await asyncio.sleep(0)
    writing.cancel()


async def test_a_change_applies_at_once_and_after_a_restart() -> None:
    db = Db()
    before = made(db)
    shared = before.operators
    before.set("1002", {"nl": 2, "fr": 4}, "1901", 100.5)
    assert list(shared[1].languages.items()) == [("nl", 2), ("fr", 4)] and shared[1].name == "Operator 1002"
    await stored(before, db)
    told: list[OperatorEntry] = []
    after = made(db, changed=told.append)
    await after.restore()
    assert [(found.id, list(found.languages.items())) for found in told] == [("1002", [("nl", 2), ("fr", 4)])]
    assert after.operators[1] == shared[1] and after.operators[0] == LIST[0]
    change = after.changes["1002"]
    assert (change.by, change.at, change.instead_of) == ("1901", 100.5, {"fr": 5})


@pytest.mark.parametrize("languages", [None, {"fr": 5}])
async def test_a_change_is_taken_back(languages: dict[str, int] | None) -> None:
    db = Db()
    changes = made(db)
    changes.set("1002", {"nl": 2}, "1901", 1)
    await stored(changes, db)
    assert changes.set("1002", languages, "1901", 2) == LIST[1]
    await stored(changes, db)
    assert db.kept == {} and changes.changes == {}


async def test_another_first_language_is_a_change_although_the_levels_are_the_same() -> None:
    db = Db()
    changes = made(db)
    assert next(iter(changes.set("1001", {"fr": 3, "ar": 5}, "1901", 1).languages)) == "fr"
    assert "1001" in changes.changes


async def test_a_list_that_has_changed_since_counts_and_the_change_is_forgotten() -> None:
    db = Db()
    changes = made(db)
    changes.set("1002", {"nl": 2}, "1901", 1)
    await stored(changes, db)
    after = made(db, LIST[0], entry("1002", fr=5, de=3))
    await after.restore()
    assert after.operators[1].languages == {"fr": 5, "de": 3} and after.changes == {}
    await stored(after, db)
    assert db.kept == {}


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", json.dumps({"now": {"fr": "5"}, "list": {"fr": 5}, "by": "a", "at": 1})]
)
async def test_what_was_not_written_by_us_is_left_out(text: str) -> None:
    db = Db(kept={(FAMILY, "1002"): text, (FAMILY, "1999"): text})
    changes = made(db)
    await changes.restore()
    assert tuple(changes.operators) == LIST


async def test_a_change_waits_for_asterisk() -> None:
    db = Db(away=True)
    changes = made(db)
    changes.set("1002", {"nl": 2}, "1901", 1)
    writing = asyncio.create_task(changes.run())
    await db.asked.wait()
    db.away = False
    async with asyncio.timeout(5):
        while not db.kept:  # noqa: ASYNC110 - written by itself, a moment later
            await asyncio.sleep(0.01)
    writing.cancel()
