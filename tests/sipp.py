"""SIPp of Debian, which speaks TLS and knows digests: the carrier of a few calls, by a scenario."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import debian_tools

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="test">\n'
_SDP = (
    "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/SAVP 8\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\na=rtpmap:8 PCMA/8000\n"
)
_PLAIN_SDP = "".join(line for line in _SDP.splitlines(keepends=True) if not line.startswith("a=crypto")).replace(
    "RTP/SAVP", "RTP/AVP"
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


def is_refused(user: str, password: str, *, before: Sequence[str] = (), final: str, codec: str = "8 PCMA") -> str:
    """Return the scenario of a carrier whose call is not taken.

    Args:
        before: The provisional answers that must come, each with the audio of early media.
        final: The status that ends it.
        codec: The payload type and name of the only one that is offered.
    """
    login = f"[authentication username={user} password={password}]"
    payload, name = codec.split()
    sdp = _SDP.replace("RTP/SAVP 8", f"RTP/SAVP {payload}").replace("rtpmap:8 PCMA", f"rtpmap:{payload} {name}")
    audio = '<action><ereg regexp="m=audio [1-9]" search_in="body" check_it="true" assign_to="audio"/></action>'
    early = [f'<recv response="{status}">{audio}</recv>\n' for status in before]
    return "".join(
        (
            HEAD,
            _send(_request("INVITE", 1, body=sdp), ' retrans="500"'),
            '<recv response="401" auth="true"/>\n',
            _send(_request("ACK", 1, to="[peer_tag_param]")),
            _send(_request("INVITE", 2, more=login, body=sdp), ' retrans="500"'),
            '<recv response="100" optional="true"/>\n',
            *early,
            f'<recv response="{final}"/>\n',
            _send(_request("ACK", 2, to="[peer_tag_param]")),
            '<Reference variables="audio"/>\n' if early else "",
            "</scenario>\n",
        )
    )


def calls_from(address: str) -> str:
    """Return the scenario of a carrier that calls over UDP, and checks that our contact and our audio are there."""
    dots = address.replace(".", "[.]")
    seen = (
        f'<ereg regexp="sip:([^@>]*@)?{dots}[:;>]" search_in="hdr" header="Contact:" check_it="true" assign_to="sip"/>'
        f'<ereg regexp="c=IN IP4 {dots}" search_in="body" check_it="true" assign_to="audio"/>'
    )
    return "".join(
        (
            HEAD,
            _send(_request("INVITE", 1, body=_PLAIN_SDP), ' retrans="500"'),
            '<recv response="100" optional="true"/>\n',
            f'<recv response="200" rrs="true"><action>{seen}</action></recv>\n<Reference variables="sip,audio"/>\n',
            _send(_request("ACK", 1, to="[peer_tag_param]")),
            _send(_request("BYE", 2, to="[peer_tag_param]"), ' retrans="500"'),
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


def refuses(status: str = "503 Service Unavailable") -> str:
    """Return the scenario of a carrier that is too busy, or refuses calls for another reason."""
    return "".join(
        (
            HEAD,
            '<recv request="INVITE"/>\n',
            _send(_answer(status)),
            '<recv request="ACK"/>\n</scenario>\n',
        )
    )


def says_nothing() -> str:
    """Return the scenario of a carrier that receives a call and never answers it."""
    return "".join((HEAD, '<recv request="INVITE"/>\n<pause milliseconds="7000"/>\n</scenario>\n'))


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
    """SIPp at an address of the loopback, with TLS, or UDP without a certificate. Its files are in `folder`.

    It answers OPTIONS outside calls, so that it counts as a server that is there. `inside`: the command that runs
    another one there.
    """

    folder: Path
    address: str
    port: int
    certificate: tuple[Path, Path] | None = None
    inside: tuple[str, ...] = ()

    async def start(self, scenario: str, *arguments: str, calls: int = 1) -> asyncio.subprocess.Process:
        """Start a scenario; SIPp's exit status is 0 if all calls went as it says."""
        tool = await asyncio.to_thread(debian_tools.find, "sip-tester", "usr/bin/sipp")
        file = self.folder / f"{abs(hash(scenario))}.xml"
        file.write_text(scenario)
        over = ["-t", "u1"]
        if self.certificate is not None:
            certificate, key = self.certificate
            over = ["-t", "l1", "-tls_cert", str(certificate), "-tls_key", str(key)]
        options = [
            *("-sf", str(file), "-i", self.address, "-p", str(self.port), *over, "-m", str(calls)),
            *("-aa", "-timeout", "15", "-timeout_error", "-nostdin"),
            *("-trace_err", "-error_file", str(self.folder / "errors.log")),
        ]
        with (self.folder / "sipp.log").open("w") as log:
            return await asyncio.create_subprocess_exec(
                *self.inside, *tool.command, *options, *arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log
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
        name, state = ("udp", "07") if self.certificate is None else ("tcp", "0A")
        return f" {address:08X}:{self.port:04X} 00000000:0000 {state} " in Path(f"/proc/net/{name}").read_text()

    async def ends(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the end; AssertionError with what went wrong."""
        status = await process.wait()
        errors = self.folder / "errors.log"
        assert status == 0, (status, errors.read_text() if errors.exists() else (self.folder / "sipp.log").read_text())
