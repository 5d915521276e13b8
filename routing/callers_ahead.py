"""The number of callers ahead of a waiting caller, per language, ordered by the policy's key."""

from bisect import bisect_left

from routing.ranking import Ranking


def callers_ahead(ranking: Ranking, call: str, now: float) -> tuple[str, dict[str, int]]:
    """Return the language that the caller needs now, and the number of callers ahead of them in each language.

    Uses the order of the engine's last decision. The cost grows with the number of languages and priorities, not with
    the number of callers. Raises KeyError if the call is not waiting.
    """
    policy, queues = ranking.policy, ranking.queues
    waiting = queues.waiting(call)
    language, border = queues.step_of(waiting, now).language, now - policy.target_s
    late = waiting.since < border
    mine = policy.key(0.0, ranking.head_start(language), waiting.priority, late)
    counts: dict[str, int] = {}
    for other, priority, arrivals in queues.arrivals():
        first, head_start = bisect_left(arrivals, (border,)), ranking.head_start(other)
        for is_late, start, end in ((True, 0, first), (False, first, len(arrivals))):
            # Callers who arrived before this instant have a lower key. Ties go to the earlier arrival, then to the
            # lower call id.
            since = waiting.since + (mine - policy.key(0.0, head_start, priority, is_late))
            arrival = (since, call if since == waiting.since else "" if since > waiting.since else "\U0010ffff")
            counts[other] = counts.get(other, 0) + bisect_left(arrivals, arrival, start, end) - start
    return language, counts
