"""Every record arrives exactly once, whether the deliverer runs, is killed, or has no database."""

# A test may block its own loop; speed is printed.
# ruff: noqa: ASYNC240, T201

import asyncio
import logging
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from db_helpers import check, count, delivering, is_count, rejected, rows, until
from db_server import Server
from sqlalchemy import func, select

from db.delivery import DeliveryCounts, deliver_all, run
from db.delivery_state import heartbeat
from db.engine import DatabaseError, async_engine, open_engine, reading
from db.ids import uuid7
from db.journal import Journal
from db.tables import Call, CallEvent, Offer
from db.upgrade import upgrade

pytest_plugins = ["db_fixtures"]

Start = Callable[..., Awaitable[Process]]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


# A running deliverer


async def test_a_record_is_in_the_database_within_a_second(folder: Path, url: str) -> None:
    journal = Journal(folder, "n")
    waits = []
    engine = async_engine(url)
    async with delivering(folder, url):
        await asyncio.sleep(0.3)
        for number in range(1, 6):
            journal.put("call_event", call_id=uuid7(), kind="key")
            began = time.monotonic()
            async with asyncio.timeout(5):
                while True:
                    async with reading(engine) as connection:
                        if await connection.scalar(select(func.count()).select_from(CallEvent)) == number:
                            break
                    await asyncio.sleep(0.002)
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.1)
        beat = heartbeat(folder)
        assert beat is not None
        assert (beat.delivered, beat.away) == (5, None)
    await engine.dispose()
    journal.close()
    print(f"\nput to database: median {sorted(waits)[2] * 1000:.0f} ms")
    assert sorted(waits)[2] < 1, "the deliverer is woken, instead of polling every 2 s"


async def test_many_records_are_delivered_in_few_passes(folder: Path, sqlite_url: str) -> None:
    journal = Journal(folder, "n")
    stop, runs, passes = asyncio.Event(), asyncio.Event(), list[float]()

    async def count_passes() -> None:
        passes.append(time.monotonic())
        runs.set()

    async with open_engine(sqlite_url) as engine, asyncio.TaskGroup() as tasks:
        tasks.create_task(run(folder, engine, stop, after=count_passes))
        async with asyncio.timeout(5):
            await runs.wait()
        began = time.monotonic()
        # A line at 40 calls a second, with 10 records each; a pass may be late on a busy machine.
        while (took_s := time.monotonic() - began) < 1.2 or (len(passes) == 1 and took_s < 10):
            for _ in range(16):
                journal.put("call_event", call_id=uuid7(), kind="key")
            await asyncio.sleep(0.04)
        stop.set()
    journal.close()
    later = [at - began for at in passes[1:] if at < began + took_s]
    assert later, "the first is not held back until no more come"
    assert len(later) <= 5 * took_s, "each pass costs as much as fifty records"


async def test_concurrent_deliverers_deliver_each_record_once(folder: Path, url: str) -> None:
    journal = Journal(folder, "n", rotate_bytes=100_000)
    made = uuid7()
    journal.put("call", id=made, started=NOW, hangup_cause=0)
    for number in range(1500):
        journal.put("call_event", call_id=made, kind="key", data={"number": number})
        journal.put("call", id=made, hangup_cause=number)
        if number % 500 == 0:
            journal.flush()
    journal.close()
    done = await asyncio.gather(*(deliver_all(folder, url) for _ in range(3)))
    assert sum(found.records for found in done) == 3001
    assert await count(url, CallEvent) == 1500
    assert (await rows(url, Call))[0].hangup_cause == 1499
    assert rejected(folder) == []


