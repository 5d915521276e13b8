"""What the guard does with copies of SIP messages, before it passes them on to the controller.

They have no password, and each user of the machine reaches the port: what comes from anybody but Asterisk's user, the
guard's or root is dropped.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from background import loopback_users
from ivr.asterisk.half_open_calls import HalfOpenCalls
from ivr.asterisk.sip_copies import concerns_controller, read, receive_datagrams
from ivr.asterisk.unserved_requests import UnservedRequests, send_to_sender

log = structlog.get_logger()

_BUFFER = 4 * 1024 * 1024
"""Bytes of waiting copies; the kernel gives as many as `net.core.rmem_max` allows."""

_CALM_S = 0.1
"""How long copies are gathered while there are few. An answer that nobody confirms is repeated after 0.25 s at the
earliest, so a flood is known by then; a registration's copy is wanted within 0.3 s."""

_ACCEPTED_S = 1.0
"""How long a sender is accepted before the kernel is asked again whose it is."""

_ASKED_S = 0.05
"""The kernel is asked no more often than this, however many ports a flood comes from."""


async def watch(
    sip: tuple[str, int],
    copies_port: int,
    asterisk_port: int,
    limit: Callable[[str], int],
    controller: Path,
    one_ended: Callable[[], None] = lambda: None,
) -> None:
    """Keep half-open calls from filling the limit of an address, and refuse what Asterisk does not answer, until
    cancelled.

    Args:
        sip: Address and port of Asterisk's SIP transport.
        copies_port: The UDP port to which copies of SIP messages come.
        asterisk_port: Of Asterisk's web server; the user who listens there is Asterisk's.
        limit: Returns how many calls an address may have at once.
        controller: A Unix socket to which copies are passed on.
        one_ended: Called for each call that was ended.

    Raises:
        OSError: The port is taken.
    """
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as incoming,
        socket.socket(socket.AF_INET6 if ":" in sip[0] else socket.AF_INET, socket.SOCK_DGRAM) as outgoing,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as onward,
    ):
        incoming.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        incoming.bind(("127.0.0.1", copies_port))
        outgoing.setblocking(False)
        onward.setblocking(False)

        def send(request: bytes) -> None:
            with contextlib.suppress(OSError):  # Asterisk is gone, or busy: retried at its next repeated answer
                outgoing.sendto(request, sip)

        half_open_calls = HalfOpenCalls(sip[1], limit, send, one_ended)
        unserved_requests = UnservedRequests(sip[1], send_to_sender)

        senders = _Senders(asterisk_port)

        def take(packet: bytes, sender: tuple[str, int]) -> None:
            if not senders.accepts(sender):
                return
            copy = read(packet)
            if concerns_controller(copy.message):
                with contextlib.suppress(OSError):  # there is no controller, or it is busy
                    onward.sendto(packet, str(controller))
            half_open_calls.copied(copy)
            unserved_requests.copied(copy)

        await receive_datagrams(incoming, take, _CALM_S)


class _Senders:
    """Tells Asterisk's copies from forged ones. Asterisk sends all of its own from one port."""

    def __init__(self, asterisk_port: int) -> None:
        self._asterisk_port = asterisk_port
        self._accepted: tuple[str, int] | None = None
        self._until = self._ask_again = 0.0  # on the monotonic clock
        self._refused: set[int] = set()  # users

    def accepts(self, sender: tuple[str, int]) -> bool:
        """Return whether what this address and port sends is a copy of Asterisk's."""
        now = time.monotonic()
        is_accepted = sender == self._accepted
        if (is_accepted and now < self._until) or now < self._ask_again:
            return is_accepted
        self._ask_again = now + _ASKED_S
        users = loopback_users.udp_users(sender)
        accepted = {0, os.geteuid()}
        if not users <= accepted:  # listing all connections of the machine takes some 10 ms
            accepted |= loopback_users.listeners(self._asterisk_port)
        if users and users <= accepted:
            self._accepted, self._until = sender, now + _ACCEPTED_S
            return True
        if is_accepted:
            self._accepted = None
        if strangers := users - accepted - self._refused:
            self._refused |= strangers
            log.warning(
                "A user of this machine who is not Asterisk's sends forged copies of SIP messages; they are dropped",
                users=sorted(strangers),
                accepted=sorted(accepted),
            )
        return False
