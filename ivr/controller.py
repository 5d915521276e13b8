"""The controller: one process that drives Asterisk. It is crash-only: a start is a recovery.

What it owns outlives connections (journal, manager link, hours, control API); each connection to ARI is a `Session`.
"""

import asyncio
import contextlib
import gc
import importlib
import socket
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from db.journal import Journal
from db.wishes import Claim
from ivr import beats, clock, credentials, messages, operators, paused, references, replaced, site
from ivr.ami import Ami, AmiError
from ivr.ari.link import AriError, Link
from ivr.audible import Audible
from ivr.callbacks.book import Book
from ivr.database import Database
from ivr.duty import Duty
from ivr.fallback import calls_in_fallback, channels_up, import_fallback_calls
from ivr.files import Files
from ivr.floor_told import FloorTold
from ivr.flow.versions import Flows
from ivr.house import House
from ivr.log_files import limit_asterisk
from ivr.messages_left import Mailbox
from ivr.opening import FAMILY as HOURS_FAMILY
from ivr.opening import Opening
from ivr.paused import PauseNotices
from ivr.presence import Presence
from ivr.probe import Result
from ivr.records import Recorder
from ivr.refused_calls import log_refusal
from ivr.registrations import Proof, Registrations
from ivr.replaced import Replaced
from ivr.returners import Returners
from ivr.session import APPLICATION, Session
from ivr.settings import HEARTBEAT_S, Settings, SettingsError
from ivr.shifts import Shifts
from ivr.sip_copies import SipCopies
from ivr.standing import FAMILY, Keeper
from ivr.telephones import Telephones
from ivr.work import again
from routing.states import Operator

if TYPE_CHECKING:
    from ivr.lost import Up

log = structlog.get_logger()

_AGAIN_S = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Pauses between tries to connect; the last one repeats."""

_SOUND_S = 5.0
"""A connection that lasted longer had nothing wrong with it: the next one is made at once."""

_FAILING = 3
"""After so many that did not last, calls are not served, whatever the next one says at its beginning."""

_COLLECT = (50_000, 20, 50)
"""The collector comes seldom: a call leaves few cycles behind, and each visit stops all calls for a moment."""

_KEPT_LIMIT_S = 1.0
"""Calls do not wait longer than this for the operators' states."""


