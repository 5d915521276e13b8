"""Tickets of browser telephones: the desk signs them, the gate of browser telephones checks them with the secret alone.

A ticket names an account, its telephone and the session that it was given to, and is valid as long as that session may
last. Sessions that end before are in a file that the desk writes and the gate reads.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from pathlib import Path

LONGEST = 1000
"""Characters of a ticket."""

GATE = "127.0.0.89"
"""From where the gate connects. Asterisk lets telephones in browsers come from here only, and takes nothing from here
for a carrier on this machine, which it knows by 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says. `session`: its mark, no secret. `issued`, `expires`: POSIX seconds."""

    account: str
    telephone: str
    session: str
    issued: int
    expires: int


def key_of(secret: str) -> bytes:
    """Return the key of tickets that belongs to a secret of HATIF_HOME."""
    return hmac.digest(secret.encode(), b"hatif telephone ticket", hashlib.sha256)


def sign(ticket: Ticket, key: bytes) -> str:
    """Return a ticket as text: letters, digits, `-`, `_` and one dot."""
    content = _encoded(json.dumps(asdict(ticket), separators=(",", ":")).encode())
    return f"{content}.{_encoded(_signature(content, key))}"


def read(text: str, key: bytes, now: float) -> Ticket | None:
    """Return a ticket from its text; None unless it is signed with the key and valid `now`."""
    content, _, signature = text.partition(".")
    if len(text) > LONGEST or not text.isascii():
        return None
    if not hmac.compare_digest(signature.encode(), _encoded(_signature(content, key)).encode()):
        return None
    ticket = Ticket(**json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))))
    return ticket if now < ticket.expires else None


def _signature(content: str, key: bytes) -> bytes:
    return hmac.digest(key, content.encode(), hashlib.sha256)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sessions_file(home: Path) -> Path:
    """Return the file of sessions with a ticket: JSON, by their marks; `ended` is true for those that have ended."""
    return home / "telephone_sessions.json"


def ended_sessions(home: Path) -> frozenset[str]:
    """Return the marks of sessions that have ended before their tickets. Raises OSError, ValueError."""
    try:
        found = json.loads(sessions_file(home).read_text())
        return frozenset(mark for mark, entry in found.items() if entry["ended"])
    except FileNotFoundError:
        return frozenset()
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a list of sessions: {error}") from None
