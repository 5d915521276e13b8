"""`hatif reload`: bring what changed in the site's files into the running line, and cut no call off."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import typer

from asterisk_conf import conf as configuration
from asterisk_conf.conf import Conf
from asterisk_conf.files import write_text
from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError
from cli.control import actor
from cli.existing.existing import bring
from cli.output import JSON, as_json, console
from cli.upkeep.registrations import remove_registrations
from cli.upkeep.reload_plan import Plan, make_plan
from cli.upkeep.restart import find, wait_until_back
from cli.upkeep.up_calls import manager
from db.engine import DatabaseError, open_engine
from desk.people.accounts import Followed, follow_operators
from dialplan.load import load
from ivr.home import credentials, existing
from ivr.process.process import ProcessInfo, processes
from ivr.site.flat import flatten

_LATER = {
    "asterisk": "hatif restart asterisk --when-idle",
    "all": "`hatif drain`, then stop `hatif up` and start it again; with systemd `hatif systemd install`, then"
    " `systemctl restart hatif.target`",
}


def register(app: typer.Typer) -> None:
    app.command()(reload)


def reload(
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would change."),
    force: bool = typer.Option(False, "--force", help="Remove numbers as well, which is refused otherwise."),
    json: bool = JSON,
) -> None:
    """Apply changes of site.toml and operators.csv to the running line; no call is cut off.

    Shows what changes, and what needs a restart of Asterisk. The flow, the guide and the audio need no reload.
    """
    parts = AsteriskParts()
    running = [name for name, info in processes(parts.settings.run).items() if info.alive]
    before = cast(dict[str, Any], parts.ask_controller("GET", "/site/values"))["values"]
    kept = existing.read(parts.settings.home)
    conf = parts.conf(_Quiet()) if kept is None else parts.conf_of_existing()
    files = _changed_files(parts, conf) if kept is None else {}
    plan = make_plan(before, flatten(parts.site, parts.operators), files, running)
    if not json:
        _show(plan, dry_run)
    if kept is not None and not dry_run:
        with contextlib.redirect_stdout(sys.stderr if json else sys.stdout):
            bring(parts, kept, force=force)
    followed = _apply(parts, conf, plan, files, force=force, quiet=json) if not dry_run else None
    if json:
        as_json(
            {
                "changes": list(plan.changes),
                "reloaded": list(plan.modules),
                "restarted": list(plan.processes),
                "later": {what: {"why": why, "remedy": _LATER[what]} for what, why in plan.later.items()},
                "accounts": {"gone": followed.gone, "changed": followed.changed} if followed is not None else None,
                "applied": not dry_run,
            }
        )


class _Quiet:
    """Progress that is not shown: Asterisk is installed already."""

    def step(self, text: str) -> None:
        pass

    def update(self, done: int, total: int) -> None:
        pass


def _changed_files(parts: AsteriskParts, conf: Conf) -> dict[str, tuple[str, str]]:
    """Return Asterisk's files that differ, with the text that it has and the new one."""
    wanted = {**configuration.render(conf), parts.extensions.name: parts.dialplan()}
    changed = {}
    for name, text in wanted.items():
        path = conf.etc / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old != text:
            changed[name] = (old, text)
    return changed


