"""The state in which a call begins: what is known about it on arrival."""

from datetime import datetime
from typing import Any

from db.ids import call_id
from ivr.asterisk.ari.events import Channel
from ivr.call.version import Version
from ivr.model.call_state import CallState
from ivr.model.channel_ids import born
from ivr.model.e164 import country_of, normalise
from ivr.site.site import Site

_RAW_LIMIT = 40
_CARRIER = "carrier-"
"""How the names of carriers' endpoints begin (pjsip.conf)."""


def call_id_of(node: str, channel: str, began: datetime) -> str:
    """Return the id of the call that came on Asterisk's `channel`.

    The controller and the import of the fallback's records derive the same id for the same channel, whatever happened
    in between. Both know the channel's id, but not the same instant: `began` only counts for a channel whose id was
    not made by Asterisk.
    """
    seconds = born(channel)
    return str(call_id(node, channel, 1000 * seconds if seconds is not None else int(began.timestamp() * 1000)))


def first_state(
    site: Site, version: Version[Any], call: str, dialled: str, caller: str, carrier: str | None = None
) -> CallState:
    """Return the state of a new call.

    `dialled` and `caller` come from the network: callers may withhold their number, or send anything at all. `carrier`:
    the site's name for the carrier that brought the call; None if it is unknown.
    """
    number = site.number_dialled(dialled)
    caller = normalise(printable_number(caller) or "", site.number_rules(carrier, dialled)) or ""
    country = (number.country if number else None) or country_of(caller)
    return CallState(
        id=call,
        flow=version.name,
        node=version.flow.start,
        number=number.number if number else dialled[:20],
        caller=caller,
        country=country,
        language=site.language_order(country)[0],
    )


def printable_number(caller: str) -> str | None:
    """Return what the network sent as the caller's number, fit for storage; None for a withheld number."""
    return "".join(char for char in caller if char.isascii() and char.isprintable())[:_RAW_LIMIT] or None


def carrier_of(channel: Channel) -> str | None:
    """Return the name of the carrier that brought a call; None if the channel is not a carrier's."""
    return carrier_named(channel.name.removeprefix("PJSIP/").rpartition("-")[0])


def carrier_named(endpoint: str | None) -> str | None:
    """Return the name of the carrier with this endpoint; None if it is not a carrier's."""
    return endpoint.removeprefix(_CARRIER) if endpoint is not None and endpoint.startswith(_CARRIER) else None
