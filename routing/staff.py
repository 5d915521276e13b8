"""The operators on the floor, indexed so that the cheapest idle one for a caller is found without looking at all.

Idle operators stand in pools: a pool is one language, spoken by operators who are alike in everything that their price
depends on. The number of pools depends on the kinds of operators, not on how many there are.
"""

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from routing.cover import Cover
from routing.match import Step, may_serve
from routing.policy import Policy, besides, total
from routing.pools import Choice, Grade, Kind, Pool, add_idle, choose, fits, more_than, remove_idle, tally
from routing.states import Operator, OperatorState


@dataclass(slots=True)
class _Member:
    operator: Operator
    pools: tuple[tuple[str, Pool], ...]
    on_duty: bool = False
    idle: bool = False


class Staff:
    """All operators, with the languages that they cover."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.cover = Cover(policy)
        self._members: dict[str, _Member] = {}
        self._pools: dict[tuple[str, frozenset[str], Kind, bool, bool], Pool] = {}
        self._grades: dict[str, list[Grade]] = defaultdict(list)  # by language, the cheapest first
        self._idle_kinds: dict[str, dict[Kind, int]] = defaultdict(dict)
        self._duty_kinds: dict[str, dict[Kind, int]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._members)

    def put(self, operator: Operator) -> bool:
        """Add or replace an operator; return whether this changes the skills on duty."""
        before = self._members.get(operator.id)
        skills = before.pools if before is not None and _same_skills(before.operator, operator) else None
        on_duty = operator.state is not OperatorState.AWAY
        if before is not None:
            if before.idle:
                self._set_idle(before, False)
            if skills is not None and before.on_duty == on_duty:
                before.operator = operator
                if operator.is_idle:
                    self._set_idle(before, True)
                return False
            self._set_on_duty(before, False)
            _leave_pools(before)
        member = _Member(operator, skills or self._pools_of(operator))
        self._members[operator.id] = member
        _enter_pools(member)
        self._set_on_duty(member, on_duty)
        self._set_idle(member, operator.is_idle)
        return on_duty or (before is not None and before.operator.state is not OperatorState.AWAY)

    def remove(self, identity: str) -> bool:
        """Remove an operator, if known; return whether this changes the skills on duty."""
        member = self._members.pop(identity, None)
        if member is None:
            return False
        self._set_idle(member, False)
        was_on_duty = member.on_duty
        self._set_on_duty(member, False)
        _leave_pools(member)
        return was_on_duty

    def take(self, identity: str) -> None:
        """Mark an operator as offered a call: on duty, but no longer idle."""
        self._set_idle(self._members[identity], False)

    @property
    def spoken(self) -> tuple[str, ...]:
        """The languages that operators on duty speak."""
        return tuple(sorted(language for language, count in self.cover.speakers.items() if count))

    def operator(self, identity: str) -> Operator:
        return self._members[identity].operator

    def find(self, identity: str) -> Operator | None:
        member = self._members.get(identity)
        return member.operator if member is not None else None

    def is_idle(self, identity: str) -> bool:
        member = self._members.get(identity)
        return member is not None and member.idle

    def anybody_idle(self, step: Step) -> bool:
        """Return False if certainly no idle operator can meet the step."""
        return self.cover.free.get(step.language, 0) > 0 if step.operator is None else self.is_idle(step.operator)

    def can_meet(self, step: Step) -> bool:
        """Return whether anybody on duty can meet the step, whatever their state."""
        if step.operator is not None:
            member = self._members.get(step.operator)
            return member is not None and member.on_duty and may_serve(member.operator, step)
        kinds = self._duty_kinds.get(step.language, {})
        if step.excluded_operator is None:
            return any(fits(kind, step) for kind in kinds)
        excluded = self._excluded(step)
        return more_than(int(excluded is not None and excluded.on_duty), kinds, step)

    def count_on_duty(self, step: Step) -> int:
        """Return the number of operators on duty who can meet the step."""
        if step.operator is not None:
            return int(self.can_meet(step))
        kinds = self._duty_kinds.get(step.language, {})
        excluded = self._excluded(step)
        count = sum(count for kind, count in kinds.items() if fits(kind, step))
        return count - (excluded is not None and excluded.on_duty)

    def count_idle(self, step: Step) -> int:
        """Return the number of idle operators who can meet the step."""
        if step.operator is not None:
            return int(self.is_idle(step.operator) and may_serve(self.operator(step.operator), step))
        kinds = self._idle_kinds.get(step.language, {})
        excluded = self._excluded(step)
        count = sum(count for kind, count in kinds.items() if fits(kind, step))
        return count - (excluded is not None and excluded.idle)

    def state(self, identity: str) -> OperatorState:
        """Return the state: `offered` after `take`, and `talking` while the telephone has a call outside the floor."""
        member = self._members[identity]
        if member.idle or member.operator.state is not OperatorState.READY:
            return member.operator.state
        return OperatorState.TALKING if member.operator.on_line else OperatorState.OFFERED

    def not_idle(self, step: Step, most: int) -> Iterator[Operator]:
        """Yield qualified operators who are not idle, away ones included, the cheapest kinds first. Looks at `most`
        operators."""
        if step.operator is not None:
            preferred = self._members.get(step.operator)
            if preferred is not None and not preferred.idle and may_serve(preferred.operator, step):
                yield preferred.operator
            return
        pools = (
            pool
            for grade in self._grades.get(step.language, ())
            if grade.level >= step.level
            for pool in grade.pools
            if step.topic is None or not pool.topics or step.topic in pool.topics
        )
        for identity in islice((identity for pool in pools for identity in pool.everybody), most):
            member = self._members[identity]
            if not member.idle and identity != step.excluded_operator:
                yield member.operator

    def best(self, step: Step, yields: bool) -> Choice | None:
        """Return the idle operator with the lowest price, then the longest idle. `yields`: no reserved operator."""
        if step.operator is not None:
            return self._preferred(step)
        if step.excluded_operator is not None:
            return self._best_but_excluded(step, yields)
        reserved = self.cover.reserved_languages() if yields else frozenset()
        level, topic = step.level, step.topic
        least, longest = math.inf, (math.inf, "")
        best: tuple[Pool, float] | None = None
        known = self.cover.uncovered(step.language)
        for grade in self._grades.get(step.language, ()):
            if grade.besides > least:
                break  # all others cost more
            if grade.level < level:
                continue
            for spoken, pools in grade.idle.items():
                if reserved and not reserved.isdisjoint(spoken):
                    continue
                uncovered = known.get(spoken)
                if uncovered is None:
                    uncovered = known[spoken] = self.cover.uncovers(pools[0].others)
                cost = total(uncovered, grade.besides)
                if cost > least:
                    continue
                for pool in pools:
                    if (cost < least or pool.idle[0] < longest) and (
                        topic is None or not pool.topics or topic in pool.topics
                    ):
                        least, longest, best = cost, pool.idle[0], (pool, uncovered)
        if best is None:
            return None
        pool, uncovered = best
        return choose(pool, least, uncovered, longest)

    def best_with(self, step: Step, yields: bool, other: Operator) -> Choice | None:
        """Return what `best` would if the other, busy operator were idle as well, who is not chosen themselves."""
        with self.cover.one_more_idle(other.languages):
            return self.best(step, yields)

    def busy_before(self, choice: Choice, step: Step, yields: bool, avoid: Collection[str], most: int) -> Choice | None:
        """Return the busy operator on duty who, if idle, would come before the chosen one by the price of both then.

        An idle operator who becomes cheaper beside them (`Cover.lowers_others`) may come before them in turn. Leaves
        out operators who speak a language of `avoid`, who would be reserved from the caller, or who would release
        others from reservation. Looks at `most` operators.
        """
        unavailable = self.cover.unavailable_languages(yields).union(avoid)
        level, topic = step.level, step.topic
        known: dict[str, float] = {}
        least, longest, best, looked = choice.price.total, (choice.since, choice.operator), None, 0
        for grade in self._grades.get(step.language, ()):
            if grade.besides > least:
                break  # all others cost more
            if grade.level < level:
                continue
            for pool in grade.pools:
                looked += 1
                if looked > most:
                    return best
                if not pool.spoken.isdisjoint(unavailable):
                    continue
                if topic is not None and pool.topics and topic not in pool.topics:
                    continue
                if len(pool.everybody) == len(pool.idle):
                    continue
                cost = grade.besides
                for other in pool.others:
                    need = known.get(other)
                    if need is None:
                        need = known[other] = self.cover.needed_with_one_more(other)
                    cost += need
                if (cost := round(cost, 9)) > least:
                    continue
                uncovered = cost - grade.besides
                for identity in pool.everybody:
                    looked += 1
                    member = self._members[identity]
                    place = (member.operator.since, identity)
                    if (
                        not member.idle
                        and member.on_duty
                        and (cost < least or place < longest)
                        and identity != step.excluded_operator
                    ):
                        least, longest = cost, place
                        best = choose(pool, cost, uncovered, place)
                    if looked > most:
                        return best
        return best

    def reserved(self) -> Iterator[Operator]:
        """Yield the idle operators who are reserved: a few for each rare language, whatever the size of the floor."""
        seen: set[str] = set()
        for language in self.cover.reserved_languages():
            pools = (
                pool for grade in self._grades.get(language, ()) for group in grade.idle.values() for pool in group
            )
            seen.update(identity for pool in pools for _, identity in pool.idle)
        return (self._members[identity].operator for identity in sorted(seen))

    def is_reserved(self, operator: Operator) -> bool:
        return not self.cover.reserved_languages().isdisjoint(operator.languages)

    def _best_but_excluded(self, step: Step, yields: bool) -> Choice | None:
        """Return what `best` would without the excluded operator. They still count as idle for the price of others."""
        excluded = self._excluded(step)
        pools = excluded.pools if excluded is not None and excluded.idle else ()
        pool = next((pool for language, pool in pools if language == step.language), None)
        anybody = replace(step, excluded_operator=None)
        if excluded is None or pool is None:
            return self.best(anybody, yields)
        place = (excluded.operator.since, excluded.operator.id)
        remove_idle(pool, place)
        try:
            return self.best(anybody, yields)
        finally:
            add_idle(pool, place)

    def _excluded(self, step: Step) -> _Member | None:
        """Return the operator that the step excludes, if they would qualify otherwise."""
        member = self._members.get(step.excluded_operator) if step.excluded_operator is not None else None
        if member is None:
            return None
        operator = member.operator
        return member if fits((operator.languages.get(step.language, 0), operator.topics), step) else None

    def _preferred(self, step: Step) -> Choice | None:
        """Return the operator that the step asks for by id, if idle; reservation does not apply."""
        identity = step.operator
        if identity is None or not self.is_idle(identity):
            return None
        member = self._members[identity]
        if not may_serve(member.operator, step):
            return None
        pool = next(pool for language, pool in member.pools if language == step.language)
        uncovered = self.cover.uncovers(pool.others)
        return choose(pool, total(uncovered, pool.grade.besides), uncovered, (member.operator.since, identity))

    def _pools_of(self, operator: Operator) -> tuple[tuple[str, Pool], ...]:
        """Return the operator's pool for each language; create those that are missing."""
        spoken = frozenset(operator.languages)
        first = next(iter(operator.languages), None)
        pools = []
        for language, level in operator.languages.items():
            key = (language, spoken, (level, operator.topics), language == first, operator.planned)
            pool = self._pools.get(key)
            if pool is None:
                others = tuple(sorted(spoken - {language}))
                grade = self._grade(language, level, language == first, operator.planned)
                pool = Pool(grade, spoken, others, operator.topics)
                self._pools[key] = pool
            pools.append((language, pool))
        return tuple(pools)

    def _grade(self, language: str, level: int, first: bool, planned: bool) -> Grade:
        grades = self._grades[language]
        for grade in grades:
            if (grade.level, grade.first, grade.planned) == (level, first, planned):
                return grade
        grade = Grade(level, first, planned, besides(self._policy, first=first, level=level, planned=planned))
        insort(grades, grade, key=lambda other: other.besides)
        return grade

    def _set_on_duty(self, member: _Member, on_duty: bool) -> None:
        if member.on_duty == on_duty:
            return
        member.on_duty = on_duty
        change = 1 if on_duty else -1
        self.cover.count_on_duty((language for language, _ in member.pools), change)
        for language, pool in member.pools:
            tally(self._duty_kinds[language], (pool.grade.level, pool.topics), change)

    def _set_idle(self, member: _Member, idle: bool) -> None:
        if member.idle == idle:
            return
        member.idle = idle
        change = 1 if idle else -1
        place = (member.operator.since, member.operator.id)
        self.cover.count_idle(member.operator.languages, change)
        for language, pool in member.pools:
            tally(self._idle_kinds[language], (pool.grade.level, pool.topics), change)
            if idle:
                add_idle(pool, place)
            else:
                remove_idle(pool, place)


def _enter_pools(member: _Member) -> None:
    for _, pool in member.pools:
        pool.everybody[member.operator.id] = pool.grade.pools[pool] = None


def _leave_pools(member: _Member) -> None:
    for _, pool in member.pools:
        del pool.everybody[member.operator.id]
        if not pool.everybody:
            del pool.grade.pools[pool]


def _same_skills(one: Operator, other: Operator) -> bool:
    """Return whether the skills are equal, with the order of the languages: the first one is the first language."""
    return (
        one.planned == other.planned
        and one.topics == other.topics
        and (one.languages is other.languages or tuple(one.languages.items()) == tuple(other.languages.items()))
    )
