"""The step that applies after a wait, and the operators who qualify for it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import patient
from routing_floor import LANGUAGES, NOW, TOPICS, operators, steps

from routing.match import Step, deadline, may_serve, step_at
from routing.policy import Policy, usual_steps
from routing.states import Operator


@patient
@given(st.lists(steps, min_size=1, max_size=4), st.lists(st.floats(0, 2000), min_size=2).map(sorted))
def test_steps_only_go_forward_and_the_last_one_never_ends(needed: list[Step], waits: list[float]) -> None:
    found = [step_at(needed, waited) for waited in waits]
    assert all(before <= later for (before, _), (later, _) in pairwise(found))
    for (index, end), waited in zip(found, waits, strict=True):
        assert (end is None) == (index == len(needed) - 1 or needed[index].patience is None)
        assert end is None or end > waited


@patient
@given(st.lists(steps, min_size=1, max_size=4, unique=True), st.floats(0, 2000), st.data())
def test_steps_that_cannot_be_met_are_skipped(needed: list[Step], waited: float, data: st.DataObject) -> None:
    met = data.draw(st.sets(st.sampled_from(needed)))
    index, end = step_at(needed, waited, met.__contains__)
    left = [step for step in needed if step in met] or [needed[-1]]
    expected, expected_end = step_at(left, waited)
    assert (needed[index], end) == (left[expected], expected_end)


def test_a_step_ends_when_its_patience_is_over_and_not_before() -> None:
    needed = (Step("nl", 4, patience=30), Step("nl", 2, patience=30), Step("fr"))
    assert [step_at(needed, waited) for waited in (-5, 0, 29.9, 30, 59.9, 60, 9999)] == [
        (0, 30),
        (0, 30),
        (0, 30),
        (1, 60),
        (1, 60),
        (2, None),
        (2, None),
    ]


def test_a_step_without_patience_never_ends() -> None:
    assert step_at((Step("nl", 5), Step("nl")), 86_400) == (0, None)


@patient
@given(st.floats(NOW - 10_000, NOW) | st.floats(-10, 10), st.floats(0, 10_000))
def test_a_deadline_is_the_first_instant_at_which_the_time_has_passed(since: float, seconds: float) -> None:
    reached = deadline(since, seconds)
    assert reached - since >= seconds and reached - seconds >= since
    assert reached <= since + seconds + 1e-6


@patient
@given(operators, steps)
def test_an_operator_qualifies_by_language_level_topic_and_not_being_excluded(operator: Operator, step: Step) -> None:
    fit = may_serve(operator, step)
    assert fit == (
        step.language in operator.languages
        and operator.languages[step.language] >= step.level
        and (step.topic is None or operator.topics == frozenset() or step.topic in operator.topics)
        and step.operator in (None, operator.id)
        and step.excluded_operator != operator.id
    )


@given(st.sampled_from(LANGUAGES), st.integers(1, 5), st.none() | st.sampled_from(TOPICS), st.none() | st.just("1001"))
def test_the_usual_steps_begin_with_all_needs_and_end_with_the_language_alone(
    language: str, level: int, topic: str | None, preferred: str | None
) -> None:
    found = usual_steps(language, level, topic, preferred)
    assert found[0].operator == preferred and all(step.operator is None for step in found[1:])
    assert found[1 if preferred else 0] in (
        Step(language, level, topic, patience=Policy().relax_s),
        Step(language, level, topic),
    )
    assert found[-1] == Step(language)
    assert all(step.language == language for step in found), "another language is never imposed"
    assert all(step.patience is not None for step in found[:-1])
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("level", [1, 3])
def test_without_topic_and_file_a_caller_needs_the_language_only(level: int) -> None:
    assert usual_steps("fr", level, None) == ((Step("fr"),) if level == 1 else (Step("fr", 3, patience=60), Step("fr")))
