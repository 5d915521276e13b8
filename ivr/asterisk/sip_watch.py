"""What the guard does with copies of SIP messages, before it passes them on to the controller."""

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from ivr.asterisk.half_open_calls import HalfOpenCalls
from ivr.asterisk.sip_copies import read, receive_datagrams
from ivr.asterisk.unserved_requests import UnservedRequests, send_to_sender

_BUFFER = 4 * 1024 * 1024
"""Bytes of waiting copies; the kernel gives as many as `net.core.rmem_max` allows."""


async def watch(
    sip: tuple[str, int],
    copies_port: int,
    limit: Callable[[str], int],
    controller: Path,
    one_ended: Callable[[], None] = lambda: None,
) -> None:
    """Keep half-open calls from filling the limit of an address, and refuse what Asterisk does not answer, until
    cancelled.

    Args:
        sip: Address and port of Asterisk's SIP transport.
        copies_port: The UDP port to which copies of SIP messages come.
        limit: Returns how many calls an address may have at once.
        controller: A Unix socket to which each copy is passed on.
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

        def take(packet: bytes) -> None:
            with contextlib.suppress(OSError):  # there is no controller, or it is busy
                onward.sendto(packet, str(controller))
            copy = read(packet)
            half_open_calls.copied(copy)
            unserved_requests.copied(copy)

        await receive_datagrams(incoming, take)
