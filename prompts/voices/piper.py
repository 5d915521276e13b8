"""Piper's neural voices, from model files that the administrator provides, through the optional package `piper-tts`.

A voice's name is the path of its model; its description has the same path with `.json` appended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from piper import PiperVoice

_voices: dict[str, Any] = {}


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return samples and rate.

    Raises:
        ValueError: The file is not a voice of Piper.
    """
    voice = _voices.get(name) or _voices.setdefault(name, _load(name))
    # Double brackets would mark phonemes.
    chunks = list(voice.synthesize(text.replace("[[", "[")))
    return b"".join(chunk.audio_int16_bytes for chunk in chunks), voice.config.sample_rate


def _load(name: str) -> PiperVoice:
    try:
        voice = PiperVoice.load(name)
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{name}.json is not a voice description ({type(error).__name__}: {error})") from None
    except Exception as error:  # onnxruntime has a separate class for each kind of faulty model
        raise ValueError(f"{name} cannot be loaded ({str(error)[:200]})") from None
    # Our Arabic texts already have vowels, written by people.
    voice.use_tashkeel = False
    return voice
