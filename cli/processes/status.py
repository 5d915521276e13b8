"""`hatif status`: whether a call would be served, checked from a caller's point of view."""

import asyncio
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import typer

from asterisk_conf.installation import NEWER, OLD
from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError
from cli.desk import settings_of
from cli.output import JSON, as_json, as_table, cell, console, local
from cli.processes.asterisk_check import check_answers
from cli.processes.at_once import ANSWER_S, ask_all
from cli.processes.background_checks import (
    check_consulates,
    check_gate,
    check_message_texts,
    check_pages,
    check_prompts,
    check_reading,
    check_voices,
)
from cli.processes.carrier_checks import check_certificate, check_registrations, served_certificate
from cli.processes.check import START, Check, phrase
from cli.processes.troubles import JournalState, find_delivery_problems, read_journal, silent_journal
from cli.speech import state as transcriber_state
from cli.speech.state import State as TextState
from db import missed_calls
from db.engine import DatabaseError, for_people, open_engine
from ivr.asterisk.ami import Ami, AmiError, Fields
from ivr.asterisk.carrier_registrations import read_registrations
from ivr.home import existing, process_counts
from ivr.process.process import ProcessInfo, processes, unit_of
from ivr.process.supervisor import OWN_NAME
from ivr.site.addresses import reachable
from prompts import progress
from prompts.progress import Progress

RINGS_S = 5
"""Seconds after which a call that still rings counts as not taken by the line."""

PROBES_MISSED = 3
"""Periods without a test call after which the line counts as no longer calling itself."""

HALTED_S = 5.0
"""Seconds without a sign of life after which a process counts as hung: it shows one each second."""

