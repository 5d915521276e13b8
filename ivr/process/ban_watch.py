"""The guard's watch on wrong passwords: it bans addresses, and has Asterisk refuse them."""

import asyncio
import time
from collections import ChainMap, Counter
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import structlog

from ivr.asterisk.ami import Ami, AmiError
from ivr.asterisk.security_log import SecurityLog
from ivr.process.ban_list import BanList, BanListError, access_list
from ivr.process.ban_rules import Ban, BanLimits, Guesses, banned_as, worth_keeping
from ivr.site.site import Site

log = structlog.get_logger()

_EVERY_S = 0.5
_AGAIN_S = 5.0
"""After Asterisk did not take the list."""


class BanWatch:
    """Watches the logins of one Asterisk.

    Args:
        ami: Makes a new connection for each change.
        counts: Counts the bans, for monitoring.
    """

    def __init__(self, home: Path, ami: Ami, site: Site, counts: Counter[str]) -> None:
        self._list, self._ami, self._counts = BanList(home), ami, counts
        self._log = SecurityLog(home / "asterisk" / "log" / "security.log")
        self._acl = home / "asterisk" / "etc" / "acl.conf"
        self._guesses = Guesses(limits_of(site), spared_networks(site))
        self._bans: dict[str, Ban] = {}
        self._read: int | None = None  # the state of the list that was read
        self._in_force: str | None = None  # what Asterisk has read
        self._refused = frozenset[str]()  # by what it has read

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            wait_s = _EVERY_S
            try:
                self._look()
                await self._apply()
            except (AmiError, OSError) as error:
                log.debug("Asterisk did not take the banned addresses", error=str(error))
                wait_s = _AGAIN_S
            except BanListError as error:
                log.error("The banned addresses are not known", error=str(error))
                wait_s = _AGAIN_S
            await asyncio.sleep(wait_s)

    def _look(self) -> None:
        if self._read != (changed := self._list.changed):
            self._bans, self._read = self._list.read(), changed
        now, added = time.time(), dict[str, Ban]()
        for login in self._log.new():
            if banned_as(login.address) in self._refused:
                continue  # whatever its password: the ban may have been lifted a moment ago
            if (found := self._guesses.note(login, ChainMap(added, self._bans), now)) is not None:
                added[found[0]] = found[1]
        if not added:
            return
        self._bans = self._list.change(lambda bans: {**worth_keeping(bans, now), **added})  # once: a flood has many
        self._read = self._list.changed
        self._counts["bans"] += len(added)
        for who, ban in added.items():
            log.warning("An address is banned: it sends wrong passwords", address=who, minutes=_minutes(ban))

    async def _apply(self) -> None:
        """Have Asterisk read the list if it has another one. A private Asterisk has the file from its set-up."""
        bans, now = self._bans, time.time()
        if (text := access_list(bans, now)) == self._in_force or not self._acl.exists():
            return
        if self._acl.read_text() != text:
            draft = self._acl.with_suffix(".new")
            draft.write_text(text)
            draft.replace(self._acl)
        async with self._ami:
            await self._ami.reload("acl")
        self._look()  # until now Asterisk went by the former list
        self._in_force, self._refused = text, frozenset(who for who, ban in bans.items() if ban.holds(now))


def _minutes(ban: Ban) -> int:
    return round((ban.until - ban.since) / 60)


def limits_of(site: Site) -> BanLimits:
    """Return what bans, by the site's settings."""
    return BanLimits(site.bans.after)


def spared_networks(site: Site) -> list[IPv4Network | IPv6Network]:
    """Return the networks that are never banned: the carriers', the operators', our own, and this machine."""
    carriers = [host for carrier in site.carrier for host in (*carrier.hosts, *carrier.media)]
    named = (*carriers, *site.operators.networks, *site.sip.own_networks, "127.0.0.1", "::1")
    networks = []
    for host in named:
        try:
            networks.append(ip_network(host))
        except ValueError:
            continue  # a carrier's name; its endpoint needs no password, and is not refused
    return networks
