"""The channels of a supervision: one that hears the operator's leg, in a bridge with the supervisor's own.

The id of the spying channel says what it is for, so it outlives a controller. It ends with the leg that it hears. The
conversation's own bridge and its channels are not touched: the supervision cannot be noticed there.
"""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.operations import Request

_PREFIX = "supervision"


class Mode(StrEnum):
    """The parties that hear the supervisor: nobody, the operator, both."""

    LISTEN = "listen"
    WHISPER = "whisper"
    JOIN = "join"


TELLING = "telling"
"""In place of a mode: the operator hears first that they will be supervised."""

_HEARD_BY = {Mode.LISTEN.value: "none", Mode.WHISPER.value: "out", Mode.JOIN.value: "both", TELLING: "out"}
"""Audio out to a channel is heard by its telephone; audio in from it, by the other party."""


@dataclass(frozen=True, slots=True)
class Spy:
    """A spying channel.

    `mode` is a `Mode` or `TELLING`, `leg` the operator's channel and `supervisor` the supervisor's own channel.
    """

    id: str
    mode: str
    leg: str
    supervisor: str

    def begin(self) -> Request:
        """Return the request that creates the channel."""
        spy = "none" if self.mode == TELLING else "both"
        return operations.SNOOP(self.leg, self.id, spy=spy, whisper=_HEARD_BY[self.mode], app="hatif", appArgs=_PREFIX)


def new_spy(mode: str, leg: str, supervisor: str) -> Spy:
    """Return a spy with a new id."""
    return Spy(f"{_PREFIX}.{mode}.{secrets.token_hex(4)}.{leg}.{supervisor}", mode, leg, supervisor)


def spy_of(channel: str) -> Spy | None:
    """Return the spy with that channel id; None for any other channel."""
    parts = channel.split(".", 4)
    if len(parts) < 5 or parts[0] != _PREFIX or parts[1] not in _HEARD_BY:
        return None
    return Spy(channel, parts[1], parts[3], parts[4])


def bridge_of(supervisor: str) -> str:
    """Return the id of the supervisor's bridge; reconciliation finds it by this name and ends it if it is empty."""
    return f"bridge-{_PREFIX}-{supervisor}"


def find_left_over(channels: Iterable[Channel], supervisors: Collection[str]) -> list[Spy]:
    """Return the spies whose supervisor hung up while there was no controller.

    `supervisors` are the channels on which a code still runs.
    """
    spies = [spy for channel in channels if (spy := spy_of(channel.id)) is not None]
    return [spy for spy in spies if spy.supervisor not in supervisors]
