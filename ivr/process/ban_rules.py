"""Which addresses guess passwords, and how long they are banned. Pure: instants are POSIX seconds and arguments."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

from ivr.asterisk.security_log import Address, Login

T = TypeVar("T")

_PROVED_S = 900.0
"""Telephones prove their password at least every ten minutes."""

_AGAIN_S = 86_400.0
"""A ban within this time after the last one lasts twice as long."""

_MOST = 10_000
"""Of addresses that are remembered, and of bans: with forged addresses there could be millions."""


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban of one address, or of an IPv6 network of 64 bits, which is one customer's.

    Attributes:
        since: When it began.
        until: When it ends.
        times: How often it was banned, with less than a day between two bans.
        lifted_by: Who ended it before its time.
    """

    since: float
    until: float
    times: int = 1
    lifted_by: str | None = None

    def holds(self, now: float) -> bool:
        return now < self.until


@dataclass(frozen=True, slots=True)
class BanLimits:
    """`after` wrong passwords within `within_s` ban for `first_s`, doubled each time up to `longest_s`; 0: never."""

    after: int
    within_s: float = 600
    first_s: float = 600
    longest_s: float = 86_400


def banned_as(address: Address) -> str:
    """Return what is banned for an address: itself, or the network of an IPv6 customer."""
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


class Guesses:
    """Wrong passwords by address.

    Args:
        spared: Networks that are never banned: the carriers' and our own.
    """

    def __init__(self, limits: BanLimits, spared: Sequence[IPv4Network | IPv6Network]) -> None:
        self._limits, self._spared = limits, spared
        self._wrong: dict[str, deque[float]] = {}
        self._proved: dict[str, float] = {}

    def note(self, login: Login, bans: Mapping[str, Ban], now: float) -> tuple[str, Ban] | None:
        """Note an attempt; return whom to ban for it, if anybody.

        An address at which a telephone is registered is not banned: over UDP an address can be forged, and somebody
        there may only have mistyped. Attempts during a ban do not count.
        """
        who = banned_as(login.address)
        if login.right:
            _remember(self._proved, who, now)
            self._wrong.pop(who, None)
            return None
        if not self._limits.after or any(login.address in network for network in self._spared):
            return None
        if now - self._proved.get(who, float("-inf")) < _PROVED_S:
            return None
        former = bans.get(who)
        if former is not None and former.holds(now):
            return None  # Asterisk refuses it, whatever its password
        wrong = self._wrong.pop(who, None) or deque(maxlen=self._limits.after)
        wrong.append(now)
        _remember(self._wrong, who, wrong)
        if len(wrong) < self._limits.after or wrong[0] < now - self._limits.within_s:
            return None
        del self._wrong[who]
        again = former is not None and former.lifted_by is None and now - former.until < _AGAIN_S
        times = former.times + 1 if former is not None and again else 1
        lasts_s = min(self._limits.first_s * 2 ** min(times - 1, 40), self._limits.longest_s)
        return who, Ban(now, now + lasts_s, times)


def _remember(by_address: dict[str, T], who: str, value: T) -> None:
    by_address.pop(who, None)
    by_address[who] = value
    if len(by_address) > _MOST:
        del by_address[next(iter(by_address))]


def lifted(ban: Ban, by: str, now: float) -> Ban:
    """Return a ban that ends now."""
    return replace(ban, until=now, lifted_by=by)


def worth_keeping(bans: Mapping[str, Ban], now: float) -> dict[str, Ban]:
    """Return the bans that hold, or that still make the next one longer; of very many, those that end last."""
    kept = ((who, ban) for who, ban in bans.items() if now - ban.until < _AGAIN_S)
    return dict(sorted(kept, key=lambda entry: entry[1].until)[-_MOST:])
