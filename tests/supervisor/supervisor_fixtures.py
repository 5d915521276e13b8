"""Fixtures of the supervisor's tests."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ivr.process.supervisor import processes


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for info in processes(tmp_path / "run").values():  # left by a test that failed
        if info.alive and info.pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(info.pid, signal.SIGKILL)
