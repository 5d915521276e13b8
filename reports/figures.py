"""The figures of a report for people: their names, their forms, and what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reports.words import N_, Words


class Kind(StrEnum):
    """The form of a figure."""

    COUNT = "count"
    SHARE = "share"  # 0 to 1
    SECONDS = "seconds"
    TIME = "time"  # seconds, written in hours and minutes
    POINTS = "points"  # 1 to 5


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, by its name in documents. `meaning` may have gaps for `within` and `short`, in seconds.

    `is_rare`: shown only where there is something to count.
    """

    name: str
    kind: Kind
    words: str
    meaning: str
    is_rare: bool = False

    def written(self, value: Any, words: Words) -> str:
        """Return a value as people read it."""
        match self.kind:
            case Kind.COUNT:
                return words.count(value)
            case Kind.SHARE:
                return words.percent(value)
            case Kind.TIME:
                return words.hours(value)
            case _:
                return words.tenths(value)


@dataclass(frozen=True, slots=True)
class Section:
    """Figures that belong together, as one table."""

    name: str
    words: str
    figures: tuple[Figure, ...]

    def shown(self, total: Mapping[str, Any]) -> Sequence[Figure]:
        """Return the figures to show in a report with this total."""
        return [figure for figure in self.figures if total.get(figure.name) or not figure.is_rare]


_C, _P, _S, _T = Kind.COUNT, Kind.SHARE, Kind.SECONDS, Kind.TIME

CALLS = Section(
    "calls",
    N_("All calls"),
    (
        Figure("calls", _C, N_("Calls"), N_("All incoming calls, each in one of the next columns.")),
        Figure("ivr_left_menu", _C, N_("Left the menu"), N_("The caller hung up in the menus.")),
        Figure("ivr_self_served", _C, N_("Self-served"), N_("The line answered without an operator.")),
        Figure("ivr_closed", _C, N_("Closed"), N_("The line was closed.")),
        Figure("ivr_message", _C, N_("Message"), N_("The caller left a message without waiting.")),
        Figure("ivr_callback", _C, N_("Call-back"), N_("The caller asked to be called back without waiting.")),
        Figure("ivr_other", _C, N_("Other"), N_("Served by the dialplan, or failed, without waiting."), True),
        Figure("ivr_going_on", _C, N_("In the menu"), N_("The call is still in the menus."), True),
        Figure("waited", _C, N_("Waited"), N_("The caller began to wait for an operator, and the wait is over.")),
        Figure("still_waiting", _C, N_("Still waiting"), N_("The caller waits now; no other figure has them."), True),
        Figure("outgoing", _C, N_("Called by us"), N_("Calls that the line made; not part of the calls."), True),
        Figure("guide_requests", _C, N_("To send"), N_("Requests for a procedure of the guide in writing."), True),
        Figure("guide_requests_sent", _C, N_("Sent"), N_("Those of these requests that were sent."), True),
    ),
)

WAITS = Section(
    "waits",
    N_("Calls that waited for an operator"),
    (
        Figure("offered", _C, N_("Offered"), N_("Answered and abandoned calls together.")),
        Figure("answered", _C, N_("Answered"), N_("An operator talked with the caller.")),
        Figure("abandoned", _C, N_("Abandoned"), N_("The caller waited and reached nobody.")),
        Figure("abandonment", _P, N_("Abandonment"), N_("Abandoned calls, of all that waited.")),
        Figure("callback", _C, N_("Call-back"), N_("The wait ended with a request to be called back.")),
        Figure("message", _C, N_("Message"), N_("The wait ended with a message.")),
        Figure("closed", _C, N_("Closed"), N_("The wait ended because the line closed.")),
        Figure("self_served", _C, N_("Self-served"), N_("The wait ended without need of an operator."), True),
    ),
)

SERVICE = Section(
    "service",
    N_("Service level and waits"),
    (
        Figure(
            "service_level_offered",
            _P,
            N_("In time"),
            N_("Service level: calls answered within %(within)s s, of those offered."),
        ),
        Figure(
            "service_level_without_short",
            _P,
            N_("In time, without short"),
            N_("The same, without the callers who hung up within %(short)s s."),
        ),
        Figure(
            "service_level_by_target",
            _P,
            N_("In time, by target"),
            N_("The same, without the callers who hung up within %(within)s s."),
        ),
        Figure(
            "average_speed_of_answer_s",
            _S,
            N_("Average wait (s)"),
            N_("Average speed of answer: seconds until caller and operator could talk, over all answered calls."),
        ),
        Figure("wait_p50_s", _S, N_("50 % within (s)"), N_("Half of the answered calls waited no longer.")),
        Figure("wait_p90_s", _S, N_("90 % within (s)"), N_("Nine in ten answered calls waited no longer.")),
        Figure("wait_p99_s", _S, N_("99 % within (s)"), N_("99 in 100 answered calls waited no longer.")),
        Figure("longest_wait_s", _S, N_("Longest wait (s)"), N_("The longest wait of an answered call.")),
    ),
)

