"""The records of calls that the dialplan led by itself, as the controller finds them in AstDB when it is back."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from ivr.ari import operations
from ivr.ari.operations import Request

FAMILY = "hatif-fallback"


class Status(StrEnum):
    """How far a call came."""

    TRYING = "trying"  # heard that he is to wait a moment, and hung up
    TAKEN = "taken"  # with the controller, which keeps the call's row; written by the controller
    CLOSED = "closed"  # heard that the line is closed
    WAITING = "waiting"  # hung up while he waited for an operator
    CONNECTED = "connected"  # spoke with an operator
    NOBODY = "nobody"  # waited as long as one may, then heard that nobody is free


@dataclass(frozen=True, slots=True)
class FallbackCall:
    """One ended call of the fallback. Instants are UTC, to the second, in order."""

    id: str  # Asterisk's unique id of the caller's channel; the record's key
    status: Status
    started: datetime
    queued: datetime | None
    connected: datetime | None
    ended: datetime
    end_known: bool  # False: Asterisk went down in the call, `ended` is the last instant that was recorded
    number: str | None  # the number dialled, as the site writes it
    caller: str | None  # as the carrier wrote it, a word too
    carrier: str | None  # the endpoint that it came from
    country: str | None
    language: str | None
    topic: str | None
    call: str | None  # our own call id, when the controller had the call before
    operator: str | None


@dataclass(frozen=True, slots=True)
class Records:
    """All of the family, told apart; what is imported, or broken, is for the reader to delete."""

    calls: list[FallbackCall] = field(default_factory=list)  # ended, in the order of their beginnings
    open: list[str] = field(default_factory=list)  # ids of calls that go on
    taken: list[str] = field(default_factory=list)  # ids of calls that were the controller's when Asterisk went down
    broken: dict[str, str] = field(default_factory=dict)  # id to one sentence


_ID = re.compile(r"[A-Za-z0-9._-]{1,150}")
_INSTANT = re.compile(r"[0-9]{10}")  # 2001 to 2286
_TEXTS = {
    "number": re.compile(r"\+?[0-9]{1,40}"),
    "caller": re.compile(r"[+*#0-9A-Za-z._-]{1,80}"),
    "carrier": _ID,
    "country": re.compile(r"[A-Z]{2}"),
    "language": re.compile(r"[a-z]{2,3}"),
    "topic": _ID,
    "call": _ID,
    "operator": _ID,
}


def mark_taken(channel: str) -> Request:
    """Return the request by which the record of a caller says that the controller has the call.

    Not while a prompt plays (`Call.step`): Asterisk sets a variable in the channel's own thread.
    """
    return operations.SET_VARIABLE(channel, variable=f"DB({FAMILY}/{channel}/status)", value=Status.TAKEN.value)


def parse(tree: Mapping[str, str], live: Collection[str] | None = None) -> Records:
    """Read AstDB's family `hatif-fallback`: `<unique id>/<field>` to value.

    A record without `ended` is open, unless the unique ids of the channels that Asterisk has are given as `live` and
    its own is not among them: then its end went unrecorded, or, if it was `taken`, is for the controller to record.
    """
    grouped: dict[str, dict[str, str]] = {}
    for key, value in tree.items():
        identity, _, name = key.rpartition("/")
        grouped.setdefault(identity, {})[name] = value
    records = Records()
    for identity, fields in grouped.items():
        if fields.get("status") == Status.TAKEN and live is not None and identity not in live:
            records.taken.append(identity)
            continue
        try:
            call = _call(identity, fields, live)
        except ValueError as error:
            records.broken[identity] = f"record {FAMILY}/{identity} in AstDB cannot be used: {error}"
            continue
        if call is None:
            records.open.append(identity)
        else:
            records.calls.append(call)
    records.calls.sort(key=lambda call: (call.started, call.id))
    return records


def _call(identity: str, fields: Mapping[str, str], live: Collection[str] | None) -> FallbackCall | None:
    if not _ID.fullmatch(identity):
        raise ValueError("its key is no unique id")
    ended = _instant(fields, "ended")
    if ended is None and (live is None or identity in live):
        return None
    texts = {name: _text(fields, name, pattern) for name, pattern in _TEXTS.items()}
    started, queued, connected = (_instant(fields, name) for name in ("started", "queued", "connected"))
    if started is None:
        raise ValueError("it has no beginning (started)")
    try:
        status = Status(fields.get("status", ""))
    except ValueError:
        raise ValueError(f"status is '{fields.get('status', '')}'; it must be one of {', '.join(Status)}") from None
    if status is Status.CONNECTED and (connected is None or texts["operator"] is None):
        raise ValueError("it was connected, but when or to whom is missing")
    # Seconds of a clock that can be set back: the order is known, so it is kept.
    queued = queued and max(started, queued)
    connected = connected and max(queued or started, connected)
    last = connected or queued or started
    return FallbackCall(
        id=identity,
        status=status,
        started=started,
        queued=queued,
        connected=connected,
        ended=max(last, ended or last),
        end_known=ended is not None,
        **texts,
    )


def _instant(fields: Mapping[str, str], name: str) -> datetime | None:
    value = fields.get(name, "")
    if not value:
        return None
    if not _INSTANT.fullmatch(value):
        raise ValueError(f"{name} is '{value[:40]}'; it must be UTC epoch seconds, ten digits")
    return datetime.fromtimestamp(int(value), UTC)


def _text(fields: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str | None:
    value = fields.get(name, "")
    if value and not pattern.fullmatch(value):
        raise ValueError(f"{name} is '{value[:40]}', which the dialplan never writes")
    return value or None
