"""The policy of docs/routing.md, written slowly and plainly: the engine must decide the same."""

import math
from collections.abc import Sequence

from routing.match import Step, Waiting, may_serve
from routing.policy import Policy
from routing.states import Operator, OperatorState

Pair = tuple[str, str]


class Reference:
    """The floor at one instant."""

    def __init__(self, policy: Policy, waiting: Sequence[Waiting], operators: Sequence[Operator], now: float) -> None:
        self.policy, self.now = policy, now
        self.waiting = {caller.call: caller for caller in waiting}
        self.on_duty = [operator for operator in operators if operator.state is not OperatorState.AWAY]
        self.idle = {operator.id: operator for operator in operators if operator.state is OperatorState.READY}

    def speakers(self, language: str) -> int:
        return sum(language in operator.languages for operator in self.on_duty)

    def free(self, language: str) -> int:
        return sum(language in operator.languages for operator in self.idle.values())

    def step(self, caller: Waiting) -> Step:
        """Return the step that the caller's wait has reached, without the steps that nobody on duty can meet."""
        left = [step for step in caller.steps if any(may_serve(operator, step) for operator in self.on_duty)]
        if not left:
            return caller.steps[-1]
        end = 0.0
        for step in left[:-1]:
            if step.patience is None:
                return step
            end += step.patience
            if self.now - (caller.since + caller.before) < end:
                return step
        return left[-1]

    def key(self, caller: Waiting) -> tuple[float, float, str]:
        policy, speakers, on_duty = self.policy, self.speakers(self.step(caller).language), len(self.on_duty)
        share = speakers / on_duty if on_duty else 0
        late = caller.since < self.now - policy.target_s
        key = caller.since - policy.passing * (1 - share) - policy.priority_s * caller.priority
        return key + (policy.passing if late else 0), caller.since, caller.call

    def price(self, operator: Operator, language: str) -> float:
        policy = self.policy
        uncovers = policy.cover * math.fsum(
            policy.decay ** (self.free(other) - 1) / self.speakers(other) ** policy.rarity
            for other in operator.languages
            if other != language
        )
        first = 0 if next(iter(operator.languages)) == language else policy.first_language
        unplanned = 0 if operator.planned else policy.unplanned
        return round(uncovers + (first + policy.level * (5 - operator.languages[language]) + unplanned), 9)

    def held(self, caller: Waiting, operator: Operator) -> bool:
        step, policy = self.step(caller), self.policy
        return (
            caller.since > self.now - policy.hold_s
            and caller.priority <= 0
            and step.operator is None
            and self.speakers(step.language) > 0
            and not self.rare(step.language)
            and any(self.rare(other) and self.free(other) - 1 < policy.spare for other in operator.languages)
        )

    def rare(self, language: str) -> bool:
        speakers, policy = self.speakers(language), self.policy
        return speakers <= policy.few and speakers <= policy.few_share * len(self.on_duty)

    def order(self) -> list[Waiting]:
        return sorted(self.waiting.values(), key=self.key)

    def could(self, caller: Waiting) -> list[Operator]:
        """Return the operators that the caller may get now, the best one first."""
        step = self.step(caller)
        fit = [one for one in self.idle.values() if may_serve(one, step) and not self.held(caller, one)]
        return sorted(fit, key=lambda one: (self.price(one, step.language), one.since, one.id))

    def next_pair(self) -> Pair | None:
        for caller in self.order():
            for operator in self.could(caller):
                return caller.call, operator.id
        return None

    def make(self, pair: Pair) -> None:
        del self.waiting[pair[0]], self.idle[pair[1]]

    def decide(self) -> list[Pair]:
        pairs = []
        while (pair := self.next_pair()) is not None:
            self.make(pair)
            pairs.append(pair)
        return pairs
