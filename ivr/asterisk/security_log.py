"""Asterisk's security log: which addresses proved a password, and which sent a wrong one.

The log is written in lines of `NAME="VALUE"` without any escaping, and senders choose some of the values: a Call-ID may
have quotes. So a line counts only if it ends as Asterisk ends it, with values of a form that leaves no room for others;
what a sender puts into an earlier value changes nothing. A quote in a later one has the backslash of SIP before it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

Address = IPv4Address | IPv6Address

_MOST_BYTES = 1_000_000
"""Of one look. In a flood the oldest lines of it are left out."""

_REMOTE = r'",RemoteAddress="IPV[46]/[A-Z]{2,3}/([0-9A-Fa-f.:]{2,45})/[0-9]{1,5}"'
_WRONG = re.compile(
    rb'SecurityEvent="ChallengeResponseFailed",.*'
    + _REMOTE.encode()
    + rb',Challenge="[0-9]{1,12}/[0-9a-f]{32}",Response="[0-9A-Fa-f]{32,128}",ExpectedResponse=""\s*$'
)
_PROVED = re.compile(rb'SecurityEvent="SuccessfulAuth",.*' + _REMOTE.encode() + rb',UsingPassword="[01]"\s*$')


@dataclass(frozen=True, slots=True)
class Login:
    """An attempt to prove a password. A response that could not be one, for whatever password, is none."""

    address: Address
    right: bool


def read_login(line: bytes) -> Login | None:
    """Return the attempt that a line of the log tells of; None for any other line."""
    for begin, pattern, right in ((b"ChallengeResponseFailed", _WRONG, False), (b"SuccessfulAuth", _PROVED, True)):
        if begin in line and (found := pattern.search(line)) is not None:
            try:
                address = ip_address(found[1].decode("ascii"))
            except ValueError:
                return None
            return Login(address.ipv4_mapped or address if isinstance(address, IPv6Address) else address, right)
    return None


class SecurityLog:
    """Reads what is added to the log from now on, also after it was rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._at = self._state()
        self._rest = b""

    def _state(self) -> tuple[int, int]:
        """Return the file's inode and size; zeros if it does not exist."""
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_size

    def new(self) -> Iterator[Login]:
        """Yield the attempts since the last look. A log that cannot be read has none."""
        inode, size = self._state()
        if inode != self._inode or size < self._at:
            self._inode, self._at, self._rest = inode, 0, b""
        if size == self._at:
            return
        begin = max(self._at, size - _MOST_BYTES)
        if begin > self._at:
            self._rest = b""
        try:
            with self._path.open("rb") as file:
                file.seek(begin)
                added = file.read(_MOST_BYTES)
                self._inode = os.fstat(file.fileno()).st_ino
        except OSError:
            return
        self._at = begin + len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        for line in lines:
            if (login := read_login(line)) is not None:
                yield login
