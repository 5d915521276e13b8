"""What the page of one telephone may send: WebSocket messages with one SIP message each, of that telephone's user.

Everything that Asterisk could read in another way than we do is refused: header lines that go on, bare line ends, a
second message behind the first, a header twice.
"""

import asyncio
import re
from dataclasses import dataclass

LONGEST = 32 * 1024
"""Bytes of a message. An INVITE of Chromium has some 4,000."""

_TEXT, _BINARY, _CLOSE = 1, 2, 8
_METHODS = frozenset({"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK"})
_REQUEST = re.compile(r"([A-Z]+) sips?:[^\s<>]+ SIP/2\.0")
_RESPONSE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) [^\r\n]*")
_HEADER = re.compile(r"([A-Za-z0-9-]+)[ \t]*:[ \t]*(.*)")
_SHORT = {"f": "from", "t": "to", "m": "contact", "i": "call-id", "l": "content-length", "v": "via"}
_ONCE = ("from", "to", "call-id", "cseq", "content-length")
_ADDRESS = re.compile(
    r'(?:"[^"\\<>]*"[ \t]*)?<sips?:([^@:;?<>\s"]+)@[^@<>\s"]+>(?:;[^<>",;=]+(?:=(?:[^<>",;]*|"[^"\\]*"))?)*'
)
_USERNAME = re.compile(r'\busername[ \t]*=[ \t]*"([^"\\]*)"', re.IGNORECASE)
_ANY_USERNAME = re.compile(r"\busername", re.IGNORECASE)


class NotOfTheTelephone(Exception):  # noqa: N818 - an answer, not a fault
    """A page sent something that its telephone has no reason to send; the text says what, without its content."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a request and its answers have in common. `proves`: the request brings credentials."""

    call_id: str
    sequence: str
    proves: bool


async def read_message(reader: asyncio.StreamReader, *, masked: bool) -> tuple[bytes, bytes]:
    """Return a WebSocket message, or one frame of control, as one frame to pass on, and its payload if it has SIP.

    Args:
        masked: Whether it comes from a browser; then the returned frame is masked with zeros.

    Raises NotOfTheTelephone, asyncio.IncompleteReadError at the end.
    """
    kind, payload = 0, b""
    while True:
        first, second = await reader.readexactly(2)
        opcode, is_last, length = first & 15, bool(first & 0x80), second & 0x7F
        if first & 0x70 or bool(second & 0x80) is not masked:
            raise NotOfTheTelephone("its WebSocket frames are not valid")
        if length > 125:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
        if length + len(payload) > LONGEST and masked:
            raise NotOfTheTelephone("its message is too long")
        mask = await reader.readexactly(4) if masked else bytes(4)
        data = await reader.readexactly(length)
        if masked:
            data = (int.from_bytes(data) ^ int.from_bytes((mask * (length // 4 + 1))[:length])).to_bytes(length)
        if opcode >= _CLOSE:  # control frames may come between the parts of a message
            if kind == 0:
                return _frame(opcode, data, masked), b""
            continue
        if (opcode == 0) is (kind == 0) or opcode > _BINARY:
            raise NotOfTheTelephone("its WebSocket frames are not valid")
        kind, payload = kind or opcode, payload + data
        if is_last:
            return _frame(kind, payload, masked), payload


def _frame(opcode: int, payload: bytes, masked: bool) -> bytes:
    length, bit = len(payload), 0x80 if masked else 0
    if length < 126:
        head = bytes((0x80 | opcode, bit | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, bit | 126)) + length.to_bytes(2)
    else:
        head = bytes((0x80 | opcode, bit | 127)) + length.to_bytes(8)
    return head + (bytes(4) if masked else b"") + payload


def check(message: bytes, telephone: str, session: str) -> Transaction | None:
    """Check what a page sends. Return the transaction of a request; None for an answer and for what keeps alive.

    Args:
        telephone: The only user that may send requests.
        session: The mark of the sign-in, with which the user name of its password ends.

    Raises NotOfTheTelephone.
    """
    if not message.strip(b"\r\n"):
        return None
    head, separator, body = message.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    first, *lines = text.split("\r\n")
    if not separator or any(mark in line for mark in "\r\n\0" for line in (first, *lines)):
        raise NotOfTheTelephone("its message is not one of SIP")
    headers = _headers(lines)
    if any(len(headers.get(name, ())) != 1 for name in _ONCE) or headers["content-length"][0] != str(len(body)):
        raise NotOfTheTelephone("its message is not one of SIP")
    if _RESPONSE.fullmatch(first):
        return None
    request = _REQUEST.fullmatch(first)
    if request is None or request[1] not in _METHODS:
        raise NotOfTheTelephone("its request is none that a telephone sends")
    method = request[1]
    named = [*headers["from"], *(headers["to"] if method == "REGISTER" else ()), *headers.get("contact", ())]
    for value in named:
        if value == "*" and method == "REGISTER":
            continue  # all contacts of the telephone
        user = _ADDRESS.fullmatch(value)
        if user is None or user[1] != telephone:
            raise NotOfTheTelephone(f"its {method} names another user")
    proofs = [*headers.get("authorization", ()), *headers.get("proxy-authorization", ())]
    for value in proofs:
        names = _USERNAME.findall(value)
        if len(names) != 1 or len(_ANY_USERNAME.findall(value)) != 1 or not _is_own(names[0], telephone, session):
            raise NotOfTheTelephone(f"its {method} brings the password of another user")
    return Transaction(headers["call-id"][0], headers["cseq"][0], bool(proofs))


def _is_own(user: str, telephone: str, session: str) -> bool:
    """Return whether a user name is one that the controller gives a telephone for this session."""
    endpoint, _, rest = user.partition(".")
    expires, _, holder = rest.partition(".")
    return endpoint == telephone and expires.isdigit() and holder == session


def _headers(lines: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in lines:
        if (found := _HEADER.fullmatch(line)) is None:
            raise NotOfTheTelephone("its message is not one of SIP")
        name = found[1].lower()
        headers.setdefault(_SHORT.get(name, name), []).append(found[2].strip())
    return headers


def answer_of(message: bytes) -> tuple[int, Transaction] | None:
    """Return the status of an answer of Asterisk's, and which request it answers; None for anything else.

    A challenge because the last one is too old (`stale`) has the status 100: it says nothing about the password.
    """
    first, *lines = message.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    if (found := _RESPONSE.fullmatch(first)) is None:
        return None
    fields = {}
    for line in lines:
        if (header := _HEADER.fullmatch(line)) is not None:
            name = header[1].lower()
            fields[_SHORT.get(name, name)] = header[2].strip()
    is_stale = re.search(r"\bstale=\"?true", fields.get("www-authenticate", ""), re.IGNORECASE) is not None
    transaction = Transaction(fields.get("call-id", ""), fields.get("cseq", ""), True)
    return 100 if is_stale else int(found[1]), transaction
