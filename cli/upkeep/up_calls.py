"""Calls that are up in Asterisk, which holds the truth about them, also about those of the fallback."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from cli.composition import Composition
from ivr.asterisk.ami import Ami, Fields

_CARRIERS = ("PJSIP/carrier-", "PJSIP/trunk-")
_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class UpCalls:
    """How many channels callers have, and how many other telephones (operators')."""

    callers: int
    others: int

    @property
    def all(self) -> int:
        """All channels that somebody speaks on."""
        return self.callers + self.others

    def __str__(self) -> str:
        callers = "1 caller" if self.callers == 1 else f"{self.callers} callers"
        others = "1 operator's channel" if self.others == 1 else f"{self.others} operators' channels"
        return f"{callers}, {others}" if self.others else callers


def count_up(channels: Iterable[Fields]) -> UpCalls:
    """Count channels of the manager's list. Our own (`Local/`) are nobody's."""
    names = [row["Channel"] for row in channels if row.get("Channel", "").startswith("PJSIP/")]
    callers = sum(name.startswith(_CARRIERS) for name in names)
    return UpCalls(callers, len(names) - callers)


def manager(parts: Composition) -> Ami:
    """Return a connection to Asterisk's manager, to be entered."""
    secrets = parts.credentials
    return Ami("127.0.0.1", 5038 + parts.settings.offset, secrets.ami_user, secrets.ami_password)


async def read_up(ami: Ami) -> UpCalls:
    """Return what is up now. Raises AmiError."""
    return count_up(await ami.listing("CoreShowChannels"))


async def until_empty(
    read: Callable[[], Awaitable[UpCalls]], show: Callable[[UpCalls], None], within_s: float | None
) -> bool:
    """Wait until nothing is up, and show each change. Return False if that takes longer than `within_s`."""
    began, shown = time.monotonic(), None
    while True:
        up = await read()
        if not up.all:
            return True
        if up != shown:
            show(up)
            shown = up
        if within_s is not None and time.monotonic() - began > within_s:
            return False
        await asyncio.sleep(_EVERY_S)