NEEDED = ("asterisk", "ivr")
_DISK_FULL, _DISK_LOW = 50 * 2**20, 2**30  # bytes
_LAST_MINUTE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class LineStatus:
    """What `hatif status` says. `document`: all of it, for programs; `also`: what else `read` was to ask."""

    serves: bool
    checks: tuple[Check, ...]
    journal: JournalState
    voices: Progress | None
    message_texts: TextState | None
    document: dict[str, Any]
    also: Mapping[str, Any] = field(default_factory=dict)


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(json: bool = JSON) -> None:
    """Show whether calls are served; exit status 0 only if they are. docs/status.md explains each check."""
    parts = AsteriskParts()
    line = read(parts)
    if json:
        as_json(line.document)
    else:
        _show(line.document, line.checks, parts)
    if not line.serves:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the line that is asked for its checks, at the same time as all others and for `ANSWER_S` at most.

    `silent`: the check if it does not answer in time; none where another part's check says so.
    """

    name: str
    ask: Callable[[AsteriskParts], Iterable[Check]]
    silent: Check | None


def read(parts: AsteriskParts, also: Mapping[str, Callable[[], Any]] = MappingProxyType({})) -> LineStatus:
    """Return the status of the line within seconds, whatever hangs. Not within an event loop.

    `also`: further questions, which are asked at the same time; those that have no answer in time are left out.
    """
    offset = parts.settings.offset
    running = {name: info for name, info in processes(parts.settings.run).items() if info.alive}
    _ = parts.site, parts.credentials, parts.plan, parts.database_url  # read once, before several threads need them
    answers = ask_all(
        {
            "controller": partial(_ask_controller, parts),
            "journal": partial(read_journal, parts.settings.journal, parts.database_url),
            **{part.name: partial(_ask_part, part, parts) for part in PARTS},
            **also,
        }
    )
    live = answers.get("controller", _NO_CONTROLLER)
    is_ours = existing.read(parts.settings.home) is None  # Asterisk; another one is checked by its answers only
    checks = [
        *_check_processes(running, NEEDED if is_ours else NEEDED[1:]),
        *_check_controller(live, parts.site.probe_s),
        *_check_drained(live),
    ]
    checks += check_answers(parts.settings.run, running)
    checks += check_prompts(live.get("prompts"))
    checks += check_consulates(live.get("sample_consulates") or {}, parts.site)
    for part in PARTS:
        if part.name in answers:
            checks += answers[part.name]
        elif part.silent is not None:
            checks.append(part.silent)
    voices = progress.read(parts.settings.voice_progress)
    checks += [] if voices is None else [check_voices(voices)]
    texts = transcriber_state.read(parts.settings.transcriber_state) if parts.site.speech.messages else None
    checks += [check_message_texts(texts, "transcriber" in running)] if parts.site.speech.messages else []
    journal = answers.get("journal") or silent_journal(parts.settings.journal)
    checks += _check_journal(journal)
    serves = all(check.ok for check in checks if check.fatal)
    document: dict[str, Any] = {
        "serves": serves,
        "checks": [check.as_data() for check in checks],
        "processes": {name: info.pid for name, info in running.items()},
        "addresses": {
            "sip": f"{parts.site.sip_bind}:{5060 + offset}",
            **({"sips": f"{parts.site.sip_bind}:{5061 + offset}"} if parts.site.sip.certificate is not None else {}),
            "ari": f"http://127.0.0.1:{8088 + offset}",
            "ami": f"127.0.0.1:{5038 + offset}",
            "control": f"http://127.0.0.1:{parts.settings.control_port}",
            "rtp": f"{10000 + offset}-{9999 + offset + parts.site.sip.audio_ports}/udp",
            **({"desk": settings_of(parts).url} if parts.site.desk.enabled else {}),
            **({"monitoring": monitoring_url(parts)} if parts.site.monitoring.enabled else {}),
        },
        "calls": live["calls"],
        "probe": live.get("probe"),
        "refused": live.get("refused"),
        "limits": live.get("limits"),
        "journal": {
            "records": journal.lag.records if journal.lag is not None else None,
            "age_s": round(journal.lag.seconds, 1) if journal.lag is not None else None,
        },
        "open": live.get("open"),
        "drained": live.get("drained"),
        "prompts": live.get("prompts"),
        "voices": None if voices is None else asdict(voices),
        "message_texts": None if texts is None else asdict(texts),
        "home": str(parts.settings.home),
    }
    more = {name: answers[name] for name in also if name in answers}
    return LineStatus(serves, tuple(checks), journal, voices, texts, document, more)


_NO_CONTROLLER: Mapping[str, Any] = {"ari": False, "ami": False, "calls": {}, "silent": True}


def _ask_controller(parts: AsteriskParts) -> Mapping[str, Any]:
    try:
        return cast(dict[str, Any], parts.ask_controller("GET", "/status"))
    except ControlError:
        return {**_NO_CONTROLLER, "silent": False}


def _ask_part(part: Part, parts: AsteriskParts) -> list[Check]:
    return list(part.ask(parts))


def monitoring_url(parts: AsteriskParts) -> str:
    """Return the address of `hatif monitor`, without a slash at its end."""
    listen = parts.site.monitoring.listen
    return f"http://{f'[{listen}]' if ':' in listen else listen}:{parts.settings.monitoring_port}"


def _show(data: dict[str, Any], checks: Sequence[Check], parts: AsteriskParts) -> None:
    console.print("Serves calls." if data["serves"] else "Does NOT serve calls.")
    for check in checks:
        if not check.ok:
            colour = "red" if check.fatal else "yellow"
            console.print(cell(f"  {check.name}: {check.found}; {check.remedy}."), style=colour, markup=False)
    as_table("Checks", ("check", "ok", "found"), ((check.name, check.ok, check.found) for check in checks))
    as_table("Processes", ("process", "pid"), data["processes"].items())
    as_table("Addresses", ("what", "where"), data["addresses"].items())
    as_table("Calls now", ("state", "calls"), data["calls"].items())
    if any((data["refused"] or {}).values()):
        as_table("Refused calls", ("limit", "calls"), data["refused"].items())
    if any((data["limits"] or {}).values()):
        reached = ((limit, times) for limit, times in data["limits"].items() if times)
        as_table("Limits on callers, since the controller began", ("limit", "times"), reached)
    if not data["serves"]:
        console.print("Start the line with `hatif up`, or see the logs in", parts.settings.log, markup=False)


def _check_processes(running: Mapping[str, ProcessInfo], needed: Collection[str]) -> Iterator[Check]:
    missing = [name for name in needed if name not in running]
    stopped = {name: running[name].pid for name in needed if name in running and running[name].stopped}
    found, remedy = phrase("Asterisk and the controller run"), START
    if missing:
        found = phrase("%(names)s: not running", names=", ".join(missing))
    elif stopped:
        found = phrase("%(names)s: stopped (SIGSTOP or Ctrl-Z)", names=", ".join(stopped))
        remedy = f"continue with `kill -CONT {' '.join(map(str, stopped.values()))}`"
    yield Check("processes", not missing and not stopped, True, found, remedy)
    found, remedy, supervisor = phrase("hatif up supervises them"), "", running.get(OWN_NAME)
    if supervisor is None and any(name in running and unit_of(running[name].pid) for name in needed):
        found = phrase("systemd supervises them")
    elif supervisor is None:
        found = phrase("unsupervised: hatif up does not run")
        remedy = "start the line with `hatif up`; it takes over what still runs"
    elif supervisor.stopped:
        found = phrase("unsupervised: hatif up is stopped (SIGSTOP or Ctrl-Z)")
        remedy = f"continue it with `kill -CONT {supervisor.pid}`"
    elif (supervisor.silent_s or 0.0) > HALTED_S:
        found = phrase("unsupervised: hatif up hangs")
        remedy = f"end it with `kill -9 {supervisor.pid}`, then start `hatif up` again; it takes over what still runs"
    yield Check("watched", not remedy, True, found, remedy)
    for name, process in running.items():
        if name != OWN_NAME and (halted := check_halted(name, process)) is not None:
            yield halted


def check_halted(name: str, process: ProcessInfo) -> Check | None:
    """Return what is wrong with a process that is there and does nothing; None for one that does its work."""
    silent_s, remedy = process.silent_s or 0.0, "it is ended, and another one is started, by itself"
    since = f"{datetime.now(UTC) - timedelta(seconds=silent_s):%H:%M:%S}"
    if process.stopped:
        found = phrase("it has been stopped (SIGSTOP or Ctrl-Z) since %(since)s UTC", since=since)
        return Check(
            f"process {name}", False, name in NEEDED, found, f"continue it with `kill -CONT {process.pid}`, or {remedy}"
        )
    if silent_s > HALTED_S:
        return Check(
            f"process {name}", False, name in NEEDED, phrase("it has hung since %(since)s UTC", since=since), remedy
        )
    return None


def _check_controller(live: Mapping[str, Any], probe_s: float) -> Iterator[Check]:
    ok = bool(live["ari"] and live["ami"])
    if live.get("silent"):
        remedy = "see log/ivr.log; the guard ends a controller that hangs, and `hatif up` starts it again"
        yield Check("controller", False, True, _silence(), remedy)
    else:
        found = phrase("connected to Asterisk") if ok else phrase("not connected to Asterisk, or does not answer")
        yield Check("controller", ok, True, found, "see log/ivr.log; it reconnects by itself")
    floor = bool(live.get("floor", ok))
    found = phrase("it offers calls to operators") if floor else phrase("it does not answer, or fails again and again")
    yield Check("floor", floor, True, found, "see log/ivr.log; it is renewed by itself")
    probe = live.get("probe")
    if not probe_s:
        yield Check("test call", True, False, phrase("switched off (probe_s = 0)"))
    elif not ok or probe is None:
        yield Check("test call", True, False, phrase("none yet"))
    elif time.time() - probe["at"] > PROBES_MISSED * (probe_s + 10):
        old = phrase("the last one was %(seconds)d s ago", seconds=round(time.time() - probe["at"]))
        yield Check("test call", False, True, old, "see log/ivr.log, then end the controller; `hatif up` restarts it")
    elif probe["fault"] is not None:
        found = phrase("the line called its own %(number)s: %(why)s", number=probe["number"], why=probe["fault"])
        yield Check("test call", False, True, found, "see log/ivr.log and asterisk/log/asterisk.log")
    else:
        answered = phrase(
            "%(number)s answered after %(seconds).3f s", number=probe["number"], seconds=probe["answered_s"]
        )
        yield Check("test call", True, True, answered)


def _check_drained(live: Mapping[str, Any]) -> Iterator[Check]:
    """Check that new calls are taken; nothing to say while they are."""
    if drained := live.get("drained"):
        named = {"since": str(local(datetime.fromtimestamp(drained["since"], UTC))), "name": str(drained["by"])}
        found = (
            phrase("no new calls are taken since %(since)s, by %(name)s (carriers get 503)", **named)
            if drained["refuse"]
            else phrase("no new calls are taken since %(since)s, by %(name)s (callers hear that it is closed)", **named)
        )
        yield Check("drained", False, True, found, "take them again with `hatif drain --end`")


def _check_disk(parts: AsteriskParts) -> Iterator[Check]:
    home = parts.settings.home
    if not home.exists():
        return
    free = shutil.disk_usage(home).free
    found = phrase("%(free)d MiB free in %(folder)s", free=round(free / 2**20), folder=str(home))
    yield Check("disk", free >= _DISK_LOW, free < _DISK_FULL, found, "free space for messages and records")


def _silence() -> str:
    return phrase("it did not answer within %(seconds)d s", seconds=round(ANSWER_S))


def _check_certificate(parts: AsteriskParts) -> Iterator[Check]:
    served = partial(served_certificate, reachable(parts.site.sip_bind), 5061 + parts.settings.offset)
    now = datetime.now(UTC)
    return check_certificate(parts.settings.site, parts.site.sip, parts.site.carrier, served, now)


def _check_desk(parts: AsteriskParts) -> list[Check]:
    """Check the desk's pages and the gate of their telephones, by what these processes last counted."""
    if not parts.site.desk.enabled:
        return []
    running = {name: info for name, info in processes(parts.settings.run).items() if info.alive}
    desk, gate = (
        process_counts.read(parts.settings.run, name, running[name].pid) if name in running else None
        for name in ("desk", "gate")
    )
    return [check_pages(desk), *check_reading(desk), check_gate(gate)]


