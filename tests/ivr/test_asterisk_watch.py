"""The SIP request that asks Asterisk for a sign of life is valid, over IPv6 as well."""

import asyncio
import re
import socket

import pytest

from ivr.process.asterisk_watch import sip_answers


@pytest.mark.parametrize(("host", "written"), [("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")])
async def test_addresses_are_written_as_sip_requires(host: str, written: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.bind((host, 0))
        port = other.getsockname()[1]
        asked = asyncio.create_task(sip_answers(host, port))
        request, sender = await asyncio.get_running_loop().sock_recvfrom(other, 4096)
        other.sendto(b"SIP/2.0 200 OK\r\n\r\n", sender)
        assert await asked
    first, *headers = request.decode().split("\r\n")
    assert re.fullmatch(rf"OPTIONS sip:(\w+@)?{written}:{port} SIP/2\.0", first)
    (via,) = [header for header in headers if header.startswith("Via: ")]
    assert re.fullmatch(rf"Via: SIP/2\.0/UDP {written}:{sender[1]};.*", via)
