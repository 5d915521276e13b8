"""Calls and operators' times as a report groups and counts them: arrays in, a `Group` for each key out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.arrays import NONE, Coded, Whole, micros_of
from db.enums import OperatorState
from db.report import ATTRIBUTES, STATES, Attributes, Counted, MenuCalls, OperatorStates, WaitedCalls
from db.report_operators import OperatorWork
from reports.by import TIMES, By, Key
from reports.group import ELSEWHERE, MENU, MENU_GOING_ON, MENU_OTHER, OUTGOING, Group
from reports.local_time import DAY, HALF_HOUR, HOUR, LocalTime, Stretches
from reports.periods import Period
from reports.tallies import Tallies, summed
from routing.figures import Limits

_US = 1_000_000
_SECOND = 2**32
"""By two groupings, the code of a key is the first one's code times this, and the second one's."""

_LENGTHS = {By.DAY: DAY, By.HOUR: HOUR, By.HALF_HOUR: HALF_HOUR, By.HOUR_OF_DAY: HOUR}
_AWAY, _WRAPPING_UP, _PAUSED = (
    STATES.index(state) for state in (OperatorState.AWAY, OperatorState.WRAPPING_UP, OperatorState.PAUSED)
)


class Groups:
    """Groups of calls and operators' times, counted in chronological order.

    `by`: one or two groupings; `now`: the end of everything in progress. By language, country or topic, only the
    total has operators' times, since an operator serves several at once. Some 30 bytes of each call are in memory, and
    the marks of the last two parts' calls.
    """

    def __init__(self, by: Sequence[By], period: Period, limits: Limits, now: datetime) -> None:
        self.by = tuple(by)
        self._limits = limits
        local = LocalTime(period)
        self._times: dict[int, Stretches] = {
            place: local.stretches(_LENGTHS[one], of_day=one is By.HOUR_OF_DAY)
            for place, one in enumerate(self.by)
            if one in TIMES
        }
        self._names: list[list[str | None]] = [
            [*self._times[place].names] if place in self._times else [] for place in range(len(self.by))
        ]
        self._codes: list[dict[str | None, int]] = [
            {name: code for code, name in enumerate(names)} for names in self._names
        ]
        self._begins, self._ends, self._now = (micros_of(at) for at in (period.begins, period.ends, now))
        self._tallies = Tallies()
        self._no_key: dict[OperatorState, int] = defaultdict(int)  # operators' times that only the total has
        self._pauses: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._works: list[Mapping[str, OperatorWork]] = []
        self._expected: set[str] = set()
        self._current: OperatorStates | None = None  # the state of each operator
        self._calls = _Keys()

    @property
    def attributes(self) -> list[str]:
        """The attributes that calls must have when they are added."""
        return [name for name in ATTRIBUTES if name in self.by]

    def add_calls(self, calls: WaitedCalls) -> None:
        """Count the calls of a part of the period. Their operators' states may be added from now on, and after the next
        part's calls as well."""
        keys, tallies = self._keys(calls.at_us, calls.attributes), self._tallies
        self._calls.add(calls.ids, keys)
        over = ~calls.answered & (calls.waited_us != NONE) & ~calls.outcomes.are([None])
        tallies.add_calls(keys[calls.answered], calls.waited_us[calls.answered], answered=True)
        undecided = ~calls.answered & ~over
        tallies.add("undecided", None, keys[undecided])
        for outcome in ELSEWHERE:
            tallies.add("elsewhere", outcome, keys[over & calls.outcomes.are([outcome])])
        # Whatever the cause, such as a fault: the callers waited and reached nobody.
        abandoned = over & ~calls.outcomes.are(ELSEWHERE)
        tallies.add_calls(keys[abandoned], calls.waited_us[abandoned], answered=False)
        if self.by != (By.OPERATOR,):  # there several operators may have talked: `credit` adds who did, and how long
            known = calls.answered & (calls.talked_us != NONE)
            tallies.add("handled", None, keys[known])
            tallies.add("handling", None, keys[known], calls.talked_us[known])
        self._changed()

    def add_menu_calls(self, calls: MenuCalls) -> None:
        keys, ours = self._keys(calls.at_us, calls.attributes), calls.outgoing
        going_on = calls.outcomes.are([None])
        counted = {OUTGOING: ours, MENU_GOING_ON: ~ours & going_on}
        counted |= {name: ~ours & calls.outcomes.are([outcome]) for outcome, name in MENU.items()}
        counted[MENU_OTHER] = ~ours & ~going_on & ~calls.outcomes.are(MENU)
        for name, which in counted.items():
            self._tallies.add("counted", name, keys[which], calls.numbers[which])
        self._changed()

    def add_counts(self, counts: Iterable[Counted]) -> None:
        """Count what is not a call: requests for the guide in writing, cases, call-backs, answers of the survey."""
        for some in counts:
            self._tallies.add("counted", some.what, self._keys(some.at_us, some.attributes), some.numbers)
        self._changed()

    def add_states(self, found: OperatorStates) -> None:
        """Count operators' states, which follow those that were added before; each one's last one once it has ended."""
        self._current = self._count(self._current.then(found) if self._current is not None else found)

    def credit(self, works: Mapping[str, OperatorWork]) -> None:
        """Add operators' conversations and offers, in a report by operator."""
        self._works.append(works)
        self._changed()

    def expect(self, keys: Iterable[str]) -> None:
        """Add a row for each key, even if nothing is counted there."""
        self._expected.update(keys)
        self._changed()

    def finish(self) -> None:
        """Count each operator's last state until now; call it after everything has been added."""
        if self._current is not None:
            last = self._current
            self._count(last.then(replace(last, at_us=np.maximum(last.at_us, self._now))))  # whatever its state is
        self._current = None

    @cached_property
    def rows(self) -> list[tuple[Key, Group]]:
        """Keys and groups, in chronological order or by the number of calls, largest first; no key comes last."""
        made = self._tallies.groups(self._limits)
        groups = {self._key_of(code): group for code, group in made.items()}

        def group_of(name: str) -> Group:
            return groups.setdefault((name,), Group(self._limits))

        for name in self._expected:
            group_of(name)
        for works in self._works:
            for operator, work in works.items():
                _credit(group_of(operator), work)
        for operator, pauses in self._pauses.items():
            _add_pauses(group_of(operator), pauses)
        calls: Counter[tuple[int, str | None]] = Counter()
        if not {*self.by} <= {*TIMES}:
            for key, group in groups.items():
                calls.update(dict.fromkeys(enumerate(key), group.calls))

        def order(place: int, part: str | None) -> Any:
            by = self.by[place]
            if by in TIMES:
                return part if by is By.HOUR_OF_DAY else self._codes[place][part]
            return part is None, 0 if by is By.OPERATOR else -calls[place, part], part or ""

        return sorted(groups.items(), key=lambda row: [order(*part) for part in enumerate(row[0])])

    @cached_property
    def total(self) -> Group:
        """The counts of all groups together."""
        total = self._tallies.total(self._limits)
        for works in self._works:
            for work in works.values():
                _credit(total, work)
        for pauses in self._pauses.values():
            _add_pauses(total, pauses)
        for state, time in self._no_key.items():
            total.spent[state] += time / _US
        return total

    def _changed(self) -> None:
        for made in ("rows", "total"):
            self.__dict__.pop(made, None)

    def _code(self, place: int, name: str | None) -> int:
        code = self._codes[place].get(name)
        if code is None:
            code = self._codes[place][name] = len(self._names[place])
            self._names[place].append(name)
        return code

    def _key_of(self, code: int) -> Key:
        codes = divmod(code, _SECOND) if len(self.by) == 2 else (code,)
        return tuple(names[part] for names, part in zip(self._names, codes, strict=True))

    def _keys(self, at: Whole, attributes: Attributes) -> Whole:
        """Return the codes of keys."""
        keys = np.zeros(len(at), np.int64)
        for place, by in enumerate(self.by):
            if place in self._times:
                codes = self._times[place].at(at)
            else:
                coded = attributes[by.value]
                known = np.array([self._code(place, name) for name in coded.names], np.int64)
                codes = known[coded.codes] if len(known) else keys
            keys = keys * _SECOND + codes
        return keys

    def _count(self, found: OperatorStates) -> OperatorStates:
        """Count all states but each operator's last one; return these."""
        if not len(found):
            return found
        found = found.where(np.argsort(found.operators.codes, kind="stable"))
        whose = found.operators.codes
        ends = np.append(whose[1:] == whose[:-1], False)  # by the operator's next state
        found = _with_calls(found, np.insert(ends[:-1], 0, False))
        over = np.flatnonzero(ends)
        spans, until = found.where(over), found.at_us[over + 1]
        self._count_wrap_ups(spans, until)
        self._count_states(spans, until)
        self._changed()
        return found.where(~ends)

    def _count_wrap_ups(self, spans: OperatorStates, until: Whole) -> None:
        """Count the handling of the report's calls after the conversations."""
        wrap_ups = (spans.states == _WRAPPING_UP) & (spans.calls != 0)
        spans, until = spans.where(wrap_ups), until[wrap_ups]
        known, keys = self._calls.find(spans.calls)
        time = np.maximum(np.minimum(until, self._now) - spans.at_us, 0)
        if self.by == (By.OPERATOR,):  # it counts for the operator who does it, not for the one who had the call first
            keys = self._operators(spans.operators)
        self._tallies.add("handling", None, keys[known], time[known])

    def _count_states(self, spans: OperatorStates, until: Whole) -> None:
        """Count the time of states, each in the hours or days in which it falls."""
        since, until = (np.clip(at, self._begins, self._ends) for at in (spans.at_us, until))
        counts = (until > since) & (spans.states != _AWAY)
        spans, since, until = spans.where(counts), since[counts], until[counts]
        state, length = spans.states, until - since
        if self.by == (By.OPERATOR,):
            self._count_pauses(spans.where(state == _PAUSED), length[state == _PAUSED])
        if not {*self.by} <= {By.OPERATOR, *TIMES}:
            for code, name in enumerate(STATES):
                self._no_key[name] += int(length[state == code].sum())
            return
        place_of = np.arange(len(since))
        keys = np.zeros(len(since), np.int64)
        for times in self._times.values():
            place_of, keys, length = times.spread(since, until)
            state = state[place_of]
        whole = np.zeros(len(keys), np.int64)
        for place in range(len(self.by)):
            whole = whole * _SECOND + (
                keys if place in self._times else self._operators(spans.operators, place)[place_of]
            )
        for code, name in enumerate(STATES):
            self._tallies.add("spent", name, whole[state == code], length[state == code])

    def _count_pauses(self, pauses: OperatorStates, length: Whole) -> None:
        whose, why = pauses.operators, pauses.reasons
        each, time = summed(whose.codes * len(why.names) + why.codes, length)
        for code, spent in zip(each.tolist(), time.tolist(), strict=True):
            operator, reason = divmod(code, len(why.names))
            self._pauses[whose.names[operator] or ""][why.names[reason] or OperatorState.PAUSED] += spent

    def _operators(self, operators: Coded, place: int = 0) -> Whole:
        """Return the codes of operators in keys."""
        found = np.zeros(len(operators.names), np.int64)
        for code in np.unique(operators.codes).tolist():
            found[code] = self._code(place, operators.names[code])
        return found[operators.codes]


