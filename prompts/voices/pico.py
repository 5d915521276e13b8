"""SVOX Pico through py-nanotts: en, fr, es, it and de, with the voices included in the package (Apache-2.0)."""

from __future__ import annotations

from collections.abc import Mapping

from py_nanotts import NanoTTS, Voice

RATE = 16_000
VOLUME = 0.4
"""Pico's default volume clips (398 samples of a German sentence); this leaves 5 dB, and the builder sets the level."""

ADDED = {"es-ES": 0.6, "it-IT": 0.6}
"""Seconds of noise with a click in it that these voices add to a text that ends with a punctuation mark."""

_engine = NanoTTS()


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return samples and rate.

    Raises:
        ValueError: Pico does not have the voice.
    """
    if name not in {voice.value for voice in Voice}:
        raise ValueError(f"Pico has no voice {name}; it has {', '.join(voice.value for voice in Voice)}")
    # Pico parses XML, so the text is escaped.
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    samples: bytes = _engine.speak(safe, voice=name, volume=VOLUME, **settings)
    added = 2 * round(RATE * ADDED.get(name, 0.0)) if text.rstrip().endswith((*".,:;?!",)) else 0
    return samples[: len(samples) - added] or samples, RATE
