"""A neural voice of Piper from a file that the administrator brought, through the optional package `piper-tts`.

A voice's name is the path of its model; its description has the same path with `.json` behind it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from piper import PiperVoice

_voices: dict[str, Any] = {}


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Samples and rate. ValueError: it is no voice of Piper, or it cannot say this."""
    voice = _voices.get(name) or _voices.setdefault(name, _load(name))
    # Two brackets would be phonemes.
    chunks = list(voice.synthesize(text.replace("[[", "[")))
    return b"".join(chunk.audio_int16_bytes for chunk in chunks), voice.config.sample_rate


def _load(name: str) -> PiperVoice:
    try:
        voice = PiperVoice.load(name)
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{name}.json is not the description of a voice ({type(error).__name__}: {error})") from None
    except Exception as error:  # onnxruntime has a class of its own for each thing that can be wrong with a model
        raise ValueError(f"{name} cannot be loaded ({str(error)[:200]})") from None
    # Our Arabic texts have their vowels, written by people.
    voice.use_tashkeel = False
    return voice
