"""A call's events and an operator's states, told as lines of Asterisk's `queue_log`. Pure.

The lines are those that `app_queue` of Asterisk 22 writes (`apps/app_queue.c`, `ast_queue_log`), with its columns and
units. What it has no word for is left out: what colleagues do beside a conversation, and calls that we make.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from db.enums import OfferState, OperatorState, Role

NONE = "NONE"
MANAGER = "MANAGER"
"""In place of a call's id where members come and go: they do so by a program, as over the manager interface."""

FIELDS = {
    "ENTERQUEUE": 3,  # URL, the caller's number, position
    "CONNECT": 3,  # wait in s, unique id of the operator's channel, ringing in s
    "COMPLETEAGENT": 3,  # wait in s, conversation in s, position at the beginning
    "COMPLETECALLER": 3,
    "BLINDTRANSFER": 5,  # to, context, wait in s, conversation in s, position at the beginning
    "ATTENDEDTRANSFER": 5,  # BRIDGE, its id, wait in s, conversation in s, position at the beginning
    "ABANDON": 3,  # position, position at the beginning, wait in s
    "EXITWITHTIMEOUT": 3,
    "EXITWITHKEY": 4,  # key, position, position at the beginning, wait in s
    "RINGNOANSWER": 1,  # ringing in ms
    "RINGCANCELED": 1,
}
"""How many values the line of an event has; 1 if it is not here."""

KINDS = frozenset(
    {
        "waiting",
        "waiting_again",
        "queue_left",
        "offered",
        "offer_ended",
        "connected",
        "transferred",
        "handed_over",
        "conversation_ended",
        "fallback",
        "ended",
    }
)
"""The kinds of events of a call that are told."""

_FAILED = frozenset({OfferState.NO_ANSWER.value, OfferState.REFUSED.value, OfferState.UNREACHABLE.value})
_CONNECTED, _NOBODY = "connected", "nobody"
"""Of calls in the fallback: an operator answered; nobody did for as long as it lets callers wait."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log. `data` has the values after the event's name."""

    at: datetime
    call_id: UUID | None
    callid: str
    queue: str
    agent: str
    event: str
    data: tuple[str, ...] = ("",)

    @property
    def text(self) -> str:
        """The line as it is in the file, without its end."""
        return text_of(self.at, (self.callid, self.queue, self.agent, self.event), self.data)


@dataclass(frozen=True, slots=True)
class Stored:
    """A line in the table: its number, and its text in the file."""

    id: int
    text: str


def text_of(at: datetime, names: Sequence[str], data: Sequence[str]) -> str:
    """Return a line of the file: seconds since 1970, then everything separated by `|`."""
    return "|".join(_printable(value) for value in (str(int(at.timestamp())), *names, *data))


def _printable(value: str) -> str:
    """Return a value that cannot end its column or its line."""
    return "".join(character for character in value if character.isprintable() and character != "|")


