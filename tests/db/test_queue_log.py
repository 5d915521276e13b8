"""The queue log has each line exactly once, in the table and in the file, whatever is killed, renamed or repeated."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.delivery import deliver_all
from db.engine import reading, writing
from db.ids import uuid7
from db.journal import Journal
from db.queue_events import Stored
from db.queue_log import QueueLogTable
from db.queue_log_file import QueueLogFile, rotate
from db.retention import delete_calls
from db.tables import JournalPosition, QueueLog, QueueLogPosition

pytest_plugins = ["db_fixtures"]

NOW = datetime.now(UTC).replace(microsecond=0)


class House:
    """A controller's journal that writes to one database."""

    def __init__(self, folder: Path, url: str, engine: AsyncEngine) -> None:
        self.folder, self.url, self.engine = folder, url, engine
        self.journal = Journal(folder, "node1")
        self.table = QueueLogTable(engine, "node1")

    async def delivered(self) -> None:
        self.journal.flush()
        assert (await deliver_all(self.folder, self.url)).rejected == 0

    async def told(self) -> list[str]:
        await self.delivered()
        await self.table.tell()
        return [line.text.split("|", 1)[1] for line in await self.table.after(0, 1000)]

    def restart(self) -> None:
        self.journal.close()
        self.journal = Journal(self.folder, "node1")
        self.table = QueueLogTable(self.engine, "node1")

    def call(self, number: str = "+33612345678", *, live: bool = True, language: str = "fr") -> str:
        identity = str(uuid7())
        self.journal.put(
            "call", id=identity, channel_id=f"c-{number[-2:]}", caller=number, language=language, live=live,
            started=NOW, queued=NOW,
        )  # fmt: skip
        self.event(identity, "waiting", 0, language=language)
        return identity

    def event(self, identity: str, kind: str, seconds: float, **data: object) -> None:
        at = NOW + timedelta(seconds=seconds)
        self.journal.put("call_event", call_id=identity, kind=kind, data=data, at=at)

    def state(self, operator: str, state: str, reason: str | None = None) -> None:
        self.journal.put("operator_state", operator_id=operator, state=state, reason=reason)

    def operator(self, operator: str, *languages: str) -> None:
        self.journal.put("operator", id=operator, name="Sample", languages=dict.fromkeys(languages, 5))


@pytest.fixture
async def house(folder: Path, url: str, engine: AsyncEngine) -> House:
    made = House(folder, url, engine)
    await made.table.begin()
    return made


BEGUN = "NONE|NONE|NONE|QUEUESTART|"
ENTERED = "c-78|hatif-fr|NONE|ENTERQUEUE||+33612345678|1"


async def test_a_call_is_told_as_it_goes_and_each_line_once(house: House) -> None:
    call = house.call()
    assert await house.told() == [BEGUN, ENTERED]
    house.event(call, "offered", 3, operator="1002", offer="o1")
    house.event(call, "connected", 8, operator="1002", offer="o1")
    house.restart()  # the rest of the story is in the journal of the next controller
    house.event(call, "conversation_ended", 68, operator="1002", by="operator")
    expected = [
        BEGUN,
        ENTERED,
        "c-78|hatif-fr|PJSIP/1002|CONNECT|8|o1|5",
        "c-78|hatif-fr|PJSIP/1002|COMPLETEAGENT|8|60|1",
    ]
    assert await house.told() == expected
    assert await house.told() == expected
    async with reading(house.engine) as connection:
        (row,) = (await connection.execute(select(QueueLog).where(QueueLog.event == "CONNECT"))).all()
    assert row.time == f"{NOW + timedelta(seconds=8):%Y-%m-%d %H:%M:%S}.000000"
    assert (row.callid, row.queuename, row.agent) == ("c-78", "hatif-fr", "PJSIP/1002")
    assert (row.data1, row.data2, row.data3, row.data4, row.data5) == ("8", "o1", "5", "", "")


