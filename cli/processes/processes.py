"""Commands that set up and run: `setup`, `up`, and the processes that `up` runs."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import typer

from asterisk_conf import conf as configuration
from asterisk_conf.errors import AsteriskError
from background.retrying import retry
from cli.composition import Composition, ControlError
from cli.desk import announce, warn_of_ports
from cli.output import Bar, console, errors
from cli.prompts.build_prompts import build_all
from db import delivery_state
from ivr.home import credentials, heartbeat, line_settings, pid_lock
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.home.settings import SettingsError, line_of
from ivr.process.own_user import refuse_root
from ivr.process.process import ProcessSpec, processes, unit_of
from ivr.process.supervisor import AlreadyRunning, Supervisor
from ivr.site.findings import SiteError
from prompts import manifest

_ANNOUNCED_S = 40.0
"""How long the demonstration call waits until all is up, the desk included, whose address comes first."""

DELIVERER_HANGS = timedelta(minutes=2)
"""A deliverer that has not done anything for so long hangs: each of its waits ends sooner, and a slow group too."""

# Imports in functions: each command starts another process and loads only what that one needs.


def register(app: typer.Typer) -> None:
    app.command()(setup)
    app.command()(up)
    app.command()(ivr)
    app.command()(journal)
    app.command()(guard)


def setup(
    change: bool = typer.Option(
        False,
        "--change",
        help="Change the line to the present HATIF_PORT_OFFSET, HATIF_SITE, HATIF_DATABASE and HATIF_ASTERISK.",
    ),
    database: bool = typer.Option(True, "--database/--no-database", help="Upgrade the database's tables."),
    guide_later: bool = typer.Option(
        False,
        "--guide-later",
        help="Leave the guide's procedures, most of the audio, to `hatif up`, but in English.",
    ),
) -> None:
    """Prepare everything: Asterisk, secrets, configuration, prompts, database. Repeat it to apply what is new."""
    parts = Composition(fresh=change, running=False)
    home = parts.settings.home
    changes = line_settings.read(home) not in (None, line_of(parts.settings))
    if changes and any(info.alive for info in processes(parts.settings.run).values()):
        raise SettingsError(f"The line in {home} is running, and this would change it; stop it first.")
    with Bar() as bar:
        _fetch_and_speak(parts, bar, guide_later=guide_later)
        configure_asterisk(parts, bar)
    if database:
        upgrade_database(parts)
    console.print(f"Ready in {parts.settings.home}.", markup=False)


def _fetch_and_speak(parts: Composition, bar: Bar, *, guide_later: bool) -> None:
    """Install Asterisk if there is none, and what the desk's scripts need; build the prompts meanwhile, which computes.

    Raises:
        AsteriskError: There is none, and it cannot be installed; the prompts are not waited for.
    """
    from asterisk_conf.install import find, find_or_install

    where, named = parts.install_home, parts.settings.asterisk
    is_missing, has_desk = find(where, named=named) is None, parts.site.desk.enabled

    def fetch() -> None:
        with bar.beside() as below:
            if is_missing:
                find_or_install(where, below, named)
            if has_desk:
                _bundle_desk(below)

    with ThreadPoolExecutor(1) as beside:
        fetching = beside.submit(fetch)

        def update(done: int, total: int) -> None:
            if fetching.done():
                fetching.result()
            bar.update(done, total)

        _build_prompts(parts, bar, update, guide_later=guide_later)
        fetching.result()


def configure_asterisk(parts: Composition, bar: Bar, *, before_restart: bool = False) -> list[str]:
    """Write Asterisk's configuration; return the names of the files that changed. Raises DialplanError.

    The files of an Asterisk that runs stay as it has read them, unless it is about to be restarted: `hatif reload`
    finds what it must read again by what differs.
    """
    from asterisk_conf import instance
    from dialplan.lint import lint
    from ivr.check.site_check import former_findings

    for finding in former_findings(parts.settings.site):
        errors.print(f"hatif: {finding}", style="yellow", markup=False, soft_wrap=True)
    bar.step("Asterisk")
    conf = parts.conf(bar)
    if line_settings.read(parts.settings.home) != (line := line_of(parts.settings)):
        line_settings.write(parts.settings.home, line)
    bar.step(f"Asterisk {conf.installation.version} ({conf.installation.kind}); configuration in {conf.etc}")
    text = parts.dialplan()
    findings = [finding for finding in lint(text) if finding.is_error]
    if findings:
        from dialplan.findings import DialplanError

        raise DialplanError("; ".join(str(finding) for finding in findings))
    running = processes(parts.settings.run).get("asterisk")
    if running is not None and running.alive and not before_restart:
        bar.step("Asterisk runs and keeps its configuration: `hatif reload` brings what was changed")
        return []
    changed = list(configuration.write(conf))
    credentials.forget_others(parts.settings.home, [operator.id for operator in parts.operators])
    if not parts.extensions.exists() or parts.extensions.read_text() != text:
        parts.extensions.write_text(text)
        changed.append("extensions.conf")
    if changed:
        console.print(f"    written: {', '.join(changed)}", markup=False)
    problem = instance.host_name_problem(conf)
    if problem:
        errors.print(f"hatif: {problem}", style="yellow", markup=False, soft_wrap=True)
    return changed


def _bundle_desk(bar: Bar) -> None:
    """Make the desk's scripts for browsers, or say what is missing: the line serves calls without them."""
    from desk import bundle

    if bundle.is_current():
        return
    bar.step("Scripts of the desk")
    try:
        bundle.bundle()
    except bundle.BundleError as error:
        errors.print(f"hatif: {error}", style="yellow", markup=False, soft_wrap=True)
        errors.print("hatif: everything but the desk works; repeat `hatif setup` later.", style="yellow", markup=False)


