"""What the control API answers if a wrap-up cannot be changed; programs tell the reasons apart by the code."""

from types import SimpleNamespace
from typing import Any

import pytest

from ivr.api.operators import WrapUpChange, change_wrap_up
from ivr.api.problems import ApiError
from routing.states import OperatorState


@pytest.mark.parametrize(("state", "code"), [(OperatorState.WRAPPING_UP, "longest"), (OperatorState.READY, None)])
async def test_why_a_wrap_up_is_not_extended(state: OperatorState, code: str | None) -> None:
    operator = SimpleNamespace(state=state, until=60.0)

    async def unchanged(_: object) -> object:
        return operator

    floor = SimpleNamespace(operators={"1001": operator}, change=unchanged)
    controller: Any = SimpleNamespace(
        connection=SimpleNamespace(floor=floor),
        site=SimpleNamespace(operators=SimpleNamespace(wrap_up_longest_s=180.0)),
    )
    with pytest.raises(ApiError) as error:
        await change_wrap_up(controller, "1001", "1001", WrapUpChange(change="more"))
    assert (error.value.status_code, error.value.code) == (409, code)
