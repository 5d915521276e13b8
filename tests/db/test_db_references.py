"""No case reference is given twice, and a mistyped one is noticed."""

import logging
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.iso7064 import mod_11_10

from db.references import BLOCK, HIGHEST, LOST_FILE_MARGIN, ReferenceAllocator, counter, format, make, plain, valid  # noqa: A004

pytest_plugins = ["db_fixtures"]

REFERENCES = st.builds(make, st.integers(1, 9), st.integers(0, HIGHEST))


@given(REFERENCES)
def test_a_reference_is_valid_as_it_is_stored_and_as_it_is_written(reference: str) -> None:
    assert len(reference) == 9
    assert valid(reference)
    assert valid(format(reference))
    assert plain(format(reference)) == reference
    assert mod_11_10.is_valid(reference)


@given(REFERENCES, st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(reference: str, place: int, by: int) -> None:
    wrong = str((int(reference[place]) + by) % 10)
    assert not valid(reference[:place] + wrong + reference[place + 1 :])


@pytest.mark.parametrize(
    "wrong", ["", "1", "12345678", "1234567890", "12345678x", "٣٢١٤٥٦٧٨٩", "012345678", "+12345678"]
)
def test_what_is_no_reference_is_not_valid(wrong: str) -> None:
    assert not valid(wrong)


@given(st.lists(st.sampled_from(["next", "restart", "lose", "damage", "second"]), max_size=60), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_no_reference_is_given_twice_whatever_happens_to_the_file(acts: list[str], node_number: int) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "references"
        given_out: list[str] = []

        def allocator() -> ReferenceAllocator:
            floor = max((counter(reference) for reference in given_out), default=0)
            return ReferenceAllocator(file, node_number, floor)

        now, beside = allocator(), allocator()
        for act in acts:
            match act:
                case "restart":
                    now = allocator()
                case "lose":
                    file.unlink(missing_ok=True)
                    now, beside = allocator(), allocator()
                case "damage":
                    file.write_bytes(b"\xff\x00nonsense")
                    now, beside = allocator(), allocator()
                case "second":
                    given_out.append(beside.next())
                case _:
                    given_out.extend(now.next() for _ in range(BLOCK // 3))
        assert len(set(given_out)) == len(given_out)
        assert all(valid(reference) and reference[0] == str(node_number) for reference in given_out)


PROGRAM = """
import os, sys
from pathlib import Path
from db.references import ReferenceAllocator
allocator = ReferenceAllocator(Path(sys.argv[1]), 1)
while True:
    os.write(1, allocator.next().encode() + b"\\n")
"""


async def test_no_reference_is_given_twice_when_allocators_are_killed(
    tmp_path: Path, start: Callable[..., Awaitable[Process]]
) -> None:
    file = tmp_path / "references"
    given_out: list[bytes] = []
    for lines in (1, 99, 100, 101, 350):
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
    assert len(set(given_out)) == len(given_out) > 1000


def test_a_lost_file_goes_on_well_above_the_database_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "references"
    assert counter(ReferenceAllocator(file, 1).next()) == LOST_FILE_MARGIN + 1
    assert caplog.records == [], "a first start is nothing to warn of"
    assert counter(ReferenceAllocator(file, 1).next()) == LOST_FILE_MARGIN + BLOCK + 1
    file.unlink()
    with caplog.at_level(logging.WARNING):
        assert counter(ReferenceAllocator(file, 1, floor=1042).next()) == 1042 + LOST_FILE_MARGIN + 1
    assert f"{file} is missing: case references go on {LOST_FILE_MARGIN} after 1042" in caplog.text


def test_a_database_that_knows_more_than_the_file_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "references"
    ReferenceAllocator(file, 1).next()
    assert counter(ReferenceAllocator(file, 1, floor=500_000).next()) == 500_001


def test_when_all_are_used_it_says_so(tmp_path: Path) -> None:
    file = tmp_path / "references"
    file.write_text(f"{HIGHEST - 2}\n")
    allocator = ReferenceAllocator(file, 3)
    assert [counter(allocator.next()) for _ in range(2)] == [HIGHEST - 1, HIGHEST]
    with pytest.raises(RuntimeError, match=r"all 9999999 .* of node 3 are used: give the node another number"):
        allocator.next()


def test_a_disk_that_refuses_gives_no_reference(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ReferenceAllocator(tmp_path / "file" / "references", 1).next()


@pytest.mark.parametrize("number", [0, 10, -1])
def test_a_node_number_that_has_no_digit_is_refused(tmp_path: Path, number: int) -> None:
    with pytest.raises(ValueError, match=f"node number {number}: a case reference has room for 1 to 9"):
        ReferenceAllocator(tmp_path / "references", number)
