"""How long a caller will probably still wait, and whether that has earned being said.

Operators who are busy become free at a rate that is seen: so many in so many seconds of work, over the last half hour,
of those who speak his language. Where calls end at random, the time until the k-th of them is free has Erlang's
distribution; the rate is known from so many calls only, and that is in the chances as well (a negative binomial count),
so that a few accepted calls make nothing sure. Of those before him some give up, at a rate that is seen, too. That
people come and go makes every rate less certain, the further one looks ahead. What this does not know, topics and
levels, is seen in the record: each class of waiting is said only while its own latest predictions came true.

Pure: instants are POSIX seconds that are passed in, and may jump; durations are seconds.
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
"""So many operators must have finished a call within the window."""
SURE = 0.8
"""A class is said that is right at least four times in five: by the chances, and by the record."""
DRIFT_S = 18_000.0
"""How soon a rate is another one: the variance of what it becomes, relative to what it is, is the time divided by this,
so that in half an hour it changes by a third. A third of the operators may well go to lunch, or come back from it, in
that time; and who will is not known here."""
LEAST_CHECKED = 5
RECORD = 50
RECORD_S = 4 * 3600.0
"""The record of a class: its latest predictions of which it is known what came, not older than this."""

_MINUTE_S = 60.0
_BUSY = frozenset({OperatorState.OFFERED, OperatorState.TALKING, OperatorState.WRAPPING_UP})
_CALL = frozenset({OperatorState.TALKING, OperatorState.WRAPPING_UP})
_MOST_TERMS = 2000
_DOUBT = 5.0
"""So many accepted calls weigh as much as what the operators' languages let one expect."""


class WaitClass(StrEnum):
    """What a caller is told: in words, `wait_` and this."""

    UNDER_2 = "under_2"
    ABOUT_5 = "about_5"
    ABOUT_10 = "about_10"
    OVER_15 = "over_15"


RIGHT: Mapping[WaitClass, tuple[float, float]] = {
    WaitClass.UNDER_2: (0.0, 120.0),
    WaitClass.ABOUT_5: (120.0, 450.0),
    WaitClass.ABOUT_10: (450.0, 900.0),
    WaitClass.OVER_15: (900.0, math.inf),
}
"""Within which time, from when it is said, an operator must come for the class to have been right. Each wait makes one
class right, so that nothing is gained by vague words: the border between five and ten minutes is in their middle."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds`: the mean of what is to be expected; None: nothing is known. `wait`: the likeliest class. `earned`:
    whether it may be said."""

    seconds: float | None = None
    wait: WaitClass | None = None
    earned: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """`position`: 1 is the next one, among those who could take the same operators."""

    position: int
    estimate: Estimate


@dataclass(slots=True)
class _Pace:
    """How long people were at something within the window, minute by minute, and how often it ended: operators at their
    calls, or callers who wait until they give up."""

    at: float
    people: int = 0  # now
    minutes: deque[list[float]] = field(default_factory=deque)  # when it began, seconds of all together, ends

    def go_on(self, now: float) -> None:
        if now - self.at > WINDOW_S:
            self.at = now - WINDOW_S
        while self.at < now:
            begins = self.at // _MINUTE_S * _MINUTE_S
            if not self.minutes or self.minutes[-1][0] < begins:
                self.minutes.append([begins, 0.0, 0.0])
            ends = min(now, begins + _MINUTE_S)
            self.minutes[-1][1] += self.people * (ends - self.at)
            self.at = ends
        self.at = now  # where a clock goes back, what it repeats counts twice
        while self.minutes and self.minutes[0][0] < now - WINDOW_S:
            self.minutes.popleft()

    def ended(self) -> None:
        begins = self.at // _MINUTE_S * _MINUTE_S
        if not self.minutes or self.minutes[-1][0] < begins:
            self.minutes.append([begins, 0.0, 0.0])
        self.minutes[-1][2] += 1

    @property
    def seen(self) -> tuple[float, int]:
        """Seconds of all together, and how often it ended in them."""
        return sum(each[1] for each in self.minutes), int(sum(each[2] for each in self.minutes))


@dataclass(slots=True)
class _Lately:
    """How often something happened; what is longer ago counts less, half an hour ago a third."""

    times: float = 0.0
    at: float = 0.0

    def add(self, now: float) -> None:
        self.times, self.at = self.count(now) + 1, now

    def count(self, now: float) -> float:
        return self.times * math.exp(-max(0.0, now - self.at) / WINDOW_S)


