"""The text that a recogniser made of a sound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transcript:
    """A text, which may be empty, with its language and the recogniser's confidence from 0 to 1."""

    text: str
    language: str | None
    confidence: float
