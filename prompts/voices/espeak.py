"""espeak-ng through pyttsx3, for languages without a better voice. `espeakng-loader` provides library and data."""

from __future__ import annotations

import os
import tempfile
import wave
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from prompts.voices import espeak_library

WORD_GAP = 7
"""espeak-ng's parameter number; pyttsx3 has no name for it."""


def _load(scratch: Path) -> tuple[Any, ModuleType]:
    """Return pyttsx3's engine and its espeak-ng binding.

    pyttsx3 opens `libespeak-ng.so.1` by name. Once the package's library of that name is loaded into the process, the
    dynamic linker returns it: no system package and no LD_LIBRARY_PATH needed.
    """
    _, data = espeak_library.load(scratch)
    os.environ["ESPEAK_DATA_PATH"] = str(data)

    import pyttsx3  # not before: its binding opens the library when it is imported
    from pyttsx3.drivers import _espeak

    engine = pyttsx3.init("espeak")
    # The first run ends after 10 ms whether or not the speech is finished, so we make it one without speech.
    _espeak.Synchronize()
    engine.runAndWait()
    return engine, _espeak


_scratch = tempfile.TemporaryDirectory(prefix="hatif-voice-")
_engine, _binding = _load(Path(_scratch.name))


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return samples and rate.

    Raises:
        ValueError: espeak-ng does not speak the language, or pyttsx3 failed.
    """
    code = name.lower().replace("_", "-")  # espeak-ng writes pt-br where gettext writes pt_BR
    voices = {voice.id: voice.languages for voice in _engine.getProperty("voices")}
    wanted = [key for key, languages in voices.items() if languages[:1] == [code] or key.rpartition("/")[2] == code]
    if not wanted:
        raise ValueError(f"espeak-ng has no voice for {name}; record this language's prompts")
    _engine.setProperty("voice", wanted[0])
    _engine.setProperty("rate", int(settings.get("rate", 150)))
    _binding.SetParameter(WORD_GAP, int(settings.get("word_gap", 0)), 0)
    file = Path(_scratch.name) / "speech.wav"
    file.unlink(missing_ok=True)
    # Each setting is a command to espeak-ng's own thread. A run that begins while that thread is busy may cancel itself
    # (about one in a hundred) and leave an empty file.
    _binding.Synchronize()
    # One file per run: of several queued before one runAndWait(), only the last is written.
    _engine.save_to_file(text, str(file))
    _engine.runAndWait()
    _binding.Synchronize()
    # espeak-ng silently replaces an unknown voice.
    if _engine.getProperty("voice") != wanted[0]:
        raise ValueError(f"espeak-ng spoke with {_engine.getProperty('voice')} instead of {wanted[0]}")
    if not file.exists():
        raise ValueError("pyttsx3 wrote no file")
    with wave.open(str(file), "rb") as audio:
        return audio.readframes(audio.getnframes()), audio.getframerate()