async def test_positions_count_those_who_wait_in_the_same_queue(house: House) -> None:
    first = house.call("+33612345601")
    other = house.call("+33612345602", language="de")
    house.journal.put("call", id=first, queued=NOW - timedelta(seconds=9))
    house.journal.put("call", id=other, queued=NOW - timedelta(seconds=9))
    late = house.call("+33612345603")
    house.event(late, "ended", 5, by="caller", outcome="abandoned")
    lines = await house.told()
    assert [line.split("|")[-1] for line in lines[1:4]] == ["1", "1", "2"]
    assert lines[4] == "c-03|hatif-fr|NONE|ABANDON|2|2|5"


async def test_test_calls_and_calls_that_we_make_are_not_told(house: House) -> None:
    house.call(live=False)
    made = house.call()
    house.journal.put("call", id=made, outgoing=True)
    assert await house.told() == [BEGUN]


async def test_operators_are_members_of_the_queues_of_their_languages(house: House) -> None:
    house.operator("1002", "fr")
    house.state("1002", "ready")
    house.state("1002", "paused", "lunch")
    lines = await house.told()
    assert lines[1:] == [
        "MANAGER|hatif-fr|PJSIP/1002|ADDMEMBER|",
        "NONE|NONE|PJSIP/1002|PAUSEALL|lunch",
        "NONE|hatif-fr|PJSIP/1002|PAUSE|lunch",
    ]
    house.restart()
    house.state("1002", "paused", "lunch")  # a controller that starts records the states again
    house.state("1002", "away")
    assert (await house.told())[4:] == ["MANAGER|hatif-fr|PJSIP/1002|REMOVEMEMBER|"]


async def test_a_log_that_is_switched_on_later_begins_with_who_is_there(
    folder: Path, url: str, engine: AsyncEngine
) -> None:
    house = House(folder, url, engine)
    house.operator("1002", "fr")
    house.operator("1003", "de")
    house.state("1002", "paused", "lunch")
    before = house.call()
    await house.delivered()
    await house.table.begin()
    await house.table.begin()
    house.event(before, "ended", 5, by="caller", outcome="abandoned")
    house.call("+33612345601")
    assert [line.split("|")[3] for line in await house.told()] == [
        "QUEUESTART", "ADDMEMBER", "PAUSEALL", "PAUSE", "ENTERQUEUE", "ABANDON",
    ]  # fmt: skip


async def test_two_processes_at_once_tell_nothing_twice(house: House) -> None:
    other = QueueLogTable(house.engine, "node1")
    for number in range(5):
        house.call(f"+3361234560{number}")
    await house.delivered()
    assert await house.table.tell() == 5
    assert await other.tell() == 0


async def test_a_backlog_is_told_to_its_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.queue_log._AT_ONCE", 3)
    for number in range(10):
        house.call(f"+336123456{number:02}")
    assert len(await house.told()) == 11


async def test_positions_of_old_journals_are_deleted_and_nothing_of_them_is_told_again(house: House) -> None:
    house.call("+33612345601")
    await house.told()
    house.restart()
    house.call("+33612345602")
    before = await house.told()
    async with writing(house.engine) as connection:
        await connection.execute(update(JournalPosition).values(at=NOW - timedelta(days=9)))
    await delete_calls(house.engine, NOW - timedelta(days=1))
    async with reading(house.engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(QueueLogPosition)) == 1  # that it was begun
    house.restart()
    assert await house.told() == before
    house.call("+33612345603")
    after = await house.told()
    assert after[: len(before)] == before and len(after) > len(before)


async def test_lines_are_numbered_on_after_the_whole_log_was_deleted_as_too_old(house: House) -> None:
    house.call()
    assert len(await house.told()) == 2
    await delete_calls(house.engine, datetime.now(UTC) + timedelta(days=1))
    house.call("+33612345679")
    await house.told()
    assert [line.id for line in await house.table.after(0, 1000)] == [2, 3]


# The file


def stored(*numbers: int) -> list[Stored]:
    return [Stored(number, f"{1795856400 + number}|c{number}|hatif-fr|NONE|ABANDON|1|1|{number}") for number in numbers]


