"""How many go before a caller who waits, by the key of the policy, for each language."""

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing.engine import Engine


def ahead(engine: "Engine", call: str, now: float) -> tuple[str, dict[str, int]]:
    """The language that he needs now, and how many callers of each language are before him.

    As the engine has placed them at its last decision; KeyError for who does not wait. Costs a look at each language
    and priority, not at each caller.
    """
    policy, queues = engine.policy, engine.queues
    waiting = queues.waiting(call)
    language, border = queues.step_of(waiting, now).language, now - policy.target_s
    late = waiting.since < border
    mine = policy.key(0.0, engine.head_start(language), waiting.priority, late)
    found: dict[str, int] = {}
    for other, priority, places in queues.arrivals():
        first, head_start = bisect_left(places, (border,)), engine.head_start(other)
        for is_late, start, end in ((True, 0, first), (False, first, len(places))):
            # Who came before this instant has a lower key; of equal keys the earlier arrival is first, then the call.
            since = waiting.since + (mine - policy.key(0.0, head_start, priority, is_late))
            place = (since, call if since == waiting.since else "" if since > waiting.since else "\U0010ffff")
            found[other] = found.get(other, 0) + bisect_left(places, place, start, end) - start
    return language, found
