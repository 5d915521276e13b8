"""The result of a build: what was made, and what went wrong with which prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "problems.json"
"""Beside the manifest: the problems of the last build."""


@dataclass(frozen=True, slots=True)
class BuildProblem:
    """A problem with one prompt; the others are built nevertheless."""

    language: str
    id: str  # empty if the problem is with the language's voice
    found: str
    instead: str  # what callers hear now

    def __str__(self) -> str:
        return f"{self.language}{'/' if self.id else ''}{self.id}: {self.found}; {self.instead}"


@dataclass(frozen=True, slots=True)
class RecordingProgress:
    """How many texts of a recordings-only language are recorded."""

    language: str
    recorded: int
    texts: int

    def __str__(self) -> str:
        return f"{self.recorded} of {self.texts} recorded"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """The result of a build: counts of prompts, problems, and the duration in seconds."""

    made: int
    kept: int
    problems: tuple[BuildProblem, ...]
    recorded: tuple[RecordingProgress, ...]
    seconds: float
    quick: tuple[str, ...] = ()  # languages whose slow voice is not in use


def dump_problems(problems: Sequence[BuildProblem]) -> bytes:
    """Return the content of `problems.json`."""
    return json.dumps([asdict(problem) for problem in problems], ensure_ascii=False, indent=1).encode()


def load_problems(sounds: Path) -> tuple[BuildProblem, ...]:
    """Return the problems of the last build of a folder of sounds; none before the first one."""
    try:
        rows = json.loads((sounds / FILE).read_bytes())
        return tuple(
            BuildProblem(str(row["language"]), str(row["id"]), str(row["found"]), str(row["instead"])) for row in rows
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()
