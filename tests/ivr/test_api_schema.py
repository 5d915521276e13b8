"""The control API does what its description says, whatever a program sends."""

import pytest
from line import Line

EXAMPLES, LONG_EXAMPLES = 5, 300
"""Of each operation, of what the description allows, and as many of what it forbids."""


async def test_each_answer_matches_the_description(line: Line) -> None:
    # Here: each of the test processes would need half a second of the processor to load schemathesis.
    from api_examples import check, fixed

    statuses = check(line, lambda of: fixed(of, EXAMPLES))
    line.control("PUT", "/drain", {"refuse": None})  # the tests that follow on this line call it
    assert {200, 404, 422} <= statuses.keys() and statuses.total() > 200, statuses


@pytest.mark.long
@pytest.mark.parametrize("mode", ("positive", "negative"))
async def test_each_of_many_answers_matches_the_description(lone_line: Line, mode: str) -> None:
    # Here: each of the test processes would need half a second of the processor to load schemathesis.
    from api_examples import check, drawn

    statuses = check(lone_line, lambda of: drawn(of, mode, LONG_EXAMPLES))
    assert {200, 404, 422} <= statuses.keys() and statuses.total() > 1000, statuses
