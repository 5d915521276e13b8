"""Which half-open calls are ended, given copies of SIP messages; `test_carriers` has a real line."""

import struct
from collections.abc import Iterator

import pytest

from ivr.asterisk.half_open_calls import HalfOpenCalls
from ivr.asterisk.sip_copies import read

SIP, PHONE = 5060, 40000
PLACES = 60


def copy(text: str, call_id: str, *, out: bool, sip: int = SIP) -> bytes:
    """Return a copy as Asterisk sends it; `out`: Asterisk, at port `sip`, has sent the message itself."""
    ports = (sip, PHONE) if out else (PHONE, sip)
    chunks = b"".join(
        struct.pack("!HHH", 0, kind, 6 + len(content)) + content
        for kind, content in (
            (0x03, bytes((127, 0, 0, 1 if out else 2))),
            (0x04, bytes((127, 0, 0, 2 if out else 1))),
            (0x07, ports[0].to_bytes(2)),
            (0x08, ports[1].to_bytes(2)),
            (0x11, call_id.encode()),
            (0x0F, text.encode()),
        )
    )
    return b"HEP3" + struct.pack("!H", 6 + len(chunks)) + chunks


class Wire:
    """Asterisk's copies of the calls of one address, with a clock that stands still at `now`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[bytes] = []
        self.arrives = True  # requests that were sent
        self.calls = HalfOpenCalls(SIP, lambda address: PLACES if address == "127.0.0.2" else 1, self.send)

    def send(self, request: bytes) -> None:
        self.sent.append(request)
        if self.arrives:
            self.calls.copied(read(copy(request.decode(), self.ended[-1], out=False)))

    def copied(self, first: str, call: str, *, out: bool, to: str = "", sequence: str = "1 INVITE") -> None:
        headers = (
            f"From: <sip:1@127.0.0.2>;tag=theirs\r\nTo: <sip:2@127.0.0.1>{to}\r\nCall-ID: {call}\r\nCSeq: {sequence}"
        )
        text = f"{first}\r\n{headers}\r\nContact: <sip:127.0.0.1:{SIP}>\r\n\r\nv=0\r\n"
        self.calls.copied(read(copy(text, call, out=out)))

    def invite(self, call: str, to: str = "") -> None:
        self.copied("INVITE sip:2@127.0.0.1 SIP/2.0", call, out=False, to=to)

    def answer(self, call: str, status: str = "200 OK") -> None:
        self.copied(f"SIP/2.0 {status}", call, out=True, to=f";tag=ours-{call}")

    def ack(self, call: str, tag: str = "") -> None:
        self.copied("ACK sip:2@127.0.0.1 SIP/2.0", call, out=False, to=f";tag={tag or f'ours-{call}'}")

    def half(self, count: int, name: str = "half") -> None:
        for index in range(count):
            self.invite(f"{name}{index}")
            self.answer(f"{name}{index}")

    def repeat(self, count: int, name: str = "half") -> None:
        self.now += 0.25
        for index in range(count):
            self.answer(f"{name}{index}")

    @property
    def ended(self) -> list[str]:
        """The Call-IDs of the calls that were hung up."""
        return [packet.split(b"call-id: ")[1].split(b"\r\n")[0].decode() for packet in self.sent]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    made = Wire()
    monkeypatch.setattr("ivr.asterisk.half_open_calls.time.monotonic", lambda: made.now)
    yield made


def test_the_oldest_half_calls_are_ended_until_half_of_the_limit_is_free(wire: Wire) -> None:
    wire.half(60)
    assert wire.ended == []  # all may be confirmed in a moment
    wire.repeat(60)
    assert wire.ended == [f"half{index}" for index in range(30)]
    wire.half(2, "later")
    assert wire.ended[30:] == ["half30", "half31"]


def test_a_half_call_is_hung_up_in_the_callers_name(wire: Wire) -> None:
    wire.half(60)
    wire.repeat(60)
    assert wire.sent[0].replace(b"\r\n", b"\n").decode().startswith("BYE sip:127.0.0.1:5060 SIP/2.0\nVia: SIP/2.0/UDP ")
    for line in (b"from: <sip:1@127.0.0.2>;tag=theirs", b"to: <sip:2@127.0.0.1>;tag=ours-half0", b"CSeq: 2 BYE"):
        assert line + b"\r\n" in wire.sent[0]


def test_a_lost_request_is_sent_again(wire: Wire) -> None:
    wire.half(60)
    wire.arrives = False
    wire.repeat(5)
    assert len(wire.ended) == 30
    wire.arrives = True
    for _ in range(2):
        wire.answer("half0")
    assert wire.ended[30:] == ["half0"]


def test_a_burst_of_calls_that_are_confirmed_in_time_loses_no_call(wire: Wire) -> None:
    wire.half(60)
    wire.invite("refused")
    wire.answer("refused", "503 Service Unavailable")
    wire.now += 0.2
    for index in range(60):
        wire.ack(f"half{index}")
    wire.half(59, "next")
    assert wire.ended == []


def test_a_confirmed_call_is_never_ended(wire: Wire) -> None:
    wire.half(10, "confirmed")
    for index in range(10):
        wire.ack(f"confirmed{index}")
    wire.invite("confirmed0", ";tag=ours-confirmed0")  # a hold
    wire.answer("confirmed0")
    wire.half(60)
    wire.repeat(60)
    wire.half(400, "later")
    assert not any(call_id.startswith("confirmed") for call_id in wire.ended)


def test_a_forged_ack_does_not_confirm_a_call(wire: Wire) -> None:
    wire.half(60)
    for index in range(60):
        wire.ack(f"half{index}", "guessed")
    wire.repeat(60)
    assert len(wire.ended) == 30


def test_a_lost_copy_of_an_ack_does_not_end_a_call(wire: Wire) -> None:
    wire.half(1, "confirmed")
    wire.now += 1
    wire.half(60)
    wire.repeat(60)
    assert "confirmed0" not in wire.ended


def test_fewer_half_calls_are_allowed_when_confirmed_calls_take_most_of_the_limit(wire: Wire) -> None:
    wire.half(20)
    wire.repeat(20)
    assert wire.ended == []
    for _ in range(2):
        wire.now += 1
        wire.invite("refused")
        wire.answer("refused", "503 Service Unavailable")
    assert len(wire.ended) == 15