def _build_prompts(parts: Composition, bar: Bar, update: Callable[[int, int], None], *, guide_later: bool) -> None:
    bar.step("Prompts in all languages")
    report = build_all(parts, lambda done, total, _: update(done, total), guide_later=guide_later)
    bar.step(f"Prompts: {report.made} made, {report.kept} unchanged")
    if report.quick:
        bar.step(f"The slow voices of {', '.join(report.quick)} follow in the background: `hatif prompts status`")
    for problem in report.problems:
        errors.print(f"hatif: {problem}", style="yellow", markup=False, soft_wrap=True)


def _speak_missing(parts: Composition, bar: Bar) -> None:
    """Make the audio that the flow needs and that is not there, as after an upgrade, before a caller meets it."""
    from ivr.flow.missing_audio import missing_on_disk
    from prompts.sources import CatalogueError

    try:
        if missing_on_disk(parts.settings.site, parts.settings.sounds, parts.site):
            _build_prompts(parts, bar, bar.update, guide_later=True)
    except (SiteError, CatalogueError) as error:  # the controller goes on with the version that it used last
        errors.print(f"hatif: missing audio is not made: {error}", style="yellow", markup=False, soft_wrap=True)
    except OSError as error:
        sentence = f"hatif: missing audio is not made: {error.filename or parts.settings.sounds}: {error.strerror}"
        errors.print(sentence, style="yellow", markup=False, soft_wrap=True)


def upgrade_database(parts: Composition) -> None:
    """Upgrade the database's tables, seal its hashes of PINs, and print how many migrations ran."""
    from db import pin_hashes
    from db.engine import format_url, open_engine, parse_url
    from db.pins import rewrite
    from db.upgrade import upgrade

    async def run() -> list[str]:
        done = await upgrade(parts.database_url)
        async with open_engine(parts.database_url, long=True) as engine:
            await rewrite(engine, "$argon2", lambda pin_hash: pin_hashes.sealed(pin_hash, parts.credentials.pin_pepper))
        return done

    done = asyncio.run(run())
    console.print(
        f"  Database {format_url(parse_url(parts.database_url))}: {len(done) or 'no'} new migrations", markup=False
    )


