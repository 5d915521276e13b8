"""The tests, run on a copy of the code that has a fault or has none."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
_SILENT_S = 120
"""Tests hang if none of them ends in this time, in seconds. The run without the fault shows if they are only slow."""
_BEGUN = re.compile(r"^(tests/\S+?\.py::.+?)(?: (?:PASSED|FAILED|ERROR|SKIPPED|XFAIL).*)?$", re.MULTILINE)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+?\.py(?:::.+?)?)(?: - .*)?$", re.MULTILINE)


def failure(copy: Path, folder: Path, tests: list[str], without: Sequence[str] = ()) -> list[str] | None:
    """Run tests; return the first that fails or hangs, None if all pass. All of them if they hang before the first.

    Args:
        without: Tests to leave out.

    Raises:
        RuntimeError: They cannot be run at all.
    """
    cache = Path(os.environ.get("HATIF_TEST_CACHE") or CHECKOUT / "var" / "cache")
    home = Path(tempfile.mkdtemp(prefix="home-", dir=folder))
    (home / "asterisk").mkdir()
    for part in ("apt", "root"):
        if (cache / "asterisk" / part).exists():
            (home / "asterisk" / part).symlink_to(cache / "asterisk" / part)
    # PYTHONPATH comes before the checkout that is installed in the environment, for the line's processes too.
    environment = os.environ | {
        "PYTHONPATH": str(copy), "HATIF_HOME": str(home), "HATIF_TEST_CACHE": str(cache),
        "XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR") or str(home),
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-x", "-v", "-p", "no:xdist", "-p", "no:cacheprovider", "-m", "not long"]
    with (home / "pytest.log").open("w+b") as log:
        run = psutil.Popen(
            [*command, *(f"--deselect={test}" for test in without), *tests],
            cwd=copy,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        hangs = _hangs(run, home / "pytest.log")
    output = (home / "pytest.log").read_text(encoding="utf-8", errors="replace")
    if run.returncode in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return None
    if (name := last_begun(output) if hangs else first_failed(output)) is not None:
        return [name]
    if hangs:
        return tests
    raise RuntimeError(f"the tests could not be run:\n{output[-3000:]}")


def proven_failure(copy: Path, folder: Path, tests: list[str]) -> list[str] | None:
    """Return the first failure that repeats when it is run alone; None if there is none. Raises as `failure` does."""
    passed_alone: list[str] = []
    while tests and (failed := failure(copy, folder, tests, without=passed_alone)) is not None:
        if failure(copy, folder, failed) is not None:
            return failed
        passed_alone += failed
    return None


def first_failed(output: str) -> str | None:
    """Return the first test, or file of tests, that pytest's summary says has failed."""
    found = _FAILED.search(output)
    return found[1] if found else None


def last_begun(output: str) -> str | None:
    """Return the last test that `pytest -v` has begun."""
    begun = _BEGUN.findall(output)
    return begun[-1].rstrip() if begun else None


def _hangs(run: psutil.Popen, log: Path) -> bool:
    """Wait for the tests' end; return whether they hung and were killed, with all that they had started."""
    size, since = 0, time.monotonic()
    while run.poll() is None:
        now = log.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > _SILENT_S:
            for process in (*run.children(recursive=True), run):
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            run.wait()
            return True
        time.sleep(0.2)
    return False
