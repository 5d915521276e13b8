"""`hatif restart`: end a process that its supervisor starts again, at once or when nobody is on the line."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable

import typer

from cli.composition import Composition, ControlError
from cli.output import console
from cli.upkeep.up_calls import UpCalls, manager, read_up, until_empty
from ivr.asterisk.ami import Ami, AmiError
from ivr.hours import drain
from ivr.process.process import ProcessInfo, processes, unit_of
from ivr.process.supervisor import OWN_NAME

ASTERISK, CONTROLLER = "asterisk", "ivr"
_BACK_S = 60.0
_EVERY_S = 0.1
_SETTLE_S = 0.3
"""A call that had passed the dialplan's first step when it began to refuse is in the list of channels after this."""


def register(app: typer.Typer) -> None:
    app.command()(restart)


def restart(
    process: str = typer.Argument(help="Of `hatif status`: asterisk, ivr, guard, journal, monitor, desk, gate."),
    when_idle: bool = typer.Option(False, "--when-idle", help="Wait until nobody is on the line."),
    now: bool = typer.Option(False, "--now", help="Restart Asterisk although that cuts off the calls that are up."),
    within: float = typer.Option(None, min=0, help="Give up waiting after this many seconds, with exit status 1."),
) -> None:
    """Restart a process. Only Asterisk's restart cuts calls off: it is refused while any are up."""
    took_s = end_and_wait(Composition(), process, when_idle=when_idle, now=now, within_s=within)
    if took_s is None:
        console.print("Calls are still up; nothing was restarted.")
        raise typer.Exit(1)
    console.print(f"{process} was restarted in {took_s:.1f} s.", markup=False)


def end_and_wait(
    parts: Composition,
    process: str,
    *,
    when_idle: bool,
    now: bool,
    within_s: float | None,
    before: Callable[[], None] = lambda: None,
) -> float | None:
    """End a process and wait until another one has taken its place.

    Args:
        before: Called immediately before the process is ended, with nobody on the line unless `now`.

    Returns:
        The seconds that it took; None if calls were up for too long, and nothing was ended.

    Raises:
        ControlError: Calls are up and it was not to wait, or the process is not back.
        AmiError: Asterisk does not answer.
    """
    former = find(parts, process)
    refuses_meanwhile = process == ASTERISK and not now  # `_end` has the dialplan refuse new calls
    drained = refuses_meanwhile and asyncio.run(_refuses(parts))

    def end() -> None:
        before()
        os.kill(former.pid, signal.SIGTERM)

    try:
        if not asyncio.run(_end(parts, process, end, drained=drained, when_idle=when_idle, now=now, within_s=within_s)):
            return None
        return wait_until_back(parts, process, former)
    finally:
        if refuses_meanwhile and not drained:
            asyncio.run(_take_calls(parts))


def end_again(parts: Composition, process: str) -> None:
    """End a process that may be ending by itself, and wait until another one serves. Raises ControlError."""
    former = processes(parts.settings.run)[process]
    if former.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(former.pid, signal.SIGTERM)
    wait_until_back(parts, process, former)


def find(parts: Composition, process: str) -> ProcessInfo:
    """Return a process that its supervisor would start again. Raises ControlError if there is none."""
    running = {name: info for name, info in processes(parts.settings.run).items() if info.alive and name != OWN_NAME}
    if process not in running:
        raise ControlError(f"There is no process {process!r}; these run: {', '.join(running) or 'none'}.")
    if unit_of(running[process].pid) is not None:
        return running[process]  # systemd does
    supervisor = processes(parts.settings.run).get(OWN_NAME)
    if supervisor is None or not supervisor.alive or supervisor.stopped:
        raise ControlError(
            f"Nobody would start {process} again: `hatif up` does not run, or is stopped. See `hatif status`."
        )
    return running[process]


def wait_until_back(parts: Composition, process: str, former: ProcessInfo) -> float:
    """Wait until another process has taken the place of `former`; return the seconds. Raises ControlError."""
    began = time.monotonic()
    while time.monotonic() - began < _BACK_S:
        info = processes(parts.settings.run).get(process)
        if info is not None and info.alive and info.pid != former.pid and _serves(parts, process):
            return time.monotonic() - began
        time.sleep(_EVERY_S)
    raise ControlError(f"{process} is not back after {_BACK_S:g} s: see {parts.settings.log / process}.log.")


def _serves(parts: Composition, process: str) -> bool:
    """Return whether the line serves calls again, after a restart of one of the two that it needs."""
    if process not in (ASTERISK, CONTROLLER):
        return True
    with contextlib.suppress(ControlError):
        status = parts.ask_controller("GET", "/status")
        return isinstance(status, dict) and bool(status["ari"] and status["ami"])
    return False


async def _refuses(parts: Composition) -> bool:
    """Return whether the dialplan refuses new calls already (`hatif drain`), so that it goes on with that.

    Asterisk is asked: the controller may be away, and the drain must outlast that. Raises AmiError.
    """
    async with manager(parts) as ami:
        return {drain.KEY, drain.REFUSE} <= (await ami.db_tree(drain.FAMILY)).keys()


async def _end(
    parts: Composition,
    process: str,
    end: Callable[[], None],
    *,
    drained: bool,
    when_idle: bool,
    now: bool,
    within_s: float | None,
) -> bool:
    """End the process; return False if calls are up and it was not to be ended then."""
    if process != ASTERISK and not when_idle:
        end()
        return True
    if now:
        end()
        return True
    began = time.monotonic()
    async with manager(parts) as ami:
        while True:
            left_s = None if within_s is None else max(0.0, within_s - (time.monotonic() - began))
            if not when_idle and (up := await read_up(ami)).all:
                raise ControlError(f"That would cut off {up}; use --when-idle, or --now.")
            if not await until_empty(lambda: read_up(ami), _show, left_s):
                return False
            if process != ASTERISK:
                end()
                return True
            if await _end_idle(ami, end, drained):
                return True


async def _end_idle(ami: Ami, end: Callable[[], None], drained: bool) -> bool:
    """End the process while nothing is up, and let no call in between. Return False if one was faster.

    The dialplan refuses new calls until `_take_calls`. If that does not happen, because this command was killed, the
    controller does it within half a minute.
    """
    await ami.db_put(drain.FAMILY, drain.REFUSE, "1")
    await asyncio.sleep(_SETTLE_S)
    if (await read_up(ami)).all:
        if not drained:
            await ami.db_delete(drain.FAMILY, drain.REFUSE)
        return False
    end()
    return True


async def _take_calls(parts: Composition) -> None:
    with contextlib.suppress(AmiError):  # the controller does it soon
        async with manager(parts) as ami:
            await ami.db_delete(drain.FAMILY, drain.REFUSE)


def _show(up: UpCalls) -> None:
    console.print(f"  up: {up}", markup=False)