async def test_a_second_deliverer_waits_and_takes_over(
    folder: Path, url: str, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    first = await start(DELIVERER, folder, url)
    assert first.stdout is not None
    await first.stdout.readline()
    await until(lambda: check(heartbeat(folder) is not None))
    async with delivering(folder, url):
        await until(lambda: check("another process is delivering" in caplog.text))
        journal = Journal(folder, "n")
        journal.put("call_event", call_id=uuid7(), kind="key")
        journal.flush()
        await until(lambda: is_count(url, CallEvent, 1))
        first.kill()
        journal.put("call_event", call_id=uuid7(), kind="key")
        journal.close()
        await until(lambda: is_count(url, CallEvent, 2))


async def test_nothing_is_lost_while_the_database_is_away(
    folder: Path, server: Server, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder, "n")
    async with delivering(folder, postgresql_url):
        for number in range(300):
            journal.put("call_event", call_id=uuid7(), kind="key", data={"number": number})
            if number == 100:
                await until(lambda: is_count(postgresql_url, CallEvent, 101))
                server.stop()
            if number == 200:
                await asyncio.sleep(1.2)
                beat = heartbeat(folder)
                assert beat is not None
                assert beat.away is not None
                assert "cannot be reached" in beat.away
                server.start()
            await asyncio.sleep(0.001)
        await until(lambda: is_count(postgresql_url, CallEvent, 300))
    journal.close()
    waits = [entry for entry in caplog.records if entry.getMessage().startswith("journal delivery is waiting: ")]
    assert 1 <= len(waits) <= 2, "once for each reason: connection lost, then unreachable"
    assert any(entry.getMessage().startswith("journal delivery has resumed") for entry in caplog.records)


async def test_a_deleted_database_gets_everything_once_it_is_restored(
    folder: Path, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    saved = file.read_bytes()
    journal = Journal(folder, "n")
    async with delivering(folder, sqlite_url):
        journal.put("call_event", call_id=uuid7(), kind="key")
        await until(lambda: is_count(sqlite_url, CallEvent, 1))
        for part in file.parent.glob(f"{file.name}*"):
            part.unlink()
        journal.put("call_event", call_id=uuid7(), kind="key")
        await until(lambda: check("does not exist" in caplog.text))
        assert not file.exists()  # no empty file is created in its place
        file.write_bytes(saved)
        await until(lambda: is_count(sqlite_url, CallEvent, 2))  # the journal still has the records lost with the file
    journal.close()


async def test_a_failing_deliverer_waits_longer_each_time_and_logs_it_once(
    folder: Path, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[float] = []

    async def fails() -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise KeyError("unexpected")

    journal = Journal(folder, "n")
    journal.put("call_event", call_id=uuid7(), kind="key")
    journal.close()
    stop = asyncio.Event()
    async with open_engine(sqlite_url) as engine:
        task = asyncio.create_task(run(folder, engine, stop, prepare=fails))
        await until(lambda: is_count(sqlite_url, CallEvent, 1))
        stop.set()
        await task
    assert tries[2] - tries[1] > tries[1] - tries[0] >= 0.5
    assert len([entry for entry in caplog.records if entry.getMessage().startswith("journal delivery is waiting")]) == 1


async def test_a_database_that_is_created_or_upgraded_later_gets_everything(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/later/hatif.db"
    journal = Journal(folder, "n")
    journal.put("call", id=uuid7(), started=NOW)
    journal.close()
    with pytest.raises(DatabaseError, match="create the folder"):
        await deliver_all(folder, url)
    async with delivering(folder, url):
        await until(lambda: check("create the folder" in caplog.text))
        (tmp_path / "later").mkdir()
        await until(lambda: check("run `hatif db upgrade`" in caplog.text))
        await upgrade(url)
        await until(lambda: is_count(url, Call, 1))
    assert rejected(folder) == []


# Kills

WRITER = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from db.ids import uuid7
from db.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]), "n", rotate_bytes=20_000)
    call = uuid7()
    journal.put("call", id=call, started=datetime.now(UTC), hangup_cause=0)
    number = 0
    while True:
        for _ in range(1 + number % 7):
            number += 1
            journal.put("call_event", call_id=call, kind="key", data={"number": number})
            journal.put("call", id=call, hangup_cause=number)
        if number % 3 == 0:
            journal.flush()
            os.write(1, b"%d\\n" % number)
        await asyncio.sleep(0.001)

asyncio.run(main())
"""

DELIVERER = """
import asyncio, sys
from pathlib import Path
from db.delivery import run
from db.engine import async_engine

print(flush=True)
asyncio.run(run(Path(sys.argv[1]), async_engine(sys.argv[2]), asyncio.Event()))
"""


async def flushed(writer: Process, seconds: float) -> int:
    """Kill the writer after `seconds`; return the last number that it had flushed."""
    assert writer.stdout is not None
    last = int(await writer.stdout.readline())
    await asyncio.sleep(seconds)
    writer.kill()
    numbers = (await writer.stdout.read()).split(b"\n")[:-1]
    await writer.wait()
    return int(numbers[-1]) if numbers else last


async def test_a_killed_writer_loses_no_flushed_record(folder: Path, sqlite_url: str, start: Start) -> None:
    for seconds in (0.01, 0.05, 0.13):
        last = await flushed(await start(WRITER, folder), seconds)
        boot = UUID(sorted(folder.glob("*.jsonl"))[-1].name.split(".")[0])
        await deliver_all(folder, sqlite_url)
        numbers = [row.data["number"] for row in await rows(sqlite_url, CallEvent, CallEvent.seq) if row.boot == boot]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= last
        call = (await rows(sqlite_url, Call, Call.id))[-1]
        assert call.hangup_cause in (numbers[-1], numbers[-1] - 1)
    assert list(folder.glob("*.jsonl")) == []


async def test_a_deliverer_killed_at_any_point_delivers_each_record_once(folder: Path, url: str, start: Start) -> None:
    journal = Journal(folder, "n", rotate_bytes=200_000)
    calls = [uuid7() for _ in range(50)]
    for made in calls:
        journal.put("call", id=made, started=NOW, hangup_cause=0)
    for number in range(4000):
        journal.put("call_event", call_id=calls[number % 50], kind="key", data={"number": number})
        journal.put("call", id=calls[number % 50], hangup_cause=number)
        if number % 1000 == 0:
            journal.flush()
    journal.put("call", id=calls[0], outcome="lost")
    journal.close()
    killed = 0
    for milliseconds in (50, 120, 250):
        deliverer = await start(DELIVERER, folder, url)
        assert deliverer.stdout is not None
        await deliverer.stdout.readline()
        await asyncio.sleep(milliseconds / 1000)
        deliverer.kill()
        await deliverer.wait()
        delivered = await count(url, CallEvent)
        numbers = [row.data["number"] for row in await rows(url, CallEvent, CallEvent.seq)]
        assert numbers == list(range(delivered)), "there are no gaps"
        killed += 0 < delivered < 4000
    await deliver_all(folder, url)
    print(f"\nkilled {killed} times in the middle")
    assert await count(url, CallEvent) == 4000
    assert [row.hangup_cause for row in await rows(url, Call, Call.id)] == list(range(3950, 4000))
    assert len(rejected(folder)) == 1
    assert list(folder.glob("*.jsonl")) == []


async def test_every_record_arrives_although_writers_and_deliverers_are_killed_at_random(
    folder: Path, url: str, start: Start
) -> None:
    lasts: list[int] = []
    deliverer = await start(DELIVERER, folder, url)
    for seconds in (0.05, 0.2, 0.1):
        writer = await start(WRITER, folder)
        end = asyncio.create_task(flushed(writer, seconds + 0.3))
        await asyncio.sleep(seconds)
        deliverer.kill()
        await deliverer.wait()
        deliverer = await start(DELIVERER, folder, url)
        lasts.append(await end)
    deliverer.kill()
    await deliverer.wait()
    await deliver_all(folder, url)
    events = await rows(url, CallEvent, CallEvent.boot, CallEvent.seq)
    boots = sorted({row.boot for row in events})
    assert len(boots) == 3
    for boot, last in zip(boots, lasts, strict=True):
        numbers = [row.data["number"] for row in events if row.boot == boot]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= last


# Speed: printed, not asserted


@pytest.mark.long  # nothing but the speed
async def test_the_speed_of_delivery_is_printed(folder: Path, url: str) -> None:
    journal = Journal(folder, "n")
    began = time.perf_counter()
    for _ in range(1000):
        made = uuid7()
        journal.put("call", id=made, started=NOW, number="+80000212", caller="+33612345678", path=["entry"])
        for number in range(8):
            journal.put("call_event", call_id=made, kind="node", flow_node="main", data={"number": number})
        journal.put("call", id=made, language="fr", path=["entry", "language", "main"], queued=NOW)
        offer = uuid7()
        journal.put("offer", id=offer, call_id=made, operator_id="17", offered=NOW)
        journal.put("offer", id=offer, state="accepted", ended=NOW)
        journal.put("call", id=made, connected=NOW, outcome="answered", ended=NOW)
    put = (time.perf_counter() - began) / 13_000
    journal.close()
    logging.getLogger("sqlalchemy").setLevel(logging.ERROR)
    began = time.perf_counter()
    done = await deliver_all(folder, url)
    took = time.perf_counter() - began
    print(f"\nput {put * 1e6:.1f} us; delivered {done.records / took:,.0f} records/s to {url.split(':')[0]}")
    assert done == DeliveryCounts(13_000, 0)
    assert await count(url, Offer) == 1000
