"""`hatif db copy`: a line moves from SQLite to PostgreSQL and back, with the journal process up."""

import asyncio
import os
import sys
from pathlib import Path

import small_site
import warm_up
from db_helpers import count, until
from shell import Shell
from supervised import pid_of, running

from db.delivery import deliver_all
from db.ids import uuid7
from db.journal import Journal
from db.tables import Call
from db.upgrade import upgrade
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine
from ivr.model import clock
from ivr.process.supervisor import ProcessSpec

pytest_plugins = ["db_fixtures"]

HATIF = str(Path(sys.executable).with_name("hatif"))


def put_call(journal: Journal) -> None:
    journal.put("call", id=uuid7(), started=clock.now())
    journal.flush()


async def copied(environment: dict[str, str], url: str) -> str:
    process = await asyncio.create_subprocess_exec(
        str(warm_up.sockets() / "bin" / "hatif"), "db", "copy", "-", env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(url.encode()), 60)
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_a_running_line_uses_the_new_database_and_no_call_is_lost(
    empty_postgresql_url: str, tmp_path: Path
) -> None:
    home, site = tmp_path / "home", small_site.make(tmp_path / "site").folder
    line_settings.write(home, KeptLine(19_000, str(site)))
    former, back = f"sqlite:///{home / 'hatif.db'}", f"sqlite:///{tmp_path / 'back.db'}"
    environment = {**os.environ, "HATIF_HOME": str(home), "HATIF_SITE": str(site), "HATIF_PORT_OFFSET": "19000"}
    environment.pop("HATIF_DATABASE", None)
    await upgrade(former)
    spec = ProcessSpec("journal", (HATIF, "journal"), env=environment)
    journal = Journal(home / "journal", "node1")
    put_call(journal)

    async def has(url: str, wanted: int) -> bool:
        return await count(url, Call) == wanted

    async with running(home, spec):
        await until(lambda: has(former, 1))
        pid = pid_of(home, "journal")
        output = await copied(environment, empty_postgresql_url)
        assert "all of them compared" in output and "PASSWORD" not in output
        assert pid_of(home, "journal") != pid
        kept = line_settings.read(home)
        assert kept is not None and kept.database == empty_postgresql_url
        put_call(journal)
        await until(lambda: has(empty_postgresql_url, 2))
        await copied(environment, back)
        put_call(journal)
        await until(lambda: has(back, 3))
    assert (await count(former, Call), await count(empty_postgresql_url, Call)) == (1, 2)
    journal.close()


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
