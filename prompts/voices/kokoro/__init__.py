"""Kokoro, a neural voice: six languages through espeak-ng's pronunciation, Arabic through our own.

The model is not in the repository (`weights.py`); the styles and the table of symbols are.
"""

from __future__ import annotations

from pathlib import Path

from prompts.voices import Limits, Voice, VoiceMissingError
from prompts.voices.kokoro import styles, weights

NAME = "kokoro"
"""In `[voices]`, and in the manifest."""
SPEEDS = {"ar": 0.85, "de": 0.9, "en": 1.0, "es": 0.95, "fr": 1.0, "it": 0.96, "nl": 0.9}
"""The speed in each language; 1 is the style's own. All languages are then about equally fast (docs/voices.md)."""
SWIFT = {"ar": 1.2, "de": 1.0, "en": 1.15, "es": 1.1, "fr": 1.05, "it": 1.15, "nl": 1.1}
"""The speed of keys, and of the names of institution and languages."""
DIGITS = {"ar": 1.55, "de": 1.2, "en": 1.15, "es": 1.2, "fr": 1.15, "it": 1.2, "nl": 1.2}
"""The speed of single digits: nine with their pauses take at most 8 s."""
VERSIONS = {"ar": 2, "de": 3, "en": 2, "es": 2, "fr": 2, "it": 2, "nl": 3}
"""Increase a language's number when our code changes how it sounds; its audio is then made again."""

LIMITS = Limits(memory=2_000_000_000, seconds=120.0)
"""Measured: 0.8 GB for the longest part of a text, and 7 s on one processor; a loaded machine takes much longer."""


def voice(language: str, folder: Path) -> Voice:
    """Return the voice that speaks a language; `folder` is the administrator's for the weights.

    Raises:
        VoiceMissingError: It does not speak the language, or the weights are not here.
    """
    if language not in SPEEDS:
        raise VoiceMissingError(f"it does not speak {language}; it speaks {', '.join(SPEEDS)}")
    try:
        model = weights.find(folder)
    except weights.WeightsError as error:
        raise VoiceMissingError(str(error)) from None
    return Voice(
        NAME,
        "prompts.voices.kokoro.engine",
        f"{language}:{model}",
        (("speed", SPEEDS[language]),),
        digits=(("speed", DIGITS[language]),),
        swift=(("speed", SWIFT[language]),),
        packages=() if language == "ar" else ("espeakng-loader",),
        slow=True,
        limits=LIMITS,
        identity=(language, weights.SHA256, styles.digest(language), str(VERSIONS[language])),
    )
