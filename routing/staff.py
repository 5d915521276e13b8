"""The operators on the floor, kept so that the cheapest idle one for a caller is found without looking at all of them.

Idle operators stand in pools: a pool is one language, spoken by operators who are alike in all that their price for it
depends on. There are as many pools as kinds of operators, however many operators there are.
"""

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from routing.match import Step, may_serve
from routing.policy import Policy, besides, needed, total
from routing.pools import Choice, Grade, Kind, Pool, chosen, fits, more_than, rises, sits_down, tally
from routing.states import Operator, OperatorState


@dataclass(slots=True)
class _Member:
    operator: Operator
    pools: tuple[tuple[str, Pool], ...]
    on_duty: bool = False
    idle: bool = False


class Staff:
    """Who is there. `speakers` and `free`: operators on duty, and idle, by language."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._members: dict[str, _Member] = {}
        self._pools: dict[tuple[str, frozenset[str], Kind, bool, bool], Pool] = {}
        self._grades: dict[str, list[Grade]] = defaultdict(list)  # the cheapest first
        self._idle_kinds: dict[str, dict[Kind, int]] = defaultdict(dict)
        self._duty_kinds: dict[str, dict[Kind, int]] = defaultdict(dict)
        self.on_duty = 0
        self.speakers: dict[str, int] = defaultdict(int)
        self.free: dict[str, int] = defaultdict(int)
        self._needed: dict[str, float] = {}  # how much an idle speaker of each language is
        self._uncovered: dict[str, dict[frozenset[str], float]] = defaultdict(dict)  # by the caller's language
        self._rare: frozenset[str] = frozenset()

    def put(self, operator: Operator) -> bool:
        """Whether this changes who is on duty with which skills."""
        before = self._members.get(operator.id)
        skills = before.pools if before is not None and _same_skills(before.operator, operator) else None
        on_duty = operator.state is not OperatorState.AWAY
        if before is not None:
            self._stand(before, idle=False)
            if skills is not None and before.on_duty == on_duty:
                before.operator = operator
                self._stand(before, idle=operator.is_idle)
                return False
            self._serve(before, on_duty=False)
            _leave(before)
        member = _Member(operator, skills or self._skills(operator))
        self._members[operator.id] = member
        _enter(member)
        self._serve(member, on_duty=on_duty)
        self._stand(member, idle=operator.is_idle)
        return on_duty or (before is not None and before.operator.state is not OperatorState.AWAY)

    def remove(self, identity: str) -> bool:
        """As `put`; nothing where nobody has that id."""
        member = self._members.pop(identity, None)
        if member is None:
            return False
        self._stand(member, idle=False)
        was = member.on_duty
        self._serve(member, on_duty=False)
        _leave(member)
        return was

    def take(self, identity: str) -> None:
        """He is offered a call: on duty, idle no more."""
        self._stand(self._members[identity], idle=False)

    @property
    def spoken(self) -> tuple[str, ...]:
        """The languages that somebody on duty speaks."""
        return tuple(sorted(each for each, count in self.speakers.items() if count))

    def operator(self, identity: str) -> Operator:
        return self._members[identity].operator

    def knows(self, identity: str) -> bool:
        return identity in self._members

    def is_idle(self, identity: str) -> bool:
        member = self._members.get(identity)
        return member is not None and member.idle

    def anybody_idle(self, step: Step) -> bool:
        """False: nobody idle can meet the step. True: perhaps."""
        return self.free.get(step.language, 0) > 0 if step.operator is None else self.is_idle(step.operator)

    def can_meet(self, step: Step) -> bool:
        """Whether anybody on duty can meet the step, whatever he is doing now."""
        if step.operator is not None:
            member = self._members.get(step.operator)
            return member is not None and member.on_duty and may_serve(member.operator, step)
        kinds = self._duty_kinds.get(step.language, {})
        if step.excluded_operator is None:
            return any(fits(kind, step) for kind in kinds)
        but = self._passed_over(step)
        return more_than(int(but is not None and but.on_duty), kinds, step)

    def on_duty_who_can(self, step: Step) -> int:
        if step.operator is not None:
            return int(self.can_meet(step))
        kinds = self._duty_kinds.get(step.language, {})
        but = self._passed_over(step)
        return sum(count for kind, count in kinds.items() if fits(kind, step)) - (but is not None and but.on_duty)

    def idle_who_can(self, step: Step) -> int:
        if step.operator is not None:
            return int(self.is_idle(step.operator) and may_serve(self.operator(step.operator), step))
        kinds = self._idle_kinds.get(step.language, {})
        but = self._passed_over(step)
        return sum(count for kind, count in kinds.items() if fits(kind, step)) - (but is not None and but.idle)

    def state(self, identity: str) -> OperatorState:
        """Return the state: offered for who was just taken, talking for whose telephone has a call of its own."""
        member = self._members[identity]
        if member.idle or member.operator.state is not OperatorState.READY:
            return member.operator.state
        return OperatorState.TALKING if member.operator.on_line else OperatorState.OFFERED

    def not_idle(self, step: Step, most: int) -> Iterator[Operator]:
        """Operators who are fit for the step and not idle, away ones too, the cheapest kinds first. Looks at `most`
        operators."""
        if step.operator is not None:
            one = self._members.get(step.operator)
            if one is not None and not one.idle and may_serve(one.operator, step):
                yield one.operator
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

    def busy_before(self, choice: Choice, step: Step, yields: bool, but: Collection[str], most: int) -> Choice | None:
        """The operator on duty, not idle, who were he idle would come before the one who was chosen, by what both cost
        then; an idle one who becomes cheaper beside him (`lowers_others`) may come before him in turn. Looks at `most`
        operators. Nobody who speaks a language of `but`, would be kept from the caller, or would leave others kept any
        less."""
        free, spare = self.free, self._policy.spare
        bad = {*but, *(each for each in self._rare if free[each] == spare or (yields and free[each] < spare))}
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
                if not pool.spoken.isdisjoint(bad) or (topic is not None and pool.topics and topic not in pool.topics):
                    continue
                if len(pool.everybody) == len(pool.idle):
                    continue
                cost = grade.besides
                for other in pool.others:
                    need = known.get(other)
                    if need is None:
                        need = known[other] = self._needed_beside_one(other)
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
                        best = chosen(pool, cost, uncovered, place)
                    if looked > most:
                        return best
        return best

    def lowers_others(self, operator: Operator, language: str) -> bool:
        """Whether idle operators would be needed less for another language than this one, were he idle as well."""
        needed = self._needed
        return any(needed.get(each, 0.0) > 0 for each in operator.languages if each != language)

    def best_beside(self, step: Step, yields: bool, other: Operator) -> Choice | None:
        """As `best`, were the other operator, who is not, idle as well; he himself is not chosen."""
        needed = {each: self._needed[each] for each in other.languages if self.free[each]}
        self._needed.update({each: self._needed_beside_one(each) for each in needed})
        self._uncovered.clear()
        found = self.best(step, yields)
        self._needed.update(needed)
        self._uncovered.clear()
        return found

    def keeps_as_many_beside(self, operator: Operator) -> bool:
        """Whether nobody would be kept any less, were this operator, who is not, idle as well."""
        return all(self.free[each] != self._policy.spare for each in self._rare.intersection(operator.languages))

    def would_be_kept(self, operator: Operator) -> bool:
        """Whether he, who is not idle, would be kept if he were."""
        return any(self.free[each] < self._policy.spare for each in self._rare.intersection(operator.languages))

    def __len__(self) -> int:
        return len(self._members)

    def kept_for(self) -> frozenset[str]:
        """The rare languages whose idle speakers are kept for them now."""
        return frozenset(each for each in self._rare if self.free[each] - 1 < self._policy.spare)

    def kept(self) -> Iterator[Operator]:
        """The idle operators who are kept; a few for each rare language, whatever the size of the floor."""
        seen: set[str] = set()
        for language in self.kept_for():
            pools = (pool for grade in self._grades.get(language, ()) for each in grade.idle.values() for pool in each)
            seen.update(identity for pool in pools for _, identity in pool.idle)
        return (self._members[identity].operator for identity in sorted(seen))

    def is_kept(self, operator: Operator) -> bool:
        return not self.kept_for().isdisjoint(operator.languages)

    def common(self, language: str) -> bool:
        """Whether callers of the language have so many helpers that they may do without those who are kept."""
        return language not in self._rare and self.speakers[language] > 0

    def best(self, step: Step, yields: bool) -> Choice | None:
        """The idle operator of the least price, then the longest idle. `yields`: not one who is kept."""
        if step.operator is not None:
            return self._one(step)
        if step.excluded_operator is not None:
            return self._best_but(step, yields)
        kept = self.kept_for() if yields else frozenset()
        level, topic = step.level, step.topic
        least, longest = math.inf, (math.inf, "")
        best: tuple[Pool, float] | None = None
        known = self._uncovered[step.language]
        for grade in self._grades.get(step.language, ()):
            if grade.besides > least:
                break  # all others cost more
            if grade.level < level:
                continue
            for spoken, pools in grade.idle.items():
                if kept and not kept.isdisjoint(spoken):
                    continue
                uncovered = known.get(spoken)
                if uncovered is None:
                    uncovered = known[spoken] = self._uncovers(pools[0].others)
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
        return chosen(pool, least, uncovered, longest)

    def _best_but(self, step: Step, yields: bool) -> Choice | None:
        """As `best`, without the one who must not get him. He is idle all the same, for what the others cost."""
        passed_over = self._passed_over(step)
        pools = passed_over.pools if passed_over is not None and passed_over.idle else ()
        pool = next((pool for language, pool in pools if language == step.language), None)
        anybody = replace(step, excluded_operator=None)
        if passed_over is None or pool is None:
            return self.best(anybody, yields)
        place = (passed_over.operator.since, passed_over.operator.id)
        rises(pool, place)
        try:
            return self.best(anybody, yields)
        finally:
            sits_down(pool, place)

    def _passed_over(self, step: Step) -> _Member | None:
        """Who must not get the caller, if he could."""
        member = self._members.get(step.excluded_operator) if step.excluded_operator is not None else None
        if member is None:
            return None
        operator = member.operator
        return member if fits((operator.languages.get(step.language, 0), operator.topics), step) else None

    def _one(self, step: Step) -> Choice | None:
        """The operator whom the step asks for by his id; nobody keeps him from his own caller."""
        identity = step.operator
        if identity is None or not self.is_idle(identity):
            return None
        member = self._members[identity]
        if not may_serve(member.operator, step):
            return None
        pool = next(pool for language, pool in member.pools if language == step.language)
        uncovered = self._uncovers(pool.others)
        return chosen(pool, total(uncovered, pool.grade.besides), uncovered, (member.operator.since, identity))

    def _needed_beside_one(self, language: str) -> float:
        """How much each idle speaker would be needed, were one more of those on duty idle."""
        if self.free[language]:
            return round(self._needed[language] * self._policy.decay, 12)
        return needed(self._policy, 1, max(1, self.speakers[language]))

    def _uncovers(self, others: Iterable[str]) -> float:
        """What is lost to these languages if an idle speaker of them is taken."""
        return math.fsum([self._needed[each] for each in others])

    def _count(self, language: str) -> None:
        """How much its speakers are needed, when `free` or `speakers` has changed; what was known is forgotten only if
        that makes a difference."""
        free, speakers = self.free[language], self.speakers[language]
        need = needed(self._policy, free, speakers) if free else 0.0
        if self._needed.get(language) != need:
            self._needed[language] = need
            self._uncovered.clear()

    def _skills(self, operator: Operator) -> tuple[tuple[str, Pool], ...]:
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
        like = (level, first, planned)
        found = next((each for each in grades if (each.level, each.first, each.planned) == like), None)
        if found is None:
            found = Grade(*like, besides(self._policy, first=first, level=level, planned=planned))
            insort(grades, found, key=lambda each: each.besides)
        return found

    def _serve(self, member: _Member, *, on_duty: bool) -> None:
        if member.on_duty == on_duty:
            return
        member.on_duty = on_duty
        change = 1 if on_duty else -1
        self.on_duty += change
        for language, pool in member.pools:
            self.speakers[language] += change
            self._count(language)
            tally(self._duty_kinds[language], (pool.grade.level, pool.topics), change)
        rare = self._policy.rare
        self._rare = frozenset(each for each, count in self.speakers.items() if rare(count, self.on_duty))

    def _stand(self, member: _Member, *, idle: bool) -> None:
        if member.idle == idle:
            return
        member.idle = idle
        change = 1 if idle else -1
        place = (member.operator.since, member.operator.id)
        for language, pool in member.pools:
            self.free[language] += change
            self._count(language)
            tally(self._idle_kinds[language], (pool.grade.level, pool.topics), change)
            if idle:
                sits_down(pool, place)
            else:
                rises(pool, place)


def _enter(member: _Member) -> None:
    for _, pool in member.pools:
        pool.everybody[member.operator.id] = pool.grade.pools[pool] = None


def _leave(member: _Member) -> None:
    for _, pool in member.pools:
        del pool.everybody[member.operator.id]
        if not pool.everybody:
            del pool.grade.pools[pool]


def _same_skills(one: Operator, other: Operator) -> bool:
    """The order counts as well: the first language is the operator's first."""
    return (
        one.planned == other.planned
        and one.topics == other.topics
        and (one.languages is other.languages or tuple(one.languages.items()) == tuple(other.languages.items()))
    )
