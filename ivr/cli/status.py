"""`hatif status`: whether a call can be served, asked as a caller would meet it."""

import asyncio
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import typer

from ivr.ami import Ami, AmiError, Fields
from ivr.cli.compose import Composition, ControlError
from ivr.cli.output import JSON, as_json, as_table, cell, console
from ivr.cli.troubles import ANSWER_S, JournalState, read_journal, undelivered
from ivr.process import ProcessInfo, processes
from ivr.supervisor import OWN_NAME

RINGS_S = 5
"""An unanswered call that is older was not taken by the line."""

PROBES_KEPT = 3
"""A last test call that is older than so many of its periods says that the line does not call itself any more."""

_NEEDED = ("asterisk", "ivr")
_DISK_FULL, _DISK_LOW = 50 * 2**20, 2**30  # bytes
_OLD_ASTERISK = timedelta(days=365)
_LAST_MINUTE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the line. `fatal`: while it is not `ok`, calls are not served."""

    name: str
    ok: bool
    fatal: bool
    found: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(json: bool = JSON) -> None:
    """Say whether a call can be served: exit status 0 only then. docs/status.md explains each check."""
    parts = Composition()
    offset = parts.settings.offset
    running = {name: info for name, info in processes(parts.settings.run).items() if info.alive}
    try:
        live = cast(dict[str, Any], parts.ask_controller("GET", "/status"))
    except ControlError:
        live = {"ari": False, "ami": False, "calls": {}}
    checks = [*_processes(running), *_controller(live, parts.site.probe_s), *_disk(parts)]
    journal = read_journal(parts.settings.journal, parts.database_url)
    checks += [*_journal(journal), *asyncio.run(_asked(parts))]
    serves = all(each.ok for each in checks if each.fatal)
    data: dict[str, Any] = {
        "serves": serves,
        "checks": [asdict(each) for each in checks],
        "processes": {name: info.pid for name, info in running.items()},
        "addresses": {
            "sip": f"{parts.site.sip_bind}:{5060 + offset}",
            "ari": f"http://127.0.0.1:{8088 + offset}",
            "ami": f"127.0.0.1:{5038 + offset}",
            "control": f"http://127.0.0.1:{parts.settings.control_port}",
            "rtp": f"{10000 + offset}-{10999 + offset}/udp",
        },
        "calls": live["calls"],
        "probe": live.get("probe"),
        "refused": live.get("refused"),
        "journal": {
            "records": journal.lag.records if journal.lag is not None else None,
            "age_s": round(journal.lag.seconds, 1) if journal.lag is not None else None,
        },
        "open": live.get("open"),
        "home": str(parts.settings.home),
    }
    if json:
        as_json(data)
    else:
        _show(data, checks, parts)
    if not serves:
        raise typer.Exit(1)


def _show(data: dict[str, Any], checks: Sequence[Check], parts: Composition) -> None:
    console.print("Serves calls." if data["serves"] else "Does NOT serve calls.")
    for each in checks:
        if not each.ok:
            colour = "red" if each.fatal else "yellow"
            console.print(cell(f"  {each.name}: {each.found}; {each.remedy}."), style=colour, markup=False)
    as_table("Checks", ("check", "ok", "found"), ((each.name, each.ok, each.found) for each in checks))
    as_table("Processes", ("process", "pid"), data["processes"].items())
    as_table("Addresses", ("what", "where"), data["addresses"].items())
    as_table("Calls now", ("state", "calls"), data["calls"].items())
    if any((data["refused"] or {}).values()):
        as_table("Refused calls", ("limit", "calls"), data["refused"].items())
    if not data["serves"]:
        console.print("Start it with `hatif up`, or look into the logs in", parts.settings.log, markup=False)


def _processes(running: Mapping[str, ProcessInfo]) -> Iterator[Check]:
    missing = [each for each in _NEEDED if each not in running]
    found = f"{' and '.join(missing)} not running" if missing else "Asterisk and the controller run"
    yield Check("processes", not missing, True, found, "start the line with `hatif up`")
    found, remedy, supervisor = "hatif up watches them", "", running.get(OWN_NAME)
    if supervisor is None:
        found = "nobody watches them: hatif up does not run"
        remedy = "start the line with `hatif up`; it takes over what still runs"
    elif supervisor.stopped:
        found = "nobody watches them: hatif up is stopped (SIGSTOP or Ctrl-Z)"
        remedy = f"let it go on with `kill -CONT {supervisor.pid}`"
    yield Check("watched", not remedy, True, found, remedy)


def _controller(live: dict[str, Any], probe_s: float) -> Iterator[Check]:
    ok = bool(live["ari"] and live["ami"])
    found = "connected to Asterisk" if ok else "not connected to Asterisk, or does not answer"
    yield Check("controller", ok, True, found, "see log/ivr.log; it connects again by itself")
    probe = live.get("probe")
    if not probe_s:
        yield Check("test call", True, False, "switched off (probe_s = 0)")
    elif not ok or probe is None:
        yield Check("test call", True, False, "none yet")
    elif time.time() - probe["at"] > PROBES_KEPT * (probe_s + 10):
        old = f"the last one was {time.time() - probe['at']:.0f} s ago"
        yield Check("test call", False, True, old, "see log/ivr.log, then end the controller: it is started again")
    elif probe["fault"] is not None:
        found = f"the line called {probe['number']} itself: {probe['fault']}"
        yield Check("test call", False, True, found, "see log/ivr.log and asterisk/log/asterisk.log")
    else:
        yield Check("test call", True, True, f"{probe['number']} answered after {probe['answered_s']:.3f} s")


def _disk(parts: Composition) -> Iterator[Check]:
    home = parts.settings.home
    if not home.exists():
        return
    free = shutil.disk_usage(home).free
    found = f"{free / 2**20:,.0f} MiB free in {home}"
    yield Check("disk", free >= _DISK_LOW, free < _DISK_FULL, found, "make room for messages and records")


async def _asked(parts: Composition) -> list[Check]:
    """Ask Asterisk and the database."""
    secrets = parts.credentials
    try:
        async with Ami("127.0.0.1", 5038 + parts.settings.offset, secrets.ami_user, secrets.ami_password) as ami:
            dialplan = await ami.listing("ShowDialPlan", Context="hatif-carrier")
            channels = await ami.listing("CoreShowChannels")
            settings, uptime = await ami.action("CoreSettings"), await ami.action("CoreStatus")
    except AmiError as error:
        return [Check("asterisk", False, True, str(error).rstrip("."), "start the line with `hatif up`")]
    return [
        _numbers(parts, dialplan),
        _unanswered(channels),
        _asterisk(settings, uptime, parts.built, datetime.now(UTC)),
        *await _last_minute(parts.database_url),
    ]


def _numbers(parts: Composition, dialplan: Iterable[Fields]) -> Check:
    loaded = {row["Extension"] for row in dialplan if "Extension" in row}
    missing = [each.number for each in parts.plan.numbers if not loaded.issuperset(each.forms)]
    found = f"not in Asterisk's dialplan: {', '.join(missing)}" if missing else "all in Asterisk's dialplan"
    return Check("numbers", not missing, True, found, "run `hatif dialplan load`")


def _unanswered(channels: Iterable[Fields]) -> Check:
    ringing = [
        row["Channel"]
        for row in channels
        if row.get("ChannelStateDesc") == "Ring"
        and row.get("Channel", "").startswith("PJSIP/")  # not Asterisk's own (Local/)
        and row.get("Context", "").startswith("hatif-")
        and _seconds(row.get("Duration", "")) > RINGS_S
    ]
    found = f"{len(ringing)} ring for over {RINGS_S} s and nobody answers" if ringing else "none waits for an answer"
    return Check("calls", not ringing, True, found, "see log/ivr.log; end the controller: the next one takes them")


def _seconds(clock_time: str) -> int:
    """`01:02:03` in seconds; 0 for what is not a time."""
    try:
        hours, minutes, seconds = map(int, clock_time.split(":"))
    except ValueError:
        return 0
    return 3600 * hours + 60 * minutes + seconds


def _asterisk(settings: Fields, uptime: Fields, built: datetime | None, now: datetime) -> Check:
    """Say which Asterisk it is and since when it runs; `built`: when its program was made, where that is known."""
    old = built is not None and now - built > _OLD_ASTERISK
    of = f", built {built:%Y-%m-%d}" if built is not None else ""
    since = f"{uptime.get('CoreStartupDate', '?')} {uptime.get('CoreStartupTime', '')}".strip()
    found = f"{settings.get('AsteriskVersion', '?')}{of}, up since {since}"
    return Check("asterisk", not old, False, found, "install a newer release: this one lacks a year of security fixes")


def _journal(state: JournalState) -> Iterator[Check]:
    problems = list(undelivered(state))
    if state.lag is not None:
        found = f"{state.lag.records} records wait, the oldest for {state.lag.seconds:.0f} s"
    else:
        found = "not known how many records wait"
    yield Check("journal", not problems, False, " ".join(problems).rstrip(".") or found, "calls are served meanwhile")


async def _last_minute(url: str) -> list[Check]:
    """What the database says of the last minute; nothing while it is away, which the journal's check says."""
    from db import missed  # not before it is needed: half of the command's start
    from db.engine import DatabaseError, async_engine

    engine = async_engine(url)
    try:
        async with asyncio.timeout(ANSWER_S):
            vain = await missed.unanswered(engine, datetime.now(UTC) - _LAST_MINUTE, timedelta(seconds=RINGS_S))
    except (DatabaseError, TimeoutError):
        return []
    finally:
        await engine.dispose()
    calls = f"{vain} of the last minute rang for over {RINGS_S} s and were not answered" if vain else "all answered"
    return [Check("last minute", not vain, True, calls, "see log/ivr.log and asterisk/log/asterisk.log")]