def _apply(
    parts: AsteriskParts, conf: Conf, plan: Plan, files: Mapping[str, tuple[str, str]], *, force: bool, quiet: bool
) -> Followed:
    """Do what the plan says; return which accounts have changed.

    The dialplan comes first: it is refused as a whole, and then nothing has changed.
    """
    # The controller last: it may have started this command, which can end together with it.
    ordered = sorted(plan.processes, key=lambda name: name == "ivr")
    restarted = [(name, find(parts, name)) for name in ordered]

    async def reload_asterisk() -> None:
        async with manager(parts) as ami:
            if parts.extensions.name in files:
                await load(ami, parts.extensions.parent, files[parts.extensions.name][1], force=force)
            try:
                configuration.write(conf)
                for module in plan.modules:
                    if module != "pbx_config":
                        await ami.reload(module)
            except BaseException:  # also Ctrl-C: the next reload must find again what Asterisk has not read
                _put_back(conf.etc, {name: old for name, (old, _) in files.items() if name != parts.extensions.name})
                raise

    if files:
        asyncio.run(reload_asterisk())
    forgotten = asyncio.run(_forget_removed(parts))
    if forgotten and not quiet:
        console.print(f"  without password and telephone from now on: {', '.join(forgotten)}", markup=False)
    followed, unfollowed = _follow_operators(parts)
    if not quiet:
        if followed.gone:
            console.print(f"  cannot sign in at the desk any more: {', '.join(followed.gone)}", markup=False)
        if followed.changed:
            console.print(f"  signed out, with other rights from now on: {', '.join(followed.changed)}", markup=False)
    if plan.taken:
        parts.ask_controller("POST", "/site/reload")
    _restart(parts, restarted, quiet=quiet)
    if unfollowed is not None:
        raise ControlError(
            f"The accounts at the desk have not followed operators.csv: {unfollowed}. All the rest of this reload is"
            " done. Bring the database back, then repeat `hatif reload`."
        )
    return followed


def _restart(parts: AsteriskParts, processes_before: Sequence[tuple[str, ProcessInfo]], *, quiet: bool) -> None:
    """Restart the processes, one after the other. One that does not come back keeps none of the others from it.

    Raises:
        ControlError: Some are not back; the text names them, and what to do.
    """
    missing: dict[str, str] = {}
    for name, former in processes_before:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself, and is started again
            os.kill(former.pid, signal.SIGTERM)
        try:
            took_s = wait_until_back(parts, name, former)
        except ControlError as error:
            missing[name] = str(error)
            continue
        if not quiet:
            console.print(f"  {name} was restarted in {took_s:.1f} s", markup=False)
    if missing:
        again = ", ".join(f"`hatif restart {name}`" for name in missing)
        raise ControlError(
            f"{' '.join(missing.values())} All the rest of this reload is done. Mend what the log says; it is started"
            f" again and again meanwhile, and `hatif status` tells when it is back. If it is not: {again}."
        )


async def _forget_removed(parts: AsteriskParts) -> tuple[str, ...]:
    """Remove registrations and passwords of operators who are no longer in the list; return their ids.

    Asterisk no longer knows them, so that none of their telephones can register again.
    """
    known = [operator.id for operator in parts.operators]
    gone = [operator for operator in parts.credentials.operators if operator not in known]
    if gone:
        async with manager(parts) as ami:
            await remove_registrations(parts, ami, gone, web=True)
    return credentials.forget_others(parts.settings.home, known)


def _follow_operators(parts: AsteriskParts) -> tuple[Followed, str | None]:
    """Bring the desk's accounts in line with the list of operators; return which changed, or why they could not."""
    supervises = {operator.id: operator.supervisor for operator in parts.operators}

    async def follow() -> Followed:
        async with open_engine(parts.database_url) as engine:
            return await follow_operators(engine, supervises, datetime.now(UTC), by=actor())

    try:
        return asyncio.run(follow()), None
    except DatabaseError as error:
        return Followed(), str(error).rstrip(".")


def _put_back(etc: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        if (path := etc / name).exists():  # it is not if it was new, and could not be written
            write_text(path, text, path.stat().st_mode & 0o777)


def _show(plan: Plan, dry_run: bool) -> None:
    if plan.is_empty:
        console.print("Nothing has changed.")
        return
    for change in plan.changes:
        console.print(f"  {change}", markup=False)
    would = "would be " if dry_run else "are "
    if plan.modules:
        console.print(f"{would.capitalize()}read again by Asterisk: {', '.join(plan.modules)}", markup=False)
    if plan.taken:
        taken = "operators, numbers and opening hours"
        console.print(f"{would.capitalize()}taken by the running controller: {taken}", markup=False)
    if plan.processes:
        console.print(f"{would.capitalize()}restarted, no call is cut off: {', '.join(plan.processes)}", markup=False)
    for what, why in plan.later.items():
        console.print(f"Needs more: {why}. {_LATER[what]}", style="yellow", markup=False)
