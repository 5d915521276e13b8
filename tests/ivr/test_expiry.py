"""`[retention]`: what is older than its time goes, kind by kind, and what is younger, open or of another kind stays."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import small_site
from db_helpers import is_count, rows, until
from shell import Shell
from structlog.testing import capture_logs

from db import retention
from db.delivery import deliver_all
from db.engine import open_engine
from db.ids import uuid7
from db.journal import Journal
from db.tables import (
    Audit,
    Call,
    Callback,
    CallbackTry,
    Caller,
    CallEvent,
    CaseFile,
    CaseNote,
    GuideRequest,
    Message,
    OperatorStateRecord,
    Recording,
)
from ivr.data.expiry import expire, keep_expiring
from ivr.home.settings import Settings
from ivr.model import clock
from ivr.site import site
from ivr.site.findings import SiteError
from ivr.site.sections import Retention

pytest_plugins = ["db_fixtures"]

KEPT = timedelta(days=30)
NAMES = ("old", "new")
CONSENT = {"consent_key": "1", "consent_text": "t", "consent_language": "fr"}


@pytest.fixture
async def settings(url: str, tmp_path: Path) -> AsyncIterator[Settings]:
    """A home with everything twice: older than 30 days, and from today; and what is old and open."""
    home = tmp_path / "home"
    journal = Journal(home / "journal", "node1")
    put, now = journal.put, clock.now()
    for name, at in zip(NAMES, (now - KEPT - timedelta(hours=1), now - KEPT + timedelta(hours=1)), strict=True):
        call, request = uuid7(), uuid7()
        put("call", id=call, started=at, ended=at, caller="+33612345678", case_reference="100000017")
        put("call_event", call_id=call, kind="node", data={})
        put("caller", number=f"+3361234567{NAMES.index(name)}", last_called=at)
        put("callback", id=request, kind="closed", number="+33612345678", wished=at, state="done", ended=at)
        put("callback_try", callback_id=request, try_number=1, number="+33612345678", dialled=at)
        put("guide_request", id=uuid7(), call_id=call, procedure=name, number="+3361", requested=at, due=at, ended=at)
        put("recording", id=uuid7(), call_id=call, file=f"recordings/{name}.wav", started=at, consented=at, **CONSENT)
        put("message", id=uuid7(), call_id=call, file=f"messages/{name}.wav", at=at, caller="+3361", text="Hello")
        put("operator_state", operator_id="1001", state="ready", at=at)
        put("audit", by="1901", act=name, at=at, data={})
        reference = "100000017" if name == "old" else "100000025"
        put("case_file", reference=reference, kind="procedure", opened=at, closed=at)
        put("case_note", id=uuid7(), case_reference=reference, author="1001", text=name, at=at)
        for path in ("recordings/NAME.wav", "messages/NAME.wav", "log/ivr.log.NAME1", "asterisk/log/a.log.NAME1",
                     "journal/rejected/NAME.json", "backups/NAME.hatif.tar"):  # fmt: skip
            file = home / path.replace("NAME1", str(1 + NAMES.index(name))).replace("NAME", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x")
            os.utime(file, (at.timestamp(), at.timestamp()))
    old = now - 2 * KEPT
    put("call", id=uuid7(), started=old)  # has no end
    put("callback", id=uuid7(), kind="closed", number="+33612345678", wished=old, due=old)
    put("case_file", reference="100000033", kind="procedure", opened=old)
    for path in ("log/ivr.log", "asterisk/log/asterisk.log"):
        (home / path).write_bytes(b"x")
        os.utime(home / path, (old.timestamp(), old.timestamp()))
    journal.close()
    assert (await deliver_all(home / "journal", url)).rejected == 0
    yield Settings(home, small_site.make(tmp_path / "site").folder, 19_000)


async def counts(url: str, *tables: Any) -> list[int]:
    return [len(await rows(url, table)) for table in tables]


async def test_each_kind_goes_after_its_own_time(settings: Settings, url: str) -> None:
    home = settings.home
    files = {path for path in home.rglob("*") if path.is_file()}
    everything = Retention(**dict.fromkeys(Retention.model_fields, KEPT.days))
    tables = (Call, CallEvent, Callback, CallbackTry, GuideRequest, Caller, CaseFile, CaseNote, Audit)
    before = await counts(url, *tables)
    dry = await expire(settings, url, everything, clock.now(), dry=True)
    assert await counts(url, *tables) == before and {path for path in home.rglob("*") if path.is_file()} == files
    found = await expire(settings, url, everything, clock.now())
    assert [(one.kind, one.number) for one in dry] == [(one.kind, one.number) for one in found]
    assert {one.kind: one.number for one in found} == {
        "calls": 1, "recordings": 1, "messages": 1, "cases": 1, "audit": 1, "logs": 2, "journals": 1, "backups": 1,
    }  # fmt: skip
    assert await counts(url, *tables) == [2, 1, 2, 1, 1, 1, 2, 1, 1]
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    gone = {str(path.relative_to(home)) for path in files} - left
    assert gone == {
        "recordings/old.wav", "messages/old.wav", "log/ivr.log.1", "asterisk/log/a.log.1",
        "journal/rejected/old.json", "backups/old.hatif.tar",
    }  # fmt: skip
    assert [row.operator_id for row in await rows(url, OperatorStateRecord)] == ["1001"]
    assert (await expire(settings, url, everything, clock.now()))[0].number == 0


async def test_erased_audio_leaves_a_row_without_text_until_its_call_goes(settings: Settings, url: str) -> None:
    await expire(settings, url, Retention(messages=KEPT.days, recordings=KEPT.days), clock.now())
    messages, recordings = await rows(url, Message, Message.at), await rows(url, Recording, Recording.started)
    assert [(row.erased is None, row.text, row.caller) for row in messages] == [
        (False, None, None), (True, "Hello", "+3361"),
    ]  # fmt: skip
    assert [row.erased is None for row in recordings] == [False, True]
    await expire(settings, url, Retention(calls=KEPT.days), clock.now())
    assert await counts(url, Message, Recording, Call) == [1, 1, 2]


async def test_call_records_go_with_the_logs(settings: Settings, url: str) -> None:
    log, now = settings.asterisk_log, clock.now()
    records = [log / "queue_log", log / "cdr-csv" / "Master.csv"]
    (log / "cdr-csv").mkdir()
    for path in records:
        path.write_text("old\n")
        os.utime(path, ((now - KEPT).timestamp() - 3600,) * 2)
    limits = Retention(logs=KEPT.days)
    assert (await expire(settings, url, limits, now, dry=True))[0].number == 2 and records[0].exists()
    assert (await expire(settings, url, limits, now))[0].number == 4  # renamed, and too old already
    for path in records:
        path.write_text("today\n")
    await expire(settings, url, limits, now)
    assert [path.exists() for path in records] == [False, False]
    assert len(list(log.rglob("*-2*"))) == 2  # renamed, and kept
    for path in records:
        path.write_text("later\n")
    await expire(settings, url, limits, now + timedelta(hours=2))
    assert [path.exists() for path in records] == [True, True]  # once a day


async def test_without_a_time_everything_is_kept(settings: Settings, url: str) -> None:
    assert await expire(settings, url, Retention(), clock.now()) == []


async def test_the_journal_process_reads_the_site_s_times_and_survives_a_broken_site(
    settings: Settings, url: str
) -> None:
    async def is_true(condition: bool) -> bool:
        return condition

    toml = settings.site / "site.toml"
    whole = toml.read_text()
    toml.write_text("broken")
    with capture_logs() as logs:
        async with kept_expiring(settings, url) as task:
            await until(lambda: is_true(any(entry["event"].startswith("the hourly work") for entry in logs)))
            assert not task.done()
    assert await counts(url, Call) == [3]
    toml.write_text(whole + "\n[retention]\ncalls = 30\n")
    async with kept_expiring(settings, url):
        await until(lambda: is_count(url, Call, 2))


@asynccontextmanager
async def kept_expiring(settings: Settings, url: str) -> AsyncIterator[asyncio.Task[None]]:
    async with open_engine(url, long=True) as engine:
        task = asyncio.create_task(keep_expiring(settings, engine))
        yield task
        task.cancel()
        await asyncio.wait({task})


def test_a_wrong_time_is_refused_with_its_line(tmp_path: Path) -> None:
    small = small_site.make(tmp_path)
    small.edit("site.toml", "[hours]", "[retention]\ncalls = 0\n\n[hours]")
    with pytest.raises(SiteError, match=r"retention\.calls"):
        site.load(small.folder)


def test_what_would_go_is_counted_by_the_command(tmp_path: Path) -> None:
    small = small_site.make(tmp_path / "site")
    small.edit("site.toml", "[hours]", "[retention]\ncalls = 30\nbackups = 7\n\n[hours]")
    shell = Shell(tmp_path / "home", small.folder)
    shell.make_database()
    assert shell.run("backup").returncode == 0
    (file,) = (shell.home / "backups").iterdir()
    os.utime(file, (0, 0))
    found = json.loads(shell.run("data", "expire", "--dry-run", "--json").stdout)
    assert {one["kind"]: one["number"] for one in found} == {"calls": 0, "backups": 1}
    assert file.exists()
    assert shell.run("data", "expire").returncode == 0
    assert not file.exists()


async def test_calls_are_deleted_in_groups(url: str, folder: Path) -> None:
    journal = Journal(folder, "node1")
    at = clock.now() - KEPT
    for _ in range(250):
        journal.put("call", id=uuid7(), started=at, ended=at)
    journal.close()
    await deliver_all(folder, url)
    async with open_engine(url) as engine:
        assert await retention.count_calls(engine, clock.now()) == 250
        assert await retention.delete_calls(engine, clock.now()) == 250
        assert await retention.delete_calls(engine, clock.now()) == 0
