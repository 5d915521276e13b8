"""This process's calls by outcome, for monitoring: a few additions per call, nothing per key or packet."""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from db.enums import Outcome
from ivr.model.call_state import CallState
from ivr.records.latest_waits import LatestWaits
from ivr.records.limit_counts import LimitCounts
from routing.states import OfferState

ANSWER_S = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0)
"""The upper limits of the classes of answer times, in seconds; there is one more class without a limit."""


@dataclass(slots=True)
class AnswerTimes:
    """How long callers waited until an operator answered."""

    classes: list[int] = field(default_factory=lambda: [0] * (len(ANSWER_S) + 1))
    seconds: float = 0.0


class CallCounts:
    """Counts since the process began. Test calls are left out.

    Attributes:
        ended: By language and outcome.
        numbers: By dialled number and outcome.
        answers: By language.
        offers: By final state.
        refusals: Packets that operators' telephones, or their machines, have refused.
        limits: Limits of volume that were reached.
        latest: The waits that ended in the last half hour.
    """

    def __init__(self) -> None:
        self.ended: Counter[tuple[str, Outcome]] = Counter()
        self.numbers: Counter[tuple[str, Outcome]] = Counter()
        self.answers: defaultdict[str, AnswerTimes] = defaultdict(AnswerTimes)
        self.offers: Counter[OfferState] = Counter()
        self.refusals = 0
        self.limits = LimitCounts()
        self.latest = LatestWaits()
        self._tests: set[str] = set()

    def test(self, call_id: str) -> None:
        """Leave out a call that is no caller's."""
        self._tests.add(call_id)

    def offer(self, state: OfferState, call_id: str | None) -> None:
        """Count an offer that has ended."""
        if call_id not in self._tests:
            self.offers[state] += 1

    def call(self, call_id: str, outcome: Outcome, language: str | None, number: str | None) -> None:
        """Count a call that has ended."""
        if call_id in self._tests:
            self._tests.discard(call_id)
            return
        if outcome is Outcome.ABANDONED:
            self.latest.abandoned()
        self.ended[language or "", outcome] += 1
        self.numbers[number or "", outcome] += 1

    def answered(self, state: CallState) -> None:
        """Count a caller's wait, if an operator has just ended it for the first time."""
        if state.id in self._tests or not state.first or state.since is None or state.connected_at is None:
            return
        waited = max(0.0, state.connected_at - state.since)
        times = self.answers[state.language]
        times.classes[bisect_left(ANSWER_S, waited)] += 1
        times.seconds += waited
        self.latest.answered(waited)
