"""`hatif check`: find everything wrong or doubtful in the site's files before a caller does."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from asterisk_conf import apt, install
from asterisk_conf import conf as configuration
from asterisk_conf.debian import ASTERISK
from asterisk_conf.errors import AsteriskError
from asterisk_conf.installation import NEWER, OLD
from cli.asterisk_parts import AsteriskParts
from cli.output import JSON, as_json, cell, console, errors
from cli.ports import taken_ports
from db.engine import DatabaseError, parse_url
from dialplan.lint import lint
from dialplan.plan import PROMPTS, PlanError
from ivr.check import checking
from ivr.home.settings import EXAMPLE
from ivr.process.process import processes
from ivr.site.findings import Finding
from ivr.site.site import SiteError, line_in
from prompts import site_files

IGNORE = typer.Option(
    [], "--ignore", metavar="PREFIX", help="Ignore findings whose code begins so, such as W_TEXT. May be repeated."
)


def register(app: typer.Typer) -> None:
    app.command()(check)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The findings of a check of the site; `ignored` is the number of those left out."""

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    ignored: int

    @property
    def document(self) -> dict[str, Any]:
        return {
            "in_order": not self.errors,
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "ignored": self.ignored,
            "findings": [asdict(finding) for finding in (*self.errors, *self.warnings)],
        }

    @property
    def counts(self) -> str:
        counts = [_count(len(self.errors), "error"), _count(len(self.warnings), "warning")]
        if self.ignored:
            counts.append(f"{self.ignored} ignored")
        return ", ".join(count for count in counts if count)

    def show(self) -> None:
        """Print one line per finding to standard error: errors in red, warnings in yellow."""
        for finding in (*self.errors, *self.warnings):
            colour = "red" if finding.is_error else "yellow"
            errors.print(cell(str(finding)), style=colour, markup=False, soft_wrap=True)


def check_site(parts: AsteriskParts, ignore: Sequence[str] = (), *, ports: bool = True) -> CheckResult:
    """Check the site's files. `ignore`: beginnings of the codes to leave out; `ports`: whether ours must be free."""
    findings = checking.check(parts.settings.site, parts.settings.sounds, PROMPTS, parts.settings.voices)
    findings += parts.findings()
    findings += findings_of_up(parts, ports=ports)
    findings += findings_of_age(parts, datetime.now(UTC))
    findings.sort(key=lambda finding: not finding.is_error)
    unwanted = tuple(prefix for prefix in ignore if prefix)
    left = [finding for finding in findings if not finding.code.startswith(unwanted)]
    return CheckResult(
        tuple(finding for finding in left if finding.is_error),
        tuple(finding for finding in left if not finding.is_error),
        len(findings) - len(left),
    )


def check(json: bool = JSON, ignore: list[str] = IGNORE) -> None:
    """Check all of the site's files: site.toml, operators.csv, flow.yaml, guide, texts, audio.

    docs/check.md explains the codes. The exit status is 1 if there are errors, 0 if there are only warnings.
    """
    parts = AsteriskParts(bound=False)
    if not os.environ.get("HATIF_SITE") and parts.settings.site == EXAMPLE.resolve():
        sentence = f"HATIF_SITE is not set, so this checks the example {EXAMPLE}; set it to the folder of your site."
        errors.print(f"hatif: {sentence}", style="yellow", markup=False, soft_wrap=True)
    result = check_site(parts, ignore)
    if json:
        as_json({"site": str(parts.settings.site), **result.document})
    else:
        result.show()
        if result.errors:
            errors.print(f"{parts.settings.site}: {result.counts}.", style="red", markup=False, soft_wrap=True)
        else:
            counts = f" ({result.counts})" if result.counts else ""
            console.print(f"{parts.settings.site}: in order{counts}.", markup=False, soft_wrap=True)
    if result.errors:
        raise typer.Exit(1)


def findings_of_up(parts: AsteriskParts, *, ports: bool = True) -> Iterator[Finding]:
    """Yield an E_UP_REFUSED finding for all that `hatif up` would refuse, by the same checks; nothing is written.

    Ports are tried only while nothing runs in this HATIF_HOME. Yields nothing for a site that cannot be read; the check
    of its files says why.
    """
    path = parts.settings.site / "site.toml"
    try:
        conf = parts.conf_as_installed()
        sentences = [str(finding) for finding in lint(parts.dialplan()) if finding.is_error]
        configuration.render(conf)
    except SiteError:
        return
    except (AsteriskError, PlanError) as error:
        yield Finding.from_sentence("E_UP_REFUSED", str(path), 1, f"`hatif up` refuses it: {error}")
        return
    for sentence in sentences:
        yield Finding.from_sentence("E_UP_REFUSED", str(path), 1, f"`hatif up` refuses its dialplan: {sentence}")
    try:
        parse_url(parts.database_url)
    except DatabaseError as error:
        # The check of the files covers an address in site.toml.
        if parts.settings.database is not None:
            yield Finding.from_sentence("E_UP_REFUSED", "HATIF_DATABASE", 1, str(error).replace(": ", "; ", 1))
    if ports and not any(process.alive for process in processes(parts.settings.run).values()):
        for problem in taken_ports(parts, conf):
            found, _, remedy = problem.removesuffix(".").partition(": ")
            yield Finding("E_UP_REFUSED", str(path), line_in(site_files.text(path), ("sip_bind",)), found, remedy)


def findings_of_age(parts: AsteriskParts, now: datetime) -> Iterator[Finding]:
    """Yield a warning for a release that is old, and for a private one that is not the tested one.

    Yields nothing without an Asterisk: `hatif setup` brings one, and `hatif up` says what is wrong with one.
    """
    try:
        installation, built = parts.installed, parts.built
    except AsteriskError:
        return
    if installation is None or built is None:
        return
    program = next((part for part in installation.program if part.endswith("/asterisk")), installation.program[0])
    if now - built > OLD:
        sentence = f"Asterisk {installation.version} was built on {built:%Y-%m-%d} and lacks a year of security fixes"
        yield Finding("W_ASTERISK_OLD", program, 1, sentence, f"install a newer release, {NEWER}")
    if installation.kind == "private":
        root = install.private_root(parts.install_home)
        if different := apt.outdated(root, ASTERISK, reported=True):
            count = f"{len(different)} packages are" if len(different) > 1 else "a package is"
            sentence = f"{count} not what Hatif was tested with ({different[0]})"
            yield Finding("W_ASTERISK_UNTESTED", str(root / apt.MARKER), 1, sentence, "run `hatif asterisk upgrade`")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""
