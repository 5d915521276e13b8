"""`hatif dialplan …`: Asterisk's dialplan."""

import asyncio
from pathlib import Path

import typer

from cli.asterisk_parts import AsteriskParts
from cli.codes import codes, loaded_clashes
from cli.existing import other_asterisk
from cli.existing.lint import lint
from cli.existing.options import INTO, KEEP, REQUIRED, Theirs
from cli.groups import add_group
from cli.output import JSON, as_json, console
from dialplan.load import LoadReport, read
from dialplan.load import load as load_dialplan
from ivr.asterisk.ami import Ami


def register(app: typer.Typer) -> None:
    dialplan = add_group(app, "dialplan", "Render, check and load the dialplan: entry, fallback and feature codes.")
    dialplan.command()(render)
    dialplan.command()(lint)
    dialplan.command()(diff)
    dialplan.command()(load)
    dialplan.command()(codes)
    pjsip = add_group(app, "pjsip", "Our carriers and telephones in an Asterisk of your own.")
    pjsip.command("render")(render_pjsip)
    pjsip.command("diff")(diff_pjsip)
    pjsip.command("load")(load_pjsip)


def render(
    out: Path = typer.Option(None, "--out", help="Write to this file.  [default: standard output]"),
    own: bool = typer.Option(False, "--contexts", help="Only our contexts, for an Asterisk of your own."),
) -> None:
    """Write extensions.conf as the site's files define it. The running Asterisk does not change."""
    parts = AsteriskParts(bound=False)
    _write(other_asterisk.dialplan_part(parts) if own else parts.dialplan(), out)


def diff(into: Path = REQUIRED) -> None:
    """Show what `load --into DIR` would change, what of yours it would hide, and what is in the way."""
    if not other_asterisk.show_dialplan(AsteriskParts(bound=False), into):
        raise typer.Exit(1)


def _write(text: str, out: Path | None, mode: int = 0o666) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    out.touch(mode)  # a new file has its rights before its first byte
    out.write_text(text)
    console.print(f"{out}: {len(text.splitlines())} lines", markup=False)


def load(
    file: Path = typer.Argument(None, help="The dialplan's file.  [default: rendered from the site]"),
    force: bool = typer.Option(False, "--force", help="Load it even if numbers or contexts in use are removed."),
    into: Path = INTO,
    json: bool = JSON,
) -> None:
    """Load the dialplan into the running Asterisk and show what changed; refuse a broken one and keep the old one."""
    parts = AsteriskParts()
    if into is not None:
        if file is not None:
            raise typer.BadParameter("the file with --into is rendered from the site; leave FILE out")
        other_asterisk.load_dialplan(parts, into, force=force)
        return
    text = read(file) if file is not None else parts.dialplan()
    secrets = parts.credentials

    async def run() -> tuple[LoadReport, list[str]]:
        ami = Ami("127.0.0.1", 5038 + parts.settings.offset, secrets.ami_user, secrets.ami_password)
        async with ami:
            report = await load_dialplan(ami, parts.extensions.parent, text, force=force)
            return report, await loaded_clashes(parts, ami)

    report, clashes = asyncio.run(run())
    warnings = [*map(str, report.warnings), *(f"W_CLASH: {clash}" for clash in clashes)]
    if json:
        as_json(
            {
                "changes": [str(change) for change in report.changes],
                "warnings": warnings,
                "contexts": report.contexts,
                "extensions": report.extensions,
            }
        )
        return
    for change in report.changes:
        console.print(str(change), markup=False)
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False)
    console.print(
        f"Asterisk has {report.contexts} contexts with {report.extensions} extensions; "
        f"{len(report.changes) or 'nothing'} changed."
    )


def render_pjsip(
    keep: list[Theirs] = KEEP,
    out: Path = typer.Option(None, "--out", help="Write to this file.  [default: standard output]"),
) -> None:
    """Write our carriers and telephones, with their passwords, without transports and global options."""
    _write(other_asterisk.pjsip_part(AsteriskParts(bound=False), keep), out, 0o600)


def diff_pjsip(into: Path = REQUIRED, keep: list[Theirs] = KEEP) -> None:
    """Show what `load` would change, and what of yours is in the way."""
    if not other_asterisk.show_pjsip(AsteriskParts(bound=False), into, keep):
        raise typer.Exit(1)


def load_pjsip(into: Path = REQUIRED, keep: list[Theirs] = KEEP) -> None:
    """Write our file beside your pjsip.conf and load it; if anything is in the way, nothing is written."""
    other_asterisk.load_pjsip(AsteriskParts(), into, keep)
