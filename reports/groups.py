"""Calls and operators' times as a report groups and counts them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from db.enums import OperatorState, Outcome
from db.report import ATTRIBUTES, CallGroup, MenuCalls, OperatorStates, SendRequests, WaitedCalls
from db.report_cases import ANSWERS, FAILED, KEPT, OUTCOMES, POINTS, OutcomeCount
from db.report_operators import OperatorWork
from reports.local_time import QUARTER_S, LocalTime
from reports.periods import Period
from routing.figures import Limits, Tally, Work, ratio

Key = tuple[str | None, ...]
"""A value for each grouping; None for a call without one."""


class By(StrEnum):
    """What calls can be grouped by."""

    DAY = "day"
    HOUR = "hour"
    HALF_HOUR = "half-hour"
    HOUR_OF_DAY = "hour-of-day"
    LANGUAGE = "language"
    COUNTRY = "country"
    TOPIC = "topic"
    OPERATOR = "operator"
    NUMBER = "number"


ELSEWHERE = (Outcome.CALLBACK, Outcome.MESSAGE, Outcome.CLOSED, Outcome.SELF_SERVED)
"""Outcomes of waits that end without an operator but do not count as abandoned."""

TIMES = (By.DAY, By.HOUR, By.HALF_HOUR, By.HOUR_OF_DAY)

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_US = 1_000_000
_QUARTER_US = QUARTER_S * _US

MENU = {
    Outcome.LEFT_MENU: "ivr_left_menu",
    Outcome.SELF_SERVED: "ivr_self_served",
    Outcome.CLOSED: "ivr_closed",
    Outcome.MESSAGE: "ivr_message",
    Outcome.CALLBACK: "ivr_callback",
}
"""Outcomes of calls that never waited for an operator, and the figures that count them."""
MENU_OTHER, MENU_GOING_ON, OUTGOING = "ivr_other", "ivr_going_on", "outgoing"

TO_SEND, SENT = "guide_requests", "guide_requests_sent"


class Group:
    """The counts of one key.

    `spent`: operators' seconds in each state; `undecided`: calls that still wait; `handled`, `handling_s`: the number
    and total talking time of conversations that are over and of known length, with wrap-up; `pauses`: seconds by
    reason; `menu`: calls that never waited, and outgoing ones, by the name of their figure; `to_send`: requests for a
    procedure of the guide in writing, by the name of their figure; `outcomes`: cases, call-backs and answers of the
    survey, by their names in `db.report_cases`.
    """

    def __init__(self, limits: Limits) -> None:
        self.tally = Tally(limits)
        self.spent: defaultdict[OperatorState, float] = defaultdict(float)
        self.undecided = 0
        self.handled = 0
        self.handling_s = 0.0
        self.pauses: defaultdict[str, float] = defaultdict(float)
        self.work = OperatorWork()
        self.menu: Counter[str] = Counter()
        self.to_send: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        """The number of incoming calls."""
        tally = self.tally
        waited = len(tally.waits) + len(tally.abandoned_waits) + tally.elsewhere.total() + self.undecided
        return waited + self.menu.total() - self.menu[OUTGOING]

    def add_menu_calls(self, calls: MenuCalls) -> None:
        if calls.outgoing:
            self.menu[OUTGOING] += calls.number
        elif calls.outcome is None:
            self.menu[MENU_GOING_ON] += calls.number
        else:
            self.menu[MENU.get(Outcome(calls.outcome), MENU_OTHER)] += calls.number

    def add_send_requests(self, requests: SendRequests) -> None:
        self.to_send[TO_SEND] += requests.number
        self.to_send[SENT] += requests.number if requests.sent else 0

    def add_calls(self, calls: WaitedCalls, *, talks: bool = True) -> None:
        """Count calls. `talks`: their conversations as well."""
        waits = [wait / _US for wait in calls.waited_us if wait is not None]
        if calls.answered:
            self.tally.waits.extend(waits)
            known = [talk for talk in calls.talked_us if talk is not None] if talks else []
            self.handled += len(known)
            self.handling_s += sum(known) / _US
            return
        self.undecided += len(calls.ids) - len(waits)
        if calls.outcome is None:
            self.undecided += len(waits)
        elif calls.outcome in ELSEWHERE:
            self.tally.elsewhere[calls.outcome] += len(waits)
        else:  # whatever the cause, such as a fault: the callers waited and reached nobody
            self.tally.abandoned_waits.extend(waits)

    def add(self, other: "Group") -> None:
        self.tally.add(other.tally)
        for state, seconds in other.spent.items():
            self.spent[state] += seconds
        self.undecided += other.undecided
        self.handled += other.handled
        self.handling_s += other.handling_s
        for reason, seconds in other.pauses.items():
            self.pauses[reason] += seconds
        self.work = self.work + other.work
        self.menu.update(other.menu)
        self.to_send.update(other.to_send)
        self.outcomes.update(other.outcomes)

    def figures(self) -> dict[str, Any]:
        """Return the figures by their names in documents; docs/report.md defines each."""
        found = asdict(self.tally.figures())
        elsewhere = found.pop("elsewhere")
        counts = self.tally.counts
        figures: dict[str, Any] = {"calls": self.calls}
        figures |= {name: self.menu[name] for name in (*MENU.values(), MENU_OTHER, MENU_GOING_ON)}
        figures |= {name: found.pop(name) for name in ("waited", "offered", "answered", "abandoned")}
        figures |= {outcome.value: elsewhere.get(outcome, 0) for outcome in ELSEWHERE}
        figures["still_waiting"] = self.undecided
        figures[OUTGOING] = self.menu[OUTGOING]
        figures |= {name: self.to_send[name] for name in (TO_SEND, SENT)}
        figures["answered_within"] = counts.answered_within
        figures["abandoned_within"] = counts.abandoned_within
        figures["abandoned_short"] = counts.abandoned_short
        figures |= {name: _rounded(value) for name, value in found.items()}
        figures["handling_s"] = _rounded(ratio(self.handling_s, self.handled))
        return figures | self._times() | self._outcomes()

    def _outcomes(self) -> dict[str, Any]:
        found = self.outcomes
        figures: dict[str, Any] = {name: found[name] for name in OUTCOMES if name != POINTS}
        figures["callbacks_kept_share"] = _rounded(ratio(found[KEPT], found[KEPT] + found[FAILED]))
        figures["survey_average"] = _rounded(ratio(found[POINTS], found[ANSWERS]))
        return figures

    def _times(self) -> dict[str, Any]:
        """Return operators' times; None where no operator was logged in or the times cannot be attributed."""
        spent = self.spent
        logged_in = sum(spent.values())
        work = Work(spent[OperatorState.TALKING], spent[OperatorState.WRAPPING_UP], spent[OperatorState.READY])
        return {
            "occupancy": _rounded(work.occupancy),
            "talking_s": _rounded(work.talking_s) if logged_in else None,
            "wrapping_up_s": _rounded(work.wrapping_up_s) if logged_in else None,
            "ready_s": _rounded(work.ready_s) if logged_in else None,
            "ringing_s": _rounded(spent[OperatorState.OFFERED]) if logged_in else None,
            "paused_s": _rounded(spent[OperatorState.PAUSED]) if logged_in else None,
            "logged_in_s": _rounded(logged_in) if logged_in else None,
        }


