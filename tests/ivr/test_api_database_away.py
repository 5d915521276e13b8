"""What the control API answers if the database goes away in the middle of a request."""

from types import SimpleNamespace
from typing import Any

import pytest
from test_callbacks_states import new_request

from ivr.api import callbacks, messages
from ivr.api.problems import ApiError, present

WHY = "connection refused"


async def nothing(*_: object, **__: object) -> None:
    return None


async def test_a_call_back_request_whose_change_the_database_cannot_take_is_not_said_to_be_taken() -> None:
    request = new_request()

    async def find(_: str) -> object:
        return request

    repository = SimpleNamespace(find=find, move=nothing, replace=nothing, why=WHY)
    operators = [SimpleNamespace(id="1001")]
    controller: Any = SimpleNamespace(repository=repository, site=SimpleNamespace(node="node1"), operators=operators)
    for asked in (
        callbacks.cancel(controller, "test", str(request.id), callbacks.CallbackChange()),
        callbacks.call(controller, "test", str(request.id), callbacks.CallbackCaller(operator="1001")),
    ):
        with pytest.raises(ApiError, match="503"):
            await asked


async def test_a_message_that_cannot_be_taken_since_the_database_is_away_names_the_reason() -> None:
    controller: Any = SimpleNamespace(messages=SimpleNamespace(find=nothing, take=nothing, why=WHY))
    with pytest.raises(ApiError) as error:
        await messages.take(controller, "test", new_request().id)
    assert error.value.status_code == 503 and WHY in error.value.detail


def test_an_answer_that_something_has_not_been_changed_is_no_error() -> None:
    assert present(False, WHY) is False
    with pytest.raises(ApiError) as error:
        present("no message has this id", WHY)
    assert (error.value.status_code, error.value.detail) == (404, "No message has this id.")
