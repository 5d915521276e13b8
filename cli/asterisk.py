"""`hatif asterisk …`: Asterisk as a process of its own, and another release of it with the way back."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import typer

from asterisk_conf import apt, exchange, instance
from asterisk_conf.debian import ASTERISK
from asterisk_conf.errors import AsteriskError
from asterisk_conf.exchange import Exchange
from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError
from cli.groups import add_group
from cli.output import Bar, console
from cli.owner import refuse_strangers
from cli.processes.setup import configure_asterisk
from cli.upkeep import restart
from ivr.home import pid_lock
from ivr.process.own_user import refuse_root
from ivr.process.process import processes

_MODULES_S = 15.0
"""Within which Asterisk has loaded all modules, once its manager answers."""
_ANSWER_S = 10


def register(app: typer.Typer) -> None:
    group = add_group(app, "asterisk", "Run Asterisk alone, replace it by another release, and what belongs to it.")
    group.command()(run)
    group.command("reopen-logs")(reopen_logs)
    group.command()(upgrade)
    group.command()(fetch)


def run() -> None:
    """Run Asterisk alone, in the foreground, configured from the site. `hatif up` runs it as well."""
    parts = AsteriskParts()
    refuse_root(parts.site)
    _check_installed(parts)
    with Bar() as bar:
        configure_asterisk(parts, bar)
        conf = parts.conf(bar)
    if problems := instance.asterisk_port_problems(conf):
        raise AsteriskError("\n".join(problems))
    pid_lock.hold(parts.settings.run, "asterisk", inherit=True)
    # Asterisk itself tells systemd that it is ready.
    notify = {name: os.environ[name] for name in ("NOTIFY_SOCKET",) if name in os.environ}
    program, *arguments = instance.command(conf)
    os.chdir(conf.asterisk)
    os.execve(program, [program, *arguments], instance.environment() | notify)  # noqa: S606


def reopen_logs() -> None:
    """Have Asterisk open its logs anew, after they were renamed. logrotate runs it."""
    parts = AsteriskParts()
    _check_installed(parts)
    with Bar() as bar:
        conf = parts.conf(bar)
    command = [*conf.installation.program, "-C", str(conf.etc / "asterisk.conf"), "-rx", "logger reload"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except subprocess.TimeoutExpired:
        raise AsteriskError(
            f"Asterisk did not open its logs anew within {_ANSWER_S} s; see `hatif status`, then repeat the command."
        ) from None
    if answer.returncode:
        reason = (answer.stderr or answer.stdout).strip().partition("\n")[0]
        raise AsteriskError(f"Asterisk's logs could not be opened anew ({reason}); is Asterisk running?")


def upgrade(
    newest: bool = typer.Option(
        False, "--newest", help="Take the newest release of the same series, which may not have been tested with Hatif."
    ),
    back: bool = typer.Option(False, "--back", help="Go back to the release that was there before."),
    when_idle: bool = typer.Option(False, "--when-idle", help="Wait until nobody is on the line."),
    now: bool = typer.Option(False, "--now", help="Do it although that cuts off the calls that are up."),
    within: float = typer.Option(None, min=0, help="Give up waiting after this many seconds, with exit status 1."),
) -> None:
    """Replace the private Asterisk by the release that this Hatif was tested with, while the line runs.

    The former one is kept. If the line does not serve calls with the new one, the former one takes its place again.
    """
    parts = AsteriskParts()
    home = parts.install_home
    refuse_strangers(home)
    with Bar() as bar:
        bar.step("Asterisk")
        release = exchange.prepare_back(home) if back else exchange.prepare(home, bar, newest=newest)
        if release is None:
            console.print("The private Asterisk is already the one that would be installed.")
            return
    put, undo = (exchange.back, exchange.back) if back else (exchange.forward, exchange.give_up)
    info = processes(parts.settings.run).get(restart.ASTERISK)
    if info is None or not info.alive:
        put(home)
        _configure()
        console.print(f"{_said(release)}. Nothing runs in {parts.settings.home}.", markup=False, soft_wrap=True)
        return
    took_s = _exchange(parts, home, release, put, undo, when_idle=when_idle, now=now, within_s=within)
    if took_s is None:
        console.print("Calls are still up; nothing was changed. Repeat the command.")
        raise typer.Exit(1)
    console.print(f"{_said(release)}, and restarted in {took_s:.1f} s.", markup=False, soft_wrap=True)


def fetch(
    folder: Path = typer.Argument(help="Where the packages are to be; HATIF_ASTERISK_PACKAGES names it to `setup`."),
) -> None:
    """Download the packages of the private Asterisk (95 MB), for machines that have no Debian mirror."""
    folder = folder.absolute()
    with Bar() as bar:
        count = apt.fetch(folder / ".downloads", folder, ASTERISK, bar)
    console.print(f"{folder}: {count} packages", markup=False)


def _exchange(
    parts: AsteriskParts,
    home: Path,
    found: Exchange,
    put: Callable[[Path], None],
    undo: Callable[[Path], None],
    *,
    when_idle: bool,
    now: bool,
    within_s: float | None,
) -> float | None:
    """Put the other release in place between two Asterisks; undo it if the line does not serve calls with it.

    Returns:
        As `restart.end_and_wait`.

    Raises:
        AsteriskError: The former one is back.
    """
    done = False

    def exchange_now() -> None:
        nonlocal done
        put(home)
        try:
            _configure()
        except BaseException:  # no process has ended yet: the trees go back, and calls go on
            undo(home)
            raise
        done = True

    try:
        took_s = restart.end_and_wait(
            parts, restart.ASTERISK, when_idle=when_idle, now=now, within_s=within_s, before=exchange_now
        )
        if done:
            _check_modules()
        return took_s
    except (ControlError, AsteriskError) as error:
        if not done:
            raise
        undo(home)
        _configure()
        restart.end_again(parts, restart.ASTERISK)
        raise AsteriskError(
            f"The line does not serve calls with Asterisk {found.other} ({str(error).rstrip('.')}): Asterisk"
            f" {found.present} is back, and serves calls."
        ) from None


def _configure() -> None:
    """Write Asterisk's configuration, which depends on what its release has."""
    with Bar() as bar:
        configure_asterisk(AsteriskParts(), bar, before_restart=True)  # anew: the former one remembers the release


def _check_modules() -> None:
    """Raise AsteriskError unless all modules that the line needs run: ARI and AMI answer without SIP, too."""
    with Bar() as bar:
        conf = AsteriskParts().conf(bar)
    if not asyncio.run(instance.ready(conf, _MODULES_S)):
        raise AsteriskError(f"it does not load all modules that it needs: see {conf.log_file}")


def _said(found: Exchange) -> str:
    if found.present == found.other:
        return f"Asterisk {found.other}: {found.packages} of its packages were replaced"
    return f"Asterisk {found.other} has taken the place of {found.present}"


def _check_installed(parts: AsteriskParts) -> None:
    """Raise AsteriskError if no Asterisk is installed: a service must not begin to download one."""
    if parts.built is None:
        raise AsteriskError(f"No Asterisk is installed for the line in {parts.settings.home}: run `hatif setup`.")
