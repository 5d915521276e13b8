"""`hatif check`: everything that is wrong or doubtful in the site's files, before a caller meets it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, cell, console, errors

if TYPE_CHECKING:
    from ivr.site.findings import Finding

IGNORE = typer.Option([], "--ignore", metavar="PREFIX", help="Leave out codes that begin so: W_TEXT. May be repeated.")


def register(app: typer.Typer) -> None:
    app.command()(check)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of the site has found, without what was to be ignored."""

    errors: tuple["Finding", ...]
    warnings: tuple["Finding", ...]
    ignored: int

    @property
    def document(self) -> dict[str, Any]:
        return {
            "in_order": not self.errors,
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "ignored": self.ignored,
            "findings": [asdict(each) for each in (*self.errors, *self.warnings)],
        }

    @property
    def counts(self) -> str:
        counts = [_count(len(self.errors), "error"), _count(len(self.warnings), "warning")]
        if self.ignored:
            counts.append(f"{self.ignored} ignored")
        return ", ".join(each for each in counts if each)

    def show(self) -> None:
        """A line each on standard error: errors red, warnings yellow."""
        for each in (*self.errors, *self.warnings):
            colour = "red" if each.is_error else "yellow"
            errors.print(cell(str(each)), style=colour, markup=False, soft_wrap=True)


def checked(parts: Composition, ignore: Sequence[str] = ()) -> Checked:
    """Checks the site as it is saved."""
    from dialplan.plan import PROMPTS
    from ivr.check import checking
    from ivr.cli.processes import as_up

    found = checking.check(parts.settings.site, parts.settings.sounds, PROMPTS, parts.settings.voices)
    found += parts.findings()
    found += as_up.findings(parts)
    found.sort(key=lambda each: not each.is_error)
    unwanted = tuple(each for each in ignore if each)
    left = [each for each in found if not each.code.startswith(unwanted)]
    return Checked(
        tuple(each for each in left if each.is_error),
        tuple(each for each in left if not each.is_error),
        len(found) - len(left),
    )


def check(json: bool = JSON, ignore: list[str] = IGNORE) -> None:
    """Check all that the site says: site.toml, operators.csv, flow.yaml, guide, texts, audio.

    docs/check.md explains the codes. Exit status 1 if there is an error, 0 if there are only warnings.
    """
    parts = Composition(bound=False)
    result = checked(parts, ignore)
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
