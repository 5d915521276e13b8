"""A limit on what one address has at a time: connections of the gate and of the desk, requests behind a proxy.

An IPv6 customer has a network of 64 bits, so that counts as one address. This machine, and a proxy on it, has no limit.
"""

import socket
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

_THIS_MACHINE = frozenset({"127.0.0.1", "::1"})


def real_address(address: str) -> str:
    """Return an address without its zone, an IPv4 one in IPv6 clothes as IPv4. Anything else is returned as it is."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed)


def group_of(address: str) -> str:
    """Return what is counted as one: an IPv4 address, or an IPv6 network of 64 bits."""
    address = real_address(address)
    if ":" not in address or address in _THIS_MACHINE:
        return address
    try:
        return str(ip_network((address, 64), strict=False))
    except ValueError:
        return address


class AddressLimit:
    """Counts what each address has at the moment, and refuses more than `most`."""

    def __init__(self, most: int) -> None:
        self._most, self._has = most, Counter[str]()

    def enter(self, address: str) -> bool:
        """Count one more; return False, without counting it, if the address has as many as it may."""
        group = group_of(address)
        if group in _THIS_MACHINE:
            return True
        if self._has[group] >= self._most:
            return False
        self._has[group] += 1
        return True

    def leave(self, address: str) -> None:
        """Count one less."""
        if (group := group_of(address)) in _THIS_MACHINE:
            return
        self._has[group] -= 1
        if self._has[group] <= 0:
            del self._has[group]


class _Connection(socket.socket):
    """A connection that says once when it is closed."""

    closed: Callable[[], None] | None = None

    def close(self) -> None:
        super().close()
        closed, self.closed = self.closed, None
        if closed is not None:
            closed()


class LimitedListener(socket.socket):
    """A listening socket that closes at once what an address opens beyond its limit.

    It counts from `accept` on, so connections whose TLS handshake or whose first request never ends count as well. For
    asyncio's own event loop: uvloop accepts by itself.
    """

    limit: AddressLimit

    def accept(self) -> tuple[socket.socket, Any]:
        """Return a connection as `socket.accept` does. Raises ConnectionAbortedError for one too many."""
        number, peer = self._accept()  # type: ignore[attr-defined]  # as socket.accept does
        connection = _Connection(self.family, self.type, self.proto, fileno=number)
        if not self.limit.enter(peer[0]):
            connection.close()
            raise ConnectionAbortedError
        connection.closed = lambda: self.limit.leave(peer[0])
        return connection, peer


def listen(host: str, port: int, limit: AddressLimit) -> LimitedListener:
    """Return a socket that listens with a limit. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = LimitedListener(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(1024)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    listener.limit = limit
    return listener
