"""`hatif up`: all processes of the line, run and watched."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import typer

from asterisk_conf import instance
from asterisk_conf.conf import Conf
from asterisk_conf.errors import AsteriskError
from background.retrying import retry
from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError
from cli.desk import warn_of_ports
from cli.output import Bar, console
from cli.ports import taken_ports
from cli.processes import terminal_log
from cli.processes.setup import configure_asterisk, speak_missing
from cli.sign_in_links import announce
from ivr.home import existing, heartbeat
from ivr.home.logs import configure
from ivr.home.settings import SettingsError
from ivr.process.own_user import refuse_root
from ivr.process.process import ProcessSpec, processes, unit_of
from ivr.process.supervisor import AlreadyRunning, Supervisor
from prompts import manifest

_ANNOUNCED_S = 40.0
"""How long the demonstration call waits until all is up, the desk included, whose address comes first."""


def register(app: typer.Typer) -> None:
    app.command()(up)


def up(
    demo: bool = typer.Option(False, "--demo", help="Make a demonstration call and show it on the screen."),
    once: bool = typer.Option(False, "--once", help="With --demo: stop after the call; exit status 0 if it succeeded."),
) -> None:
    """Run Asterisk, the controller, the journal's deliverer and the guard until Ctrl-C; restart what ends."""
    if demo and find_spec("baresip") is None:
        raise SettingsError("The demonstration call's telephones are not installed; run `scripts/setup --for demo`.")
    parts = AsteriskParts(running=False)
    refuse_root(parts.site)
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

        async def show() -> bool:
            if not once:  # before the call, whose story is long, and after which nobody wants to wait
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(announce(parts, supervisor.ready), _ANNOUNCED_S)
            return await _demonstrate(parts)

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
        sys.exit(0 if asyncio.run(_demonstrate(parts)) else 1)


async def _demonstrate(parts: AsteriskParts) -> bool:
    from cli.processes.demonstration import demonstrate  # its telephones are installed on request only

    return await demonstrate(parts)


def _specs(parts: AsteriskParts) -> list[ProcessSpec]:
    """Return the processes that `up` runs, in the order in which they start."""
    running = processes(parts.settings.run)
    if unit := next((unit for info in running.values() if info.alive and (unit := unit_of(info.pid))), None):
        raise SettingsError(
            f"systemd runs the line in {parts.settings.home} ({unit}): use `systemctl start|stop|restart hatif.target`."
        )
    alive = {name for name, info in running.items() if info.alive}
    is_ours = existing.read(parts.settings.home) is None  # Asterisk; otherwise an administrator's
    if is_ours:
        with Bar() as bar:
            configure_asterisk(parts, bar)
            conf = parts.conf(bar)
    else:
        conf = parts.conf_of_existing()
    if not alive:
        warn_of_ports(parts)
    _refuse_taken_ports(parts, conf, alive)
    if not alive:
        with Bar() as bar:  # after the ports, as it may take minutes; a line that runs has a controller, which makes it
            speak_missing(parts, bar)
    me = str(Path(sys.executable).with_name("hatif"))
    environment = {**os.environ, "HATIF_HOME": str(parts.settings.home), "HATIF_SITE": str(parts.settings.site)}
    asterisk = ProcessSpec(
        "asterisk",
        tuple(instance.command(conf)),
        env=instance.environment(),
        cwd=conf.asterisk,
        ready=lambda: instance.ready(conf, 0.5),
        stop_timeout_s=5,
    )
    after = ("asterisk",) if is_ours else ()
    specs = [
        *((asterisk,) if is_ours else ()),
        ProcessSpec("journal", (me, "journal"), env=environment, depends_on=(), lives=_lives(parts, "journal")),
        ProcessSpec("guard", (me, "guard"), env=environment, depends_on=(), lives=_lives(parts, "guard")),
        *_desk_spec(parts, me, environment, after),
        *_monitor_spec(parts, me, environment),
        ProcessSpec(
            "ivr",
            (sys.executable, "-m", "ivr"),
            env=environment,
            ready=lambda: _controller_ready(parts),
            depends_on=after,
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


def _refuse_taken_ports(parts: AsteriskParts, conf: Conf, alive: Collection[str]) -> None:
    """Raise AsteriskError if a port of what is not `alive` yet is taken, such as by another Asterisk."""
    problems = taken_ports(parts, conf, alive)
    if any("(ARI)" in problem or "(AMI)" in problem for problem in problems):
        problems.append("If that is an Asterisk of yours which is to serve the line: `hatif existing load --into DIR`.")
    if problems:
        raise AsteriskError("\n".join(problems))


def _lives(parts: AsteriskParts, name: str) -> Path:
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


def _desk_spec(
    parts: AsteriskParts, me: str, environment: Mapping[str, str], after: tuple[str, ...]
) -> list[ProcessSpec]:
    """Return the desk and the gate of its telephones, if the site has one.

    Nothing waits for them: without them the line serves calls all the same.
    """
    names = ("desk", "gate") if parts.site.desk.enabled else ()
    return [
        ProcessSpec(name, (me, name), env=environment, depends_on=after, lives=_lives(parts, name)) for name in names
    ]


def _monitor_spec(parts: AsteriskParts, me: str, environment: Mapping[str, str]) -> list[ProcessSpec]:
    """Return what answers Prometheus and health checks. It needs nobody, so that it can tell who is missing."""
    if not parts.site.monitoring.enabled:
        return []
    lives = _lives(parts, "monitor")
    return [ProcessSpec("monitor", (me, "monitor"), env=environment, depends_on=(), lives=lives)]


async def _controller_ready(parts: AsteriskParts) -> bool:
    try:
        status = await asyncio.to_thread(parts.ask_controller, "GET", "/status")
    except ControlError:
        return False
    return isinstance(status, dict) and bool(status.get("ari"))
