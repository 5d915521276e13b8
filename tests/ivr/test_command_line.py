"""The command line as a whole: its commands, its own options, completion, and how fast it starts."""

import importlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from asked import HATIF

from ivr.cli import main
from ivr.home.line_settings import VERSION


def names(app: typer.Typer) -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", main._COMMANDS)
def test_each_module_registers_the_commands_that_are_listed_for_it(module: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    importlib.import_module(module).register(app)
    assert names(app) == set(main._COMMANDS[module])


def test_only_what_is_wanted_is_loaded_and_everything_for_help_and_mistakes() -> None:
    everything = {name for listed in main._COMMANDS.values() for name in listed}
    assert names(main.command_line("case")) == {"case", "cases"}
    assert names(main.command_line(None)) == names(main.command_line("caes")) == everything


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(HATIF), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=60, check=False
    )


def test_the_version_is_shown() -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stdout.split(",")[0]) == (0, f"Hatif {VERSION}")


@pytest.mark.parametrize("arguments", [(), ("case",), ("case", "open")])
def test_help_has_a_short_option_everywhere(arguments: tuple[str, ...]) -> None:
    short, long = run(*arguments, "-h"), run(*arguments, "--help")
    assert short.returncode == 0 and short.stdout == long.stdout and "Usage: hatif" in short.stdout


@pytest.mark.parametrize(
    ("line", "word", "offered"),
    [
        ("hatif ca", "1", {"callbacks", "caller", "calls", "call", "carriers", "case", "cases"}),
        ("hatif case", "1", {"case", "cases"}),
        ("hatif case ", "2", {"open", "set", "note", "close", "pin", "show"}),
        ("hatif case op", "2", {"open"}),
    ],
)
def test_a_shell_completes_commands(line: str, word: str, offered: set[str]) -> None:
    answer = run(_HATIF_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=word)
    assert set(answer.stdout.split()) == offered, answer.stderr


def test_a_command_starts_within_four_tenths_of_a_second(tmp_path: Path) -> None:
    """Of processor time, since the machine of the tests is busy; the best of three."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, HATIF, "case", "open", "-h"], stdout=subprocess.DEVNULL, timeout=60, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.4, spent
