"""The desk tells the gate of browser telephones which sessions have ended."""

import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from desk_server import TestDesk, serving

from background.telephone_ticket import ended_sessions, key_of, read, sessions_file
from desk.people import accounts
from desk.people.sessions import IDLE, LONGEST, ChangedError, Sessions
from desk.people.signed_in import SignedIn
from desk.people.telephone_sessions import TelephoneSessions

pytest_plugins = ["db_fixtures"]

SECRET = "a-secret-of-the-test"


async def sign_out(desk: TestDesk, token: str) -> None:
    person = await desk.operator("1002")
    await Sessions(desk.engine).end(token, person, desk.desk.now())


async def disable(desk: TestDesk, token: str) -> None:
    await accounts.set_disabled(desk.engine, "1002", True, desk.desk.now())


async def leave_the_list(desk: TestDesk, token: str) -> None:
    await accounts.follow_operators(desk.engine, {"1001": False}, desk.desk.now())


async def become_supervisor(desk: TestDesk, token: str) -> None:
    await accounts.follow_operators(desk.engine, {"1002": True}, desk.desk.now())


async def idle(desk: TestDesk, token: str) -> None:
    desk.app.state.sessions._on_shift = frozenset  # no controller says so here
    desk.moved = IDLE + timedelta(seconds=1)
    await Sessions(desk.engine).sweep(desk.desk.now())


@pytest.mark.parametrize("end", [sign_out, disable, leave_the_list, become_supervisor, idle])
async def test_a_session_that_ends_is_written_down_for_the_gate_and_forgotten_after_its_ticket(
    sqlite_url: str, tmp_path: Path, end: Callable[[TestDesk, str], Awaitable[None]]
) -> None:
    async with serving(sqlite_url) as desk:
        await desk.operator("1001")
        person = await desk.operator("1002")
        sessions = Sessions(desk.engine)
        told = TelephoneSessions(tmp_path, SECRET, sessions)
        marks = {}
        for who in (person, await desk.operator("1001")):
            token = await sessions.begin(who, desk.desk.now())
            found = await sessions.find(token, desk.desk.now())
            assert found is not None
            signed_in = SignedIn(who, found, token)
            text = await told.ticket(signed_in, f"{who.id}-web", desk.desk.now())
            ticket = read(text, key_of(SECRET), time.time())
            assert ticket is not None and (ticket.account, ticket.telephone) == (who.id, f"{who.id}-web")
            assert ticket.session == signed_in.mark and ticket.expires == int(found.expires.timestamp())
            assert token not in sessions_file(tmp_path).read_text()
            marks[who.id] = (signed_in.mark, token)
        await told.look(desk.desk.now())
        assert ended_sessions(tmp_path) == frozenset()
        await end(desk, marks["1002"][1])
        again = TelephoneSessions(tmp_path, SECRET, sessions)  # as after a restart of the desk
        await again.look(desk.desk.now())
        assert marks["1002"][0] in ended_sessions(tmp_path)
        assert (marks["1001"][0] in ended_sessions(tmp_path)) is (end in (idle, become_supervisor))
        assert sessions_file(tmp_path).stat().st_mode & 0o077 == 0
        desk.moved = LONGEST + timedelta(minutes=2)
        with contextlib.suppress(ChangedError):  # they may not sign in any more
            late = await sessions.begin(person, desk.desk.now())
            session = await sessions.find(late, desk.desk.now())
            assert session is not None
            await again.ticket(SignedIn(person, session, late), "1002-web", desk.desk.now())
            assert len(json.loads(sessions_file(tmp_path).read_text())) == 1
