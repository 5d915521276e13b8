"""Snapshots of channels, as Asterisk sends them."""

from ivr.asterisk.ari.events import Caller, Channel, Dialplan


def snapshot(
    identity: str, data: str = "", *, state: str = "Up", application: str = "Stasis", name: str = "", hatif: str = ""
) -> Channel:
    """Return a channel in `application` with the arguments `data`; `hatif`: its variable HATIF."""
    variables = {"HATIF": hatif} if hatif else {}
    return Channel(identity, state, name, Caller(), Dialplan(application, data), variables=variables)
