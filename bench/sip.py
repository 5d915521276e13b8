"""The minimum of SIP for a load generator: message texts, digest answers, one SDP. No transactions, no state."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

ALAW, KEYS = 8, 101  # RTP payload types: PCMA is fixed by RFC 3551, RFC 4733 events are 101 by our offer


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response. `headers` has lower-case names; `via` keeps all its values, in order."""

    start: str
    headers: dict[str, str]
    via: tuple[str, ...]
    body: str

    @property
    def method(self) -> str:
        """The request's method, or of a response the method that it answers."""
        return self.headers["cseq"].split()[1] if self.status else self.start.split(" ", 1)[0]

    @property
    def status(self) -> int:
        """The status of a response; 0 for a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def call_id(self) -> str:
        return self.headers["call-id"]

    @property
    def user(self) -> str:
        """The user part of a request's address."""
        return self.start.split(" ", 2)[1].removeprefix("sip:").partition("@")[0]

    @property
    def caller(self) -> str:
        """The user part of the From."""
        return self.headers["from"].partition("sip:")[2].partition("@")[0]

    @property
    def contact(self) -> str:
        """The address to which further requests of the dialog go."""
        value = self.headers["contact"]
        return value[value.index("<") + 1 : value.index(">")] if "<" in value else value.partition(";")[0]


def parse(data: bytes) -> Message:
    """Parse a message. Raises ValueError if it is not SIP (keep-alives are not)."""
    head, _, body = data.decode().partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    if "SIP/2.0" not in start:
        raise ValueError(f"not SIP: {start[:60]!r}")
    headers: dict[str, str] = {}
    via: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() in ("via", "v"):
            via.append(value.strip())
        else:
            headers[name.strip().lower()] = value.strip()
    return Message(start, headers, tuple(via), body)


def response(request: Message, status: str, here: str, tag: str, body: str = "") -> bytes:
    """Return a response. `status`: such as "200 OK"; `here`: the contact (user@address:port); `tag`: our tag."""
    to = request.headers["to"]
    lines = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in request.via), f"From: {request.headers['from']}"]
    lines += [f"To: {to}" if ";tag=" in to else f"To: {to};tag={tag}", f"Call-ID: {request.call_id}"]
    lines += [f"CSeq: {request.headers['cseq']}", f"Contact: <sip:{here}>", *_content(body)]
    return "\r\n".join(lines).encode()


@dataclass(slots=True)
class Dialog:
    """One side of a dialog that sends requests: the caller's from INVITE on, the called telephone's for its BYE."""

    here: str  # user@address:port, ours
    target: str  # sip:user@address:port, the destination of requests
    local: str  # the From of our requests, with our tag
    remote: str  # the To of our requests, with their tag once it is known
    call_id: str
    sequence: int = 0
    branch: str = ""

    @classmethod
    def to(cls, target: str, here: str) -> "Dialog":
        return cls(here, target, f"<sip:{here}>;tag={secrets.token_hex(4)}", f"<{target}>", secrets.token_hex(12))

    @classmethod
    def of(cls, invite: Message, here: str, tag: str) -> "Dialog":
        """Return the called side's dialog for an INVITE that it answered with `tag`."""
        return cls(here, invite.contact, f"{invite.headers['to']};tag={tag}", invite.headers["from"], invite.call_id)

    def request(self, method: str, body: str = "", extra: tuple[str, ...] = ()) -> bytes:
        """Return the next request; ACK keeps the sequence number of its INVITE."""
        if method != "ACK":
            self.sequence += 1
        self.branch = f"z9hG4bK{secrets.token_hex(8)}"
        return self._text(method, body, extra)

    def ack(self, answer: Message) -> bytes:
        """Return the ACK of an INVITE's final response; for a refusal in the same transaction (same branch)."""
        self.remote = answer.headers["to"]
        if answer.status >= 300:
            return self._text("ACK", "", ())
        self.target = answer.contact
        return self.request("ACK")

    def cancel(self) -> bytes:
        """Return the CANCEL of an INVITE without a final response yet, in its transaction (same branch)."""
        return self._text("CANCEL", "", ())

    def _text(self, method: str, body: str, extra: tuple[str, ...]) -> bytes:
        where = self.here.partition("@")[2]
        lines = [f"{method} {self.target} SIP/2.0", f"Via: SIP/2.0/UDP {where};branch={self.branch};rport"]
        lines += ["Max-Forwards: 70", f"From: {self.local}", f"To: {self.remote}", f"Call-ID: {self.call_id}"]
        lines += [f"CSeq: {self.sequence} {method}", f"Contact: <sip:{self.here}>", *extra, *_content(body)]
        return "\r\n".join(lines).encode()


def _content(body: str) -> list[str]:
    kind = ["Content-Type: application/sdp"] if body else []
    return [*kind, f"Content-Length: {len(body.encode())}", "", body]


def sdp(address: str, port: int) -> str:
    lines = ["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP {ALAW} {KEYS}", f"a=rtpmap:{ALAW} PCMA/8000"]
    lines += [f"a=rtpmap:{KEYS} telephone-event/8000", f"a=fmtp:{KEYS} 0-16", "a=ptime:20", "a=sendrecv", ""]
    return "\r\n".join(lines)


def audio_port(body: str) -> int:
    """Return the audio port of an SDP. Raises ValueError unless it chose PCMA: prompts are compared as PCMA frames."""
    found = re.search(r"^m=audio (\d+) RTP/AVP (\d+)", body, re.MULTILINE)
    if not found or int(found[2]) != ALAW:
        raise ValueError(f"the answer must choose PCMA, got {found[0] if found else body!r}")
    return int(found[1])


def offered_port(body: str) -> int:
    """Return the audio port that an INVITE offers, with any codecs. Raises ValueError if it offers none."""
    found = re.search(r"^m=audio (\d+) ", body, re.MULTILINE)
    if not found:
        raise ValueError(f"the INVITE must offer audio, got {body!r}")
    return int(found[1])


@dataclass(frozen=True, slots=True)
class Account:
    """An operator's telephone. Without a password it does not register: it is a static contact in Asterisk."""

    user: str
    password: str = field(default="", repr=False)


def digest(account: Account, challenge: str, uri: str, method: str = "REGISTER") -> str:
    """Return the Authorization header for a request that was answered with `challenge` (MD5, qop auth; RFC 7616)."""
    asked = {name: bare or quoted for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)}
    first = _md5(f"{account.user}:{asked['realm']}:{account.password}")
    second = _md5(f"{method}:{uri}")
    parts = {"username": account.user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri}
    if "qop" in asked:
        once = secrets.token_hex(8)
        parts |= {"cnonce": once, "response": _md5(f"{first}:{asked['nonce']}:00000001:{once}:auth:{second}")}
        tail = ", qop=auth, nc=00000001"
    else:
        parts |= {"response": _md5(f"{first}:{asked['nonce']}:{second}")}
        tail = ""
    if "opaque" in asked:
        parts["opaque"] = asked["opaque"]
    return "Authorization: Digest " + ", ".join(f'{k}="{v}"' for k, v in parts.items()) + tail + ", algorithm=MD5"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
