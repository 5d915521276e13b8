"""How a call begins: what is known of it before it has done anything."""

import re
from datetime import datetime

from db.ids import call_id
from ivr.ari.events import Channel
from ivr.e164 import country_of, normalise
from ivr.flow.versions import Version
from ivr.site import Site
from ivr.state import CallState

_RAW_LIMIT = 40
_CARRIER = "carrier-"
"""What the names of carriers' endpoints begin with (pjsip.conf)."""
_BORN = re.compile(r"(?:.*-)?([0-9]{10})\.[0-9]+")
"""Asterisk's own channel ids: `<systemname>-<POSIX seconds>.<number>`, where the first part may be missing."""


def identity_of(node: str, channel: str, began: datetime) -> str:
    """Return the id of the call that came on Asterisk's `channel`.

    The controller and the import of the fallback's records get the same id for the same channel, whatever happened to
    it in between. Both know the channel's id but not the same instant: `began` counts only for a channel whose id
    Asterisk did not make itself.
    """
    born = _BORN.fullmatch(channel)
    return str(call_id(node, channel, 1000 * int(born[1]) if born else int(began.timestamp() * 1000)))


def first_state(
    site: Site, version: Version, identity: str, dialled: str, caller: str, carrier: str | None = None
) -> CallState:
    """Return the state of a call that has just come.

    `dialled` and `caller` are what the network says: callers may withhold their number, or send anything at all.
    `carrier`: the site's name for whoever brought the call; None where that is not known.
    """
    number = site.number_dialled(dialled)
    caller = normalise(raw(caller) or "", site.number_rules(carrier, dialled)) or ""
    country = (number.country if number else None) or country_of(caller)
    return CallState(
        id=identity,
        flow=version.name,
        node=version.flow.start,
        number=number.number if number else dialled[:20],
        caller=caller,
        country=country,
        language=site.language_order(country)[0],
    )


def raw(caller: str) -> str | None:
    """Return what the network wrote in place of the caller's number, fit to be kept; None for a withheld number."""
    return "".join(each for each in caller if each.isascii() and each.isprintable())[:_RAW_LIMIT] or None


def carrier_of(channel: Channel) -> str | None:
    """Return the name of the carrier that brought a call; None for a channel of anybody else."""
    return carrier_named(channel.name.removeprefix("PJSIP/").rpartition("-")[0])


def carrier_named(endpoint: str | None) -> str | None:
    """Return the name of the carrier whose endpoint this is; None where it is nobody's."""
    return endpoint.removeprefix(_CARRIER) if endpoint is not None and endpoint.startswith(_CARRIER) else None
