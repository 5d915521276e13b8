"""The command line as a whole: its commands, its own options, completion, and what it loads to start."""

import importlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_databases
import pytest
import typer
import warm_up
from asked import HATIF
from every import every

from cli import main
from ivr.home.line_settings import VERSION


def names(app: typer.Typer) -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


MODULES = sorted({module for module, _ in main.COMMANDS.values()})


@every("module", MODULES)
def test_each_module_registers_the_commands_that_are_listed_for_it(module: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    importlib.import_module(module).register(app)
    assert names(app) == {name for name, (listed, _) in main.COMMANDS.items() if listed == module}


@every("name", main.COMMANDS)
def test_the_help_of_all_commands_says_of_each_what_its_own_help_begins_with(name: str) -> None:
    commands: dict[str, Any] = typer.main.get_command(main.command_line(name)).commands  # type: ignore[attr-defined]
    assert commands[name].get_short_help_str(limit=1000) == main.COMMANDS[name][1]


def test_only_what_is_wanted_is_loaded_and_only_names_for_help_and_mistakes() -> None:
    assert names(main.command_line("case")) == {"case", "cases"}
    assert names(main.command_line()) == names(main.command_line("caes")) == {*main.COMMANDS}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HATIF, *arguments], capture_output=True, text=True, env=os.environ | environment, timeout=60, check=False
    )


def test_the_version_is_shown() -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stdout.split(",")[0]) == (0, f"Hatif {VERSION}")


@pytest.mark.parametrize("arguments", [(), ("case", "open")])
def test_help_has_a_short_option_everywhere(arguments: tuple[str, ...]) -> None:
    hatif = warm_up.sockets() / "bin" / "hatif"
    short, long = (
        subprocess.run([hatif, *arguments, option], capture_output=True, text=True, timeout=60, check=False)
        for option in ("-h", "--help")
    )
    assert short.returncode == 0 and short.stdout == long.stdout and "Usage: hatif" in short.stdout


@pytest.mark.parametrize(
    ("line", "word", "offered"),
    [
        ("hatif ca", "1", {"callbacks", "caller", "calls", "call", "carriers", "case", "cases"}),
        ("hatif case ", "2", {"open", "set", "note", "close", "pin", "show"}),
    ],
)
def test_a_shell_completes_commands(line: str, word: str, offered: set[str]) -> None:
    environment = os.environ | {"_HATIF_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": word}
    hatif = warm_up.sockets() / "bin" / "hatif"
    answer = subprocess.run([hatif], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert set(answer.stdout.split()) == offered, answer.stderr


BASH = """
hatif --install-completion >/dev/null && . "$HOME/.bashrc"
COMP_WORDS=(hatif asterisk upgrade --when) COMP_CWORD=3
_hatif_completion hatif
echo "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_the_installed_completion_works_in_bash(tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "PATH": f"{Path(HATIF).parent}:{os.environ['PATH']}"}
    answer = subprocess.run(
        ["bash", "-c", BASH], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.stdout.splitlines() == ["--when-idle"], answer.stderr


NOT_LOADED = {"asterisk_conf", "desk", "dialplan"}


def test_a_command_loads_nothing_of_other_commands_to_start(record_property: Callable[[str, object], None]) -> None:
    """The processor time of its start is only reported."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, HATIF, "case", "open", "-h"], stdout=subprocess.DEVNULL, timeout=60, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record_property("processor time of a command's start, s", round(spent, 2))
    loaded = loaded_by("case", "open", "-h")
    assert "cli.office" in loaded
    assert {name.partition(".")[0] for name in loaded} & NOT_LOADED == set()
    assert loaded & {module for module, _ in main.COMMANDS.values()} <= {"cli.cases.cases"}


def test_a_report_as_a_document_loads_nothing_for_web_pages(tmp_path: Path) -> None:
    made_databases.give(tmp_path)
    loaded = loaded_by("report", "--json", HATIF_HOME=str(tmp_path), HATIF_DATABASE="")
    assert "db.report" in loaded and "fastapi" not in loaded


def loaded_by(*arguments: str, **environment: str) -> set[str]:
    """Return the modules that a command loads."""
    answer = run(*arguments, PYTHONPROFILEIMPORTTIME="1", **environment)
    assert answer.returncode == 0, answer.stderr
    lines = (line for line in answer.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}
