"""The events that Hatif uses, typed at the edge; all others are dropped unread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Channel:
    """A snapshot of a channel. `state`: Down, Ring, Ringing, Up, …; `variables`: those of `channelvars`."""

    id: str
    name: str
    state: str
    caller_number: str
    caller_name: str
    dialled: str
    context: str
    application: str
    application_data: str
    created: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StasisStart:
    """A channel has entered the application. `args`: its Stasis arguments."""

    channel: Channel
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """A channel has left the application."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel has ended."""

    channel_id: str
    cause: int  # ITU-T Q.850: 16 normal, 17 busy, 19 no answer, …


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    """A channel's state has changed. `state`: as in `Channel`; `Up`: it was answered."""

    channel_id: str
    state: str


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge:
    """A channel has left a bridge."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelDtmfReceived:
    """A key was released."""

    channel_id: str
    digit: str


@dataclass(frozen=True, slots=True)
class ChannelHold:
    """A telephone has put its call on hold; Asterisk plays music to the other side."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelUnhold:
    """A telephone has ended its hold."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelTransfer:
    """A telephone's request to connect its other side with somebody else (REFER).

    Attributes:
        to: The target, as the telephone wrote it before the @.
        replaces: The channel whose place the other side is to take, for an attended transfer.
        requested: False if Asterisk only repeats what we have sent to the telephone about it.
        again: Whether this repeats an unanswered request because we have answered the telephone that it is in progress.
    """

    channel_id: str
    to: str
    replaces: str | None
    requested: bool = True
    again: bool = False


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A playback has ended, was stopped or has failed."""

    playback: str
    channel_id: str  # "" where it played to a bridge
    failed: bool


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording has ended, by itself, by a key, or with its channel. Seconds are whole numbers."""

    name: str
    channel_id: str  # "" where a bridge was recorded
    seconds: int
    spoken_s: int | None  # of these; None where Asterisk did not look for silence
    failed: bool = False


@dataclass(frozen=True, slots=True)
class DeviceStateChanged:
    """A device's state has changed. `device`: a telephone, such as PJSIP/1001; `state`: NOT_INUSE, INUSE, RINGING, …"""

    device: str
    state: str
    channel_id: str = ""


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another client has taken over the application."""


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """A channel is about to end. `shutdown`: because Asterisk is being stopped and cuts all channels."""

    channel_id: str
    shutdown: bool


Event = (
    StasisStart
    | StasisEnd
    | ChannelStateChange
    | ChannelDestroyed
    | ChannelLeftBridge
    | ChannelDtmfReceived
    | ChannelHold
    | ChannelUnhold
    | ChannelTransfer
    | PlaybackFinished
    | RecordingFinished
    | DeviceStateChanged
    | ApplicationReplaced
    | ChannelHangupRequest
)

USED = (
    "StasisStart",
    "StasisEnd",
    "ChannelStateChange",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "ChannelLeftBridge",
    "ChannelHold",
    "ChannelUnhold",
    "ChannelTransfer",
    "PlaybackFinished",
    "RecordingFinished",
    "RecordingFailed",
    "DeviceStateChanged",
    "ApplicationReplaced",
    "ChannelHangupRequest",
)


_SHUTDOWN = 4
"""Asterisk's flag AST_SOFTHANGUP_SHUTDOWN, in place of a cause where a hang-up is `soft`."""

_GOES_ON = "channel_progress"
"""The state of a transfer that has no answer yet."""


def channel(data: Mapping[str, Any]) -> Channel:
    """Return a channel's snapshot.

    Raises:
        KeyError: The data is malformed.
        TypeError: The data is malformed.
    """
    caller, dialplan = data["caller"], data["dialplan"]
    return Channel(
        id=data["id"],
        name=data["name"],
        state=data["state"],
        caller_number=caller.get("number") or "",
        caller_name=caller.get("name") or "",
        dialled=dialplan.get("exten") or "",
        context=dialplan.get("context") or "",
        application=dialplan.get("app_name") or "",
        application_data=dialplan.get("app_data") or "",
        created=data.get("creationtime") or "",
        variables=data.get("channelvars") or {},
    )


def event(data: Mapping[str, Any]) -> Event | None:
    """Return the typed event; None for one that is not used.

    Raises:
        KeyError: The event is malformed.
        TypeError: The event is malformed.
    """
    match data["type"]:
        case "ChannelDtmfReceived":
            return ChannelDtmfReceived(data["channel"]["id"], data["digit"])
        case "PlaybackFinished":
            playback = data["playback"]
            kind, _, target = playback["target_uri"].partition(":")
            return PlaybackFinished(playback["id"], target if kind == "channel" else "", playback["state"] == "failed")
        case "StasisStart":
            return StasisStart(channel(data["channel"]), tuple(data.get("args") or ()))
        case "StasisEnd":
            return StasisEnd(data["channel"]["id"])
        case "ChannelStateChange":
            return ChannelStateChange(data["channel"]["id"], data["channel"]["state"])
        case "ChannelDestroyed":
            return ChannelDestroyed(data["channel"]["id"], int(data.get("cause") or 0))
        case "ChannelLeftBridge":
            return ChannelLeftBridge(data["channel"]["id"])
        case "ChannelHold":
            return ChannelHold(data["channel"]["id"])
        case "ChannelUnhold":
            return ChannelUnhold(data["channel"]["id"])
        case "ChannelTransfer":
            refer_to, source = data["refer_to"], data["referred_by"]["source_channel"]
            replaced = refer_to.get("destination_channel")
            return ChannelTransfer(
                source["id"],
                refer_to["requested_destination"].get("destination") or "",
                replaced["id"] if replaced else None,
                requested=data.get("state") in (None, "", _GOES_ON),
                again=data.get("state") == _GOES_ON,
            )
        case "RecordingFinished" | "RecordingFailed" as kind:
            recording = data["recording"]
            target, _, channel_id = recording["target_uri"].partition(":")
            return RecordingFinished(
                recording["name"],
                channel_id if target == "channel" else "",
                int(recording.get("duration") or 0),
                recording.get("talking_duration"),
                kind == "RecordingFailed",
            )
        case "DeviceStateChanged":
            return DeviceStateChanged(data["device_state"]["name"], data["device_state"]["state"])
        case "ApplicationReplaced":
            return ApplicationReplaced()
        case "ChannelHangupRequest":
            return ChannelHangupRequest(
                data["channel"]["id"], bool(data.get("soft")) and data.get("cause") == _SHUTDOWN
            )
    return None
