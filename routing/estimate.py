"""Estimates of how long a caller will still wait, and whether an estimate is reliable enough to announce.

Busy operators become free at an observed rate: the calls that ended per second of work in the last half hour, among
operators who speak the caller's language. If calls end at random, the time until the k-th operator is free has an
Erlang distribution. The rate is known from a limited number of calls, which the probabilities take into account (a
negative binomial count), so that a few calls make nothing certain. Some of the callers ahead give up, also at an
observed rate. Because operators come and go, every rate becomes less certain the further one looks ahead. Topics and
levels are not modelled; they show in the track record: each class of wait is announced only while its own latest
predictions came true.

Pure: instants are POSIX seconds, passed in as arguments, and may jump; durations are seconds.
"""

import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappop, heappush

from routing.states import Operator, OperatorState

WINDOW_S = 1800.0
LEAST_FREED = 5
"""The number of calls that must have ended within the window."""
SURE = 0.8
"""A class is announced only if it is right at least four times in five, by probability and by its track record."""
DRIFT_S = 18_000.0
"""How fast a rate drifts: the relative variance of a future rate is the time ahead divided by this, so that in half an
hour it changes by about a third. A third of the operators may well go to lunch, or come back, in that time, and which
ones is not known here."""
LEAST_CHECKED = 5
RECORD = 50
RECORD_S = 4 * 3600.0
"""The track record of a class: its latest predictions with a known result, not older than this."""

_MINUTE_S = 60.0
_BUSY = frozenset({OperatorState.OFFERED, OperatorState.TALKING, OperatorState.WRAPPING_UP})
_CALL = frozenset({OperatorState.TALKING, OperatorState.WRAPPING_UP})
_MOST_TERMS = 2000
_PRIOR_CALLS = 5.0
"""The number of accepted calls that weighs as much as the share expected from the operators' languages."""


class WaitClass(StrEnum):
    """The classes of wait that are announced; the catalogue id is `wait_` and the value."""

    UNDER_2 = "under_2"
    ABOUT_5 = "about_5"
    ABOUT_10 = "about_10"
    OVER_15 = "over_15"


CLASS_LIMITS_S: Mapping[WaitClass, tuple[float, float]] = {
    WaitClass.UNDER_2: (0.0, 120.0),
    WaitClass.ABOUT_5: (120.0, 450.0),
    WaitClass.ABOUT_10: (450.0, 900.0),
    WaitClass.OVER_15: (900.0, math.inf),
}
"""The class is right if an operator answers within these limits after the announcement: from the first up to, not
including, the second. Each wait makes exactly one class right, so that vagueness gains nothing: the limit between five
and ten minutes is in the middle."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated wait.

    `seconds`: the expected wait; None: unknown. `wait`: the most probable class. `earned`: whether it is reliable
    enough to be announced.
    """

    seconds: float | None = None
    wait: WaitClass | None = None
    earned: bool = False


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A caller's position among the callers who could take the same operators (1 is next), and their estimated wait."""

    position: int
    estimate: Estimate


@dataclass(slots=True)
class _Pace:
    """How long people were doing something within the window, minute by minute, and how often it ended.

    Used for operators on their calls and for callers who wait until they give up.
    """

    at: float
    people: int = 0  # now
    minutes: deque[list[float]] = field(default_factory=deque)  # start of the minute, person-seconds, number of ends

    def advance(self, now: float) -> None:
        if now - self.at > WINDOW_S:
            self.at = now - WINDOW_S
        while self.at < now:
            begins = self.at // _MINUTE_S * _MINUTE_S
            if not self.minutes or self.minutes[-1][0] < begins:
                self.minutes.append([begins, 0.0, 0.0])
            ends = min(now, begins + _MINUTE_S)
            self.minutes[-1][1] += self.people * (ends - self.at)
            self.at = ends
        self.at = now  # if the clock goes back, the repeated time counts twice
        while self.minutes and self.minutes[0][0] < now - WINDOW_S:
            self.minutes.popleft()

    def add_end(self) -> None:
        begins = self.at // _MINUTE_S * _MINUTE_S
        if not self.minutes or self.minutes[-1][0] < begins:
            self.minutes.append([begins, 0.0, 0.0])
        self.minutes[-1][2] += 1

    @property
    def totals(self) -> tuple[float, int]:
        """Person-seconds within the window, and how often it ended in them."""
        return sum(seconds for _, seconds, _ in self.minutes), int(sum(ends for *_, ends in self.minutes))


@dataclass(slots=True)
class _DecayingCount:
    """A count of events that decays exponentially: an event half an hour ago counts about a third."""

    value: float = 0.0
    at: float = 0.0

    def add(self, now: float) -> None:
        self.value, self.at = self.count(now) + 1, now

    def count(self, now: float) -> float:
        return self.value * math.exp(-max(0.0, now - self.at) / WINDOW_S)


