"""The reason why a caller waits is true at that instant, and mentions operators reserved for others."""

import pytest

from routing.engine import Engine
from routing.match import Step, Waiting
from routing.policy import Policy, usual_steps
from routing.states import Operator, OperatorState
from routing.waits import WaitReason, describe_wait, explain_wait

NOW = 1_795_600_000.0
POLICY = Policy(passing=10, hold_s=15)
"""Fixed, so that the figures in these tests do not depend on the defaults."""
TALKING, READY, AWAY = OperatorState.TALKING, OperatorState.READY, OperatorState.AWAY


def floor(*operators: tuple[dict[str, int], OperatorState]) -> Engine:
    engine = Engine(POLICY)
    for number, (languages, state) in enumerate(operators):
        engine.set_operator(Operator(str(1001 + number), languages, state=state, since=NOW - 60, present=True))
    return engine


def why(engine: Engine, *steps: Step, waited_s: float = 0.0) -> str:
    engine.wait(Waiting("call", steps, NOW - waited_s))
    assert not engine.decide(NOW).pairs
    reason = explain_wait(engine, "call", NOW)
    assert reason is not None
    return describe_wait(reason)


def test_nobody_on_duty_speaks_the_language() -> None:
    assert why(floor(({"fr": 5}, READY), ({"nl": 5}, AWAY)), Step("nl")) == (
        "waits: nobody on duty speaks nl; 1 away. 1002, who was away (60.0 s), would have got the call if idle instead"
    )


def test_an_operator_whose_telephone_never_registered_is_away_without_a_duration() -> None:
    engine = Engine(POLICY)
    engine.set_operator(Operator("1001", {"nl": 5}))
    assert why(engine, Step("nl")).endswith("1001, who was away, would have got the call if idle instead")


def test_all_speakers_are_busy_and_others_are_ahead() -> None:
    engine = floor(({"fr": 5}, TALKING), ({"fr": 3}, TALKING), ({"nl": 5}, READY))
    engine.wait(Waiting("first", (Step("fr"),), NOW - 30))
    engine.wait(Waiting("later", (Step("fr"),), NOW + 1))
    engine.wait(Waiting("ar", (Step("ar"),), NOW - 30))
    assert why(engine, Step("fr")) == (
        "waits: nobody idle speaks fr; 2 on duty; 2 talking; 1 caller of this language ahead. 1001, who was talking"
        " (60.0 s), would have got the call if idle instead and if the caller had arrived 30.001 s earlier"
    )


def test_all_operators_with_the_level_and_topic_are_busy() -> None:
    engine = Engine(POLICY)
    engine.set_operator(Operator("1001", {"fr": 5}, frozenset({"file"}), TALKING, since=NOW))
    engine.set_operator(Operator("1002", {"fr": 2}, frozenset({"travel"}), READY, since=NOW))
    steps = usual_steps("fr", 4, "file")
    assert why(engine, *steps) == (
        "waits: nobody idle speaks fr at level 4 and knows about file; 1 on duty; 1 talking. 1002, who was idle (0.0"
        " s), would have got the call if the caller had arrived 120.001 s earlier"
    )


def test_the_caller_waits_for_the_operator_who_has_their_file() -> None:
    engine = floor(({"fr": 5}, TALKING), ({"fr": 5}, READY))
    assert why(engine, *usual_steps("fr", 1, None, "1001")) == (
        "waits for operator 1001, who has the caller's file and is not idle. 1002, who was idle (60.0 s), would have"
        " got the call if the caller had arrived 30.001 s earlier"
    )


def test_the_operator_who_handed_the_caller_on_is_idle_and_passed_over() -> None:
    engine = floor(({"fr": 5}, READY), ({"fr": 5}, TALKING))
    assert why(
        engine, Step("fr", patience=60, excluded_operator="1001"), Step("fr", operator="1001", patience=30), Step("fr")
    ) == (
        "waits: nobody idle speaks fr; 1 on duty; 1001, who handed the caller on, is passed over; 1 talking. 1001, who"
        " was idle (60.0 s), would have got the call if the caller had arrived 60.001 s earlier"
    )


def test_the_idle_operator_is_reserved_for_a_rare_language() -> None:
    engine = floor(({"fr": 5, "nl": 4}, READY), *[({"fr": 5}, TALKING)] * 7)
    assert why(engine, Step("fr")) == (
        "waits for an operator who speaks fr: the only idle one is reserved for a rare language; 7 talking. 1001, who"
        " was idle (60.0 s), would have got the call if the caller had arrived 15.001 s earlier"
    )


def test_a_call_that_does_not_wait_has_no_reason() -> None:
    engine = floor(({"fr": 5}, READY))
    engine.wait(Waiting("call", (Step("fr"),), NOW))
    assert explain_wait(engine, "nobody", NOW) is None
    assert [pair.call for pair in engine.decide(NOW).pairs] == ["call"]
    assert explain_wait(engine, "call", NOW) is None


@pytest.mark.parametrize(
    ("waits", "sentence"),
    [
        (
            WaitReason("nl", 4, None, None, 2, 0, 0, 0),
            "waits: of the 2 on duty who speak nl, nobody speaks nl at level 4",
        ),
        (
            WaitReason("nl", 1, None, None, 0, 0, 0, 2),
            "waits: nobody on duty speaks nl; 2 callers of this language ahead",
        ),
        (
            WaitReason("nl", 1, None, None, 9, 9, 3, 0),
            "waits for an operator who speaks nl: the 3 idle ones are reserved for a rare language",
        ),
    ],
)
def test_each_situation_has_its_sentence(waits: WaitReason, sentence: str) -> None:
    assert describe_wait(waits) == sentence


def test_a_policy_without_holds_reserves_nobody() -> None:
    engine = Engine(Policy(hold_s=0, few_share=1))
    engine.set_operator(Operator("1001", {"fr": 5, "nl": 4}, state=READY, since=NOW, present=True))
    engine.wait(Waiting("call", (Step("fr"),), NOW))
    assert [pair.operator for pair in engine.decide(NOW).pairs] == ["1001"]
