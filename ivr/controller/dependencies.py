"""What the controller has beside Asterisk, and what outlives a connection to it."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.asterisk.sip_copies import SipCopies
from ivr.audio.audible import Audible
from ivr.call.call import Opening
from ivr.callbacks.repository import CallbackRepository
from ivr.cases.case_lookup import CaseLookup
from ivr.controller.probe_call import Result
from ivr.floor.supervisor_alerts import SupervisorAlerts
from ivr.flow.versions import Flows
from ivr.model import floor_protocol
from ivr.model.call_state import CallState
from ivr.records.recorder import Recorder
from ivr.records.returners import Place
from ivr.records.voicemail import Mailbox
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from routing.states import Operator

if TYPE_CHECKING:
    from db.last_calls import LastCall


@dataclass(frozen=True, slots=True)
class Dependencies:
    """`kept_operators` gives the states in AstDB, `present` the telephones that are there (None: not known yet),
    `planned` whom the roster has on duty, `contact` where an operator's telephone is (None: nowhere), `proved` when it
    last proved its password (by the monotonic clock).

    `to_floor(message)` brings a message to the floor, `operator_settled(operator, since)` keeps a state that began
    while there was no connection, after the former one that began at `since` (POSIX seconds). `free(operator)` says
    that a call of their telephone is over that was not the floor's. `notice(operator)` is that of `Services`.
    `serves()` says that calls are served from now on, `answered()` that Asterisk has just answered. `copies` are of SIP
    messages, and `refresh(channel, codecs)` sends a session refresh (AmiError where it cannot).
    `begun(when, calls, legs)` runs once what is up has been taken over; `probed` gets the results of the line's own
    calls. `changed()` notes that something may have changed that the control API shows.
    """

    site: Site
    operators: tuple[OperatorEntry, ...]
    flows: Flows
    recorder: Recorder
    audible: Audible
    opening: Opening
    files: CaseLookup
    remembered: Callable[[str], Awaitable[str | None]]
    returning: Callable[[CallState], Awaitable[Place | None]]
    has_place: Callable[[CallState], Awaitable[bool]]
    last_call: Callable[[str], Awaitable["LastCall | None"]]
    mailbox: Mailbox
    kept_operators: Callable[[], Awaitable[Mapping[str, str]]]
    present: Callable[[], Collection[str] | None]
    planned: Callable[[], floor_protocol.Planned]
    contact: Callable[[str], str | None]
    proved: Callable[[str], float]
    to_floor: Callable[[floor_protocol.ToFloor], None]
    notice: Callable[[str], str | None]
    operator_settled: Callable[[Operator, float], None]
    free: Callable[[str], None]
    supervisor_alerts: SupervisorAlerts
    repository: CallbackRepository
    copies: SipCopies
    refresh: Callable[[str, str], Awaitable[None]]
    serves: Callable[[], None]
    probed: Callable[[Result], None]
    answered: Callable[[], None]
    begun: Callable[[float, Collection[str], Collection[str]], Coroutine[None, None, None]]
    changed: Callable[[], None]
