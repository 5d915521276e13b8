"""The packaged recogniser (whisper-base), told what may be said: each phrase is scored, nothing is written down freely.

A phrase's score is how much less likely it is than what the recogniser expects anyway: it would rather hear frequent
phrases in anything. So the likelihood of the phrase where nobody speaks is subtracted;
docs/decisions/0042-scored-phrases.md has what that brings. The utterance is computed after its end. If it is not clear
at once, the best phrases are scored again, a little later and a little slower: by chance alone, scores differ as much.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from speech import words
from speech.gate import RATE
from speech.protocol import Ask
from speech.understood import NOTHING, Finder, Understood

_RATE = 16_000
_AFTER_S = 1.0
"""Silence after the utterance; the recogniser was made for 30 s, but hears a short window nearly as well."""
_EXPECTED = 0.65
"""The share of a phrase's likelihood in silence and in noise, their mean, that is subtracted."""
_LENGTH = 0.3
"""The power of the number of a phrase's tokens by which its score is divided: long phrases lose more by chance."""
_MOST = 5.1
"""The highest score, in nats, of a phrase that was said, less the logarithm of how many things may be said.

Other speech scores more, but of many phrases one scores low by chance.
"""
_AHEAD = 0.2
"""By how much it must be better than the best phrase of any other option."""
_CLEAR = 1.5
"""By how much it must be better to be taken at once."""
_AGAIN = 5
"""How many phrases, the best ones, are otherwise scored anew, in the utterance changed in two ways; the mean counts."""
_LATER_S, _SLOWER = 0.15, 1.06
"""How it is changed: how much later it begins, and how many times as long it is."""
_LEAST = 1e-9
"""The smallest probability of a token that counts."""
_SILENCE_S, _NOISE = 1.2, 0.001
"""The sound in which a phrase is expected: so much silence, and as much noise, at −60 dB below full scale."""
THREADS = min(2, len(os.sched_getaffinity(0)))
"""Of a worker: a caller waits for it, and seldom two at once."""
_NICE = 5
"""How much less its processor time counts: a key's sound never waits for somebody's words."""
_BEAM = 5
_TOKENS_PER_S, _TOKENS = 8, 10
"""The most tokens of a text: more than anybody says in the time, so that a loop ends."""

_NOT_LATIN = frozenset(("ar", "fa", "he", "ur"))
"""Languages whose words are never written in Latin letters: the recogniser changes to English where it is unsure."""
_LATIN = re.compile("[A-Za-z]")
_ALWAYS_SUPPRESSED = -1
"""Stands for the tokens that the model itself never writes."""


def executor() -> Executor:
    """Return where a worker loads the model and computes: a thread that gives way to calls, as do those it starts."""
    return ThreadPoolExecutor(1, initializer=os.nice, initargs=(_NICE,))


