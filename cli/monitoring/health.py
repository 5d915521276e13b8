"""`hatif health`: the state of each part of the line, with what to do about faults. The desk's page shows the same."""

import asyncio
import platform
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from cli.asterisk_parts import AsteriskParts
from cli.desk import settings_of
from cli.monitoring.facts import expected_processes, own_version
from cli.output import JSON, as_json, as_table, cell, console
from cli.processes import status
from cli.processes.at_once import ANSWER_S
from cli.processes.check import Check, phrase
from db.engine import DatabaseError, for_people, open_engine, version_of
from ivr.process.process import ProcessInfo, processes
from ivr.site import certificate

BACKUP_AGE = timedelta(days=8)
"""A weekly backup is at most so old."""

_ENDS = timedelta(days=14)
_START_DATABASE = "start it, or free its disk; calls go on, and their records wait in the journal"


def register(app: typer.Typer) -> None:
    app.command()(health)


def health(json: bool = JSON) -> None:
    """Show the state of each part of the line, and what to do about faults; exit status 1 if there are any.

    `hatif status` is the part of it that decides whether calls are served.
    """
    parts = AsteriskParts()
    document = read(parts)
    faults = [check for check in document["parts"] if not check["ok"]]
    if json:
        as_json(document)
    else:
        for check in faults:
            colour = "red" if check["fatal"] else "yellow"
            sentence = f"{check['name']}: {check['found']}; {check['remedy']}."
            console.print(cell(sentence), style=colour, markup=False)
        rows = ((check["name"], check["ok"], check["found"]) for check in document["parts"])
        as_table("Parts", ("part", "ok", "found"), rows)
        as_table("Versions", ("what", "version"), document["versions"].items())
    if faults:
        raise typer.Exit(1)


def read(parts: AsteriskParts) -> dict[str, Any]:
    """Return the state of each part. Not within an event loop."""
    began = time.time()
    line = status.read(parts, {"database": lambda: asyncio.run(_check_database(parts))})
    running = processes(parts.settings.run)
    database, version = line.also.get("database") or (_silent_database(), None)
    has_monitor = parts.site.monitoring.enabled
    expected = [name for name in expected_processes(parts) if has_monitor or name != "monitor"]
    checks = [
        *_check_each_process(running, expected),
        *(check for check in line.checks if not check.name.startswith("process ")),  # which are said above
        database,
        *_check_desk_certificate(parts, datetime.now(UTC)),
        _check_backup(parts.settings.backups, parts.settings.home, datetime.now(UTC)),
    ]
    return {
        "at": began,
        "serves": line.serves,
        "parts": [check.as_data() for check in checks],
        "versions": {
            "hatif": own_version(),
            "asterisk": next((str(row.found) for row in line.checks if row.name == "asterisk" and not row.fatal), None),
            "database": version,
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
        },
        "addresses": line.document["addresses"],
        "calls": line.document["calls"],
    }


def _check_each_process(running: Mapping[str, ProcessInfo], expected: Sequence[str]) -> Iterator[Check]:
    """Check that each process of the line runs, and is not stopped."""
    for name in expected:
        process = running.get(name)
        fatal = name in status.NEEDED
        if process is None or not process.alive:
            remedy = f"see log/{name}.log; `hatif up` starts it by itself, with systemd: `systemctl start hatif-{name}`"
            yield Check(f"process {name}", False, fatal, phrase("it does not run"), remedy)
        elif (halted := status.check_halted(name, process)) is not None:
            yield halted
        else:
            since = f"{process.started:%Y-%m-%d %H:%M:%S}"
            runs = phrase("it runs since %(since)s UTC, pid %(pid)d", since=since, pid=process.pid)
            yield Check(f"process {name}", True, fatal, runs)


async def _check_database(parts: AsteriskParts) -> tuple[Check, str | None]:
    began = time.monotonic()
    try:
        async with open_engine(parts.database_url, 1) as engine:
            version = await version_of(for_people(engine, ANSWER_S))
    except DatabaseError as error:
        return Check("database", False, False, str(error).rstrip("."), _START_DATABASE), None
    else:
        answered = 1000 * (time.monotonic() - began)
        return Check(
            "database",
            True,
            False,
            phrase("%(version)s answered within %(ms)d ms", version=version, ms=round(answered)),
        ), version


def _silent_database() -> Check:
    found = phrase("it did not answer within %(seconds)d s", seconds=round(ANSWER_S))
    return Check("database", False, False, found, _START_DATABASE)


def _check_desk_certificate(parts: AsteriskParts, now: datetime) -> Iterator[Check]:
    """Check the certificate of the desk's own TLS; nothing to say without one."""
    if not parts.site.desk.enabled:
        return
    chosen = settings_of(parts)
    if chosen.certificate is None or chosen.key is None:
        return
    remedy = "renew it, then restart the desk"
    try:
        ends = certificate.ends(chosen.certificate, chosen.key)
    except (OSError, ssl.SSLError) as error:
        unusable = phrase("%(file)s cannot be used (%(why)s)", file=str(chosen.certificate), why=str(error))
        yield Check("desk certificate", False, False, unusable, remedy)
        return
    found = (
        phrase("it has expired, or is not valid yet")
        if ends is None
        else phrase("it ends on %(day)s", day=ends.date().isoformat())
    )
    yield Check("desk certificate", ends is not None and ends - now > _ENDS, False, found, remedy)


def _check_backup(folder: Path, home: Path, now: datetime) -> Check:
    """Check the age of the newest backup. A line of less than a week needs none."""
    endings = (".hatif.tar", ".hatif.tar.age")
    made = [entry.stat().st_mtime for ending in endings for entry in folder.glob(f"*{ending}")]
    remedy = "run `hatif backup`, each night from cron or a timer (docs/backup.md)"
    if made:
        age = now - datetime.fromtimestamp(max(made), UTC)
        hours = round(age.total_seconds() / 3600)
        found = (
            phrase("the newest of %(count)d is %(hours)d h old", count=len(made), hours=hours)
            if hours < 48
            else phrase("the newest of %(count)d is %(days)d days old", count=len(made), days=round(hours / 24))
        )
        return Check("backup", age <= BACKUP_AGE, False, found, remedy)
    young = not home.exists() or now - _began(home) < BACKUP_AGE
    found = (
        phrase("there is none in %(folder)s yet", folder=str(folder))
        if young
        else phrase("there is none in %(folder)s; those that are elsewhere are not known", folder=str(folder))
    )
    return Check("backup", young, False, found, remedy)


def _began(home: Path) -> datetime:
    """Return when a home was made, as far as its oldest file says."""
    times = [home.stat().st_mtime]
    for entry in home.iterdir():
        with suppress(OSError):  # a temporary file that has gone
            times.append(entry.stat().st_mtime)
    return datetime.fromtimestamp(min(times), UTC)
