"""Texts of speech: the packaged recogniser through faster-whisper, or a model of Vosk's.

Slow to import; only the process of `speech.transcriber` does. The same sound gives the same text: nothing is sampled.
"""

from __future__ import annotations

import math
import wave
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from speech import vosk, wideband
from speech.models import Engine
from speech.transcript import Transcript

RATE = 16_000
"""Hz that the recognisers hear."""
SURE = 0.85
"""How probable another language of the site must be than the one that the caller chose to be taken instead."""
_BEAM = 5
_LOOPS = 2.4
"""The compression ratio above which a text counts as repetition; Whisper's own limit."""
_LONGEST_REPEATED = 3
"""The most tokens that may be repeated, once a text was repetition."""
_SILENCE = 0.6
"""The probability above which a part without sure words is silence; Whisper's own limit."""
_UNSURE = -1.0
"""The mean logarithm of a token's probability below which its words are not sure; Whisper's own limit."""
_CHUNK = RATE // 2
LONGEST_S = 1_800
"""Seconds of one sound; more cannot be a message."""


class Recogniser(Protocol):
    """A loaded model."""

    def transcribe(self, samples: NDArray[np.float32], language: str | None, others: Collection[str]) -> Transcript:
        """Return what is said in samples at `RATE`.

        Args:
            language: The one that the caller chose.
            others: The languages that it may be as well.
        """


def load(engine: Engine, folder: Path, threads: int = 1) -> Recogniser:
    """Load a model.

    Raises:
        ImportError: Its engine is not installed.
        Exception: It cannot be loaded; engines have no common class for that.
    """
    return _Whisper(folder, threads) if engine is Engine.WHISPER else _Vosk(folder)


def read(file: Path) -> NDArray[np.float32]:
    """Return the samples of a WAV file, mono and 16 bit, at `RATE`.

    Raises:
        ValueError: It is not such a file, or too long.
        OSError: It cannot be read.
    """
    try:
        with wave.open(str(file), "rb") as content:
            rate, frames = content.getframerate(), content.getnframes()
            if (content.getnchannels(), content.getsampwidth()) != (1, 2) or not 8_000 <= rate <= 48_000:
                raise ValueError("its sound is not mono with 16 bits")
            if frames > rate * LONGEST_S:
                raise ValueError(f"it is longer than {LONGEST_S} s")
            samples = np.frombuffer(content.readframes(frames), "<i2").astype(np.float32) / 32_768
    except (wave.Error, EOFError) as error:
        raise ValueError(f"it is not a WAV file ({error})") from None
    return np.asarray(soxr.resample(samples, rate, RATE), dtype=np.float32)


class _Whisper:
    def __init__(self, folder: Path, threads: int) -> None:
        from faster_whisper import WhisperModel  # installed on request only

        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )

    def transcribe(self, samples: NDArray[np.float32], language: str | None, others: Collection[str]) -> Transcript:
        known = {*others, *([language] if language else [])} & set(self._model.supported_languages)
        chosen = self._language(samples, language, known)
        segments, loops = self._segments(samples, chosen)
        if loops:  # Whisper's own remedy would be to sample at random
            segments, _ = self._segments(samples, chosen, no_repeat_ngram_size=_LONGEST_REPEATED + 1)
        said = [part for part in segments if part.no_speech_prob < _SILENCE or part.avg_logprob > _UNSURE]
        tokens = sum(len(part.tokens) for part in said)
        text = " ".join(part.text.strip() for part in said).strip()
        if not text or not tokens:
            return Transcript("", chosen, 0.0)
        mean = sum(part.avg_logprob * len(part.tokens) for part in said) / tokens
        return Transcript(text, chosen, round(math.exp(mean), 3))

    def _language(self, samples: NDArray[np.float32], language: str | None, known: Collection[str]) -> str | None:
        """Return the language that is spoken: the caller's, unless another one that the site has is much surer."""
        if len(known) < 2:
            return next(iter(known), None)
        _, _, found = self._model.detect_language(samples, vad_filter=True)
        probable: dict[str, float] = {code: probability for code, probability in found if code in known}
        together = sum(probable.values()) or 1.0
        best = max(probable, key=lambda code: probable[code])
        return best if language not in known or probable[best] / together >= SURE else language

    def _segments(self, samples: NDArray[np.float32], language: str | None, **options: int) -> tuple[list[Any], bool]:
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=_BEAM,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=True,
            **options,
        )
        found = list(segments)
        return found, any(part.compression_ratio > _LOOPS for part in found)


class _Vosk:
    def __init__(self, folder: Path) -> None:
        self._model = vosk.Model(folder)

    def transcribe(self, samples: NDArray[np.float32], language: str | None, others: Collection[str]) -> Transcript:
        recogniser = vosk.Recogniser(self._model, rate=RATE)
        pcm = wideband.with_noise(samples * 32_767)
        words: list[vosk.Word] = []
        for start in range(0, len(pcm), _CHUNK):
            words += recogniser.feed(pcm[start : start + _CHUNK].tobytes())
        words += recogniser.end()
        said = [word for word in words if word.text not in vosk.UNKNOWN]
        confidence = sum(word.confidence for word in said) / len(said) if said else 0.0
        return Transcript(" ".join(word.text for word in said), language, round(min(1.0, confidence), 3))
