"""One connection to Asterisk: the calls, and all that is known of them while it lasts.

When it ends, all of this ends with it; the next connection reads what is up and goes on. So a start, a restart after
`kill -9` and a reconnect are one path.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events
from ivr.asterisk.ari.link import Link
from ivr.call import conversation_recording
from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.call.items import Item
from ivr.call.services import Services
from ivr.callbacks.dispatcher import Dispatcher
from ivr.codes import runner as codes
from ivr.controller import dialplan_conversations, last_line, probe_call, reconcile, recovery
from ivr.controller.call_registry import CallRegistry
from ivr.controller.event_router import EventRouter
from ivr.controller.hearing import Hearing
from ivr.controller.own_calls import OwnCalls
from ivr.controller.parts import Parts
from ivr.controller.recovery import Recovered
from ivr.controller.silence_monitor import SilenceMonitor
from ivr.controller.telephone_signals import TelephoneSignals
from ivr.controller.work import Work
from ivr.floor.client import FloorClient
from ivr.floor.operator_state_store import restored
from ivr.flow.versions import Version
from ivr.home import heartbeat
from ivr.model import floor_protocol
from ivr.model.call_state import CallState, LegState
from ivr.model.endpoints import TRY_TELEPHONES, endpoints_of, is_web
from ivr.talk.request_inbox import RequestInbox
from ivr.telephones.web_credentials import WebCredentials
from ivr.training.trainings import Trainings
from routing.states import OfferState, Operator, OperatorState

log = structlog.get_logger()

APPLICATION = "hatif"


class Connection:
    """The services that calls, feature codes and call-backs use while one connection to ARI lasts."""

    def __init__(self, parts: Parts, link: Link) -> None:
        self._parts, self._link, site = parts, link, parts.site
        self._routes: dict[str, Receiver] = {}  # by channel: the caller's own, the legs of their call, codes
        self._tasks = asyncio.TaskGroup()
        self._work = Work(self._tasks, link.close)
        self._epoch = 0
        self.floor: FloorClient | None = None
        self.requests = RequestInbox()
        self.supervisor_alerts = parts.supervisor_alerts
        self.services = Services(
            site=site,
            link=link,
            recorder=parts.recorder,
            audible=parts.audible,
            opening=parts.opening,
            case_lookup=parts.case_lookup,
            database=parts.database,
            returners=parts.returners,
            mailbox=parts.mailbox,
            caller_limits=parts.caller_limits,
            to_floor=self._to_floor,
            route=self._routes.__setitem__,
            unroute=self._unroute,
            address=lambda operator: self._address(parts.presence.in_use(operator)),
            operators=parts.operators,
            answer_request=self.requests.answer,
            take_notice=parts.notices.take,
            in_browser=lambda operator: is_web(parts.presence.in_use(operator)),
            shows_callers=parts.shows_callers,
            note_change=parts.changed.set,
            next_shift=self._next_shift,
            workers=parts.workers,
        )
        self._telephones = self._telephones_of(parts.operator_ids)
        self.trainings = Trainings(self.services, self.start)
        self.registry = CallRegistry(parts.flows, self.services, self._routes, self.start, self.trainings)
        web = tuple(parts.operator_ids) if site.desk.enabled else ()
        self.web_credentials = WebCredentials(link, web)
        self.try_credentials = WebCredentials(link, TRY_TELEPHONES if site.desk.has_try else (), str)
        self.callbacks = Dispatcher(self, parts.repository)
        self.silence_monitor = SilenceMonitor(
            self.services, self._routes, parts.sip_copies, parts.manager.refresh_session, self.start
        )
        self.telephones = TelephoneSignals(
            self.services,
            parts.presence,
            self._operators,
            self._routes,
            self.silence_monitor.renegotiate,
            self.start,
        )
        self._own_calls = OwnCalls(link, self._telephones, self._on_other_call, self._routes, self.start)
        self._hearing = Hearing(link, APPLICATION)
        self._router = EventRouter(
            link,
            lambda name: conversation_recording.keep(parts.mailbox, name, parts.recorder),
            self._routes,
            self.registry,
            self._own_calls,
            lambda channel, args: codes.begin(self, channel, args, resumed=False),
            self.telephones.is_there,
            self._hearing.deliver,
            self.start,
            self._work.cancel,
        )

    def _address(self, endpoint: str) -> str:
        """Return how Asterisk reaches a telephone. The only place that knows."""
        return self._parts.site.operators.address.replace("{id}", endpoint)

    def _telephones_of(self, operators: Iterable[str]) -> dict[str, str]:
        """Return the telephones of these operators, as Asterisk names them, and whose they are."""
        return {
            self._address(endpoint): operator
            for operator in operators
            for endpoint in (endpoints_of(operator) if self._parts.site.desk.enabled else (operator,))
        }

    def take_site(self, new: Collection[str], gone: Collection[str]) -> None:
        """Use the site and the operators that the controller has now: these are new, or not in the list any more."""
        self.services.site = self._parts.site
        for telephone in self._telephones_of(gone):
            self._telephones.pop(telephone, None)
        added = self._telephones_of(new)
        self._telephones.update(added)
        self._to_floor(floor_protocol.OperatorList(tuple(restored(self._parts.operators, {}))))
        self._to_floor(self._parts.duty.planned)
        if new:
            self.start_with_retry("telephones of new operators", partial(self._own_calls.watch, added))
            if self._parts.site.desk.enabled:
                self.start_with_retry("browser telephones of new operators", partial(self.web_credentials.lock, new))

    @property
    def calls(self) -> Collection[Call]:
        """The calls that are up."""
        return self.registry.all

    def _next_shift(self, language: str) -> datetime | None:
        """Return when the next shift begins of an operator who speaks a language well enough."""
        level = self._parts.site.operators.level
        speak = {item.id for item in self._parts.operators if item.languages.get(language, 0) >= level}
        return self._parts.duty.next_shift(speak)

    @property
    def operators_on_duty(self) -> int:
        """How many operators are neither away nor paused."""
        idle = (OperatorState.AWAY, OperatorState.PAUSED)
        return sum(operator.for_others.state not in idle for operator in self._operators().values())

    @property
    def channels(self) -> Collection[str]:
        """The ids of all channels whose events have a receiver."""
        return self._routes.keys()

    @property
    def version(self) -> Version:
        """The version of the flow that new calls use."""
        return self._parts.flows.current

    def call_on(self, leg: str) -> Call | None:
        """Return the call that an operator's leg belongs to."""
        found = self._routes.get(leg)
        return found if isinstance(found, Call) else None

    def last_case(self, operator: str) -> str | None:
        """Return the case of the operator's present or last call, as far as this connection knows."""
        return self.registry.last_case(operator)

    def enter(
        self, channel: str, state: CallState, leg: LegState | None, happened: Iterable[Item], *, resumed: bool
    ) -> None:
        """Make a channel that was called by us a call like any other."""
        self.registry.enter(channel, state, leg, happened, resumed=resumed)

    def _to_floor(self, message: floor_protocol.ToFloor) -> None:
        """Send a message to the floor, once there is one."""
        if self.floor is not None:
            self.floor.tell(message)
            self.services.note_change()

    async def run(self) -> None:
        """Run until the connection ends; the calls stay up.

        Raises:
            SystemExit: Another controller has taken over the application.
        """
        async with self._tasks as tasks:
            reader = tasks.create_task(self._link.read(self._router.deliver), name="ari reader")
            self._work.start(self._begin(), "reconciliation", vital=True)
            await reader
            log.warning("The connection to Asterisk's ARI has ended")
            if self._router.replaced:
                raise SystemExit(75)
            self._work.cancel()

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Start work that ends with the connection. An exception in it is logged and ends nothing else."""
        self._work.start(work, name)

    def start_with_retry(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Start work that is retried whenever it fails, until the connection ends."""
        self._work.start_with_retry(name, work)

    async def _begin(self) -> None:
        # Before anything is asked: what begins from now on is found by its events.
        started, began = time.monotonic(), time.time()
        await self._link.only(*events.USED)
        await self._hearing.check()
        self._work.start(self._hearing.run(), "events", vital=True)
        found = await recovery.recover(self._link, self._telephones)
        self._router.expect(leg_dialing.waiting(found.channels))
        await self._begin_floor(found)
        self.start_with_retry("refused packets", self.telephones.probe)
        self.start_with_retry("silent callers", self.silence_monitor.run)
        await self._own_calls.begin(found.channels, found.legs)
        self.telephones.all_present(self._parts.presence.present)
        await recovery.tidy(self._link, found)
        self._resume(found)
        await self._attach_features(found)
        self._close_orphaned(began, found)
        self._router.open()
        findings, undialled = found.findings, found.undialled
        if findings.resume or findings.orphans or findings.bridges or undialled:
            log.info(
                "Resumed what was up",
                calls=len(findings.resume),
                new=len(findings.fresh),
                legs_ended=len(findings.orphans) + len(undialled),
                bridges_ended=len(findings.bridges),
                ms=round(1000 * (time.monotonic() - started), 1),
            )

    async def _begin_floor(self, found: Recovered) -> None:
        stored = await self._parts.manager.operator_states()
        begin = self._begin_message(stored, found.findings.open_offers, found.help_calls)
        self._epoch = begin.epoch  # the floor may still be busy with what an earlier connection told it
        self.floor = FloorClient(self._parts.floor.tell, begin)
        self._parts.liveness.note_serving()  # before the first call: the guard would take it from us
        note_answer = partial(heartbeat.stamp, self._parts.settings.answered)
        self.start_with_retry("last line", partial(last_line.beat, self._link, note_answer))
        self.floor.tell(self._parts.duty.planned)

    def _begin_message(
        self,
        stored: Mapping[str, str],
        offers: Sequence[floor_protocol.OpenOffer],
        help_calls: Sequence[floor_protocol.OpenOffer],
    ) -> floor_protocol.Begin:
        """Return what the floor needs to know of this connection.

        Args:
            kept: Operators' states in AstDB.
            help_calls: Talks with a supervisor, which make operators busy but belong to no call.
        """
        site = self._parts.site
        operators = restored(self._parts.operators, stored)
        wrap_up_s, longest_s = site.operators.wrap_up_s, site.operators.wrap_up_longest_s
        settled = reconcile.settled(operators, (*offers, *help_calls), time.time(), wrap_up_s, longest_s)
        for before, now in zip(operators, settled, strict=True):
            if before.state is not now.state:
                self._parts.operator_settled(now, before.since)
        # Higher than the epoch of any earlier connection of this process and its floor; the clock may be set back.
        return floor_protocol.Begin(time.monotonic_ns() // 1_000_000, tuple(settled), tuple(offers))

    def _resume(self, found: Recovered) -> None:
        findings = found.findings
        # The caller who has waited longest comes first, though the floor would find them anyway.
        for channel, state, leg in sorted(findings.resume, key=lambda row: row[1].since or time.time()):
            with self._router.dialplan_on_failure(channel.id, state.id):
                self.registry.resume(channel, state, leg, findings.colleagues.get(state.id))
        for channel in findings.fresh:
            with self._router.dialplan_on_failure(channel.id):
                self.registry.begin(channel, ())

    async def _attach_features(self, found: Recovered) -> None:
        """Have each feature go on with what is up of it, and begin what it does until the connection ends."""
        codes.attach(self, found.channels)
        self.callbacks.attach(found.callbacks)
        await dialplan_conversations.attach(self.services, found.elsewhere)
        probe_call.attach(self, self._probed)
        self.start_with_retry("browser telephones", self.web_credentials.run)
        self.start_with_retry("telephones that try the line", self.try_credentials.run)

    def _close_orphaned(self, began: float, found: Recovered) -> None:
        """Close the rows of calls that are not up any more. `began`: when the connection did, POSIX seconds."""
        legs = {offer.offer for offer in found.findings.open_offers}
        called_back = {callback.call for callback in found.callbacks if callback.called is not None}
        up = {call.state.id for call in self.calls} | called_back
        self.start_with_retry("orphaned rows", partial(self._parts.close_orphaned, began, up, legs))

    def _probed(self, result: probe_call.Result) -> None:
        self._parts.last_probe = result

    def _operators(self) -> Mapping[str, Operator]:
        return self.floor.operators if self.floor is not None else {}

    def _on_other_call(self, message: floor_protocol.OnOtherCall) -> None:
        self._to_floor(message)
        if not message.on_line:
            self._parts.presence.settle(message.operator)

    def is_engaged(self, operator: str) -> bool:
        """Return whether an operator is in any call, or may be: before reconciliation is done nobody knows."""
        known = self._operators().get(operator) if self._router.is_open else None
        in_call = known is None or known.state in (OperatorState.OFFERED, OperatorState.TALKING)
        return in_call or self._own_calls.has(operator)

    def from_floor(self, message: floor_protocol.ToCall) -> None:
        """Bring a message of the floor to its call."""
        if isinstance(message, floor_protocol.Offer):
            if message.epoch < self._epoch:
                log.warning("An offer of an earlier floor is refused", offer=message.id, call=message.call)
                return
            self._epoch = message.epoch
        call = self.registry.get(message.call)
        if call is not None:
            call.deliver(message)
        elif isinstance(message, floor_protocol.Offer) and not self.callbacks.offer(message):
            self._to_floor(floor_protocol.Leave(message.call))
            self._to_floor(floor_protocol.Refused(message.id, message.call, message.operator, OfferState.WITHDRAWN))

    def _unroute(self, channel: str) -> None:
        self._routes.pop(channel, None)

    def forget(self, receiver: Receiver) -> None:
        """Bring no more events to this receiver."""
        self.registry.forget(receiver)
