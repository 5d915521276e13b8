"""A SIP telephone of a hundred lines that sends exactly what a test wants, malformed messages included."""

import hashlib
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

_serial = count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str

    def header(self, name: str) -> str:
        found = re.search(rf"(?im)^{name}:[ \t]*(.*?)\r?$", self.text)
        return found[1] if found else ""


@dataclass
class Telephone:
    """A telephone at `address`, an IP address on loopback; a carrier if it is one of a carrier's addresses."""

    address: str
    port: int  # Asterisk's
    user: str = "anonymous"
    password: str = ""
    account: str = ""  # the user of the password, if it is not `user`
    server: str = "127.0.0.1"
    own_port: int = 0  # that its SIP comes from; 0: any
    signalling: socket.socket = field(init=False)
    audio: socket.socket = field(init=False)
    before: list[Answer] = field(init=False, default_factory=list)  # provisional responses to the last INVITE
    protocol: ClassVar[str] = "UDP"

    def __post_init__(self) -> None:
        self.signalling, self.audio = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for bound, port in ((self.signalling, self.own_port), (self.audio, 0)):
            bound.bind((self.address, port))
            bound.settimeout(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.signalling.close()
        self.audio.close()

    def register(self) -> Answer:
        return self._with_password("REGISTER", "", "")

    def invite(
        self, number: str, headers: str = "", *, crypto: str = "", before: str = "", beside: str = "", call_id: str = ""
    ) -> Answer:
        """Return the final response, and acknowledge it.

        Args:
            crypto: The key of encrypted audio, as in SDP.
            before: Other media that are offered before the audio, as lines of SDP.
            beside: The same, after it.
        """
        media = self.audio.getsockname()[1]
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n{before}"
            f"m=audio {media} RTP/{'SAVP' if crypto else 'AVP'} 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
            + (f"a=crypto:{crypto}\r\n" if crypto else "")
            + beside
        )
        return self._with_password("INVITE", number, sdp, headers, call_id)

    def hang_up(self, answer: Answer, number: str) -> Answer:
        return self._request("BYE", number, answer.header("Call-ID"), "", f"To: {answer.header('To')}\r\n", sequence=9)

    def hear(self, seconds: float) -> bytes:
        """Return the A-law audio that arrives."""
        heard, until = b"", time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                packet = self.audio.recv(2000)
            except TimeoutError:
                break
            if packet[1] & 0x7F == 8:
                heard += packet[12:]
        return heard

    def _with_password(self, method: str, number: str, body: str, headers: str = "", call_id: str = "") -> Answer:
        call_id = call_id or f"{next(_serial)}.{time.monotonic_ns()}@test"
        answer = self._request(method, number, call_id, body, headers, sequence=1)
        if answer.status == 401 and self.password:
            headers += self._authorization(method, self._uri(number), answer.header("WWW-Authenticate"))
            answer = self._request(method, number, call_id, body, headers, sequence=2)
        return answer

    def _authorization(self, method: str, uri: str, challenge: str) -> str:
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        account = self.account or self.user
        ours = _md5(f"{account}:{fields['realm']}:{self.password}")
        response = _md5(f"{ours}:{fields['nonce']}:00000001:c:auth:{_md5(f'{method}:{uri}')}")
        return (
            f'Authorization: Digest username="{account}", realm="{fields["realm"]}", nonce="{fields["nonce"]}",'
            f' uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c",'
            f' opaque="{fields.get("opaque", "")}"\r\n'
        )

    def _uri(self, number: str) -> str:
        return f"sip:{number}@{self.server}:{self.port}" if number else f"sip:{self.server}:{self.port}"

    def _request(self, method: str, number: str, call_id: str, body: str, headers: str, *, sequence: int) -> Answer:
        here = f"{self.address}:{self.signalling.getsockname()[1]}"
        party = f"<sip:{self.user}@127.0.0.1>"
        to = f"To: {party if method == 'REGISTER' else f'<{self._uri(number)}>'}\r\n"
        if (given := re.search(r"(?m)^To: .*\r\n", headers)) is not None:
            to, headers = given[0], headers.replace(given[0], "")
        sender = f"From: {party};tag=t\r\n"
        if (given := re.search(r"(?m)^From: .*\r\n", headers)) is not None:
            sender, headers = given[0], headers.replace(given[0], "")
        start = (
            f"Via: SIP/2.0/{self.protocol} {here};branch=z9hG4bK{next(_serial)};rport\r\nMax-Forwards: 70\r\n"
            f"{sender}{to}Call-ID: {call_id}\r\nContact: <sip:{self.user}@{here}>\r\n"
        )
        message = (
            f"{method} {self._uri(number)} SIP/2.0\r\n{start}CSeq: {sequence} {method}\r\n{headers}"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._send(message)
        answer = self._final(f"{sequence} {method}", message)
        if method == "INVITE":
            tagged = start.replace(to, f"To: {answer.header('To')}\r\n")
            self._send(f"ACK {self._uri(number)} SIP/2.0\r\n{tagged}CSeq: {sequence} ACK\r\nContent-Length: 0\r\n\r\n")
        return answer

    def _send(self, message: str) -> None:
        self.signalling.sendto(message.encode("utf-8", "surrogateescape"), (self.server, self.port))

    def _receive(self) -> str:
        return self.signalling.recv(65535).decode("utf-8", "surrogateescape")

    def _final(self, sequence: str, message: str) -> Answer:
        """Return the final response to our request, which is repeated once if nothing comes (RFC 3261).

        Asterisk's own requests, such as OPTIONS, are answered meanwhile.
        """
        repeats = 1
        while True:
            try:
                text = self._receive()
            except TimeoutError:
                if not repeats:
                    raise
                repeats = 0
                self._send(message)
                continue
            answer = Answer(int(text.split()[1]) if text.startswith("SIP/2.0") else 0, text)
            if not answer.status:
                kept = (line for line in text.splitlines() if re.match(r"(?i)(via|from|to|call-id|cseq):", line))
                self._send("SIP/2.0 200 OK\r\n" + "\r\n".join(kept) + "\r\nContent-Length: 0\r\n\r\n")
            elif answer.status < 200:
                self.before.append(answer)
            elif answer.header("CSeq") == sequence:
                return answer


@dataclass
class TcpTelephone(Telephone):
    """The same over TCP."""

    protocol: ClassVar[str] = "TCP"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.signalling.close()
        self.signalling = socket.create_connection(
            (self.server, self.port), 2, source_address=(self.address, self.own_port)
        )
        self._read = b""

    def _send(self, message: str) -> None:
        self.signalling.sendall(message.encode())

    def _receive(self) -> str:
        while True:
            head, end, rest = self._read.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *([0-9]+)", head) if end else None
            if length is not None and len(rest) >= (size := int(length[1])):
                self._read = rest[size:]
                return (head + end + rest[:size]).decode()
            if not (more := self.signalling.recv(65535)):
                raise ConnectionResetError("Asterisk has closed the connection")
            self._read += more


@dataclass
class TlsTelephone(TcpTelephone):
    """The same over TLS. `authorities`: the file of those that Asterisk's certificate must come from."""

    authorities: Path = Path()
    protocol: ClassVar[str] = "TLS"

    def __post_init__(self) -> None:
        super().__post_init__()
        context = ssl.create_default_context(cafile=self.authorities)
        self.signalling = self.tls = context.wrap_socket(self.signalling, server_hostname=self.server)

    def certificate(self) -> str:
        """Return the common name of Asterisk's certificate."""
        found = self.tls.getpeercert()
        assert found is not None
        return str(dict(names[0] for names in found["subject"])["commonName"])  # type: ignore[misc]  # as documented


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # SIP's digest, not our choice