def _check_dialplan_and_calls(parts: AsteriskParts) -> list[Check]:
    return asyncio.run(_ask_asterisk(parts))


async def _ask_asterisk(parts: AsteriskParts) -> list[Check]:
    """Return the checks that ask Asterisk."""
    secrets, port = parts.credentials, 5038 + parts.settings.offset
    try:
        async with Ami("127.0.0.1", port, secrets.ami_user, secrets.ami_password) as ami:
            dialplan = await ami.listing("ShowDialPlan", Context="hatif-carrier")
            channels = await ami.listing("CoreShowChannels")
            settings, uptime = await ami.action("CoreSettings"), await ami.action("CoreStatus")
            registers = any(carrier.registrar for carrier in parts.site.carrier)
            registrations = await read_registrations(ami) if registers else {}
    except AmiError as error:
        return [Check("asterisk", False, True, str(error).rstrip("."), START)]
    early = [entry.number for entry in parts.site.number if entry.early]
    return [
        _check_numbers(parts, dialplan),
        _check_unanswered(channels, early),
        *check_registrations(parts.site.carrier, registrations),
        _check_asterisk(settings, uptime, parts.built, datetime.now(UTC)),
    ]


def _check_numbers(parts: AsteriskParts, dialplan: Iterable[Fields]) -> Check:
    loaded = {row["Extension"] for row in dialplan if "Extension" in row}
    missing = [entry.number for entry in parts.plan.numbers if not loaded.issuperset(entry.forms)]
    found = (
        phrase("not in Asterisk's dialplan: %(numbers)s", numbers=", ".join(missing))
        if missing
        else phrase("all in Asterisk's dialplan")
    )
    return Check("numbers", not missing, True, found, "run `hatif dialplan load`")


