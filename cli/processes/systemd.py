"""`hatif systemd …`: the line's services, for a machine on which systemd runs them."""

import shutil
import sys
from pathlib import Path

import typer

from asterisk_conf import systemd
from asterisk_conf.files import explain
from asterisk_conf.systemd import Line
from cli.composition import Composition
from cli.groups import add_group
from cli.output import console
from ivr.home import line_settings
from ivr.home.line_settings import SettingsError
from ivr.home.settings import CHECKOUT
from ivr.process.process import processes

_USER = typer.Option("hatif", "--user", help="The user that the services have; systemd-sysusers makes it.")
_SQLITE = "sqlite:///"
_ROOT = Path("/")
"""Of the machine whose services these are."""


def register(app: typer.Typer) -> None:
    group = add_group(app, "systemd", "Write systemd's units of the line, its user and folders, and logrotate's file.")
    group.command()(render)
    group.command()(install)
    group.command()(remove)


def render(
    out: Path = typer.Option(None, "--out", help="Write the files below this folder.  [default: standard output]"),
    user: str = _USER,
) -> None:
    """Show the files that `hatif systemd install` writes."""
    line = _line(user)
    if out is None:
        for name, text in systemd.render(line).items():
            typer.echo(f"# /{name}\n{text}")
        return
    for path in systemd.write(line, out.absolute())[0]:
        console.print(path, markup=False)


def install(user: str = _USER) -> None:
    """Write the files to /etc, for this HATIF_HOME, and say what to do next. Repeat it after an upgrade of Hatif."""
    line = _line(user)
    written, removed = systemd.write(line, _ROOT)
    for path in written:
        console.print(f"written: {path}", markup=False)
    for path in removed:
        console.print(f"removed: {path}", markup=False)
    if not written and not removed:
        console.print("Everything is as it should be.")
        return
    # Nothing stops a service whose unit is gone: it no longer belongs to the target.
    stop = f"  systemctl stop {' '.join(path.name for path in removed)}\n" if removed else ""
    console.print(
        f"Next:\n{stop}"
        "  systemd-sysusers && systemd-tmpfiles --create\n"
        f"  runuser -u {user} -- env HATIF_HOME={line.home} HATIF_SITE={line.site} {line.program} setup\n"
        f"  systemctl daemon-reload && systemctl enable --now {systemd.TARGET}",
        markup=False,
        soft_wrap=True,
    )


def remove(
    data: bool = typer.Option(False, "--data", help="Delete HATIF_HOME as well, with all calls, cases and backups."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would be removed, and what stays."),
) -> None:
    """Remove what `hatif systemd install` wrote, and say what stays. The line must not run; its data is kept."""
    installed = systemd.installed(_ROOT)
    if installed is None:
        console.print("Nothing of `hatif systemd install` is on this machine.")
        return
    running = [name for name, info in processes(installed.home / "run").items() if info.alive]
    if not dry_run and (running or installed.enabled):
        what = (
            f"The line in {installed.home} runs ({', '.join(running)})"
            if running
            else f"{systemd.TARGET} starts at boot"
        )
        raise SettingsError(f"{what}: first `systemctl disable --now {systemd.TARGET} && systemctl stop 'hatif-*'`.")
    kept = line_settings.read(installed.home)
    if data and installed.home.exists() and kept is None:
        raise SettingsError(f"{installed.home} has no {line_settings.FILE}, so it is not a line's: delete it yourself.")
    for path in installed.files:
        console.print(f"{'would remove' if dry_run else 'removed'}: {path}", markup=False)
    if not dry_run:
        systemd.remove(installed)
    if data and installed.home.exists():
        console.print(f"{'would delete' if dry_run else 'deleted'}: {installed.home}", markup=False)
        if not dry_run:
            _delete(installed.home)
    stays = [*installed.own, _ROOT / "etc/hatif", _ROOT / "etc/cron.d/hatif", CHECKOUT]
    stays += [installed.home, *([Path(kept.site)] if kept and kept.site else [])]
    for path in dict.fromkeys(path for path in stays if path.exists()):
        console.print(f"stays: {path}", markup=False)
    if kept and kept.database and not kept.database.startswith(_SQLITE):
        console.print("stays: the database of HATIF_DATABASE, on its server")
    console.print(f"stays: the user {installed.user} (`userdel {installed.user}`)", markup=False)
    if not dry_run:
        console.print("Next: systemctl daemon-reload")


def _delete(home: Path) -> None:
    try:
        shutil.rmtree(home)
    except OSError as error:
        raise explain("delete", home, error) from error


def _line(user: str) -> Line:
    parts = Composition(running=False)
    url, page = parts.database_url, CHECKOUT / "docs" / "systemd.md"
    others = (Path(url.removeprefix(_SQLITE)).absolute().parent,) if url.startswith(f"{_SQLITE}/") else ()
    return Line(
        home=parts.settings.home,
        code=CHECKOUT,
        program=Path(sys.executable).with_name("hatif"),
        python=Path(sys.executable),
        site=parts.settings.site,
        page=page if page.exists() else None,  # an installed package has no pages
        user=user,
        others=others,
        desk=parts.site.desk.enabled,
        hear=parts.site.speech.menus,
        packaged=parts.site.speech.packaged,
        monitor=parts.site.monitoring.enabled,
        transcriber=parts.site.speech.messages,
    )
