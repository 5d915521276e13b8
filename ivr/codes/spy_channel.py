"""What Asterisk has of a supervision: a channel that hears the operator's leg, in a bridge with the supervisor's own.

The spying channel says by its id what it is for, and so outlives a controller. It ends with the leg that it hears. The
conversation's own bridge is left alone, and so are the telephones in it: nothing is seen there.
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
    """Who hears the supervisor: nobody, the operator, both."""

    LISTEN = "listen"
    WHISPER = "whisper"
    JOIN = "join"


TELLING = "telling"
"""In place of a mode: the operator is told first."""

_HEARD_BY = {Mode.LISTEN.value: "none", Mode.WHISPER.value: "out", Mode.JOIN.value: "both", TELLING: "out"}
"""What goes out to a channel is heard by its telephone; what comes in from it, by whoever it talks with."""


@dataclass(frozen=True, slots=True)
class Spy:
    """`mode`: of `Mode`, or `TELLING`; `leg`: the operator's channel; `supervisor`: his own channel."""

    id: str
    mode: str
    leg: str
    supervisor: str

    def begin(self) -> Request:
        spy = "none" if self.mode == TELLING else "both"
        return operations.SNOOP(self.leg, self.id, spy=spy, whisper=_HEARD_BY[self.mode], app="hatif", appArgs=_PREFIX)


def new(mode: str, leg: str, supervisor: str) -> Spy:
    return Spy(f"{_PREFIX}.{mode}.{secrets.token_hex(4)}.{leg}.{supervisor}", mode, leg, supervisor)


def spy_of(channel: str) -> Spy | None:
    """From a channel's id; None if it is none of ours."""
    parts = channel.split(".", 4)
    if len(parts) < 5 or parts[0] != _PREFIX or parts[1] not in _HEARD_BY:
        return None
    return Spy(channel, parts[1], parts[3], parts[4])


def bridge_of(supervisor: str) -> str:
    """Where the supervisor hears; reconciliation ends it by its name, if it is empty."""
    return f"bridge-{_PREFIX}-{supervisor}"


def left_over(channels: Iterable[Channel], supervisors: Collection[str]) -> list[Spy]:
    """Spies whose supervisor is not among the channels on which a code goes on: he hung up without a controller."""
    spies = [spy for channel in channels if (spy := spy_of(channel.id)) is not None]
    return [spy for spy in spies if spy.supervisor not in supervisors]