def _check_unanswered(channels: Iterable[Fields], early: Collection[str]) -> Check:
    """Check that no call rings on. `early`: the numbers that are answered when that is needed."""
    ringing = [
        row["Channel"]
        for row in channels
        if row.get("ChannelStateDesc") == "Ring"
        and row.get("Channel", "").startswith("PJSIP/")  # not Asterisk's own (Local/)
        and row.get("Context", "").startswith("hatif-")
        and row.get("ApplicationData", "").split(",")[2:3] not in [[number] for number in early]
        and _to_seconds(row.get("Duration", "")) > RINGS_S
    ]
    found = (
        phrase("%(count)d ringing for over %(seconds)d s without an answer", count=len(ringing), seconds=RINGS_S)
        if ringing
        else phrase("none waits for an answer")
    )
    return Check("calls", not ringing, True, found, "see log/ivr.log and end the controller; the next one takes them")


def _to_seconds(clock_time: str) -> int:
    """Return a duration such as 01:02:03 in seconds; 0 for anything else."""
    try:
        hours, minutes, seconds = map(int, clock_time.split(":"))
    except ValueError:
        return 0
    return 3600 * hours + 60 * minutes + seconds


def _check_asterisk(settings: Fields, uptime: Fields, built: datetime | None, now: datetime) -> Check:
    """Check the age of Asterisk. `built`: when its program was built, if known; `now`: the present time."""
    old = built is not None and now - built > OLD
    since = f"{uptime.get('CoreStartupDate', '?')} {uptime.get('CoreStartupTime', '')}".strip()
    version = settings.get("AsteriskVersion", "?")
    found = (
        phrase(
            "%(version)s, built %(day)s, up since %(since)s", version=version, day=built.date().isoformat(), since=since
        )
        if built is not None
        else phrase("%(version)s, up since %(since)s", version=version, since=since)
    )
    remedy = f"install a newer release, {NEWER}; this one lacks a year of security fixes"
    return Check("asterisk", not old, False, found, remedy)