def up(
    demo: bool = typer.Option(False, "--demo", help="Make a demonstration call and show it on the screen."),
    once: bool = typer.Option(False, "--once", help="With --demo: stop after the call; exit status 0 if it succeeded."),
) -> None:
    """Run Asterisk, the controller, the journal's deliverer and the guard until Ctrl-C; restart what ends."""
    if demo and find_spec("baresip") is None:
        raise SettingsError("The demonstration call's telephones are not installed; run `scripts/setup --for demo`.")
    parts = Composition(running=False)
    refuse_root(parts.site)
    from cli.processes import terminal_log

    home = parts.settings.home
    configure(parts.site.node, parts.settings.log, parts.settings.log_level, terminal_log.render)
    supervisor = Supervisor(_specs(parts), parts.settings.run, parts.settings.log)

    async def run() -> int:
        stop = asyncio.Event()
        if not demo:
            announcing = asyncio.create_task(retry("address of the desk", partial(announce, parts, supervisor.ready)))
            await supervisor.run(stop)
            announcing.cancel()
            return 0
        from cli.processes.demonstration import demonstrate

        async def show() -> bool:
            if not once:  # before the call, whose story is long, and after which nobody wants to wait
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(announce(parts, supervisor.ready), _ANNOUNCED_S)
            return await demonstrate(parts)

        running = asyncio.create_task(supervisor.run(stop))
        verdict = 1
        with contextlib.suppress(asyncio.CancelledError):
            demonstration = asyncio.create_task(show())
            done, _ = await asyncio.wait({running, demonstration}, return_when=asyncio.FIRST_COMPLETED)
            if demonstration in done:
                verdict = 0 if demonstration.result() else 1
                if once:
                    stop.set()
                else:
                    console.print("The line stays up until Ctrl-C. `hatif status` shows its state.")
            else:
                demonstration.cancel()
        await running
        return verdict if once else 0

    os.environ["HATIF_HOME"] = str(home)
    try:
        sys.exit(asyncio.run(run()))
    except AlreadyRunning:
        if not demo:
            raise
        from cli.processes.demonstration import demonstrate

        sys.exit(0 if asyncio.run(demonstrate(parts)) else 1)


def _specs(parts: Composition) -> list[ProcessSpec]:
    """Return the processes that `up` runs, in the order in which they start."""
    from asterisk_conf import instance

    running = processes(parts.settings.run)
    if unit := next((unit for info in running.values() if info.alive and (unit := unit_of(info.pid))), None):
        raise SettingsError(
            f"systemd runs the line in {parts.settings.home} ({unit}): use `systemctl start|stop|restart hatif.target`."
        )
    is_start = not any(info.alive for info in running.values())
    with Bar() as bar:
        configure_asterisk(parts, bar)
        conf = parts.conf(bar)
    if is_start:
        warn_of_ports(parts)
        problems = instance.port_problems(conf, ("TCP", "127.0.0.1", parts.settings.control_port, "control API"))
        if problems:
            raise AsteriskError("\n".join(problems))
        with Bar() as bar:  # after the ports, as it may take minutes; a line that runs has a controller, which makes it
            _speak_missing(parts, bar)
    me = str(Path(sys.executable).with_name("hatif"))
    environment = {**os.environ, "HATIF_HOME": str(parts.settings.home), "HATIF_SITE": str(parts.settings.site)}
    specs = [
        ProcessSpec(
            "asterisk",
            tuple(instance.command(conf)),
            env=instance.environment(),
            cwd=conf.asterisk,
            ready=lambda: instance.ready(conf, 0.5),
            stop_timeout_s=5,
        ),
        ProcessSpec("journal", (me, "journal"), env=environment, depends_on=(), lives=_lives(parts, "journal")),
        ProcessSpec("guard", (me, "guard"), env=environment, depends_on=(), lives=_lives(parts, "guard")),
        *_desk_spec(parts, me, environment),
        *_monitor_spec(parts, me, environment),
        ProcessSpec(
            "ivr",
            (sys.executable, "-m", "ivr"),
            env=environment,
            ready=lambda: _controller_ready(parts),
            depends_on=("asterisk",),
        ),
    ]
    if parts.site.speech.menus:
        specs.append(ProcessSpec("hear", (me, "hear"), env=environment, depends_on=(), lives=_lives(parts, "hear")))
    if parts.voices.any_slow or manifest.is_left(parts.settings.sounds):
        command = (me, "prompts", "build", "--background")
        more = _changed(parts.settings.sounds / manifest.FILE)
        specs.append(ProcessSpec("voices", command, env=environment, depends_on=("ivr",), again=more))
    if parts.site.speech.messages:
        words, lives = (me, "speech", "messages"), _lives(parts, "transcriber")
        specs.append(ProcessSpec("transcriber", words, env=environment, depends_on=("ivr",), lives=lives))
    return specs