@dataclass(slots=True)
class _Prediction:
    """An announced class; `open` until it is known whether it was right."""

    at: float
    wait: WaitClass
    open: bool = True


class Estimates:
    """Queue positions and estimated waits, kept up to date by what operators and callers do.

    Updates are idempotent. The cost of an operator's change, an answer or a departure does not depend on the number of
    callers and operators.
    """

    def __init__(self) -> None:
        self._operators: dict[str, Operator] = {}
        self._working: dict[tuple[str, str], int] = defaultdict(int)  # by pair of languages: operators who speak both
        self._paces: dict[str, _Pace] = {}  # of operators on their calls, by language
        self._waiting: dict[str, str] = {}  # call to its language
        self._callbacks: set[str] = set()  # the waiting callback requests: nobody is on the line to give up
        # Calls in the first language that were served by operators who also speak the second.
        self._served: dict[tuple[str, str], _DecayingCount] = defaultdict(_DecayingCount)
        self._patience: _Pace | None = None  # of waiting callers
        self._predictions: dict[str, list[_Prediction]] = {}  # by call
        self._due: list[tuple[float, int, _Prediction]] = []  # a heap: when time alone decides a prediction
        self._count = 0
        self._record: dict[WaitClass, deque[tuple[float, bool]]] = {wait: deque(maxlen=RECORD) for wait in WaitClass}

    def set_operator(self, operator: Operator, now: float) -> None:
        """Add an operator, or replace one who has changed in any way."""
        self._take_out(operator.id, now, to=operator.state)
        self._operators[operator.id] = operator
        if _is_working(operator):
            self._tally(operator, 1)
        if operator.state in _BUSY:
            for pace in self._update_paces(operator, now):
                pace.people += 1

    def remove_operator(self, identity: str, now: float) -> None:
        self._take_out(identity, now, to=OperatorState.AWAY)
        self._operators.pop(identity, None)

    def locate(
        self, call: str, language: str, ahead: Mapping[str, int], now: float, *, aloud: bool = True
    ) -> QueuePosition:
        """Return the position and estimated wait of a caller.

        Args:
            ahead: The number of callers ahead, by language.
            aloud: Whether the estimate may be announced; then it is checked against what happens.
        """
        self._settle(now)
        shares = {other: self._share(other, language, now) for other, count in ahead.items() if count}
        position = 1 + sum(ahead[other] for other, share in shares.items() if share > 0)
        turn = 1 + math.fsum(ahead[other] * share for other, share in shares.items())
        estimate, sure = self._estimate(language, turn, now)
        if sure and aloud and estimate.wait is not None:
            self._remember(call, estimate.wait, now)
        return QueuePosition(position, estimate)

    def wait(self, call: str, language: str, now: float, *, callback: bool = False) -> None:
        """Add a waiting call. `callback`: a callback request, which says nothing about callers' patience."""
        if call not in self._waiting:
            if callback:
                self._callbacks.add(call)
            else:
                self._update_patience(now).people += 1
        self._waiting[call] = language

    def accept(self, call: str, operator: str, now: float) -> None:
        """End the wait of a call that the operator has accepted, and check its predictions."""
        self._settle(now)
        language = self._remove_waiting(call, now)
        if language is not None and operator in self._operators:
            for other in self._operators[operator].languages:
                self._served[language, other].add(now)
        for prediction in self._predictions.pop(call, ()):
            if prediction.open and now >= prediction.at:
                least, most = CLASS_LIMITS_S[prediction.wait]
                self._close(prediction, least <= now - prediction.at < most, now)

    def leave(self, call: str, now: float) -> None:
        """End the wait of a call that leaves unanswered; whether its predictions were right stays unknown."""
        is_callback = call in self._callbacks
        if self._remove_waiting(call, now) is not None and not is_callback:
            self._update_patience(now).add_end()
        for prediction in self._predictions.pop(call, ()):
            prediction.open = False

    def record(self, wait: WaitClass, now: float) -> tuple[int, int]:
        """Return how many of the class's latest predictions were right, and how many there are."""
        recent = [right for at, right in self._record[wait] if now - at < RECORD_S]
        return sum(recent), len(recent)

    def _estimate(self, language: str, turn: float, now: float) -> tuple[Estimate, bool]:
        """Return the estimate, and whether it is probable enough, so that only the track record can rule it out."""
        people = self._working.get((language, language), 0)
        pace = self._paces.get(language)
        if pace is None or not people:
            return Estimate(), False
        pace.advance(now)
        work_s, freed = pace.totals
        if not freed or work_s <= 0:
            return Estimate(), False
        turn = self._discount_abandonment(turn, freed * people / work_s, now)
        chances = _chances(max(1, round(turn)), work_s / people, freed)
        wait = max(chances, key=chances.__getitem__)
        sure = freed >= LEAST_FREED and chances[wait] >= SURE
        right, checked = self.record(wait, now)
        # Laplace's rule of succession: five right predictions of five give six sevenths.
        known = checked >= LEAST_CHECKED and (right + 1) / (checked + 2) >= SURE
        return Estimate(turn * work_s / people / freed, wait, sure and known), sure

    def _discount_abandonment(self, turn: float, per_s: float, now: float) -> float:
        """Return how many operators must become free, at `per_s` operators a second, given that callers ahead give
        up at the observed rate."""
        waited_s, gave_up = self._update_patience(now).totals
        if not gave_up or waited_s <= 0:
            return turn
        impatience = gave_up / waited_s
        return per_s / impatience * math.log1p(impatience * turn / per_s)

    def _update_patience(self, now: float) -> _Pace:
        if self._patience is None:
            self._patience = _Pace(now)
        self._patience.advance(now)
        return self._patience

    def _remove_waiting(self, call: str, now: float) -> str | None:
        """Take the call out of the waiting ones and return its language; None if it was not waiting."""
        language = self._waiting.pop(call, None)
        if call in self._callbacks:
            self._callbacks.remove(call)
        elif language is not None:
            self._update_patience(now).people -= 1
        return language

    def _remember(self, call: str, wait: WaitClass, now: float) -> None:
        prediction = _Prediction(now, wait)
        self._predictions.setdefault(call, []).append(prediction)
        least, most = CLASS_LIMITS_S[wait]
        self._count += 1
        heappush(self._due, (now + (most if most < math.inf else least), self._count, prediction))

    def _settle(self, now: float) -> None:
        """Close the predictions that time alone decides: a caller who still waits when a class ends proves it wrong,
        or right if the class has no end."""
        while self._due and (self._due[0][0] <= now or not self._due[0][2].open):
            due, _, prediction = heappop(self._due)
            if prediction.open:
                self._close(prediction, CLASS_LIMITS_S[prediction.wait][1] == math.inf, due)

    def _close(self, prediction: _Prediction, right: bool, now: float) -> None:
        prediction.open = False
        self._record[prediction.wait].append((now, right))

    def _share(self, other: str, language: str, now: float) -> float:
        """Return the probability that a caller of the other language takes an operator who also speaks this one, from
        recently accepted calls, as far as there are any, and from the operators at work."""
        both = self._working.get((other, language), 0)
        if other == language or not both:
            return float(other == language)
        expected = both / self._working[other, other]
        served = self._served[other, other].count(now)
        return (self._served[other, language].count(now) + _PRIOR_CALLS * expected) / (served + _PRIOR_CALLS)

    def _take_out(self, identity: str, now: float, to: OperatorState) -> None:
        """Undo what the operator's last known state counts for."""
        before = self._operators.get(identity)
        if before is None:
            return
        if _is_working(before):
            self._tally(before, -1)
        freed = before.state in _CALL and to not in _CALL
        if before.state in _BUSY:
            for pace in self._update_paces(before, now):
                pace.people -= 1
                if freed:
                    pace.add_end()

    def _tally(self, operator: Operator, change: int) -> None:
        for one in operator.languages:
            for other in operator.languages:
                self._working[one, other] += change

    def _update_paces(self, operator: Operator, now: float) -> list[_Pace]:
        paces = []
        for language in operator.languages:
            pace = self._paces.get(language)
            if pace is None:
                pace = self._paces[language] = _Pace(now)
            pace.advance(now)
            paces.append(pace)
        return paces


