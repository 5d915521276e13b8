"""The floor's answers to questions about callers and operators."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from ivr.model import floor_protocol
from routing.callers_ahead import callers_ahead
from routing.engine import Engine
from routing.estimate import Estimates
from routing.match import Step, Waiting, step_at
from routing.states import Operator, OperatorState

_BUSY = (OperatorState.READY, OperatorState.OFFERED, OperatorState.TALKING, OperatorState.WRAPPING_UP)


def queue(
    identity: str, engine: Engine, callers: Iterable[Waiting], silent: Collection[str], now: float
) -> floor_protocol.Queue:
    """Return the queue. If nobody on duty meets any step, the step is the one that would apply otherwise."""
    steps = [(caller, _step_of(engine, caller, now)) for caller in callers]
    return floor_protocol.Queue(
        identity,
        tuple(
            floor_protocol.QueuedCall(caller.call, caller.since, step.language, step.topic, caller.call in silent)
            for caller, step in steps
        ),
    )


def _step_of(engine: Engine, caller: Waiting, now: float) -> Step:
    step = engine.queues.step_of(caller, now)
    if engine.staff.can_meet(step):
        return step
    return caller.steps[step_at(caller.steps, now - caller.since - caller.before)[0]]


def outlook(
    identity: str,
    languages: Iterable[str],
    engine: Engine,
    estimates: Estimates,
    callers: Iterable[Waiting],
    now: float,
) -> floor_protocol.Outlook:
    """Return how long a caller who came now would wait in each language, behind everybody who waits."""
    ahead = Counter(_step_of(engine, caller, now).language for caller in callers)
    found: list[tuple[str, float | None]] = []
    for language in languages:
        if not ahead[language] and engine.staff.anybody_idle(Step(language)):
            found.append((language, 0.0))
        else:
            found.append((language, estimates.locate("", language, ahead, now, aloud=False).estimate.seconds))
    return floor_protocol.Outlook(identity, tuple(found))


def position(
    asked: floor_protocol.AskPosition, engine: Engine, estimates: Estimates, now: float
) -> floor_protocol.Position:
    """Return the position of a caller who waits, and the expected wait."""
    language, before = callers_ahead(engine.ranking, asked.call, now)
    place = estimates.locate(asked.call, language, before, now, aloud=asked.aloud)
    return floor_protocol.Position(asked.call, place.position, place.estimate, engine.staff.spoken)


def who_is_free(call: str, asked: Iterable[str], operators: Mapping[str, Operator]) -> floor_protocol.WhoIsFree:
    """Return which of these operators are idle, the longest idle first, and which will be after what they are doing."""
    known = [operators[identity] for identity in asked if identity in operators]
    idle = sorted((operator for operator in known if operator.is_idle), key=lambda operator: operator.since)
    free_later = [
        operator.id
        for operator in known
        if operator.state in _BUSY and not operator.is_idle and operator.pause_after is None
    ]
    return floor_protocol.WhoIsFree(call, tuple(operator.id for operator in idle), tuple(free_later))
