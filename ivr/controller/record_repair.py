"""Records of calls whose end this controller has not seen: the fallback's calls, and orphaned rows.

`ivr.controller.orphaned_rows` reads the database. It is imported when it is first needed: its packages would make up a
good part of the start, and a start is also a recovery.
"""

import asyncio
import contextlib
import importlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from ivr.asterisk.ami import Ami, AmiError
from ivr.callbacks import cut_calls
from ivr.controller.fallback_import import calls_in_fallback, channels_up, ended_calls, forget
from ivr.home.settings import Settings
from ivr.hours.opening import Opening
from ivr.model.endpoints import TRY_TELEPHONES
from ivr.records.call_conclusion import Place
from ivr.records.caller_limits import CallerLimits
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.controller.orphaned_rows import Concluded, Up

log = structlog.get_logger()

_FULL_S = 1.0
"""Between two looks whether a full disk has room again."""


class RecordRepair:
    """Completes records through the journal. `calls_had` returns the ids of the controller's own calls, also of those
    that have ended."""

    def __init__(
        self,
        settings: Settings,
        site: Site,
        shared: SharedEngine,
        ami: Ami,
        recorder: Recorder,
        mailbox: Mailbox,
        calls_had: Callable[[], Collection[str]],
        limits: CallerLimits,
        opening: Opening,
    ) -> None:
        self._settings, self.site, self._shared, self._ami = settings, site, shared, ami
        self._recorder, self._mailbox, self._calls_had = recorder, mailbox, calls_had
        self._recorded: dict[str, str] = {}  # calls of the fallback, to their channels: recorded by this controller
        self._limits, self._opening = limits, opening
        self._asterisk_began = 0.0  # POSIX seconds, as far as is known
        ami.on("FullyBooted", self._asterisk_booted)  # which is also said at each login
        self._alone = asyncio.Lock()  # the orphaned rows are closed by one at a time

    async def import_fallback_calls(self) -> None:
        """Record the fallback's calls that have ended. Waits for disk and database. Not for concurrent use.

        A record stays in AstDB until what it says is on the disk: it is read again if this process ends before.
        """
        try:
            await self._until_written()
            ended = await ended_calls(self._ami, self.site)
            new = {call: found for call, found in ended.items() if self._recorded.get(call) != found[0].id}
            if new:
                await self._record_fallback(new)
            if ended and self._recorder.writes_to_disk():
                await forget(self._ami, [record.id for record, _ in ended.values()])
        except AmiError as error:
            log.warning(
                "The fallback's calls could not be imported; they are kept for the next attempt", error=str(error)
            )

    async def _record_fallback(self, calls: dict[str, Any]) -> None:
        rows = await _orphaned_rows()
        concluded = await rows.conclude_fallback(self._records(rows), self._recorder, self._mailbox, calls)
        await self._call_back([call for call in concluded if not call.record.end_known and self._was_cut(call)])
        for call, (record, _) in calls.items():
            self._recorded[call] = record.id
            log.info(
                "A call of the fallback was recorded",
                call=call,
                status=record.status.value,
                operator=record.operator,
                illegible=", ".join(record.illegible) or None,
            )

    async def close_orphaned(
        self, began: float, calls: Collection[str], legs: Collection[str], last_answer: datetime | None
    ) -> None:
        """Close the rows of calls that ended without a controller.

        Args:
            began: When this connection began, POSIX seconds; later rows are its own.
            calls: The ids of calls that were up then.
            legs: The channels of offers and conversations that were up then.
            last_answer: When Asterisk last answered before this connection.
        """
        names = await asyncio.to_thread(self._mailbox.names)  # before a caller adds one
        async with self._alone:
            concluded = await self._close(began, calls, (), legs, last_answer, names)
            await self._call_back([call for call in concluded if self._was_cut(call)])

    async def close_lost(self) -> None:
        """Close the rows of calls that are over although nobody has recorded their end.

        A call is over if it was not up at the beginning, and is not up once the database has all that was recorded
        until then.
        """
        async with self._alone:
            began = time.time()
            names = await asyncio.to_thread(self._mailbox.names)
            up = await self._up((), ())
            await self._close(began, up.calls, up.channels, up.channels, None, names)

    async def _close(
        self,
        began: float,
        calls: Collection[str],
        channels: Collection[str],
        legs: Collection[str],
        last_answer: datetime | None,
        names: list[str],
    ) -> "list[Concluded]":
        await self._until_written()
        rows = await _orphaned_rows()
        concluded: list[Concluded] = await rows.close_orphaned(
            self._records(rows),
            self._recorder,
            began=began,
            last_answer=last_answer,
            up=lambda: self._up(calls, channels),
            legs=legs,
            mailbox=self._mailbox,
            names=names,
        )
        return concluded

    async def _until_written(self) -> None:
        """Wait until records can be written: a message whose row is lost would be found by nobody."""
        while not self._recorder.writes_to_disk():  # noqa: ASYNC110 - no event says that a disk has room again
            await asyncio.sleep(_FULL_S)

    async def _call_back(self, cut: "Sequence[Concluded]") -> None:
        """Have those called back who waited or talked when Asterisk ended, if the site wants that."""
        if self.site.callbacks.cut_off and self.site.callbacks.trunk is not None:
            calls = [call for concluded in cut if (call := _cut_call(concluded)) is not None]
            await cut_calls.request(calls, self.site, self._limits, self._recorder, self._opening)

    def _was_cut(self, call: "Concluded") -> bool:
        """Return whether a call began in an earlier Asterisk, and so ended with that at the latest."""
        return call.end.started.timestamp() < self._asterisk_began

    def _asterisk_booted(self, event: Mapping[str, str]) -> None:
        with contextlib.suppress(ValueError):
            self._asterisk_began = time.time() - float(event.get("Uptime", ""))

    async def _up(self, calls: Collection[str], channels: Collection[str]) -> "Up":
        """Return what is up, with these calls and channels, which were up before."""
        rows = await _orphaned_rows()
        # The dialplan's calls close their own rows when they end.
        in_fallback = await calls_in_fallback(self._ami, self.site)
        now = await channels_up(self._ami)
        # Read after that: calls that were recorded meanwhile are no longer in AstDB and not yet in the database.
        # A call that came during the comparison is ours as well; it may have come from the dialplan, and be over.
        found: Up = rows.Up({*calls, *self._calls_had(), *in_fallback, *self._recorded}, {*channels, *now})
        return found

    def _records(self, rows: Any) -> Any:
        return rows.Records(self._settings.journal, self._shared, self.site.node)


def _cut_call(concluded: "Concluded") -> cut_calls.CutCall | None:
    """Return a call that was cut off; None if its caller did not wait or talk, is not known, or was none."""
    row, record, end = concluded.row, concluded.record, concluded.end
    is_test = not row.live if row is not None else record is not None and record.carrier in TRY_TELEPHONES
    if is_test or concluded.caller is None or end.place is Place.ELSEWHERE:
        return None
    found = row if row is not None else record
    assert found is not None
    return cut_calls.CutCall(
        id=concluded.id,
        number=found.number or "",
        caller=concluded.caller,
        language=found.language or "",
        topic=found.topic,
        country=found.country,
        since=end.queued or end.connected or end.started,
        ended=end.ended,
    )


async def _orphaned_rows() -> Any:
    return await asyncio.to_thread(importlib.import_module, "ivr.controller.orphaned_rows")
