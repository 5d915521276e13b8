"""`hatif`: every command, and how an error becomes one sentence."""

import sys

import typer

from ivr.cli import (
    asterisk,
    audit,
    callbacks,
    caller,
    case,
    check,
    firewall,
    floor,
    flow,
    guide,
    hours,
    processes,
    prompts,
    report,
    roster,
    show,
    simulate,
    trial,
)
from ivr.cli.output import errors

app = typer.Typer(
    name="hatif",
    help="Hatif, a multilingual call centre on Asterisk. Start with `hatif setup`, then `hatif up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (
    processes,
    show,
    audit,
    check,
    case,
    callbacks,
    caller,
    floor,
    hours,
    flow,
    prompts,
    asterisk,
    firewall,
    guide,
    report,
    roster,
    simulate,
    trial,
):
    part.register(app)

_OURS = (
    "SettingsError",
    "SiteError",
    "GuideError",
    "DrawingError",
    "CredentialsError",
    "ClockError",
    "ControlError",
    "AsteriskError",
    "AmiError",
    "AriError",
    "PlanError",
    "DialplanError",
    "DatabaseError",
    "NotFoundError",
    "CaseError",
    "NotKeptError",
    "CatalogueError",
    "ManifestError",
    "VoiceError",
    "VoiceInstallError",
    "TextError",
    "DraftError",
    "ImportingError",
    "SupervisorError",
    "TrialError",
    "ReportError",
    "SimulationError",
)


def main() -> None:
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if not any(kind.__name__ in _OURS for kind in type(error).__mro__):
            raise
        errors.print(f"hatif: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
