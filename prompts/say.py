"""Speak any text as the site would, for a person to listen to."""

from __future__ import annotations

import os
import wave
from contextlib import nullcontext
from pathlib import Path

from prompts import audio, g711, text_rules
from prompts.build import TIME_LIMIT
from prompts.voices import Voice, voice_of
from prompts.voices.process import VoicePool
from wire.errors import UserError


class TextError(UserError, ValueError):
    """A text that cannot be spoken; the message says what is wrong and how to fix it."""


def say(
    text: str,
    language: str,
    out: Path,
    *,
    narrow: bool = False,
    voice: Voice | None = None,
    pool: VoicePool | None = None,
) -> float:
    """Write the spoken text to a mono 16-bit WAV file and return its duration in seconds.

    Args:
        narrow: Write 8 kHz through µ-law, as on a telephone, instead of 16 kHz.
        voice: The voice to use instead of the language's default.
        pool: The voices' processes, if there are several texts to speak.

    Raises:
        TextError: The text cannot be spoken.
        VoiceError, AudioError: The voice failed.
        OSError: `out` cannot be written.
    """
    errors = [finding for finding in text_rules.findings(text, language) if finding.code.startswith("E_")]
    if errors:
        raise TextError(". ".join(f"{error.found}; {error.remedy}" for error in errors))
    with nullcontext(pool) if pool else VoicePool(TIME_LIMIT) as processes:
        samples, rate = processes.speak(voice or voice_of(language), text)
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
