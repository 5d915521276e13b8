"""What a connection to Asterisk uses of the controller, which outlives it and has all of this under the same names."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

from ivr.asterisk.sip_copies import SipCopies
from ivr.audio.audible import Audible
from ivr.callbacks.repository import CallbackRepository
from ivr.cases.case_lookup import CaseLookup
from ivr.codes.pause_notice import PauseNotices
from ivr.controller.liveness import Liveness
from ivr.controller.manager_link import ManagerLink
from ivr.controller.probe_call import Result
from ivr.floor.duty import Duty
from ivr.floor.floor import Floor
from ivr.floor.supervisor_alerts import SupervisorAlerts
from ivr.flow.versions import VersionStore
from ivr.home.settings import Settings
from ivr.hours.opening import Opening
from ivr.recognition.workers import Workers
from ivr.records.caller_limits import CallerLimits
from ivr.records.database import Database
from ivr.records.recorder import Recorder
from ivr.records.returners import Returners
from ivr.records.voicemail import Mailbox
from ivr.site.operators import OperatorEntry
from ivr.site.site import Site
from ivr.telephones.presence import Presence
from routing.states import Operator


class Parts(Protocol):
    """The parts of `ivr.controller.controller.Controller` that its connections use."""

    settings: Settings
    site: Site
    operators: Sequence[OperatorEntry]
    operator_ids: Collection[str]
    flows: VersionStore
    recorder: Recorder
    audible: Audible
    opening: Opening
    case_lookup: CaseLookup
    database: Database
    returners: Returners
    caller_limits: CallerLimits
    mailbox: Mailbox
    workers: Workers | None
    notices: PauseNotices
    supervisor_alerts: SupervisorAlerts
    repository: CallbackRepository
    sip_copies: SipCopies
    presence: Presence
    duty: Duty
    manager: ManagerLink
    floor: Floor
    liveness: Liveness
    changed: asyncio.Event
    last_probe: Result | None

    def shows_callers(self, operator: str) -> bool:
        """Return whether an operator sees who calls while it rings."""

    def operator_settled(self, operator: Operator, since: float) -> None:
        """Keep a state that began while there was no connection; the state before it began at `since` (POSIX)."""

    async def close_orphaned(self, began: float, calls: Collection[str], legs: Collection[str]) -> None:
        """Close rows of calls that ended without a controller.

        Args:
            began: When the connection began, POSIX seconds.
            calls: The ids of calls that are up.
            legs: The channels of open offers.
        """