class ScoringEngine:
    """The recogniser for one language. `executor`: where it computes, with one thread for all languages."""

    most = 1  # it takes the worker's processor for half a second
    before = 25

    def __init__(self, model: Scorer, language: str, executor: Executor, finder: Finder = NOTHING) -> None:
        self._model, self._language, self._executor, self._finder = model, language, executor, finder
        self._expected: dict[str, float] = {}  # by phrase

    def answer(self, asked: Ask) -> ScoredAnswer | OpenAnswer:
        """Return a recogniser for one utterance."""
        return OpenAnswer(self) if asked.anything else ScoredAnswer(self, words.sentences(asked.words))

    async def prepare(self, asked: Ask) -> None:
        """Compute what can be computed before somebody speaks."""
        if asked.anything:
            await self._compute(self._finder.prepare)
        phrases = [phrase for phrase in words.sentences(asked.words) if phrase not in self._expected]
        if phrases:
            await self._compute(self._learn, phrases)

    async def score(self, phrases: Sequence[str], samples: NDArray[np.float32]) -> dict[str, float]:
        """Return the score of each phrase, in nats: the lower, the likelier."""
        found: dict[str, float] = await self._compute(self._score, phrases, samples)
        return found

    async def find(self, samples: NDArray[np.float32]) -> tuple[str, ...]:
        """Return what an answer to an open question is about, best first."""
        found: tuple[str, ...] = await self._compute(self._look, samples)
        return found

    def _look(self, samples: NDArray[np.float32]) -> tuple[str, ...]:
        return self._finder.find(self._language, self._model.texts(self._language, samples))

    async def _compute(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def _learn(self, phrases: Sequence[str]) -> None:
        silence = np.zeros(round(_SILENCE_S * _RATE), np.float32)
        noise = np.random.default_rng(5).normal(0, _NOISE, len(silence)).astype(np.float32)
        heard = (self._model.losses(self._language, phrases, sound) for sound in (silence, noise))
        for phrase, (in_silence, _), (in_noise, _) in zip(phrases, *heard, strict=True):
            self._expected[phrase] = (in_silence + in_noise) / 2

    def _score(self, phrases: Sequence[str], samples: NDArray[np.float32]) -> dict[str, float]:
        if missing := [phrase for phrase in phrases if phrase not in self._expected]:
            self._learn(missing)
        losses = self._model.losses(self._language, phrases, samples)
        return {
            phrase: (loss - _EXPECTED * self._expected[phrase]) / tokens**_LENGTH
            for phrase, (loss, tokens) in zip(phrases, losses, strict=True)
        }


class _Utterance:
    """The sound of an utterance."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def feed(self, frame: bytes) -> None:
        """Take 20 ms."""
        self._frames.append(frame)

    def _samples(self) -> NDArray[np.float32]:
        """Return all that was fed, at the recogniser's rate, once."""
        narrow = np.frombuffer(b"".join(self._frames), "<i2").astype(np.float32) / 32_768
        self._frames.clear()
        return np.asarray(soxr.resample(narrow, RATE, _RATE), np.float32)


class OpenAnswer(_Utterance):
    """An answer to an open question."""

    def __init__(self, engine: ScoringEngine) -> None:
        super().__init__()
        self._engine = engine

    async def end(self) -> Understood:
        """Return what it is about."""
        return Understood(found=await self._engine.find(self._samples()))


class ScoredAnswer(_Utterance):
    """An answer that is one of the phrases. `keys`: by phrase."""

    def __init__(self, engine: ScoringEngine, keys: dict[str, str]) -> None:
        super().__init__()
        self._engine, self._keys = engine, keys

    async def end(self) -> Understood:
        """Return the key of what was said, and how sure that is."""
        samples = self._samples()
        scores = await self._engine.score(list(self._keys), samples)
        said = self._choose(scores, _CLEAR)
        if said.key is None and scores:
            best = sorted(scores, key=lambda phrase: scores[phrase])[:_AGAIN]
            changed = [await self._engine.score(best, sound) for sound in _changed(samples)]
            again = {phrase: float(np.mean([of[phrase] for of in changed])) for phrase in best}
            said = self._choose(scores | again, _AHEAD)
        return said

    def _choose(self, scores: Mapping[str, float], ahead_of_others: float) -> Understood:
        """Return the best option, if it is good enough, and as much better than all others."""
        best = min(scores, key=lambda phrase: scores[phrase], default=None)
        if best is None:
            return Understood()
        others = [score for phrase, score in scores.items() if self._keys[phrase] != self._keys[best]]
        most = _MOST - math.log(len(set(self._keys.values())))
        ahead = min(others, default=most) - scores[best]
        if scores[best] > most or ahead < ahead_of_others:
            return Understood()
        return Understood(self._keys[best], float(1 / (1 + np.exp(-ahead))))


def _changed(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield an utterance a little later, and a little slower."""
    yield np.pad(samples, (round(_LATER_S * _RATE), 0))
    yield np.asarray(soxr.resample(samples, 1, _SLOWER), np.float32)


class Scorer:
    """The loaded model."""

    def __init__(self, folder: Path, threads: int = THREADS) -> None:
        """Load the model.

        Raises:
            ImportError: faster-whisper is not installed.
            Exception: The model cannot be loaded; its library has no class for that.
        """
        import ctranslate2  # these are installed on request only
        from faster_whisper import WhisperModel

        self._storage = ctranslate2.StorageView
        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )
        self._tokenizers: dict[str, Any] = {}

    def losses(self, language: str, phrases: Sequence[str], samples: NDArray[np.float32]) -> list[tuple[float, int]]:
        """Return the negative logarithm of each phrase's probability, given samples at 16 kHz, and its tokens."""
        tokenizer, model = self._tokenizer(language), self._model
        encoded, frames = self._encode(samples)
        heard = np.array(encoded)
        tokens = [tokenizer.encode(f" {phrase}") for phrase in phrases]
        repeated = self._storage.from_array(np.repeat(heard, len(tokens), 0))
        found = model.model.align(repeated, tokenizer.sot_sequence, tokens, frames)
        losses = (float(-np.log(np.maximum(one.text_token_probs, _LEAST)).sum()) for one in found)
        return list(zip(losses, map(len, tokens), strict=True))

    def texts(self, language: str, samples: NDArray[np.float32]) -> list[str]:
        """Return what may have been said, in any words, likeliest first."""
        tokenizer = self._tokenizer(language)
        encoded, _ = self._encode(samples)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        most = round(_TOKENS_PER_S * len(samples) / _RATE) + _TOKENS
        (found,) = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=_BEAM,
            num_hypotheses=_BEAM,
            max_length=len(prompt) + most,
            suppress_tokens=[_ALWAYS_SUPPRESSED, *(self._latin if language in _NOT_LATIN else ())],
        )
        return list(dict.fromkeys(tokenizer.decode(tokens).strip() for tokens in found.sequences_ids))

    @cached_property
    def _latin(self) -> list[int]:
        """The tokens with Latin letters."""
        known: dict[str, int] = self._model.hf_tokenizer.get_vocab()
        return [number for token, number in known.items() if not token.startswith("<|") and _LATIN.search(token)]

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer  # as above

        found = self._tokenizers.get(language)
        if found is None:
            found = Tokenizer(self._model.hf_tokenizer, True, task="transcribe", language=language)
            self._tokenizers[language] = found
        return found

    def _encode(self, samples: NDArray[np.float32]) -> tuple[Any, int]:
        """Return what the model hears, and how many frames that is."""
        features = self._model.feature_extractor(np.pad(samples, (0, round(_AFTER_S * _RATE))))
        frames = features.shape[-1] // 2 * 2
        return self._model.encode(features[..., :frames]), frames
