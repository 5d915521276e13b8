"""The control API does what its description says, whatever a program sends."""

import pytest
from line import Line

MODES = ("positive", "negative")
EXAMPLES, LONG_EXAMPLES = 5, 300
"""Of each operation, in each mode."""


@pytest.mark.parametrize("mode", MODES)
async def test_each_answer_matches_the_description(line: Line, mode: str) -> None:
    # Here: each of the test processes would need half a second of the processor to load schemathesis.
    from api_examples import check

    statuses = check(line, mode, EXAMPLES)
    assert {200, 404, 422} <= statuses.keys() and statuses.total() > 100, statuses


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
async def test_each_of_many_answers_matches_the_description(lone_line: Line, mode: str) -> None:
    # Here: each of the test processes would need half a second of the processor to load schemathesis.
    from api_examples import check

    statuses = check(lone_line, mode, LONG_EXAMPLES)
    assert {200, 404, 422} <= statuses.keys() and statuses.total() > 1000, statuses
