"""The parts of the controller that outlive a connection to Asterisk and that each connection uses."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.asterisk.sip_copies import SipCopies
from ivr.audio.audible import Audible
from ivr.call.services import Opening
from ivr.callbacks.repository import CallbackRepository
from ivr.cases.case_lookup import CaseLookup
from ivr.controller.probe_call import Result
from ivr.floor.supervisor_alerts import SupervisorAlerts
from ivr.flow.versions import VersionStore
from ivr.model import floor_protocol
from ivr.model.call_state import CallState
from ivr.recognition.workers import Workers
from ivr.records.caller_limits import CallerLimits
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
    """The dependencies of a `Connection`. Fields that are not listed are those of `ivr.call.services.Services`.

    Attributes:
        last_call: Returns an operator's last call.
        stored_operator_states: Returns the states in AstDB, by operator.
        present_operators: Returns the operators whose telephone is there; None if that is not known yet.
        planned_operators: Returns the operators whom the roster has on duty.
        telephone_in_use: Returns the endpoint that is rung for an operator.
        contact_of: Returns the SIP address of an operator's telephone; None if it is not there.
        last_proof_at: Returns when an operator's telephone last proved its password, on the monotonic clock.
        to_floor: Sends a message to the floor.
        operator_settled: Called with a state that began while there was no connection, and with the instant (POSIX
            seconds) at which the state before it began.
        settle_telephones: Called when a call of an operator's telephone is over that was not the floor's.
        refresh_session: Sends a session refresh on a channel with these codecs; AmiError if it cannot.
        note_serving: Writes that calls are served.
        report_probe: Called with each result of the line's calls to itself.
        note_asterisk_answered: Writes that Asterisk has just answered.
        close_orphaned: Closes rows of calls that ended without a controller. Takes when the connection began (POSIX
            seconds), the ids of calls that are up, and the channels of open offers.
        workers: Who hear what callers say, if the site wants that.
        note_change: Called when something that the control API shows may have changed.
    """

    site: Site
    operators: Sequence[OperatorEntry]
    flows: VersionStore
    recorder: Recorder
    audible: Audible
    opening: Opening
    files: CaseLookup
    remembered: Callable[[str], Awaitable[str | None]]
    returning: Callable[[CallState], Awaitable[Place | None]]
    has_place: Callable[[CallState], Awaitable[bool]]
    last_call: Callable[[str], Awaitable["LastCall | None"]]
    mailbox: Mailbox
    caller_limits: CallerLimits
    stored_operator_states: Callable[[], Awaitable[Mapping[str, str]]]
    present_operators: Callable[[], Collection[str] | None]
    planned_operators: Callable[[], floor_protocol.DutyRoster]
    telephone_in_use: Callable[[str], str]
    contact_of: Callable[[str], str | None]
    last_proof_at: Callable[[str], float]
    to_floor: Callable[[floor_protocol.ToFloor], None]
    notice: Callable[[str], str | None]
    shows_callers: Callable[[str], bool]
    operator_settled: Callable[[Operator, float], None]
    settle_telephones: Callable[[str], None]
    supervisor_alerts: SupervisorAlerts
    repository: CallbackRepository
    sip_copies: SipCopies
    refresh_session: Callable[[str, str], Awaitable[None]]
    note_serving: Callable[[], None]
    report_probe: Callable[[Result], None]
    note_asterisk_answered: Callable[[], None]
    close_orphaned: Callable[[float, Collection[str], Collection[str]], Coroutine[None, None, None]]
    note_change: Callable[[], None]
    workers: Workers | None
