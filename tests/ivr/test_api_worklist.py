"""Call-backs through the control API: a request is called for by one operator."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest_asyncio
from line import Line
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine
from test_api_answers import ask, problem

from db.engine import open_engine, writing
from db.ids import uuid7
from db.references import make_reference
from db.tables import Callback

NUMBER = "+33612345670"
NOW = datetime.now(UTC)
REFERENCE = make_reference(1, 17)


@pytest_asyncio.fixture
async def database(line: Line) -> AsyncIterator[AsyncEngine]:
    """The line's database; rows of these tests are deleted from it."""
    async with open_engine(line.database) as engine:
        yield engine
        async with writing(engine) as connection:
            await connection.execute(delete(Callback).where(Callback.number == NUMBER))


async def put(engine: AsyncEngine, table: Any, **columns: Any) -> UUID:
    row: dict[str, Any] = {"id": uuid7(), "node": "node1", "call_id": uuid7(), **columns}
    async with writing(engine) as connection:
        await connection.execute(insert(table).values(row))
    identity: UUID = row["id"]
    return identity


def done(line: Line, method: str, path: str, body: object = None, who: str = "1002") -> Any:
    status, _, document = ask(line, method, f"/v1{path}", body, Hatif_Actor=who)
    assert status in (200, 201), document
    return document


def all_at_once(line: Line, path: str, body: object = None) -> list[int]:
    def one(number: int) -> int:
        return ask(line, "POST", f"/v1{path}", body, Hatif_Actor=f"p{number}")[0]

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(one, range(8)))


async def test_one_operator_calls_for_a_request_and_nobody_else_is_rung(line: Line, database: AsyncEngine) -> None:
    tomorrow = NOW + timedelta(days=1)
    columns = {"kind": "closed", "number": NUMBER, "language": "fr", "topic": "visa", "wished": NOW, "due": tomorrow}
    identity = await put(database, Callback, **columns)
    operators = [entry.id for entry in line.operators[:8]]

    def call(operator: str) -> int:
        return ask(line, "POST", f"/v1/callbacks/{identity}/call", {"operator": operator}, Hatif_Actor=operator)[0]

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(call, operators)) == [200] + [409] * 7
    pending = [row for row in line.json("callbacks", "--last", "5") if row["number"] == NUMBER]
    (new,) = [row for row in pending if row["ended"] is None]
    assert (new["kind"], new["language"], new["topic"], new["operator"]) == ("operator", "fr", "visa", new["operator"])
    assert new["operator"] in operators and datetime.fromisoformat(new["due"]) < tomorrow
    (old,) = [row for row in pending if row["id"] == str(identity)]
    assert (old["state"], old["operator"]) == ("done", new["operator"])
    again = done(line, "POST", f"/callbacks/{new['id']}/call", {"operator": new["operator"]})
    assert again["id"] == new["id"], "idempotent"
    other = next(operator for operator in operators if operator != new["operator"])
    refused = problem(line, "POST", f"/v1/callbacks/{new['id']}/call", {"operator": other})
    assert (refused["status"], refused["code"]) == (409, "taken")
    assert problem(line, "POST", f"/v1/callbacks/{new['id']}/call", {"operator": "nobody"})["status"] == 422


def test_what_cannot_be_called_for_an_operator_is_refused_at_once(line: Line) -> None:
    wanted = {"number": NUMBER, "language": "fr", "operator": line.operators[0].id, "case": REFERENCE}
    assert problem(line, "POST", "/v1/callbacks", wanted)["code"] == "no_trunk"
    assert problem(line, "POST", "/v1/callbacks", {**wanted, "operator": "nobody"})["status"] == 422
    assert problem(line, "POST", "/v1/callbacks", {**wanted, "case": "100000000"})["status"] == 422
    assert problem(line, "POST", "/v1/callbacks", {**wanted, "number": "+33899123456"})["status"] == 422
