"""`hatif`: all commands; errors for the user are printed as one sentence."""

import gc
import os
import platform
import sys
from importlib import import_module

import typer

from ivr.home import disk
from ivr.home.version import VERSION

_COMMANDS = {
    "ivr.cli.processes.processes": ("setup", "up", "ivr", "journal", "guard"),
    "ivr.cli.asterisk": ("asterisk",),
    "ivr.cli.processes.systemd": ("systemd",),
    "ivr.cli.processes.status": ("status",),
    "ivr.cli.monitoring.health": ("health",),
    "ivr.cli.monitoring.monitor": ("monitor",),
    "ivr.cli.upkeep.drain": ("drain",),
    "ivr.cli.upkeep.reload": ("reload",),
    "ivr.cli.upkeep.restart": ("restart",),
    "ivr.cli.calls.show": ("numbers", "calls", "call"),
    "ivr.cli.audit": ("audit",),
    "ivr.cli.bans": ("bans",),
    "ivr.cli.check": ("check",),
    "ivr.cli.new_site": ("site",),
    "ivr.cli.cases.cases": ("cases", "case"),
    "ivr.cli.callbacks": ("callbacks",),
    "ivr.cli.cases.caller": ("caller",),
    "ivr.cli.operators.operators": ("operators",),
    "ivr.cli.operators.waiting": ("waiting",),
    "ivr.cli.hours": ("hours",),
    "ivr.cli.flow": ("flow",),
    "ivr.cli.prompts.prompts": ("prompts",),
    "ivr.cli.processes.asterisk": ("dialplan", "pjsip"),
    "ivr.cli.carriers": ("carriers",),
    "ivr.cli.firewall": ("firewall",),
    "ivr.cli.guide": ("guide",),
    "ivr.cli.speech.speech": ("speech",),
    "ivr.cli.report.report": ("report",),
    "ivr.cli.operators.roster": ("roster",),
    "ivr.cli.simulate.simulate": ("simulate",),
    "ivr.cli.trial.trial": ("try",),
    "ivr.cli.desk": ("desk", "gate"),
    "ivr.cli.hear": ("hear",),
    "ivr.cli.accounts": ("accounts",),
    "ivr.cli.walls": ("walls",),
    "ivr.cli.data.backup": ("backup", "restore"),
    "ivr.cli.data.database": ("db",),
    "ivr.cli.data.expire": ("data",),
}
"""Modules with the commands that they register. Only the wanted one is loaded: all take longer than most commands."""

_USER_ERRORS = (
    ("ivr.home.line_settings", "SettingsError"),
    ("ivr.site.findings", "SiteError"),
    ("ivr.cli.guide", "GuideError"),
    ("ivr.cli.flow", "DrawingError"),
    ("ivr.home.credentials", "CredentialsError"),
    ("ivr.process.ban_list", "BanListError"),
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
    ("db.rows", "NotFoundError"),
    ("ivr.cases.case_rules", "CaseError"),
    ("ivr.cases.casework", "NotKeptError"),
    ("prompts.sources", "CatalogueError"),
    ("prompts.manifest", "ManifestError"),
    ("prompts.voices.process", "VoiceError"),
    ("ivr.cli.prompts.voices", "VoiceInstallError"),
    ("ivr.cli.speech.speech", "SpeechError"),
    ("prompts.say", "TextError"),
    ("ivr.cli.prompts.release", "ReleaseError"),
    ("prompts.importing", "ImportingError"),
    ("prompts.clip_archive", "ClipArchiveError"),
    ("ivr.data.encryption", "BackupError"),
    ("ivr.data.proof", "ProofError"),
    ("ivr.process.supervisor", "SupervisorError"),
    ("ivr.process.own_user", "RootError"),
    ("ivr.cli.new_site", "NewSiteError"),
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


def command_line(command: str | None = None) -> typer.Typer:
    """Return the command line with this command and its module's others, or with all commands if it is not one."""
    app = typer.Typer(
        name="hatif",
        help="Hatif, a multilingual call centre on Asterisk. Start with `hatif setup`, then `hatif up`.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    wanted = [module for module, names in _COMMANDS.items() if command in names] or _COMMANDS
    for module in () if sys.argv[1:] == ["--version"] else wanted:
        import_module(module).register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Hatif {VERSION}, Python {platform.python_version()}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
) -> None:
    """Take the options that are for all commands."""


def _wanted() -> str | None:
    """Return the command among this process's arguments, or in the line that a shell completes."""
    # Both as typer's completion scripts set them.
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS")
    if "_HATIF_COMPLETE" in os.environ and line:
        words = line.split()[1:] if line.endswith((" ", "\n")) else line.split()[1:-1]
    else:
        words = sys.argv[1:]
    return next((word for word in words if not word.startswith("-")), None)


def app() -> None:
    """Run the command line."""
    # Loading modules leaves no garbage: to look for some as often as Python does is a tenth of most commands' time.
    gc.set_threshold(50_000, 20, 50)
    command_line(_wanted())()


def main() -> None:
    """Run the command; exit with status 1 and one sentence for an error of the user."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        said = str(error) if _is_user_error(error) else disk.explain(error)
        if said is None:
            raise
        from ivr.cli.output import errors  # needs rich, which nobody else here does

        errors.print(f"hatif: {said}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
