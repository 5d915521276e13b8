"""The messages from Asterisk that Hatif uses, with the names of Asterisk's JSON; decoding checks them as well.

Members that nobody reads are not declared here, and are skipped.
"""

from datetime import datetime
from typing import get_args

import msgspec
from msgspec import Struct, field


class ChannelRef(Struct, frozen=True):
    """A channel, as much of it as most events need."""

    id: str


class ChannelState(ChannelRef, frozen=True):
    """A channel's state: Down, Ring, Ringing, Up, …"""

    state: str


class Caller(Struct, frozen=True):
    """A channel's own number."""

    number: str | None = None


class Dialplan(Struct, frozen=True):
    """A channel's step in the dialplan: the application and its data."""

    app_name: str | None = None
    app_data: str | None = None


class Channel(ChannelState, frozen=True):
    """A snapshot of a channel. `variables`: those of `channelvars` in ari.conf."""

    name: str
    caller: Caller
    dialplan: Dialplan
    created: str = field(default="", name="creationtime")
    variables: dict[str, str] = field(default_factory=dict, name="channelvars")

    @property
    def caller_number(self) -> str:
        return self.caller.number or ""

    @property
    def application(self) -> str:
        return self.dialplan.app_name or ""

    @property
    def application_data(self) -> str:
        return self.dialplan.app_data or ""


class _Message(Struct, frozen=True, tag=True, tag_field="type"):
    """Asterisk's `type` is the name of the class."""


class _ChannelEvent(_Message, frozen=True):
    channel: ChannelRef

    @property
    def channel_id(self) -> str:
        return self.channel.id


class StasisStart(_ChannelEvent, frozen=True):
    """A channel has entered the application. `args`: its Stasis arguments."""

    channel: Channel
    args: tuple[str, ...] = ()


class StasisEnd(_ChannelEvent, frozen=True):
    """A channel has left the application."""


class ChannelStateChange(_ChannelEvent, frozen=True):
    """A channel's state has changed; `Up`: it was answered."""

    channel: ChannelState


class ChannelDestroyed(_ChannelEvent, frozen=True):
    """A channel has ended."""

    cause: int = 0  # ITU-T Q.850: 16 normal, 17 busy, 19 no answer, …


class ChannelDtmfReceived(_ChannelEvent, frozen=True):
    """A key was released. Asterisk may report it twice (`repeated_keys`)."""

    digit: str
    duration_ms: int = 0
    timestamp: str = ""

    @property
    def at_ms(self) -> int | None:
        """Asterisk's time of the event, in milliseconds since 1970; None if it has none."""
        try:
            return round(datetime.fromisoformat(self.timestamp).timestamp() * 1000)
        except ValueError:
            return None


class ChannelLeftBridge(_ChannelEvent, frozen=True):
    """A channel has left a bridge."""


class ChannelHold(_ChannelEvent, frozen=True):
    """A telephone has put its call on hold; Asterisk plays music to the other side."""


class ChannelUnhold(_ChannelEvent, frozen=True):
    """A telephone has ended its hold."""


class ChannelTalkingStarted(_ChannelEvent, frozen=True):
    """Somebody begins to speak on a channel whose speech is watched (TALK_DETECT)."""


class ChannelTalkingFinished(_ChannelEvent, frozen=True):
    """Somebody has fallen silent on such a channel."""


class ChannelHangupRequest(_ChannelEvent, frozen=True):
    """A channel is about to end."""

    soft: bool = False
    cause: int = 0

    @property
    def shutdown(self) -> bool:
        """Whether it ends because Asterisk is being stopped and cuts all channels."""
        return self.soft and self.cause == _SHUTDOWN


_SHUTDOWN = 4
"""Asterisk's flag AST_SOFTHANGUP_SHUTDOWN, in place of a cause where a hang-up is `soft`."""


class Destination(Struct, frozen=True):
    """The target of a transfer, as the telephone wrote it before the @."""

    destination: str | None = None


class ReferTo(Struct, frozen=True):
    """Where a telephone's other side is to go. `destination_channel`: whose place it takes, if attended."""

    requested_destination: Destination
    destination_channel: ChannelRef | None = None


