"""Calls and operators' times as a report counts them: by what they are grouped, and what a group adds up to."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from db.enums import OperatorState, Outcome
from db.report import MenuCall, StateChange, TalkedCall, WaitedCall
from db.report_operators import OperatorWork
from routing.figures import Limits, Tally, Work, ratio

Key = tuple[str | None, ...]
"""A value for each of what is grouped by."""


class By(StrEnum):
    DAY = "day"
    HOUR = "hour"
    HALF_HOUR = "half-hour"
    HOUR_OF_DAY = "hour-of-day"
    LANGUAGE = "language"
    COUNTRY = "country"
    TOPIC = "topic"
    OPERATOR = "operator"


ELSEWHERE = (Outcome.CALLBACK, Outcome.MESSAGE, Outcome.CLOSED, Outcome.SELF_SERVED)
"""How a wait ends without an operator and is not abandoned all the same."""

TIMES = (By.DAY, By.HOUR, By.HALF_HOUR, By.HOUR_OF_DAY)

_QUARTER_S = 900
"""Since 2000 every zone is off UTC by a multiple of this, so no hour or day begins within one."""

MENU = {
    Outcome.LEFT_MENU: "ivr_left_menu",
    Outcome.SELF_SERVED: "ivr_self_served",
    Outcome.CLOSED: "ivr_closed",
    Outcome.MESSAGE: "ivr_message",
    Outcome.CALLBACK: "ivr_callback",
}
"""How calls end that never waited for an operator, and the figures that count them."""
MENU_OTHER, MENU_GOING_ON, OUTGOING = "ivr_other", "ivr_going_on", "outgoing"

_OF_CALL: dict[By, Callable[[WaitedCall | TalkedCall | MenuCall], str | None]] = {
    By.LANGUAGE: lambda call: call.language,
    By.COUNTRY: lambda call: call.country,
    By.TOPIC: lambda call: call.topic,
    By.OPERATOR: lambda call: call.operator,
}


@dataclass(frozen=True, slots=True)
class Period:
    """From `begins` to before `ends`; days and hours are those of `zone`."""

    begins: datetime
    ends: datetime
    zone: ZoneInfo


class Group:
    """What has one key. `spent`: operators' seconds in each state. `undecided`: calls that still wait."""

    def __init__(self, limits: Limits) -> None:
        self.tally = Tally(limits)
        self.spent: defaultdict[OperatorState, float] = defaultdict(float)
        self.undecided = 0
        self.handled = 0  # calls whose conversation is over, and its length known
        self.handling_s = 0.0
        self.pauses: defaultdict[str, float] = defaultdict(float)  # seconds by reason
        self.work = OperatorWork()
        self.menu: Counter[str] = Counter()  # calls that never waited, and our own, by the name of the figure

    @property
    def calls(self) -> int:
        """All calls that came in."""
        tally = self.tally
        waited = len(tally.waits) + len(tally.abandoned_waits) + tally.elsewhere.total() + self.undecided
        return waited + self.menu.total() - self.menu[OUTGOING]

    def menu_call(self, call: MenuCall) -> None:
        if call.outgoing:
            self.menu[OUTGOING] += 1
        elif call.outcome is None:
            self.menu[MENU_GOING_ON] += 1
        else:
            self.menu[MENU.get(Outcome(call.outcome), MENU_OTHER)] += 1

    def call(self, call: WaitedCall) -> None:
        if call.answered:
            self.tally.add_answered(call.waited_s or 0.0)
            if call.talked_s is not None:
                self.handled += 1
                self.handling_s += call.talked_s
        elif call.outcome is None or call.waited_s is None:
            self.undecided += 1
        elif call.outcome in ELSEWHERE:
            self.tally.add_elsewhere(call.outcome)
        else:  # whatever the cause, such as a fault: he waited and got nobody
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

    def figures(self) -> dict[str, Any]:
        """By the names of the documents that `hatif report` gives; docs/report.md says what each means."""
        found = asdict(self.tally.figures())
        elsewhere = found.pop("elsewhere")
        counts = self.tally.counts
        figures: dict[str, Any] = {"calls": self.calls}
        figures |= {name: self.menu[name] for name in (*MENU.values(), MENU_OTHER, MENU_GOING_ON)}
        figures |= {name: found.pop(name) for name in ("waited", "offered", "answered", "abandoned")}
        figures |= {outcome.value: elsewhere.get(outcome, 0) for outcome in ELSEWHERE}
        figures["still_waiting"] = self.undecided
        figures[OUTGOING] = self.menu[OUTGOING]
        figures["answered_within"] = counts.answered_within
        figures["abandoned_within"] = counts.abandoned_within
        figures["abandoned_short"] = counts.abandoned_short
        figures |= {name: _rounded(value) for name, value in found.items()}
        figures["handling_s"] = _rounded(ratio(self.handling_s, self.handled))
        return figures | self._times()

    def _times(self) -> dict[str, Any]:
        """Without values where no operator was there, or nobody can say for whom."""
        spent = self.spent
        there = sum(spent.values())
        work = Work(spent[OperatorState.TALKING], spent[OperatorState.WRAPPING_UP], spent[OperatorState.READY])
        return {
            "occupancy": _rounded(work.occupancy),
            "talking_s": _rounded(work.talking_s) if there else None,
            "wrapping_up_s": _rounded(work.wrapping_up_s) if there else None,
            "ready_s": _rounded(work.ready_s) if there else None,
            "ringing_s": _rounded(spent[OperatorState.OFFERED]) if there else None,
            "paused_s": _rounded(spent[OperatorState.PAUSED]) if there else None,
            "logged_in_s": _rounded(there) if there else None,
        }


