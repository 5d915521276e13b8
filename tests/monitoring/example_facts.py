"""Facts of a line in which everything that can be told is there, so that every metric exists."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cli.monitoring.facts import Facts, ProcessFacts
from cli.processes.check import Check
from cli.processes.status import LineStatus
from cli.processes.troubles import JournalState
from cli.speech.state import Doing as Transcribing
from cli.speech.state import State
from db.delivery import Lag
from db.delivery_state import Heartbeat
from db.enums import Outcome
from ivr.api.figures import OTHER, AnswerTimes, Figures, Waiting
from ivr.records.call_counts import ANSWER_S
from ivr.records.limit_counts import Limit
from prompts.progress import Doing, Progress
from routing.states import OfferState, OperatorState

LANGUAGES, NUMBERS = ("fr", "ar"), ("+33800212000", "+31800212002")
SERVES = (Check("processes", True, True, "Asterisk and the controller run"),)


def figures(**fields: Any) -> dict[str, Any]:
    """Return what the controller tells."""
    outcomes = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    found = Figures(
        began=1.8e9,
        ari=True,
        ami=True,
        open=True,
        flow="0123456789ab",
        calls={"menu": 1, "talking": 2},
        calls_by_language={"fr": 3},
        waiting={
            "fr": Waiting(callers=1, longest_s=42.0),
            "ar": Waiting(callers=0, longest_s=0),
        },
        ended={name: dict(outcomes) for name in (*LANGUAGES, OTHER)} | {"fr": outcomes | {"answered": 7}},
        numbers={name: dict(outcomes) for name in (*NUMBERS, OTHER)},
        answer_s=list(ANSWER_S),
        answers={
            "fr": AnswerTimes(classes=[3, 2, 1, 0, 0, 0, 0, 0, 0, 1], seconds=1500.0),
            "ar": AnswerTimes(classes=[0] * 10, seconds=0.0),
        },
        offers={state.value: 0 for state in OfferState if state is not OfferState.RINGING} | {"no_answer": 2},
        operators={state.value: 0 for state in OperatorState} | {"ready": 4},
        ready={"fr": 4, "ar": 0},
        refused={"number": 0, "source": 1, "all": 0},
        limits={limit.value: 0 for limit in Limit} | {"menus": 2},
        telephone_refusals=5,
        journal_waiting=3,
        journal_dropped=0,
    )
    return found.model_copy(update=fields).model_dump()


def status(*checks: Check) -> LineStatus:
    """Return the status of a line with these checks."""
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    return LineStatus(
        all(check.ok for check in checks if check.fatal),
        checks,
        JournalState(Heartbeat(7, now, 1234, 2, None), Lag(9, 900, 1.5)),
        Progress(Doing.SPEAKING, "fr", 30, 400, 12.0, 600.0, {"nl": "the texts are too long"}),
        State(Transcribing.TRANSCRIBING, None, 3, 40, 1),
        {
            "drained": None,
            "prompts": {"menus": {"fr": 2}, "others": {}, "builds": True},
            "probe": {"at": 1.8e9, "number": NUMBERS[0], "answered_s": 0.021, "fault": None},
        },
    )


def facts(*checks: Check, **fields: Any) -> Facts:
    """Return the facts of a line that serves calls, or of one with these checks."""
    made = Facts(
        version="0.1.0",
        node="node1",
        status=status(*(checks or SERVES)),
        figures=figures(),
        processes={"ivr": ProcessFacts(True, 1.8e9, 12.5, 90_000_000), "desk": ProcessFacts(False)},
        counts={
            "guard": {"channels_taken": 1, "asterisk_kills": 0},
            "gate": {"telephones": 6, "refused_403": 1, "loop_age_s": 3.0, "asterisk_refuses": 0},
            "desk": {
                "browsers": 12,
                "picture_age_s": 4.0,
                "figures_age_s": 9.0,
                "failing_parts": 0,
                "reading_alarms": 1,
                "answers_2xx": 90,
                "answers_5xx": 0,
            },
        },
        disk_free=5 * 2**30,
        read_s=0.04,
    )
    return replace(made, **fields)