class ReferredBy(Struct, frozen=True):
    """The channel of the telephone that wants the transfer."""

    source_channel: ChannelRef


class ChannelTransfer(_Message, frozen=True):
    """A telephone's request to connect its other side with somebody else (REFER)."""

    refer_to: ReferTo
    referred_by: ReferredBy
    state: str | None = None

    @property
    def channel_id(self) -> str:
        return self.referred_by.source_channel.id

    @property
    def to(self) -> str:
        return self.refer_to.requested_destination.destination or ""

    @property
    def replaces(self) -> str | None:
        replaced = self.refer_to.destination_channel
        return replaced.id if replaced is not None else None

    @property
    def requested(self) -> bool:
        """False if Asterisk only repeats what we have sent to the telephone about it."""
        return not self.state or self.again

    @property
    def again(self) -> bool:
        """Whether this repeats an unanswered request because we have answered the telephone that it is in progress."""
        return self.state == "channel_progress"


class Playback(Struct, frozen=True):
    """A playback on a channel or bridge."""

    id: str
    target_uri: str
    state: str


class PlaybackFinished(_Message, frozen=True):
    """A playback has ended, was stopped or has failed."""

    playback: Playback

    @property
    def channel_id(self) -> str:
        return _channel_in(self.playback.target_uri)

    @property
    def failed(self) -> bool:
        return self.playback.state == "failed"


class Recording(Struct, frozen=True):
    """A recording of a channel or bridge. Seconds are whole numbers.

    `talking_duration`: None where Asterisk did not look for silence.
    """

    name: str
    target_uri: str
    duration: int = 0
    talking_duration: int | None = None


class RecordingFinished(_Message, frozen=True):
    """A recording has ended, by itself, by a key, or with its channel."""

    recording: Recording

    @property
    def channel_id(self) -> str:
        return _channel_in(self.recording.target_uri)


class RecordingFailed(RecordingFinished, frozen=True):
    """A recording could not begin, or not go on."""


def _channel_in(uri: str) -> str:
    """Return the channel's id; "" for a bridge."""
    kind, _, target = uri.partition(":")
    return target if kind == "channel" else ""


class Device(Struct, frozen=True):
    """A telephone, such as PJSIP/1001, and its state: NOT_INUSE, INUSE, RINGING, …"""

    name: str
    state: str


class DeviceStateChanged(_Message, frozen=True):
    """A device's state has changed."""

    device_state: Device


class ChannelUserevent(_Message, frozen=True):
    """An event that a client of ARI has sent to the application (POST /events/user); it may have no channel."""

    eventname: str


class ApplicationReplaced(_Message, frozen=True):
    """Another client has taken over the application."""


Event = (
    StasisStart
    | StasisEnd
    | ChannelStateChange
    | ChannelDestroyed
    | ChannelDtmfReceived
    | ChannelLeftBridge
    | ChannelHold
    | ChannelUnhold
    | ChannelTransfer
    | ChannelTalkingStarted
    | ChannelTalkingFinished
    | ChannelHangupRequest
    | PlaybackFinished
    | RecordingFinished
    | RecordingFailed
    | DeviceStateChanged
    | ChannelUserevent
    | ApplicationReplaced
)

USED = tuple(kind.__name__ for kind in get_args(Event))


class RESTResponse(_Message, frozen=True):
    """The answer to a request. `message_body`: JSON, or "" or None."""

    request_id: str
    status_code: int
    message_body: str | None = None


class _AnyMessage(Struct):
    type: str


_DECODER: msgspec.json.Decoder[Event | RESTResponse] = msgspec.json.Decoder(Event | RESTResponse)
_ANY = msgspec.json.Decoder(_AnyMessage)


def decode(message: bytes) -> Event | RESTResponse | None:
    """Return a message from Asterisk; None for an event that is not used.

    Raises:
        ValueError: The message is malformed.
    """
    try:
        return _DECODER.decode(message)
    except msgspec.ValidationError:
        if _ANY.decode(message).type in USED:
            raise
        return None


def channels(rows: object) -> list[Channel]:
    """Return the channels in an answer's body. Raises ValueError if it is malformed."""
    return msgspec.convert(rows, list[Channel])
