"""Whether Asterisk is registered with the carriers that want that."""

from ivr.asterisk.ami import Ami

_PREFIX = "trunk-"
REGISTERED = "Registered"


async def read_registrations(ami: Ami) -> dict[str, str]:
    """Return Asterisk's word for the state of each registration, by carrier: `Registered`, `Unregistered`, `Rejected`.

    Raises AmiError.
    """
    rows = await ami.listing("PJSIPShowRegistrationsOutbound")
    found = (row for row in rows if row.get("Event") == "OutboundRegistrationDetail")
    return {row["ObjectName"].removeprefix(_PREFIX): row.get("Status", "") for row in found if "ObjectName" in row}