class Controller:
    def __init__(self, settings: Settings) -> None:
        clock.prepare()
        self.settings = settings
        # First of all: a second controller must find out here, and not by taking the calls of the first.
        self.control_socket = _listen(settings.control_port)
        self.site = site.load(settings.site)
        self.operators = operators.load(settings.site, self.site.languages)
        self.credentials = credentials.load(settings.home, tuple(each.id for each in self.operators))
        self.flows = Flows(settings.site, settings.versions, settings.sounds, self.site)
        self.journal = Journal(settings.journal, self.site.node)
        self.references = references.reference_allocator(settings, self.site.node_number)
        self.recorder = Recorder(self.journal, references.ready(self.references, self._url(), self.site.node))
        self.ami = Ami("127.0.0.1", 5038 + settings.offset, self.credentials.ami_user, self.credentials.ami_password)
        self.opening = Opening(self.site, self.recorder, self.ami)
        self.keeper = Keeper(self.ami)
        self.database = Database(self._url())
        self.files = Files(self.database, self.recorder)
        self.book = Book(self._url(), Claim(self.site.node, self.journal.boot))
        self.returners = Returners(self.database, 60 * self.site.routing.return_min)
        self.mailbox = Mailbox(settings.asterisk_recordings, settings.home)
        ids = [each.id for each in self.operators]
        self.replaced = Replaced(self.journal, self._is_engaged, self._remove_contact)
        self.copies = SipCopies()
        self.registrations = Registrations(self.copies.lifetime)
        self.presence = Presence(self.ami, ids, self._telephone, self.replaced, self._proved)
        self.telephones = Telephones(self.ami, ids)
        self.notices = PauseNotices()
        self.duty = Duty(self._planned)
        self.shifts = Shifts(settings.site, ids, self.opening.zone, self.database, self.journal, self.duty.read)
        self.floor_told = FloorTold(self.journal)
        self.session: Session | None = None
        self.probed: Result | None = None  # the last call of the line to itself
        self._recorded: set[str] = set()  # calls of the fallback, as far as this controller has brought them in
        self._connected = 0.0  # to Asterisk's ARI, by the monotonic clock
        self._short = 0  # connections to Asterisk in a row that were over soon
        self._answered: datetime | None = None  # when Asterisk last answered before this connection
        self._look = asyncio.Event()  # Asterisk's manager has something to be read

    def _url(self) -> str:
        return self.settings.database_url(self.site.database.url)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._manager(), name="manager link")
                tasks.create_task(self._sessions(), name="ari")
                tasks.create_task(self._control_api(), name="control api")
                tasks.create_task(self._beat(), name="heartbeat")
                tasks.create_task(again("files", self.files.warm), name="files")
                tasks.create_task(
                    again("Asterisk's logs", partial(limit_asterisk, self.ami, self.settings.asterisk_log)),
                    name="Asterisk's logs",
                )
                tasks.create_task(
                    again(
                        "case references",
                        partial(references.keep_stocked, self.references, self._url(), self.site.node),
                    ),
                    name="case references",
                )
                tasks.create_task(again("what is saved", self.flows.saved.watch), name="what is saved")
                tasks.create_task(again("shifts", self.shifts.run), name="shifts")
                tasks.create_task(again("duty", self.duty.run), name="duty")
                tasks.create_task(
                    again("copies of SIP", partial(self.copies.listen, self.settings.sip_copies)), name="copies of SIP"
                )
                tasks.create_task(again("telephones", self.telephones.run), name="telephones")
                self.recorder.operators(self.operators)
        finally:
            self.journal.close()
            self.files.close()
            self.flows.saved.close()
            await self.database.close()
            await self.book.close()
            with contextlib.suppress(AmiError):
                await self.ami.close()

    async def _beat(self) -> None:
        """Says on disk that this loop lives, and that calls are served; the guard looks at it."""
        while True:
            beats.beat(self.settings.lives)
            if self.session is not None and self.session.floor is not None:
                self._say_served()
            await asyncio.sleep(HEARTBEAT_S)

    def _say_served(self) -> None:
        """Not while one connection after the other fails: the guard gives callers to the dialplan then."""
        if self._short < _FAILING or self._has_lasted():
            beats.beat(self.settings.serves)

    def _has_lasted(self) -> bool:
        """Whether the connection to Asterisk lasts, or has lasted, so long that nothing is wrong with it."""
        return time.monotonic() - self._connected > _SOUND_S

    async def _control_api(self) -> None:
        """Loaded behind the calls' back: it is half of the start, and nobody on the telephone waits for it."""
        api = await asyncio.to_thread(importlib.import_module, "ivr.api")
        await api.serve(self)

    async def _sessions(self) -> None:
        base = f"http://127.0.0.1:{8088 + self.settings.offset}"
        house = House(
            site=self.site,
            operators=self.operators,
            flows=self.flows,
            recorder=self.recorder,
            audible=Audible(self.settings.sounds, self.site.fallback_chain),
            opening=self.opening,
            files=self.files,
            remembered=self.database.language,
            returning=self.returners.place,
            has_place=self.returners.has_place,
            last_call=self.database.last_call,
            mailbox=self.mailbox,
            kept_operators=self._kept_operators,
            present=lambda: self.presence.present,
            planned=lambda: self.duty.planned,
            contact=self.presence.contact,
            proved=self.presence.proved,
            operator_changed=self._operator_changed,
            notice=self.notices.take,
            operator_settled=self._operator_settled,
            free=self.presence.settle,
            floor_told=self.floor_told,
            book=self.book,
            copies=self.copies,
            refresh=self._refresh,
            serves=self._say_served,
            probed=self._probed,
            answered=lambda: beats.note(self.settings.answered),
            begun=self._close_lost,
        )
        tries = 0
        # What was made so far lives as long as the process: the collector need not look at it during calls.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        while True:
            began = time.monotonic()
            try:
                async with Link(base, self.credentials.ari_user, self.credentials.ari_password, APPLICATION) as link:
                    log.info("Connected to Asterisk's ARI")
                    self._answered = beats.noted(self.settings.answered)
                    self.session = Session(house, link)
                    self._connected = time.monotonic()
                    await self.session.run()
                    self._short = 0 if self._has_lasted() else self._short + 1
            except AriError as error:
                if tries % 20 == 0:
                    log.error(str(error))
            finally:
                self.session = None
            if time.monotonic() - began > _SOUND_S:
                tries = 0
            await asyncio.sleep(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
            tries += 1

    async def _manager(self) -> None:
        """Connects to the manager interface, and then keeps AstDB and the presence of telephones right."""
        self.ami.on_link(lambda is_up: self._look.set() if is_up else None)
        self.ami.on("UserEvent", self._user_event)
        self.ami.on("RTCPReceived", self._report)
        tries = 0
        while True:
            try:
                await self.ami.connect()
                break
            except AmiError as error:
                if tries % 20 == 0:
                    log.error(str(error))
                await asyncio.sleep(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
                tries += 1
        try:
            await self.opening.restore()
        except AmiError as error:
            log.error(
                "The override of the hours could not be read; the plan holds", family=HOURS_FAMILY, error=str(error)
            )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(again("hours", self.opening.keep), name="hours")
            tasks.create_task(again("operators' states", self.keeper.run), name="operators' states")
            tasks.create_task(again("telephones", self.presence.run), name="telephones")
            tasks.create_task(again("what Asterisk's manager has", self._read_manager), name="manager")

    async def _read_manager(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._look.wait()
                self._look.clear()
                await self.presence.refresh()
                former = set(self._recorded)
                await import_fallback_calls(self.ami, self.recorder, self.site, self._recorded)
                if ended := self._recorded - former:
                    tasks.create_task(self._keep_messages(ended), name="messages of the fallback's calls")

    async def _kept_operators(self) -> Mapping[str, str]:
        """The operators' states in AstDB; without an answer in time, what is known from before or nothing."""
        try:
            async with asyncio.timeout(_KEPT_LIMIT_S):
                while True:
                    try:
                        kept = await self.ami.db_tree(FAMILY)
                        if self.presence.present is None:
                            await self.presence.refresh()
                        return kept
                    except AmiError:
                        await asyncio.sleep(0.02)
        except TimeoutError:
            log.error("Asterisk's manager does not answer; the operators' states are not known")
            return {}

    async def _close_lost(self, began: float, calls: Collection[str], legs: Collection[str]) -> None:
        self.presence.settle()  # what has registered in a call that ended without us
        known = self._answered
        names = await asyncio.to_thread(self.mailbox.names)  # before a caller adds one
        lost = await asyncio.to_thread(importlib.import_module, "ivr.lost")

        async def up() -> "Up":
            # The dialplan's calls close their own rows when they end.
            going_on = await calls_in_fallback(self.ami, self.site)
            channels = await channels_up(self.ami)
            # Looked at after that: those that were recorded meanwhile are not in AstDB any more, nor yet in the
            # database. A call that came while all was being compared is ours as well.
            ours = {call.state.id for call in self.session.calls} if self.session is not None else set()
            found: Up = lost.Up({*calls, *ours, *going_on, *self._recorded}, channels)
            return found

        await lost.close_lost(
            self.settings.journal,
            self._url(),
            self.site.node,
            self.recorder,
            began=began,
            known=known,
            up=up,
            legs=legs,
            mailbox=self.mailbox,
            names=names,
        )

    async def _keep_messages(self, calls: Collection[str]) -> None:
        """What callers left who were given to the dialplan afterwards, and have hung up."""
        lost = await asyncio.to_thread(importlib.import_module, "ivr.lost")
        url, node = self._url(), self.site.node
        await lost.keep_messages(self.settings.journal, url, node, self.recorder, self.mailbox, calls)

    def _operator_changed(self, operator: Operator, call: str | None) -> None:
        self.keeper.put(operator)
        self.recorder.operator_state(operator, call)
        self.presence.settle(operator.id)
        log.debug("operator", operator=operator.id, state=operator.state.value, reason=operator.reason or None)
        if self.notices.changed(operator) and self.session is not None:
            self.session.start(self._show_pause(self.session, operator), "a pause is shown")

    async def _show_pause(self, session: Session, operator: Operator) -> None:
        shown = self.telephones.displays(operator.id, self.site.operators.shows_messages)
        if shown and await paused.show(session, operator):
            self.notices.take(operator.id)

    def _probed(self, result: Result) -> None:
        self.probed = result

    def _report(self, event: Mapping[str, str]) -> None:
        if self.session is not None:
            self.session.listener.report(event.get("Uniqueid", ""))

    async def _refresh(self, channel: str, codecs: str) -> None:
        """Through the manager: what ARI sets waits for the end of a prompt, and all requests of all calls behind it."""
        await self.ami.action("Setvar", Channel=channel, Variable="PJSIP_MEDIA_OFFER(audio)", Value=codecs)
        await self.ami.action("Setvar", Channel=channel, Variable="PJSIP_SEND_SESSION_REFRESH()", Value="invite")

    def _operator_settled(self, operator: Operator, since: float) -> None:
        """What an operator did ended with what was cut: a night's outage is no conversation of theirs either."""
        before, now = datetime.fromtimestamp(since, UTC), clock.now()
        self.keeper.put(operator)
        self.recorder.operator_state(operator, None, min(now, max(before, self._answered or now)))

    def _telephone(self, operator: str, present: bool) -> None:
        if self.session is not None:
            self.session.telephone(operator, present)

    def _is_engaged(self, operator: str) -> bool:
        return self.session is None or self.session.is_engaged(operator)

    def _remove_contact(self, operator: str, contact: str) -> None:
        if self.session is not None:
            link = self.session.services.link
            self.session.start(replaced.remove(link, operator, contact), "a telephone that is replaced")

    def _proved(self, proof: Proof) -> None:
        anew = self.registrations.started_anew(proof) and self.presence.rings_at(proof.operator, proof.address)
        if anew and self.session is not None:
            self.session.started_anew(proof)

    def _planned(self, planned: messages.Planned) -> None:
        if self.session is not None:
            self.session.tell(planned)

    def _user_event(self, event: Mapping[str, str]) -> None:
        match event.get("UserEvent"):
            case "HatifUnknownNumber":
                log.warning(
                    "A number was dialled that is not in site.toml; the carrier was told so (404)",
                    number=event.get("Number", "")[:40],
                    caller=event.get("Caller", "")[:40],
                )
            case "HatifRefused":
                log_refusal(event)
            case "HatifFallbackEnded":
                self._look.set()


def _listen(port: int) -> socket.socket:
    """The socket of the control API. Raises SettingsError if the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"TCP port {port} (control API) cannot be had ({error.strerror}): is another controller running? "
            "Stop it, or set HATIF_PORT_OFFSET to another multiple of 1000."
        ) from None
    listening.listen(64)
    return listening
