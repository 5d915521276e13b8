"""`hatif check`: find everything wrong or doubtful in the site's files before a caller does."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from cli.asterisk_parts import AsteriskParts
from cli.output import JSON, as_json, cell, console, errors
from cli.processes import as_up, asterisk_age
from dialplan.plan import PROMPTS
from ivr.check import checking
from ivr.site.findings import Finding

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


def check_site(parts: AsteriskParts, ignore: Sequence[str] = ()) -> CheckResult:
    """Check the site's files. `ignore`: beginnings of the codes to leave out."""
    # `hatif --help` needs none of these, and they take a while to load.
    found = checking.check(parts.settings.site, parts.settings.sounds, PROMPTS, parts.settings.voices)
    found += parts.findings()
    found += as_up.findings(parts)
    found += asterisk_age.findings(parts, datetime.now(UTC))
    found.sort(key=lambda finding: not finding.is_error)
    unwanted = tuple(prefix for prefix in ignore if prefix)
    left = [finding for finding in found if not finding.code.startswith(unwanted)]
    return CheckResult(
        tuple(finding for finding in left if finding.is_error),
        tuple(finding for finding in left if not finding.is_error),
        len(found) - len(left),
    )


def check(json: bool = JSON, ignore: list[str] = IGNORE) -> None:
    """Check all of the site's files: site.toml, operators.csv, flow.yaml, guide, texts, audio.

    docs/check.md explains the codes. The exit status is 1 if there are errors, 0 if there are only warnings.
    """
    parts = AsteriskParts(bound=False)
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


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""
