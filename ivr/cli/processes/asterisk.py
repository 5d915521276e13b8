"""Commands about Asterisk's dialplan and the database's tables."""

import asyncio
from pathlib import Path

import typer

from ivr.cli.codes import codes, loaded_clashes
from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, console


def register(app: typer.Typer) -> None:
    dialplan = typer.Typer(
        help="What Asterisk does by itself: entry, fallback, operators' codes.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    dialplan.command()(render)
    dialplan.command()(lint)
    dialplan.command()(load)
    dialplan.command()(codes)
    app.add_typer(dialplan, name="dialplan")
    database = typer.Typer(help="The case database.", no_args_is_help=True, rich_markup_mode=None)
    database.command()(upgrade)
    app.add_typer(database, name="db")


def render(
    out: Path = typer.Option(None, "--out", help="The file; without it the text goes to standard output."),
) -> None:
    """Write extensions.conf as the site asks for it. What Asterisk runs does not change."""
    text = Composition(bound=False).dialplan()
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text)
    console.print(f"{out}: {len(text.splitlines())} lines", markup=False)


def lint(
    file: Path = typer.Argument(None, help="A file; without it, what the site renders to."), json: bool = JSON
) -> None:
    """Find what Asterisk would not say, or only in its log; of the site's own, also where codes clash with what the
    running Asterisk has besides."""
    from dialplan.lint import lint as look
    from dialplan.load import read
    from dialplan.parse import Finding

    beside: list[Finding] = [Finding(*each) for each in asyncio.run(_beside())] if file is None else []
    text = read(file) if file is not None else Composition(bound=False).dialplan()
    findings = beside + look(text)
    if json:
        as_json([{"code": each.code, "line": each.line, "sentence": each.sentence} for each in findings])
    else:
        for each in findings:
            console.print(f"{file or 'extensions.conf'}:{each.line}: {each.code}: {each.sentence}", markup=False)
        if not findings:
            console.print("Nothing found.")
    if any(each.is_error for each in findings):
        raise typer.Exit(1)


async def _beside() -> list[tuple[str, int, str]]:
    """Clashes with what a running Asterisk has; none where none runs."""
    from ivr.asterisk.ami import Ami, AmiError

    parts = Composition(bound=False)
    secrets = parts.credentials
    try:
        async with Ami("127.0.0.1", 5038 + parts.settings.offset, secrets.ami_user, secrets.ami_password) as ami:
            return [("W_CLASH", 1, each) for each in await loaded_clashes(parts, ami)]
    except AmiError:
        return []


def load(
    file: Path = typer.Argument(None, help="A file; without it, what the site renders to."),
    force: bool = typer.Option(False, "--force", help="Also if numbers or contexts that are in use go by it."),
    json: bool = JSON,
) -> None:
    """Put the dialplan into the running Asterisk and say what changed; a broken one is refused, the old one stays."""
    from dialplan.load import LoadReport, read
    from dialplan.load import load as put
    from ivr.asterisk.ami import Ami

    parts = Composition()
    text = read(file) if file is not None else parts.dialplan()
    secrets = parts.credentials

    async def run() -> tuple[LoadReport, list[str]]:
        ami = Ami("127.0.0.1", 5038 + parts.settings.offset, secrets.ami_user, secrets.ami_password)
        async with ami:
            report = await put(ami, parts.extensions.parent, text, force=force)
            return report, await loaded_clashes(parts, ami)

    report, beside = asyncio.run(run())
    warnings = [*map(str, report.warnings), *(f"W_CLASH: {each}" for each in beside)]
    if json:
        as_json(
            {
                "changes": [str(each) for each in report.changes],
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


def upgrade() -> None:
    """Bring the tables up to this version of Hatif."""
    from ivr.cli.processes.processes import upgrade_database

    upgrade_database(Composition())
