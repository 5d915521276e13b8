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
    status,
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
    status,
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
    ("ivr.kept_line", "SettingsError"),
    ("ivr.findings", "SiteError"),
    ("ivr.cli.guide", "GuideError"),
    ("ivr.cli.flow", "DrawingError"),
    ("ivr.credentials", "CredentialsError"),
    ("ivr.clock", "ClockError"),
    ("ivr.cli.compose", "ControlError"),
    ("asterisk_conf.errors", "AsteriskError"),
    ("ivr.ami", "AmiError"),
    ("ivr.ari.link", "AriError"),
    ("dialplan.plan", "PlanError"),
    ("dialplan.load", "DialplanError"),
    ("db.engine", "DatabaseError"),
    ("db.read", "NotFoundError"),
    ("ivr.cli.case_input", "CaseError"),
    ("ivr.casework", "NotKeptError"),
    ("prompts.sources", "CatalogueError"),
    ("prompts.manifest", "ManifestError"),
    ("prompts.voices.process", "VoiceError"),
    ("ivr.cli.voices", "VoiceInstallError"),
    ("prompts.say", "TextError"),
    ("ivr.cli.tashkeel", "DraftError"),
    ("prompts.importing", "ImportingError"),
    ("ivr.supervisor", "SupervisorError"),
    ("ivr.cli.trial", "TrialError"),
    ("ivr.cli.report", "ReportError"),
    ("ivr.cli.simulate_input", "SimulationError"),
)
"""Errors that are a sentence for the user: module and class. Named, since importing them all would slow every start."""


def _is_ours(error: Exception) -> bool:
    """Whether the error is one of these classes. Its module is loaded then."""
    loaded = ((sys.modules[module], name) for module, name in _OURS if module in sys.modules)
    return isinstance(error, tuple(getattr(module, name) for module, name in loaded))


def main() -> None:
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if not _is_ours(error):
            raise
        errors.print(f"hatif: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
