"""A simulated floor for the engine's tests, with strategies for callers, operators and events."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import strategies as st
from routing_reference import Reference

from routing.engine import Engine
from routing.match import Decisions, Step, Waiting
from routing.policy import Policy
from routing.states import Operator, OperatorState

T = TypeVar("T")

NOW = 1_795_600_000.0
LANGUAGES = ("ar", "fr", "nl", "de")
TOPICS = ("file", "travel")
OPERATORS = tuple(str(1000 + n) for n in range(12))
CALLS = tuple(f"call-{n}" for n in range(16))
READY = OperatorState.READY

policies = st.sampled_from(
    [
        Policy(),
        Policy(few_share=1),
        Policy(few=1, few_share=0.5, spare=1),
        Policy(few=2, few_share=1),
        Policy(passing=0, few_share=1),
        Policy.plain(),
        Policy(hold_s=30, few=3, few_share=1),
    ]
)


def _drawn(make: Callable[[random.Random], T]) -> st.SearchStrategy[T]:
    """Return a strategy of what `make` makes from a generator of chances.

    Hypothesis draws a single number for each: drawing every field took five sixths of these tests' processor time. It
    still leaves out callers, operators and events until the shortest failing case is found. Up to 24 bits it draws
    numbers evenly.
    """
    return st.integers(0, 2**24 - 1).map(lambda seed: make(random.Random(seed)))


def _seconds(chance: random.Random) -> float:
    """Return whole seconds that often coincide, the policy's limits and what is just beside them, or any time."""
    edges = (0.0, 1.0, 5.0, 15.0, 20.0, 30.0, 90.0)
    kind = chance.random()
    if kind < 0.3:
        return chance.choice(edges) + chance.choice((0.0, 0.0, 0.0, 1e-3, 1e-6))
    return float(chance.randrange(91)) if kind < 0.7 else chance.uniform(0, 90)


def _step(chance: random.Random) -> Step:
    return Step(
        language=chance.choice((*LANGUAGES, "fr", "fr", "xx")),
        level=chance.choice((1, chance.randrange(1, 6))),
        topic=chance.choice((None, *TOPICS, "unheard of")),
        operator=chance.choice((None, None, chance.choice((*OPERATORS, "9999")))),
        patience=chance.choice((None, float(chance.randrange(61)), chance.uniform(0, 60))),
        excluded_operator=chance.choice((None, None, chance.choice(OPERATORS))),
    )


def _caller(chance: random.Random) -> Waiting:
    return Waiting(
        call=chance.choice(CALLS),
        steps=tuple(_step(chance) for _ in range(chance.randrange(1, 4)))
        if chance.random() < 0.5
        else (Step(chance.choice(LANGUAGES)),),
        since=NOW - _seconds(chance),
        priority=chance.choice((0, 0, 0, 0, 1, -1)),
        before=chance.choice((0.0, 0.0, 0.0, 12.5)) if chance.random() < 0.5 else _seconds(chance),
    )


def _operator(chance: random.Random) -> Operator:
    spoken = range(chance.randrange(1, 4))
    return Operator(
        id=chance.choice(OPERATORS),
        languages={chance.choice((*LANGUAGES, "fr")): chance.choice((5, chance.randrange(1, 6))) for _ in spoken},
        topics=frozenset(chance.sample(TOPICS, chance.choice((0, 0, 1, 2)))),
        state=chance.choice((READY, READY, READY, *OperatorState)),
        since=NOW - _seconds(chance),
        present=True,
        planned=chance.choice((True, True, True, False)),
    )


steps = _drawn(_step)
callers = _drawn(_caller)
operators = _drawn(_operator)


