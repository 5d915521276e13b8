"""The users of this machine behind what comes over the loopback interface, as the kernel lists them."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_UDP, _UDP6 = Path("/proc/net/udp"), Path("/proc/net/udp6")
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - is looked for, not bound
_LISTENS = "0A"
_MAPPED = f"{int.from_bytes(bytes((0, 0, 255, 255)), sys.byteorder):08X}"
"""The third word of an IPv4 address in IPv6 clothes."""


def user_of(peer: tuple[str, int], own: tuple[str, int]) -> int | None:
    """Return the user who has opened a connection over IPv4; None if they have closed it, or it is not there.

    Args:
        peer: Address and port of their end.
        own: Address and port of ours.
    """
    ends = (_written(peer), _written(own))
    for row in _rows(_TABLES[0]):
        # A connection that was closed has no inode any more, and would count as root's.
        if (row[1], row[2]) == ends and row[9] != "0":
            return int(row[7])
    return None


def listeners(port: int) -> set[int]:
    """Return the users who get a connection to a port of 127.0.0.1: others may listen at its other addresses."""
    for table, address in ((_TABLES[0], "127.0.0.1"), (_TABLES[0], _EVERYWHERE), (_TABLES[1], "::")):
        end = _written((address, port))
        if found := {int(row[7]) for row in _rows(table) if row[3] == _LISTENS and row[1] == end}:
            return found
    return set()


def udp_users(sender: tuple[str, int]) -> set[int]:
    """Return the users who can have sent a datagram from this IPv4 address and port; none if they have closed it."""
    address, port = sender
    ends = {_written((address, port)), _written((_EVERYWHERE, port))}
    # A socket of IPv6 sends over IPv4 as well, and may share the port with one of IPv4.
    mapped = {_written(("::", port)), *(f"{0:016X}{_MAPPED}{end}" for end in ends)}
    rows = ((row, wanted) for table, wanted in ((_UDP, ends), (_UDP6, mapped)) for row in _rows(table))
    return {int(row[7]) for row, wanted in rows if row[1] in wanted and row[9] != "0"}


def _written(end: tuple[str, int]) -> str:
    address, port = end
    if address == "::":
        return f"{0:032X}:{port:04X}"
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"


def _rows(table: Path) -> Iterator[list[str]]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:  # a kernel without IPv6
        return
    yield from (line.split() for line in lines)
