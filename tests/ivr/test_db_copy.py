"""`hatif db copy` of a line that does not run, and of one whose processes nobody would start again."""

import asyncio
import json
import os
from pathlib import Path

import small_site
from shell import Shell
from supervised import running

from db.delivery import deliver_all
from db.ids import uuid7
from db.journal import Journal
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine
from ivr.model import clock
from ivr.process.supervisor import ProcessSpec

pytest_plugins = ["db_fixtures"]


def put_call(journal: Journal) -> None:
    journal.put("call", id=uuid7(), started=clock.now())
    journal.flush()


def line(tmp_path: Path, kept: KeptLine) -> Shell:
    shell = Shell(tmp_path / "home", small_site.make(tmp_path / "site").folder)
    line_settings.write(shell.home, kept)
    assert shell.run("db", "upgrade").returncode == 0
    return shell


def test_a_stopped_line_is_copied_as_well(empty_postgresql_url: str, tmp_path: Path) -> None:
    shell = line(tmp_path, KeptLine(19_000, str(tmp_path / "site" / "site")))
    journal = Journal(shell.home / "journal", "node1")
    put_call(journal)
    journal.close()
    asyncio.run(deliver_all(shell.home / "journal", f"sqlite:///{shell.home / 'hatif.db'}"))
    answer = shell.run("db", "copy", empty_postgresql_url)
    assert answer.returncode == 0, answer.stderr
    assert len(shell.run("calls", "--json").stdout) > 10
    taken = json.loads(shell.run("audit", "--act", "read_export", "--json").stdout)
    assert [row["about"] for row in taken] == ["export:database"]
    refused = shell.run("db", "copy", empty_postgresql_url)
    assert refused.returncode == 1 and "is the line's database already" in " ".join(refused.stderr.split())


async def test_processes_that_nobody_would_restart_are_named_before_anything_happens(
    empty_postgresql_url: str, tmp_path: Path
) -> None:
    home, site = tmp_path / "home", small_site.make(tmp_path / "site").folder
    line_settings.write(home, KeptLine(19_000, str(site)))
    sleeps = ("sleep", "600")
    environment = {**os.environ, "HATIF_DATABASE": "sqlite:////tmp/other.db"}
    async with running(home, ProcessSpec("ivr", sleeps, env=environment)):
        shell = Shell(home, site)
        named = await asyncio.to_thread(shell.run, "db", "copy", empty_postgresql_url)
        assert named.returncode == 1 and "sets HATIF_DATABASE" in " ".join(named.stderr.split())
        (home / "run" / "supervisor.pid").rename(home / "run" / "supervisor.gone")
        alone = await asyncio.to_thread(shell.run, "db", "copy", empty_postgresql_url)
        (home / "run" / "supervisor.gone").rename(home / "run" / "supervisor.pid")
    assert alone.returncode == 1 and "Nobody would start ivr again" in " ".join(alone.stderr.split())
