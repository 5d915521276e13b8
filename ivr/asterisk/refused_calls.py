"""Calls that the dialplan refused because there were too many; the dialplan counts them (`hatif-refused`)."""

from collections.abc import Mapping

import structlog

from ivr.asterisk.ami import Ami, AmiError

LIMITS = ("number", "source", "all")

log = structlog.get_logger()


async def refused_calls(ami: Ami) -> dict[str, int] | None:
    """Return how many calls each limit has refused since Asterisk started; None while its manager does not answer."""
    found = {}
    for limit in LIMITS:
        try:
            value = (await ami.action("Getvar", Variable=f"HATIF_REFUSED_{limit}")).get("Value", "")
        except AmiError:
            return None
        found[limit] = int(value) if value.isascii() and value.isdigit() else 0
    return found


def log_refusal(event: Mapping[str, str]) -> None:
    """Log that calls are being refused; Asterisk reports it at most every ten seconds for each limit."""
    log.warning(
        "Calls are refused: there are too many at once (docs/carriers.md)",
        limit=event.get("Limit", "")[:20],
        there_are=event.get("There", "")[:80],
        refused_since_start=event.get("Refused", "")[:20],
    )