@dataclass(frozen=True, slots=True)
class Call:
    """A call, as far as it is known. `connected`, `ended` and `operator` are those of its row."""

    id: UUID
    channel: str
    caller: str
    started: datetime
    queued: datetime | None = None
    connected: datetime | None = None
    ended: datetime | None = None
    operator: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a call, in the order of its journal."""

    at: datetime
    kind: str
    data: Mapping[str, Any]


Position = Callable[[UUID, str, datetime, datetime], int]
"""Takes a call, its queue, when it began to wait there, and an instant; returns its position then."""


def queue_name(language: str) -> str:
    """Return the name of a language's queue; the fallback's queues of app_queue have the same."""
    return f"hatif-{language}"


def agent_name(operator: str) -> str:
    """Return how operators are called, which is what app_queue calls a member without a name of its own."""
    return f"PJSIP/{operator}"


@dataclass(slots=True)
class _Progress:
    """Where a call is in the queue, as far as the events tell."""

    call: Call
    position: Position
    queue: str | None = None  # None: not in a queue, and not in a conversation that came from one
    entered: datetime | None = None
    first_position: int = 0
    operator: str | None = None  # in conversation
    connected: datetime | None = None
    ringing: dict[str, datetime] = field(default_factory=dict)
    handing: tuple[str, datetime] | None = None  # an operator who left by a transfer, and when
    transfer: tuple[str, str] | None = None

    def line(self, at: datetime, event: str, *data: object, agent: str = NONE) -> Line:
        assert self.queue is not None
        return Line(at, self.call.id, self.call.channel, self.queue, agent, event, tuple(map(str, data)) or ("",))

    def enter(self, at: datetime, language: str) -> Iterator[Line]:
        queue = queue_name(language)
        if self.queue == queue and self.operator is None and self.handing is None:
            return  # entered once more, as after a restart
        if self.queue is not None and self.operator is None and self.handing is None:
            yield from self.leave(at, "EXITWITHKEY", "9")
        self.queue, self.entered, self.operator, self.connected, self.handing = queue, at, None, None, None
        self.first_position = self.position(self.call.id, queue, at, at)
        yield self.line(at, "ENTERQUEUE", "", self.call.caller, self.first_position)

    def leave(self, at: datetime, event: str, *before: str) -> Iterator[Line]:
        if self.queue is not None and self.entered is not None:
            now = self.position(self.call.id, self.queue, self.entered, at)
            yield self.line(at, event, *before, now, self.first_position, _seconds(self.entered, at))
        self.queue = None

    def connect(self, at: datetime, operator: str, offer: str) -> Iterator[Line]:
        if self.queue is None or self.entered is None or self.operator is not None:
            return
        ringing = _seconds(self.ringing.pop(offer, at), at)
        self.operator, self.connected = operator, at
        wait = _seconds(self.entered, at)
        yield self.line(at, "CONNECT", wait, offer, ringing, agent=agent_name(operator))

    def complete(self, at: datetime, event: str, *before: str) -> Iterator[Line]:
        if self.operator is not None and self.entered is not None and self.connected is not None:
            wait, talk = _seconds(self.entered, self.connected), _seconds(self.connected, at)
            agent = agent_name(self.operator)
            yield self.line(at, event, *before, wait, talk, self.first_position, agent=agent)
        self.queue, self.operator, self.connected, self.handing = None, None, None, None


def call_lines(call: Call, events: Iterable[Event], position: Position) -> Iterator[tuple[int, Line]]:
    """Yield the lines of a call, each with the index of the event that it comes from."""
    progress = _Progress(call, position)
    for index, event in enumerate(events):
        for line in _lines(progress, event):
            yield index, line


def _lines(progress: _Progress, event: Event) -> Iterator[Line]:
    at, data = event.at, event.data
    match event.kind:
        case "waiting" | "waiting_again":
            yield from progress.enter(at, str(data.get("language")))
        case "queue_left" if progress.operator is None:
            yield from progress.leave(at, "EXITWITHKEY", str(data.get("key") or ""))
        case "offered" if data.get("role") in (None, Role.OPERATOR.value):
            progress.ringing[str(data.get("offer"))] = at
        case "offer_ended":
            began = progress.ringing.pop(str(data.get("offer")), None)
            if began is not None and progress.queue is not None and progress.operator is None:
                name = "RINGNOANSWER" if data.get("state") in _FAILED else "RINGCANCELED"
                rang = round(1000 * (at - began).total_seconds())
                yield progress.line(at, name, max(0, rang), agent=agent_name(str(data.get("operator"))))
        case "connected":
            yield from progress.connect(at, str(data.get("operator")), str(data.get("offer")))
        case "transferred":
            progress.transfer = (str(data.get("to")), str(data.get("to_kind") or ""))
        case "conversation_ended":
            yield from _conversation_ended(progress, at, str(data.get("operator")), str(data.get("by")))
        case "handed_over" if progress.handing is not None:
            _, left = progress.handing
            yield from progress.complete(left, "ATTENDEDTRANSFER", "BRIDGE", f"talk-{progress.call.id}")
        case "fallback":
            yield from _fallback(progress, at, str(data.get("status")))
        case "ended":
            if progress.operator is not None:
                by_operator = data.get("by") == "operator"
                yield from progress.complete(at, "COMPLETEAGENT" if by_operator else "COMPLETECALLER")
            else:
                yield from progress.leave(at, "ABANDON")


def _conversation_ended(progress: _Progress, at: datetime, operator: str, by: str) -> Iterator[Line]:
    if progress.operator is None:
        if progress.queue is None or progress.call.connected is None:
            return
        # Its beginning was not recorded, since the controller was killed at that moment.
        began = max(progress.call.connected, progress.entered or progress.call.connected)
        yield from progress.connect(min(began, at), operator, "")
    match by:
        case "transfer" if progress.transfer is not None:
            to, kind = progress.transfer
            progress.transfer = None
            yield from progress.complete(at, "BLINDTRANSFER", to, kind)
        case "transfer":
            progress.handing = (operator, at)
        case "operator":
            yield from progress.complete(at, "COMPLETEAGENT")
        case "lost":
            queue = progress.queue
            yield from progress.complete(at, "COMPLETEAGENT")
            if queue is not None:  # the caller waits again, without having done anything
                yield from progress.enter(at, queue.removeprefix(queue_name("")))
        case _:
            yield from progress.complete(at, "COMPLETECALLER")


def _fallback(progress: _Progress, at: datetime, status: str) -> Iterator[Line]:
    """Tell what the dialplan did with the call while there was no controller; it is known once the call has ended."""
    call = progress.call
    end = call.ended or at
    if call.queued is not None and call.language is not None and (progress.entered or call.started) < call.queued:
        yield from progress.enter(call.queued, call.language)
    if status == _CONNECTED and call.connected is not None and call.operator is not None:
        yield from progress.connect(max(call.connected, progress.entered or call.connected), call.operator, "")
        yield from progress.complete(end, "COMPLETECALLER")
    else:
        yield from progress.leave(end, "EXITWITHTIMEOUT" if status == _NOBODY else "ABANDON")


def operator_lines(
    operator: str,
    languages: Collection[str],
    before: tuple[str, str | None],
    now: tuple[str, str | None],
    at: datetime,
) -> Iterator[Line]:
    """Yield the lines of a change of an operator's state. `before` and `now`: state and reason."""
    was_there, is_there = before[0] != OperatorState.AWAY, now[0] != OperatorState.AWAY
    paused_before, paused_now = before[0] == OperatorState.PAUSED, now[0] == OperatorState.PAUSED
    agent, queues = agent_name(operator), [queue_name(language) for language in sorted(languages)]
    if was_there and not is_there:
        yield from (Line(at, None, MANAGER, queue, agent, "REMOVEMEMBER") for queue in queues)
        return
    if is_there and not was_there:
        state = "PAUSED" if paused_now else ""
        yield from (Line(at, None, MANAGER, queue, agent, "ADDMEMBER", (state,)) for queue in queues)
    if paused_now and (not paused_before or before[1] != now[1]):
        yield from _pause("PAUSE", at, agent, queues, now[1])
    elif paused_before and not paused_now:
        yield from _pause("UNPAUSE", at, agent, queues, before[1])


def _pause(event: str, at: datetime, agent: str, queues: Iterable[str], reason: str | None) -> Iterator[Line]:
    yield Line(at, None, NONE, NONE, agent, f"{event}ALL", (reason or "",))
    yield from (Line(at, None, NONE, queue, agent, event, (reason or "",)) for queue in queues)


def _seconds(begin: datetime, end: datetime) -> int:
    """Return the difference of two instants as Asterisk has it, which only knows whole seconds."""
    return max(0, int(end.timestamp()) - int(begin.timestamp()))
