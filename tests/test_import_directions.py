"""The folders import in one direction only, as CONTRIBUTING.md says."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def test_the_folders_import_in_one_direction_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout


def test_a_command_loads_the_database_library_only_when_it_reads_the_database() -> None:
    """It is half of the start-up time of a command, and of each process that `hatif up` starts."""
    program = "import sys, ivr.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "ivr.cli.report.report" in loaded
    assert {"sqlalchemy", "aiohttp", "fastapi"} & set(loaded) == set()


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
