"""How a call begins: what is known of it before it has done anything."""

import re

from ivr.flow.versions import Version
from ivr.site import Site, country_of
from ivr.state import CallState


def first_state(site: Site, version: Version, identity: str, dialled: str, caller: str) -> CallState:
    """`dialled` and `caller` are as the network tells them: a caller may hide his number, or send anything at all."""
    number = site.number_dialled(dialled)
    caller = re.sub(r"[^+0-9]", "", caller)[:20]
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
