"""Calls that were, as calls that come again: the same callers at the same times, with another team or policy.

Two things about them nobody knows: how long one who gave up would have talked, and how long one who was answered would
have waited. The first is drawn from the conversations of his language. For the second, patience is taken as
exponential, its mean estimated from all waits (time waited by anybody, divided by those who gave up); who was answered
after w seconds had more patience than w, and by how much is drawn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.simulation.demand import Calls


@dataclass(frozen=True, slots=True)
class Past:
    """`arrival_s`: seconds of the day. `talk_s` None: he gave up after `wait_s`."""

    arrival_s: float
    language: str
    wait_s: float
    talk_s: float | None


def mean_patience(calls: Sequence[Past]) -> float:
    """Seconds; infinite where nobody gave up. The estimate of greatest likelihood where waits are cut short."""
    gave_up = sum(each.talk_s is None for each in calls)
    return math.fsum(each.wait_s for each in calls) / gave_up if gave_up else math.inf


def again(
    calls: Sequence[Past],
    languages: Sequence[str],
    length_s: float,
    patience_s: float,
    talk_s: float,
    seed: int,
    day: int = 0,
) -> Calls:
    """The day of these calls. `patience_s`: the mean; `talk_s`: that of who gave up, if nobody of his language was ever
    answered."""
    ordered = sorted(calls, key=lambda each: each.arrival_s)
    chance = np.random.default_rng([seed, day])
    further, pick = chance.exponential(1.0, len(ordered)), chance.random(len(ordered))
    talks = {
        language: sorted(each.talk_s for each in ordered if each.language == language and each.talk_s is not None)
        for language in languages
    }

    def talked(at: int, call: Past) -> float:
        if call.talk_s is not None:
            return call.talk_s
        known = talks[call.language]
        return known[int(pick[at] * len(known))] if known else talk_s

    return Calls(
        languages=tuple(languages),
        length_s=length_s,
        arrival=np.array([each.arrival_s for each in ordered], dtype=np.float64),
        language=np.array([languages.index(each.language) for each in ordered], dtype=np.int64),
        talk_s=np.array([talked(at, each) for at, each in enumerate(ordered)], dtype=np.float64),
        patience_s=np.array(
            [
                each.wait_s if each.talk_s is None else each.wait_s + patience_s * further[at]
                for at, each in enumerate(ordered)
            ],
            dtype=np.float64,
        ),
    )
