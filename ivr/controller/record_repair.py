"""Records of calls that this controller did not see to their end: the fallback's calls, and orphaned rows.

`ivr.controller.orphaned_rows` reads the database. It is imported when it is first needed: its packages would make up a
good part of the start, and a start is also a recovery.
"""

import asyncio
import importlib
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ivr.asterisk.ami import Ami
from ivr.controller.fallback_import import calls_in_fallback, channels_up, import_fallback_calls
from ivr.home.settings import Settings
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.records.voicemail import Mailbox
from ivr.site.site import Site

if TYPE_CHECKING:
    from ivr.controller.orphaned_rows import Up


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
    ) -> None:
        self._settings, self._site, self._shared, self._ami = settings, site, shared, ami
        self._recorder, self._mailbox, self._calls_had = recorder, mailbox, calls_had
        self._recorded: set[str] = set()  # calls of the fallback that this controller has recorded

    async def import_fallback_calls(self) -> Collection[str]:
        """Record the fallback's calls that have ended; return the ids of those that are new."""
        before = set(self._recorded)
        await import_fallback_calls(self._ami, self._recorder, self._site, self._recorded)
        return self._recorded - before

    async def keep_messages(self, calls: Collection[str]) -> None:
        """Keep the messages of callers who were then given to the dialplan and have hung up there."""
        rows = await _orphaned_rows()
        node, journal = self._site.node, self._settings.journal
        await rows.keep_messages(journal, self._shared, node, self._recorder, self._mailbox, calls)

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
        rows = await _orphaned_rows()

        async def up() -> "Up":
            # The dialplan's calls close their own rows when they end.
            in_fallback = await calls_in_fallback(self._ami, self._site)
            channels = await channels_up(self._ami)
            # Read after that: calls that were recorded meanwhile are no longer in AstDB and not yet in the database.
            # A call that came during the comparison is ours as well; it may have come from the dialplan, and be over.
            found: Up = rows.Up({*calls, *self._calls_had(), *in_fallback, *self._recorded}, channels)
            return found

        await rows.close_orphaned(
            self._settings.journal,
            self._shared,
            self._site.node,
            self._recorder,
            began=began,
            last_answer=last_answer,
            up=up,
            legs=legs,
            mailbox=self._mailbox,
            names=names,
        )


async def _orphaned_rows() -> Any:
    return await asyncio.to_thread(importlib.import_module, "ivr.controller.orphaned_rows")
