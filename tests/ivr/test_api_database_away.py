"""What the control API answers if the database goes away in the middle of a request."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from test_callbacks_states import new_request

from db.engine import writing
from ivr.api import callbacks
from ivr.api.problems import ApiError, confirmed, present
from ivr.records.database_client import DatabaseClient, SharedEngine

pytest_plugins = ["db_fixtures"]

WHY = "connection refused"


async def nothing(*_: object, **__: object) -> None:
    return None


async def test_a_call_back_request_whose_change_the_database_cannot_take_is_not_said_to_be_taken() -> None:
    request = new_request()

    async def find(_: str) -> object:
        return request

    repository = SimpleNamespace(find=find, replace=nothing, why=WHY, in_doubt=False)
    operators = [SimpleNamespace(id="1001")]
    controller: Any = SimpleNamespace(repository=repository, site=SimpleNamespace(node="node1"), operators=operators)
    with pytest.raises(ApiError, match="503"):
        await callbacks.call(controller, "test", str(request.id), callbacks.CallbackCaller(operator="1001"))


def test_an_answer_that_something_has_not_been_changed_is_no_error() -> None:
    assert present(False, WHY) is False
    with pytest.raises(ApiError) as error:
        present("no message has this id", WHY)
    assert (error.value.status_code, error.value.detail) == (404, "No message has this id.")


async def slowly_committed(_: Any, engine: AsyncEngine) -> bool:
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE callback SET tries = 1"))
    await asyncio.sleep(5)
    return True


async def ended_by_the_server(_: Any, engine: AsyncEngine) -> bool:
    async with writing(engine) as connection:
        await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    return True


async def said_of(url: str, change: Any) -> tuple[str | None, str]:
    """Return code and sentence of the answer to a change that the database has not confirmed."""
    shared = SharedEngine(url)
    client = DatabaseClient(shared, 1.0, lambda _: None)
    try:
        answer = await client.ask("db.callbacks", change)
        with pytest.raises(ApiError) as error:
            confirmed(answer, client)
    finally:
        await shared.close()
    assert error.value.status_code == 503
    return error.value.code, error.value.detail


async def test_a_change_that_was_made_but_not_confirmed_in_time_is_not_said_to_have_changed_nothing(url: str) -> None:
    code, sentence = await said_of(url, slowly_committed)
    assert code == "in_doubt" and "may have been done" in sentence and "nothing was changed" not in sentence


async def test_a_change_on_a_connection_that_broke_is_in_doubt(postgresql_url: str) -> None:
    code, sentence = await said_of(postgresql_url, ended_by_the_server)
    assert code == "in_doubt" and "may have been done" in sentence


async def test_a_change_that_never_reached_a_database_has_changed_nothing(tmp_path: Path) -> None:
    code, sentence = await said_of(f"sqlite:///{tmp_path}/none.db", slowly_committed)
    assert code is None and "nothing was changed" in sentence
