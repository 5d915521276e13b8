"""The control API's figures of the line, for monitoring: plain numbers, and no caller's number among them."""

import time
from collections import Counter

from pydantic import BaseModel, Field

from db.enums import Outcome
from ivr.api.context import ControllerDep
from ivr.api.live import read_calls, read_limits, read_queue
from ivr.api.router import make_router
from ivr.asterisk.refused_calls import refused_calls
from ivr.controller.controller import Controller
from ivr.records.call_counts import ANSWER_S
from routing.states import OfferState, OperatorState

router = make_router("status")

OTHER = "other"
"""In place of a language or number that the site does not have, so that nobody outside can add figures."""


class Waiting(BaseModel):
    """The callers who wait for an operator in a language."""

    callers: int
    longest_s: float = Field(description="How long the first of them has waited.")


class AnswerTimes(BaseModel):
    """How long callers waited until an operator answered, since the controller began."""

    classes: list[int] = Field(description="How many waited as long as `answer_s` at most; the last have no limit.")
    seconds: float = Field(description="All waits together.")


class Figures(BaseModel):
    """The line in numbers. What is counted begins with the controller."""

    began: float = Field(description="When the controller began, POSIX seconds.")
    ari: bool
    ami: bool
    open: bool
    flow: str
    calls: dict[str, int] = Field(description="Calls that are up, by state.")
    calls_by_language: dict[str, int]
    waiting: dict[str, Waiting] = Field(description="By language; every language of the site is there.")
    ended: dict[str, dict[str, int]] = Field(description="Calls that have ended: language, outcome, how many.")
    numbers: dict[str, dict[str, int]] = Field(description="The same: dialled number of the site, outcome, how many.")
    answer_s: list[float] = Field(description="The upper limits of the classes of answer times.")
    answers: dict[str, AnswerTimes] = Field(description="By language.")
    offers: dict[str, int] = Field(description="Offers that have ended, by state.")
    operators: dict[str, int] = Field(description="By state.")
    ready: dict[str, int] = Field(description="Operators who can take a call now, by language.")
    refused: dict[str, int] | None = Field(description="As in `/v1/status`.")
    limits: dict[str, int] = Field(description="How often each limit on callers was reached: docs/limits.md.")
    telephone_refusals: int = Field(description="Packets that operators' telephones have refused.")
    journal_waiting: int
    journal_dropped: int


@router.get("/figures")
async def figures(controller: ControllerDep) -> Figures:
    """Return the line in numbers, for monitoring."""
    connection, counts, site = controller.connection, controller.recorder.counts, controller.site
    floor = connection.floor if connection is not None else None
    languages, numbers = site.languages, [entry.number for entry in site.number]
    calls = [call for call in read_calls(controller) if not call.test]
    operators = [known.for_others for known in floor.operators.values()] if floor is not None else []
    spoken = {entry.id: entry.languages for entry in controller.operators}
    states = Counter(operator.state for operator in operators)
    able = [operator.id for operator in operators if operator.is_idle]
    return Figures(
        began=controller.began,
        ari=floor is not None,
        ami=controller.ami.connected,
        open=controller.opening.answer().open,
        flow=controller.flows.current.name,
        calls=Counter(call.state for call in calls),
        calls_by_language=Counter(_known(call.language, languages) for call in calls),
        waiting=await _waiting(controller),
        ended=_by_name(counts.ended, languages),
        numbers=_by_name(counts.numbers, numbers),
        answer_s=list(ANSWER_S),
        answers={
            language: AnswerTimes(classes=counts.answers[language].classes, seconds=counts.answers[language].seconds)
            for language in languages
        },
        offers={state.value: counts.offers[state] for state in OfferState if state is not OfferState.RINGING},
        operators={state.value: states[state] for state in OperatorState},
        ready={language: sum(language in spoken.get(who, ()) for who in able) for language in languages},
        refused=await refused_calls(controller.ami),
        limits=read_limits(controller),
        telephone_refusals=counts.refusals,
        journal_waiting=controller.journal.waiting,
        journal_dropped=controller.journal.dropped,
    )


async def _waiting(controller: Controller) -> dict[str, Waiting]:
    """Return who waits. Every language is there, so that a rule can tell nobody from nothing known."""
    now, since = time.time(), dict[str, list[float]]()
    for entry in await read_queue(controller):
        if entry.test:
            continue
        since.setdefault(_known(entry.language, controller.site.languages), []).append(entry.since)
    return {
        language: Waiting(
            callers=len(since.get(language, ())), longest_s=max(0.0, now - min(since.get(language, (now,))))
        )
        for language in (*controller.site.languages, *(since.keys() - set(controller.site.languages)))
    }


def _by_name(counted: Counter[tuple[str, Outcome]], known: list[str] | tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Return the counts, with zeros: a counter that appears with a 1 has not increased in Prometheus' eyes."""
    found = {name: dict.fromkeys((outcome.value for outcome in Outcome), 0) for name in (*known, OTHER)}
    for (name, outcome), count in counted.items():
        found[_known(name, known)][outcome.value] += count
    return found


def _known(name: str | None, known: list[str] | tuple[str, ...]) -> str:
    return name if name is not None and name in known else OTHER