@dataclass(slots=True)
class _Said:
    """A prediction of which it is not known yet whether it was right."""

    at: float
    wait: WaitClass
    open: bool = True


class Estimates:
    """Told what operators and callers do, it says where a caller stands. Hearing something twice has the effect of
    once; an operator's change, an answer and a departure cost the same however many callers and operators there are."""

    def __init__(self) -> None:
        self._operators: dict[str, Operator] = {}
        self._working: dict[tuple[str, str], int] = defaultdict(int)  # by a pair of languages, who speak both
        self._paces: dict[str, _Pace] = {}  # of operators at their calls, by language
        self._waiting: dict[str, str] = {}  # call to its language
        self._callbacks: set[str] = set()  # of those, the call-back requests: nobody is on the line to give up
        self._served: dict[tuple[str, str], _Lately] = defaultdict(_Lately)  # calls in one, by operators who speak both
        self._patience: _Pace | None = None  # of callers who wait
        self._said: dict[str, list[_Said]] = {}  # by call
        self._due: list[tuple[float, int, _Said]] = []  # a heap: when time alone shows what came
        self._count = 0
        self._record: dict[WaitClass, deque[tuple[float, bool]]] = {each: deque(maxlen=RECORD) for each in WaitClass}

    def operator(self, operator: Operator, now: float) -> None:
        """New, or changed in any way."""
        self._leaves(operator.id, now, to=operator.state)
        self._operators[operator.id] = operator
        if _works(operator):
            self._tally(operator, 1)
        if operator.state in _BUSY:
            for pace in self._of(operator, now):
                pace.people += 1

    def remove(self, identity: str, now: float) -> None:
        self._leaves(identity, now, to=OperatorState.AWAY)
        self._operators.pop(identity, None)

    def place(self, call: str, language: str, ahead: Mapping[str, int], now: float, *, aloud: bool = True) -> Place:
        """Where a caller stands who has so many before him, by what they speak. What is to be said `aloud` is
        remembered until it is known whether it was right."""
        self._settle(now)
        shares = {each: self._share(each, language, now) for each, count in ahead.items() if count}
        position = 1 + sum(ahead[each] for each, share in shares.items() if share > 0)
        turn = 1 + math.fsum(ahead[each] * share for each, share in shares.items())
        estimate, sure = self._estimate(language, turn, now)
        if sure and aloud and estimate.wait is not None:
            self._remember(call, estimate.wait, now)
        return Place(position, estimate)

    def wait(self, call: str, language: str, now: float, *, callback: bool = False) -> None:
        """A `callback` says nothing about how long callers wait before they give up."""
        if call not in self._waiting:
            if callback:
                self._callbacks.add(call)
            else:
                self._patient(now).people += 1
        self._waiting[call] = language

    def accepted(self, call: str, operator: str, now: float) -> None:
        """The operator has the caller."""
        self._settle(now)
        language = self._waits_no_more(call, now)
        if language is not None and operator in self._operators:
            for other in self._operators[operator].languages:
                self._served[language, other].add(now)
        for said in self._said.pop(call, ()):
            if said.open and now >= said.at:
                least, most = RIGHT[said.wait]
                self._note(said, least <= now - said.at < most, now)

    def left(self, call: str, now: float) -> None:
        """He waits no more, and nobody knows what would have come."""
        is_callback = call in self._callbacks
        if self._waits_no_more(call, now) is not None and not is_callback:
            self._patient(now).ended()
        for said in self._said.pop(call, ()):
            said.open = False

    def record(self, wait: WaitClass, now: float) -> tuple[int, int]:
        """Of the class's latest predictions: how many were right, of how many."""
        kept = [right for at, right in self._record[wait] if now - at < RECORD_S]
        return sum(kept), len(kept)

    def _estimate(self, language: str, turn: float, now: float) -> tuple[Estimate, bool]:
        """The estimate, and whether only the record decides about its being said."""
        people = self._working.get((language, language), 0)
        pace = self._paces.get(language)
        if pace is None or not people:
            return Estimate(), False
        pace.go_on(now)
        work_s, freed = pace.seen
        if not freed or work_s <= 0:
            return Estimate(), False
        turn = self._without_those_who_give_up(turn, freed * people / work_s, now)
        chances = _chances(max(1, round(turn)), work_s / people, freed)
        wait = max(chances, key=chances.__getitem__)
        sure = freed >= LEAST_FREED and chances[wait] >= SURE
        right, checked = self.record(wait, now)
        # Laplace's rule of succession: five right ones of five are worth six sevenths.
        known = checked >= LEAST_CHECKED and (right + 1) / (checked + 2) >= SURE
        return Estimate(turn * work_s / people / freed, wait, sure and known), sure

    def _without_those_who_give_up(self, turn: float, per_s: float, now: float) -> float:
        """How many operators must become free, `per_s` of them a second, while those before him give up one by one."""
        waited_s, gave_up = self._patient(now).seen
        if not gave_up or waited_s <= 0:
            return turn
        impatience = gave_up / waited_s
        return per_s / impatience * math.log1p(impatience * turn / per_s)

    def _patient(self, now: float) -> _Pace:
        if self._patience is None:
            self._patience = _Pace(now)
        self._patience.go_on(now)
        return self._patience

    def _waits_no_more(self, call: str, now: float) -> str | None:
        """His language, if he did."""
        language = self._waiting.pop(call, None)
        if call in self._callbacks:
            self._callbacks.remove(call)
        elif language is not None:
            self._patient(now).people -= 1
        return language

    def _remember(self, call: str, wait: WaitClass, now: float) -> None:
        said = _Said(now, wait)
        self._said.setdefault(call, []).append(said)
        least, most = RIGHT[wait]
        self._count += 1
        heappush(self._due, (now + (most if most < math.inf else least), self._count, said))

    def _settle(self, now: float) -> None:
        """Who still waits when a class is over shows that it was wrong; or right, where it has no end."""
        while self._due and (self._due[0][0] <= now or not self._due[0][2].open):
            due, _, said = heappop(self._due)
            if said.open:
                self._note(said, RIGHT[said.wait][1] == math.inf, due)

    def _note(self, said: _Said, right: bool, now: float) -> None:
        said.open = False
        self._record[said.wait].append((now, right))

    def _share(self, other: str, language: str, now: float) -> float:
        """The chance that a caller of the other language takes an operator who speaks this one as well: by the calls
        that were accepted lately, as far as there are any, and by who is at work."""
        both = self._working.get((other, language), 0)
        if other == language or not both:
            return float(other == language)
        expected = both / self._working[other, other]
        served = self._served[other, other].count(now)
        return (self._served[other, language].count(now) + _DOUBT * expected) / (served + _DOUBT)

    def _leaves(self, identity: str, now: float, to: OperatorState) -> None:
        """Takes out what counts for him as he was."""
        before = self._operators.get(identity)
        if before is None:
            return
        if _works(before):
            self._tally(before, -1)
        freed = before.state in _CALL and to not in _CALL
        if before.state in _BUSY:
            for pace in self._of(before, now):
                pace.people -= 1
                if freed:
                    pace.ended()

    def _tally(self, operator: Operator, change: int) -> None:
        for one in operator.languages:
            for other in operator.languages:
                self._working[one, other] += change

    def _of(self, operator: Operator, now: float) -> list[_Pace]:
        found = []
        for language in operator.languages:
            pace = self._paces.get(language)
            if pace is None:
                pace = self._paces[language] = _Pace(now)
            pace.go_on(now)
            found.append(pace)
        return found