@dataclass
class Floor:
    """An engine, and next to it the plain facts that the reference decides from."""

    policy: Policy
    now: float = NOW
    waiting: dict[str, Waiting] = field(default_factory=dict)
    operators: dict[str, Operator] = field(default_factory=dict)

    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = Engine(self.policy)

    def wait(self, caller: Waiting) -> None:
        self.waiting[caller.call] = caller
        self.engine.wait(caller)

    def leave(self, call: str) -> None:
        self.waiting.pop(call, None)
        self.engine.leave(call)

    def set_operator(self, operator: Operator) -> None:
        self.operators[operator.id] = operator
        self.engine.set_operator(operator)

    def remove_operator(self, identity: str) -> None:
        self.operators.pop(identity, None)
        self.engine.remove_operator(identity)

    def state(self, identity: str, state: OperatorState) -> None:
        if identity in self.operators:
            self.set_operator(replace(self.operators[identity], state=state, since=self.now))

    def reference(self) -> Reference:
        return Reference(self.policy, list(self.waiting.values()), list(self.operators.values()), self.now)

    def decide(self) -> Decisions:
        """Let engine and reference decide, assert that they agree, and remove the pairs from the known facts."""
        expected = self.reference()
        order = [caller.call for caller in expected.order()]
        pairs = expected.decide()
        decisions = self.engine.decide(self.now)
        assert [(pair.call, pair.operator) for pair in decisions.pairs] == pairs
        for call, operator in pairs:
            del self.waiting[call]
            self.operators[operator] = replace(self.operators[operator], state=OperatorState.OFFERED)
        served = {call for call, _ in pairs}
        assert [caller.call for caller in self.engine.waiting] == [call for call in order if call not in served]
        return decisions


Event = Callable[[Floor], None]


def _event(chance: random.Random) -> Event:
    identity, state = chance.choice(OPERATORS), chance.choice((READY, READY, READY, *OperatorState))
    caller, operator = _caller(chance), _operator(chance)

    def arrive(floor: Floor) -> None:
        floor.wait(replace(caller, since=caller.since - NOW + floor.now))

    return chance.choice(
        (
            arrive,
            lambda floor: floor.wait(caller),
            lambda floor: floor.set_operator(operator),
            lambda floor: floor.state(identity, state),
            lambda floor: floor.leave(caller.call),
            lambda floor: floor.remove_operator(identity),
        )
    )


events = _drawn(_event)
passes = st.sampled_from([0.0, 0.001, 1.0, 5.0, 15.0, 20.0, -3.0, -30.0, 3600.0]) | st.floats(0, 30)
moments = st.lists(st.tuples(passes, st.lists(events, max_size=4)), min_size=1, max_size=12)


def floor_of(policy: Policy, staff: Iterable[Operator], waiting: Iterable[Waiting]) -> Floor:
    floor = Floor(policy)
    for operator in staff:
        floor.set_operator(operator)
    for caller in waiting:
        floor.wait(caller)
    return floor


def engine_of(policy: Policy | None, people: Iterable[Operator | Waiting]) -> Engine:
    """Return an engine without the reference, updated with operators and callers in this order."""
    engine = Engine(policy)
    for person in people:
        if isinstance(person, Operator):
            engine.set_operator(person)
        else:
            engine.wait(person)
    return engine


def busy_floor(chance: random.Random, policy: Policy) -> Floor:
    """Return a floor of twelve operators. French and Arabic are common; Dutch and German are rare, so that some
    operators are reserved for them."""
    floor = Floor(policy)
    for number, identity in enumerate(OPERATORS):
        first = "nl" if number < 2 else "fr" if number < 8 else "ar"
        further = chance.sample(LANGUAGES, chance.choice([0, 1, 1, 2]))
        languages = dict.fromkeys([first, *further], 5)
        topics = frozenset(chance.sample(TOPICS, 1)) if chance.random() < 0.2 else frozenset()
        since, planned = NOW - chance.randrange(60), chance.random() < 0.8
        floor.set_operator(Operator(identity, languages, topics, READY, "", since, present=True, planned=planned))
    return floor


def random_event(chance: random.Random, floor: Floor) -> None:
    """Let a caller arrive, an operator change state, or a caller leave."""
    kind = chance.random()
    if kind < 0.5:
        language = chance.choice(["fr", "fr", "fr", "ar", "ar", "nl", "de"])
        preferred = chance.choice(OPERATORS) if chance.random() < 0.1 else None
        topic = chance.choice(TOPICS) if chance.random() < 0.2 else None
        patience = float(chance.choice([5, 10, 20]))
        steps = (
            Step(language, 1, topic, preferred, patience),
            Step(
                language,
                1,
                topic,
                patience=patience,
                excluded_operator=chance.choice([None, None, chance.choice(OPERATORS)]),
            ),
            Step(language),
        )
        floor.wait(Waiting(f"call-{chance.randrange(10**9)}", steps, floor.now, chance.choice([0] * 9 + [1])))
    elif kind < 0.9:
        state = chance.choice([READY] * 5 + [OperatorState.TALKING] * 2 + [OperatorState.AWAY])
        floor.state(chance.choice(OPERATORS), state)
    elif floor.waiting:
        floor.leave(chance.choice(list(floor.waiting)))
