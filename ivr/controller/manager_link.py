"""The controller's work over Asterisk's manager interface (AMI), independent of connections to ARI."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog

from background.retrying import until_done
from ivr.asterisk.ami import Ami, AmiError
from ivr.asterisk.refused_calls import log_refusal
from ivr.controller.record_repair import RecordRepair
from ivr.controller.work import start_with_retry
from ivr.floor.language_changes import LanguageChanges
from ivr.floor.operator_state_store import FAMILY, OperatorStateStore
from ivr.hours.opening import FAMILY as HOURS_FAMILY
from ivr.hours.opening import Opening
from ivr.telephones.presence import Presence

log = structlog.get_logger()

RECONNECT_S = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Pauses between attempts to connect to Asterisk; the last one repeats."""

_STATES_LIMIT_S = 1.0
"""How long calls wait for the operators' states."""

_IMPORT_S = 30.0
"""How often the fallback's records are read without news."""


class ManagerLink:
    """The work over AMI. `rtcp_received(channel)` is called for each report on sound that arrives."""

    def __init__(
        self,
        ami: Ami,
        opening: Opening,
        states: OperatorStateStore,
        languages: LanguageChanges,
        presence: Presence,
        repair: RecordRepair,
        rtcp_received: Callable[[str], None],
    ) -> None:
        self._ami, self._opening, self._states, self._languages = ami, opening, states, languages
        self._presence, self._repair, self._rtcp_received = presence, repair, rtcp_received
        self._link_is_new, self._fallback_call_ended = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Connect, and then keep AstDB and the presence of telephones up to date until cancelled."""
        self._ami.on_link(self._linked)
        self._ami.on("UserEvent", self._user_event)
        self._ami.on("RTCPReceived", lambda event: self._rtcp_received(event.get("Uniqueid", "")))
        tries = 0
        while True:
            try:
                await self._ami.connect()
                break
            except AmiError as error:
                if tries % 20 == 0:
                    log.error(str(error))
                await asyncio.sleep(RECONNECT_S[min(tries, len(RECONNECT_S) - 1)])
                tries += 1
        try:
            await self._opening.restore()
        except AmiError as error:
            log.error(
                "The override of the opening hours could not be read; the plan applies",
                family=HOURS_FAMILY,
                error=str(error),
            )
        try:
            await self._languages.restore()
        except AmiError as error:
            log.error("Changes of operators' languages could not be read; operators.csv applies", error=str(error))
        async with asyncio.TaskGroup() as tasks:
            start_with_retry(tasks, "hours", self._opening.keep)
            start_with_retry(tasks, "operators' states", self._states.run)
            start_with_retry(tasks, "operators' languages", self._languages.run)
            start_with_retry(tasks, "telephone presence", self._presence.run)
            start_with_retry(tasks, "registered telephones", self._read_telephones)
            start_with_retry(tasks, "the fallback's calls", self._import_calls)

    async def operator_states(self) -> Mapping[str, str]:
        """Return the operators' states in AstDB; without an answer in time, none.

        Also waits until Asterisk has listed the registered telephones.
        """

        async def ask() -> Mapping[str, str]:
            states = await self._ami.db_tree(FAMILY)
            if self._presence.present is None:
                await self._presence.refresh()
            return states

        try:
            async with asyncio.timeout(_STATES_LIMIT_S):
                return await until_done(ask, AmiError, 0.02, "The operators' states are not known yet")
        except TimeoutError:
            log.error("Asterisk's manager does not answer; the operators' states are not known")
            return {}

    async def refresh_session(self, channel: str, codecs: str) -> None:
        """Send a session refresh that offers these codecs.

        Over AMI: a variable that ARI sets waits for the end of a prompt, and so do all requests of all calls behind it.

        Raises:
            AmiError: Asterisk cannot.
        """
        await self._ami.action("Setvar", Channel=channel, Variable="PJSIP_MEDIA_OFFER(audio)", Value=codecs)
        await self._ami.action("Setvar", Channel=channel, Variable="PJSIP_SEND_SESSION_REFRESH()", Value="invite")

    def _linked(self, is_up: bool) -> None:
        if is_up:
            self._link_is_new.set()
            self._fallback_call_ended.set()

    async def _read_telephones(self) -> None:
        while True:
            await self._link_is_new.wait()
            self._link_is_new.clear()
            await self._presence.refresh()

    async def _import_calls(self) -> None:
        while True:
            # Also without news: a full disk may have kept the last ones from being recorded.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IMPORT_S):
                    await self._fallback_call_ended.wait()
            self._fallback_call_ended.clear()
            if self._ami.connected:
                await self._repair.import_fallback_calls()

    def _user_event(self, event: Mapping[str, str]) -> None:
        match event.get("UserEvent"):
            case "HatifUnknownNumber":
                log.warning(
                    "A dialled number is not in site.toml; the carrier got 404",
                    number=event.get("Number", "")[:40],
                    caller=event.get("Caller", "")[:40],
                )
            case "HatifRefused":
                log_refusal(event)
            case "HatifFallbackEnded":
                self._fallback_call_ended.set()
