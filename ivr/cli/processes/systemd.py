"""`hatif systemd …`: the line's services, for a machine on which systemd runs them."""

import sys
from pathlib import Path

import typer

from asterisk_conf import systemd
from asterisk_conf.systemd import Line
from ivr.cli.composition import Composition
from ivr.cli.groups import add_group
from ivr.cli.output import console
from ivr.home.settings import CHECKOUT

_USER = typer.Option("hatif", "--user", help="The user that the services have; systemd-sysusers makes it.")
_SQLITE = "sqlite:///"


def register(app: typer.Typer) -> None:
    group = add_group(app, "systemd", "Write systemd's units of the line, its user and folders, and logrotate's file.")
    group.command()(render)
    group.command()(install)


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
    written, removed = systemd.write(line)
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
        monitor=parts.site.monitoring.enabled,
    )
