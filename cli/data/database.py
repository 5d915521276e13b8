"""`hatif db …`: the database's tables, and moving to another database with the line up."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import typer

from cli.composition import Composition, ControlError
from cli.groups import add_group
from cli.on_record import put_on_record
from cli.output import JSON, Bar, as_json, console
from cli.owner import refuse_strangers
from cli.processes.setup import upgrade_database
from cli.upkeep.restart import find
from db import pin_hashes
from db.engine import format_url, open_engine, parse_url
from db.moving import move
from db.pins import rewrite
from db.traces import Read
from db.upgrade import downgrade as undo
from ivr.data import archive, encryption
from ivr.home import line_settings
from ivr.home.settings import Settings, line_of
from ivr.process.process import ProcessInfo, processes

_WRITERS = ("journal", "desk", "ivr")
"""The processes that use the database, in the order in which they are restarted."""
_ENDS_S = 6.0
"""A process that waits for the database may take its time limit to notice the signal; then it is killed."""
_BACK_S = 30.0
_POLL_S = 0.05


_SEALS = "0012"
"""The migration with which hashes of PINs are sealed."""


def register(app: typer.Typer) -> None:
    database = add_group(app, "db", "Manage the database.")
    database.command()(upgrade)
    database.command()(downgrade)
    database.command()(copy)


def upgrade() -> None:
    """Upgrade the database's tables to this version of Hatif."""
    upgrade_database(Composition())


def downgrade(
    backup: Path = typer.Argument(help="A backup that the earlier version made of this line."),
    key: Path = typer.Option(
        None, "--key", help="The private key of an encrypted backup; - reads it from standard input."
    ),
) -> None:
    """Give the database the tables of an earlier version of Hatif, before you install that version again.

    What only the later version keeps is lost; nothing else. Stop the journal and the desk before: calls go on.
    """
    parts = Composition()
    home = parts.settings.home
    refuse_strangers(home)
    writing = [name for name in ("journal", "desk") if (info := processes(parts.settings.run).get(name)) and info.alive]
    if writing:
        raise ControlError(f"{' and '.join(writing)} would write meanwhile: stop them first; the journal keeps all.")
    try:
        about = archive.read_about(backup, encryption.load_keys(key, sys.stdin) if key else ())
    except OSError as error:
        raise archive.BackupError(f"{backup} cannot be read ({error.strerror}); name a backup.") from None
    if about.node != parts.site.node:
        raise ControlError(f"{backup} is of the node {about.node}, and this line is {parts.site.node}.")
    undone = asyncio.run(undo(parts.database_url, about.migration))
    if _SEALS in undone:
        asyncio.run(_unseal(parts))
    line_settings.write(home, replace(line_settings.read(home) or line_of(parts.settings), version=about.hatif))
    console.print(
        f"Database {format_url(parse_url(parts.database_url))}: {len(undone) or 'no'} migrations undone. Now install "
        f"Hatif {about.hatif} again.", markup=False, soft_wrap=True,
    )  # fmt: skip


async def _unseal(parts: Composition) -> None:
    """Give the earlier version hashes of PINs that it can check."""
    async with open_engine(parts.database_url) as engine:
        await rewrite(engine, "$sealed", lambda pin_hash: pin_hashes.unsealed(pin_hash, parts.credentials.pin_pepper))


def copy(
    url: str = typer.Argument(
        help="An empty database: postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH; - reads it from standard "
        "input, so that no list of processes shows the password."
    ),
    json: bool = JSON,
) -> None:
    """Copy the line's database to another one, compare every row, and have the line use it.

    The line stays up. At the end its controller, journal and desk are restarted; calls go on meanwhile. A copy that was
    interrupted has changed nothing; the same command goes on with it.
    """
    parts = Composition()
    settings, former = parts.settings, parts.database_url
    target = sys.stdin.readline().strip() if url == "-" else url
    refuse_strangers(settings.home)
    running = _check_running(parts)
    left: list[str] = []
    # As for a backup: who moves away from a full disk can do so.
    put_on_record(parts, Read.EXPORT, "export:database", needed=False, to=format_url(parse_url(target)))

    def switch() -> None:
        kept = line_settings.read(settings.home) or line_of(settings)
        line_settings.write(settings.home, replace(kept, database=target))
        left.extend(_restart(settings, running))

    with Bar() as bar:
        say = (lambda text: None) if json else bar.step
        moved = asyncio.run(move(former, target, switch, bar.update, say))
    if json:
        as_json({"database": format_url(parse_url(target)), "rows": moved.rows, "not_restarted": left})
    else:
        console.print(
            f"{moved.rows} rows are in {format_url(parse_url(target))}, all of them compared; the line uses it now.",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        console.print(
            f"{format_url(parse_url(former))} is as it was; delete it when you are content.",
            markup=False,
            soft_wrap=True,
        )
        if os.environ.get("HATIF_DATABASE"):
            console.print("HATIF_DATABASE names the former one: unset it, or set it to the new URL.")
        if parts.site.database.url is not None:
            console.print("`url` in [database] of site.toml no longer counts; write the new URL there, or delete it.")
    if left:
        raise ControlError(f"{', '.join(left)} did not come back: see `hatif status`.")


def _check_running(parts: Composition) -> dict[str, ProcessInfo]:
    """Return the processes to restart. Raises ControlError if they would not come back with the new database."""
    alive = processes(parts.settings.run)
    running = {name: find(parts, name) for name in _WRITERS if name in alive and alive[name].alive}
    for name, info in running.items():
        with suppress(psutil.Error, OSError):
            if psutil.Process(info.pid).environ().get("HATIF_DATABASE"):
                raise ControlError(
                    f"The environment of the running line ({name}) sets HATIF_DATABASE, which nobody can change from "
                    "outside: stop the line, repeat this, and start it without HATIF_DATABASE."
                )
    return running


def _restart(settings: Settings, running: dict[str, ProcessInfo]) -> list[str]:
    """End processes, which their supervisor starts again; return those that did not come back."""
    for info in running.values():
        _send(info, signal.SIGTERM)
    _wait_until(lambda: not any(_is_up(info) for info in running.values()), _ENDS_S)
    for info in running.values():
        if _is_up(info):
            _send(info, signal.SIGKILL)

    def missing() -> list[str]:
        now = processes(settings.run)
        return [name for name, info in running.items() if not _is_another(now.get(name), info)]

    _wait_until(lambda: not missing(), _BACK_S)
    return missing()


def _is_another(found: ProcessInfo | None, former: ProcessInfo) -> bool:
    return found is not None and found.alive and (found.pid, found.booted) != (former.pid, former.booted)


def _is_up(info: ProcessInfo) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(info.pid).status() != psutil.STATUS_ZOMBIE
    return False


def _send(info: ProcessInfo, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(info.pid, number)


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
