"""SIPp of Debian, which speaks TLS and knows digests: the carrier of a few calls, by a scenario."""

import asyncio
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import debian_tools

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="test">\n'
_SDP = (
    "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/SAVP 8\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\na=rtpmap:8 PCMA/8000\n"
)


def _send(text: str, attributes: str = "") -> str:
    return f"<send{attributes}>\n<![CDATA[\n{text}\n]]>\n</send>\n"


def _request(method: str, sequence: int, *, to: str = "", more: str = "", body: str = "") -> str:
    """Return a request of a call that SIPp makes."""
    lines = (
        f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "From: <sip:+33612345678@[local_ip]>;tag=[pid]s[call_number]",
        f"To: <sip:[service]@[remote_ip]>{to}",
        "Call-ID: [call_id]",
        f"CSeq: {sequence} {method}",
        "Contact: <sip:carrier@[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
        *((more,) if more else ()),
        *(("Content-Type: application/sdp",) if body else ()),
        "Content-Length: [len]",
    )
    return "\n".join(lines) + f"\n\n{body}"


def _answer(status: str, *, more: str = "", body: str = "") -> str:
    """Return an answer to what SIPp has received."""
    lines = (
        f"SIP/2.0 {status}",
        "[last_Via:]",
        "[last_From:]",
        "[last_To:];tag=[pid]u[call_number]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:[local_ip]:[local_port];transport=[transport]>",
        *((more,) if more else ()),
        *(("Content-Type: application/sdp",) if body else ()),
        "Content-Length: [len]",
    )
    return "\n".join(lines) + f"\n\n{body}"


def calls(user: str, password: str) -> str:
    """Return the scenario of a carrier that calls, answers our challenge, speaks for a moment and hangs up."""
    login = f"[authentication username={user} password={password}]"
    return "".join(
        (
            HEAD,
            _send(_request("INVITE", 1, body=_SDP), ' retrans="500"'),
            '<recv response="401" auth="true"/>\n',
            _send(_request("ACK", 1, to="[peer_tag_param]")),
            _send(_request("INVITE", 2, more=login, body=_SDP), ' retrans="500"'),
            '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n',
            '<recv response="183" optional="true"/>\n<recv response="200"/>\n',
            _send(_request("ACK", 2, to="[peer_tag_param]")),
            '<pause milliseconds="300"/>\n',
            _send(_request("BYE", 3, to="[peer_tag_param]"), ' retrans="500"'),
            '<recv response="200"/>\n</scenario>\n',
        )
    )


_CHALLENGE = 'realm="carrier", nonce="8f3a", algorithm=MD5, qop="auth"'


def _checked(method: str, user: str, password: str) -> str:
    """Return what receives a request and checks its digest: SIPp ends with an error if that is wrong."""
    return (
        f'<recv request="{method}">\n<action>\n'
        f'<verifyauth assign_to="ok" username="{user}" password="{password}"/>\n'
        "</action>\n</recv>\n"
        '<nop test="ok" next="right"/>\n<nop><action><error message="the digest is wrong"/></action></nop>\n'
        '<label id="right"/>\n'
    )


def is_called(user: str) -> str:
    """Return the scenario of a carrier that is called: challenge as a proxy does, early media, answer; we hang up."""
    return "".join(
        (
            HEAD,
            '<recv request="INVITE"/>\n',
            _send(_answer("407 Proxy Authentication Required", more=f"Proxy-Authenticate: Digest {_CHALLENGE}")),
            '<recv request="ACK"/>\n<recv request="INVITE">\n<action>\n',
            f'<ereg search_in="hdr" header="Proxy-Authorization:" regexp="{user}" check_it="true" assign_to="seen"/>\n',
            '</action>\n</recv>\n<Reference variables="seen"/>\n',
            _send(_answer("183 Session Progress", body=_SDP)),
            _send(_answer("200 OK", body=_SDP), ' retrans="500"'),
            '<recv request="ACK"/>\n<recv request="BYE"/>\n',
            _send(_answer("200 OK")),
            "</scenario>\n",
        )
    )


def refuses() -> str:
    """Return the scenario of a carrier that is too busy."""
    return "".join(
        (
            HEAD,
            '<recv request="INVITE"/>\n',
            _send(_answer("503 Service Unavailable")),
            '<recv request="ACK"/>\n</scenario>\n',
        )
    )


def is_registered_with(user: str, password: str) -> str:
    """Return the scenario of a registrar."""
    return "".join(
        (
            HEAD,
            '<recv request="REGISTER"/>\n',
            _send(_answer("401 Unauthorized", more=f"WWW-Authenticate: Digest {_CHALLENGE}")),
            _checked("REGISTER", user, password),
            _send(_answer("200 OK", more="[last_Contact:]\nExpires: 600")),
            "</scenario>\n",
        )
    )


@dataclass(frozen=True)
class Sipp:
    """SIPp at an address of the loopback, with TLS. Its files are in `folder`."""

    folder: Path
    address: str
    port: int
    certificate: tuple[Path, Path]

    async def start(self, scenario: str, *arguments: str, calls: int = 1) -> asyncio.subprocess.Process:
        """Start a scenario; SIPp's exit status is 0 if all calls went as it says."""
        tool = await asyncio.to_thread(debian_tools.find, "sipp", "sip-tester", "usr/bin/sipp")
        file = self.folder / f"{abs(hash(scenario))}.xml"
        file.write_text(scenario)
        certificate, key = self.certificate
        options = [
            *("-sf", str(file), "-i", self.address, "-p", str(self.port), "-t", "l1", "-m", str(calls)),
            *("-tls_cert", str(certificate), "-tls_key", str(key), "-timeout", "15", "-timeout_error", "-nostdin"),
            *("-trace_err", "-error_file", str(self.folder / "errors.log")),
        ]
        with (self.folder / "sipp.log").open("w") as log:
            return await asyncio.create_subprocess_exec(
                *tool.command, *options, *arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def listen(self, scenario: str) -> asyncio.subprocess.Process:
        """Start a scenario in which SIPp is called; return once it takes connections."""
        process = await self.start(scenario)
        deadline = time.monotonic() + 10
        while not self._listens():
            assert process.returncode is None and time.monotonic() < deadline, (self.folder / "sipp.log").read_text()
            await asyncio.sleep(0.05)
        return process

    def _listens(self) -> bool:
        """Return whether the kernel lists its port as open; connecting to it would be a call for SIPp."""
        address = int.from_bytes(socket.inet_aton(self.address), sys.byteorder)
        return f" {address:08X}:{self.port:04X} 00000000:0000 0A " in Path("/proc/net/tcp").read_text()

    async def ends(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the end; AssertionError with what went wrong."""
        status = await process.wait()
        errors = self.folder / "errors.log"
        assert status == 0, (status, errors.read_text() if errors.exists() else (self.folder / "sipp.log").read_text())
