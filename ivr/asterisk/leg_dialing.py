"""Telephones that the controller rings: a channel is created for each, and dialled once it has entered.

ARI's `originate` would be one request less, and follows a telephone that answers "moved" (302) to wherever it says,
also outside. `dial` reports it and does not follow. docs/decisions/0017-a-telephone-is-created-then-dialled.md.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.operations import Request

LEG, CALLED, CODE = "leg", "called", "code"
"""What a telephone is rung for: first of the arguments with which its channel enters; how long it may ring is the last
one. A code that an operator has dialled enters with the same first argument, in another state."""

DIAL_MARGIN_S = 3
"""Asterisk itself ends the ringing this much later than we would: for the time without a controller."""

_TOLD_OF_TRANSFERS = {"PJSIP_TRANSFER_HANDLING()": "ari-only"}
"""What a telephone's transfer key asks for is told to us, and Asterisk does nothing itself (decision 15)."""

_RINGS = ("Down", "Ringing")
"""States of a channel that nobody has answered. One who calls us is in `Ring`."""


def create(
    channel: str,
    *entry: str,
    endpoint: str,
    shown: str,
    ring_s: float,
    variables: Mapping[str, str] | None = None,
    originator: str | None = None,
) -> Request:
    """Creates the channel with this id; it enters at once, not answered, and rings by `dial`.

    `entry`: LEG, CALLED, or CODE with its arguments; `shown`: what the telephone shows, `"name" <number>`; `ring_s`:
    for how long we would let it ring.
    """
    given = {} if originator is None else {"originator": originator}
    return operations.CREATE(
        endpoint=endpoint,
        app="hatif",
        appArgs=",".join((*entry, str(int(ring_s) + DIAL_MARGIN_S))),
        channelId=channel,
        body={"CALLERID(all)": shown, "CONNECTEDLINE(all,i)": shown, **_TOLD_OF_TRANSFERS, **(variables or {})},
        **given,
    )


def is_for(request: Request, channel: str) -> bool:
    """Whether the request creates that channel, or is about itself."""
    return request.uri == f"channels/{channel}" or ("channelId", channel) in request.query


def failed(request: Request, status: int, channel: str) -> bool:
    """Whether what Asterisk refused means that this telephone cannot be rung. 409: it is rung already."""
    return is_for(request, channel) and status != HTTPStatus.CONFLICT


def waits(channel: Channel, args: tuple[str, ...]) -> bool:
    """Whether it is a telephone of ours that was not answered yet. `args`: with which it has entered."""
    return channel.state in _RINGS and args[:1] in ((LEG,), (CALLED,), (CODE,))


def dial(channel: str, args: tuple[str, ...]) -> Request:
    """Rings the telephone whose channel has entered."""
    return operations.DIAL(channel, timeout=args[-1])


def arguments(channel: Channel) -> tuple[str, ...]:
    """With which a channel has entered; nothing for one that is not in our application."""
    application, *args = channel.application_data.split(",")
    return tuple(args) if channel.application == "Stasis" and application == "hatif" else ()


def waiting(channels: Iterable[Channel]) -> dict[str, tuple[Channel, tuple[str, ...]]]:
    """The telephones that ring, each by its channel's id with the arguments of its entry."""
    return {each.id: (each, args) for each in channels if waits(each, args := arguments(each))}


def undialled(channels: Iterable[Channel]) -> set[str]:
    """The operators' telephones that do not ring: nobody knows whether a former controller came to dial them, and one
    that is dialled once more could ring twice. Not whoever is called: a carrier need not say that it rings."""
    return {each.id for each in channels if each.state == "Down" and arguments(each)[:1] in ((LEG,), (CODE,))}


def answered_alone(channels: Iterable[Channel], together: Iterable[str]) -> list[str]:
    """Channels of telephones that were answered and are in no bridge. While there is no controller, they would be in
    silence: the guard plays music to them, and the next controller ends it."""
    inside = set(together)
    return [
        each.id
        for each in channels
        if each.state == "Up" and arguments(each)[:1] in ((LEG,), (CALLED,)) and each.id not in inside
    ]
