"""Telephones that the controller rings: a channel is created for each, and dialled once it has entered.

ARI's `originate` would be one request less, but it follows a telephone that answers "moved" (302) to any number, also
outside. `dial` reports the redirection and does not follow it. See
docs/decisions/0017-a-telephone-is-created-then-dialled.md.
"""

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.ari.protocol import Link

SCRIPT = "script"
"""Not a telephone: our half of a scripted caller's channel (`ivr.training`). The first of its Stasis arguments."""

LEG, CALLED, CODE = "leg", "called", "code"
"""The reason for which a telephone is rung: the first of the Stasis arguments of its channel.
The last one is how long it may ring. A code that an operator has dialled enters with the same first argument, in
another channel state."""

DIAL_MARGIN_S = 3
"""Asterisk itself ends the ringing this much later than we would, for times without a controller."""

OUT_OF_ORDER = 27
"""ITU-T Q.850 cause of a telephone that vanished: destination out of order."""

RINGS_WITHIN_S = 2.0
"""A browser rings within some milliseconds, or its page or its network is gone: nobody need wait for that."""

_REPORT_TRANSFERS = {"PJSIP_TRANSFER_HANDLING()": "ari-only"}
"""Requests of a telephone's transfer key are reported to us, and Asterisk itself does nothing (decision 15)."""

ANSWER_AT_ONCE = {"PJSIP_HEADER(add,Call-Info)": "<sip:hatif>;answer-after=0"}
"""Tells a page that its person has answered this call already."""

_RINGS = ("Down", "Ringing")
"""States of a channel that we ring and nobody has answered. A caller's channel is in `Ring`."""


def create(
    channel: str,
    *entry: str,
    endpoint: str,
    shown: str,
    ring_s: float,
    variables: Mapping[str, str] | None = None,
    originator: str | None = None,
) -> Request:
    """Return the request that creates a channel with this id. It enters at once, unanswered; `dial` rings it.

    Args:
        entry: LEG, CALLED, or CODE with its arguments.
        shown: What the telephone shows, `"name" <number>`.
        ring_s: How long we would let it ring, in seconds.
    """
    given = {} if originator is None else {"originator": originator}
    return operations.CREATE(
        endpoint=endpoint,
        app="hatif",
        appArgs=",".join((*entry, str(int(ring_s) + DIAL_MARGIN_S))),
        channelId=channel,
        body={"CALLERID(all)": shown, "CONNECTEDLINE(all,i)": shown, **_REPORT_TRANSFERS, **(variables or {})},
        **given,
    )


def is_for(request: Request, channel: str) -> bool:
    """Return whether the request creates that channel, or is about the channel itself."""
    return request.uri == f"channels/{channel}" or ("channelId", channel) in request.query


def failed(request: Request, status: int, channel: str) -> bool:
    """Return whether a refused request means that this telephone cannot be rung. 409: it is being rung already."""
    return is_for(request, channel) and status != HTTPStatus.CONFLICT


def waits(channel: Channel, args: tuple[str, ...]) -> bool:
    """Return whether a channel is a telephone that we ring and nobody has answered. `args`: its Stasis arguments."""
    return channel.state in _RINGS and args[:1] in ((LEG,), (CALLED,), (CODE,))


def dial(channel: str, args: tuple[str, ...]) -> Request:
    """Return the request that rings the telephone of a channel that has entered."""
    return operations.DIAL(channel, timeout=args[-1])


async def end_unless_it_rings(link: Link, channel: str) -> None:
    """Hang up a dialled telephone that has not reported within `RINGS_WITHIN_S` that it rings.

    Whoever rings it learns that it was not reached. For browsers only: other telephones may take longer.
    """
    await asyncio.sleep(RINGS_WITHIN_S)
    (answer,) = await link.ask(operations.CHANNEL(channel))
    if answer.ok and answer.body["state"] == "Down":
        await link.send(operations.HANG_UP(channel, reason_code=str(OUT_OF_ORDER)))


def arguments(channel: Channel) -> tuple[str, ...]:
    """Return a channel's Stasis arguments; nothing if it is not in our application."""
    application, *args = channel.application_data.split(",")
    return tuple(args) if channel.application == "Stasis" and application == "hatif" else ()


def waiting(channels: Iterable[Channel]) -> dict[str, tuple[Channel, tuple[str, ...]]]:
    """Return the telephones that ring: channel id to channel and Stasis arguments."""
    return {channel.id: (channel, args) for channel in channels if waits(channel, args := arguments(channel))}


def undialled(channels: Iterable[Channel]) -> set[str]:
    """Return the ids of operators' telephones that do not ring.

    Nobody knows whether an earlier controller has dialled them, and one that is dialled again could ring twice.
    Outside numbers are not among them: a carrier need not report ringing.
    """
    return {
        channel.id for channel in channels if channel.state == "Down" and arguments(channel)[:1] in ((LEG,), (CODE,))
    }


def answered_alone(channels: Iterable[Channel], together: Iterable[str]) -> list[str]:
    """Return the ids of callers' channels and telephones that are up and in no bridge.

    Without a controller they would be in silence: the guard plays music to them, and the next controller stops it.
    """
    inside = set(together)
    return [
        channel.id
        for channel in channels
        if channel.state == "Up"
        and arguments(channel)[:1] in (("call",), (LEG,), (CALLED,))
        and channel.id not in inside
    ]
