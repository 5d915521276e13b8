"""All of Asterisk's channels, also while one of them cannot be listed."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import Response

log = structlog.get_logger()

Ask = Callable[..., Awaitable[Sequence[Response]]]
"""Sends requests in order, and returns all answers."""

_GONE = 404


async def channel_rows(listed: Response, ask: Ask) -> list[dict[str, Any]]:
    """Return the channels of an answer to CHANNELS, as Asterisk's JSON has them.

    A channel with bytes that are not UTF-8, such as those of a Call-ID, makes Asterisk refuse the list of all
    ("Allocation failed"). Then those of the application and of telephones are asked for one by one, and that one is
    left out.

    Raises:
        RefusedError: Asterisk lists nothing at all.
    """
    if listed.ok:
        everything: list[dict[str, Any]] = listed.body
        return everything
    ours, telephones = await ask(operations.APPLICATION("hatif"), operations.ENDPOINTS())
    found = dict.fromkeys(ours.body["channel_ids"]) if ours.ok else {}  # without a controller, it may not be there
    found |= dict.fromkeys(channel for endpoint in telephones.body for channel in endpoint["channel_ids"])
    answers = dict(zip(found, await ask(*map(operations.CHANNEL, found)), strict=True))
    # Of the one that it cannot show, Asterisk answers 200 and null.
    rows = [answer.body for answer in answers.values() if answer.ok and answer.content is not None]
    hidden = [channel for channel, answer in answers.items() if answer.status != _GONE and answer.content is None]
    log.error("Asterisk cannot list all channels; those that it cannot show are left alone", channels=hidden)
    return rows
