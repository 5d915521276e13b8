"""Pairing as Hatif did it before it had an engine: everybody is sorted and looked at for each event."""

from collections.abc import Iterable

from routing.match import Waiting, may_serve, step_at
from routing.states import Operator, OperatorState


def decide(waiting: Iterable[Waiting], operators: Iterable[Operator], now: float) -> list[tuple[str, str]]:
    """Return pairs of call and operator: the longest-waiting caller, the longest-idle operator."""
    idle = sorted((o for o in operators if o.state is OperatorState.READY), key=lambda o: (o.since, o.id))
    queue = sorted(waiting, key=lambda caller: (-caller.priority, caller.since, caller.call))
    steps = [caller.steps[step_at(caller.steps, now - caller.since)[0]] for caller in queue]
    pairs = []
    for place, (caller, step) in enumerate(zip(queue, steps, strict=True)):
        if not idle:
            break
        fit = [operator for operator in idle if may_serve(operator, step)]
        if not fit:
            continue
        idle.remove(fit[0])
        sum(may_serve(fit[0], other) for other in steps[place:])  # for the reason
        pairs.append((caller.call, fit[0].id))
    return pairs
