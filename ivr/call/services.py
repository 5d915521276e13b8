"""The services that a call needs from the rest of the program; a trial substitutes its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from ivr.asterisk.ari.protocol import Link
from ivr.audio.audible import Audible
from ivr.call.inbox import Receiver
from ivr.model import floor_protocol
from ivr.model.call_state import CallState
from ivr.recognition.workers import Workers
from ivr.records.caller_limits import CallerLimits
from ivr.records.recorder import Recorder
from ivr.records.voicemail import StoredMessage
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from routing import hours

if TYPE_CHECKING:
    from db.last_calls import LastCall
    from ivr.cases.case_lookup import Answer
    from ivr.records.returners import Place


class Mailbox(Protocol):
    """Voice messages from callers: `ivr.records.voicemail`."""

    async def has_voice(self, name: str) -> bool: ...

    async def keep(self, name: str) -> StoredMessage | None: ...

    def is_full(self) -> bool: ...

    def has_room(self) -> bool: ...


class Opening(Protocol):
    """Opening hours, and the announcement played before everything else."""

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


class CaseLookup(Protocol):
    """Case lookup for callers: `ivr.cases.case_lookup`."""

    async def ask(self, reference: str, entered: str, *, caller: str, call: str, dialled: bool = False) -> "Answer": ...


class Database(Protocol):
    """Reads for which a caller or an operator waits a moment: `ivr.records.database`."""

    async def language(self, number: str) -> str | None: ...

    async def last_call(self, operator: str) -> "LastCall | None": ...


class Returners(Protocol):
    """Callers who were cut off, and their places in the queue: `ivr.records.returners`."""

    async def place(self, state: CallState) -> "Place | None": ...

    async def has_place(self, state: CallState) -> bool: ...


@dataclass(slots=True)
class Services:
    """What a call, a feature code or a call-back uses while a connection to Asterisk lasts.

    Attributes:
        site: The site as it is now: another one once the controller has taken released values.
        to_floor: Send a message to the floor; never blocks.
        route: Deliver the events of a channel to a receiver; never blocks.
        address: Return an operator's endpoint.
        operators: The operators' list, as it is now.
        answer_request: Answer an operator request by its id; the reason is None if it was granted.
        take_notice: Return the text that an operator is to hear at the start of their next code, once.
        in_browser: Return whether an operator is rung in their browser.
        shows_callers: Return whether an operator's telephone shows who calls while it rings.
        next_shift: Return when the next operator's shift begins who speaks a language; None if that is not known.
        workers: Who hear what callers say; None: they have keys only.
        note_change: Have those who follow the line see at once where its calls are.
    """

    site: Site
    link: Link
    recorder: Recorder
    audible: Audible
    opening: Opening
    case_lookup: CaseLookup
    database: Database
    returners: Returners
    mailbox: Mailbox
    caller_limits: CallerLimits
    to_floor: Callable[[floor_protocol.ToFloor], None]
    route: Callable[[str, Receiver], None]
    unroute: Callable[[str], None]
    address: Callable[[str], str]
    operators: Sequence[OperatorEntry] = ()
    answer_request: Callable[[str, str | None], None] = lambda *_: None
    take_notice: Callable[[str], str | None] = lambda _: None
    in_browser: Callable[[str], bool] = lambda _: False
    shows_callers: Callable[[str], bool] = lambda _: False
    note_change: Callable[[], None] = lambda: None
    next_shift: Callable[[str], datetime | None] = lambda _: None
    workers: Workers | None = None
