"""`hatif`: all commands; errors for the user are printed as one sentence."""

import gc
import os
import platform
import sys
from importlib import import_module

import typer

from ivr.home import disk
from ivr.home.version import VERSION
from wire.errors import UserError

_COMMANDS = {
    "cli.processes.processes": ("setup", "up", "ivr", "journal", "guard"),
    "cli.asterisk": ("asterisk",),
    "cli.processes.systemd": ("systemd",),
    "cli.processes.status": ("status",),
    "cli.monitoring.health": ("health",),
    "cli.monitoring.monitor": ("monitor",),
    "cli.upkeep.drain": ("drain",),
    "cli.upkeep.reload": ("reload",),
    "cli.upkeep.restart": ("restart",),
    "cli.calls.show": ("numbers", "calls", "call"),
    "cli.audit": ("audit",),
    "cli.bans": ("bans",),
    "cli.check": ("check",),
    "cli.new_site": ("site",),
    "cli.cases.cases": ("cases", "case"),
    "cli.callbacks": ("callbacks",),
    "cli.cases.caller": ("caller",),
    "cli.operators.operators": ("operators",),
    "cli.operators.waiting": ("waiting",),
    "cli.hours": ("hours",),
    "cli.flow": ("flow",),
    "cli.prompts.prompts": ("prompts",),
    "cli.processes.asterisk": ("dialplan", "pjsip"),
    "cli.carriers": ("carriers",),
    "cli.firewall": ("firewall",),
    "cli.guide": ("guide",),
    "cli.speech.speech": ("speech",),
    "cli.report.report": ("report",),
    "cli.operators.roster": ("roster",),
    "cli.simulate.simulate": ("simulate",),
    "cli.trial.trial": ("try",),
    "cli.desk": ("desk", "gate"),
    "cli.hear": ("hear",),
    "cli.accounts": ("accounts",),
    "cli.walls": ("walls",),
    "cli.data.backup": ("backup", "restore"),
    "cli.data.database": ("db",),
    "cli.data.expire": ("data",),
}
"""Modules with the commands that they register. Only the wanted one is loaded: all take longer than most commands."""


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
        said = str(error) if isinstance(error, UserError) else disk.explain(error)
        if said is None:
            raise
        from cli.output import errors  # needs rich, which nobody else here does

        errors.print(f"hatif: {said}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