_Standing = tuple[OperatorState, float, TalkedCall | None, str | None]
"""What an operator does, since when (POSIX seconds), for which call, and why if it is a pause."""


class Groups:
    """Counts calls and operators' changes one by one, in the order of time, in memory for the groups only.

    `by`: one or two things to group by; `now`: the end of what still goes on. By language, country or topic only the
    total has operators' times: an operator is there for several at once.
    """

    def __init__(self, by: Sequence[By], period: Period, limits: Limits, now: datetime) -> None:
        self.by = tuple(by)
        self._limits = limits
        self._period = period
        self._begins, self._ends = period.begins.timestamp(), period.ends.timestamp()
        self._now = now.timestamp()
        self._groups: dict[Key, Group] = {}
        self._no_key = Group(limits)  # times that belong to the total only
        self._standing: dict[str, _Standing] = {}
        self._keys: dict[tuple[By, int], str] = {}  # by the number of a quarter of an hour since 1970
        self._first: dict[str | None, int] = {}

    def call(self, call: WaitedCall) -> None:
        if self.by == (By.OPERATOR,):
            # Several may have talked: `credit` says who, and for how long.
            call = replace(call, talked_s=None)
        self._group(self._key(call, call.queued)).call(call)

    def menu_call(self, call: MenuCall) -> None:
        self._group(self._key(call, call.started)).menu_call(call)

    def change(self, change: StateChange) -> None:
        before, call, at = self._standing.get(change.operator), change.call, change.at.timestamp()
        if before is not None:
            self._spent(change.operator, before, at)
            if change.state is OperatorState.WRAPPING_UP:
                call = before[2]
        self._standing[change.operator] = change.state, at, call, change.reason

    def credit(self, works: Mapping[str, OperatorWork]) -> None:
        """By operator: what each did with calls, whoever had answered them first."""
        for operator, work in works.items():
            group = self._group((operator,))
            group.work = group.work + work
            group.handled += work.over
            group.handling_s += work.talked_s

    def expect(self, keys: Iterable[str]) -> None:
        """These have a row, also if nothing is counted there."""
        for key in keys:
            self._group((key,))

    def finish(self) -> None:
        """All that there was has been told: what was the last state of each operator lasts until now."""
        for operator, standing in self._standing.items():
            self._spent(operator, standing, self._now)
        self._standing.clear()

    @property
    def rows(self) -> list[tuple[Key, Group]]:
        """In the order of time, or the most calls first; what has no key comes last."""
        calls: Counter[tuple[int, str | None]] = Counter()
        for key, group in self._groups.items():
            calls.update(dict.fromkeys(enumerate(key), group.calls))

        def order(place: int, part: str | None) -> Any:
            by = self.by[place]
            if by in TIMES:
                return part if by is By.HOUR_OF_DAY else self._first[part]
            return part is None, 0 if by is By.OPERATOR else -calls[place, part], part or ""

        return sorted(self._groups.items(), key=lambda each: [order(*part) for part in enumerate(each[0])])

    @property
    def total(self) -> Group:
        found = Group(self._limits)
        for group in (*self._groups.values(), self._no_key):
            found.add(group)
        return found

    def _group(self, key: Key) -> Group:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self._limits)
        return group

    def _key(self, call: WaitedCall | TalkedCall | MenuCall, came: datetime) -> Key:
        quarter = int(came.timestamp() // _QUARTER_S)
        return tuple(self._time(by, quarter) if by in TIMES else _OF_CALL[by](call) for by in self.by)

    def _spent(self, operator: str, standing: _Standing, until: float) -> None:
        """`standing` lasted until then."""
        state, since, call, reason = standing
        if state is OperatorState.AWAY:
            return
        if state is OperatorState.WRAPPING_UP and call is not None and self._counts(call):
            # The work after a call is whose it is, and not that of who had the call first.
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
        """Over the hours or days that it lasted."""
        while begin < end:
            quarter = int(begin // _QUARTER_S)
            part = min(end, float((quarter + 1) * _QUARTER_S))
            key = tuple(operator if by is By.OPERATOR else self._time(by, quarter) for by in self.by)
            self._group(key).spent[state] += part - begin
            begin = part

    def _time(self, by: By, quarter: int) -> str:
        key = self._keys.get((by, quarter))
        if key is None:
            key = self._keys[by, quarter] = self._named(by, quarter)
            self._first[key] = min(quarter, self._first.get(key, quarter))
        return key

    def _named(self, by: By, quarter: int) -> str:
        local = datetime.fromtimestamp(quarter * _QUARTER_S, UTC).astimezone(self._period.zone)
        if by is By.DAY:
            return f"{local:%Y-%m-%d}"
        if by is By.HOUR_OF_DAY:
            return f"{local:%H}:00"
        minute = local.minute // 30 * 30 if by is By.HALF_HOUR else 0
        again = f" ({local:%z})" if local.fold else ""  # when clocks are set back, an hour comes twice
        return f"{local:%Y-%m-%d %H}:{minute:02}{again}"


def _rounded(value: float | None) -> float | None:
    """To a microsecond, which is what the database has; finer than anybody shows it."""
    return None if value is None else round(value, 6)
