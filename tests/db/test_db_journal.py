"""Journal records are soon and completely on disk, and the controller goes on whatever the disk does."""

# A test may block its own loop.
# ruff: noqa: ASYNC221, ASYNC240

import asyncio
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from db.delivery import deliver_all
from db.enums import Outcome
from db.ids import uuid7
from db.journal import Journal

pytest_plugins = ["db_fixtures"]


ROW = {"call_id": uuid7(), "kind": "key"}


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def records(*paths: Path) -> list[dict[str, Any]]:
    lines = [line for path in paths for line in path.read_bytes().splitlines()]
    return [found for found in map(orjson.loads, lines) if "seq" in found]


async def test_records_are_soon_on_disk_in_order_with_node_boot_and_instant(folder: Path) -> None:
    journal = Journal(folder, "rabat-1")
    made = uuid7()
    started = datetime(2026, 11, 25, 12, tzinfo=UTC)
    journal.put("call", id=made, started=started, outcome=Outcome.ANSWERED, path=["entry"])
    journal.put("call_event", call_id=made, kind="key", data={"key": "3", "at": started})
    assert not folder.exists(), "put() never touches the disk"
    assert journal.waiting == 2
    await asyncio.sleep(0.1)
    [file] = files(folder)
    first, *_ = file.read_bytes().splitlines()
    assert orjson.loads(first) == {"journal": 1, "node": "rabat-1", "boot": str(journal.boot), "number": 1}
    one, two = records(file)
    assert (one["seq"], one["table"], two["seq"], two["table"]) == (1, "call", 2, "call_event")
    assert one["row"] == {
        "id": str(made), "started": "2026-11-25T12:00:00Z", "outcome": "answered", "path": ["entry"],
    }  # fmt: skip
    assert abs(datetime.fromisoformat(one["at"]) - datetime.now(UTC)) < timedelta(seconds=5)
    assert journal.waiting == 0
    assert file.stat().st_mode & 0o777 == 0o600
    journal.close()


async def test_a_value_that_is_changed_after_put_is_written_unchanged(folder: Path) -> None:
    journal = Journal(folder, "n")
    path = ["entry"]
    journal.put("call", id=uuid7(), path=path)
    path.append("language")
    journal.close()
    assert records(*files(folder))[0]["row"]["path"] == ["entry"]


async def test_each_start_has_its_own_boot_and_boots_sort_by_time(folder: Path) -> None:
    boots = []
    for _ in range(3):
        journal = Journal(folder, "n")
        journal.put("call_event", **ROW)
        journal.close()
        boots.append(str(journal.boot))
    assert [file.name.split(".")[0] for file in files(folder)] == boots


@pytest.mark.parametrize(
    ("table", "columns", "error", "message"),
    [
        ("calls", {}, ValueError, "no table 'calls': use one of audit, call, "),
        ("call", {"id": uuid7(), "colour": 1}, ValueError, "'call' has no column 'colour': use caller, "),
        ("call", {"id": uuid7(), "started": datetime(2026, 11, 25)}, ValueError, "has no time zone"),  # noqa: DTZ001
        ("call", {"id": uuid7(), "path": object()}, TypeError, "call: Type is not JSON serializable: object"),
    ],
)
async def test_invalid_records_are_refused_by_put(
    folder: Path, table: str, columns: dict[str, Any], error: type[Exception], message: str
) -> None:
    journal = Journal(folder, "n")
    with pytest.raises(error, match=message):
        journal.put(table, **columns)
    journal.close()
    assert not folder.exists()


async def test_bytes_that_are_not_utf8_are_replaced_and_the_record_is_kept(folder: Path) -> None:
    journal = Journal(folder, "n")
    journal.put("call", id=uuid7(), caller=b"caf\xe9".decode(errors="surrogateescape"))
    journal.close()
    assert records(*files(folder))[0]["row"]["caller"] == "caf?"


async def test_a_file_is_complete_after_a_day_so_that_what_was_delivered_is_deleted(folder: Path, url: str) -> None:
    journal = Journal(folder, "n", rotate_s=0.2)
    journal.put("call_event", **ROW)
    journal.flush()
    assert (await deliver_all(folder, url)).records == 1
    assert len(files(folder)) == 1, "its writer still holds it"
    await asyncio.sleep(0.2)
    journal.put("call_event", **ROW)
    journal.flush()
    assert (await deliver_all(folder, url)).records == 1
    assert files(folder) == []
    journal.put("call_event", **ROW)
    journal.close()
    assert (await deliver_all(folder, url)).records == 1


async def test_a_full_file_is_followed_by_a_new_one(folder: Path) -> None:
    journal = Journal(folder, "n", rotate_bytes=2000)
    for _ in range(50):
        journal.put("call_event", **ROW)
        journal.flush()
    journal.close()
    assert len(files(folder)) > 3
    assert [record["seq"] for record in records(*files(folder))] == list(range(1, 51))
    assert all(file.stat().st_size < 2300 for file in files(folder))
    assert [orjson.loads(file.read_bytes().splitlines()[0])["number"] for file in files(folder)] == list(
        range(1, len(files(folder)) + 1)
    )


async def test_an_unwritable_folder_is_logged_and_the_oldest_records_are_kept(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("a file where the folder should be")
    journal = Journal(folder, "rabat-1", bound=100)
    for _ in range(150):
        journal.put("call_event", **ROW)
    await asyncio.sleep(0.1)
    journal.flush()
    assert (journal.waiting, journal.dropped) == (100, 50)
    messages = [record.getMessage() for record in caplog.records]
    assert [line for line in messages if "cannot be written" in line] == [
        f"node rabat-1: the journal {folder} cannot be written (File exists); up to 100 records are kept in memory: "
        "free some space, or correct its permissions"
    ]
    assert "node rabat-1: journal records lost so far: 1" in messages
    folder.unlink()
    await asyncio.sleep(1)
    *kept, note = records(*files(folder))
    assert [record["seq"] for record in kept] == list(range(1, 101)), (
        "the oldest are kept: a call's first record counts"
    )
    assert (note["table"], note["row"]["act"], note["row"]["data"]) == ("audit", "records_lost", {"records": 50})
    assert (journal.waiting, journal.dropped) == (0, 50)
    journal.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a disk of 64 kB needs root to be mounted")
async def test_no_record_is_lost_or_torn_while_the_disk_is_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        journal = Journal(small / "journal", "n")
        (small / "ballast").write_bytes(bytes(40_000))
        for number in range(300):
            journal.put("call_event", **ROW, data={"text": "x" * 200, "number": number})
            if number % 10 == 0:
                journal.flush()
        assert journal.waiting > 100
        (small / "ballast").unlink()
        journal.flush()
        assert journal.waiting > 0, "it is still too small"
        subprocess.run(["mount", "-o", "remount,size=10m", small], check=True)
        journal.close()
        assert [record["seq"] for record in records(*files(small / "journal"))] == list(range(1, 301))
    finally:
        subprocess.run(["umount", small], check=True)


async def test_a_deleted_file_is_replaced(folder: Path) -> None:
    journal = Journal(folder, "n")
    journal.put("call_event", **ROW)
    journal.flush()
    files(folder)[0].unlink()
    journal.put("call_event", **ROW)
    journal.close()
    assert [record["seq"] for record in records(*files(folder))] == [2]


async def test_a_command_without_a_loop_writes_when_it_closes(folder: Path) -> None:
    def command() -> None:
        journal = Journal(folder, "n")
        journal.put("audit", by="root", act="hours", about="line:all")
        journal.close()

    await asyncio.to_thread(command)
    assert [record["table"] for record in records(*files(folder))] == ["audit"]