def _check_journal(state: JournalState) -> Iterator[Check]:
    problems = list(find_delivery_problems(state))
    if state.lag is not None:
        waiting = {"count": state.lag.records, "seconds": round(state.lag.seconds)}
        found = phrase("records that wait: %(count)d, the oldest for %(seconds)d s", **waiting)
    else:
        found = phrase("the number of waiting records is unknown")
    yield Check("journal", not problems, False, " ".join(problems).rstrip(".") or found, "calls are served meanwhile")


def _check_last_minute(parts: AsteriskParts) -> list[Check]:
    """Check the last minute's calls; nothing while the database is away, which the journal's check reports."""
    early = [entry.number for entry in parts.site.number if entry.early]
    return asyncio.run(_ask_last_minute(parts.database_url, early))


async def _ask_last_minute(url: str, early: Collection[str]) -> list[Check]:
    since = datetime.now(UTC) - _LAST_MINUTE
    try:
        async with open_engine(url, 1) as engine:
            asked = for_people(engine, ANSWER_S)
            missed = await missed_calls.unanswered_calls(asked, since, timedelta(seconds=RINGS_S), early)
    except DatabaseError:
        return []
    calls = (
        phrase(
            "of the last minute, %(count)d rang for over %(seconds)d s without an answer", count=missed, seconds=RINGS_S
        )
        if missed
        else phrase("all answered")
    )
    return [Check("last minute", not missed, True, calls, "see log/ivr.log and asterisk/log/asterisk.log")]


PARTS = (
    Part("disk", _check_disk, Check("disk", False, True, _silence(), "see whether the disk of HATIF_HOME works")),
    Part("certificate", _check_certificate, None),
    Part("desk", _check_desk, None),
    Part(
        "asterisk",
        _check_dialplan_and_calls,
        Check(
            "asterisk",
            False,
            True,
            _silence(),
            "see asterisk/log/asterisk.log; the guard ends an Asterisk that hangs, and `hatif up` starts it again",
        ),
    ),
    Part("last minute", _check_last_minute, None),
)
"""What is asked beside the controller and the journal, whose answers are shown as well."""