def _is_working(operator: Operator) -> bool:
    return operator.state in _BUSY or operator.state is OperatorState.READY


def _chances(turn: int, work_s: float, freed: int) -> dict[WaitClass, float]:
    """Return the probability of each class if `turn` operators have to become free. `freed` of the operators did so in
    the last `work_s` seconds."""
    by = [_chance_within(most, turn, work_s, freed) for _, most in CLASS_LIMITS_S.values()]
    return {wait: until - before for wait, until, before in zip(WaitClass, by, [0.0, *by[:-1]], strict=True)}


def _chance_within(seconds: float, turn: int, work_s: float, freed: int) -> float:
    """Return the probability that `turn` or more operators become free within `seconds`: a negative binomial count,
    because the rate is only known from `freed` in `work_s`, and drifts until then."""
    if seconds == math.inf:
        return 1.0
    if turn > _MOST_TERMS:
        return 0.0 if seconds / work_s * freed < turn else 1.0
    # Drift leaves the expectation as it is and makes it less certain, as if it were known from fewer calls.
    known = 1 / (1 / freed + seconds / DRIFT_S)
    share = seconds / (seconds + work_s * known / freed)
    first, step, stays = math.lgamma(known), math.log(share), known * math.log1p(-share)
    fewer = math.fsum(
        math.exp(math.lgamma(known + count) - first - math.lgamma(count + 1) + stays + count * step)
        for count in range(turn)
    )
    return max(0.0, 1.0 - fewer)
