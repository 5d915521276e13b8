"""Items of a call's inbox, which it reads one after the other."""

from dataclasses import dataclass

from ivr.asterisk.ari import events
from ivr.asterisk.ari.operations import Request
from ivr.model import floor_protocol
from ivr.recognition.workers import Spoken


@dataclass(frozen=True, slots=True)
class RequestFailed:
    request: Request
    status: int


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time given to `Call.next` is over."""


Item = events.Event | floor_protocol.ToCall | RequestFailed | Deadline | Spoken