def _works(operator: Operator) -> bool:
    return operator.state in _BUSY or operator.state is OperatorState.READY


def _chances(turn: int, work_s: float, freed: int) -> dict[WaitClass, float]:
    """How likely each class is, if `turn` operators have to become free; `freed` of them did in `work_s` seconds (of as
    many operators)."""
    by = [_by(most, turn, work_s, freed) for _, most in RIGHT.values()]
    return {each: now - before for each, now, before in zip(WaitClass, by, [0.0, *by[:-1]], strict=True)}


def _by(seconds: float, turn: int, work_s: float, freed: int) -> float:
    """The chance that `turn` or more become free within so many seconds: a negative binomial count, since the rate is
    known from `freed` in `work_s` only, and will be another by then."""
    if seconds == math.inf:
        return 1.0
    if turn > _MOST_TERMS:
        return 0.0 if seconds / work_s * freed < turn else 1.0
    # What is to be expected stays; it is known as if from fewer calls.
    known = 1 / (1 / freed + seconds / DRIFT_S)
    share = seconds / (seconds + work_s * known / freed)
    first, step, stays = math.lgamma(known), math.log(share), known * math.log1p(-share)
    fewer = math.fsum(
        math.exp(math.lgamma(known + count) - first - math.lgamma(count + 1) + stays + count * step)
        for count in range(turn)
    )
    return max(0.0, 1.0 - fewer)
