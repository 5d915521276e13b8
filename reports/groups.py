"""Calls and operators' times as a report groups and counts them: arrays in, a `Group` for each key out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from db.columns import NONE, Whole, micros_of
from db.enums import OperatorState
from db.report import ATTRIBUTES, STATES, Attributes, Counted, MenuCalls, OperatorStates, WaitedCalls
from db.report_operators import OperatorWork
from reports.by import TIMES, By, Key
from reports.group import ELSEWHERE, MENU, MENU_GOING_ON, MENU_OTHER, OUTGOING, Group
from reports.local_time import DAY, HALF_HOUR, HOUR, LocalTime, Stretches
from reports.periods import Period
from reports.tallies import Tallies
from routing.figures import Limits

_US = 1_000_000
_SECOND = 2**32
"""By two groupings, the code of a key is the first one's code times this, and the second one's."""

_LENGTHS = {By.DAY: DAY, By.HOUR: HOUR, By.HALF_HOUR: HALF_HOUR, By.HOUR_OF_DAY: HOUR}
_AWAY, _WRAPPING_UP, _PAUSED = (
    STATES.index(state) for state in (OperatorState.AWAY, OperatorState.WRAPPING_UP, OperatorState.PAUSED)
)

_CurrentState = tuple[int, int, str, str]
"""When an operator's state began (microseconds since 1970), the state, its call, and the reason for a pause."""


class Groups:
    """Groups of calls and operators' times, counted in chronological order.

    `by`: one or two groupings; `now`: the end of everything in progress. By language, country or topic, only the
    total has operators' times, since an operator serves several at once. Some 30 bytes of each call are in memory, and
    the ids of the last two parts' calls.
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
        self._current: dict[str, _CurrentState] = {}
        self._calls: dict[str, int] = {}
        self._calls_before: dict[str, int] = {}

    @property
    def attributes(self) -> list[str]:
        """The attributes that calls must have when they are added."""
        return [name for name in ATTRIBUTES if name in self.by]

    def add_calls(self, calls: WaitedCalls) -> None:
        """Count the calls of a part of the period. Their operators' states may be added from now on, and after the next
        part's calls as well."""
        keys, tallies = self._keys(calls.at_us, calls.attributes), self._tallies
        self._calls_before, self._calls = self._calls, dict(zip(calls.ids, keys.tolist(), strict=True))
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
        self._tallies.add("menu", OUTGOING, keys[ours])
        self._tallies.add("menu", MENU_GOING_ON, keys[~ours & going_on])
        for outcome, name in MENU.items():
            self._tallies.add("menu", name, keys[~ours & calls.outcomes.are([outcome])])
        self._tallies.add("menu", MENU_OTHER, keys[~ours & ~going_on & ~calls.outcomes.are(MENU)])
        self._changed()

    def add_send_requests(self, requests: Iterable[Counted]) -> None:
        for some in requests:
            self._tallies.add("to_send", some.what, self._keys(some.at_us, some.attributes), some.numbers)
        self._changed()

    def add_outcomes(self, counts: Iterable[Counted]) -> None:
        for some in counts:
            self._tallies.add("outcomes", some.what, self._keys(some.at_us, some.attributes), some.numbers)
        self._changed()

    def add_states(self, found: OperatorStates) -> None:
        """Count an operator's states, which follow those that were added before; the last one once it has ended."""
        at, states, calls, reasons = found.at_us, found.states, [*found.calls], found.reasons
        before = self._current.get(found.operator)
        if before is not None:
            at, states = np.insert(at, 0, before[0]), np.insert(states, 0, before[1])
            calls.insert(0, before[2])
            reasons = [before[3], *reasons]
        self._count(found.operator, at, states, calls, reasons)
        self._current[found.operator] = (int(at[-1]), int(states[-1]), calls[-1], reasons[-1])

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
        for operator, (since, state, call, reason) in self._current.items():
            at = np.array([since, max(since, self._now)])
            # The second one is the end, whatever it is.
            self._count(operator, at, np.array([state, _AWAY]), [call, ""], [reason, ""])
        self._current.clear()

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

    def _count(self, operator: str, at: Whole, states: Whole, calls: list[str], reasons: Sequence[str]) -> None:
        """Count all states but the last. Sets the calls of wrap-ups."""
        self._count_wrap_ups(operator, at, states, calls)
        self._count_states(operator, at, states, reasons)
        self._changed()

    def _count_wrap_ups(self, operator: str, at: Whole, states: Whole, calls: list[str]) -> None:
        """Count the handling of the report's calls after the conversations."""
        keys, places, last = list[int](), list[int](), len(at) - 1
        for place in np.flatnonzero(states == _WRAPPING_UP).tolist():
            call = calls[place] = calls[max(place - 1, 0)]
            if call and place < last:
                key = self._calls.get(call)
                key = self._calls_before.get(call) if key is None else key
                if key is not None:
                    keys.append(key)
                    places.append(place)
        begin = np.array(places, np.int64)
        time = np.maximum(np.minimum(at[begin + 1], self._now) - at[begin], 0)
        # Wrap-up counts for the operator who does it, not for the one who had the call first.
        own = self.by == (By.OPERATOR,) and bool(keys)
        whose = np.full(len(keys), self._code(0, operator)) if own else np.array(keys, np.int64)
        self._tallies.add("handling", None, whose, time)

    def _count_states(self, operator: str, at: Whole, states: Whole, reasons: Sequence[str]) -> None:
        """Count the time of all states but the last, each in the hours or days in which it falls."""
        at = np.clip(at, self._begins, self._ends)
        counts = np.flatnonzero((at[1:] > at[:-1]) & (states[:-1] != _AWAY))
        since, until, state = at[:-1][counts], at[1:][counts], states[:-1][counts]
        if self.by == (By.OPERATOR,):
            for place, time in zip(counts[state == _PAUSED].tolist(), (until - since)[state == _PAUSED], strict=True):
                self._pauses[operator][reasons[place] or OperatorState.PAUSED] += int(time)
        length, keys = until - since, np.zeros(len(counts), np.int64)
        if not {*self.by} <= {By.OPERATOR, *TIMES}:
            for code, name in enumerate(STATES):
                self._no_key[name] += int(length[state == code].sum())
            return
        if not len(counts):
            return
        for times in self._times.values():
            span, keys, length = times.spread(since, until)
            state = state[span]
        whole = np.zeros(len(keys), np.int64)
        for place in range(len(self.by)):
            whole = whole * _SECOND + (keys if place in self._times else self._code(place, operator))
        for code, name in enumerate(STATES):
            self._tallies.add("spent", name, whole[state == code], length[state == code])


def _credit(group: Group, work: OperatorWork) -> None:
    group.work = group.work + work
    group.handled += work.over
    group.handling_s += work.talked_s


def _add_pauses(group: Group, pauses: Mapping[str, int]) -> None:
    for reason, time in pauses.items():
        group.pauses[reason] += time / _US
