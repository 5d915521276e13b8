"""The dialplan's records of calls that it handled by itself, as the controller finds them in AstDB when it is back."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.operations import Request
from ivr.model.channel_ids import born

FAMILY = "hatif-fallback"


class Status(StrEnum):
    """How far a call got."""

    TRYING = "trying"  # was asked to wait a moment, and hung up
    TAKEN = "taken"  # is with the controller, which keeps the call's row; written by the controller
    CLOSED = "closed"  # heard that the line is closed
    WAITING = "waiting"  # hung up while waiting for an operator
    CONNECTED = "connected"  # spoke with an operator
    NOBODY = "nobody"  # waited for the longest time allowed, then heard that nobody is free


@dataclass(frozen=True, slots=True)
class FallbackCall:
    """One ended call of the fallback. Instants are UTC, to the second, in order."""

    id: str  # Asterisk's unique id of the caller's channel; the record's key
    status: Status
    started: datetime
    queued: datetime | None
    connected: datetime | None
    ended: datetime
    end_known: bool  # False: Asterisk went down in the call, `ended` is the last instant that is legible
    number: str | None  # the number dialled, as the site writes it
    caller: str | None  # as the carrier wrote it; may be a word
    carrier: str | None  # the endpoint that it came from
    country: str | None
    language: str | None
    topic: str | None
    call: str | None  # our own call id, when the controller had the call before
    operator: str | None
    answered: datetime | None = None  # about when the dialplan did; None: when the call began
    illegible: tuple[str, ...] = ()  # the fields that hold something that the dialplan never writes, or lack


@dataclass(frozen=True, slots=True)
class Records:
    """All records of the family by kind. The reader deletes those that it has imported, and the broken ones."""

    calls: list[FallbackCall] = field(default_factory=list)  # ended, by their beginning
    open: list[str] = field(default_factory=list)  # ids of calls that are up
    taken: list[str] = field(default_factory=list)  # ids of calls that were the controller's when Asterisk went down
    broken: dict[str, str] = field(default_factory=dict)  # id to an error of one sentence: nothing of it is a call


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
    """Return the request that marks a caller's record as taken by the controller.

    Not to be sent while a prompt plays (`Call.step`): Asterisk sets a variable in the channel's own thread.
    """
    return operations.SET_VARIABLE(channel, variable=f"DB({FAMILY}/{channel}/status)", value=Status.TAKEN.value)


def parse(tree: Mapping[str, str], live: Collection[str] | None = None) -> Records:
    """Read AstDB's family `hatif-fallback`: `<unique id>/<field>` to value.

    Args:
        live: The unique ids of Asterisk's channels. A record without `ended` is open, unless its channel is not among
            these: then its end went unrecorded or, if it was `taken`, is for the controller to record.
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
    """Return the call of a record, None while it is up; what is not legible (a full disk, a crash) is left out.

    Raises:
        ValueError: Not even the call's id, or no instant of it, can be read.
    """
    if not _ID.fullmatch(identity):
        raise ValueError("its key is not a unique id")
    if not fields.get("ended") and (live is None or identity in live):
        return None
    illegible: list[str] = []
    texts = {name: _text(fields, name, pattern, illegible) for name, pattern in _TEXTS.items()}
    started, queued, connected, ended = (
        _instant(fields, name, illegible) for name in ("started", "queued", "connected", "ended")
    )
    if started is None:
        illegible.append("started")
        started = min((instant for instant in (queued, connected, ended, _born(identity)) if instant), default=None)
    if started is None:
        raise ValueError("no instant of it is legible")
    # A stopped controller takes callers who are then given back, once or more, and each time the record begins anew.
    answered = started
    started = min(started, _born(identity) or started)
    try:
        status = Status(fields.get("status", ""))
    except ValueError:
        illegible.append("status")
        status = Status.CONNECTED if connected else Status.WAITING if queued else Status.TRYING
    # The clock can be set back, but the order of these instants is known: it is kept.
    queued = queued and max(started, queued)
    connected = connected and max(queued or started, connected)
    last = connected or queued or started
    end = max(last, ended or last)
    if status is Status.CONNECTED and connected is None:
        illegible.append("connected")
        connected = end  # an operator did answer, at the latest then
    return FallbackCall(
        id=identity,
        status=status,
        started=started,
        queued=queued,
        connected=connected,
        ended=end,
        end_known=ended is not None,
        answered=answered,
        illegible=tuple(dict.fromkeys(illegible)),
        **texts,
    )


def _born(identity: str) -> datetime | None:
    seconds = born(identity)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _instant(fields: Mapping[str, str], name: str, illegible: list[str]) -> datetime | None:
    value = fields.get(name, "")
    if not value:
        return None
    if not _INSTANT.fullmatch(value):
        illegible.append(name)
        return None
    return datetime.fromtimestamp(int(value), UTC)


def _text(fields: Mapping[str, str], name: str, pattern: re.Pattern[str], illegible: list[str]) -> str | None:
    value = fields.get(name, "")
    if value and not pattern.fullmatch(value):
        illegible.append(name)
        return None
    return value or None
