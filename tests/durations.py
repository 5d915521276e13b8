"""How long each file of tests took the last time, so that the longest can begin first. Kept beside the tests' Asterisk.

Only `scripts/test` measures it, since a file alone is quicker than one beside others. For a first run there is
`durations.json`, from some other machine: only the order of the files comes from it.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

ELSEWHERE = Path(__file__).with_name("durations.json")


def read_durations(file: Path) -> dict[str, float]:
    """Return seconds by file of tests; nothing if none were measured yet."""
    try:
        found: dict[str, float] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found


def order(known: Mapping[str, float], name: str, awaits: int, *, on_a_line: bool) -> tuple[bool, float]:
    """Return what a file is sorted by: files with a line come first, the longest before the others.

    Those that only compute follow, the longest of them last: the process for them begins there. Of a new file with a
    line, the number of `await` stands for the seconds, which is about right.
    """
    return not on_a_line, -known.get(name, awaits) if on_a_line else known.get(name, 0.0)


class DurationRecorder:
    """Adds up how long the files' tests take."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        measured = {name: round(seconds, 1) for name, seconds in self._seconds.items()}
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(read_durations(self._file) | measured, indent=1, sort_keys=True))
        draft.replace(self._file)
