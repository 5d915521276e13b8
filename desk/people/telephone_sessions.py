"""The sessions whose telephones have a ticket, in a file that the gate of browser telephones reads.

The gate asks neither desk nor database, so the desk writes down which sessions have ended: by signing out, by time,
with their account, by a change of what that may do. An entry goes once its ticket cannot be valid any more.
"""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from background import telephone_ticket
from background.retrying import repeat
from background.telephone_ticket import Ticket
from db.engine import DatabaseError
from desk.people import tokens
from desk.people.accounts import Person
from desk.people.sessions import Sessions
from desk.people.signed_in import SignedIn

log = structlog.get_logger()

LOOK_S = 1.0


class TelephoneSessions:
    """The sessions with a ticket of one desk.

    Args:
        home: HATIF_HOME; None: nothing is written down.
        secret: Of HATIF_HOME, known to the gate as well.
    """

    def __init__(self, home: Path | None, secret: str, sessions: Sessions) -> None:
        self._path = telephone_ticket.sessions_file(home) if home is not None else None
        self._key, self._sessions = telephone_ticket.key_of(secret), sessions
        self._entries: dict[str, dict[str, Any]] | None = None  # by the sessions' marks
        self._changing = asyncio.Lock()

    async def ticket(self, signed_in: SignedIn, telephone: str, now: datetime) -> str:
        """Return a ticket for a telephone of this sign-in's page, once it is written down. Raises OSError."""
        session, mark = signed_in.session, signed_in.mark
        expires = int(session.expires.timestamp())
        entry = {
            "account": signed_in.person.id,
            "token_hash": tokens.hash_of(signed_in.token),
            "rights": _rights(signed_in.person),
            "expires": expires,
            "ended": False,
        }
        async with self._changing:
            entries = await self._read()
            if mark not in entries:
                await self._write({**entries, mark: entry}, now)
        made = Ticket(signed_in.person.id, telephone, mark, int(now.timestamp()), expires)
        return telephone_ticket.sign(made, self._key)

    async def look(self, now: datetime) -> None:
        """Write down which sessions have ended. Raises DatabaseError, OSError."""
        async with self._changing:
            entries = await self._read()
            open_ = {mark: entry for mark, entry in entries.items() if not entry["ended"]}
            if not open_:
                return
            found = await self._sessions.going_on([entry["token_hash"] for entry in open_.values()], now)
            ended = [
                mark
                for mark, entry in open_.items()
                if (person := found.get(entry["token_hash"])) is None or _rights(person) != entry["rights"]
            ]
            if ended:
                await self._write({**entries, **{mark: {**entries[mark], "ended": True} for mark in ended}}, now)
                log.info("the telephones of sessions have ended", accounts=[open_[mark]["account"] for mark in ended])

    async def run(self, now_of: Callable[[], datetime]) -> None:
        """Look until cancelled."""
        failing = "telephones of ended sessions cannot be ended yet"
        await repeat(lambda: self.look(now_of()), LOOK_S, (DatabaseError, OSError), failing)

    async def _read(self) -> dict[str, dict[str, Any]]:
        if self._entries is None:
            self._entries = await asyncio.to_thread(_load, self._path)
        return self._entries

    async def _write(self, entries: dict[str, dict[str, Any]], now: datetime) -> None:
        over = (now - timedelta(minutes=1)).timestamp()
        kept = {mark: entry for mark, entry in entries.items() if entry["expires"] > over}
        await asyncio.to_thread(_store, self._path, kept)
        self._entries = kept


def _rights(person: Person) -> str:
    return f"{person.role.value}:{person.operator or ''}"


def _load(path: Path | None) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text()) if path is not None and path.exists() else {}
        return {str(mark): dict(entry) for mark, entry in found.items() if {"ended", "expires"} <= entry.keys()}
    except (ValueError, TypeError, AttributeError) as error:
        log.error(
            "the file of telephones' sessions cannot be read; tickets from before it was damaged last to their end",
            reason=str(error),
        )
        return {}


def _store(path: Path | None, entries: dict[str, dict[str, Any]]) -> None:
    if path is None:
        return
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(entries, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
