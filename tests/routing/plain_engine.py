"""The plain policy behind the engine's interface, as short as possible: longest-waiting caller, first language first,
longest-idle operator. The simulation is tested with it independently of the engine."""

from dataclasses import replace

from routing.match import Decision, Decisions, Reason, Waiting, may_serve
from routing.states import Operator, OperatorState


class PlainEngine:
    def __init__(self) -> None:
        self.operators: dict[str, Operator] = {}
        self.waiting_calls: dict[str, Waiting] = {}

    def set_operator(self, operator: Operator) -> None:
        self.operators[operator.id] = operator

    def wait(self, waiting: Waiting) -> None:
        self.waiting_calls[waiting.call] = waiting

    def leave(self, call: str) -> None:
        self.waiting_calls.pop(call, None)

    def turn(self, waiting: Waiting) -> float:
        return waiting.since

    def decide(self, now: float) -> Decisions:
        idle = [operator for operator in self.operators.values() if operator.state is OperatorState.READY]
        pairs: list[Decision] = []
        for caller in sorted(self.waiting_calls.values(), key=self.turn) if idle else []:
            step = caller.steps[0]
            fit = [operator for operator in idle if may_serve(operator, step)]
            if not fit:
                continue
            chosen = min(fit, key=lambda one: (next(iter(one.languages)) != step.language, one.since, one.id))
            idle.remove(chosen)
            del self.waiting_calls[caller.call]
            self.operators[chosen.id] = replace(chosen, state=OperatorState.OFFERED)
            level = chosen.languages[step.language]
            reason = Reason(now - caller.since, 0, 1, now - chosen.since, len(fit), 0, step.language, level, None)
            pairs.append(Decision(caller.call, chosen.id, reason))
        return Decisions(tuple(pairs), None)
