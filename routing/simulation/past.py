"""Past calls as the demand of a simulated day: the same callers at the same times, with another team or policy.

Two things are unknown: how long a caller who gave up would have talked, and how long one who was answered would have
waited. The first is drawn from the conversations in the same language. For the second, patience is taken as
exponential, with the mean estimated from all waits (the time waited by all, divided by the number who gave up); a
caller answered after w seconds had more patience than w, and the rest is drawn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.simulation.demand import Calls


@dataclass(frozen=True, slots=True)
class PastCall:
    """A past call. `arrival_s`: seconds since the beginning of the day. `talk_s` None: abandoned after `wait_s`."""

    arrival_s: float
    language: str
    wait_s: float
    talk_s: float | None


def mean_patience(calls: Sequence[PastCall]) -> float:
    """Return the maximum-likelihood estimate for censored waits, in seconds; infinite if nobody gave up."""
    gave_up = sum(call.talk_s is None for call in calls)
    return math.fsum(call.wait_s for call in calls) / gave_up if gave_up else math.inf


def repeat_calls(
    calls: Sequence[PastCall],
    languages: Sequence[str],
    length_s: float,
    patience_s: float,
    talk_s: float,
    seed: int,
    day: int = 0,
) -> Calls:
    """Return a day of these calls. `patience_s`: the mean; `talk_s`: the talk time of abandoned calls in a language in
    which no call was answered."""
    ordered = sorted(calls, key=lambda call: call.arrival_s)
    chance = np.random.default_rng([seed, day])
    further, pick = chance.exponential(1.0, len(ordered)), chance.random(len(ordered))
    talks = {
        language: sorted(call.talk_s for call in ordered if call.language == language and call.talk_s is not None)
        for language in languages
    }

    def talk_of(at: int, call: PastCall) -> float:
        if call.talk_s is not None:
            return call.talk_s
        known = talks[call.language]
        return known[int(pick[at] * len(known))] if known else talk_s

    return Calls(
        languages=tuple(languages),
        length_s=length_s,
        arrival=np.array([call.arrival_s for call in ordered], dtype=np.float64),
        language=np.array([languages.index(call.language) for call in ordered], dtype=np.int64),
        talk_s=np.array([talk_of(at, call) for at, call in enumerate(ordered)], dtype=np.float64),
        patience_s=np.array(
            [
                call.wait_s if call.talk_s is None else call.wait_s + patience_s * further[at]
                for at, call in enumerate(ordered)
            ],
            dtype=np.float64,
        ),
    )
