"""What a process loads when it starts, and imports in functions. The directions of imports: scripts/check."""

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
COMMENT = re.compile(r"#(?! (noqa|type:))")
ONCE = "\n# Imports in functions: "
"""How the command line gives the reason for a whole file: these imports would make each command start more slowly."""


@cache
def loaded_by(name: str) -> frozenset[str]:
    """Return the modules that are loaded to parse a command; with an unknown name, those of all commands."""
    program = "import sys; from cli.main import command_line; command_line(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-c", program, name]
    return frozenset(subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split())


@dataclass(frozen=True, slots=True)
class Imports:
    """Import statements in a function, one after the other."""

    line: int
    modules: tuple[str, ...]
    has_reason: bool  # beside one of them, or above the first


def imports_in_functions(text: str) -> Iterator[Imports]:
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
        reason = above.startswith("#") or any(map(COMMENT.search, beside))
        yield Imports(run[0].lineno, tuple(name for node in run for name in modules_of(node)), reason)


def modules_of(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for name in (alias.name for alias in node.names):
        if isinstance(node, ast.Import):
            yield name
            continue
        inner = f"{node.module}.{name}"
        path = CHECKOUT / inner.replace(".", "/")
        yield inner if path.is_dir() or path.with_suffix(".py").exists() else str(node.module)


def test_a_command_loads_the_database_library_only_when_it_reads_the_database() -> None:
    """It is half of the start-up time of a command, and of each process that `hatif up` starts."""
    assert {"cli.report.report", "cli.cases.cases"} <= loaded_by("-")
    assert {"sqlalchemy", "aiohttp", "fastapi"} & loaded_by("-") == set()


def test_a_command_loads_neither_other_commands_nor_what_configures_asterisk() -> None:
    loaded = loaded_by("case")
    assert "cli.cases.cases" in loaded
    others = ("asterisk_conf", "dialplan", "cli.report", "ivr.site.site", "jinja2", "rich")
    assert not {name for name in loaded if name.startswith(others)}


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
    """A file of the command line may give it once; then no such import may be of a module that is loaded anyway."""
    settings = configparser.ConfigParser()
    settings.read(CHECKOUT / "setup.cfg")
    without = []
    for package in settings["importlinter"]["root_packages"].split():
        for path in (CHECKOUT / package).rglob("*.py"):
            text, is_command = path.read_text(), path.is_relative_to(CHECKOUT / "cli")
            if not re.search(r"^ +(from|import) ", text, re.MULTILINE):
                continue
            for found in imports_in_functions(text):
                place = f"{path.relative_to(CHECKOUT)}:{found.line}"
                if is_command and ONCE in text and not found.has_reason:
                    anyway = set(found.modules) & loaded_by("audit")  # which needs little more than its parts
                    without += [f"{place} {module} is loaded anyway" for module in sorted(anyway)]
                elif not found.has_reason:
                    without.append(place)
    assert without == []