WORK = Section(
    "work",
    N_("Operators' work"),
    (
        Figure(
            "handling_s",
            _S,
            N_("Handling time (s)"),
            N_("Talk, hold and wrap-up of an answered call, on average, of conversations that are over."),
        ),
        Figure(
            "occupancy",
            _P,
            N_("Occupancy"),
            N_("Talk and wrap-up, of talk, wrap-up and ready together; pauses and ringing are in neither."),
        ),
        Figure("talking_s", _T, N_("Talking"), N_("Time in conversations, of all operators together.")),
        Figure("wrapping_up_s", _T, N_("Wrap-up"), N_("Time of work after conversations.")),
        Figure("ready_s", _T, N_("Ready"), N_("Time in which an operator could have got a call.")),
        Figure("ringing_s", _T, N_("Ringing"), N_("Time in which an operator's telephone rang.")),
        Figure("paused_s", _T, N_("Paused"), N_("Time of pauses.")),
        Figure("logged_in_s", _T, N_("Logged in"), N_("Time in any state but away.")),
    ),
)

CASES = Section(
    "cases",
    N_("Cases, call-backs and survey"),
    (
        Figure("cases_opened", _C, N_("Cases opened"), N_("Case files that were opened.")),
        Figure("cases_closed", _C, N_("Cases closed"), N_("Case files that were closed.")),
        Figure(
            "cases_overdue",
            _C,
            N_("Cases overdue"),
            N_(
                "Case files that were not closed when they were due, which is 48 hours after a message or a failed"
                " call-back unless the site or an operator says otherwise; counted when they were due."
            ),
        ),
        Figure(
            "callback_requests",
            _C,
            N_("Call-backs wanted"),
            N_("Callers' requests to be called back, while they waited or while the line was closed."),
        ),
        Figure(
            "callbacks_kept",
            _C,
            N_("Call-backs kept"),
            N_("Those of these requests after which the caller was reached."),
        ),
        Figure(
            "callbacks_taken",
            _C,
            N_("Taken over"),
            N_("Those of these requests that an operator took over to call without the line, or has not reached yet."),
            True,
        ),
        Figure(
            "callbacks_failed",
            _C,
            N_("Call-backs failed"),
            N_("Those of these requests whose caller was not reached in time; each became a case."),
        ),
        Figure(
            "callbacks_kept_share",
            _P,
            N_("Share kept"),
            N_(
                "Call-backs kept, of those kept or failed; requests that are open, taken over or withdrawn are in"
                " neither."
            ),
        ),
        Figure("survey_answers", _C, N_("Survey answers"), N_("Answers to the questions after a call.")),
        Figure("survey_average", Kind.POINTS, N_("Survey average"), N_("Their average, from 1 to 5.")),
    ),
)

OFFERS = Section(
    "offers",
    N_("Offers and transfers"),
    (
        Figure("calls_offered", _C, N_("Offers"), N_("How often calls were offered to the operator.")),
        Figure("refused", _C, N_("Refused"), N_("Offers that the operator refused.")),
        Figure("missed", _C, N_("Missed"), N_("Offers that rang in vain.")),
        Figure("unreachable", _C, N_("Unreachable"), N_("Offers whose telephone could not be rung.")),
        Figure("conversations", _C, N_("Conversations"), N_("Conversations as the caller's operator.")),
        Figure("taken_over", _C, N_("Taken over"), N_("Conversations that another operator had before.")),
        Figure("transferred", _C, N_("Handed on"), N_("Conversations that ended with another operator.")),
        Figure("consulted", _C, N_("Consulted"), N_("Calls in which they helped a colleague.")),
        Figure("finished", _C, N_("Finished"), N_("Conversations after which the caller had no other operator.")),
    ),
)

SCORES = Section(
    "scores",
    N_("Scores"),
    (
        Figure(
            "score_sheets", _C, N_("Scored recordings"), N_("Recorded conversations that a supervisor scored."), True
        ),
        Figure(
            "score_average", Kind.POINTS, N_("Average score"), N_("The average of all criteria, from 1 to 5."), True
        ),
    ),
)

PLANNED = Figure("planned_s", _T, N_("Planned"), N_("Time for which they were planned to be on duty, until now."))

OF_CALLS = (CALLS, WAITS, SERVICE, WORK, CASES)
OF_OPERATORS = (
    Section("answered", N_("Calls answered"), (WAITS.figures[1], *SERVICE.figures[3:])),
    Section("work", N_("Operators' work"), (*WORK.figures, PLANNED)),
    OFFERS,
    SCORES,
    CASES,
)
"""For a report by operator: no call is abandoned at an operator."""

EVERY = (*OF_CALLS, Section("planned", N_("Operators' work"), (PLANNED,)), OFFERS)
"""All figures, each once."""
