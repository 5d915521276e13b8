"""The far side of the outgoing trunk: one telephone that stands for every called person; and a line that calls it."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from line import Line
from sqlalchemy import delete, insert, update

from db import callbacks
from db.callback_requests import CallbackRequest
from db.engine import open_engine, writing
from db.enums import CallbackKind
from db.ids import uuid7
from db.tables import Callback, CallbackTry
from ivr.model import clock
from ivr.softphone.telephone import Operator, Telephones


class Carrier:
    """`phone` rings, answers or refuses for every dialled number; `dialled` lists these numbers."""

    def __init__(self, phone: Operator) -> None:
        self.phone = phone
        self._line, _ = phone._opened
        self._line.everybody = phone._user.encode()

    @property
    def dialled(self) -> list[str]:
        return list(self._line.dialled.values())


async def carrier(telephones: Telephones, address: str) -> Carrier:
    """Listen at `address`, such as 127.0.0.2:5060, the target of `dial` in site.toml."""
    phone = telephones.operator("carrier", address=address)
    await phone.open()
    return Carrier(phone)


@contextlib.asynccontextmanager
async def calling(
    home: Path,
    offset: int,
    *,
    hours: Sequence[str] = ("00:00-24:00",),
    most_a_day: int = 1000,
    say_first_s: int = 20,
    give_up_h: float = 24,
    desk: bool = False,
    cut_off: bool = False,
    before: Sequence[int] = (),
) -> AsyncIterator[Line]:
    """Run a line with a trunk whose tries are seconds apart. `say_first_s`: when callers hear their position, and after
    which time they are offered a call-back. `desk`: whether its site has the desk. `cut_off`: as in site.toml.
    `before`: the ports (without the line's offset) of servers of the carrier that are dialled first; they are given up
    after 6.4 s."""
    line = Line(home, offset)
    for name, pattern, instead in (
        ("site.toml", r"^\[callbacks\]\n", f'[callbacks]\ntrunk = "example"\ncut_off = {str(cut_off).lower()}\n'),
        (
            "site.toml",
            r'^dial = "[^"]*"',
            f"dial = {json.dumps([address(line, port) for port in (*before, 5060)])}",
        ),
        ("site.toml", r"^hours = .*", f"hours = {json.dumps(list(hours))}"),
        ("site.toml", r"^again_min = \d+", "again_min = 0.01"),
        ("site.toml", r"^declined_min = \d+", "declined_min = 0.01"),
        ("site.toml", r"^give_up_h = \d+", f"give_up_h = {give_up_h}"),
        ("site.toml", r"^most_a_day = \d+", f"most_a_day = {most_a_day}"),
        ("site.toml", r"^ring_s = 6", "ring_s = 15"),  # the operator is rung over two restarts
        ("site.toml", r"^\[desk\]\nenabled = false", f"[desk]\nenabled = {str(desk).lower()}"),
        ("flow.yaml", r"say_first_s: \d+", f"say_first_s: {say_first_s}"),
        ("flow.yaml", r"say_every_s: \d+", f"say_every_s: {say_first_s}"),
    ):
        path = line.site / name
        text, count = re.subn(pattern, instead, path.read_text(), flags=re.MULTILINE)
        assert count, pattern
        path.write_text(text)
    if before:
        path = line.site / "site.toml"
        path.write_text(re.sub(r"(?m)^answer_s = .*", "answer_s = 6.4", path.read_text()))
    try:
        await line.up()
        yield line
    finally:
        await line.down()


def address(line: Line, port: int = 5060) -> str:
    return f"127.0.0.2:{port + line.offset}"


async def put_request(line: Line, number: str, **columns: Any) -> CallbackRequest:
    """Insert a request that is due now, of a caller who began to wait a minute ago."""
    now = clock.now()
    row = {
        "id": uuid7(),
        "node": line.settings.node,
        "kind": CallbackKind.WAITING.value,
        "number": number,
        "country": "FR",
        "language": "fr",
        "wished": now,
        "waiting_since": now - timedelta(minutes=1),
        "due": now,
        **columns,
    }
    await put(line, Callback, **row)
    return await now_is(line, row["id"])


async def put(line: Line, table: Any, **row: Any) -> None:
    """Insert a row without the journal."""
    async with open_engine(line.database) as engine, writing(engine) as connection:
        await connection.execute(insert(table).values(row))


async def now_is(line: Line, identity: Any) -> CallbackRequest:
    """Return the request in the database."""
    async with open_engine(line.database) as engine:
        return await callbacks.find_request(engine, str(identity))


async def until_request(line: Line, identity: Any, state: str, limit_s: float = 8) -> CallbackRequest:
    """Wait until the request is in that state."""
    deadline = time.monotonic() + limit_s
    async with open_engine(line.database) as engine:
        while (found := await callbacks.find_request(engine, str(identity))).state != state:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"the request is {found.state} ({found.reason}) and not {state}; {line.logged()[-2000:]}"
                )
            await asyncio.sleep(0.1)
    return found


async def forgotten(line: Line) -> None:
    """End all requests and reset today's limits, for the next test."""
    async with open_engine(line.database) as engine, writing(engine) as connection:
        over = {"state": "cancelled", "ended": clock.now(), "claimed_node": None, "claimed_boot": None}
        await connection.execute(update(Callback).where(Callback.ended.is_(None)).values(over))
        await connection.execute(delete(CallbackTry))
