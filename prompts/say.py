"""Any text as the site would say it, for a person to listen to."""

from __future__ import annotations

import os
import wave
from pathlib import Path

from prompts import audio, g711, text_rules
from prompts.build import TIME_LIMIT
from prompts.voices import Voice, voice_of
from prompts.voices.process import VoicePool


class TextError(ValueError):
    """A text that cannot be spoken; the message says what is wrong with it and what would be right."""


def say(text: str, language: str, out: Path, *, narrow: bool = False, voice: Voice | None = None) -> float:
    """Writes a mono 16-bit WAV (16 kHz; `narrow`: 8 kHz through µ-law, as on a telephone) and returns its seconds.

    `voice`: another one than the table's.

    TextError: the text cannot be spoken. VoiceError, AudioError: the voice failed. OSError: `out` cannot be written.
    """
    wrong = [each for each in text_rules.findings(text, language) if each.code.startswith("E_")]
    if wrong:
        raise TextError(". ".join(f"{each.found}; {each.remedy}" for each in wrong))
    with VoicePool(TIME_LIMIT) as pool:
        samples, rate = pool.speak(voice or voice_of(language), text)
    sound = audio.finish(audio.from_int16(samples), rate)
    data = g711.from_ulaw(sound.ulaw).astype("<i2").tobytes() if narrow else sound.sln16
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(audio.NARROW if narrow else audio.WIDE)
            file.writeframes(data)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return len(sound.ulaw) / audio.NARROW
