"""`hatif asterisk run|reopen-logs`: Asterisk as a process of its own, for systemd and logrotate."""

import os
import subprocess

from asterisk_conf import instance
from asterisk_conf.errors import AsteriskError
from cli.asterisk_parts import AsteriskParts
from cli.output import Bar
from cli.processes.setup import configure_asterisk
from ivr.home import pid_lock
from ivr.process.own_user import refuse_root

_ANSWER_S = 10


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


def _check_installed(parts: AsteriskParts) -> None:
    """Raise AsteriskError if no Asterisk is installed: a service must not begin to download one."""
    if parts.built is None:
        raise AsteriskError(f"No Asterisk is installed for the line in {parts.settings.home}: run `hatif setup`.")
