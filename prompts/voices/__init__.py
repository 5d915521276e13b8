"""Which voice speaks which language: one table, and what a voice is.

An engine is a module with one function, `speak(text, name, settings) -> (samples, rate)`: 16-bit mono samples in the
machine's byte order and their rate in Hz. It runs in a process of its own (`worker.py`): it may crash, hang or print.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice as the builder asks for it."""

    source: str  # what the manifest calls it: "pico", "pyttsx3", "mbrola-nl2"
    module: str  # the engine
    name: str  # the voice as its engine calls it
    settings: tuple[tuple[str, float], ...] = ()
    packages: tuple[str, ...] = ()  # whose versions decide how it sounds
    identity: tuple[str, ...] = ()  # where `name` is a path: what stands there, by versions or by hashes

    @property
    def fingerprint(self) -> str:
        """All that decides how a text sounds; a change makes the audio again."""
        versions = [f"{package}={_version(package)}" for package in self.packages]
        return repr((self.module, self.identity or self.name, sorted(self.settings), versions))


def _version(package: str) -> str:
    import importlib.metadata  # slow to import, and not needed where an engine runs

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _pico(name: str, **settings: float) -> Voice:
    """A voice of SVOX Pico. Settings: `speed`, `pitch` (1 is the voice's own)."""
    return Voice("pico", "prompts.voices.pico", name, tuple(settings.items()), ("py-nanotts",))


def _espeak(name: str, **settings: float) -> Voice:
    """A language of espeak-ng, through pyttsx3. Settings: `rate` (words a minute), `word_gap` (10 ms)."""
    return Voice("pyttsx3", "prompts.voices.espeak", name, tuple(settings.items()), ("pyttsx3", "espeakng-loader"))


ESPEAK_RATE = 150
"""Words a minute: espeak-ng's own 175 and pyttsx3's 200 are too fast for a telephone."""

VOICES: dict[str, Voice] = {
    "ar": Voice("pico", "prompts.voices.arabic.pico", "de-DE", (("speed", 0.8),), ("py-nanotts",)),
    "de": _pico("de-DE"),
    "en": _pico("en-GB"),
    "es": _pico("es-ES"),
    "fr": _pico("fr-FR"),
    "it": _pico("it-IT"),
    "nl": Voice("pico", "prompts.voices.dutch", "de-DE", (("speed", 0.8),), ("py-nanotts", "espeakng-loader")),
}


def voice_of(language: str, voices: Mapping[str, Voice] = VOICES) -> Voice:
    """The voice of a language; pyttsx3 speaks every language that has nothing better."""
    return voices.get(language) or _espeak(language, rate=ESPEAK_RATE)
