"""A group of calls in a report: its counts and its figures."""

from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from db.enums import OperatorState, Outcome
from db.report import SENT, TO_SEND
from db.report_cases import ANSWERS, FAILED, KEPT, OUTCOMES, POINTS
from db.report_operators import OperatorWork
from routing.figures import Limits, Tally, Work, ratio

ELSEWHERE = (Outcome.CALLBACK, Outcome.MESSAGE, Outcome.CLOSED, Outcome.SELF_SERVED)
"""Outcomes of waits that end without an operator but do not count as abandoned."""

MENU = {
    Outcome.LEFT_MENU: "ivr_left_menu",
    Outcome.SELF_SERVED: "ivr_self_served",
    Outcome.CLOSED: "ivr_closed",
    Outcome.MESSAGE: "ivr_message",
    Outcome.CALLBACK: "ivr_callback",
}
"""Outcomes of calls that never waited for an operator, and the figures that count them."""
MENU_OTHER, MENU_GOING_ON, OUTGOING = "ivr_other", "ivr_going_on", "outgoing"


class Group:
    """The counts of one key.

    `spent`: operators' seconds in each state; `undecided`: calls that still wait; `handled`, `handling_s`: the number
    and total talking time of conversations that are over and of known length, with wrap-up; `pauses`: seconds by
    reason; `counted`: by the name of their figure calls that never waited, outgoing ones, and requests for a procedure
    of the guide in writing; cases, call-backs and answers of the survey by their names in `db.report_cases`.
    """

    def __init__(self, limits: Limits) -> None:
        self.tally = Tally(limits)
        self.spent: defaultdict[OperatorState, float] = defaultdict(float)
        self.undecided = 0
        self.handled = 0
        self.handling_s = 0.0
        self.pauses: defaultdict[str, float] = defaultdict(float)
        self.work = OperatorWork()
        self.counted: defaultdict[str, int] = defaultdict(int)

    @property
    def calls(self) -> int:
        """The number of incoming calls."""
        tally = self.tally
        waited = len(tally.waits) + len(tally.abandoned_waits) + sum(tally.elsewhere.values()) + self.undecided
        return waited + self._in_menu

    @property
    def _in_menu(self) -> int:
        return sum([self.counted.get(name, 0) for name in _IN_MENU])

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
        for name, number in other.counted.items():
            self.counted[name] += number

    def figures(self) -> dict[str, Any]:
        """Return the figures by their names in documents; docs/report.md defines each."""
        figures = _NONE.copy()  # by half-hour, a year has thousands of groups, most of them with little in them
        counted, tally = self.counted, self.tally
        if counted:
            figures |= counted
            points, answers = figures.pop(POINTS, 0), figures[ANSWERS]
            shares = ratio(figures[KEPT], figures[KEPT] + figures[FAILED]), ratio(points, answers)
            figures |= _rounded(("callbacks_kept_share", "survey_average"), shares)
        if tally.waits or tally.abandoned_waits or tally.elsewhere:
            found, counts = tally.figures_and_counts()
            figures |= found.elsewhere
            figures |= zip(_OF_WAITS, _waits(found), strict=True)
            figures["answered_within"] = counts.answered_within
            figures["abandoned_within"] = counts.abandoned_within
            figures["abandoned_short"] = counts.abandoned_short
            figures |= _rounded(_RATIOS, _ratios(found))
        figures["still_waiting"] = self.undecided
        figures["calls"] = figures["waited"] + self.undecided + (self._in_menu if counted else 0)
        if self.handled:
            figures["handling_s"] = round(self.handling_s / self.handled, 6)
        if self.spent:
            figures |= self._times()
        return figures

    def _times(self) -> dict[str, Any]:
        """Return operators' times; None where no operator was logged in or the times cannot be attributed."""
        spent = self.spent
        logged_in = sum(spent.values())
        if not logged_in:
            return _NO_TIMES
        work = Work(spent[OperatorState.TALKING], spent[OperatorState.WRAPPING_UP], spent[OperatorState.READY])
        times = (
            work.occupancy, work.talking_s, work.wrapping_up_s, work.ready_s,
            spent[OperatorState.OFFERED], spent[OperatorState.PAUSED], logged_in,
        )  # fmt: skip
        return _rounded(_TIMES, times)


_IN_MENU = (*MENU.values(), MENU_OTHER, MENU_GOING_ON)
_OF_WAITS = ("waited", "offered", "answered", "abandoned")
_RATIOS = (
    "service_level_offered", "service_level_without_short", "service_level_by_target", "abandonment",
    "average_speed_of_answer_s", "wait_p50_s", "wait_p90_s", "wait_p99_s", "longest_wait_s",
)  # fmt: skip
_TIMES = ("occupancy", "talking_s", "wrapping_up_s", "ready_s", "ringing_s", "paused_s", "logged_in_s")
_NO_TIMES = dict.fromkeys(_TIMES)
_NONE: dict[str, Any] = {
    **dict.fromkeys(("calls", *_IN_MENU, *_OF_WAITS, *map(str, ELSEWHERE), "still_waiting"), 0),
    **dict.fromkeys((OUTGOING, TO_SEND, SENT, "answered_within", "abandoned_within", "abandoned_short"), 0),
    **dict.fromkeys((*_RATIOS, "handling_s")),
    **_NO_TIMES,
    **dict.fromkeys((name for name in OUTCOMES if name != POINTS), 0),
    **dict.fromkeys(("callbacks_kept_share", "survey_average")),
}
"""The figures of a group in which there is nothing, in the order of documents."""
_waits, _ratios = attrgetter(*_OF_WAITS), attrgetter(*_RATIOS)


def _rounded(names: Sequence[str], values: Sequence[float | None]) -> dict[str, float | None]:
    """Return figures rounded to a microsecond, the database's resolution."""
    return {name: None if value is None else round(value, 6) for name, value in zip(names, values, strict=True)}
