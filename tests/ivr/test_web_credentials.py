"""The passwords of browser telephones, as Asterisk keeps them."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, cast

import orjson
import pytest

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import Response
from ivr.telephones import web_credentials
from ivr.telephones.web_credentials import WebCredentials

OPERATORS = ("1001", "1002", "1003")


class Asterisk:
    """Keeps objects, and notes each change."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self.users = dict(users)  # by endpoint
        self.changed: list[str] = []

    async def ask(self, request: operations.Request) -> list[Response]:
        endpoint = request.uri.rpartition("/")[2]
        await asyncio.sleep(0)
        if request.method == "PUT":
            fields = {row["attribute"]: row["value"] for row in orjson.loads(request.body or "")["fields"]}
            self.users[endpoint] = fields["username"]
            self.changed.append(endpoint)
        user = self.users.get(endpoint)
        rows = [{"attribute": "username", "value": user}, {"attribute": "password", "value": "secret"}]
        return [Response(200, rows) if user is not None else Response(404, {"message": "not found"})]


def credentials(asterisk: Asterisk) -> WebCredentials:
    return WebCredentials(cast(Any, asterisk), OPERATORS)


async def run_for_a_moment(passwords: WebCredentials) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await passwords.run()


async def test_a_start_locks_new_and_expired_telephones_and_leaves_the_others_alone() -> None:
    now = int(time.time())
    valid = f"1001-web.{now + 900}.desk"
    asterisk = Asterisk({"1001-web": valid, "1002-web": f"1002-web.{now - 9}.desk"})
    await run_for_a_moment(credentials(asterisk))
    locked = asterisk.users["1003-web"]
    assert asterisk.users == {"1001-web": valid, "1002-web": locked, "1003-web": locked}
    asterisk.changed.clear()
    await run_for_a_moment(credentials(asterisk))
    assert asterisk.changed == []


async def test_a_password_that_is_given_while_a_start_locks_telephones_stays_valid() -> None:
    asterisk = Asterisk({})
    passwords = credentials(asterisk)
    given, _ = await asyncio.gather(passwords.give("1001", "desk", 900), run_for_a_moment(passwords))
    assert asterisk.users["1001-web"] == given.user


async def test_a_password_ends_also_if_the_clock_is_put_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_credentials, "_LOOK_S", 0.02)
    asterisk = Asterisk({})
    passwords = credentials(asterisk)
    given = await passwords.give("1001", "desk", 900)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 1000)
    await run_for_a_moment(passwords)
    assert asterisk.users["1001-web"] != given.user
    assert await passwords.read("1001") is None
