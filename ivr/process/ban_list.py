"""The banned addresses, in `HATIF_HOME/bans.json`: the guard bans, `hatif bans` lists and lifts."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from ivr.home.folder_lock import locked, write_private
from ivr.process.ban_rules import Ban
from wire.errors import UserError

NAME = "hatif-bans"
"""Of the access list in Asterisk's `acl.conf`, which all telephones' endpoints use."""


class BanListError(UserError):
    """The list cannot be read or written; the message is one sentence with a remedy."""


class BanList:
    """The list of one home."""

    def __init__(self, home: Path) -> None:
        self._home, self._path = home, home / "bans.json"

    @property
    def changed(self) -> int:
        """A number that is another one after each change."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def read(self) -> dict[str, Ban]:
        """Return all bans, by address, also those that have ended. Raises BanListError."""
        try:
            found = json.loads(self._path.read_text()) if self._path.exists() else {}
            return {str(who): Ban(**ban) for who, ban in found.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise BanListError(f"{self._path} cannot be read ({error}); delete it, then nobody is banned.") from None

    def change(self, change: Callable[[dict[str, Ban]], Mapping[str, Ban]]) -> dict[str, Ban]:
        """Replace the bans by what `change` makes of them, and return them. Raises BanListError."""
        try:
            with locked(self._home):
                bans = dict(change(self.read()))
                write_private(self._path, json.dumps({who: asdict(ban) for who, ban in bans.items()}, indent=1))
        except OSError as error:
            raise BanListError(f"{self._path} cannot be written ({error}); make its folder writable.") from None
        return bans


def access_list(bans: Mapping[str, Ban], now: float) -> str:
    """Return the text of `acl.conf` that keeps out whoever is banned `now`."""
    denied = (f"deny = {who}\n" for who, ban in sorted(bans.items()) if ban.holds(now))
    return f"[{NAME}]\npermit = 0.0.0.0/0.0.0.0\npermit = ::/0\n{''.join(denied)}"


def nftables(bans: Mapping[str, Ban], now: float) -> str:
    """Return commands for `nft -f` that put whoever is banned `now` into the sets of `hatif firewall`."""
    lines = ["flush set inet hatif banned4", "flush set inet hatif banned6"]
    for who, ban in sorted(bans.items()):
        if ban.holds(now):
            family = "6" if ":" in who else "4"
            lines.append(f"add element inet hatif banned{family} {{ {who} timeout {max(1, round(ban.until - now))}s }}")
    return "\n".join(lines) + "\n"
