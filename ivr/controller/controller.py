"""The controller: one process that drives Asterisk. It is crash-only: a start is a recovery.

It owns what outlives connections (journal, manager link, hours, floor, control API). Each connection to ARI is a
`Connection`.
"""

import asyncio
import contextlib
import gc
import socket
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial

import structlog

from db.callback_requests import Claim
from db.journal import Journal
from ivr.asterisk.ami import Ami, AmiError
from ivr.asterisk.ari.link import AriError, Link
from ivr.asterisk.log_rotation import limit_asterisk
from ivr.asterisk.sip_copies import SipCopies
from ivr.audio.audible import Audible
from ivr.callbacks.repository import CallbackRepository
from ivr.cases.case_lookup import CaseLookup
from ivr.cases.guessing import Guessing
from ivr.codes import pause_notice
from ivr.codes.pause_notice import PauseNotices
from ivr.controller.acknowledgements import Acknowledgements
from ivr.controller.connection import APPLICATION, Connection
from ivr.controller.connection_health import STABLE_S
from ivr.controller.floor_runner import FloorRunner
from ivr.controller.liveness import Liveness
from ivr.controller.manager_link import RECONNECT_S, ManagerLink
from ivr.controller.probe_call import Result
from ivr.controller.prompt_watch import PromptWatch
from ivr.controller.record_repair import RecordRepair
from ivr.controller.work import start_with_retry
from ivr.floor.duty import Duty
from ivr.floor.floor import Floor
from ivr.floor.language_changes import LanguageChanges
from ivr.floor.operator_state_store import OperatorStateStore
from ivr.floor.shifts import Shifts
from ivr.floor.supervisor_alerts import SupervisorAlerts
from ivr.flow.versions import Version, VersionStore
from ivr.home import credentials, heartbeat
from ivr.home.settings import Settings, SettingsError
from ivr.hours.opening import Opening
from ivr.model import clock, floor_protocol
from ivr.model.endpoints import is_web
from ivr.recognition.workers import Workers
from ivr.records import references
from ivr.records.amendments import AmendmentRepository
from ivr.records.caller_limits import CallerLimits
from ivr.records.database import Database
from ivr.records.database_client import SharedEngine
from ivr.records.people import PeopleRepository
from ivr.records.recorder import Recorder
from ivr.records.returners import Returners
from ivr.records.voicemail import Mailbox
from ivr.site import operators, site
from ivr.site.flat import flatten
from ivr.site.operators import OperatorEntry
from ivr.site_changes import exchange
from ivr.telephones import replacements
from ivr.telephones.contacts import address_of
from ivr.telephones.devices import Devices
from ivr.telephones.presence import Presence
from ivr.telephones.registrations import Proof, Registrations
from ivr.telephones.replacements import Replacements
from routing.states import Operator
from routing.thresholds import ThresholdWatch

log = structlog.get_logger()

_LOST_ROWS_S = 30.0
"""How often rows are searched for whose call is over although nobody has recorded its end."""

_GC_THRESHOLDS = (50_000, 20, 50)
"""The garbage collector runs rarely: a call leaves few cycles behind, and each run stops all calls for a moment."""