_STATES = {state.value: state for state in OperatorState}

_CurrentState = tuple[int, str, str, str]
"""When an operator's state began (microseconds since 1970), the state, its call, and the reason for a pause."""

_Spent = defaultdict[int, defaultdict[str, int]]
"""Microseconds in each state by quarters of an hour since 1970; quarter 0 where times are not asked for."""


class Groups:
    """Groups of calls and operators' times, counted in chronological order.

    `by`: one or two groupings; `now`: the end of everything in progress. By language, country or topic, only the
    total has operators' times, since an operator serves several at once. Besides the groups, the ids of the last two
    parts' calls are in memory.
    """

    def __init__(self, by: Sequence[By], period: Period, limits: Limits, now: datetime) -> None:
        self.by = tuple(by)
        self._limits = limits
        self._local = LocalTime(period.zone)
        self._begins, self._ends, self._now = (_micros(at) for at in (period.begins, period.ends, now))
        self._groups: dict[Key, Group] = {}
        self._no_key = Group(limits)  # operators' times that only the total has
        self._current: dict[str, _CurrentState] = {}
        self._spent: _Spent = defaultdict(lambda: defaultdict(int))
        self._calls: dict[str, Key] = {}
        self._calls_before: dict[str, Key] = {}
        self._keys: dict[tuple[By, int], str] = {}  # by quarters of an hour since 1970
        self._first: dict[str | None, int] = {}

    @property
    def attributes(self) -> list[str]:
        """The attributes by which calls must be grouped before they are added."""
        return [name for name in ATTRIBUTES if name in self.by]

    @property
    def by_time(self) -> bool:
        """Whether calls must be grouped by quarters of an hour before they are added."""
        return bool({*self.by} & {*TIMES})

    def add_calls(self, calls: Iterable[WaitedCalls]) -> None:
        """Count the calls of a part of the period. Their operators' states may be added from now on, and after the next
        part's calls as well."""
        self._calls_before, self._calls = self._calls, {}
        for some in calls:
            key = self._key(some.group)
            # Several operators may have talked: `credit` adds who did, and for how long.
            self._group(key).add_calls(some, talks=self.by != (By.OPERATOR,))
            self._calls |= dict.fromkeys(some.ids, key)

    def add_menu_calls(self, calls: Iterable[MenuCalls]) -> None:
        for some in calls:
            self._group(self._key(some.group)).add_menu_calls(some)

    def add_send_requests(self, requests: Iterable[SendRequests]) -> None:
        for some in requests:
            self._group(self._key(some.group)).add_send_requests(some)

    def add_outcomes(self, counts: Iterable[OutcomeCount]) -> None:
        for some in counts:
            self._group(self._key(some.group)).outcomes[some.what] += some.number

    def add_states(self, found: OperatorStates) -> None:
        """Count an operator's states, which follow those that were added before; the last one once it has ended."""
        before = self._current.get(found.operator)
        at, states, calls, reasons = [*found.at_us], [*found.states], [*found.calls], [*found.reasons]
        if before is not None:
            at.insert(0, before[0])
            states.insert(0, before[1])
            calls.insert(0, before[2])
            reasons.insert(0, before[3])
        self._count_wrap_ups(found.operator, at, states, calls)
        self._current[found.operator] = (at[-1], states[-1], calls[-1], reasons[-1])
        self._count_states(found.operator, at, states, reasons)

    def credit(self, works: Mapping[str, OperatorWork]) -> None:
        """Add operators' conversations and offers, in a report by operator."""
        for operator, work in works.items():
            group = self._group((operator,))
            group.work = group.work + work
            group.handled += work.over
            group.handling_s += work.talked_s

    def expect(self, keys: Iterable[str]) -> None:
        """Add a row for each key, even if nothing is counted there."""
        for key in keys:
            self._group((key,))

    def finish(self) -> None:
        """Count each operator's last state until now; call it after everything has been added."""
        for operator, (since, state, call, reason) in self._current.items():
            at = [since, max(since, self._now)]
            self._count_wrap_ups(operator, at, [state], [call])
            self._count_states(operator, at, [state], [reason])
        self._add_spent(self._spent, None)
        self._current.clear()

    @property
    def rows(self) -> list[tuple[Key, Group]]:
        """Keys and groups, in chronological order or by the number of calls, largest first; no key comes last."""
        calls: Counter[tuple[int, str | None]] = Counter()
        for key, group in self._groups.items():
            calls.update(dict.fromkeys(enumerate(key), group.calls))

        def order(place: int, part: str | None) -> Any:
            by = self.by[place]
            if by in TIMES:
                return part if by is By.HOUR_OF_DAY else self._first[part]
            return part is None, 0 if by is By.OPERATOR else -calls[place, part], part or ""

        return sorted(self._groups.items(), key=lambda row: [order(*part) for part in enumerate(row[0])])

    @property
    def total(self) -> Group:
        """The sum of all groups."""
        total = Group(self._limits)
        for group in (*self._groups.values(), self._no_key):
            total.add(group)
        return total

    def _group(self, key: Key) -> Group:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self._limits)
        return group

    def _key(self, group: CallGroup) -> Key:
        return tuple(
            self._time_key(by, group.quarter or 0) if by in TIMES else getattr(group, by.value) for by in self.by
        )

    def _count_wrap_ups(self, operator: str, at: Sequence[int], states: Sequence[str], calls: list[str]) -> None:
        """Count the handling of the report's calls after the conversations. Sets the calls of wrap-ups."""
        handling: defaultdict[Key, int] = defaultdict(int)
        wrapping_up, last = OperatorState.WRAPPING_UP.value, len(at) - 1
        for place in [place for place, state in enumerate(states) if state == wrapping_up]:
            call = calls[place] = calls[max(place - 1, 0)]
            if call and place < last:
                key = self._calls.get(call) or self._calls_before.get(call)
                if key is not None:
                    handling[key] += max(0, min(at[place + 1], self._now) - at[place])
        for key, time in handling.items():
            # Wrap-up counts for the operator who does it, not for the one who had the call first.
            self._group((operator,) if self.by == (By.OPERATOR,) else key).handling_s += time / _US

    def _count_states(self, operator: str, at: Sequence[int], states: Sequence[str], reasons: Sequence[str]) -> None:
        """Count the time of all states but the last, each in the hours or days in which it falls."""
        if at[0] < self._begins or at[-1] > self._ends:
            at = [min(max(instant, self._begins), self._ends) for instant in at]
        own = By.OPERATOR in self.by
        spent: _Spent = defaultdict(lambda: defaultdict(int)) if own else self._spent
        here, away = spent[0], OperatorState.AWAY.value
        limit = 0 if self.by_time else self._ends
        for begin, end, state in zip(at, at[1:], states, strict=False):
            if state == away:
                continue
            if begin >= limit:
                here, limit = spent[begin // _QUARTER_US], (begin // _QUARTER_US + 1) * _QUARTER_US
            while end > limit:
                here[state] += limit - begin
                begin, here, limit = limit, spent[limit // _QUARTER_US], limit + _QUARTER_US
            here[state] += end - begin
        if own:
            self._add_spent(spent, operator)
        if self.by == (By.OPERATOR,):
            for begin, end, state, reason in zip(at, at[1:], states, reasons, strict=False):
                if state == OperatorState.PAUSED and begin < end:
                    self._group((operator,)).pauses[reason or state] += (end - begin) / _US

    def _add_spent(self, spent: "_Spent", operator: str | None) -> None:
        """Add operators' times by quarters of an hour to the groups that they count in."""
        of_a_key = {*self.by} <= {By.OPERATOR, *TIMES}
        for quarter, times in spent.items():
            if not any(times.values()):
                continue
            if of_a_key:
                key = (operator if by is By.OPERATOR else self._time_key(by, quarter) for by in self.by)
                counted = self._group(tuple(key)).spent
            else:
                counted = self._no_key.spent
            for state, time in times.items():
                counted[_STATES[state]] += time / _US

    def _time_key(self, by: By, quarter: int) -> str:
        key = self._keys.get((by, quarter))
        if key is None:
            key = self._keys[by, quarter] = self._name_time(by, quarter)
            self._first[key] = min(quarter, self._first.get(key, quarter))
        return key

    def _name_time(self, by: By, quarter: int) -> str:
        local = self._local
        if by is By.DAY:
            return local.day(quarter)
        if by is By.HOUR_OF_DAY:
            return f"{local.hour_of_day(quarter):02}:00"
        minute = local.minute(quarter) // 30 * 30 if by is By.HALF_HOUR else 0
        again = local.again(quarter)
        time = f"{local.day(quarter)} {local.hour_of_day(quarter):02}:{minute:02}"
        return f"{time} ({again})" if again else time


def _micros(at: datetime) -> int:
    """Return the microseconds since 1970, exactly."""
    return (at - _1970) // timedelta(microseconds=1)


def _rounded(value: float | None) -> float | None:
    """Return a figure rounded to a microsecond, the database's resolution."""
    return None if value is None else round(value, 6)
