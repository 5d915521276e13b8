"""What a call needs of others, who may be stood in for, as in a trial."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from ivr.asterisk.ari.protocol import Link
from ivr.audio.audible import Audible
from ivr.call.inbox import Receiver
from ivr.model import floor_protocol
from ivr.model.call_state import CallState
from ivr.records.recorder import Recorder
from ivr.records.voicemail import StoredMessage
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from routing import hours

if TYPE_CHECKING:
    from ivr.cases.case_lookup import Answer
    from ivr.records.returners import Place


class Mailbox(Protocol):
    """Messages that callers leave by voice: `ivr.records.voicemail`."""

    async def has_voice(self, name: str) -> bool: ...

    async def keep(self, name: str) -> StoredMessage | None: ...

    def is_full(self) -> bool: ...


class Opening(Protocol):
    """When the line is open, and what is said in front of everything."""

    def answer(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> hours.Answer: ...

    def opens_next(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> datetime | None: ...

    def closes_next(
        self, at: datetime | None = None, *, line: str | None = None, language: str | None = None
    ) -> datetime | None: ...

    def open_for(self, first: datetime, last: datetime, enough: timedelta, *, language: str | None) -> timedelta: ...

    def announcement(self) -> str | None: ...


class Files(Protocol):
    """Case files, for callers: `ivr.cases.case_lookup`."""

    async def ask(self, reference: str, entered: str, *, caller: str, call: str) -> "Answer": ...


@dataclass(frozen=True, slots=True)
class Services:
    """What every call uses. `to_floor` and `route` never block; `address` gives an operator's endpoint.

    `remembered(number)`: the language of that caller's last call, after a moment; `returning(state)`: the place of a
    caller who was cut off, as soon, and `has_place(state)` whether he has one; `mailbox`: what callers leave by voice;
    `people`: the operators' list; `answer(wish, why_not)`: for who waits to hear whether a wish was granted;
    `notice(operator)`: the text that they are to hear first of all, once.
    """

    site: Site
    link: Link
    recorder: Recorder
    audible: Audible
    opening: Opening
    files: Files
    remembered: Callable[[str], Awaitable[str | None]]
    returning: Callable[[CallState], Awaitable["Place | None"]]
    has_place: Callable[[CallState], Awaitable[bool]]
    mailbox: Mailbox
    to_floor: Callable[[floor_protocol.ToFloor], None]
    route: Callable[[str, Receiver], None]
    unroute: Callable[[str], None]
    address: Callable[[str], str]
    people: tuple[OperatorEntry, ...] = ()
    answer: Callable[[str, str | None], None] = lambda *_: None
    notice: Callable[[str], str | None] = lambda _: None
