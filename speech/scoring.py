"""The packaged recogniser (whisper-base), told what may be said: each phrase is scored, nothing is written down freely.

A phrase's score is how much less likely it is than what the recogniser expects anyway: it would rather hear frequent
phrases in anything. So the likelihood of the phrase in silence is subtracted; docs/decisions/0042-scored-phrases.md has
what that brings. The utterance is computed after its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from speech import words
from speech.gate import RATE
from speech.protocol import Ask

_RATE = 16_000
_AFTER_S = 1.5
"""Silence after the utterance; the recogniser was made for 30 s, but hears a short window nearly as well."""
_EXPECTED = 0.7
"""The share of a phrase's likelihood in silence that is subtracted."""
_MOST = 1.5
"""The highest score, in nats, of a phrase that was said; other speech scores more."""
_LEAST = 1e-9
"""The smallest probability of a token that counts."""
_SILENCE_S = 1.2


class ScoringEngine:
    """The recogniser for one language. `executor`: where it computes, with one thread for all languages."""

    most = 1  # it takes the worker's processor for half a second
    before = 25

    def __init__(self, model: Scorer, language: str, executor: Executor) -> None:
        self._model, self._language, self._executor = model, language, executor
        self._expected: dict[str, float] = {}  # by phrase

    def answer(self, asked: Ask) -> ScoredAnswer:
        """Return a recogniser for one utterance."""
        return ScoredAnswer(self, words.known(asked.words))

    async def prepare(self, asked: Ask) -> None:
        """Compute what can be computed before somebody speaks."""
        phrases = [phrase for phrase in words.known(asked.words) if phrase not in self._expected]
        if phrases:
            await self._compute(self._learn, phrases)

    async def score(self, phrases: Sequence[str], samples: NDArray[np.float32]) -> dict[str, float]:
        """Return the score of each phrase, in nats: the lower, the likelier."""
        found: dict[str, float] = await self._compute(self._score, phrases, samples)
        return found

    async def _compute(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def _learn(self, phrases: Sequence[str]) -> None:
        silence = np.zeros(round(_SILENCE_S * _RATE), np.float32)
        losses = self._model.losses(self._language, phrases, silence)
        self._expected |= dict(zip(phrases, losses, strict=True))

    def _score(self, phrases: Sequence[str], samples: NDArray[np.float32]) -> dict[str, float]:
        if missing := [phrase for phrase in phrases if phrase not in self._expected]:
            self._learn(missing)
        losses = self._model.losses(self._language, phrases, samples)
        return {phrase: loss - _EXPECTED * self._expected[phrase] for phrase, loss in zip(phrases, losses, strict=True)}


class ScoredAnswer:
    """One utterance. `keys`: by phrase."""

    def __init__(self, engine: ScoringEngine, keys: dict[str, str]) -> None:
        self._engine, self._keys = engine, keys
        self._frames: list[bytes] = []

    def feed(self, frame: bytes) -> None:
        """Take 20 ms."""
        self._frames.append(frame)

    async def end(self) -> tuple[str | None, float]:
        """Return the key of what was said, and how sure that is; None: nothing that was asked for."""
        narrow = np.frombuffer(b"".join(self._frames), "<i2").astype(np.float32) / 32_768
        self._frames.clear()
        scores = await self._engine.score(list(self._keys), soxr.resample(narrow, RATE, _RATE))
        best = min(scores, key=lambda phrase: scores[phrase], default=None)
        if best is None or scores[best] > _MOST:
            return None, 0.0
        others = [score for phrase, score in scores.items() if self._keys[phrase] != self._keys[best]]
        return self._keys[best], float(1 / (1 + np.exp(scores[best] - min(others, default=0.0))))


class Scorer:
    """The loaded model."""

    def __init__(self, folder: Path) -> None:
        """Load the model.

        Raises:
            ImportError: faster-whisper is not installed.
            Exception: The model cannot be loaded; its library has no class for that.
        """
        import ctranslate2  # these are installed on request only
        from faster_whisper import WhisperModel

        self._storage = ctranslate2.StorageView
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
        self._tokenizers: dict[str, Any] = {}

    def losses(self, language: str, phrases: Sequence[str], samples: NDArray[np.float32]) -> list[float]:
        """Return the negative logarithm of each phrase's probability, given samples at 16 kHz."""
        from faster_whisper.tokenizer import Tokenizer  # as above

        model = self._model
        tokenizer = self._tokenizers.get(language)
        if tokenizer is None:
            tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=language)
            self._tokenizers[language] = tokenizer
        features = model.feature_extractor(np.pad(samples, (0, round(_AFTER_S * _RATE))))
        frames = features.shape[-1] // 2 * 2
        heard = np.array(model.encode(features[..., :frames]))
        tokens = [tokenizer.encode(f" {phrase}") for phrase in phrases]
        repeated = self._storage.from_array(np.repeat(heard, len(tokens), 0))
        found = model.model.align(repeated, tokenizer.sot_sequence, tokens, frames)
        return [float(-np.log(np.maximum(one.text_token_probs, _LEAST)).sum()) for one in found]
