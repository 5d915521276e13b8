"""Calls and operators' times as a report groups and counts them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from db.enums import OperatorState, Outcome
from db.report import MenuCall, SendRequest, StateChange, TalkedCall, WaitedCall
from db.report_operators import OperatorWork
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


ELSEWHERE = (Outcome.CALLBACK, Outcome.MESSAGE, Outcome.CLOSED, Outcome.SELF_SERVED)
"""Outcomes of waits that end without an operator but do not count as abandoned."""

TIMES = (By.DAY, By.HOUR, By.HALF_HOUR, By.HOUR_OF_DAY)

_QUARTER_S = 900
"""Since 2000 every time zone's offset is a multiple of this, so no hour or day begins within a quarter."""

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

_OF_CALL: dict[By, Callable[[WaitedCall | TalkedCall | MenuCall | SendRequest], str | None]] = {
    By.LANGUAGE: lambda call: call.language,
    By.COUNTRY: lambda call: call.country,
    By.TOPIC: lambda call: call.topic,
    By.OPERATOR: lambda call: call.operator,
}


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `begins` up to, not including, `ends`; days and hours are in `zone`."""

    begins: datetime
    ends: datetime
    zone: ZoneInfo


class Group:
    """The counts of one key.

    `spent`: operators' seconds in each state; `undecided`: calls that still wait; `handled`, `handling_s`: the number
    and total talking time of conversations that are over and of known length, with wrap-up; `pauses`: seconds by
    reason; `menu`: calls that never waited, and outgoing ones, by the name of their figure; `to_send`: requests for a
    procedure of the guide in writing, by the name of their figure.
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

    @property
    def calls(self) -> int:
        """The number of incoming calls."""
        tally = self.tally
        waited = len(tally.waits) + len(tally.abandoned_waits) + tally.elsewhere.total() + self.undecided
        return waited + self.menu.total() - self.menu[OUTGOING]

    def add_menu_call(self, call: MenuCall) -> None:
        if call.outgoing:
            self.menu[OUTGOING] += 1
        elif call.outcome is None:
            self.menu[MENU_GOING_ON] += 1
        else:
            self.menu[MENU.get(Outcome(call.outcome), MENU_OTHER)] += 1

    def add_send_request(self, request: SendRequest) -> None:
        self.to_send[TO_SEND] += 1
        self.to_send[SENT] += request.sent

    def add_call(self, call: WaitedCall) -> None:
        if call.answered:
            self.tally.add_answered(call.waited_s or 0.0)
            if call.talked_s is not None:
                self.handled += 1
                self.handling_s += call.talked_s
        elif call.outcome is None or call.waited_s is None:
            self.undecided += 1
        elif call.outcome in ELSEWHERE:
            self.tally.add_elsewhere(call.outcome)
        else:  # whatever the cause, such as a fault: the caller waited and reached nobody
            self.tally.add_abandoned(call.waited_s)

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
        return figures | self._times()

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


_CurrentState = tuple[OperatorState, float, TalkedCall | None, str | None]
"""An operator's state, its beginning (POSIX seconds), its call, and the reason for a pause."""


