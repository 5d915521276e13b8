"""No case reference is allocated twice, no case overwrites another one, and mistyped references are detected."""

import logging
import shlex
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from db_helpers import rejected, rows
from db_server import Server
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples
from sqlalchemy import func, insert, select
from stdnum.iso7064 import mod_11_10

from db.delivery import DeliveryCounts, deliver_all
from db.engine import DatabaseError, async_engine, reading, writing
from db.ids import uuid7
from db.journal import Journal
from db.references import (
    HIGHEST,
    TAKEN,
    ReferenceAllocator,
    draw_reference,
    format_reference,
    is_valid,
    make_reference,
    normalize,
)
from db.reservations import GROUP, STOCK, reserve, reserve_one, restock
from db.tables import CaseFile, CaseReference

pytest_plugins = ["db_fixtures"]

REFERENCES = st.builds(make_reference, st.integers(1, 9), st.integers(0, HIGHEST))
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@given(REFERENCES)
def test_a_reference_is_valid_as_stored_and_as_formatted(reference: str) -> None:
    assert len(reference) == 9
    assert is_valid(reference)
    assert is_valid(format_reference(reference))
    assert normalize(format_reference(reference)) == reference
    assert mod_11_10.is_valid(reference)


@given(REFERENCES, st.integers(0, 8), st.integers(1, 9))
def test_a_single_wrong_digit_is_detected(reference: str, place: int, by: int) -> None:
    wrong = str((int(reference[place]) + by) % 10)
    assert not is_valid(reference[:place] + wrong + reference[place + 1 :])


@pytest.mark.parametrize(
    "wrong", ["", "1", "12345678", "1234567890", "12345678x", "٣٢١٤٥٦٧٨٩", "012345678", "+12345678"]
)
def test_malformed_references_are_not_valid(wrong: str) -> None:
    assert not is_valid(wrong)


# The stock on disk


