"""What the controller has beside Asterisk, and what outlives a connection to it."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr import messages
from ivr.audible import Audible
from ivr.call import Opening
from ivr.callbacks.book import Book
from ivr.files import Files
from ivr.floor_told import FloorTold
from ivr.flow.versions import Flows
from ivr.messages_left import Mailbox
from ivr.operators import OperatorEntry
from ivr.probe import Result
from ivr.records import Recorder
from ivr.returners import Place
from ivr.sip_copies import SipCopies
from ivr.site import Site
from ivr.state import CallState
from routing.states import Operator

if TYPE_CHECKING:
    from db.last_calls import LastCall


@dataclass(frozen=True, slots=True)
class House:
    """`kept_operators` gives the states in AstDB, `present` the telephones that are there (None: not known yet),
    `planned` whom the roster has on duty, `contact` where an operator's telephone is (None: nowhere), `proved` when it
    last proved its password (by the monotonic clock).

    `operator_changed(operator, call)` keeps a new state, `operator_settled(operator, since)` one that began while there
    was no connection, after the former one that began at `since` (POSIX seconds). `free(operator)` says that a call of
    their telephone is over that was not the floor's. `notice(operator)` is that of `Services`. `serves()` says that
    calls are served from now on, `answered()` that Asterisk has just answered. `copies` are of SIP messages, and
    `refresh(channel, codecs)` sends a session refresh (AmiError where it cannot).
    `begun(when, calls, legs)` runs once what is up has been taken over; `probed` gets the results of the line's own
    calls.
    """

    site: Site
    operators: tuple[OperatorEntry, ...]
    flows: Flows
    recorder: Recorder
    audible: Audible
    opening: Opening
    files: Files
    remembered: Callable[[str], Awaitable[str | None]]
    returning: Callable[[CallState], Awaitable[Place | None]]
    has_place: Callable[[CallState], Awaitable[bool]]
    last_call: Callable[[str], Awaitable["LastCall | None"]]
    mailbox: Mailbox
    kept_operators: Callable[[], Awaitable[Mapping[str, str]]]
    present: Callable[[], Collection[str] | None]
    planned: Callable[[], messages.Planned]
    contact: Callable[[str], str | None]
    proved: Callable[[str], float]
    operator_changed: Callable[[Operator, str | None], None]
    notice: Callable[[str], str | None]
    operator_settled: Callable[[Operator, float], None]
    free: Callable[[str], None]
    floor_told: FloorTold
    book: Book
    copies: SipCopies
    refresh: Callable[[str, str], Awaitable[None]]
    serves: Callable[[], None]
    probed: Callable[[Result], None]
    answered: Callable[[], None]
    begun: Callable[[float, Collection[str], Collection[str]], Coroutine[None, None, None]]
