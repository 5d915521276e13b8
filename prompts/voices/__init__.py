"""Voices: the table of languages and their voices.

An engine is a module with one function, `speak(text, name, settings) -> (samples, rate)`, which returns 16-bit mono
samples in native byte order and their rate in Hz. It runs in its own process (`worker.py`), because it may crash, hang
or print.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

_BRISK: Mapping[str, Mapping[str, float]] = {
    "prompts.voices.pico": {"speed": 1.9},
    "prompts.voices.arabic.pico": {"speed": 1.9},
    "prompts.voices.kokoro.engine": {"speed": 2.1},
    "prompts.voices.espeak": {"rate": 250},
}
"""Each engine's setting for brisk words: a speed, of which 1 is its own, or words per minute."""

_DIGIT = "digit_"
_SWIFT = ("key_", "institution", "language_option")
"""The beginnings of the ids of these words."""


class VoiceMissingError(Exception):
    """A configured voice that cannot be used; the message gives reason and remedy in one clause."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The needs of an engine that computes much. A pool has one process of it, which uses several processors itself."""

    memory: int  # bytes that its process may allocate
    seconds: float  # what one text may take, at least


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice with its engine and settings."""

    source: str  # its name in the manifest: "pico", "pyttsx3", "kokoro"
    module: str  # the engine
    name: str  # the engine's name for the voice
    settings: tuple[tuple[str, float], ...] = ()
    packages: tuple[str, ...] = ()  # packages whose versions affect the sound
    identity: tuple[str, ...] = ()  # if `name` is a path: versions or hashes of what is there
    digits: tuple[tuple[str, float], ...] = ()  # settings that differ for single digits
    swift: tuple[tuple[str, float], ...] = ()  # and for keys, and what every caller hears
    slow: bool = False  # nobody waits until it has spoken a language: `prompts.slow_voices`
    limits: Limits | None = None  # None: it needs little

    def of(self, prompt: str) -> Voice:
        """Return the voice with the settings for a prompt.

        Nine digits with their pauses should take no more than 8 s, the name of the institution, which callers of all
        languages hear first, some 2 s, and the menu of all languages 12; a slow voice of a language with long words has
        a speed of its own for them.
        """
        own = self.digits if prompt.startswith(_DIGIT) else self.swift if prompt.startswith(_SWIFT) else ()
        return replace(self, settings=own, digits=(), swift=()) if own else self

    @property
    def brisk(self) -> Voice:
        """The same voice, for words that the same people hear many times a day; unchanged if it has no speed."""
        if self.module not in _BRISK:
            return self
        return replace(self, settings=tuple({**dict(self.settings), **_BRISK[self.module]}.items()))

    @property
    def fingerprint(self) -> str:
        """Everything that affects the sound; when it changes, the audio is rebuilt."""
        versions = [f"{package}={_version(package)}" for package in self.packages]
        return repr((self.module, self.identity or self.name, sorted(self.settings), versions))


@cache
def _version(package: str) -> str:
    import importlib.metadata  # slow to import, and not needed in an engine's process

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _pico(name: str, **settings: float) -> Voice:
    """Return a voice of SVOX Pico. Settings: `speed`, `pitch` (1 is the default)."""
    return Voice("pico", "prompts.voices.pico", name, tuple(settings.items()), ("py-nanotts",))


def _espeak(name: str, **settings: float) -> Voice:
    """Return a voice of espeak-ng through pyttsx3. Settings: `rate` (words per minute), `word_gap` (in 10 ms)."""
    return Voice("pyttsx3", "prompts.voices.espeak", name, tuple(settings.items()), ("pyttsx3", "espeakng-loader"))


ESPEAK_RATE = 150
"""Words per minute: the defaults, 175 in espeak-ng and 200 in pyttsx3, are too fast for a telephone."""

VOICES: dict[str, Voice] = {
    "ar": Voice(
        "pico",
        "prompts.voices.arabic.pico",
        "de-DE",
        (("speed", 0.8),),
        ("py-nanotts",),
        digits=(("speed", 1.2),),
        swift=(("speed", 1.2),),
    ),
    "de": _pico("de-DE"),
    "en": _pico("en-GB"),
    "es": _pico("es-ES"),
    "fr": _pico("fr-FR"),
    "it": _pico("it-IT"),
    "nl": _espeak("nl", rate=ESPEAK_RATE),
}


def voice_of(language: str, voices: Mapping[str, Voice] = VOICES) -> Voice:
    """Return the voice of a language; pyttsx3 speaks every language that is not in the table."""
    return voices.get(language) or _espeak(language, rate=ESPEAK_RATE)
