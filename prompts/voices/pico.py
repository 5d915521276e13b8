"""SVOX Pico through py-nanotts: en, fr, es, it, de, with the voices inside the package (Apache-2.0)."""

from __future__ import annotations

from collections.abc import Mapping

from py_nanotts import NanoTTS, Voice

RATE = 16_000
VOLUME = 0.4
"""Pico's own volume clips (398 samples of one German sentence); this leaves 5 dB, and the builder sets the level."""

_engine = NanoTTS()


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Samples and rate. ValueError: a voice that Pico does not have."""
    if name not in {voice.value for voice in Voice}:
        raise ValueError(f"Pico has no voice {name}; it has {', '.join(voice.value for voice in Voice)}")
    # Pico reads XML: what is not a tag must not look like one.
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    samples: bytes = _engine.speak(safe, voice=name, volume=VOLUME, **settings)
    return samples, RATE