def _lives(parts: Composition, name: str) -> Path:
    return heartbeat.of_process(parts.settings.run, name)


def _changed(path: Path) -> Callable[[], bool]:
    """Return a function that tells whether a file was replaced since its first call, or since it last said so."""
    seen: list[float | None] = []

    def changed() -> bool:
        now = heartbeat.last_beat(path)
        if not seen:
            seen.append(now)
        if seen[0] == now:
            return False
        seen.clear()
        return True

    return changed


def _desk_spec(parts: Composition, me: str, environment: Mapping[str, str]) -> list[ProcessSpec]:
    """Return the desk and the gate of its telephones, if the site has one.

    Nothing waits for them: without them the line serves calls all the same.
    """
    names = ("desk", "gate") if parts.site.desk.enabled else ()
    after = ("asterisk",)
    return [
        ProcessSpec(name, (me, name), env=environment, depends_on=after, lives=_lives(parts, name)) for name in names
    ]


def _monitor_spec(parts: Composition, me: str, environment: Mapping[str, str]) -> list[ProcessSpec]:
    """Return what answers Prometheus and health checks. It needs nobody, so that it can tell who is missing."""
    if not parts.site.monitoring.enabled:
        return []
    lives = _lives(parts, "monitor")
    return [ProcessSpec("monitor", (me, "monitor"), env=environment, depends_on=(), lives=lives)]


async def _controller_ready(parts: Composition) -> bool:
    try:
        status = await asyncio.to_thread(parts.ask_controller, "GET", "/status")
    except ControlError:
        return False
    return isinstance(status, dict) and bool(status.get("ari"))


def ivr() -> None:
    """Run the controller alone, in the foreground. `hatif up` runs it as well."""
    from ivr.__main__ import main

    main()


def guard() -> None:
    """Give callers back to the dialplan while there is no controller, in the foreground. `hatif up` runs it as well."""
    from ivr.process.guard import main

    main()


def journal() -> None:
    """Deliver the journal to the database, in the foreground. `hatif up` runs it as well."""
    from db.delivery import run
    from db.engine import long_work, open_engine
    from db.upgrade import upgrade
    from ivr.data.expiry import keep_expiring
    from ivr.records.queue_log import QueueLog

    parts = Composition()
    refuse_root(parts.site)
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    # Calls take precedence over delivery.
    os.nice(19)
    pid_lock.hold(parts.settings.run, "journal")

    async def deliver() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        retention: asyncio.Task[None] | None = None
        manager = ServiceManager(lives=heartbeat.of_process(parts.settings.run, "journal"))
        alive = asyncio.create_task(keep_alive_while_delivering(parts.settings.journal, manager))
        async with open_engine(parts.database_url) as engine:

            async def prepare() -> None:
                nonlocal retention
                await upgrade(parts.database_url)
                if retention is None:
                    expiring = partial(keep_expiring, parts.settings, long_work(engine))
                    retention = asyncio.create_task(retry("retention", expiring))

            queue_log = None
            if parts.site.call_records.queue_log:
                queue_log = QueueLog(engine, parts.site.node, parts.settings.asterisk_log).write
            try:
                await run(parts.settings.journal, engine, stop, parts.site.node, prepare, queue_log)
            finally:
                alive.cancel()
                if retention is not None:
                    retention.cancel()
                    await asyncio.wait({retention})

    asyncio.run(deliver())


async def keep_alive_while_delivering(folder: Path, manager: ServiceManager, each_s: float = 1.0) -> None:
    """Tell whoever watches that the deliverer works; not that its event loop does, which may wait for ever."""
    began = datetime.now(UTC)
    while True:
        beat = delivery_state.heartbeat(folder)
        if datetime.now(UTC) - max(began, beat.at if beat is not None else began) < DELIVERER_HANGS:
            manager.alive()
        await asyncio.sleep(each_s)
