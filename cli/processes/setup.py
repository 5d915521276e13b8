"""`hatif setup`: Asterisk, its configuration, the prompts and the database, prepared for the line."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import typer

from asterisk_conf import conf as configuration
from asterisk_conf import install, instance
from cli.asterisk_parts import AsteriskParts
from cli.composition import Composition
from cli.output import Bar, console, errors
from db import pin_hashes
from db.engine import format_url, open_engine, parse_url
from db.pins import rewrite
from db.upgrade import upgrade
from desk import bundle
from dialplan.findings import DialplanError
from dialplan.lint import lint
from ivr.check.site_check import former_findings
from ivr.flow.missing_audio import missing_on_disk
from ivr.home import credentials, line_settings
from ivr.home.settings import SettingsError, line_of
from ivr.process.process import processes
from ivr.site.findings import SiteError
from prompts.sources import CatalogueError
from wire.errors import UserError


class SetupError(UserError):
    """A line that is not set up; the message is a sentence with a remedy."""


def register(app: typer.Typer) -> None:
    app.command()(setup)


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
    parts = AsteriskParts(fresh=change, running=False)
    home = parts.settings.home
    changes = line_settings.read(home) not in (None, line_of(parts.settings))
    if changes and any(info.alive for info in processes(parts.settings.run).values()):
        raise SettingsError(f"The line in {home} is running, and this would change it; stop it first.")
    if change or line_settings.read(home) is None:
        _refuse_mistakes(parts)
    with Bar() as bar:
        _fetch_and_speak(parts, bar, guide_later=guide_later)
        configure_asterisk(parts, bar)
    if database:
        upgrade_database(parts)
    console.print(f"Ready in {parts.settings.home}.", markup=False)


def _refuse_mistakes(parts: AsteriskParts) -> None:
    """Check the site of a new line, before anything is downloaded or spoken for it. Raises SetupError, SiteError."""
    # The whole check takes memory, which `hatif up` would keep for as long as it runs.
    from cli.check import check_site

    # The audio is made next, and another line may still have the ports.
    result = replace(check_site(parts, ("W_", "E_AUDIO_", "E_LANGUAGE_INCOMPLETE"), ports=False), ignored=0)
    if result.errors:
        result.show()
        raise SetupError(
            f"Nothing was set up: {parts.settings.site} has {result.counts}. Correct the site until `hatif check` has"
            " no other errors than those of audio, and run `hatif setup` again."
        )
    if missing := parts.missing_passwords(credentials.known_outer(parts.settings.home) or frozenset()):
        raise SiteError(*missing)


def _fetch_and_speak(parts: AsteriskParts, bar: Bar, *, guide_later: bool) -> None:
    """Install Asterisk if there is none, and what the desk's scripts need; build the prompts meanwhile, which computes.

    Raises:
        AsteriskError: There is none, and it cannot be installed; the prompts are not waited for.
    """
    where, named = parts.install_home, parts.settings.asterisk
    is_missing, has_desk = install.find(where, named=named) is None, parts.site.desk.enabled

    def fetch() -> None:
        with bar.beside() as below:
            if is_missing:
                install.find_or_install(where, below, named)
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


def configure_asterisk(parts: AsteriskParts, bar: Bar, *, before_restart: bool = False) -> list[str]:
    """Write Asterisk's configuration; return the names of the files that changed. Raises DialplanError.

    The files of an Asterisk that runs stay as it has read them, unless it is about to be restarted: `hatif reload`
    finds what it must read again by what differs.
    """
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
    if bundle.is_current():
        return
    bar.step("Scripts of the desk")
    try:
        bundle.bundle()
    except bundle.BundleError as error:
        errors.print(f"hatif: {error}", style="yellow", markup=False, soft_wrap=True)
        errors.print("hatif: everything but the desk works; repeat `hatif setup` later.", style="yellow", markup=False)


def _build_prompts(parts: AsteriskParts, bar: Bar, update: Callable[[int, int], None], *, guide_later: bool) -> None:
    # What computes audio takes 30 MiB, which `hatif up` would keep for as long as it runs.
    from cli.prompts.build_prompts import build_all

    bar.step("Prompts in all languages")
    report = build_all(parts, lambda done, total, _: update(done, total), guide_later=guide_later)
    bar.step(f"Prompts: {report.made} made, {report.kept} unchanged")
    if report.quick:
        bar.step(f"The slow voices of {', '.join(report.quick)} follow in the background: `hatif prompts status`")
    for problem in report.problems:
        errors.print(f"hatif: {problem}", style="yellow", markup=False, soft_wrap=True)


def speak_missing(parts: AsteriskParts, bar: Bar) -> None:
    """Make the audio that the flow needs and that is not there, as after an upgrade, before a caller meets it."""
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

    async def run() -> list[str]:
        done = await upgrade(parts.database_url)
        async with open_engine(parts.database_url, long=True) as engine:
            await rewrite(engine, "$argon2", lambda pin_hash: pin_hashes.sealed(pin_hash, parts.credentials.pin_pepper))
        return done

    done = asyncio.run(run())
    console.print(
        f"  Database {format_url(parse_url(parts.database_url))}: {len(done) or 'no'} new migrations", markup=False
    )
