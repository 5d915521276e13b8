"""Where a supervisor moves a waiting caller is what the caller needs from then on, and survives a restart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.queue.moves import OPERATOR_S, Move, moved_steps
from routing.match import Step
from routing.policy import Policy

POLICY = Policy()
SPEAKS = {"1001": {"ar": 5}, "1002": {"fr": 4, "ar": 2}}


def steps(move: Move, topic: str | None = "file", preferred: str | None = None) -> tuple[Step, ...]:
    return moved_steps(move, "fr", 2, topic, preferred, POLICY, SPEAKS)


def test_who_was_not_moved_needs_what_the_flow_says() -> None:
    assert [(step.language, step.topic) for step in steps(Move())] == [("fr", "file"), ("fr", None), ("fr", None)]
    assert steps(Move(front=True)) == steps(Move())


def test_another_language_is_for_its_speakers_and_not_for_the_operator_of_the_case() -> None:
    found = steps(Move(language="ar"), preferred="1002")
    assert {step.language for step in found} == {"ar"} and all(step.operator is None for step in found)
    assert steps(Move(), preferred="1002")[0].operator == "1002"


@pytest.mark.parametrize(("operator", "language"), [("1002", "fr"), ("1001", "ar")])
def test_one_operator_is_insisted_on_for_a_while_in_a_language_that_they_speak(operator: str, language: str) -> None:
    first, *usual = steps(Move(operator=operator))
    assert (first.operator, first.language, first.patience) == (operator, language, OPERATOR_S)
    assert tuple(usual) == steps(Move())


def test_an_operator_who_is_not_in_the_list_any_more_is_not_waited_for() -> None:
    assert steps(Move(operator="1999")) == steps(Move())


def test_the_last_of_several_moves_counts_and_the_front_stays() -> None:
    move = Move().and_then(Move(operator="1001"), None, 10).and_then(Move(front=True), None, 20)
    assert move == Move(True, None, "1001", 10)
    assert move.and_then(Move(language="ar"), None, 30) == Move(True, "ar", None, 30)
    assert move.and_then(Move(), "travel", 40) == Move(True, None, None, 40)  # whoever serves the topic


moves = st.builds(
    Move,
    st.booleans(),
    st.none() | st.sampled_from(["fr", "ary"]),
    st.none() | st.sampled_from(["1001", "12345678"]),
    st.integers(0, 2**32).map(float),
)


@given(moves)
def test_a_move_is_stored_and_read_back(move: Move) -> None:
    assert Move.decode(move.encode()) == move


@pytest.mark.parametrize("text", [None, "", "2", "1:fr", "1:fr:1001:soon", "1:fr:1001:1:2", ":::" + "9" * 400])
def test_what_is_no_move_is_none(text: str | None) -> None:
    assert Move.decode(text) == Move()
