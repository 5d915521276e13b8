"""Utterances, heard by the packaged recogniser as a worker does: through the gate, with what was before it opened."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.speech import sounds
from speech.gate import FRAME_S, Gate, Silero, Sound
from speech.protocol import Ask
from speech.scoring import ScoringEngine
from speech.understood import Understood

NOTHING = Understood()
_STEP = round(sounds.RATE * FRAME_S)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One that has ended. `too_long`: nothing was made of it; `took_s`: from its end to what was understood."""

    said: Understood = NOTHING
    too_long: bool = False
    took_s: float = 0.0


async def utterances(
    engine: ScoringEngine, session: Any, asked: Ask, samples: NDArray[np.int16]
) -> AsyncIterator[Utterance]:
    """Yield the utterances in samples, in order."""
    gate, answer, ring = Gate(Silero(session), anything=asked.anything), None, list[bytes]()
    for first in range(0, len(samples) - _STEP + 1, _STEP):
        frame = samples[first : first + _STEP].tobytes()
        what = gate.feed(frame)
        if what is Sound.BEGINS:
            answer = engine.answer(asked)
            for earlier in ring[-ScoringEngine.before :]:
                answer.feed(earlier)
        ring.append(frame)
        if answer is None:
            continue
        answer.feed(frame)
        if what is Sound.TOO_LONG:
            yield Utterance(too_long=True)
            answer = None
        elif what is Sound.ENDS:
            began = time.monotonic()
            said = await answer.end()
            yield Utterance(said, took_s=time.monotonic() - began)
            answer = None


async def first(engine: ScoringEngine, session: Any, asked: Ask, samples: NDArray[np.int16]) -> Utterance:
    """Return the first utterance in samples; one without an answer if there is none."""
    async for utterance in utterances(engine, session, asked, samples):
        return utterance
    return Utterance()