class Controller:
    """The controller of one site. `serve_api` serves the control API until it is cancelled."""

    def __init__(self, settings: Settings, serve_api: "Callable[[Controller], Coroutine[None, None, None]]") -> None:
        self._serve_api = serve_api
        self.began = time.time()
        clock.prepare()
        self.settings = settings
        # First of all: a second controller must find out here, and not by taking the calls of the first.
        self.control_socket = _listen(settings.control_port)
        exchange.recover(settings.home, settings.site)
        self.site = site.load(settings.site)
        self.listed = operators.load(settings.site, self.site.languages)
        self._ids = {operator.id for operator in self.listed}  # one set for all who use it
        self.operator_ids: Collection[str] = self._ids
        self.credentials = credentials.load(settings.home, tuple(self._ids))
        self.flows = VersionStore(settings.site, settings.versions, settings.sounds, self.site)
        self.journal = Journal(settings.journal, self.site.node)
        url = settings.database_url(self.site.database.url)
        self.references = references.reference_allocator(settings, self.site.node_number)
        self.recorder = Recorder(self.journal, references.ready(self.references, url, self.site.node))
        self.ami = Ami("127.0.0.1", 5038 + settings.offset, self.credentials.ami_user, self.credentials.ami_password)
        self.audible = Audible(settings.sounds, self.site.fallback_chain)
        self.opening = Opening(self.site, self.recorder, self.ami)
        self.operator_states = OperatorStateStore(self.ami)
        self.language_changes = LanguageChanges(self.listed, self.ami, self._languages_changed)
        self.operators: Sequence[OperatorEntry] = self.language_changes.operators  # as they are now
        self.shared_engine = SharedEngine(url, self.site.database.connections)
        self.database = Database(self.shared_engine)
        pins = self.site.pins
        guessing = Guessing(pins.alarm_files, 2 * pins.alarm_files)
        self.case_lookup = CaseLookup(self.database, self.recorder, self.credentials.pin_pepper, guessing)
        self.repository = CallbackRepository(self.shared_engine, Claim(self.site.node, self.journal.boot))
        self.amendments = AmendmentRepository(self.shared_engine)
        self.people = PeopleRepository(self.shared_engine)
        self.returners = Returners(self.database, 60 * self.site.routing.return_min)
        self.caller_limits = CallerLimits(self.database, self.site)
        keeps_free = round(1e9 * self.site.limits.free_gb)
        self.mailbox = Mailbox(settings.asterisk_recordings, settings.home, keeps_free)
        self.replacements = Replacements(self.journal, self._is_engaged, self._remove_contact)
        self.sip_copies = SipCopies()
        self.workers = Workers(settings.speech) if self.site.speech.menus else None
        self.registrations = Registrations(self.sip_copies.lifetime)
        self.presence = Presence(
            self.ami,
            self._ids,
            self._telephone_changed,
            self.replacements,
            self._proved,
            self.site.operators.is_outside,
            self._refuse_contact,
        )
        self.devices = Devices(self.ami, self._ids)
        self.notices = PauseNotices()
        self.duty = Duty(self._planned)
        self.shifts = Shifts(settings.site, self._ids, self.opening.zone, self.database, self.journal, self.duty.read)
        self.supervisor_alerts = SupervisorAlerts(self.journal)
        self.acknowledgements = Acknowledgements(self.journal, self.database)
        self.thresholds = ThresholdWatch(self.site.alarms.thresholds)
        self.changed = asyncio.Event()  # something that the control API shows may have changed
        self.prompts = PromptWatch(settings, self.flows, self.changed.set)
        self.repair = RecordRepair(
            settings,
            self.site,
            self.shared_engine,
            self.ami,
            self.recorder,
            self.mailbox,
            self._calls_had,
            self.caller_limits,
            self.opening,
        )
        self.manager = ManagerLink(
            self.ami,
            self.opening,
            self.operator_states,
            self.language_changes,
            self.presence,
            self.repair,
            self._rtcp_received,
        )
        self.floor = self._make_floor()
        self.floor_runner = FloorRunner(self.floor, self._end_connection)
        self.connection: Connection | None = None
        self.last_probe: Result | None = None  # of the last call of the line to itself
        self.liveness = Liveness(settings.lives, settings.serves, self._is_serving)
        self._last_answer: datetime | None = None  # when Asterisk last answered before this connection

    def _make_floor(self) -> Floor:
        limits = self.site.operators
        return Floor(
            (),
            ring_s=limits.ring_s,
            wrap_up_s=limits.wrap_up_s,
            wrap_up_more_s=limits.wrap_up_more_s,
            wrap_up_longest_s=limits.wrap_up_longest_s,
            publish=self._from_floor,
            changed=self._operator_changed,
            decided=self.recorder.decision,
            waits=self.recorder.waits,
            missed=self.supervisor_alerts.missed,
            answer=self._floor_answers,
            policy=self.site.routing.policy,
        )

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.manager.run(), name="manager link")
                tasks.create_task(self.floor_runner.run(), name="floor")
                tasks.create_task(self._keep_connected(), name="ari")
                tasks.create_task(self._serve_api(self), name="control api")
                tasks.create_task(self.liveness.run(), name="heartbeat")
                start_with_retry(tasks, "case lookup", self.case_lookup.warm)
                start_with_retry(tasks, "acknowledgements", self.acknowledgements.restore)
                start_with_retry(
                    tasks, "Asterisk's logs", partial(limit_asterisk, self.ami, self.settings.asterisk_log)
                )
                stock = partial(references.keep_stocked, self.references, self.shared_engine, self.site.node)
                start_with_retry(tasks, "case references", stock)
                start_with_retry(tasks, "saved flow", self.flows.saved.watch)
                start_with_retry(tasks, "prompts", self.prompts.run)
                start_with_retry(tasks, "shifts", self.shifts.run)
                start_with_retry(tasks, "duty", self.duty.run)
                start_with_retry(tasks, "lost rows", self._close_lost)
                start_with_retry(tasks, "copies of SIP", partial(self.sip_copies.listen, self.settings.sip_copies))
                if self.workers is not None:
                    start_with_retry(tasks, "speech workers", self.workers.run)
                start_with_retry(tasks, "telephone devices", self.devices.run)
                self.recorder.operators(self.listed)
        finally:
            self.journal.close()
            self.case_lookup.close()
            self.flows.saved.close()
            await self.shared_engine.close()
            with contextlib.suppress(AmiError):
                await self.ami.close()

    async def _keep_connected(self) -> None:
        base = f"http://127.0.0.1:{8088 + self.settings.offset}"
        tries = 0
        # What was made so far lives as long as the process: the collector need not look at it during calls.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        gc.enable()
        while True:
            began = time.monotonic()
            try:
                async with Link(base, self.credentials.ari_user, self.credentials.ari_password, APPLICATION) as link:
                    log.info("Connected to Asterisk's ARI")
                    self._last_answer = heartbeat.last_stamp(self.settings.answered)
                    self.connection = Connection(self, link)
                    self.liveness.health.connected()
                    try:
                        await self.connection.run()
                    finally:
                        self.floor.tell(floor_protocol.ConnectionLost())
                    if self.connection.floor is not None:  # otherwise it has never said that it serves calls
                        self.liveness.health.ended()
            except AriError as error:
                if tries % 20 == 0:
                    log.error(str(error))
            finally:
                self.connection = None
            if time.monotonic() - began > STABLE_S:  # nothing was wrong: the next attempt is made at once
                tries = 0
            await asyncio.sleep(RECONNECT_S[min(tries, len(RECONNECT_S) - 1)])
            tries += 1

    def _end_connection(self) -> None:
        if self.connection is not None:
            self.connection.close()

    # From the floor

    def _from_floor(self, message: floor_protocol.ToCall) -> None:
        if self.connection is not None:
            self.connection.from_floor(message)

    def _floor_answers(self, message: floor_protocol.ToClient) -> None:
        if self.connection is not None and self.connection.floor is not None:
            self.connection.floor.deliver(message)

    def _operator_changed(self, operator: Operator, call: str | None) -> None:
        if self.connection is not None:
            self.connection.telephones.operator_changed(operator)
        if not operator.training:  # for the dialplan, a restart and all figures they are in their pause
            self.operator_states.put(operator)
            self.recorder.operator_state(operator, call)
        self.presence.settle(operator.id)
        self.changed.set()
        log.debug("operator", operator=operator.id, state=operator.state.value, reason=operator.reason or None)
        if self.notices.changed(operator) and self.connection is not None:
            self.connection.start(self._show_pause(self.connection, operator), "show a pause")

    async def take_files(self) -> Version:
        """Go by the saved flow, guide, texts, audio, roster and opening hours from the next call on.

        Raises SiteError or ManifestError; then nothing has changed.
        """
        saved = await asyncio.to_thread(site.load, self.settings.site)
        version = await self.flows.reload()
        self.shifts.again()
        hours = saved.hours.model_copy(update={"timezone": self.site.hours.timezone})  # which only a start brings
        if hours != self.site.hours:
            self.site = self.site.model_copy(update={"hours": hours})
            self.opening.take(hours)
            self.changed.set()
        return version

    async def take_site(self) -> None:
        """Use the saved operators, numbers and countries from now on. Calls go on as they began.

        Asterisk must know the telephones of new operators already (`hatif reload`). Raises SiteError; then nothing has
        changed.
        """
        saved, listed = await asyncio.to_thread(self._saved)
        taken = {"number": saved.number, "countries": saved.countries, "unknown_country": saved.unknown_country}
        self.site = self.repair.site = self.flows.settings = self.site.model_copy(update=taken)
        ids = {entry.id for entry in listed}
        new, gone = ids - self._ids, self._ids - ids
        self._ids |= new
        self._ids -= gone
        self.listed = listed
        self.language_changes.take(listed)
        self.recorder.operators(listed)
        self.shifts.again()
        if self.connection is not None:
            self.connection.take_site(new, gone)
        self.changed.set()

    async def unused_values(self) -> dict[str, tuple[str | None, str | None]]:
        """Return the values of `site.toml` and `operators.csv` that are not in use: what is, and what is saved, by path
        (`ivr.site.flat`). Raises SiteError."""
        saved, running = flatten(*await asyncio.to_thread(self._saved)), flatten(self.site, self.listed)
        paths = saved.keys() | running.keys()
        return {path: (running.get(path), saved.get(path)) for path in paths if running.get(path) != saved.get(path)}

    def _saved(self) -> tuple[site.Site, tuple[OperatorEntry, ...]]:
        saved = site.load(self.settings.site)
        return saved, operators.load(self.settings.site, saved.languages)

    def _languages_changed(self, entry: OperatorEntry) -> None:
        self.floor.tell(floor_protocol.OperatorLanguages(entry.id, entry.languages))
        self.changed.set()

    async def _show_pause(self, connection: Connection, operator: Operator) -> None:
        displays = self.devices.displays(operator.id, self.site.operators.shows_messages)
        if displays and await pause_notice.show(connection, operator):
            self.notices.take(operator.id)

    # From the connection

    def _is_serving(self) -> bool:
        return self.connection is not None and self.connection.floor is not None and self.floor_runner.serves

    def operator_settled(self, operator: Operator, since: float) -> None:
        """Keep a state that began without a connection, no later than Asterisk's last answer.

        A night's outage is part of nobody's conversation.
        """
        before, now = datetime.fromtimestamp(since, UTC), clock.now()
        self.operator_states.put(operator)
        self.recorder.operator_state(operator, None, min(now, max(before, self._last_answer or now)))

    async def close_orphaned(self, began: float, calls: Collection[str], legs: Collection[str]) -> None:
        self.presence.settle()  # telephones that registered in a call that ended without us
        await self.repair.close_orphaned(began, calls, legs, self._last_answer)
        if self.connection is not None:
            self.connection.registry.rows_are_closed()

    async def _close_lost(self) -> None:
        while True:
            await asyncio.sleep(_LOST_ROWS_S)
            if self._is_serving():
                await self.repair.close_lost()

    def _calls_had(self) -> Collection[str]:
        return self.connection.registry.had if self.connection is not None else ()

    # From telephones and the manager

    def _telephone_changed(self, operator: str, present: bool) -> None:
        if self.connection is not None:
            self.connection.telephones.changed(operator, present)

    def shows_callers(self, operator: str) -> bool:
        """Return whether an operator sees who calls while it rings: the desk shows it, and some telephones do."""
        on_page = is_web(self.presence.in_use(operator))
        return on_page or self.devices.displays(operator, self.site.operators.shows_callers)

    def _is_engaged(self, operator: str) -> bool:
        return self.connection is None or self.connection.is_engaged(operator)

    def _remove_contact(self, endpoint: str, contact: str) -> None:
        if self.connection is not None:
            link = self.connection.services.link
            self.connection.start(replacements.remove(link, endpoint, contact), "remove a replaced telephone")

    def _refuse_contact(self, endpoint: str, contact: str) -> None:
        log.warning(
            "A telephone outside has registered without TLS; its registration is removed",
            operator=endpoint,
            address=address_of(contact),
        )
        self._remove_contact(endpoint, contact)

    def _proved(self, proof: Proof) -> None:
        restarted = self.registrations.restarted(proof) and self.presence.rings_at(proof)
        if restarted and self.connection is not None:
            self.connection.telephones.restarted(proof)

    def _planned(self, planned: floor_protocol.DutyRoster) -> None:
        if self.connection is not None:
            self.connection.services.to_floor(planned)

    def _rtcp_received(self, channel: str) -> None:
        if self.connection is not None:
            self.connection.silence_monitor.report(channel)


def _listen(port: int) -> socket.socket:
    """Return the socket of the control API, bound and listening on loopback.

    Raises:
        SettingsError: The port is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"TCP port {port} (control API) cannot be used ({error.strerror}): is another controller running? "
            "Stop it, or set HATIF_PORT_OFFSET to another multiple of 1000."
        ) from None
    listening.listen(64)
    return listening