def lines_in(path: Path) -> list[int]:
    text = path.read_text()
    assert text.endswith("\n")
    return [int(line.rsplit("|", 1)[1]) for line in text.splitlines()]


def since(file: QueueLogFile, last: int) -> list[Stored]:
    return stored(*range(file.line + 1, last + 1))


def test_the_file_has_the_table_in_order(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    for last in (3, 3, 7):
        file = QueueLogFile(path)
        file.append(since(file, last))
    assert lines_in(path) == [1, 2, 3, 4, 5, 6, 7]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_kill_between_line_and_position_neither_loses_nor_repeats(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "queue_log"
    file = QueueLogFile(path)
    file.append(stored(1, 2))
    position = (tmp_path / "queue_log.position").read_text()
    whole = path.stat().st_size
    file.append(stored(3, 4))
    with path.open("rb+") as handle:
        handle.truncate(whole + cut)
    (tmp_path / "queue_log.position").write_text(position)
    file = QueueLogFile(path)
    assert file.line == 2
    file.append(since(file, 5))
    assert lines_in(path) == [1, 2, 3, 4, 5]


def test_a_file_that_was_renamed_before_the_restart_is_completed(tmp_path: Path) -> None:
    path, old = tmp_path / "queue_log", tmp_path / "queue_log-20261128"
    QueueLogFile(path).append(stored(1))
    position = (tmp_path / "queue_log.position").read_text()
    QueueLogFile(path).append(stored(2, 3))
    with path.open("rb+") as handle:
        handle.truncate(path.stat().st_size - 4)
    (tmp_path / "queue_log.position").write_text(position)
    path.rename(old)
    file = QueueLogFile(path)
    file.append(since(file, 4))
    assert lines_in(old) == [1, 2, 3] and lines_in(path) == [4]


def test_a_file_that_others_rename_or_remove_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    file = QueueLogFile(path)
    file.append(stored(1))
    path.rename(tmp_path / "queue_log.0")
    file.append(stored(2))
    assert lines_in(path) == [2] and lines_in(tmp_path / "queue_log.0") == [1]
    path.unlink()
    file.append(stored(3))
    path.write_text("")  # logrotate's copytruncate
    file.append(stored(4))
    assert lines_in(path) == [4]


def test_a_file_over_the_limit_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    file = QueueLogFile(path, limit=60)
    for number in (1, 2, 3):
        file.append(stored(number))
    (old,) = tmp_path.glob("queue_log-2*")
    assert [*lines_in(old), *lines_in(path)] == [1, 2, 3]
    rotate(tmp_path / "nothing")


KILLED = """
import sys
from pathlib import Path
from db.queue_events import Stored
from db.queue_log_file import QueueLogFile

file = QueueLogFile(Path(sys.argv[1]))
while True:
    lines = range(file.line + 1, file.line + 8)
    file.append([Stored(n, f"{1795856400 + n}|c{n}|hatif-fr|NONE|ABANDON|1|1|{n}") for n in lines])
"""


def test_a_writer_that_is_killed_many_times_has_each_line_once(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    for turn in range(6):
        before = path.stat().st_size if path.exists() else 0
        process = subprocess.Popen([sys.executable, "-c", KILLED, path])
        _until_larger(path, before)
        time.sleep(0.002 * turn)
        process.kill()
        process.wait()
        if turn % 2:
            path.rename(tmp_path / f"queue_log.{turn}")
    file = QueueLogFile(path)
    file.append(since(file, file.line + 20))
    found = sorted(number for part in tmp_path.glob("queue_log*") if _is_log(part) for number in lines_in(part))
    assert found == list(range(1, len(found) + 1)) and len(found) > 20


def _is_log(path: Path) -> bool:
    return not path.name.startswith("queue_log.position")


def _until_larger(path: Path, size: int) -> None:
    until = time.monotonic() + 20
    while not path.exists() or path.stat().st_size <= size:
        assert time.monotonic() < until
        time.sleep(0.001)