@given(st.lists(st.sampled_from(["next", "restart", "second", "damage"]), max_size=60), st.integers(1, 9))
@settings(deadline=None, max_examples=examples(60))
def test_no_reserved_reference_is_allocated_twice_whatever_is_done_to_the_file(
    acts: list[str], node_number: int
) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "references"
        reserved = [make_reference(node_number, serial) for serial in range(5, 1000)]
        now, beside = (ReferenceAllocator(file, node_number) for _ in range(2))
        now.add(reserved)
        given_out: list[str] = []
        for act in acts:
            match act:
                case "restart":
                    now = ReferenceAllocator(file, node_number)
                case "second":
                    given_out.append(beside.next())
                case "damage":
                    with file.open("ab") as handle:
                        handle.write(b"\xff\x00nonsense\n123456789\n")
                case _:
                    given_out.extend(now.next() for _ in range(TAKEN // 3))
        assert len(set(given_out)) == len(given_out)
        assert set(given_out) <= set(reserved)


def test_some_references_are_left_for_calls_whenever_the_disk_becomes_full(tmp_path: Path) -> None:
    file = tmp_path / "references"
    reserved = [make_reference(1, serial) for serial in range(200)]
    allocator = ReferenceAllocator(file, 1)
    allocator.add(reserved)
    given_out = [allocator.next() for _ in range(TAKEN)]
    file.with_name(file.name + ".new").mkdir()  # the file can no longer be replaced
    given_out += [allocator.next() for _ in range(TAKEN // 2)]
    assert len(set(given_out)) == len(given_out) and set(given_out) <= set(reserved)


FULL = """
import sys
from pathlib import Path
from db.references import ReferenceAllocator, make_reference
file = Path(sys.argv[1])
ReferenceAllocator(file, 1).add([make_reference(1, serial) for serial in range(200)])
with file.with_name("ballast").open("ab", buffering=0) as ballast:
    try:
        while True:
            ballast.write(bytes(4096))
    except OSError:
        pass
for start in range(2):
    allocator = ReferenceAllocator(file, 1)
    print(*(allocator.next() for _ in range(int(sys.argv[2]))))
"""
NAMESPACES = (("unshare", "--mount"), ("unshare", "--user", "--map-root-user", "--mount"))  # for root, for other users


def test_starts_on_a_full_disk_take_reserved_references_and_none_twice(tmp_path: Path) -> None:
    namespace = next((it for it in NAMESPACES if not subprocess.run([*it, "true"], check=False).returncode), None)
    if namespace is None:
        pytest.skip("nobody may mount a small disk here")
    mount = shlex.join(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(tmp_path)])
    program = shlex.join([sys.executable, "-c", FULL, str(tmp_path / "references"), str(TAKEN)])
    command = [*namespace, "sh", "-c", f"{mount} && {program}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    given_out = result.stdout.split()
    assert len(set(given_out)) == len(given_out) == 2 * TAKEN
    assert set(given_out) <= {make_reference(1, serial) for serial in range(200)}


PROGRAM = """
import os, sys
from pathlib import Path
from db.references import ReferenceAllocator
allocator = ReferenceAllocator(Path(sys.argv[1]), 1)
while allocator.stock():
    os.write(1, allocator.next().encode() + b"\\n")
"""


async def test_no_reference_is_allocated_twice_when_allocators_are_killed(
    tmp_path: Path, start: Callable[..., Awaitable[Process]]
) -> None:
    file = tmp_path / "references"
    reserved = [make_reference(1, serial) for serial in range(3000)]
    ReferenceAllocator(file, 1).add(reserved)
    given_out: list[bytes] = []
    for lines in (1, 19, 20, 21, 70):
        both = [await start(PROGRAM, file), await start(PROGRAM, file)]
        for process in both:
            assert process.stdout is not None
            for _ in range(lines):
                given_out.append(await process.stdout.readline())
        for process in both:
            process.kill()
            assert process.stdout is not None
            given_out.extend((await process.stdout.read()).splitlines(keepends=True))
            await process.wait()
    assert len(set(given_out)) == len(given_out) >= 262
    assert {line.decode().strip() for line in given_out} <= set(reserved)


def test_references_of_an_earlier_release_that_counted_are_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "references"
    file.write_text(f"{HIGHEST - 3}\n")
    allocator = ReferenceAllocator(file, 2)
    left = {make_reference(2, serial) for serial in range(HIGHEST - 2, HIGHEST + 1)}
    assert {draw_reference(2, HIGHEST - 3) for _ in range(200)} == left
    assert allocator.candidates(200) == left
    allocator.add([make_reference(2, HIGHEST)])
    assert allocator.next() == make_reference(2, HIGHEST)
    assert {allocator.next() for _ in range(200)} == left  # unreserved
    assert file.read_text() == f"{HIGHEST - 3}\n"


def test_an_empty_stock_does_not_stop_calls_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    allocator = ReferenceAllocator(tmp_path / "references", 4)
    drawn = [allocator.next() for _ in range(50)]
    assert all(is_valid(reference) and reference.startswith("4") for reference in drawn)
    assert len({*drawn}) > 45, "they are drawn at random"
    [entry] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert f"{format_reference(drawn[0])} was drawn without a reservation" in entry.getMessage()


def test_without_a_writable_disk_no_reference_is_allocated(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ReferenceAllocator(tmp_path / "file" / "references", 1).next()


@pytest.mark.parametrize("number", [0, 10, -1])
def test_a_node_number_without_a_single_digit_is_refused(tmp_path: Path, number: int) -> None:
    with pytest.raises(ValueError, match=f"the node number in case references must be 1 to 9, not {number}"):
        ReferenceAllocator(tmp_path / "references", number)


# Reserving


async def test_references_are_reserved_once_and_stocked_for_when_the_database_is_away(url: str, tmp_path: Path) -> None:
    engine = async_engine(url)
    mine, others = (ReferenceAllocator(tmp_path / name, 1) for name in ("mine", "others"))
    await restock(engine, "rabat-1", mine)
    await restock(engine, "rabat-2", others)  # with the same node number, by mistake
    assert STOCK - GROUP < len(mine.stock()) <= STOCK
    assert not {*mine.stock()} & {*others.stock()}
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(CaseReference)) == len(mine.stock()) + len(
            others.stock()
        )
    assert await reserve(engine, "rabat-2", mine.stock()[:10]) == []
    given_out = [mine.next() for _ in range(GROUP)]
    await restock(engine, "rabat-1", mine)
    assert len(mine.stock()) > STOCK - GROUP
    assert not {*given_out} & {*mine.stock()}
    await engine.dispose()


async def test_a_reference_that_a_case_has_is_neither_reserved_nor_kept_in_stock(url: str, tmp_path: Path) -> None:
    """For example with a restored file, or a case that was opened with neither database nor stock."""
    engine = async_engine(url)
    allocator = ReferenceAllocator(tmp_path / "references", 1)
    await restock(engine, "rabat-1", allocator)
    first, unreserved = allocator.stock()[0], draw_reference(1)
    async with writing(engine) as connection:
        for reference in (first, unreserved):
            row = {"reference": reference, "node": "rabat-1", "kind": "enquiry", "opened": NOW}
            await connection.execute(insert(CaseFile).values(row))
    assert await reserve(engine, "rabat-1", [unreserved]) == []
    await restock(engine, "rabat-1", allocator)
    assert first not in allocator.stock()
    assert allocator.next() != first
    await engine.dispose()


async def test_without_a_database_nothing_is_reserved_and_no_database_file_is_created(tmp_path: Path) -> None:
    engine = async_engine(f"sqlite:///{tmp_path}/hatif.db")
    allocator = ReferenceAllocator(tmp_path / "references", 1)
    with pytest.raises(DatabaseError, match="does not exist"):
        await restock(engine, "rabat-1", allocator)
    with pytest.raises(DatabaseError, match="does not exist"):
        await reserve_one(engine, "rabat-1", allocator)
    assert not (tmp_path / "hatif.db").exists()
    await engine.dispose()


async def test_an_unwritable_disk_wastes_no_references(url: str, tmp_path: Path) -> None:
    engine = async_engine(url)
    allocator = ReferenceAllocator(tmp_path / "references", 1)
    (tmp_path / "references.new").mkdir()  # like a disk that cannot be written
    with pytest.raises(OSError, match=r"references\.new"):
        await restock(engine, "rabat-1", allocator)
    assert await rows(url, CaseReference) == []
    await engine.dispose()


# Two cases with one reference


def open_case(journal: Journal, reference: str, **columns: Any) -> None:
    row = {"kind": "enquiry", "opened": NOW, "call_id": None, **columns}
    journal.put("case_file", reference=reference, **row)


async def test_a_case_never_overwrites_another_one(folder: Path, url: str) -> None:
    reference, call, other = make_reference(1, 1001), uuid7(), uuid7()
    journal = Journal(folder, "rabat-1")
    open_case(journal, reference, call_id=call, title="The first")
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(1, 0)
    journal = Journal(folder, "rabat-1")
    open_case(journal, make_reference(1, 7), title="Before it")
    open_case(journal, reference, call_id=other, title="The other call's")
    open_case(journal, reference, opened=NOW + timedelta(hours=1), title="Opened by hand")
    open_case(journal, make_reference(1, 8), title="After it")
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(2, 2)
    titles = {row.reference: row.title for row in await rows(url, CaseFile)}
    assert titles == {reference: "The first", make_reference(1, 7): "Before it", make_reference(1, 8): "After it"}
    first, second = rejected(folder)
    assert "The other call's" in first["lines"][0]
    assert "Opened by hand" in second["lines"][0]
    assert f"case {reference} already exists and is another case" in first["reason"]


async def test_two_new_cases_with_one_reference_are_not_merged(folder: Path, url: str) -> None:
    reference = make_reference(1, 1001)
    journal = Journal(folder, "rabat-1")
    open_case(journal, reference, call_id=uuid7(), title="The first", caller="+33612345678")
    open_case(journal, reference, call_id=uuid7(), title="The second")
    journal.close()
    assert await deliver_all(folder, url) == DeliveryCounts(1, 1)
    [case] = await rows(url, CaseFile)
    assert (case.title, case.caller) == ("The first", "+33612345678")


@pytest.mark.parametrize("call", [uuid7(), None])
async def test_the_same_case_opened_twice_is_one_case(folder: Path, url: str, call: Any) -> None:
    """For example by a controller that was killed and wrote the conversation's records again."""
    for title in ("The first", "Again"):
        journal = Journal(folder, "rabat-1")
        open_case(journal, make_reference(1, 1001), call_id=call, title=title)
        open_case(journal, make_reference(1, 1001), call_id=call, title=title, language="ar")
        journal.put("case_file", reference=make_reference(1, 1001), owner="17")
        journal.close()
        assert await deliver_all(folder, url) == DeliveryCounts(3, 0)
    [case] = await rows(url, CaseFile)
    assert (case.title, case.language, case.owner) == ("Again", "ar", "17")


async def test_losing_stock_and_database_at_the_same_time_overwrites_no_case(
    folder: Path, tmp_path: Path, server: Server, postgresql_url: str
) -> None:
    file = tmp_path / "references"
    for title in ("Before", "While both were lost"):
        allocator, journal = ReferenceAllocator(file, 1), Journal(folder, "rabat-1")
        if title == "Before":
            engine = async_engine(postgresql_url)
            await restock(engine, "rabat-1", allocator)
            await engine.dispose()
        else:
            server.stop()
            file.unlink()
        try:
            for number in range(50):
                open_case(journal, allocator.next(), call_id=uuid7(), title=f"{title} {number}")
            journal.close()
        finally:
            if title != "Before":
                server.start()
        assert (await deliver_all(folder, postgresql_url)).records >= 49  # one in some 4,000 runs draws one in use
    titles = {row.title for row in await rows(postgresql_url, CaseFile)}
    assert {f"Before {number}" for number in range(50)} <= titles
