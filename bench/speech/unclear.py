"""What the packaged recogniser makes of what is no clear answer: music, a child, two languages at once, another one."""

import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import soxr  # type: ignore[import-untyped]

from bench.speech import heard, menus, sounds
from bench.speech.menus import Case, in_noise
from bench.speech.spoken import Spoken
from prompts.spoken_words import Words
from speech.protocol import Ask
from speech.scoring import ScoringEngine

CHILD = 1.35
"""How much higher and faster a child's voice is made."""
_WAYS = 2
"""Wordings of each option."""
MUSIC_S = 30
"""Seconds of each piece."""


@dataclass(slots=True)
class Result:
    """In a language. `child`: options that were right, of `of`; the others: taken for another option than was said."""

    child: int = 0
    another_language: int = 0
    two_languages: int = 0
    of: int = 0
    took_ms: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Music:
    """`ended`: utterances that the gate found; `long`: those over the limit; `taken`: for an option of a menu."""

    seconds: float = 0.0
    ended: int = 0
    long: int = 0
    taken: int = 0


async def measure(
    engine: ScoringEngine, session: Any, spoken: Spoken, words: Words, language: str, other: str
) -> Result:
    """Return what was understood of the options of the main menu, said by a child, in another language, or in both."""
    own, others = (_options(words, code) for code in (language, other))
    result, asked = Result(of=len(own)), Ask("line", 1, language, dict(own[0].words))
    await engine.prepare(asked)
    for seed, (mine, theirs) in enumerate(zip(own, others, strict=False)):
        said, foreign = spoken.say(language, mine.way), spoken.say(other, theirs.way)
        both = np.zeros(max(len(said), len(foreign)))
        both[: len(said)] += said
        both[: len(foreign)] += foreign
        child = sounds.at_level(sounds.in_band(np.asarray(soxr.resample(said, CHILD * sounds.RATE, sounds.RATE))))
        understood = [
            (await heard.first(engine, session, asked, in_noise(sound, 40, seed))).said
            for sound in (child, foreign, both)
        ]
        result.child += understood[0].key == mine.key
        result.another_language += understood[1].key not in (None, theirs.key)
        result.two_languages += understood[2].key not in (None, mine.key, theirs.key)
    return result


def _options(words: Words, language: str) -> list[Case]:
    options = groupby((case for case in menus.cases(words, language) if case.kind == "option"), lambda case: case.key)
    return [case for _, ways in options for case in list(ways)[:_WAYS]]


async def music(engine: ScoringEngine, session: Any, words: Words, language: str, folder: Path) -> Music:
    """Return what happens while Asterisk's own pieces of music play into the telephone."""
    result, case = Music(), _options(words, language)[0]
    asked = Ask("line", 1, language, dict(case.words))
    await engine.prepare(asked)
    for samples in _pieces(folder):
        result.seconds += len(samples) / sounds.RATE
        async for utterance in heard.utterances(engine, session, asked, samples):
            result.ended += 1
            result.long += utterance.too_long
            result.taken += utterance.said.key is not None
    return result


def _pieces(folder: Path) -> Iterator[Any]:
    for file in sorted(folder.glob("*.wav")):
        with wave.open(str(file), "rb") as content:
            rate = content.getframerate()
            content.setpos(min(content.getnframes(), 10 * rate))  # most begin softly
            samples = np.frombuffer(content.readframes(MUSIC_S * rate), "<i2")
        yield sounds.as_sent(sounds.at_level(sounds.in_band(sounds.resampled(samples, rate))))
