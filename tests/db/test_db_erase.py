"""Erasing a number removes it from every row and cancels its callback requests, all or nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from db_helpers import put_request, rows
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db import callbacks, callers, read_cases
from db.callback_requests import CallbackRequest, Claim
from db.callback_states import RequestEvent, advance
from db.engine import open_engine, reading, writing
from db.erasure import FORGOTTEN, BeingCalledError, Erasure, erase, overwrite_deleted
from db.ids import uuid7
from db.masking import MASK, Spellings
from db.names import folded
from db.tables import Audit, Call, Caller, CaseFile
from ivr.model.e164 import spellings, written_forms

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOTHING = dict.fromkeys(("callbacks", "guide_requests", "cases", "calls", "recordings", "messages"), 0)
NUMBER, OTHER = "+33612345678", "+33612345679"
MINE = Claim("node1", UUID(int=1))


@pytest_asyncio.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    async with open_engine(url) as made:
        async with writing(made) as connection:
            for number in (NUMBER, OTHER):
                row = {"number": number, "language": "fr", "last_called": NOW}
                await connection.execute(insert(Caller).values(row))
        yield made


async def put(engine: AsyncEngine, **columns: Any) -> CallbackRequest:
    row = {"kind": "closed", "number": NUMBER, "wished": NOW, "due": NOW}
    return await put_request(engine, **{**row, **columns})


async def erased(engine: AsyncEngine, number: str = NUMBER) -> Erasure:
    return await erase(engine, number, "node1", "an administrator")


async def test_erasing_a_number_cancels_its_pending_requests_and_no_others(engine: AsyncEngine, url: str) -> None:
    pending = [
        await put(engine),
        await put(engine, kind="case", case_reference="100000017", due=None),
        await put(engine, tries=1),
    ]
    over = await put(engine, state="done", ended=NOW)
    another = await put(engine, number=OTHER)
    assert await erased(engine) == Erasure(True, 3, rows=4)
    for request in pending:
        found = await callbacks.find_request(engine, str(request.id))
        assert (found.state, found.reason, found.ended is not None) == ("cancelled", FORGOTTEN, True)
    assert await callbacks.find_request(engine, str(over.id)) == replace(over, number=MASK)
    assert [request.id for request in await callbacks.pending(engine)] == [another.id]
    assert [row.number for row in await rows(url, Caller)] == [OTHER]
    (entry,) = await rows(url, Audit)
    assert (entry.act, entry.by, entry.about, entry.data) == (
        "caller_erased", "an administrator", None, {**NOTHING, "callbacks": 3},
    )  # fmt: skip
    assert (await erased(engine)).is_empty
    assert len(await rows(url, Audit)) == 1


async def test_erasing_a_number_that_is_not_remembered_cancels_its_requests(engine: AsyncEngine, url: str) -> None:
    request = await put(engine, number="+33612345670")
    assert await erased(engine, request.number) == Erasure(False, 1, rows=1)
    assert (await rows(url, Audit))[0].data == {**NOTHING, "callbacks": 1}


async def test_erasing_a_number_takes_the_applicants_name_from_its_cases_and_leaves_the_cases(
    engine: AsyncEngine, url: str
) -> None:
    number = "+33612345670"  # of which nothing else is known
    async with writing(engine) as connection:
        for reference, caller in (("100000017", number), ("100000025", number), ("100000033", OTHER)):
            case = {"reference": reference, "node": "n", "kind": "enquiry", "opened": NOW, "caller": caller}
            name = None if reference == "100000025" else "Nadia Fern"
            await connection.execute(
                insert(CaseFile).values(**case, applicant=name, applicant_folded=name and folded(name))
            )
    assert await callers.known_numbers(engine, [number]) == [number]
    assert await erased(engine, number) == Erasure(False, 0, cases=1, rows=2)
    left = {row.reference: (row.caller, row.applicant, row.applicant_folded) for row in await rows(url, CaseFile)}
    assert left == {
        "100000017": (None, None, None),
        "100000025": (None, None, None),
        "100000033": (OTHER, "Nadia Fern", "nadia fern"),
    }
    assert (await erased(engine, number)).is_empty


@pytest.mark.parametrize("number", ["+493012345", "+3589123456", "+5491112345678"])
async def test_a_number_whose_national_form_is_not_a_part_of_it_is_erased_in_every_form(
    engine: AsyncEngine, url: str, number: str
) -> None:
    others = written_forms(number)
    async with writing(engine) as connection:
        for raw in (number, *others, f"990{number[1:]}"):  # the last with a prefix of its carrier's own
            call = {"id": uuid7(), "node": "n", "caller": number, "caller_raw": raw, "started": NOW, "ended": NOW}
            await connection.execute(insert(Call).values(call))
    found = await erase(engine, number, "node1", "an administrator", others, Spellings(spellings(number)))
    assert found.calls == found.rows == len(others) + 2
    assert {(row.caller, row.caller_raw) for row in await rows(url, Call)} == {(None, None)}


async def test_cases_are_found_by_parts_of_the_applicants_name_in_any_order(engine: AsyncEngine) -> None:
    names = ("Nadia Fern-Müller", "أَحْمَد بَنْعَلِيّ", "100 % _Sample", None)
    async with writing(engine) as connection:
        for number, name in enumerate(names):
            case = {"reference": f"10000{number:04}", "node": "n", "kind": "enquiry", "opened": NOW, "applicant": name}
            await connection.execute(insert(CaseFile).values(**case, applicant_folded=name and folded(name)))
    for words, found in (
        ("muller NADIA", names[:1]),
        ("بنعلي", names[1:2]),
        ("0 %", names[2:3]),
        ("_s", names[2:3]),
        ("%_", ()),
        ("fern sample", ()),
        (" ", ()),
    ):
        assert [case.applicant for case in await read_cases.cases(engine, applicant=words)] == list(found), words


async def test_the_free_space_of_the_database_has_no_remnants_of_an_erased_number(
    engine: AsyncEngine, url: str
) -> None:
    await put(engine)
    async with reading(engine):  # a reader that began earlier does not keep it from happening
        await erased(engine)
    await overwrite_deleted(engine)
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        content = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
        assert NUMBER.encode() not in content and OTHER.encode() in content


async def test_nothing_is_erased_while_the_number_is_being_called(engine: AsyncEngine, url: str) -> None:
    waits, rings = await put(engine), await put(engine)
    assert await callbacks.move(engine, rings, advance(rings, RequestEvent.CLAIMED, NOW, by=MINE))
    with pytest.raises(
        BeingCalledError, match=f"ringing_operator, by node node1; callback request {rings.id}.*--node-gone"
    ):
        await erased(engine)
    assert (await callbacks.find_request(engine, str(waits.id))).state == "wished"
    assert len(await rows(url, Caller)) == 2
    assert await rows(url, Audit) == []


async def test_a_controller_that_claims_a_request_during_erasing_gets_it_or_finds_it_cancelled(
    engine: AsyncEngine,
) -> None:
    """Whichever is first: a caller is never erased and rung nevertheless."""
    rows = 1  # that have the number, also of requests that a controller got
    for _ in range(8):
        async with writing(engine) as connection:
            await connection.execute(delete(Caller))
        request = await put(engine)
        claimed = advance(request, RequestEvent.CLAIMED, NOW, by=MINE)
        got, forgotten = await asyncio.gather(
            callbacks.move(engine, request, claimed), erased(engine), return_exceptions=True
        )
        found = await callbacks.find_request(engine, str(request.id))
        if got is True:
            assert isinstance(forgotten, BeingCalledError)
            assert found.claim == MINE
            assert await callbacks.move(engine, claimed, advance(claimed, RequestEvent.CANCELLED, NOW, by=MINE))
            rows += 1
        else:
            assert (got, forgotten, found.state) == (False, Erasure(False, 1, rows=rows), "cancelled")
            rows = 1