class _Keys:
    """The keys of calls, by the calls' marks: those of the last two parts."""

    def __init__(self) -> None:
        self._parts: list[tuple[Whole, Whole]] = []

    def add(self, calls: Whole, keys: Whole) -> None:
        order = np.argsort(calls)
        self._parts = [(calls[order], keys[order]), *self._parts[:1]]

    def find(self, calls: Whole) -> tuple[NDArray[np.bool_], Whole]:
        """Return which calls are known, and their keys."""
        known, keys = np.zeros(len(calls), np.bool_), np.zeros(len(calls), np.int64)
        for marks, those in self._parts:
            if len(marks):
                place = np.minimum(np.searchsorted(marks, calls), len(marks) - 1)
                here = (marks[place] == calls) & ~known
                keys, known = np.where(here, those[place], keys), known | here
        return known, keys


def _with_calls(found: OperatorStates, follows: Any) -> OperatorStates:
    """Return the states, each wrap-up with the call of the conversation before it. `follows`: which states follow
    another one of their operator."""
    keeps = follows & (found.states == _WRAPPING_UP)
    before = np.maximum.accumulate(np.where(keeps, 0, np.arange(len(found))))
    return replace(found, calls=found.calls[before])


def _credit(group: Group, work: OperatorWork) -> None:
    group.work = group.work + work
    group.handled += work.over
    group.handling_s += work.talked_s


def _add_pauses(group: Group, pauses: Mapping[str, int]) -> None:
    for reason, time in pauses.items():
        group.pauses[reason] += time / _US
