"""`hatif`: all commands; errors for the user are printed as one sentence."""

import sys

import typer

from ivr.cli import accounts, audit, callbacks, check, desk, firewall, flow, guide, hours
from ivr.cli.calls import show
from ivr.cli.cases import caller, cases
from ivr.cli.operators import operators, roster, waiting
from ivr.cli.output import errors
from ivr.cli.processes import asterisk, processes, status
from ivr.cli.prompts import prompts
from ivr.cli.report import report
from ivr.cli.simulate import simulate
from ivr.cli.trial import trial

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
    cases,
    callbacks,
    caller,
    operators,
    waiting,
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
    desk,
    accounts,
):
    part.register(app)

_USER_ERRORS = (
    ("ivr.home.line_settings", "SettingsError"),
    ("ivr.site.findings", "SiteError"),
    ("ivr.cli.guide", "GuideError"),
    ("ivr.cli.flow", "DrawingError"),
    ("ivr.home.credentials", "CredentialsError"),
    ("ivr.model.clock", "ClockError"),
    ("ivr.cli.control", "ControlError"),
    ("ivr.cli.times", "TimeError"),
    ("asterisk_conf.errors", "AsteriskError"),
    ("ivr.asterisk.ami", "AmiError"),
    ("ivr.asterisk.ari.link", "AriError"),
    ("dialplan.plan", "PlanError"),
    ("dialplan.findings", "DialplanError"),
    ("db.engine", "DatabaseError"),
    ("desk.people.accounts", "AccountError"),
    ("desk.tls", "CertificateError"),
    ("db.read", "NotFoundError"),
    ("ivr.cases.case_rules", "CaseError"),
    ("ivr.cases.casework", "NotKeptError"),
    ("prompts.sources", "CatalogueError"),
    ("prompts.manifest", "ManifestError"),
    ("prompts.voices.process", "VoiceError"),
    ("ivr.cli.prompts.voices", "VoiceInstallError"),
    ("prompts.say", "TextError"),
    ("ivr.cli.prompts.tashkeel", "DraftError"),
    ("prompts.importing", "ImportingError"),
    ("prompts.clip_archive", "ClipArchiveError"),
    ("ivr.process.supervisor", "SupervisorError"),
    ("ivr.cli.trial.trial", "TrialError"),
    ("ivr.cli.trial.seconds", "SecondsError"),
    ("ivr.cli.report.report", "ReportError"),
    ("ivr.cli.simulate.simulation_input", "SimulationError"),
)
"""Errors whose message is a sentence for the user: module and class. Importing them all would slow every start."""


def _is_user_error(error: Exception) -> bool:
    """Whether the error is one of `_USER_ERRORS`, whose modules are loaded once such an error exists."""
    loaded = ((sys.modules[module], name) for module, name in _USER_ERRORS if module in sys.modules)
    return isinstance(error, tuple(getattr(module, name) for module, name in loaded))


def main() -> None:
    """Run the command; exit with status 1 and one sentence for an error of the user."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if not _is_user_error(error):
            raise
        errors.print(f"hatif: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
