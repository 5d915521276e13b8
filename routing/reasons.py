"""The reason for pairing a caller with an operator, and the smallest changes that would have changed the decision."""

import math
from bisect import bisect_left
from collections.abc import Iterator

from routing.match import BusyOperator, OtherCaller, OtherOperator, Reason, seconds_since
from routing.pools import Choice
from routing.queues import Place, Queue
from routing.ranking import Ranking, Turn
from routing.states import Operator

_RESOLUTION_S = 0.001
"""Changes are given in milliseconds, rounded up beyond what is needed."""

_SMALL, _LOOKED_AT, _LOOKED_AT_ON_A_LARGE_FLOOR = 200, 40, 3
_QUEUES = 32
"""Limits on the search for the busy operator: the number of operators, and of queues whose callers might have got that
operator instead. With more than `_SMALL` operators the limits are low and doubtful cases are not examined, because the
decision must not be late; a busy operator is named less often then."""


def reason_of(ranking: Ranking, turn: Turn, choice: Choice, now: float) -> Reason:
    """Return the reason for the pair that is being made, and mark the operator as taken."""
    (_, since, call), queue = turn.key, turn.queue
    operator, waiting = ranking.staff.operator(choice.operator), ranking.queues.waiting(call)
    step, index = queue.step, ranking.queues.index(call)
    servable = list(ranking.queues.servable_by(operator))
    ahead, before = _ahead(ranking, turn, now)
    who_could = ranking.staff.count_idle(step)
    other_caller = _other_caller(ranking, turn, choice, servable, now)
    busy = _busy_operator(ranking, turn, choice, before, now) if step.operator is None else None
    ranking.staff.take(choice.operator)
    instead = ranking.staff.best(step, ranking.yields(queue, since, now)) if who_could > 1 else None
    return Reason(
        waited_s=round(now - since, 3),
        callers_ahead=ahead,
        callers_he_could_serve=sum(len(queue.callers) for queue in servable),
        idle_s=round(now - choice.since, 3),
        operators_who_could=who_could,
        step=index,
        language=step.language,
        level=choice.price.level,
        topic=step.topic,
        steps=len(waiting.steps),
        price=choice.price,
        head_start_s=round(ranking.head_start(step.language), 3),
        late=since < now - ranking.policy.target_s,
        priority=queue.priority,
        other_caller=other_caller,
        other_operator=None
        if instead is None
        else OtherOperator(instead.operator, instead.price, round(now - instead.since, 3)),
        busy_operator=busy,
        excluded_operator=step.excluded_operator,
    )


def _ahead(ranking: Ranking, turn: Turn, now: float) -> tuple[int, set[str]]:
    """Return how many callers have a lower key, and the languages that they need."""
    key_of, (mine, *rest), count = ranking.policy.key, turn.key, 0
    languages: set[str] = set()
    place = tuple(rest)
    border = (now - ranking.policy.target_s,)
    for language, priority, places in ranking.queues.arrivals():
        head_start = ranking.head_start(language)
        first = bisect_left(places, border)
        for late, start, end in ((True, 0, first), (False, first, len(places))):
            if start == end:
                continue
            # Bisection comes close; comparing the keys themselves corrects for rounding.
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
                count += at - start
                languages.add(language)
    return count, languages


def _busy_operator(ranking: Ranking, turn: Turn, choice: Choice, before: set[str], now: float) -> BusyOperator | None:
    """Return the busy operator who would have been taken if idle; None if none is certain.

    `before`: the languages of the callers ahead, who must not have got that operator instead.
    """
    staff, queue = ranking.staff, turn.queue
    language, large = queue.step.language, len(staff) > _SMALL
    if large and language in before:
        return None
    yields = ranking.yields(queue, turn.key[1], now)
    most = _LOOKED_AT_ON_A_LARGE_FLOOR if large else _LOOKED_AT
    found = staff.busy_before(choice, queue.step, yields, before - {language}, most)
    if found is None:
        return None
    operator = staff.operator(found.operator)
    if staff.cover.lowers_others(operator.languages, language):
        if large:
            return None
        beside = staff.best_with(queue.step, yields, operator)
        if beside is None or not (found.price.total, *found[1:]) < (beside.price.total, *beside[1:]):
            return None
    if language in before and not _nobody_before(ranking, turn, operator, now):
        return None
    return BusyOperator(found.operator, staff.state(found.operator), found.price, seconds_since(found.since, now))