class Groups:
    """Groups of calls and operators' times, counted one by one in chronological order; only the groups are in memory.

    `by`: one or two groupings; `now`: the end of everything in progress. By language, country or topic, only the
    total has operators' times, since an operator serves several at once.
    """

    def __init__(self, by: Sequence[By], period: Period, limits: Limits, now: datetime) -> None:
        self.by = tuple(by)
        self._limits = limits
        self._period = period
        self._begins, self._ends = period.begins.timestamp(), period.ends.timestamp()
        self._now = now.timestamp()
        self._groups: dict[Key, Group] = {}
        self._no_key = Group(limits)  # operators' times that only the total has
        self._current: dict[str, _CurrentState] = {}
        self._keys: dict[tuple[By, int], str] = {}  # by quarters of an hour since 1970
        self._first: dict[str | None, int] = {}

    def add_call(self, call: WaitedCall) -> None:
        if self.by == (By.OPERATOR,):
            # Several operators may have talked: `credit` adds who did, and for how long.
            call = replace(call, talked_s=None)
        self._group(self._key(call, call.queued)).add_call(call)

    def add_menu_call(self, call: MenuCall) -> None:
        self._group(self._key(call, call.started)).add_menu_call(call)

    def add_send_request(self, request: SendRequest) -> None:
        self._group(self._key(request, request.requested)).add_send_request(request)

    def add_change(self, change: StateChange) -> None:
        before, call, at = self._current.get(change.operator), change.call, change.at.timestamp()
        if before is not None:
            self._count_state(change.operator, before, at)
            if change.state is OperatorState.WRAPPING_UP:
                call = before[2]
        self._current[change.operator] = change.state, at, call, change.reason

    def credit(self, works: Mapping[str, OperatorWork]) -> None:
        """Add each operator's work on calls, including calls that another one answered first."""
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
        for operator, current in self._current.items():
            self._count_state(operator, current, self._now)
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

    def _key(self, call: WaitedCall | TalkedCall | MenuCall | SendRequest, at: datetime) -> Key:
        quarter = int(at.timestamp() // _QUARTER_S)
        return tuple(self._time_key(by, quarter) if by in TIMES else _OF_CALL[by](call) for by in self.by)

    def _count_state(self, operator: str, current: _CurrentState, until: float) -> None:
        """Count the time of a state that lasted until `until`."""
        state, since, call, reason = current
        if state is OperatorState.AWAY:
            return
        if state is OperatorState.WRAPPING_UP and call is not None and self._counts(call):
            # Wrap-up counts for the operator who does it, not for the one who had the call first.
            key = (operator,) if self.by == (By.OPERATOR,) else self._key(call, call.queued)
            self._group(key).handling_s += max(0.0, min(until, self._now) - since)
        begin, end = max(since, self._begins), min(until, self._ends)
        if end <= begin:
            return
        if not {*self.by} <= {By.OPERATOR, *TIMES}:
            self._no_key.spent[state] += end - begin
        elif self.by == (By.OPERATOR,):
            group = self._group((operator,))
            group.spent[state] += end - begin
            if state is OperatorState.PAUSED:
                group.pauses[reason or state.value] += end - begin
        else:
            self._spread(operator, state, begin, end)

    def _counts(self, call: TalkedCall) -> bool:
        return self._period.begins <= call.queued < self._period.ends

    def _spread(self, operator: str, state: OperatorState, begin: float, end: float) -> None:
        """Spread a time over the hours or days in which it falls."""
        while begin < end:
            quarter = int(begin // _QUARTER_S)
            part = min(end, float((quarter + 1) * _QUARTER_S))
            key = tuple(operator if by is By.OPERATOR else self._time_key(by, quarter) for by in self.by)
            self._group(key).spent[state] += part - begin
            begin = part

    def _time_key(self, by: By, quarter: int) -> str:
        key = self._keys.get((by, quarter))
        if key is None:
            key = self._keys[by, quarter] = self._name_time(by, quarter)
            self._first[key] = min(quarter, self._first.get(key, quarter))
        return key

    def _name_time(self, by: By, quarter: int) -> str:
        local = datetime.fromtimestamp(quarter * _QUARTER_S, UTC).astimezone(self._period.zone)
        if by is By.DAY:
            return f"{local:%Y-%m-%d}"
        if by is By.HOUR_OF_DAY:
            return f"{local:%H}:00"
        minute = local.minute // 30 * 30 if by is By.HALF_HOUR else 0
        again = f" ({local:%z})" if local.fold else ""  # when clocks are set back, an hour occurs twice
        return f"{local:%Y-%m-%d %H}:{minute:02}{again}"


def _rounded(value: float | None) -> float | None:
    """Return a figure rounded to a microsecond, the database's resolution."""
    return None if value is None else round(value, 6)
