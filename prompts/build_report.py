"""The result of a build: what was made, and what went wrong with which prompt."""

from __future__ import annotations

from dataclasses import dataclass


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
