"""Whose rights the processes have: a line that other machines can reach must not have root's."""

import os
from ipaddress import ip_address
from pathlib import Path

from ivr.site.site import Site
from wire.errors import UserError

_ALL = "4294967295"


class RootError(UserError):
    """Hatif would serve other machines as root; the message is one sentence with a remedy."""


def refuse_root(site: Site) -> None:
    """Raise RootError if this process is root and the site is reachable from other machines.

    On loopback only (demonstrations, tests, the example site) root is accepted.
    """
    binds = [("sip_bind", site.sip_bind)]
    if site.sip.bind_ipv6 is not None:
        binds.append(("bind_ipv6 of [sip]", site.sip.bind_ipv6))
    if site.desk.enabled:
        binds.append(("listen of [desk]", site.desk.listen))
    if site.monitoring.enabled:
        binds.append(("listen of [monitoring]", site.monitoring.listen))
    reachable = next((f"{name} = {bind}" for name, bind in binds if not ip_address(bind).is_loopback), None)
    if reachable is not None and os.geteuid() == 0 and _is_the_machines(_uid_map()):
        raise RootError(
            f"Hatif does not serve other machines ({reachable} in site.toml) as root: run it as a user of its own, as"
            " `hatif systemd install` sets it up (docs/systemd.md)."
        )


def _uid_map() -> str:
    try:
        return Path("/proc/self/uid_map").read_text()
    except OSError:
        return f"0 0 {_ALL}"


def _is_the_machines(uid_map: str) -> bool:
    """Return whether user 0 of a process with this map is the machine's root; in a rootless container it is not."""
    for line in uid_map.splitlines():
        inside, outside, count = (int(number) for number in line.split())
        if inside <= 0 < inside + count:
            return outside == 0
    return False
