"""What a process loads when it starts, and imports in functions. The directions of imports: scripts/check."""

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cli.main import COMMANDS

CHECKOUT = Path(__file__).resolve().parent.parent
COMMENT = re.compile(r"#(?! (noqa|type:))")
ONCE = "\n# Imports in functions: "
"""How a file of the command line gives the reason for all its imports in functions."""


def loaded_by(name: str) -> set[str]:
    """Return the modules that are loaded to parse a command; with an unknown name, those for the help of all."""
    program = "import sys; from cli.main import command_line; command_line(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-c", program, name]
    return set(subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split())


def imports_without_reason(text: str) -> Iterator[int]:
    """Yield the first line of each run of import statements in a function that has no comment beside or above it."""
    lines = text.splitlines()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = (node for function in functions for node in ast.walk(function))
    found = {node.lineno: node for node in inside if isinstance(node, ast.Import | ast.ImportFrom)}
    runs: list[list[ast.Import | ast.ImportFrom]] = []
    for _, node in sorted(found.items()):
        follows = bool(runs) and not "".join(lines[runs[-1][-1].end_lineno or 0 : node.lineno - 1]).strip()
        runs[-1].append(node) if follows else runs.append([node])
    for run in runs:
        beside = lines[run[0].lineno - 1 : run[-1].end_lineno]
        above = lines[run[0].lineno - 2].lstrip()
        if not above.startswith("#") and not any(map(COMMENT.search, beside)):
            yield run[0].lineno


def test_the_help_of_all_commands_loads_none_of_them() -> None:
    loaded = loaded_by("-")
    assert "cli.main" in loaded
    assert {module for module, _ in COMMANDS.values()} & loaded == set()
    assert {"sqlalchemy", "aiohttp", "fastapi", "pydantic"} & loaded == set()


def test_a_command_loads_neither_other_commands_nor_what_configures_asterisk() -> None:
    loaded = loaded_by("case")
    assert "cli.cases.cases" in loaded
    others = ("asterisk_conf", "dialplan", "cli.report", "jinja2")
    assert not {name for name in loaded if name.startswith(others)}


def test_a_process_that_needs_no_database_starts_without_its_library() -> None:
    """It is 25 MB of memory in each of them."""
    for process in ("guard", "gate", "hear"):
        assert "sqlalchemy" not in loaded_by(process)


def test_the_controller_starts_without_what_only_a_terminal_or_the_database_needs_and_without_the_collector() -> None:
    program = (
        "import gc, sys, ivr.__main__, ivr.controller.controller; "
        "print(gc.isenabled(), *(name for name, module in sys.modules.items() if module))"
    )
    enabled, *loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert enabled == "False"
    assert "structlog.dev" in loaded
    assert {"rich", "typer", "pygments", "fastapi", "aiohttp", "aiosqlite", "db.engine"} & set(loaded) == set()


def test_an_import_inside_a_function_has_its_reason_beside_it() -> None:
    settings = configparser.ConfigParser()
    settings.read(CHECKOUT / "setup.cfg")
    without = []
    for package in settings["importlinter"]["root_packages"].split():
        for path in (CHECKOUT / package).rglob("*.py"):
            text = path.read_text()
            if ONCE in text or not re.search(r"^ +(from|import) ", text, re.MULTILINE):
                continue
            name = path.relative_to(CHECKOUT)
            without += [f"{name}:{line}" for line in imports_without_reason(text)]
    assert without == []