def _nobody_before(ranking: Ranking, turn: Turn, operator: Operator, now: float) -> bool:
    """Return whether it is certain that no caller ahead would have got this busy operator if they were idle."""
    border, reserved = now - ranking.policy.target_s, ranking.staff.cover.would_be_reserved(operator.languages)
    for looked, queue in enumerate(ranking.queues.servable_by(operator)):
        if looked == _QUEUES:
            return False
        for (since, call), late in heads(queue.callers, turn.key[2], border):
            if (ranking.key(queue, since, late), since, call) < turn.key and not (
                reserved and ranking.yields(queue, since, now)
            ):
                return False
    return True


def _other_caller(ranking: Ranking, turn: Turn, choice: Choice, queues: list[Queue], now: float) -> OtherCaller | None:
    """Return the caller who would have got the operator by arriving earlier by the shortest time."""
    reserved = ranking.staff.is_reserved(ranking.staff.operator(choice.operator))
    mine, call, border = turn.key[0], turn.key[2], now - ranking.policy.target_s
    ranked = sorted(zip(ranking.fronts(queues), range(len(queues)), strict=True))
    best: tuple[float, str] | None = None
    found: tuple[Queue, Place, bool] | None = None
    for key, at in ranked:
        if best is not None and key - mine > best[0]:
            break
        queue = queues[at]
        for place, late in heads(queue.callers, call, border):
            needed, held = _earlier(ranking, mine, queue, place, late, reserved, now)
            if best is None or (needed, place[1]) < best:
                best, found = (needed, place[1]), (queue, place, held)
    if best is None or found is None:
        return None
    (queue, (since, other), held), earlier = found, math.ceil(best[0] / _RESOLUTION_S + 1) * _RESOLUTION_S
    earlier = round(earlier, 3)
    waiting, moved = ranking.queues.waiting(other), since - earlier
    if ranking.queues.step_if_since(waiting, moved, now) != queue.step:
        return None
    late = moved < now - ranking.policy.target_s
    if not (ranking.key(queue, moved, late), moved, other) < turn.key:
        return None
    got = ranking.staff.best(queue.step, ranking.yields(queue, moved, now))
    return OtherCaller(other, earlier, held) if got is not None and got.operator == choice.operator else None


def heads(callers: list[Place], call: str, late_before: float) -> Iterator[tuple[Place, bool]]:
    """Yield the first late caller and the first who is not late, skipping `call`."""
    border = bisect_left(callers, (late_before,))
    for late, at, end in ((True, 0, border), (False, border, len(callers))):
        if at < end and callers[at][1] == call:
            at += 1
        if at < end:
            yield callers[at], late


def _earlier(
    ranking: Ranking, mine: float, queue: Queue, place: Place, late: bool, reserved: bool, now: float
) -> tuple[float, bool]:
    """Return how many seconds earlier a caller must arrive to be ahead of the key `mine` and not on hold, and whether
    they are on hold now. `reserved`: the operator is reserved for a rare language."""
    policy, (since, _) = ranking.policy, place
    held = reserved and ranking.yields(queue, since, now)
    needed = max(0.0, ranking.key(queue, since, late) - mine)
    if not late and since - needed - _RESOLUTION_S < now - policy.target_s:
        needed += policy.passing  # arriving that early they would be late, and yield
    if held:
        needed = max(needed, since - (now - policy.hold_s))
    return needed, held
