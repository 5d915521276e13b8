"""`hatif`: all commands; errors for the user are printed as one sentence."""

import gc
import os
import platform
import sys
from importlib import import_module

import typer

from cli.output import errors
from ivr.home import disk
from ivr.home.version import VERSION
from wire.errors import UserError

COMMANDS = {
    "setup": ("cli.processes.setup", "Prepare everything: Asterisk, secrets, configuration, prompts, database."),
    "up": (
        "cli.processes.up",
        "Run Asterisk, the controller, the journal's deliverer and the guard until Ctrl-C; restart what ends.",
    ),
    "ivr": ("cli.processes.ivr", "Run the controller alone, in the foreground."),
    "journal": ("cli.processes.journal", "Deliver the journal to the database, in the foreground."),
    "guard": (
        "cli.processes.guard",
        "Give callers back to the dialplan while there is no controller, in the foreground.",
    ),
    "asterisk": ("cli.asterisk", "Run Asterisk alone, replace it by another release, and what belongs to it."),
    "systemd": (
        "cli.processes.systemd",
        "Write systemd's units of the line, its user and folders, and logrotate's file.",
    ),
    "status": ("cli.processes.status", "Show whether calls are served; exit status 0 only if they are."),
    "health": (
        "cli.monitoring.health",
        "Show the state of each part of the line, and what to do about faults; exit status 1 if there are any.",
    ),
    "monitor": ("cli.monitoring.monitor", "Serve /metrics and /health, in the foreground."),
    "drain": ("cli.upkeep.drain", "Take no new calls and wait until the line is empty; `--end` takes calls again."),
    "reload": (
        "cli.upkeep.reload",
        "Apply changes of site.toml and operators.csv to the running line; no call is cut off.",
    ),
    "restart": ("cli.upkeep.restart", "Restart a process."),
    "numbers": (
        "cli.calls.show",
        "List the numbers that callers dial, with country and languages in the order in which they are offered.",
    ),
    "calls": ("cli.calls.show", "List calls, newest first."),
    "call": ("cli.calls.show", "Show everything that happened in a call, including the routing decisions."),
    "audit": ("cli.audit", "List who did what: reading about callers, listening in, manual changes, erasing."),
    "bans": ("cli.bans", "List the addresses that are banned for wrong passwords; lift a ban."),
    "check": ("cli.check", "Check all of the site's files: site.toml, operators.csv, flow.yaml, guide, texts, audio."),
    "site": ("cli.new_site", "Begin a site of your own."),
    "cases": ("cli.cases.cases", "List the case files, newest first."),
    "case": (
        "cli.cases.cases",
        "Open, change and show a case file; give it a new PIN, with which its applicant asks for its state.",
    ),
    "messages": ("cli.messages", "List the voice messages that are not done, oldest first."),
    "message": ("cli.messages", "Take a voice message to work on it; give it back, hear it, note that it is done."),
    "callbacks": ("cli.callbacks", "List call-back requests; add one, take one over, cancel one."),
    "caller": ("cli.cases.caller", "Show, export or erase what is known about a number."),
    "operators": (
        "cli.operators.operators",
        "List the operators with languages and state; show a telephone's settings; change an operator's state.",
    ),
    "waiting": (
        "cli.operators.waiting",
        "List who waits for an operator, and to whom something is to be sent; note that it was sent.",
    ),
    "hours": (
        "cli.hours",
        "Show whether the line is open and why; force it open or closed; announcement and holidays.",
    ),
    "flow": ("cli.flow", "Reload and draw the flow, which defines what callers hear and can do."),
    "prompts": ("cli.prompts.prompts", "Build, list and check prompts; voices, recordings and fuzzy texts."),
    "dialplan": ("cli.processes.asterisk", "Render, check and load the dialplan: entry, fallback and feature codes."),
    "pjsip": ("cli.processes.asterisk", "Our carriers and telephones in an Asterisk of your own."),
    "existing": ("cli.existing.existing", "The line in an Asterisk that you already have, beside what else that does."),
    "carriers": ("cli.carriers", "List the carriers, and whether we are registered; set our password."),
    "firewall": ("cli.firewall", "Write nftables rules: audio from carriers and operators only, no flood of calls."),
    "guide": (
        "cli.guide",
        "List the guide's procedures, or those that match some words, best first; show a single match in full.",
    ),
    "speech": ("cli.speech.speech", "Models of recognisers; texts of voice messages."),
    "report": (
        "cli.report.report",
        "Report all calls and how they ended; of those that waited, service level, waits, abandonment and handling.",
    ),
    "roster": (
        "cli.operators.roster",
        "Show who is planned to be on duty on a day, hour by hour, and the open hours without a speaker of a language.",
    ),
    "simulate": (
        "cli.simulate.simulate",
        "Simulate a day of calls, routed by the same engine as real ones, and show how many are answered in time.",
    ),
    "try": ("cli.trial.trial", "Call the line without a telephone, and read what the caller hears."),
    "desk": ("cli.processes.desk", "Serve the operators' web page, in the foreground."),
    "gate": ("cli.processes.gate", "Serve the WebSocket of browser telephones, in the foreground."),
    "hear": ("cli.hear", "Hear what callers say instead of pressing keys, in the foreground."),
    "accounts": ("cli.accounts", "List who may sign in at the desk; add, disable and enable accounts."),
    "walls": ("cli.walls", "List links to the wallboard for screens on walls; add, withdraw."),
    "backup": (
        "cli.data.backup",
        "Save the line's data in one file, while the line runs: database, secrets, site, messages and recordings.",
    ),
    "restore": ("cli.data.backup", "Restore a backup into HATIF_HOME, in which nothing runs."),
    "db": ("cli.data.database", "Manage the database."),
    "data": ("cli.data.expire", "Delete what is older than [retention] of site.toml allows."),
}
"""The module that registers each command, and its line in `hatif --help`, which loads none of them."""


def command_line(*commands: str) -> typer.Typer:
    """Return the command line with these commands and those beside them in their modules.

    Without any that exists, it has the names of all, for help and completion, and cannot run them.
    """
    app = typer.Typer(
        name="hatif",
        help="Hatif, a multilingual call centre on Asterisk. Start with `hatif setup`, then `hatif up`.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    modules = dict.fromkeys(COMMANDS[command][0] for command in commands if command in COMMANDS)
    for module in modules:
        import_module(module).register(app)
    if not modules:
        for name, (_, summary) in COMMANDS.items():
            app.command(name, help=summary)(lambda: None)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"Hatif {VERSION}, Python {platform.python_version()}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
) -> None:
    """Take the options that are for all commands."""


def _command() -> str:
    """Return the first word of this process's arguments, or of the line that a shell completes; "" without one."""
    # Both as typer's completion scripts set them.
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS")
    if "_HATIF_COMPLETE" in os.environ and line:
        words = line.split()[1:] if line.endswith((" ", "\n")) else line.split()[1:-1]
    else:
        words = sys.argv[1:]
    return next((word for word in words if not word.startswith("-")), "")


def app() -> None:
    """Run the command line."""
    # Loading modules leaves no garbage: to look for some as often as Python does is a tenth of most commands' time.
    gc.set_threshold(50_000, 20, 50)
    command_line(_command())()


def main() -> None:
    """Run the command; exit with status 1 and one sentence for an error of the user."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        sentence = str(error) if isinstance(error, UserError) else disk.explain(error)
        if sentence is None:
            raise
        errors.print(f"hatif: {sentence}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
