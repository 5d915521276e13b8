"""Why a caller and an operator were brought together, and the smallest changes that would have decided otherwise."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from routing.match import BusyOperator, OtherCaller, OtherOperator, Reason, ago
from routing.pools import Choice
from routing.queues import Place, Queue
from routing.states import Operator

if TYPE_CHECKING:
    from routing.engine import Engine, Turn

_CLEARLY_S = 0.001
"""Changes are told to the millisecond, a little more than what is needed."""

_SMALL, _LOOKED_AT, _LOOKED_AT_ON_A_LARGE_FLOOR = 200, 40, 3
_QUEUES = 32
"""So many operators, and queues of those who might have got him instead, are looked at for the busy operator at most.
On a floor of more than `_SMALL` operators these are few, and doubt is not looked into, since a decision has to be made
in time: nobody is named more often there."""


def reason_of(engine: "Engine", turn: "Turn", choice: Choice, now: float) -> Reason:
    """The reason of the pair that is being made; afterwards the operator counts as taken."""
    (_, since, call), queue = turn.key, turn.queue
    operator, waiting = engine.staff.operator(choice.operator), engine.queues.waiting(call)
    step, index = queue.step, engine.queues.index(call)
    mine = list(engine.queues.which(operator))
    ahead, before = _ahead(engine, turn, now)
    who_could = engine.staff.idle_who_can(step)
    other_caller = _other_caller(engine, turn, choice, mine, now)
    busy = _busy_operator(engine, turn, choice, before, now) if step.operator is None else None
    engine.staff.take(choice.operator)
    instead = engine.staff.best(step, engine.yields(queue, since, now)) if who_could > 1 else None
    return Reason(
        waited_s=round(now - since, 3),
        callers_ahead=ahead,
        callers_he_could_serve=sum(len(each.callers) for each in mine),
        idle_s=round(now - choice.since, 3),
        operators_who_could=who_could,
        step=index,
        language=step.language,
        level=choice.price.level,
        topic=step.topic,
        steps=len(waiting.steps),
        price=choice.price,
        head_start_s=round(engine.head_start(step.language), 3),
        late=since < now - engine.policy.target_s,
        priority=queue.priority,
        other_caller=other_caller,
        other_operator=None
        if instead is None
        else OtherOperator(instead.operator, instead.price, round(now - instead.since, 3)),
        busy_operator=busy,
        excluded_operator=step.excluded_operator,
    )


def _ahead(engine: "Engine", turn: "Turn", now: float) -> tuple[int, set[str]]:
    """How many have a lower key, and the languages that they need: everybody by arrival, language by language."""
    key_of, (mine, *me), found = engine.policy.key, turn.key, 0
    languages: set[str] = set()
    place = tuple(me)
    border = (now - engine.policy.target_s,)
    for language, priority, places in engine.queues.arrivals():
        head_start = engine.head_start(language)
        first = bisect_left(places, border)
        for late, start, end in ((True, 0, first), (False, first, len(places))):
            if start == end:
                continue
            # Near the place; the comparison with the key itself is exact where rounding is not.
            at = bisect_left(places, (mine - key_of(0.0, head_start, priority, late),), start, end)
            while at > start:
                key = key_of(places[at - 1][0], head_start, priority, late)
                if key < mine or (key == mine and places[at - 1] < place):
                    break
                at -= 1
            while at < end:
                key = key_of(places[at][0], head_start, priority, late)
                if key > mine or (key == mine and places[at] >= place):
                    break
                at += 1
            if at > start:
                found += at - start
                languages.add(language)
    return found, languages


def _busy_operator(engine: "Engine", turn: "Turn", choice: Choice, before: set[str], now: float) -> BusyOperator | None:
    """One who is on duty and not idle, and would have been taken, had he been. `before`: the languages of the callers
    before this one, who must not have got him instead."""
    staff, queue = engine.staff, turn.queue
    language, large = queue.step.language, len(staff) > _SMALL
    if large and language in before:
        return None
    yields = engine.yields(queue, turn.key[1], now)
    most = _LOOKED_AT_ON_A_LARGE_FLOOR if large else _LOOKED_AT
    found = staff.busy_before(choice, queue.step, yields, before - {language}, most)
    if found is None:
        return None
    operator = staff.operator(found.operator)
    if staff.lowers_others(operator, language):
        if large:
            return None
        beside = staff.best_beside(queue.step, yields, operator)
        if beside is None or not (found.price.total, *found[1:]) < (beside.price.total, *beside[1:]):
            return None
    if language in before and not _nobody_before(engine, turn, operator, now):
        return None
    return BusyOperator(found.operator, staff.state(found.operator), found.price, ago(now, found.since))


def _nobody_before(engine: "Engine", turn: "Turn", operator: Operator, now: float) -> bool:
    """Whether it is certain that nobody before him would have got this operator, who is not idle, if he were."""
    border, kept = now - engine.policy.target_s, engine.staff.would_be_kept(operator)
    for looked, queue in enumerate(engine.queues.which(operator)):
        if looked == _QUEUES:
            return False
        for (since, call), late in heads(queue.callers, turn.key[2], border):
            if (engine.key(queue, since, late), since, call) < turn.key and not (
                kept and engine.yields(queue, since, now)
            ):
                return False
    return True


def _other_caller(
    engine: "Engine", turn: "Turn", choice: Choice, queues: list[Queue], now: float
) -> OtherCaller | None:
    """Of those whom the operator could serve, the one who has to come the least earlier to get him."""
    kept = engine.staff.is_kept(engine.staff.operator(choice.operator))
    mine, call, border = turn.key[0], turn.key[2], now - engine.policy.target_s
    ranked = sorted(zip(engine.fronts(queues), range(len(queues)), strict=True))
    best: tuple[float, str] | None = None
    found: tuple[Queue, Place, bool] | None = None
    for key, at in ranked:
        if best is not None and key - mine > best[0]:
            break
        queue = queues[at]
        for place, late in heads(queue.callers, call, border):
            needed, held = _earlier(engine, mine, queue, place, late, kept, now)
            if best is None or (needed, place[1]) < best:
                best, found = (needed, place[1]), (queue, place, held)
    if best is None or found is None:
        return None
    (queue, (since, other), held), earlier = found, math.ceil(best[0] / _CLEARLY_S + 1) * _CLEARLY_S
    earlier = round(earlier, 3)
    waiting, moved = engine.queues.waiting(other), since - earlier
    if engine.queues.step_if_since(waiting, moved, now) != queue.step:
        return None
    late = moved < now - engine.policy.target_s
    if not (engine.key(queue, moved, late), moved, other) < turn.key:
        return None
    got = engine.staff.best(queue.step, engine.yields(queue, moved, now))
    return OtherCaller(other, earlier, held) if got is not None and got.operator == choice.operator else None


def heads(callers: list[Place], call: str, late_before: float) -> Iterator[tuple[Place, bool]]:
    """The first of those who are late and of those who are not, but for the caller `call`."""
    border = bisect_left(callers, (late_before,))
    for late, at, end in ((True, 0, border), (False, border, len(callers))):
        if at < end and callers[at][1] == call:
            at += 1
        if at < end:
            yield callers[at], late


def _earlier(
    engine: "Engine", mine: float, queue: Queue, place: Place, late: bool, kept: bool, now: float
) -> tuple[float, bool]:
    """By how much earlier a caller has to come to be before the key `mine` and not to be held; and whether he is held
    now. `kept`: the operator is, for a rare language."""
    policy, (since, _) = engine.policy, place
    held = kept and engine.yields(queue, since, now)
    needed = max(0.0, engine.key(queue, since, late) - mine)
    if not late and since - needed - _CLEARLY_S < now - policy.target_s:
        needed += policy.passing  # coming so early he would be late, and yield
    if held:
        needed = max(needed, since - (now - policy.hold_s))
    return needed, held
